// includes texel/descent, shared/blocks, shared/{tile}_outputs
//
// The operands and results of a tile of outputs, in texels of four inputs (W) or four rows (S and dS) of one output.

// weight_texels: texel/descent.wgsl
@group(0) @binding(29) var new_y_texels: texture_storage_2d_array<rgba32float, write>; // texel (o, slice * blocks + b): S
@group(0) @binding(30) var dy_texels: texture_2d_array<f32>; // texel (o, b), layer P: dS[4b .. 4b + 3, o]

fn output_tiles() -> u32 {
  return (FEATURES + TILE_OUTPUTS - 1u) / TILE_OUTPUTS;
}

fn weight_at(network: u32, k: u32, output: u32) -> vec4f {
  return textureLoad(weight_texels, vec2u(min(output, FEATURES - 1u), k), network, 0);
}

fn gradient_at(network: u32, block: u32, output: u32) -> vec4f {
  return textureLoad(dy_texels, vec2u(min(output, FEATURES - 1u), block), network, 0);
}

fn add_combination(sum: vec4f, x: mat4x4f, w: vec4f) -> vec4f {
  return sum + x * w;
}

// Computed once for a block, not for each output, which saves a tenth of the first layer's forward product.
fn block_place(network: u32, slice: u32, block: u32) -> u32 {
  return slice * row_blocks() + block;
}

fn store_output(network: u32, block: u32, place: u32, output: u32, sums: vec4f) {
  if output < FEATURES {
    textureStore(new_y_texels, vec2u(output, place), network, sums);
  }
}
