// includes shared/descent
//
// Adds up the parts of a product of `tiled` whose depth was split, in order:
//
//   outputs  Y = sum over parts, the first of which holds the bias
//   inputs   dX = sum over parts
//   weights  g = sum over parts,  dW = g + 2 lambda W,  W <- W - eta dW; the last row of each part is db
//
// A thread computes one value.

// networks, parameters and gradients: shared/descent.wgsl
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, outputs] Y
@group(0) @binding(14) var<storage, read_write> dx: array<f32>; // [P, rows, inputs] d cost / d X
@group(0) @binding(26) var<storage, read_write> product: array<f32>; // [P, PARTS, rows of the product, its columns]

override PARTS: u32; // parts of the depth

// The sum at one place of the product. Four reads a turn do not wait for one another.
fn sum_of_parts(network: u32, size: u32, at: u32) -> f32 {
  let first = network * PARTS * size + at;
  var sum = 0.0;
  for (var p = 0u; p < PARTS; p += 4u) {
    let part = min(p + vec4u(0u, 1u, 2u, 3u), vec4u(PARTS - 1u)) * size + first;
    let four = vec4f(product[part.x], product[part.y], product[part.z], product[part.w]);
    sum += four.x;
    sum += select(0.0, four.y, p + 1u < PARTS);
    sum += select(0.0, four.z, p + 2u < PARTS);
    sum += select(0.0, four.w, p + 3u < PARTS);
  }
  return sum;
}

@compute @workgroup_size(WORKGROUP)
fn tiled_parts_outputs(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let at = thread_index(id, workgroups);
  let size = step.rows * layer.outputs;
  if at < size {
    y[id.z * size + at] = sum_of_parts(id.z, size, at);
  }
}

@compute @workgroup_size(WORKGROUP)
fn tiled_parts_inputs(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let at = thread_index(id, workgroups);
  let size = step.rows * layer.inputs;
  if at < size {
    dx[id.z * size + at] = sum_of_parts(id.z, size, at);
  }
}

@compute @workgroup_size(WORKGROUP)
fn tiled_parts_weights(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let at = thread_index(id, workgroups);
  let count = layer.inputs * layer.outputs;
  let size = count + layer.outputs;
  if at >= size {
    return;
  }
  let sum = sum_of_parts(id.z, size, at);
  let d = descent_of(id.z);
  if at < count {
    _ = descend_weight(d, layer.weight + at, sum);
  } else {
    descend(d, layer.bias + at - count, sum);
  }
}
