// includes shared/descent, shared/bits, shared/averages
//
// Batch norm and the ReLU after it in training, for wide layers and large batches; per_operation/batch_norm.wgsl has the
// formulas. A workgroup computes TILED_FEATURES features: 32 threads each, which take turns at the rows and read eight a turn, so
// that few reads wait for one another.

// networks, parameters and gradients: shared/descent.wgsl; statistics: shared/averages.wgsl
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(11) var<storage, read> x: array<f32>; // [P, rows, outputs] S
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, outputs] H
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] d cost / d H
@group(0) @binding(14) var<storage, read_write> dx: array<f32>; // [P, rows, outputs] d cost / d S
@group(0) @binding(16) var<storage, read_write> normalised: array<f32>; // [P, rows, outputs] N
@group(0) @binding(17) var<storage, read_write> inverse_deviation: array<f32>; // [P, outputs] 1 / sqrt(var + eps)

override TILED_FEATURES: u32; // features of a workgroup: 8
override LANES: u32 = WORKGROUP / TILED_FEATURES; // threads of a feature

var<workgroup> partial: array<vec2f, WORKGROUP>;
var<workgroup> scales: array<f32, TILED_FEATURES>; // gamma / sqrt(var + eps)

// The sums of what the threads of a feature give, always in the same order.
fn sum_of_lanes(thread: u32, own: vec2f) -> vec2f {
  partial[thread] = own;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half >= TILED_FEATURES; half /= 2u) {
    if thread < half {
      partial[thread] += partial[thread + half];
    }
    workgroupBarrier();
  }
  let sum = partial[thread % TILED_FEATURES];
  workgroupBarrier(); // All have read before the next sum begins.
  return sum;
}

fn total(four: vec4f) -> f32 {
  return four.x + four.y + four.z + four.w;
}

// Four rows of a thread, and where they lie; past the last they repeat it.
struct Rows {
  at: vec4u,
  inside: vec4<bool>,
}

fn four_rows(first: u32, row: u32) -> Rows {
  let rows = row + LANES * vec4u(0u, 1u, 2u, 3u);
  return Rows(first + layer.outputs * min(rows, vec4u(step.rows - 1u)), rows < vec4u(step.rows));
}

fn x_at(at: vec4u) -> vec4f {
  return vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
}

fn normalised_at(at: vec4u) -> vec4f {
  return vec4f(normalised[at.x], normalised[at.y], normalised[at.z], normalised[at.w]);
}

// Gradients that pass the ReLU.
fn gradients_at(at: vec4u) -> vec4f {
  let dh = vec4f(dy[at.x], dy[at.y], dy[at.z], dy[at.w]);
  let h = vec4f(y[at.x], y[at.y], y[at.z], y[at.w]);
  return relu_gradient4(dh, h);
}

fn store_norm(r: Rows, exists: bool, n: vec4f, h: vec4f) {
  let inside = r.inside & vec4<bool>(exists);
  if inside.x {
    normalised[r.at.x] = n.x;
    y[r.at.x] = h.x;
  }
  if inside.y {
    normalised[r.at.y] = n.y;
    y[r.at.y] = h.y;
  }
  if inside.z {
    normalised[r.at.z] = n.z;
    y[r.at.z] = h.z;
  }
  if inside.w {
    normalised[r.at.w] = n.w;
    y[r.at.w] = h.w;
  }
}

