// The affine map of the first layer, which reads images as bytes and standardises them as they are read:
//
//   forward   S = X W + b      X[r, i] = byte[order[first + r], i] / 255 * scale[i] + shift[i]
//   backward  dW = X^T dS + 2 lambda W
//
// Four pixels are one texel (rgba8unorm, so a channel is byte / 255). The last texel of an image is filled up with
// channels whose scale and shift are 0. A forward thread does a tile of 52 rows x 5 outputs over one slice of the
// inputs, a backward thread 32 inputs x 8 outputs over the whole batch: reading costs far more than multiplying, and
// these tiles do the most with what they read.

// layer, step, networks, parameters and gradients: descent.wgsl
@group(0) @binding(3) var images: texture_2d_array<f32>; // texel (k, n % images_per_layer), layer n / images_per_layer
@group(0) @binding(4) var<storage, read> order: array<u32>; // [images] which image comes when
@group(0) @binding(5) var<storage, read> standard: array<Standard>; // [texels]
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] d cost / d S
@group(0) @binding(15) var<storage, read_write> slices: array<f32>; // [P, slices, rows, outputs] sums over each slice

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

// Four pixels of four rows: column r holds row r, so that (vector of weights) * matrix is a sum for each row.
fn pixels_of(k: u32, at: Rows, standard: Standard) -> mat4x4f {
  return mat4x4f(
    pixels(k, at.r0, standard),
    pixels(k, at.r1, standard),
    pixels(k, at.r2, standard),
    pixels(k, at.r3, standard),
  );
}

// W[4k .. 4k + 3, output]; past the last input the pixels are 0 and any finite weight will do.
fn weights_of(network: u32, k: u32, output: u32) -> vec4f {
  let column = network * layer.parameters + layer.weight + min(output, layer.outputs - 1u);
  let last = layer.inputs - 1u;
  return vec4f(
    weights[column + min(4u * k, last) * layer.outputs],
    weights[column + min(4u * k + 1u, last) * layer.outputs],
    weights[column + min(4u * k + 2u, last) * layer.outputs],
    weights[column + min(4u * k + 3u, last) * layer.outputs],
  );
}

const TILE_ROWS = 52u;
const TILE_OUTPUTS = 5u;

// Sums of five outputs for four rows.
struct Sums {
  o0: vec4f,
  o1: vec4f,
  o2: vec4f,
  o3: vec4f,
  o4: vec4f,
}

struct Weights {
  o0: vec4f,
  o1: vec4f,
  o2: vec4f,
  o3: vec4f,
  o4: vec4f,
}

fn add_products(sums: ptr<function, Sums>, x: mat4x4f, w: Weights) {
  (*sums).o0 += w.o0 * x;
  (*sums).o1 += w.o1 * x;
  (*sums).o2 += w.o2 * x;
  (*sums).o3 += w.o3 * x;
  (*sums).o4 += w.o4 * x;
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

fn store_sums(at: u32, row: u32, output: u32, sums: Sums) {
  store_column(at, row, output, sums.o0);
  store_column(at, row, output + 1u, sums.o1);
  store_column(at, row, output + 2u, sums.o2);
  store_column(at, row, output + 3u, sums.o3);
  store_column(at, row, output + 4u, sums.o4);
}

@compute @workgroup_size(WORKGROUP)
fn input_affine_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row_tiles = (step.rows + TILE_ROWS - 1u) / TILE_ROWS;
  let output_tiles = (layer.outputs + TILE_OUTPUTS - 1u) / TILE_OUTPUTS;
  let thread = thread_index(id, workgroups);
  let slice = thread / (row_tiles * output_tiles);
  if slice >= layer.slices {
    return;
  }

  // Neighbouring threads read the same rows, so that few cache lines are in use at a time.
  let output = thread % output_tiles * TILE_OUTPUTS;
  let row = thread / output_tiles % row_tiles * TILE_ROWS;

  let r0 = rows_from(row);
  let r1 = rows_from(row + 4u);
  let r2 = rows_from(row + 8u);
  let r3 = rows_from(row + 12u);
  let r4 = rows_from(row + 16u);
  let r5 = rows_from(row + 20u);
  let r6 = rows_from(row + 24u);
  let r7 = rows_from(row + 28u);
  let r8 = rows_from(row + 32u);
  let r9 = rows_from(row + 36u);
  let r10 = rows_from(row + 40u);
  let r11 = rows_from(row + 44u);
  let r12 = rows_from(row + 48u);
  var s0: Sums;
  var s1: Sums;
  var s2: Sums;
  var s3: Sums;
  var s4: Sums;
  var s5: Sums;
  var s6: Sums;
  var s7: Sums;
  var s8: Sums;
  var s9: Sums;
  var s10: Sums;
  var s11: Sums;
  var s12: Sums;

  let per_slice = (layer.texels + layer.slices - 1u) / layer.slices;
  let end = min((slice + 1u) * per_slice, layer.texels);
  for (var k = slice * per_slice; k < end; k++) {
    let s = standard[k];
    let w = Weights(
      weights_of(id.z, k, output),
      weights_of(id.z, k, output + 1u),
      weights_of(id.z, k, output + 2u),
      weights_of(id.z, k, output + 3u),
      weights_of(id.z, k, output + 4u),
    );
    add_products(&s0, pixels_of(k, r0, s), w);
    add_products(&s1, pixels_of(k, r1, s), w);
    add_products(&s2, pixels_of(k, r2, s), w);
    add_products(&s3, pixels_of(k, r3, s), w);
    add_products(&s4, pixels_of(k, r4, s), w);
    add_products(&s5, pixels_of(k, r5, s), w);
    add_products(&s6, pixels_of(k, r6, s), w);
    add_products(&s7, pixels_of(k, r7, s), w);
    add_products(&s8, pixels_of(k, r8, s), w);
    add_products(&s9, pixels_of(k, r9, s), w);
    add_products(&s10, pixels_of(k, r10, s), w);
    add_products(&s11, pixels_of(k, r11, s), w);
    add_products(&s12, pixels_of(k, r12, s), w);
  }

  let at = (id.z * layer.slices + slice) * step.rows * layer.outputs;
  store_sums(at, row, output, s0);
  store_sums(at, row + 4u, output, s1);
  store_sums(at, row + 8u, output, s2);
  store_sums(at, row + 12u, output, s3);
  store_sums(at, row + 16u, output, s4);
  store_sums(at, row + 20u, output, s5);
  store_sums(at, row + 24u, output, s6);
  store_sums(at, row + 28u, output, s7);
  store_sums(at, row + 32u, output, s8);
  store_sums(at, row + 36u, output, s9);
  store_sums(at, row + 40u, output, s10);
  store_sums(at, row + 44u, output, s11);
  store_sums(at, row + 48u, output, s12);
}

