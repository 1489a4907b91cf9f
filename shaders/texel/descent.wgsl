// includes shared/descent
//
// Stochastic gradient descent of weights that are kept as texels, four inputs of one output each:
//
//   W <- W - eta g    g = d cost / d W = gradient of the loss + 2 lambda W
//
// A step reads the weights from one texture and writes them to another, which the next step reads.

@group(0) @binding(21) var weight_texels: texture_2d_array<f32>; // texel (o, k), layer P: W[4k .. 4k + 3, o] before the step
@group(0) @binding(22) var new_weight_texels: texture_storage_2d_array<rgba32float, write>; // the same after it
@group(0) @binding(24) var new_gradient_texels: texture_storage_2d_array<rgba32float, write>; // g of the step

override FEATURES: u32; // outputs of the layer

// Updates the weights of four inputs to one output; `gradient` is the gradient of the loss alone.
fn descend_texel(d: Descent, network: u32, k: u32, output: u32, gradient: vec4f) {
  if output >= FEATURES {
    return;
  }
  let at = vec2u(output, k);
  let w = textureLoad(weight_texels, at, network, 0);
  let g = gradient + d.decay * w;
  textureStore(new_gradient_texels, at, network, g);
  textureStore(new_weight_texels, at, network, w - d.eta * g);
}

// Updates a bias; each of `sums` is over every fourth row.
fn descend_bias(d: Descent, output: u32, sums: vec4f) {
  if output < FEATURES {
    descend(d, layer.bias + output, sums.x + sums.y + sums.z + sums.w);
  }
}
