// includes shared/common, fused/max_layers
//
// Shared by the kernels of the fused variants: where a layer's parameters lie, and the tensors of a batch.
//
// Everything is read as vec4s, so that one read brings four numbers. A column is four features; those past the last
// feature are 0, and stay 0: their gradients are 0. Parameters are packed: the weights of a layer are rows of columns, a row
// for each input, rows past the last input are 0; behind them come bias, gamma and beta. Tensors of a batch are columns of
// rows, [columns, ROWS], so that threads with neighbouring rows read neighbouring vec4s.

struct LayerPlace {
  inputs: u32,
  outputs: u32,
  weight: u32, // W [inputs, outputs] begins here in the network's flat vectors
  bias: u32, // b [outputs]
  gamma: u32, // [outputs]
  beta: u32, // [outputs]
  mean: u32, // [outputs], in the network's moving averages
  variance: u32, // [outputs]
  packed: u32, // W, [inputs rounded up to fours, columns], in vec4s from the beginning of the network's packed parameters
  vectors: u32, // b, gamma and beta, [3, columns], there too
  h: u32, // H [columns, ROWS], in vec4s from the beginning of the network's arena; hidden layers only
  n: u32, // N [columns, ROWS], with batch norm
  g: u32, // dS [columns, ROWS]
  moments: u32, // mean and variance of the batch, [2, columns]
  inverse: u32, // 1 / sqrt(var + eps), [columns]
  gradients: u32, // of gamma and beta, [2, columns]
}

@group(0) @binding(35) var<uniform> places: array<LayerPlace, MAX_LAYERS>; // one for each layer
@group(0) @binding(36) var<storage, read_write> arena: array<vec4f>; // [P, ARENA]
@group(0) @binding(37) var<storage, read_write> packed: array<vec4f>; // [P, PACKED]

override ARENA: u32; // vec4s of one network
override PACKED: u32;
override ROWS: u32; // of a batch: step.rows
override LAYERS: u32; // all of them, at least 2
override BATCH_NORM: u32; // 1 with batch norm, else 0

fn columns(width: u32) -> u32 {
  return (width + 3u) / 4u;
}

// Which of a column's four features exist.
fn features(column: u32, width: u32) -> vec4<bool> {
  return vec4u(4u * column) + vec4u(0u, 1u, 2u, 3u) < vec4u(width);
}

// Where a layer's parameters begin.
fn packed_weight(network: u32, l: u32) -> u32 {
  return network * PACKED + places[l].packed;
}

// Four weights of a column's inputs, [4, columns].
fn weights_at(at: u32, width: u32) -> mat4x4f {
  return mat4x4f(packed[at], packed[at + width], packed[at + 2u * width], packed[at + 3u * width]);
}

fn packed_bias(network: u32, l: u32) -> u32 {
  return network * PACKED + places[l].vectors;
}

fn packed_gamma(network: u32, l: u32) -> u32 {
  return packed_bias(network, l) + columns(places[l].outputs);
}

fn packed_beta(network: u32, l: u32) -> u32 {
  return packed_bias(network, l) + 2u * columns(places[l].outputs);
}

// Where a network's tensor begins; `tensor` is one of h to gradients of a layer.
fn in_arena(network: u32, tensor: u32) -> u32 {
  return network * ARENA + tensor;
}

// What a kernel needs of a column's vectors, read together.
struct Vectors {
  bias: vec4f,
  scale: vec4f, // gamma, without batch norm 1
  shift: vec4f, // beta, without batch norm 0
}

fn vectors_of(network: u32, l: u32, column: u32) -> Vectors {
  let at = packed_bias(network, l) + column;
  let width = columns(places[l].outputs);
  if BATCH_NORM == 1u {
    return Vectors(packed[at], packed[at + width], packed[at + 2u * width]);
  }
  return Vectors(packed[at], vec4f(1.0), vec4f(0.0));
}

// sum + x W for four inputs, whose weights to a column are the columns of w.
fn add_product(sum: vec4f, x: vec4f, w: mat4x4f) -> vec4f {
  return fma(vec4f(x.w), w[3], fma(vec4f(x.z), w[2], fma(vec4f(x.y), w[1], fma(vec4f(x.x), w[0], sum))));
}

// sum + x^T g: four inputs of a row times a column of its gradient.
fn add_outer(sum: mat4x4f, x: vec4f, g: vec4f) -> mat4x4f {
  return mat4x4f(
    fma(vec4f(x.x), g, sum[0]), fma(vec4f(x.y), g, sum[1]), fma(vec4f(x.z), g, sum[2]), fma(vec4f(x.w), g, sum[3]),
  );
}
