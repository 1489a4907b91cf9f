// includes shared/descent, shared/bits, shared/averages
//
// Batch norm and the ReLU after it (Ioffe & Szegedy 2015, algorithm 1; gradients from section 3). For each feature:
//
//   training    mu = mean of S,  var = mean of (S - mu)^2,  N = (S - mu) / sqrt(var + eps),  H = max(0, gamma N + beta)
//               average <- 0.9 average + 0.1 of the batch, of mu and of var; the first batch sets them
//   evaluation  the same N and H with the moving averages in place of mu and var
//   backward    G = dH where H > 0, else 0;  dbeta = sum of G;  dgamma = sum of G N
//               dS = gamma / sqrt(var + eps) (G - dbeta / rows - N dgamma / rows)
//
// 1 / sqrt(var + eps) of an infinite variance would be 0, and so would each N: it is NaN here, which shows that the training
// diverged. In training and backward a thread computes one feature.

// networks, parameters and gradients: shared/descent.wgsl; statistics: shared/averages.wgsl
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(11) var<storage, read> x: array<f32>; // [P, rows, outputs] S
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, outputs] H
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] d cost / d H
@group(0) @binding(14) var<storage, read_write> dx: array<f32>; // [P, rows, outputs] d cost / d S
@group(0) @binding(16) var<storage, read_write> normalised: array<f32>; // [P, rows, outputs] N
@group(0) @binding(17) var<storage, read_write> inverse_deviation: array<f32>; // [P, outputs] 1 / sqrt(var + eps)

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

  let inverse = or_nan(1.0 / sqrt(variance + EPSILON), is_finite(variance));
  let gamma = weights[id.z * layer.parameters + layer.gamma + feature];
  let beta = weights[id.z * layer.parameters + layer.beta + feature];
  for (var row = 0u; row < step.rows; row++) {
    let at = first + row * layer.outputs;
    let n = (x[at] - mean) * inverse;
    normalised[at] = n;
    y[at] = relu(gamma * n + beta);
  }
  inverse_deviation[id.z * layer.outputs + feature] = inverse;

  keep_average(id.z, layer.mean + feature, mean);
  keep_average(id.z, layer.variance + feature, variance);
}

// A thread computes one value.
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
  let valid = is_finite(mean) && is_finite(variance);
  let n = (x[id.z * size + i] - mean) * or_nan(1.0 / sqrt(variance + EPSILON), valid);
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
    let g = relu_gradient(dy[at], y[at]);
    dbeta += g;
    dgamma += g * normalised[at];
  }
  let gamma = parameters[id.z * layer.parameters + layer.gamma + feature];
  let scale = gamma * inverse_deviation[id.z * layer.outputs + feature];
  for (var row = 0u; row < step.rows; row++) {
    let at = first + row * layer.outputs;
    let g = relu_gradient(dy[at], y[at]);
    dx[at] = scale * (g - dbeta / rows - normalised[at] * dgamma / rows);
  }
  let d = descent_of(id.z);
  descend(d, layer.gamma + feature, dgamma);
  descend(d, layer.beta + feature, dbeta);
}
