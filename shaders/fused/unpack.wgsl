// includes fused/layers
//
// Copies packed parameters to where all programs and readers find them: [P, layer.parameters].
//
// A thread copies four. Both hold the same numbers, so this may run at any time between two steps.

@group(0) @binding(8) var<storage, read_write> parameters: array<f32>; // [P, layer.parameters]

@compute @workgroup_size(WORKGROUP)
fn fused_unpack(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = thread_index(id, workgroups);
  if i >= PACKED {
    return;
  }
  var l = LAYERS - 1u;
  while i < places[l].packed {
    l--;
  }
  let outputs = places[l].outputs;
  let width = columns(outputs);
  let row = (i - places[l].packed) / width;
  let rows = 4u * columns(places[l].inputs);
  let column = (i - places[l].packed) % width;
  var at = places[l].weight + row * outputs;
  if row >= rows {
    at = select(select(places[l].beta, places[l].gamma, row == rows + 1u), places[l].bias, row == rows);
  } else if row >= places[l].inputs {
    return;
  }
  // Without batch norm, and in the last layer, there is only the bias.
  if row > rows && (BATCH_NORM == 0u || l == LAYERS - 1u) {
    return;
  }
  let to = id.z * layer.parameters + at + 4u * column;
  for (var j = 0u; j < min(4u, outputs - 4u * column); j++) {
    parameters[to + j] = packed[id.z * PACKED + i][j];
  }
}
