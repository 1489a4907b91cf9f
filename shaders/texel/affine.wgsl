// includes texel/tile, texel/{tile}_biases
//
// The affine map of every layer but the first where texels are cheap to read (texel/input.wgsl says why):
//
//   forward          S = H W, without the bias
//   backward_input   dH = dS W^T
//   backward_weight  dW = H^T dS + 2 lambda W,  W <- W - eta dW; of the last layer db = sum over rows of dS, too
//
// A texel of H, S and their gradients holds four rows, one of W four inputs. Rows past the last have gradients of 0, inputs
// past the last weights of 0. A thread computes 4 rows x TILE_OUTPUTS outputs, 4 rows x 4 INPUT_TEXELS inputs, or 4 inputs x
// TILE_OUTPUTS outputs. Loops over TILE_OUTPUTS are unrolled in tile_*.wgsl.

// new_y_texels and dy_texels: texel/tile.wgsl; networks, parameters and gradients: shared/descent.wgsl;
// weight_texels and the textures written with them: texel/descent.wgsl
@group(0) @binding(27) var x_texels: texture_2d_array<f32>; // texel (i, b), layer P: H[4b .. 4b + 3, i]
@group(0) @binding(31) var new_dx_texels: texture_storage_2d_array<rgba32float, write>; // texel (i, b): dH

override INPUTS: u32;
override LAST: u32; // 1 in the last layer, else 0
override INPUT_TEXELS: u32; // texels of four inputs that a thread of backward_input computes: two

fn activation_at(network: u32, block: u32, input: u32) -> vec4f {
  let x = textureLoad(x_texels, vec2u(min(input, INPUTS - 1u), block), network, 0);
  return select(vec4f(0.0), x, input < INPUTS); // So that weights past the last input stay 0.
}

// Four inputs of four rows: column i holds input 4k + i.
fn activations_of(network: u32, block: u32, k: u32) -> mat4x4f {
  return mat4x4f(
    activation_at(network, block, 4u * k),
    activation_at(network, block, 4u * k + 1u),
    activation_at(network, block, 4u * k + 2u),
    activation_at(network, block, 4u * k + 3u),
  );
}

@compute @workgroup_size(WORKGROUP)
fn texel_affine_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let across = output_tiles();
  let thread = thread_index(id, workgroups);
  let block = thread / across;
  let output = thread % across * TILE_OUTPUTS;
  if block >= row_blocks() {
    return;
  }
  var sums: Outputs;
  for (var k = 0u; k < (INPUTS + 3u) / 4u; k++) {
    sums = add_combinations(sums, activations_of(id.z, block, k), weights_of(id.z, k, output));
  }
  store_outputs(sums, id.z, 0u, block, output);
}

@compute @workgroup_size(WORKGROUP)
fn texel_affine_backward_input(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
) {
  let texels = (INPUTS + 3u) / 4u;
  let input_tiles = (texels + INPUT_TEXELS - 1u) / INPUT_TEXELS;
  let thread = thread_index(id, workgroups);
  let block = thread / input_tiles;
  let k = thread % input_tiles * INPUT_TEXELS;
  if block >= row_blocks() {
    return;
  }
  let next = min(k + 1u, texels - 1u);
  var a: mat4x4f; // column i: four rows of input 4k + i
  var b: mat4x4f;
  for (var output = 0u; output < FEATURES; output++) {
    let g = gradient_at(id.z, block, output);
    a += outer(g, weight_at(id.z, k, output));
    b += outer(g, weight_at(id.z, next, output));
  }
  store_inputs(id.z, block, k, a);
  if next > k {
    store_inputs(id.z, block, next, b);
  }
}

fn outer(rows: vec4f, inputs: vec4f) -> mat4x4f {
  return mat4x4f(rows * inputs.x, rows * inputs.y, rows * inputs.z, rows * inputs.w);
}

fn store_inputs(network: u32, block: u32, k: u32, sums: mat4x4f) {
  let input = 4u * k;
  textureStore(new_dx_texels, vec2u(input, block), network, sums[0]);
  if input + 1u < INPUTS {
    textureStore(new_dx_texels, vec2u(input + 1u, block), network, sums[1]);
  }
  if input + 2u < INPUTS {
    textureStore(new_dx_texels, vec2u(input + 2u, block), network, sums[2]);
  }
  if input + 3u < INPUTS {
    textureStore(new_dx_texels, vec2u(input + 3u, block), network, sums[3]);
  }
}

@compute @workgroup_size(WORKGROUP)
fn texel_affine_backward_weight(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
) {
  let across = output_tiles();
  let thread = thread_index(id, workgroups);
  let k = thread / across;
  let output = thread % across * TILE_OUTPUTS;
  if k >= (INPUTS + 3u) / 4u {
    return;
  }
  var sums: Outputs;
  var bias: Outputs;
  for (var block = 0u; block < row_blocks(); block++) {
    let g = gradients_of(id.z, block, output);
    sums = add_products(sums, activations_of(id.z, block, k), g);
    bias = add_each(bias, g);
  }
  let d = descent_of(id.z);
  descend_outputs(d, id.z, k, output, sums);
  if LAST == 1u && k == 0u {
    descend_biases(d, output, bias);
  }
}
