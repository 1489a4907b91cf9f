// includes tiled/tile
//
// The affine map of every layer but the first, for wide layers:
//
//   forward          Y = X W + b
//   backward_input   dX = dY W^T
//   backward_weight  dW = X^T dY + 2 lambda W,  W <- W - eta dW,  db = sum over rows of dY,  b <- b - eta db
//
// All three are products of the tile, with operands that are read in different directions.

// networks, parameters and gradients: shared/descent.wgsl; weights, dY and the product: tiled/tile.wgsl
@group(0) @binding(11) var<storage, read> x: array<f32>; // [P, rows, inputs] X

// Four numbers of X, or 0 past the depth.
fn x_at(at: vec4u, inside: bool) -> vec4f {
  if !inside {
    return vec4f(0.0);
  }
  return vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
}

// Where 16 rows of A or eight columns of B begin that lie along the depth in memory: a thread reads all at one depth.
struct Sixteen {
  a: vec4u,
  b: vec4u,
  c: vec4u,
  d: vec4u,
}

fn sixteen_rows(first: u32, rows: u32) -> Sixteen {
  return Sixteen(
    four_rows(first, rows),
    four_rows(first + 8u, rows),
    four_rows(first + 16u, rows),
    four_rows(first + 24u, rows),
  );
}

fn times(s: Sixteen, stride: u32, base: u32) -> Sixteen {
  return Sixteen(base + stride * s.a, base + stride * s.b, base + stride * s.c, base + stride * s.d);
}

fn x_along(at: Sixteen, k: u32) -> mat4x4f {
  let inside = k < layer.inputs;
  return mat4x4f(x_at(at.a + k, inside), x_at(at.b + k, inside), x_at(at.c + k, inside), x_at(at.d + k, inside));
}

fn dy_along(at: Sixteen, k: u32) -> mat4x4f {
  let inside = k < layer.outputs;
  return mat4x4f(dy_at(at.a + k, inside), dy_at(at.b + k, inside), dy_at(at.c + k, inside), dy_at(at.d + k, inside));
}

fn weights_along(a: vec4u, b: vec4u, k: u32) -> mat2x4f {
  let inside = k < layer.outputs;
  return mat2x4f(weights_at(a + k, inside), weights_at(b + k, inside));
}

// A thread's share of X^T, whose rows are neighbours in memory: the same four rows at four depths, `at` at depth 0.
fn x_across(at: vec4u, k: u32) -> mat4x4f {
  return mat4x4f(
    x_at(at + k * layer.inputs, k < step.rows),
    x_at(at + (k + 4u) * layer.inputs, k + 4u < step.rows),
    x_at(at + (k + 8u) * layer.inputs, k + 8u < step.rows),
    x_at(at + (k + 12u) * layer.inputs, k + 12u < step.rows),
  );
}

@compute @workgroup_size(WORKGROUP)
fn tiled_affine_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let p = place_of(group, layer.inputs);
  let rows = sixteen_rows(p.row + thread / DEPTH, step.rows);
  let at_a = times(rows, layer.inputs, group.z * step.rows * layer.inputs);
  let first = group.z * layer.parameters + layer.weight;
  let at_b = first + four_columns(p.column + thread % B_FOURS, layer.outputs);
  let k_a = thread % DEPTH;
  let k_b = thread / B_FOURS;
  var sums = biases(group.z, p, thread);
  var a = x_along(at_a, p.begin + k_a);
  var b = weights_across(at_b, p.begin + k_b);
  for (var k = p.begin; k < p.end; k += DEPTH) {
    workgroupBarrier();
    stage_a(k_a * A_STRIDE + thread / DEPTH, 8u, a);
    stage_b(k_b * B_STRIDE + thread % B_FOURS, 8u * B_STRIDE, b);
    workgroupBarrier();
    a = x_along(at_a, k + DEPTH + k_a);
    b = weights_across(at_b, k + DEPTH + k_b);
    add_staged(&sums, thread);
  }
  let c = Results((group.z * PARTS + p.part) * step.rows * layer.outputs, step.rows, layer.outputs);
  store(c, own_rows(p, thread), p.column + thread % 8u, sums);
}

@compute @workgroup_size(WORKGROUP)
fn tiled_affine_backward_input(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let p = place_of(group, layer.outputs);
  let rows = sixteen_rows(p.row + thread / DEPTH, step.rows);
  let at_a = times(rows, layer.outputs, group.z * step.rows * layer.outputs);
  let first = group.z * layer.parameters + layer.weight;
  let column = p.column + thread / DEPTH;
  let at_b0 = first + layer.outputs * four_columns(column, layer.inputs);
  let at_b1 = first + layer.outputs * four_columns(column + 8u, layer.inputs);
  let k_own = thread % DEPTH;
  var sums: Sums;
  var a = dy_along(at_a, p.begin + k_own);
  var b = weights_along(at_b0, at_b1, p.begin + k_own);
  for (var k = p.begin; k < p.end; k += DEPTH) {
    workgroupBarrier();
    stage_a(k_own * A_STRIDE + thread / DEPTH, 8u, a);
    stage_b(k_own * B_STRIDE + thread / DEPTH, 8u, b);
    workgroupBarrier();
    a = dy_along(at_a, k + DEPTH + k_own);
    b = weights_along(at_b0, at_b1, k + DEPTH + k_own);
    add_staged(&sums, thread);
  }
  let c = Results((group.z * PARTS + p.part) * step.rows * layer.inputs, step.rows, layer.inputs);
  store(c, own_rows(p, thread), p.column + thread % 8u, sums);
}

@compute @workgroup_size(WORKGROUP)
fn tiled_affine_backward_weight(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let p = place_of(group, step.rows);
  let first_a = group.z * step.rows * layer.inputs;
  let first_b = group.z * step.rows * layer.outputs;
  let at_a = first_a + four_rows(p.row + thread % A_FOURS, layer.inputs);
  let at_b = first_b + four_columns(p.column + thread % B_FOURS, layer.outputs);
  let k_a = thread / A_FOURS;
  let k_b = thread / B_FOURS;
  var sums: Sums;
  var bias = vec4f(0.0);
  var a = x_across(at_a, p.begin + k_a);
  var b = dy_across(at_b, p.begin + k_b);
  for (var k = p.begin; k < p.end; k += DEPTH) {
    workgroupBarrier();
    stage_a(k_a * A_STRIDE + thread % A_FOURS, 4u * A_STRIDE, a);
    stage_b(k_b * B_STRIDE + thread % B_FOURS, 8u * B_STRIDE, b);
    bias += b[0] + b[1];
    workgroupBarrier();
    a = x_across(at_a, k + DEPTH + k_a);
    b = dy_across(at_b, k + DEPTH + k_b);
    add_staged(&sums, thread);
  }
  finish_weights(group.z, p, own_rows(p, thread), thread, sums, bias);
}
