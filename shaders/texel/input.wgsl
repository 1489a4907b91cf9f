// includes texel/tile, shared/{tile}_blocks, shared/image_blocks
//
// The affine map of the first layer where texels are cheap to read: a software driver reads a texel of four numbers at a
// third of the cost of one number from a buffer.
//
//   forward   S = X W, without the bias    X[r, i] = byte[order[first + r], i] / 255 * scale[i] + shift[i]
//   backward  dW = X^T dS + 2 lambda W,  W <- W - eta dW
//
// Everything between kernels is a texel of four: pixels and weights of four inputs, sums and gradients of four rows.
// Inputs past the last have scale, shift and weights of 0; rows past the last have gradients of 0. A forward thread computes
// a tile of rows x outputs over one slice of the inputs, a backward thread a tile of inputs x outputs over the whole batch.
// The tile's size and its unrolled loops are in shared/tile_*.wgsl.

// images, order and standard: shared/images.wgsl; new_y_texels and dy_texels: texel/tile.wgsl; networks: shared/descent.wgsl;
// weight_texels and the textures written with them: texel/descent.wgsl

override TEXELS: u32; // texels of an image
override SLICES: u32; // parts that the sum over the inputs is split into

// The index of a texel, at most that of the last.
fn inside(k: u32) -> u32 {
  return min(k, TEXELS - 1u);
}

@compute @workgroup_size(WORKGROUP)
fn texel_input_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row_tiles = (row_blocks() + TILE_ROWS - 1u) / TILE_ROWS;
  let across = output_tiles();
  let thread = thread_index(id, workgroups);
  let slice = thread / (row_tiles * across);
  if slice >= SLICES {
    return;
  }
  // Neighbouring threads read the same rows, so that few cache lines are in use at a time.
  let output = thread % across * TILE_OUTPUTS;
  let block = thread / across % row_tiles * TILE_ROWS;
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
  // A loop, so that the code that updates a weight is compiled once and not for each, in a fraction of the time.
  for (var i = 0u; i < TILE_INPUTS; i++) {
    if k + i < TEXELS {
      descend_outputs(d, id.z, k + i, output, input_block(tile, i));
    }
  }
}
