// includes fused/layers, shared/averages, shared/bits
//
// What follows the product of a hidden layer in an evaluation, S = X W + b, for a column of four features:
//
//   with batch norm     N = (S - mean) / sqrt(variance + eps),  H = max(0, gamma N + beta),  by the moving averages
//   without             H = max(0, S)
//
// 1 / sqrt(variance + eps) of an infinite average would be 0, and so would each N: it is NaN here, as in
// per_operation/batch_norm.wgsl.

@group(0) @binding(38) var<storage, read_write> activations: array<vec4f>; // [P, columns, step.rows] H of the first layer

// packed: fused/layers.wgsl; statistics: shared/averages.wgsl

struct Ending {
  offset: vec4f, // b, with batch norm less the mean
  inverse: vec4f, // 1 / sqrt(variance + eps)
  gamma: vec4f,
  beta: vec4f,
}

// Four of a layer's moving averages, which begin at `first`; past the last feature 0, so that H is 0 there whatever the last
// one's are.
fn averages_at(first: u32, column: u32, width: u32) -> vec4f {
  let at = first + 4u * column;
  let last = first + width - 1u;
  let four = vec4f(
    statistics[at],
    statistics[min(at + 1u, last)],
    statistics[min(at + 2u, last)],
    statistics[min(at + 3u, last)],
  );
  return select(vec4f(0.0), four, features(column, width));
}

fn ending_of(network: u32, l: u32, column: u32) -> Ending {
  let bias = packed[packed_bias(network, l) + column];
  if BATCH_NORM == 0u || l == LAYERS - 1u {
    return Ending(bias, vec4f(1.0), vec4f(1.0), vec4f(0.0));
  }
  let width = places[l].outputs;
  let first = network * layer.statistics;
  let mean = averages_at(first + places[l].mean, column, width);
  let variance = averages_at(first + places[l].variance, column, width);
  let valid = is_finite4(mean) & is_finite4(variance);
  return Ending(
    bias - mean,
    or_nan4(1.0 / sqrt(variance + EPSILON), valid),
    packed[packed_gamma(network, l) + column],
    packed[packed_beta(network, l) + column],
  );
}

// H of a column, from X W.
fn activation(e: Ending, product: vec4f) -> vec4f {
  return relu4(fma(e.gamma, (product + e.offset) * e.inverse, e.beta));
}
