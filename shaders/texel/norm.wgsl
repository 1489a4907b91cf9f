// includes shared/descent, shared/bits, shared/blocks, shared/averages
//
// Everything between the affine maps where texels are cheap to read (texel/input.wgsl says why): the sum of the slices,
// the bias, batch norm (Ioffe & Szegedy 2015, algorithm 1; gradients from section 3) and ReLU. For each feature:
//
//   S = b + sum over the slices
//   training    mu = mean of S,  var = mean of (S - mu)^2,  N = (S - mu) / sqrt(var + eps),  H = max(0, gamma N + beta)
//               average <- 0.9 average + 0.1 of the batch, of mu and of var; the first batch sets them
//   evaluation  the same N and H with the moving averages in place of mu and var
//   backward    G = dH where H > 0, else 0;  dbeta = sum of G;  dgamma = sum of G N
//               dS = gamma / sqrt(var + eps) (G - dbeta / rows - N dgamma / rows);  db = sum of dS
//   relu        H = max(0, S);  dS = dH where H > 0, else 0;  db = sum of dS
//
// A texel holds four rows of one feature; values past the last row are 0. Mean and variance are merged block by
// block (Chan, Golub & LeVeque 1979), so that the slices are read once for both. Where the variance is infinite, N is NaN
// (per_operation/batch_norm.wgsl says why). In training and backward a thread computes one feature, in evaluation one texel.

// networks, parameters and gradients: shared/descent.wgsl; statistics: shared/averages.wgsl
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(17) var<storage, read_write> inverse_deviation: array<f32>; // [P, outputs] 1 / sqrt(var + eps)
@group(0) @binding(27) var x_texels: texture_2d_array<f32>; // texel (o, slice * blocks + b), layer P: parts of S
@group(0) @binding(28) var y_texels: texture_2d_array<f32>; // texel (o, b): H
@group(0) @binding(29) var new_y_texels: texture_storage_2d_array<rgba32float, write>; // texel (o, b): H
@group(0) @binding(30) var dy_texels: texture_2d_array<f32>; // texel (o, b): dH
@group(0) @binding(31) var new_dx_texels: texture_storage_2d_array<rgba32float, write>; // texel (o, b): dS
@group(0) @binding(32) var normalised_texels: texture_2d_array<f32>; // texel (o, b): N
@group(0) @binding(33) var new_normalised_texels: texture_storage_2d_array<rgba32float, write>; // texel (o, b): N

override FEATURES: u32; // outputs of the layer
override SLICES: u32; // parts that S is split into

fn only(value: vec4f, rows: vec4<bool>) -> vec4f {
  return select(vec4f(0.0), value, rows);
}

fn total(value: vec4f) -> f32 {
  return value.x + value.y + value.z + value.w;
}

fn parameter(network: u32, at: u32) -> f32 {
  return weights[network * layer.parameters + at];
}

// S of four rows.
fn outputs_at(network: u32, block: u32, feature: u32, bias: f32) -> vec4f {
  var sum = vec4f(0.0);
  for (var slice = 0u; slice < SLICES; slice++) {
    sum += textureLoad(x_texels, vec2u(feature, slice * row_blocks() + block), network, 0);
  }
  return sum + bias;
}

@compute @workgroup_size(WORKGROUP)
fn texel_batch_norm_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let feature = thread_index(id, workgroups);
  if feature >= FEATURES {
    return;
  }
  let bias = parameter(id.z, layer.bias + feature);
  var mean = 0.0;
  var squares = 0.0; // sum of (S - mean)^2
  for (var block = 0u; block < row_blocks(); block++) {
    let rows = present(block);
    let s = outputs_at(id.z, block, feature, bias);
    let before = f32(4u * block);
    let count = min(4.0, f32(step.rows) - before);
    let own_mean = total(only(s, rows)) / count;
    let difference = only(s - own_mean, rows);
    let shift = own_mean - mean;
    mean += shift * count / (before + count);
    squares += dot(difference, difference) + shift * shift * before * count / (before + count);
  }
  let variance = squares / f32(step.rows);
  let inverse = or_nan(1.0 / sqrt(variance + EPSILON), is_finite(variance));
  let gamma = parameter(id.z, layer.gamma + feature);
  let beta = parameter(id.z, layer.beta + feature);
  for (var block = 0u; block < row_blocks(); block++) {
    let rows = present(block);
    let n = (outputs_at(id.z, block, feature, bias) - mean) * inverse;
    textureStore(new_normalised_texels, vec2u(feature, block), id.z, only(n, rows));
    textureStore(new_y_texels, vec2u(feature, block), id.z, only(relu4(gamma * n + beta), rows));
  }
  inverse_deviation[id.z * FEATURES + feature] = inverse;

  keep_average(id.z, layer.mean + feature, mean);
  keep_average(id.z, layer.variance + feature, variance);
}

