// includes fused/layers, shared/averages
//
// Moving averages of a column of four features.

fn keep_averages(network: u32, at: u32, column: u32, width: u32, value: vec4f) {
  for (var i = 0u; i < min(4u, width - 4u * column); i++) {
    keep_average(network, at + 4u * column + i, value[i]);
  }
}
