// includes shared/descent, shared/{tile}_outputs, shared/{tile}_blocks, shared/image_blocks
//
// The affine map of the first layer, which reads images as bytes and standardises them as they are read:
//
//   forward   S = X W + b      X[r, i] = byte[order[first + r], i] / 255 * scale[i] + shift[i]
//   backward  db = sum over rows of dS,  dW = X^T dS + 2 lambda W
//
// The weights are kept a second time as texels of four inputs each, and dS is laid out as texels of four rows each, because
// a software driver reads a texel at a third of the cost of one number from a buffer. A forward thread computes a tile of
// rows x outputs over one slice of the inputs, a backward thread a tile of inputs x outputs over the whole batch: reading costs
// far more than multiplying, and these tiles compute most per value read. Their loops are unrolled in shared/tile_*.wgsl.

// networks, parameters and gradients: shared/descent.wgsl; images, order and standard: shared/images.wgsl
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] d cost / d S
@group(0) @binding(15) var<storage, read_write> slices: array<f32>; // [P, slices, rows, outputs] sums over each slice
@group(0) @binding(21) var weight_texels: texture_2d_array<f32>; // texel (o, k), layer P: W[4k .. 4k + 3, o]
@group(0) @binding(22) var new_weight_texels: texture_storage_2d_array<rgba32float, write>; // the same after the step
@group(0) @binding(23) var gradient_texels: texture_2d_array<f32>; // texel (o, b), layer P: dS[4b .. 4b + 3, o]
@group(0) @binding(24) var new_gradient_texels: texture_storage_2d_array<rgba32float, write>; // the same, as it is laid out

// The index of a texel of an image, at most that of the last.
fn inside(k: u32) -> u32 {
  return min(k, layer.texels - 1u);
}

fn output_tiles() -> u32 {
  return (layer.outputs + TILE_OUTPUTS - 1u) / TILE_OUTPUTS;
}

fn weight_at(network: u32, k: u32, output: u32) -> vec4f {
  return textureLoad(weight_texels, vec2u(min(output, layer.outputs - 1u), k), network, 0);
}

fn gradient_at(network: u32, block: u32, output: u32) -> vec4f {
  return textureLoad(gradient_texels, vec2u(min(output, layer.outputs - 1u), block), network, 0);
}

// Adds from left to right: rounding, and so the bytes of a training, depends on the order.
fn add_combination(sum: vec4f, x: mat4x4f, w: vec4f) -> vec4f {
  return sum + x[0] * w.x + x[1] * w.y + x[2] * w.z + x[3] * w.w;
}

// Where the first row of a block begins.
fn block_place(network: u32, slice: u32, block: u32) -> u32 {
  return ((network * layer.slices + slice) * step.rows + 4u * block) * layer.outputs;
}

fn store_output(network: u32, block: u32, place: u32, output: u32, sums: vec4f) {
  if output >= layer.outputs {
    return;
  }
  let to = place + output;
  let rows = step.rows - 4u * block; // from here to the last
  slices[to] = sums.x;
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

@compute @workgroup_size(WORKGROUP)
fn input_affine_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row_tiles = (row_blocks() + TILE_ROWS - 1u) / TILE_ROWS;
  let across = output_tiles();
  let thread = thread_index(id, workgroups);
  let slice = thread / (row_tiles * across);
  if slice >= layer.slices {
    return;
  }
  // Neighbouring threads read the same rows, so that few cache lines are in use at a time.
  let output = thread % across * TILE_OUTPUTS;
  let block = thread / across % row_tiles * TILE_ROWS;
  let at = tile_places(block);
  var tile: RowTile;
  let per_slice = (layer.texels + layer.slices - 1u) / layer.slices;
  let end = min((slice + 1u) * per_slice, layer.texels);
  for (var k = slice * per_slice; k < end; k++) {
    add_to_rows(&tile, k, at, weights_of(id.z, k, output));
  }
  store_row_tile(tile, id.z, slice, block, output);
}

// A thread computes one output's bias, and lays its gradients out as texels for the kernel below.
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

// Updates the weights of four inputs and stores them as a texel, too. Past the last input the texel is 0.
fn descend_texel(d: Descent, network: u32, k: u32, output: u32, gradient: vec4f) {
  if output >= layer.outputs {
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

@compute @workgroup_size(WORKGROUP)
fn input_affine_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let input_tiles = (layer.texels + TILE_INPUTS - 1u) / TILE_INPUTS;
  let thread = thread_index(id, workgroups);
  let k = thread % input_tiles * TILE_INPUTS;
  let output = thread / input_tiles * TILE_OUTPUTS;
  if output >= layer.outputs {
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
    if k + i < layer.texels {
      descend_outputs(d, id.z, k + i, output, input_block(tile, i));
    }
  }
}