@compute @workgroup_size(WORKGROUP)
fn texel_batch_norm_evaluate(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let feature = thread % FEATURES;
  let block = thread / FEATURES;
  if block >= row_blocks() {
    return;
  }
  let mean = statistics[id.z * layer.statistics + layer.mean + feature];
  let variance = statistics[id.z * layer.statistics + layer.variance + feature];
  let gamma = parameter(id.z, layer.gamma + feature);
  let beta = parameter(id.z, layer.beta + feature);
  let s = outputs_at(id.z, block, feature, parameter(id.z, layer.bias + feature));
  let valid = is_finite(mean) && is_finite(variance);
  let n = (s - mean) * or_nan(1.0 / sqrt(variance + EPSILON), valid);
  textureStore(new_y_texels, vec2u(feature, block), id.z, only(relu4(gamma * n + beta), present(block)));
}

@compute @workgroup_size(WORKGROUP)
fn texel_relu_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let feature = thread % FEATURES;
  let block = thread / FEATURES;
  if block >= row_blocks() {
    return;
  }
  let s = outputs_at(id.z, block, feature, parameter(id.z, layer.bias + feature));
  textureStore(new_y_texels, vec2u(feature, block), id.z, only(relu4(s), present(block)));
}

// The ReLU's dS, or with batch norm G; past the last row H is 0.
fn behind_relu(network: u32, block: u32, feature: u32) -> vec4f {
  let at = vec2u(feature, block);
  return relu_gradient4(textureLoad(dy_texels, at, network, 0), textureLoad(y_texels, at, network, 0));
}

@compute @workgroup_size(WORKGROUP)
fn texel_batch_norm_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let feature = thread_index(id, workgroups);
  if feature >= FEATURES {
    return;
  }
  var beta_sum = vec4f(0.0);
  var gamma_sum = vec4f(0.0);
  for (var block = 0u; block < row_blocks(); block++) {
    let g = behind_relu(id.z, block, feature);
    beta_sum += g;
    gamma_sum += g * textureLoad(normalised_texels, vec2u(feature, block), id.z, 0);
  }
  let dbeta = total(beta_sum);
  let dgamma = total(gamma_sum);
  let rows = f32(step.rows);
  let scale = parameters[id.z * layer.parameters + layer.gamma + feature] *
    inverse_deviation[id.z * FEATURES + feature];
  var bias_sum = vec4f(0.0);
  for (var block = 0u; block < row_blocks(); block++) {
    let n = textureLoad(normalised_texels, vec2u(feature, block), id.z, 0);
    let ds = scale * (behind_relu(id.z, block, feature) - dbeta / rows - n * dgamma / rows);
    let inside = only(ds, present(block));
    bias_sum += inside;
    textureStore(new_dx_texels, vec2u(feature, block), id.z, inside);
  }
  let d = descent_of(id.z);
  descend(d, layer.gamma + feature, dgamma);
  descend(d, layer.beta + feature, dbeta);
  descend(d, layer.bias + feature, total(bias_sum));
}

@compute @workgroup_size(WORKGROUP)
fn texel_relu_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let feature = thread_index(id, workgroups);
  if feature >= FEATURES {
    return;
  }
  var bias_sum = vec4f(0.0);
  for (var block = 0u; block < row_blocks(); block++) {
    let ds = behind_relu(id.z, block, feature);
    bias_sum += ds;
    textureStore(new_dx_texels, vec2u(feature, block), id.z, ds);
  }
  descend(descent_of(id.z), layer.bias + feature, total(bias_sum));
}
