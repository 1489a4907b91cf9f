// includes fused/block
//
// Everything between the first layer's activations and the gradient of its outputs, one workgroup a network:
//
//   forward   S = H W + b;  hidden: batch norm (fused/norm.wgsl has its formula) and ReLU;  last: softmax and cross-entropy
//   backward  dH = dS W^T;  G = dH where H > 0, else 0;  with batch norm dbeta = sum of G,  dgamma = sum of G N,
//             dS = gamma / sqrt(var + eps) (G - dbeta / rows - N dgamma / rows), without dS = G;  down to dS of the first layer
//
// What passes from one phase to the next lies in workgroup memory (fused/block.wgsl). A thread computes the same rows and
// features of a layer forward and backward: it finds the N and H that it stored itself. The gradients of parameters, and mu and
// var for the moving averages, are left to fused/weights.wgsl.

var<workgroup> inverses: array<vec4f, COLUMNS * (LAYERS - 1u)>; // 1 / sqrt(var + eps), [LAYERS - 1, COLUMNS], of all but layer 0

struct Moments {
  mean: vec4f,
  variance: vec4f,
}

// rows (own mean - mean)^2, from a sum over some rows, none perhaps.
fn square_of(rows: u32, sum: vec4f, mean: vec4f) -> vec4f {
  let difference = sum / max(f32(rows), 1.0) - mean;
  return f32(rows) * difference * difference;
}

fn rows_of_lane(lane: u32) -> u32 {
  return rows_of(min(lane, LANES), min(lane + 1u, LANES));
}

fn rows_of_group(group: u32) -> u32 {
  return rows_of(min(5u * group, LANES), min(5u * group + 5u, LANES));
}

// Mean and variance of each column over the rows. Each lane, then each group of lanes, is measured around its own mean; they
// are put together as in fused/column.wgsl. The tile is free before and after.
fn moments(p: Own, thread: u32, s: mat4x4f) -> Moments {
  let own_sum = sum_of_four(p, s);
  let own_mean = own_sum / f32(rows_of_lane(p.lane));
  let differences = mat4x4f(s[0] - own_mean, s[1] - own_mean, s[2] - own_mean, s[3] - own_mean);
  let own_squares = sum_of_four(
    p,
    mat4x4f(
      differences[0] * differences[0], differences[1] * differences[1],
      differences[2] * differences[2], differences[3] * differences[3],
    ),
  );
  if p.works {
    tile[lane_at(0u, p.slot, p.lane)] = own_sum;
    tile[lane_at(1u, p.slot, p.lane)] = own_squares;
  }
  workgroupBarrier();
  for (var i = thread; i < GROUPS * p.slots; i += WORKGROUP) {
    let slot = i / GROUPS;
    let group = i % GROUPS;
    let lane = 5u * group;
    let five = five_lanes(0u, slot, lane);
    let sum = sum_of_five(five);
    let mean = sum / f32(rows_of_group(group));
    let squares = sum_of_five(Five(
      square_of(rows_of_lane(lane), five.v0, mean), square_of(rows_of_lane(lane + 1u), five.v1, mean),
      square_of(rows_of_lane(lane + 2u), five.v2, mean), square_of(rows_of_lane(lane + 3u), five.v3, mean),
      square_of(rows_of_lane(lane + 4u), five.v4, mean),
    ));
    tile[group_at(0u, slot, group)] = sum;
    tile[group_at(1u, slot, group)] = squares + sum_of_five(five_lanes(1u, slot, lane));
  }
  workgroupBarrier();
  let found = sums_of_groups(p.slot);
  let mean = found.first / f32(ROWS);
  var squares = found.second;
  for (var g = 0u; g < GROUPS; g += 5u) {
    let five = five_groups(0u, p.slot, g);
    squares += sum_of_five(Five(
      square_of(rows_of_group(g), five.v0, mean), square_of(rows_of_group(g + 1u), five.v1, mean),
      square_of(rows_of_group(g + 2u), five.v2, mean), square_of(rows_of_group(g + 3u), five.v3, mean),
      square_of(rows_of_group(g + 4u), five.v4, mean),
    ));
  }
  workgroupBarrier();
  return Moments(mean, squares / f32(ROWS));
}

