// includes shared/common, shared/bits
//
// Sums that are read back, each in a fixed order so that the same run gives the same bytes. SUM_PARTS threads of a
// network each add up every SUM_PARTS-th entry, and the parts are added on the CPU in float64.
//
//   sum_outcomes  sums[slot, network, part] = sum of (loss, correct) over rows part, part + SUM_PARTS, …
//   sum_squares   sums[slot, network, part] = sum of (W^2, 0) over all weight matrices, likewise; (NaN, 0) where a parameter
//                 of any kind is NaN or infinite, so that no cost is finite then

@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(18) var<storage, read_write> outcomes: array<vec2f>; // [P, rows] loss, correct
@group(0) @binding(19) var<storage, read_write> sums: array<vec2f>; // [slots, P, SUM_PARTS]

override SUM_PARTS: u32;

fn sum_index(network: u32, networks: u32, part: u32) -> u32 {
  return (step.slot * networks + network) * SUM_PARTS + part;
}

@compute @workgroup_size(SUM_PARTS)
fn sum_outcomes(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  var sum = vec2f(0.0);
  for (var row = id.x; row < step.rows; row += SUM_PARTS) {
    sum += outcomes[id.z * step.rows + row];
  }
  sums[sum_index(id.z, workgroups.z, id.x)] = sum;
}

@compute @workgroup_size(SUM_PARTS)
fn sum_squares(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  var sum = 0.0;
  var valid = true;
  for (var i = id.x; i < layer.weights; i += SUM_PARTS) {
    let w = weights[id.z * layer.parameters + i];
    sum += w * w;
    valid = valid && is_finite(w);
  }
  // A bias of -infinity in front of a ReLU, for example, changes no loss.
  for (var i = layer.weights + id.x; i < layer.parameters; i += SUM_PARTS) {
    valid = valid && is_finite(weights[id.z * layer.parameters + i]);
  }
  sums[sum_index(id.z, workgroups.z, id.x)] = vec2f(or_nan(sum, valid), 0.0);
}
