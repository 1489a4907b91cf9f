// includes shared/common
//
// Moving averages of the means and variances of training, for batch norm in evaluations:
//
//   average <- 0.9 average + 0.1 of the batch; the first batch sets it

@group(0) @binding(10) var<storage, read_write> statistics: array<f32>; // [P, layer.statistics] moving averages

override EPSILON: f32; // eps of 1 / sqrt(var + eps)
override MOMENTUM: f32; // weight of the past

// An average after a batch.
fn averaged(average: f32, value: f32) -> f32 {
  let past = select(MOMENTUM, 0.0, step.fresh == 1u);
  return past * average + (1.0 - past) * value;
}

// `at` counts from the network's first moving average.
fn keep_average(network: u32, at: u32, value: f32) {
  let to = network * layer.statistics + at;
  statistics[to] = averaged(statistics[to], value);
}
