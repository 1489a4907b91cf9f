// includes fused/averages, shared/bits
//
// The first of a fused step's three dispatches: everything between the first layer's product and the second layer.
//
//   S = b + sum over the slices, in order
//   with batch norm     mu = mean of S,  var = mean of (S - mu)^2,  N = (S - mu) / sqrt(var + eps),  H = max(0, gamma N + beta)
//                       average <- 0.9 average + 0.1 of the batch, of mu and of var; the first batch sets them
//   without             H = max(0, S)
//
// A workgroup computes four features of one network. Its threads are LANES of rows times 2 parts of the slices.

// networks, parameters and gradients: shared/descent.wgsl; statistics: shared/averages.wgsl; places and arena: fused/layers.wgsl
@group(0) @binding(15) var<storage, read_write> slices: array<vec4f>; // [P, SLICES, rows, columns]

override BATCH_NORM: u32; // 1 with batch norm, else 0
override SLICES: u32;

const PARTS = 2u;

override LANES: u32 = WORKGROUP / PARTS;

var<workgroup> parts: array<vec4f, WORKGROUP>;

// Adds up the values of the first part's lanes, always in the same order.
fn sum_of_lanes(lane: u32, part: u32, value: vec4f) -> vec4f {
  workgroupBarrier();
  if part == 0u {
    parts[lane] = value;
  }
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if part == 0u && lane < half {
      parts[lane] += parts[lane + half];
    }
  }
  workgroupBarrier();
  return parts[0];
}

@compute @workgroup_size(WORKGROUP)
fn fused_norm(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let column = group.x;
  let width = columns(layer.outputs);
  let lane = thread % LANES;
  let part = thread / LANES;
  let rows = f32(step.rows);
  let there = features(column, layer.outputs);
  let bias = parameters_at(group.z, layer.bias, column, layer.outputs);
  let base = group.z * ARENA;
  let begin = group.z * SLICES * step.rows * width + column;
  let stride = step.rows * width; // from one slice to the next
  let end = select(SLICES, SLICES / PARTS, part == 0u);

  // S is stored in the place of N, by the thread that reads it again.
  var sum = vec4f(0.0);
  for (var first = 0u; first < step.rows; first += LANES) {
    let row = first + lane;
    var s = vec4f(0.0);
    if row < step.rows {
      for (var slice = part * (SLICES / PARTS); slice < end; slice++) {
        s += slices[begin + slice * stride + row * width];
      }
    }
    workgroupBarrier();
    parts[thread] = s;
    workgroupBarrier();
    if part == 0u && row < step.rows {
      s = parts[lane] + parts[lane + LANES] + bias;
      arena[base + places[0].n + row * width + column] = s;
      sum += s;
    }
  }
  var scale = vec4f(1.0);
  var shift = vec4f(0.0);
  var mean = vec4f(0.0);
  var inverse = vec4f(1.0);
  if BATCH_NORM == 1u {
    mean = sum_of_lanes(lane, part, sum) / rows;
    var squares = vec4f(0.0);
    if part == 0u {
      for (var row = lane; row < step.rows; row += LANES) {
        let difference = arena[base + places[0].n + row * width + column] - mean;
        squares += difference * difference;
      }
    }
    let variance = sum_of_lanes(lane, part, squares) / rows;
    inverse = or_nan4(1.0 / sqrt(variance + EPSILON), is_finite4(variance));
    scale = parameters_at(group.z, layer.gamma, column, layer.outputs);
    shift = parameters_at(group.z, layer.beta, column, layer.outputs);
    if thread == 0u {
      arena[base + places[0].inverse + column] = inverse;
      keep_averages(group.z, layer.mean, column, layer.outputs, mean);
      keep_averages(group.z, layer.variance, column, layer.outputs, variance);
    }
  }
  if part == 0u {
    for (var row = lane; row < step.rows; row += LANES) {
      let at = row * width + column;
      let n = (arena[base + places[0].n + at] - mean) * inverse;
      arena[base + places[0].n + at] = n;
      arena[base + places[0].h + at] = select(vec4f(0.0), relu4(scale * n + shift), there);
    }
  }
}