@compute @workgroup_size(WORKGROUP)
fn tiled_batch_norm_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let place = group.x * TILED_FEATURES + thread % TILED_FEATURES;
  let exists = place < layer.outputs;
  let feature = min(place, layer.outputs - 1u);
  let lane = thread / TILED_FEATURES;
  let rows = f32(step.rows);
  let first = group.z * step.rows * layer.outputs + feature;
  var sums = vec4f(0.0);
  for (var row = lane; row < step.rows; row += 8u * LANES) {
    let r = four_rows(first, row);
    let q = four_rows(first, row + 4u * LANES);
    let a = x_at(r.at);
    let b = x_at(q.at);
    sums += select(vec4f(0.0), a, r.inside) + select(vec4f(0.0), b, q.inside);
  }
  let mean = sum_of_lanes(thread, vec2f(total(sums), 0.0)).x / rows;
  var squares = vec4f(0.0);
  for (var row = lane; row < step.rows; row += 8u * LANES) {
    let r = four_rows(first, row);
    let q = four_rows(first, row + 4u * LANES);
    let a = select(vec4f(0.0), x_at(r.at) - mean, r.inside);
    let b = select(vec4f(0.0), x_at(q.at) - mean, q.inside);
    squares += a * a + b * b;
  }
  let variance = sum_of_lanes(thread, vec2f(total(squares), 0.0)).x / rows;

  let inverse = or_nan(1.0 / sqrt(variance + EPSILON), is_finite(variance));
  let gamma = weights[group.z * layer.parameters + layer.gamma + feature];
  let beta = weights[group.z * layer.parameters + layer.beta + feature];
  for (var row = lane; row < step.rows; row += 8u * LANES) {
    let r = four_rows(first, row);
    let q = four_rows(first, row + 4u * LANES);
    let a = (x_at(r.at) - mean) * inverse;
    let b = (x_at(q.at) - mean) * inverse;
    store_norm(r, exists, a, relu4(gamma * a + beta));
    store_norm(q, exists, b, relu4(gamma * b + beta));
  }
  if exists && lane == 0u {
    inverse_deviation[group.z * layer.outputs + feature] = inverse;
    keep_average(group.z, layer.mean + feature, mean);
    keep_average(group.z, layer.variance + feature, variance);
  }
}

@compute @workgroup_size(WORKGROUP)
fn tiled_batch_norm_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let place = group.x * TILED_FEATURES + thread % TILED_FEATURES;
  let exists = place < layer.outputs;
  let feature = min(place, layer.outputs - 1u);
  let lane = thread / TILED_FEATURES;
  let rows = f32(step.rows);
  let first = group.z * step.rows * layer.outputs + feature;
  if lane == 0u { // the one thread of a feature that reads gamma, as it is the one that moves it
    let gamma = parameters[group.z * layer.parameters + layer.gamma + feature];
    scales[thread] = gamma * inverse_deviation[group.z * layer.outputs + feature];
  }
  var of_beta = vec4f(0.0);
  var of_gamma = vec4f(0.0);
  for (var row = lane; row < step.rows; row += 8u * LANES) {
    let r = four_rows(first, row);
    let q = four_rows(first, row + 4u * LANES);
    let a = select(vec4f(0.0), gradients_at(r.at), r.inside);
    let b = select(vec4f(0.0), gradients_at(q.at), q.inside);
    of_beta += a + b;
    of_gamma += a * normalised_at(r.at) + b * normalised_at(q.at);
  }
  let sums = sum_of_lanes(thread, vec2f(total(of_beta), total(of_gamma)));
  let scale = scales[thread % TILED_FEATURES];
  for (var row = lane; row < step.rows; row += 8u * LANES) {
    let r = four_rows(first, row);
    let q = four_rows(first, row + 4u * LANES);
    let a = scale * (gradients_at(r.at) - sums.x / rows - normalised_at(r.at) * sums.y / rows);
    let b = scale * (gradients_at(q.at) - sums.x / rows - normalised_at(q.at) * sums.y / rows);
    store_gradients(r, exists, a);
    store_gradients(q, exists, b);
  }
  if exists && lane == 0u {
    let d = descent_of(group.z);
    descend(d, layer.gamma + feature, sums.y);
    descend(d, layer.beta + feature, sums.x);
  }
}

fn store_gradients(r: Rows, exists: bool, ds: vec4f) {
  let inside = r.inside & vec4<bool>(exists);
  if inside.x {
    dx[r.at.x] = ds.x;
  }
  if inside.y {
    dx[r.at.y] = ds.y;
  }
  if inside.z {
    dx[r.at.z] = ds.z;
  }
  if inside.w {
    dx[r.at.w] = ds.w;
  }
}
