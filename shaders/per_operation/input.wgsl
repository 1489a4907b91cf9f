// includes shared/descent
//
// The affine map of the first layer, which reads images as bytes and standardises them as they are read:
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
