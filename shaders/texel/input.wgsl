// includes texel/descent, texel/{tile}_outputs, texel/{tile}_blocks
//
// The affine map of the first layer where texels are cheap to read: a software driver reads a texel of four numbers at a
// third of the cost of one number from a buffer.
//
//   forward   S = X W, without the bias    X[r, i] = byte[order[first + r], i] / 255 * scale[i] + shift[i]
//   backward  dW = X^T dS + 2 lambda W,  W <- W - eta dW
//
// Everything between kernels is a texel of four: pixels and weights of four inputs, sums and gradients of four rows.
// Inputs past the last have scale, shift and weights of 0; rows past the last have gradients of 0. A forward thread does a
// tile of rows x outputs over one slice of the inputs, a backward thread a tile of inputs x outputs over the whole batch.
// The tile's size and its unrolled loops are in tile_*.wgsl, made by tasks/_kit/tile.ts.

// layer, step, networks: descent.wgsl; weight_texels and those that are written with them: texel_descent.wgsl
@group(0) @binding(3) var images: texture_2d_array<f32>; // texel (k, n % images_per_layer), layer n / images_per_layer
@group(0) @binding(4) var<storage, read> order: array<u32>; // [images] which image comes when
@group(0) @binding(5) var<storage, read> standard: array<Standard>; // [TEXELS]
@group(0) @binding(29) var new_y_texels: texture_storage_2d_array<rgba32float, write>; // texel (o, slice * blocks + b): sums
@group(0) @binding(30) var dy_texels: texture_2d_array<f32>; // texel (o, b), layer P: dS[4b .. 4b + 3, o]

override FEATURES: u32; // outputs of the layer
override TEXELS: u32; // texels of an image
override SLICES: u32; // parts that the sum over the inputs is split into

struct Standard {
  scale: vec4f, // 1 / standard deviation, of pixels / 255
  shift: vec4f, // - mean / standard deviation
}

// Where an image lies in the texture: row and layer.
fn place(row: u32) -> vec2u {
  let image = order[step.first + min(row, step.rows - 1u)];
  return vec2u(image % layer.images_per_layer, image / layer.images_per_layer);
}

// Where the images of four rows lie.
struct Places {
  r0: vec2u,
  r1: vec2u,
  r2: vec2u,
  r3: vec2u,
}

fn places_of(block: u32) -> Places {
  let row = 4u * block;
  return Places(place(row), place(row + 1u), place(row + 2u), place(row + 3u));
}

fn pixels(k: u32, at: vec2u, s: Standard) -> vec4f {
  return fma(textureLoad(images, vec2u(k, at.x), at.y, 0), s.scale, s.shift);
}

// Four pixels of four rows: column r holds row r.
fn pixels_of(k: u32, at: Places, s: Standard) -> mat4x4f {
  return mat4x4f(pixels(k, at.r0, s), pixels(k, at.r1, s), pixels(k, at.r2, s), pixels(k, at.r3, s));
}

// The last texel in place of one behind it.
fn inside(k: u32) -> u32 {
  return min(k, TEXELS - 1u);
}

// Blocks of four rows.
fn row_blocks() -> u32 {
  return (step.rows + 3u) / 4u;
}

fn weight_at(network: u32, k: u32, output: u32) -> vec4f {
  return textureLoad(weight_texels, vec2u(min(output, FEATURES - 1u), k), network, 0);
}

fn gradient_at(network: u32, block: u32, output: u32) -> vec4f {
  return textureLoad(dy_texels, vec2u(min(output, FEATURES - 1u), block), network, 0);
}

// `block` counts through the slices.
fn store_output(network: u32, block: u32, output: u32, sums: vec4f) {
  if output < FEATURES {
    textureStore(new_y_texels, vec2u(output, block), network, sums);
  }
}

@compute @workgroup_size(WORKGROUP)
fn texel_input_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row_tiles = (row_blocks() + TILE_ROWS - 1u) / TILE_ROWS;
  let output_tiles = (FEATURES + TILE_OUTPUTS - 1u) / TILE_OUTPUTS;
  let thread = thread_index(id, workgroups);
  let slice = thread / (row_tiles * output_tiles);
  if slice >= SLICES {
    return;
  }
  // Neighbouring threads read the same rows, so that few cache lines are in use at a time.
  let output = thread % output_tiles * TILE_OUTPUTS;
  let block = thread / output_tiles % row_tiles * TILE_ROWS;
  let at = tile_places(block);
  var tile: RowTile;
  let per_slice = (TEXELS + SLICES - 1u) / SLICES;
  let end = min((slice + 1u) * per_slice, TEXELS);
  for (var k = slice * per_slice; k < end; k++) {
    add_to_rows(&tile, k, at, weights_of(id.z, k, output));
  }
  store_row_tile(tile, id.z, slice, block, output);
}

@compute @workgroup_size(WORKGROUP)
fn texel_input_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let input_tiles = (TEXELS + TILE_INPUTS - 1u) / TILE_INPUTS;
  let thread = thread_index(id, workgroups);
  let k = thread % input_tiles * TILE_INPUTS;
  let output = thread / input_tiles * TILE_OUTPUTS;
  if output >= FEATURES {
    return;
  }
  let standards = tile_standards(k);
  var tile: InputTile;
  for (var block = 0u; block < row_blocks(); block++) {
    add_to_inputs(&tile, k, places_of(block), standards, gradients_of(id.z, block, output));
  }
  let d = descent_of(id.z);
  // In a loop, so that the code that moves a weight is there once and not for each: it compiles in a fraction of the time.
  for (var i = 0u; i < TILE_INPUTS; i++) {
    if k + i < TEXELS {
      descend_outputs(d, id.z, k + i, output, input_block(tile, i));
    }
  }
}