// N and H of a hidden layer from its S; H goes into the tile, which is free before.
fn activate(network: u32, l: u32, p: Own, thread: u32, vectors: Vectors, s: mat4x4f) {
  let outputs = places[l].outputs;
  let width = columns(outputs);
  var mean = vec4f(0.0);
  var inverse = vec4f(1.0);
  if BATCH_NORM == 1u {
    let found = moments(p, thread, s);
    mean = found.mean;
    inverse = or_nan4(1.0 / sqrt(found.variance + EPSILON), is_finite4(found.variance));
    if p.works && p.lane == 0u {
      let at = in_arena(network, places[l].moments) + p.column;
      arena[at] = mean;
      arena[at + width] = found.variance;
      inverses[l * COLUMNS + p.column] = inverse;
    }
  }
  let n = mat4x4f((s[0] - mean) * inverse, (s[1] - mean) * inverse, (s[2] - mean) * inverse, (s[3] - mean) * inverse);
  let there = features(p.column, outputs);
  let h = mat4x4f(
    select(vec4f(0.0), relu4(fma(vectors.scale, n[0], vectors.shift)), there),
    select(vec4f(0.0), relu4(fma(vectors.scale, n[1], vectors.shift)), there),
    select(vec4f(0.0), relu4(fma(vectors.scale, n[2], vectors.shift)), there),
    select(vec4f(0.0), relu4(fma(vectors.scale, n[3], vectors.shift)), there),
  );
  if BATCH_NORM == 1u {
    store_arena(p, in_arena(network, places[l].n) + p.column * ROWS, n);
  }
  store_arena(p, in_arena(network, places[l].h) + p.column * ROWS, h);
  store_tile(p, h);
}

@compute @workgroup_size(WORKGROUP)
fn fused_tail(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let network = group.z;
  let row = min(thread, ROWS - 1u);
  let label = label_of(row);
  stage_weights(fetch_weights(packed_weight(network, 1u), weights_of(1u), thread), weights_of(1u), thread);
  let first = own_part(thread, 0u, columns(places[0].outputs));
  store_tile(first, load_arena(first, in_arena(network, places[0].h) + first.column * ROWS));
  workgroupBarrier();

  // Forward.
  for (var l = 1u; l < LAYERS; l++) {
    let next = min(l + 1u, LAYERS - 1u);
    let fetched = fetch_weights(packed_weight(network, next), weights_of(next), thread);
    let p = own_part(thread, 0u, columns(places[l].outputs));
    let vectors = vectors_of(network, l, p.column);
    let s = outputs_of(l, p, vectors.bias);
    workgroupBarrier(); // The products have been read.
    if l < LAYERS - 1u {
      activate(network, l, p, thread, vectors, s);
      stage_weights(fetched, weights_of(next), thread);
    } else {
      store_tile(p, s);
    }
    workgroupBarrier();
  }
  if thread < ROWS {
    softmax_row(network, row, label, true);
  }
  workgroupBarrier();

  // Backward. The output layer's weights are still staged.
  for (var l = LAYERS - 1u; l > 0u; l--) {
    let before = l - 1u;
    let fetched = fetch_weights(packed_weight(network, max(before, 1u)), weights_of(max(before, 1u)), thread);
    let p = own_part(thread, 0u, columns(places[before].outputs));
    var activated = load_activated(network, before, p);
    if before > 0u {
      activated.inverse = inverses[before * COLUMNS + p.column];
    }
    let dh = input_gradients(l, p);
    workgroupBarrier(); // The products have been read.
    let ds = deactivate(network, before, p, thread, true, activated, dh);
    store_arena(p, in_arena(network, places[before].g) + p.column * ROWS, ds);
    if before > 0u {
      store_tile(p, ds);
      stage_weights(fetched, weights_of(before), thread);
    }
    workgroupBarrier();
  }
}
