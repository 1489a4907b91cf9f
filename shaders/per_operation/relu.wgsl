// includes shared/common, shared/bits
//
// The ReLU of hidden layers without batch norm:
//
//   forward   H = max(0, S)
//   backward  dS = dH where H > 0, else 0
//
// Where S is NaN, so is H, and dS = dH (shared/bits.wgsl). A thread computes one value.

@group(0) @binding(11) var<storage, read> x: array<f32>; // [P, rows, outputs] S
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, outputs] H
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] d cost / d H
@group(0) @binding(14) var<storage, read_write> dx: array<f32>; // [P, rows, outputs] d cost / d S

@compute @workgroup_size(WORKGROUP)
fn relu_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = thread_index(id, workgroups);
  let size = step.rows * layer.outputs;
  if i >= size {
    return;
  }
  y[id.z * size + i] = relu(x[id.z * size + i]);
}

@compute @workgroup_size(WORKGROUP)
fn relu_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = thread_index(id, workgroups);
  let size = step.rows * layer.outputs;
  if i >= size {
    return;
  }
  let at = id.z * size + i;
  dx[at] = relu_gradient(dy[at], y[at]);
}
