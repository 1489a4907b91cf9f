// includes shared/common
//
// Adds up the slices of the first layer's product, in order, and the bias:
//
//   S[r, o] = b[o] + sum over s of slices[s, r, o]

@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, outputs] S
@group(0) @binding(15) var<storage, read_write> slices: array<f32>; // [P, slices, rows, outputs]

@compute @workgroup_size(WORKGROUP)
fn slice_sum(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = thread_index(id, workgroups);
  let size = step.rows * layer.outputs;
  if i >= size {
    return;
  }
  var sum = 0.0;
  for (var s = 0u; s < layer.slices; s++) {
    sum += slices[(id.z * layer.slices + s) * size + i];
  }
  y[id.z * size + i] = sum + weights[id.z * layer.parameters + layer.bias + i % layer.outputs];
}
