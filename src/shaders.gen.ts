// Generated from shaders/*.wgsl by `deno task shaders`. Do not edit.

/** The text of every kernel file, by its name without the extension. */
export const SHADERS: Readonly<Record<string, string>> = {
  affine: `// The affine map of every layer but the first:
//
//   forward   Y = X W + b
//   backward  dX = dY W^T,  dW = X^T dY + 2 lambda W,  db = sum over rows of dY
//
// A thread does a tile of 8 x 8 results. Reading past an edge is clamped to it, and what comes of it is not stored.
//
// Two loops are bounded by a size and by the length of an array, which is never less: where a size alone is the bound of
// a loop and is small, lavapipe of Mesa 22 takes it for a constant, compiles the kernel anew for every dispatch and never
// frees what it compiled (widths of 8 and less: 5 ms and 0.4 MB a step; of 4 and less: 40 ms and 2 MB).

// layer, step, networks, parameters and gradients: descent.wgsl
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(11) var<storage, read> x: array<f32>; // [P, rows, inputs] X
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, outputs] Y
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] d cost / d Y
@group(0) @binding(14) var<storage, read_write> dx: array<f32>; // [P, rows, inputs] d cost / d X

const TILE = 8u;

fn tiles(size: u32) -> u32 {
  return (size + TILE - 1u) / TILE;
}

// Eight of anything, in fours.
struct Indices {
  a: vec4u,
  b: vec4u,
}

struct Values {
  a: vec4f,
  b: vec4f,
}

// A tile: the first letter says which four rows, the second which four columns. A column of a matrix is a row of a tile.
struct Tile {
  aa: mat4x4f,
  ab: mat4x4f,
  ba: mat4x4f,
  bb: mat4x4f,
}

// Eight neighbours, none past the last, times a stride.
fn neighbours(first: u32, size: u32, stride: u32) -> Indices {
  let last = vec4u(size - 1u);
  let a = vec4u(first, first + 1u, first + 2u, first + 3u);
  return Indices(min(a, last) * stride, min(a + 4u, last) * stride);
}

fn outer(rows: vec4f, columns: vec4f) -> mat4x4f {
  return mat4x4f(rows.x * columns, rows.y * columns, rows.z * columns, rows.w * columns);
}

fn add_outer(tile: ptr<function, Tile>, rows: Values, columns: Values) {
  (*tile).aa += outer(rows.a, columns.a);
  (*tile).ab += outer(rows.a, columns.b);
  (*tile).ba += outer(rows.b, columns.a);
  (*tile).bb += outer(rows.b, columns.b);
}

fn x_at(base: u32, i: Indices) -> Values {
  return Values(
    vec4f(x[base + i.a.x], x[base + i.a.y], x[base + i.a.z], x[base + i.a.w]),
    vec4f(x[base + i.b.x], x[base + i.b.y], x[base + i.b.z], x[base + i.b.w]),
  );
}

fn dy_at(base: u32, i: Indices) -> Values {
  return Values(
    vec4f(dy[base + i.a.x], dy[base + i.a.y], dy[base + i.a.z], dy[base + i.a.w]),
    vec4f(dy[base + i.b.x], dy[base + i.b.y], dy[base + i.b.z], dy[base + i.b.w]),
  );
}

fn weights_at(base: u32, i: Indices) -> Values {
  return Values(
    vec4f(weights[base + i.a.x], weights[base + i.a.y], weights[base + i.a.z], weights[base + i.a.w]),
    vec4f(weights[base + i.b.x], weights[base + i.b.y], weights[base + i.b.z], weights[base + i.b.w]),
  );
}

// Row r of a tile, eight columns.
fn tile_row(tile: Tile, r: u32) -> Values {
  switch r {
    case 0u: { return Values(tile.aa[0], tile.ab[0]); }
    case 1u: { return Values(tile.aa[1], tile.ab[1]); }
    case 2u: { return Values(tile.aa[2], tile.ab[2]); }
    case 3u: { return Values(tile.aa[3], tile.ab[3]); }
    case 4u: { return Values(tile.ba[0], tile.bb[0]); }
    case 5u: { return Values(tile.ba[1], tile.bb[1]); }
    case 6u: { return Values(tile.ba[2], tile.bb[2]); }
    default: { return Values(tile.ba[3], tile.bb[3]); }
  }
}

fn value_at(row: Values, column: u32) -> f32 {
  return select(row.a[column % 4u], row.b[column % 4u], column >= 4u);
}

@compute @workgroup_size(WORKGROUP)
fn affine_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let row = thread / tiles(layer.outputs) * TILE;
  let output = thread % tiles(layer.outputs) * TILE;
  if row >= step.rows {
    return;
  }
  let base = id.z * step.rows * layer.inputs;
  let rows = neighbours(row, step.rows, layer.inputs);
  let w = id.z * layer.parameters + layer.weight;
  let outputs = neighbours(output, layer.outputs, 1u);
  let inputs = min(layer.inputs, arrayLength(&weights)); // see above
  var tile: Tile;
  for (var i = 0u; i < inputs; i++) {
    add_outer(&tile, x_at(base + i, rows), weights_at(w + i * layer.outputs, outputs));
  }
  let bias = id.z * layer.parameters + layer.bias + output;
  let to = (id.z * step.rows + row) * layer.outputs + output;
  for (var r = 0u; r < min(TILE, step.rows - row); r++) {
    let values = tile_row(tile, r);
    for (var c = 0u; c < min(TILE, layer.outputs - output); c++) {
      y[to + r * layer.outputs + c] = value_at(values, c) + weights[bias + c];
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn affine_backward_input(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let row = thread / tiles(layer.inputs) * TILE;
  let input = thread % tiles(layer.inputs) * TILE;
  if row >= step.rows {
    return;
  }
  let base = id.z * step.rows * layer.outputs;
  let rows = neighbours(row, step.rows, layer.outputs);
  let w = id.z * layer.parameters + layer.weight;
  let inputs = neighbours(input, layer.inputs, layer.outputs);
  let outputs = min(layer.outputs, arrayLength(&weights)); // see above
  var tile: Tile;
  for (var o = 0u; o < outputs; o++) {
    add_outer(&tile, dy_at(base + o, rows), weights_at(w + o, inputs));
  }
  let to = (id.z * step.rows + row) * layer.inputs + input;
  for (var r = 0u; r < min(TILE, step.rows - row); r++) {
    let values = tile_row(tile, r);
    for (var c = 0u; c < min(TILE, layer.inputs - input); c++) {
      dx[to + r * layer.inputs + c] = value_at(values, c);
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn affine_backward_weight(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let input = thread / tiles(layer.outputs) * TILE;
  let output = thread % tiles(layer.outputs) * TILE;
  if input >= layer.inputs {
    return;
  }
  let inputs = neighbours(input, layer.inputs, 1u);
  let outputs = neighbours(output, layer.outputs, 1u);
  var tile: Tile;
  for (var r = id.z * step.rows; r < (id.z + 1u) * step.rows; r++) {
    add_outer(&tile, x_at(r * layer.inputs, inputs), dy_at(r * layer.outputs, outputs));
  }
  let d = descent_of(id.z);
  let to = layer.weight + input * layer.outputs + output;
  for (var r = 0u; r < min(TILE, layer.inputs - input); r++) {
    let values = tile_row(tile, r);
    for (var c = 0u; c < min(TILE, layer.outputs - output); c++) {
      descend_weight(d, to + r * layer.outputs + c, value_at(values, c));
    }
  }
}

// One thread does one output; the first layer uses it too.
@compute @workgroup_size(WORKGROUP)
fn affine_backward_bias(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let output = thread_index(id, workgroups);
  if output >= layer.outputs {
    return;
  }
  var sum = 0.0;
  for (var row = 0u; row < step.rows; row++) {
    sum += dy[(id.z * step.rows + row) * layer.outputs + output];
  }
  descend(descent_of(id.z), layer.bias + output, sum);
}
`,
  batch_norm: `// Batch norm and the ReLU behind it (Ioffe & Szegedy 2015, algorithm 1; gradients from section 3). For each feature:
//
//   training    mu = mean of S,  var = mean of (S - mu)^2,  N = (S - mu) / sqrt(var + eps),  H = max(0, gamma N + beta)
//               average <- 0.9 average + 0.1 of the batch, of mu and of var; the first batch sets them
//   evaluation  the same N and H with the moving averages in place of mu and var
//   backward    G = dH where H > 0, else 0;  dbeta = sum of G;  dgamma = sum of G N
//               dS = gamma / sqrt(var + eps) (G - dbeta / rows - N dgamma / rows)
//
// In training and backward a thread does one feature.

// layer, step, networks, parameters and gradients: descent.wgsl
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(10) var<storage, read_write> statistics: array<f32>; // [P, layer.statistics] moving averages
@group(0) @binding(11) var<storage, read> x: array<f32>; // [P, rows, outputs] S
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, outputs] H
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] d cost / d H
@group(0) @binding(14) var<storage, read_write> dx: array<f32>; // [P, rows, outputs] d cost / d S
@group(0) @binding(16) var<storage, read_write> normalised: array<f32>; // [P, rows, outputs] N
@group(0) @binding(17) var<storage, read_write> inverse_deviation: array<f32>; // [P, outputs] 1 / sqrt(var + eps)

override EPSILON: f32;
override MOMENTUM: f32;

// Negative becomes 0 and NaN stays NaN: max(0, NaN) may be 0, which would hide that a training diverged.
fn relu(value: f32) -> f32 {
  return select(value, 0.0, value < 0.0);
}

@compute @workgroup_size(WORKGROUP)
fn batch_norm_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let feature = thread_index(id, workgroups);
  if feature >= layer.outputs {
    return;
  }
  let rows = f32(step.rows);
  let first = id.z * step.rows * layer.outputs + feature;
  var mean = 0.0;
  for (var row = 0u; row < step.rows; row++) {
    mean += x[first + row * layer.outputs];
  }
  mean /= rows;
  var variance = 0.0;
  for (var row = 0u; row < step.rows; row++) {
    let difference = x[first + row * layer.outputs] - mean;
    variance += difference * difference;
  }
  variance /= rows;

  let inverse = 1.0 / sqrt(variance + EPSILON);
  let gamma = weights[id.z * layer.parameters + layer.gamma + feature];
  let beta = weights[id.z * layer.parameters + layer.beta + feature];
  for (var row = 0u; row < step.rows; row++) {
    let at = first + row * layer.outputs;
    let n = (x[at] - mean) * inverse;
    normalised[at] = n;
    y[at] = relu(gamma * n + beta);
  }
  inverse_deviation[id.z * layer.outputs + feature] = inverse;

  let past = select(MOMENTUM, 0.0, step.fresh == 1u);
  let mean_at = id.z * layer.statistics + layer.mean + feature;
  let variance_at = id.z * layer.statistics + layer.variance + feature;
  statistics[mean_at] = past * statistics[mean_at] + (1.0 - past) * mean;
  statistics[variance_at] = past * statistics[variance_at] + (1.0 - past) * variance;
}

// A thread does one value.
@compute @workgroup_size(WORKGROUP)
fn batch_norm_evaluate(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = thread_index(id, workgroups);
  let size = step.rows * layer.outputs;
  if i >= size {
    return;
  }
  let feature = i % layer.outputs;
  let mean = statistics[id.z * layer.statistics + layer.mean + feature];
  let variance = statistics[id.z * layer.statistics + layer.variance + feature];
  let gamma = weights[id.z * layer.parameters + layer.gamma + feature];
  let beta = weights[id.z * layer.parameters + layer.beta + feature];
  let n = (x[id.z * size + i] - mean) * (1.0 / sqrt(variance + EPSILON));
  y[id.z * size + i] = relu(gamma * n + beta);
}

@compute @workgroup_size(WORKGROUP)
fn batch_norm_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let feature = thread_index(id, workgroups);
  if feature >= layer.outputs {
    return;
  }
  let rows = f32(step.rows);
  let first = id.z * step.rows * layer.outputs + feature;
  var dbeta = 0.0;
  var dgamma = 0.0;
  for (var row = 0u; row < step.rows; row++) {
    let at = first + row * layer.outputs;
    let g = select(0.0, dy[at], y[at] > 0.0);
    dbeta += g;
    dgamma += g * normalised[at];
  }
  let gamma = parameters[id.z * layer.parameters + layer.gamma + feature];
  let scale = gamma * inverse_deviation[id.z * layer.outputs + feature];
  for (var row = 0u; row < step.rows; row++) {
    let at = first + row * layer.outputs;
    let g = select(0.0, dy[at], y[at] > 0.0);
    dx[at] = scale * (g - dbeta / rows - normalised[at] * dgamma / rows);
  }
  let d = descent_of(id.z);
  descend(d, layer.gamma + feature, dgamma);
  descend(d, layer.beta + feature, dbeta);
}
`,
  common: `// What every kernel knows, placed in front of each of the other files.
//
// One thread does one tile of one network; the network is the z of the workgroup. All tensors are row-major and have the
// network as their first axis. A name and its binding number mean the same in all files (src/kernels.ts lists them).

// Threads per workgroup: the same number feeds the dispatch.
override WORKGROUP: u32;

// A layer: sizes, and where its tensors begin in one network's flat vectors. Fixed when the population is made.
struct Layer {
  inputs: u32,
  outputs: u32,
  parameters: u32, // length of one network's parameters
  weights: u32, // how many of them, the first ones, are weights
  weight: u32, // W [inputs, outputs] begins here
  bias: u32, // b [outputs]
  gamma: u32, // [outputs]
  beta: u32, // [outputs]
  statistics: u32, // length of one network's moving averages
  mean: u32, // [outputs]
  variance: u32, // [outputs]
  texels: u32, // texels an image has in the texture: inputs / 4, rounded up
  images_per_layer: u32, // images a layer of the texture holds
  slices: u32, // parts that the sum over the inputs is split into
}

// One step or one part of an evaluation: what changes from one to the next.
struct Step {
  first: u32, // index in \`order\` of the first image
  rows: u32, // images in this batch
  rise: f32, // how far the learning rate has risen: 0 at eta_min, 1 at eta_max
  fresh: u32, // 1 for the first batch ever, which sets the moving averages
  slot: u32, // where sums that are read back later are put
  number: u32, // updates made before this one
}

// What may differ between the networks of a population.
struct Network {
  lambda: f32,
  eta_min: f32,
  eta_max: f32,
}

// The index of this thread among those of its network. Dispatches too wide for one axis go on along y.
fn thread_index(id: vec3u, workgroups: vec3u) -> u32 {
  return id.x + id.y * workgroups.x * WORKGROUP;
}
`,
  descent: `// Stochastic gradient descent, placed in front of the files whose kernels find the gradient of a parameter:
//
//   theta <- theta - eta g    g = d cost / d theta, to which L2 adds 2 lambda W for a weight
//                             eta = (1 - rise) eta_min + rise eta_max
//
// Gradients are kept beside the parameters they moved, so that what is checked is what trains.

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> networks: array<Network>; // [P]
@group(0) @binding(8) var<storage, read_write> parameters: array<f32>; // [P, layer.parameters]
@group(0) @binding(9) var<storage, read_write> gradients: array<f32>; // [P, layer.parameters]

// How a network descends: read once by each thread.
struct Descent {
  first: u32, // the network's first parameter
  eta: f32,
  decay: f32, // 2 lambda
}

fn descent_of(network: u32) -> Descent {
  let n = networks[network];
  let eta = (1.0 - step.rise) * n.eta_min + step.rise * n.eta_max;
  return Descent(network * layer.parameters, eta, 2.0 * n.lambda);
}

// Moves a bias, gamma or beta. \`at\` counts from the network's first parameter.
fn descend(d: Descent, at: u32, gradient: f32) {
  gradients[d.first + at] = gradient;
  parameters[d.first + at] -= d.eta * gradient;
}

// Moves a weight and gives it as it is then; \`gradient\` is the part that comes from the loss.
fn descend_weight(d: Descent, at: u32, gradient: f32) -> f32 {
  let w = parameters[d.first + at];
  let g = gradient + d.decay * w;
  gradients[d.first + at] = g;
  let moved = w - d.eta * g;
  parameters[d.first + at] = moved;
  return moved;
}
`,
  input_affine: `// The affine map of the first layer, which reads images as bytes and standardises them as they are read:
//
//   forward   S = X W + b      X[r, i] = byte[order[first + r], i] / 255 * scale[i] + shift[i]
//   backward  db = sum over rows of dS,  dW = X^T dS + 2 lambda W
//
// Four pixels are one texel (rgba8unorm, so a channel is byte / 255). The last texel of an image is filled up with
// channels whose scale and shift are 0. The weights are kept a second time as texels of four inputs each, and dS is laid
// out as texels of four rows each, because a software driver reads a texel at a third of the cost of one number from a
// buffer. A forward thread does a tile of 20 rows x 10 outputs over one slice of the inputs, a backward thread 16 inputs x
// 10 outputs over the whole batch: reading costs far more than multiplying, and these tiles do the most with what they
// read.

// layer, step, networks, parameters and gradients: descent.wgsl
@group(0) @binding(3) var images: texture_2d_array<f32>; // texel (k, n % images_per_layer), layer n / images_per_layer
@group(0) @binding(4) var<storage, read> order: array<u32>; // [images] which image comes when
@group(0) @binding(5) var<storage, read> standard: array<Standard>; // [texels]
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] d cost / d S
@group(0) @binding(15) var<storage, read_write> slices: array<f32>; // [P, slices, rows, outputs] sums over each slice
@group(0) @binding(21) var weight_texels: texture_2d_array<f32>; // texel (o, k), layer P: W[4k .. 4k + 3, o]
@group(0) @binding(22) var new_weight_texels: texture_storage_2d_array<rgba32float, write>;
@group(0) @binding(23) var gradient_texels: texture_2d_array<f32>; // texel (o, r), layer P: dS[4r .. 4r + 3, o]
@group(0) @binding(24) var new_gradient_texels: texture_storage_2d_array<rgba32float, write>;

struct Standard {
  scale: vec4f, // 1 / standard deviation, of pixels / 255
  shift: vec4f, // - mean / standard deviation
}

// Where an image lies in the texture: row and layer.
fn place(row: u32) -> vec2u {
  let image = order[step.first + min(row, step.rows - 1u)];
  return vec2u(image % layer.images_per_layer, image / layer.images_per_layer);
}

fn pixels(k: u32, at: vec2u, standard: Standard) -> vec4f {
  return fma(textureLoad(images, vec2u(k, at.x), at.y, 0), standard.scale, standard.shift);
}

// Four rows of the batch.
struct Rows {
  r0: vec2u,
  r1: vec2u,
  r2: vec2u,
  r3: vec2u,
}

fn rows_from(row: u32) -> Rows {
  return Rows(place(row), place(row + 1u), place(row + 2u), place(row + 3u));
}

// Four pixels of four rows: column r holds row r.
fn pixels_of(k: u32, at: Rows, standard: Standard) -> mat4x4f {
  return mat4x4f(
    pixels(k, at.r0, standard),
    pixels(k, at.r1, standard),
    pixels(k, at.r2, standard),
    pixels(k, at.r3, standard),
  );
}

// Ten outputs of anything. Past the last output any value will do: what comes of it is not stored.
struct Outputs {
  o0: vec4f,
  o1: vec4f,
  o2: vec4f,
  o3: vec4f,
  o4: vec4f,
  o5: vec4f,
  o6: vec4f,
  o7: vec4f,
  o8: vec4f,
  o9: vec4f,
}

const OUTPUTS = 10u;

fn weights_of(network: u32, k: u32, output: u32) -> Outputs {
  return Outputs(
    weight_at(network, k, output),
    weight_at(network, k, output + 1u),
    weight_at(network, k, output + 2u),
    weight_at(network, k, output + 3u),
    weight_at(network, k, output + 4u),
    weight_at(network, k, output + 5u),
    weight_at(network, k, output + 6u),
    weight_at(network, k, output + 7u),
    weight_at(network, k, output + 8u),
    weight_at(network, k, output + 9u),
  );
}

fn weight_at(network: u32, k: u32, output: u32) -> vec4f {
  return textureLoad(weight_texels, vec2u(min(output, layer.outputs - 1u), k), network, 0);
}

const TILE_ROWS = 20u;

// A vector times a matrix: the sum over four inputs, for each of four rows.
fn add_products(sums: ptr<function, Outputs>, x: mat4x4f, w: Outputs) {
  (*sums).o0 += w.o0 * x;
  (*sums).o1 += w.o1 * x;
  (*sums).o2 += w.o2 * x;
  (*sums).o3 += w.o3 * x;
  (*sums).o4 += w.o4 * x;
  (*sums).o5 += w.o5 * x;
  (*sums).o6 += w.o6 * x;
  (*sums).o7 += w.o7 * x;
  (*sums).o8 += w.o8 * x;
  (*sums).o9 += w.o9 * x;
}

fn store_column(at: u32, row: u32, output: u32, sums: vec4f) {
  if output >= layer.outputs {
    return;
  }
  let to = at + row * layer.outputs + output;
  let rows = step.rows - min(row, step.rows); // from here to the last
  if rows > 0u {
    slices[to] = sums.x;
  }
  if rows > 1u {
    slices[to + layer.outputs] = sums.y;
  }
  if rows > 2u {
    slices[to + 2u * layer.outputs] = sums.z;
  }
  if rows > 3u {
    slices[to + 3u * layer.outputs] = sums.w;
  }
}

fn store_sums(at: u32, row: u32, output: u32, sums: Outputs) {
  store_column(at, row, output, sums.o0);
  store_column(at, row, output + 1u, sums.o1);
  store_column(at, row, output + 2u, sums.o2);
  store_column(at, row, output + 3u, sums.o3);
  store_column(at, row, output + 4u, sums.o4);
  store_column(at, row, output + 5u, sums.o5);
  store_column(at, row, output + 6u, sums.o6);
  store_column(at, row, output + 7u, sums.o7);
  store_column(at, row, output + 8u, sums.o8);
  store_column(at, row, output + 9u, sums.o9);
}

@compute @workgroup_size(WORKGROUP)
fn input_affine_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row_tiles = (step.rows + TILE_ROWS - 1u) / TILE_ROWS;
  let output_tiles = (layer.outputs + OUTPUTS - 1u) / OUTPUTS;
  let thread = thread_index(id, workgroups);
  let slice = thread / (row_tiles * output_tiles);
  if slice >= layer.slices {
    return;
  }

  // Neighbouring threads read the same rows, so that few cache lines are in use at a time.
  let output = thread % output_tiles * OUTPUTS;
  let row = thread / output_tiles % row_tiles * TILE_ROWS;

  let r0 = rows_from(row);
  let r1 = rows_from(row + 4u);
  let r2 = rows_from(row + 8u);
  let r3 = rows_from(row + 12u);
  let r4 = rows_from(row + 16u);
  var s0: Outputs;
  var s1: Outputs;
  var s2: Outputs;
  var s3: Outputs;
  var s4: Outputs;

  let per_slice = (layer.texels + layer.slices - 1u) / layer.slices;
  let end = min((slice + 1u) * per_slice, layer.texels);
  for (var k = slice * per_slice; k < end; k++) {
    let s = standard[k];
    let w = weights_of(id.z, k, output);
    add_products(&s0, pixels_of(k, r0, s), w);
    add_products(&s1, pixels_of(k, r1, s), w);
    add_products(&s2, pixels_of(k, r2, s), w);
    add_products(&s3, pixels_of(k, r3, s), w);
    add_products(&s4, pixels_of(k, r4, s), w);
  }

  let at = (id.z * layer.slices + slice) * step.rows * layer.outputs;
  store_sums(at, row, output, s0);
  store_sums(at, row + 4u, output, s1);
  store_sums(at, row + 8u, output, s2);
  store_sums(at, row + 12u, output, s3);
  store_sums(at, row + 16u, output, s4);
}

// A thread does one output, and lays its gradients out as texels for the kernel below.
@compute @workgroup_size(WORKGROUP)
fn input_affine_backward_bias(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let output = thread_index(id, workgroups);
  if output >= layer.outputs {
    return;
  }
  var sum = 0.0;
  for (var row = 0u; row < step.rows; row += 4u) {
    let four = vec4f(
      output_gradient(id.z, row, output),
      output_gradient(id.z, row + 1u, output),
      output_gradient(id.z, row + 2u, output),
      output_gradient(id.z, row + 3u, output),
    );
    textureStore(new_gradient_texels, vec2u(output, row / 4u), id.z, four);
    sum = sum + four.x + four.y + four.z + four.w;
  }
  descend(descent_of(id.z), layer.bias + output, sum);
}

// dS[row, output], and 0 past the last row.
fn output_gradient(network: u32, row: u32, output: u32) -> f32 {
  if row >= step.rows {
    return 0.0;
  }
  return dy[(network * step.rows + row) * layer.outputs + output];
}

fn gradients_of(network: u32, row: u32, output: u32) -> Outputs {
  return Outputs(
    gradient_at(network, row, output),
    gradient_at(network, row, output + 1u),
    gradient_at(network, row, output + 2u),
    gradient_at(network, row, output + 3u),
    gradient_at(network, row, output + 4u),
    gradient_at(network, row, output + 5u),
    gradient_at(network, row, output + 6u),
    gradient_at(network, row, output + 7u),
    gradient_at(network, row, output + 8u),
    gradient_at(network, row, output + 9u),
  );
}

fn gradient_at(network: u32, row: u32, output: u32) -> vec4f {
  return textureLoad(gradient_texels, vec2u(min(output, layer.outputs - 1u), row / 4u), network, 0);
}

const TILE_TEXELS = 4u;

// The sum over four rows, for each of four inputs.
fn add_rows(tile: ptr<function, Outputs>, x: mat4x4f, g: Outputs) {
  (*tile).o0 = add_output((*tile).o0, x, g.o0);
  (*tile).o1 = add_output((*tile).o1, x, g.o1);
  (*tile).o2 = add_output((*tile).o2, x, g.o2);
  (*tile).o3 = add_output((*tile).o3, x, g.o3);
  (*tile).o4 = add_output((*tile).o4, x, g.o4);
  (*tile).o5 = add_output((*tile).o5, x, g.o5);
  (*tile).o6 = add_output((*tile).o6, x, g.o6);
  (*tile).o7 = add_output((*tile).o7, x, g.o7);
  (*tile).o8 = add_output((*tile).o8, x, g.o8);
  (*tile).o9 = add_output((*tile).o9, x, g.o9);
}

fn add_output(sum: vec4f, x: mat4x4f, g: vec4f) -> vec4f {
  return sum + x[0] * g.x + x[1] * g.y + x[2] * g.z + x[3] * g.w;
}

// Moves the weights of four inputs and keeps them as a texel, too. Past the last input the texel is 0.
fn descend_texel(d: Descent, network: u32, k: u32, output: u32, gradient: vec4f) {
  if k >= layer.texels || output >= layer.outputs {
    return;
  }
  let at = layer.weight + 4u * k * layer.outputs + output;
  let inputs = layer.inputs - 4u * k; // from here to the last
  var moved = vec4f(descend_weight(d, at, gradient.x), 0.0, 0.0, 0.0);
  if inputs > 1u {
    moved.y = descend_weight(d, at + layer.outputs, gradient.y);
  }
  if inputs > 2u {
    moved.z = descend_weight(d, at + 2u * layer.outputs, gradient.z);
  }
  if inputs > 3u {
    moved.w = descend_weight(d, at + 3u * layer.outputs, gradient.w);
  }
  textureStore(new_weight_texels, vec2u(output, k), network, moved);
}

fn descend_tile(d: Descent, network: u32, k: u32, output: u32, tile: Outputs) {
  descend_texel(d, network, k, output + 0u, tile.o0);
  descend_texel(d, network, k, output + 1u, tile.o1);
  descend_texel(d, network, k, output + 2u, tile.o2);
  descend_texel(d, network, k, output + 3u, tile.o3);
  descend_texel(d, network, k, output + 4u, tile.o4);
  descend_texel(d, network, k, output + 5u, tile.o5);
  descend_texel(d, network, k, output + 6u, tile.o6);
  descend_texel(d, network, k, output + 7u, tile.o7);
  descend_texel(d, network, k, output + 8u, tile.o8);
  descend_texel(d, network, k, output + 9u, tile.o9);
}

@compute @workgroup_size(WORKGROUP)
fn input_affine_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let texel_tiles = (layer.texels + TILE_TEXELS - 1u) / TILE_TEXELS;
  let thread = thread_index(id, workgroups);
  let k = thread % texel_tiles * TILE_TEXELS;
  let output = thread / texel_tiles * OUTPUTS;
  if output >= layer.outputs {
    return;
  }

  let last = layer.texels - 1u;
  let k1 = min(k + 1u, last);
  let k2 = min(k + 2u, last);
  let k3 = min(k + 3u, last);
  let s0 = standard[k];
  let s1 = standard[k1];
  let s2 = standard[k2];
  let s3 = standard[k3];
  var t0: Outputs;
  var t1: Outputs;
  var t2: Outputs;
  var t3: Outputs;
  for (var row = 0u; row < step.rows; row += 4u) {
    let at = rows_from(row);
    let g = gradients_of(id.z, row, output);
    add_rows(&t0, pixels_of(k, at, s0), g);
    add_rows(&t1, pixels_of(k1, at, s1), g);
    add_rows(&t2, pixels_of(k2, at, s2), g);
    add_rows(&t3, pixels_of(k3, at, s3), g);
  }

  let d = descent_of(id.z);
  // In a loop, so that the code that moves a weight is there once and not for each: it compiles in a fraction of the time.
  for (var i = 0u; i < TILE_TEXELS; i++) {
    var found = t0;
    switch i {
      case 1u: { found = t1; }
      case 2u: { found = t2; }
      case 3u: { found = t3; }
      default: {}
    }
    descend_tile(d, id.z, k + i, output, found);
  }
}
`,
  peak: `// The most that the adapter does, to set the speed of training beside:
//
//   multiply_add  s = s a + b, over and over
//   copy          y = x
//
// A thread keeps twelve sums, none of which waits for another: with a and b that is as much as 16 registers hold, and
// enough to fill the pipelines of CPUs and GPUs. A round of the loop costs a CPU as much as dozens of operations, so it
// does many. A copying thread takes four pieces of 16 bytes, each beside its neighbours'.

override WORKGROUP: u32; // threads per workgroup

@group(0) @binding(11) var<storage, read> x: array<vec4f>; // what is copied; in front a and b, which no compiler knows
@group(0) @binding(12) var<storage, read_write> y: array<vec4f>; // the copy, or the sums of each thread

const ROUNDS = 256u; // of 32 x 12 operations, as in src/peak.ts
const PIECES = 4u; // of 16 bytes that a thread copies

fn once(s: mat3x4f, a: vec4f, b: vec4f) -> mat3x4f {
  return mat3x4f(fma(s[0], a, b), fma(s[1], a, b), fma(s[2], a, b));
}

fn four_times(s: mat3x4f, a: vec4f, b: vec4f) -> mat3x4f {
  return once(once(once(once(s, a, b), a, b), a, b), a, b);
}

fn many_times(s: mat3x4f, a: vec4f, b: vec4f) -> mat3x4f {
  let half = four_times(four_times(four_times(four_times(s, a, b), a, b), a, b), a, b);
  return four_times(four_times(four_times(four_times(half, a, b), a, b), a, b), a, b);
}

@compute @workgroup_size(WORKGROUP)
fn multiply_add(@builtin(global_invocation_id) id: vec3u) {
  let a = vec4f(x[0].x);
  let b = vec4f(x[0].y);
  let first = vec4f(f32(id.x % 1024u));
  var s = mat3x4f(first, first + 1.0, first + 2.0);
  for (var i = 0u; i < ROUNDS; i++) {
    s = many_times(s, a, b);
  }
  y[id.x] = s[0] + s[1] + s[2];
}

@compute @workgroup_size(WORKGROUP)
fn copy(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let threads = workgroups.x * WORKGROUP;
  for (var i = 0u; i < PIECES; i++) {
    y[id.x + i * threads] = x[id.x + i * threads];
  }
}
`,
  relu: `// The ReLU of hidden layers without batch norm:
//
//   forward   H = max(0, S)
//   backward  dS = dH where H > 0, else 0
//
// A thread does one value.

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(11) var<storage, read> x: array<f32>; // [P, rows, outputs] S
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, outputs] H
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] d cost / d H
@group(0) @binding(14) var<storage, read_write> dx: array<f32>; // [P, rows, outputs] d cost / d S

@compute @workgroup_size(WORKGROUP)
fn relu_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = thread_index(id, workgroups);
  let size = step.rows * layer.outputs;
  if i >= size {
    return;
  }
  let value = x[id.z * size + i];
  // NaN stays NaN: max(0, NaN) may be 0, which would hide that a training diverged.
  y[id.z * size + i] = select(value, 0.0, value < 0.0);
}

@compute @workgroup_size(WORKGROUP)
fn relu_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = thread_index(id, workgroups);
  let size = step.rows * layer.outputs;
  if i >= size {
    return;
  }
  let at = id.z * size + i;
  dx[at] = select(0.0, dy[at], y[at] > 0.0);
}
`,
  slice_sum: `// Adds up the slices of the first layer's product, in order, and the bias:
//
//   S[r, o] = b[o] + sum over s of slices[s, r, o]

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, outputs] S
@group(0) @binding(15) var<storage, read_write> slices: array<f32>; // [P, slices, rows, outputs]

@compute @workgroup_size(WORKGROUP)
fn slice_sum(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = thread_index(id, workgroups);
  let size = step.rows * layer.outputs;
  if i >= size {
    return;
  }
  var sum = 0.0;
  for (var s = 0u; s < layer.slices; s++) {
    sum += slices[(id.z * layer.slices + s) * size + i];
  }
  y[id.z * size + i] = sum + weights[id.z * layer.parameters + layer.bias + i % layer.outputs];
}
`,
  softmax_cross_entropy: `// Softmax and cross-entropy of a batch, with the label of row r being t:
//
//   forward   p = exp(S - max S) / sum of exp(S - max S),  loss = - log p[t] = log(sum of exp(S - max S)) - (S[t] - max S)
//   backward  dS = (p - onehot(t)) / rows
//
// A thread does one row. The backward kernel also notes the first step at which a loss was NaN or infinite. Predicted is the class with the largest logit, the first of equals.

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(4) var<storage, read> order: array<u32>; // [images] which image comes when
@group(0) @binding(6) var<storage, read> labels: array<u32>; // [images]
@group(0) @binding(11) var<storage, read> x: array<f32>; // [P, rows, outputs] logits S
@group(0) @binding(14) var<storage, read_write> dx: array<f32>; // [P, rows, outputs] d loss / d S
@group(0) @binding(18) var<storage, read_write> outcomes: array<Outcome>; // [P, rows]
@group(0) @binding(20) var<storage, read_write> diverged: array<atomic<u32>>; // [P] first step with a loss not finite

struct Outcome {
  loss: f32,
  correct: f32, // 1 where the predicted class is the label, else 0
}

struct Softmax {
  largest: f32,
  sum: f32, // of exp(S - largest)
  predicted: u32,
  loss: f32,
}

fn softmax(at: u32, label: u32) -> Softmax {
  var s = Softmax(x[at], 0.0, 0u, 0.0);
  for (var c = 1u; c < layer.outputs; c++) {
    if x[at + c] > s.largest {
      s.largest = x[at + c];
      s.predicted = c;
    }
  }
  for (var c = 0u; c < layer.outputs; c++) {
    s.sum += exp(x[at + c] - s.largest);
  }
  s.loss = log(s.sum) - (x[at + label] - s.largest);
  return s;
}

// Looks at the bits: a compiler may take it that no value is ever NaN and drop a comparison.
fn is_finite(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(WORKGROUP)
fn softmax_cross_entropy_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row = thread_index(id, workgroups);
  if row >= step.rows {
    return;
  }
  let at = (id.z * step.rows + row) * layer.outputs;
  let label = labels[order[step.first + row]];
  let s = softmax(at, label);
  outcomes[id.z * step.rows + row] = Outcome(s.loss, f32(s.predicted == label));
}

@compute @workgroup_size(WORKGROUP)
fn softmax_cross_entropy_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row = thread_index(id, workgroups);
  if row >= step.rows {
    return;
  }
  let at = (id.z * step.rows + row) * layer.outputs;
  let label = labels[order[step.first + row]];
  let s = softmax(at, label);
  if !is_finite(s.loss) {
    atomicMin(&diverged[id.z], step.number);
  }
  for (var c = 0u; c < layer.outputs; c++) {
    let p = exp(x[at + c] - s.largest) / s.sum;
    dx[at + c] = (p - f32(c == label)) / f32(step.rows);
  }
}
`,
  sums: `// Sums that are read back, each in a fixed order so that the same run gives the same bytes. 64 threads of a network each
// add up every 64th entry, and the 64 parts are added on the CPU in float64.
//
//   sum_outcomes  sums[slot, network, part] = sum of (loss, correct) over rows part, part + 64, …
//   sum_squares   sums[slot, network, part] = sum of (W^2, 0) over all weight matrices, likewise

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(18) var<storage, read_write> outcomes: array<vec2f>; // [P, rows] loss, correct
@group(0) @binding(19) var<storage, read_write> sums: array<vec2f>; // [slots, P, 64]

const PARTS = 64u;

fn sum_index(network: u32, networks: u32, part: u32) -> u32 {
  return (step.slot * networks + network) * PARTS + part;
}

@compute @workgroup_size(PARTS)
fn sum_outcomes(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  var sum = vec2f(0.0);
  for (var row = id.x; row < step.rows; row += PARTS) {
    sum += outcomes[id.z * step.rows + row];
  }
  sums[sum_index(id.z, workgroups.z, id.x)] = sum;
}

@compute @workgroup_size(PARTS)
fn sum_squares(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  var sum = 0.0;
  for (var i = id.x; i < layer.weights; i += PARTS) {
    let w = weights[id.z * layer.parameters + i];
    sum += w * w;
  }
  sums[sum_index(id.z, workgroups.z, id.x)] = vec2f(sum, 0.0);
}
`,
};
