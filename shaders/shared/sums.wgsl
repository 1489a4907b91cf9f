// includes shared/common, shared/bits
//
// Sums that are read back, each in a fixed order so that the same run gives the same bytes. SUM_PARTS threads of a
// network each add up every SUM_PARTS-th entry, and the parts are added on the CPU in float64. A loop makes its reads one
// after the other, so each turn makes sixteen.
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

// Adds eight outcomes, SUM_PARTS apart, in order.
fn add_outcomes(sum: vec2f, at: u32) -> vec2f {
  let o0 = outcomes[at];
  let o1 = outcomes[at + SUM_PARTS];
  let o2 = outcomes[at + 2u * SUM_PARTS];
  let o3 = outcomes[at + 3u * SUM_PARTS];
  let o4 = outcomes[at + 4u * SUM_PARTS];
  let o5 = outcomes[at + 5u * SUM_PARTS];
  let o6 = outcomes[at + 6u * SUM_PARTS];
  let o7 = outcomes[at + 7u * SUM_PARTS];
  return sum + o0 + o1 + o2 + o3 + o4 + o5 + o6 + o7;
}

struct Squares {
  sum: f32,
  valid: bool, // whether all of them are finite
}

// Adds eight squares, likewise.
fn add_squares(s: Squares, at: u32) -> Squares {
  let w0 = weights[at];
  let w1 = weights[at + SUM_PARTS];
  let w2 = weights[at + 2u * SUM_PARTS];
  let w3 = weights[at + 3u * SUM_PARTS];
  let w4 = weights[at + 4u * SUM_PARTS];
  let w5 = weights[at + 5u * SUM_PARTS];
  let w6 = weights[at + 6u * SUM_PARTS];
  let w7 = weights[at + 7u * SUM_PARTS];
  let finite = is_finite4(vec4f(w0, w1, w2, w3)) & is_finite4(vec4f(w4, w5, w6, w7));
  let sum = s.sum + w0 * w0 + w1 * w1 + w2 * w2 + w3 * w3 + w4 * w4 + w5 * w5 + w6 * w6 + w7 * w7;
  return Squares(sum, s.valid && all(finite));
}

@compute @workgroup_size(SUM_PARTS)
fn sum_outcomes(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let first = id.z * step.rows;
  var sum = vec2f(0.0);
  var row = id.x;
  for (; row + 15u * SUM_PARTS < step.rows; row += 16u * SUM_PARTS) {
    sum = add_outcomes(add_outcomes(sum, first + row), first + row + 8u * SUM_PARTS);
  }
  for (; row < step.rows; row += SUM_PARTS) {
    sum += outcomes[first + row];
  }
  sums[sum_index(id.z, workgroups.z, id.x)] = sum;
}

@compute @workgroup_size(SUM_PARTS)
fn sum_squares(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let first = id.z * layer.parameters;
  var s = Squares(0.0, true);
  var i = id.x;
  for (; i + 15u * SUM_PARTS < layer.weights; i += 16u * SUM_PARTS) {
    s = add_squares(add_squares(s, first + i), first + i + 8u * SUM_PARTS);
  }
  for (; i < layer.weights; i += SUM_PARTS) {
    let w = weights[first + i];
    s = Squares(s.sum + w * w, s.valid && is_finite(w));
  }
  // A bias of -infinity in front of a ReLU, for example, changes no loss.
  for (i = layer.weights + id.x; i < layer.parameters; i += SUM_PARTS) {
    s.valid = s.valid && is_finite(weights[first + i]);
  }
  sums[sum_index(id.z, workgroups.z, id.x)] = vec2f(or_nan(s.sum, s.valid), 0.0);
}