const TILE_TEXELS = 8u;
const TILE_COLUMNS = 8u;

// dS[row, output .. output + 3]; past the last output any value will do, the result is not stored.
fn output_gradient(network: u32, row: u32, output: u32) -> vec4f {
  let at = (network * step.rows + row) * layer.outputs;
  let last = layer.outputs - 1u;
  return vec4f(
    dy[at + min(output, last)],
    dy[at + min(output + 1u, last)],
    dy[at + min(output + 2u, last)],
    dy[at + min(output + 3u, last)],
  );
}

// Sums of eight outputs for four inputs: column o of a matrix holds output o.
struct Tile {
  left: mat4x4f,
  right: mat4x4f,
}

fn add_outer(tile: ptr<function, Tile>, x: vec4f, left: vec4f, right: vec4f) {
  (*tile).left += mat4x4f(x * left.x, x * left.y, x * left.z, x * left.w);
  (*tile).right += mat4x4f(x * right.x, x * right.y, x * right.z, x * right.w);
}

fn descend_column(d: Descent, k: u32, output: u32, column: vec4f) {
  if output >= layer.outputs {
    return;
  }
  let at = layer.weight + 4u * k * layer.outputs + output;
  let inputs = layer.inputs - min(4u * k, layer.inputs); // from here to the last
  if inputs > 0u {
    descend_weight(d, at, column.x);
  }
  if inputs > 1u {
    descend_weight(d, at + layer.outputs, column.y);
  }
  if inputs > 2u {
    descend_weight(d, at + 2u * layer.outputs, column.z);
  }
  if inputs > 3u {
    descend_weight(d, at + 3u * layer.outputs, column.w);
  }
}

fn descend_tile(d: Descent, k: u32, output: u32, tile: Tile) {
  descend_column(d, k, output, tile.left[0]);
  descend_column(d, k, output + 1u, tile.left[1]);
  descend_column(d, k, output + 2u, tile.left[2]);
  descend_column(d, k, output + 3u, tile.left[3]);
  descend_column(d, k, output + 4u, tile.right[0]);
  descend_column(d, k, output + 5u, tile.right[1]);
  descend_column(d, k, output + 6u, tile.right[2]);
  descend_column(d, k, output + 7u, tile.right[3]);
}

@compute @workgroup_size(WORKGROUP)
fn input_affine_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let texel_tiles = (layer.texels + TILE_TEXELS - 1u) / TILE_TEXELS;
  let thread = thread_index(id, workgroups);
  let k = thread % texel_tiles * TILE_TEXELS;
  let output = thread / texel_tiles * TILE_COLUMNS;
  if output >= layer.outputs {
    return;
  }

  let last = layer.texels - 1u;
  let k1 = min(k + 1u, last);
  let k2 = min(k + 2u, last);
  let k3 = min(k + 3u, last);
  let k4 = min(k + 4u, last);
  let k5 = min(k + 5u, last);
  let k6 = min(k + 6u, last);
  let k7 = min(k + 7u, last);
  let s0 = standard[k];
  let s1 = standard[k1];
  let s2 = standard[k2];
  let s3 = standard[k3];
  let s4 = standard[k4];
  let s5 = standard[k5];
  let s6 = standard[k6];
  let s7 = standard[k7];
  var t0: Tile;
  var t1: Tile;
  var t2: Tile;
  var t3: Tile;
  var t4: Tile;
  var t5: Tile;
  var t6: Tile;
  var t7: Tile;
  for (var row = 0u; row < step.rows; row++) {
    let at = place(row);
    let left = output_gradient(id.z, row, output);
    let right = output_gradient(id.z, row, output + 4u);
    add_outer(&t0, pixels(k, at, s0), left, right);
    add_outer(&t1, pixels(k1, at, s1), left, right);
    add_outer(&t2, pixels(k2, at, s2), left, right);
    add_outer(&t3, pixels(k3, at, s3), left, right);
    add_outer(&t4, pixels(k4, at, s4), left, right);
    add_outer(&t5, pixels(k5, at, s5), left, right);
    add_outer(&t6, pixels(k6, at, s6), left, right);
    add_outer(&t7, pixels(k7, at, s7), left, right);
  }
  let d = descent_of(id.z);
  descend_tile(d, k, output, t0);
  descend_tile(d, k + 1u, output, t1);
  descend_tile(d, k + 2u, output, t2);
  descend_tile(d, k + 3u, output, t3);
  descend_tile(d, k + 4u, output, t4);
  descend_tile(d, k + 5u, output, t5);
  descend_tile(d, k + 6u, output, t6);
  descend_tile(d, k + 7u, output, t7);
}
