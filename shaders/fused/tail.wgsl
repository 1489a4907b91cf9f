// includes fused/averages, fused/softmax
//
// Everything between the first layer's activations and the gradient of its outputs, one workgroup a network:
//
//   forward   S = H W + b;  hidden: batch norm (fused/norm.wgsl has its formula) and ReLU;  last: softmax and cross-entropy
//   backward  dH = dS W^T;  G = dH where H > 0, else 0;  with batch norm dbeta = sum of G,  dgamma = sum of G N,
//             dS = gamma / sqrt(var + eps) (G - dbeta / rows - N dgamma / rows), without dS = G;  down to dS of the first layer
//
// What passes from one phase to the next lies in workgroup memory: `tile` holds the activations or gradients of one layer, then
// sums over its rows; `w` the weights of one layer, read while the products before are computed. A thread computes four rows
// x four features of a layer forward, and the same ones backward: it finds the N and H that it stored itself. The gradients of
// parameters are left to fused/weights.wgsl.

override STAGED: u32; // vec4s of the largest weight matrix after the first layer, at most 4 WORKGROUP
override COLUMNS: u32; // of the widest layer
override LANES: u32 = (ROWS + 3u) / 4u; // threads of a column; each computes rows lane, lane + LANES, ...
override GROUP: u32; // lanes whose sums are added first
override GROUPS: u32 = (LANES + GROUP - 1u) / GROUP;

var<workgroup> w: array<vec4f, STAGED>; // [inputs rounded up to fours, columns]
var<workgroup> inverses: array<vec4f, COLUMNS * (LAYERS - 1u)>; // 1 / sqrt(var + eps) of the hidden layers, [LAYERS - 1, COLUMNS]

// Which rows and column of a layer a thread computes. Threads without work repeat others' and store nothing.
struct Own {
  column: u32,
  lane: u32,
  rows: vec4u,
  there: vec4<bool>, // which of the rows exist
  works: bool,
}

fn own_part(thread: u32, width: u32) -> Own {
  let lane = thread % LANES;
  let rows = vec4u(lane) + vec4u(0u, 1u, 2u, 3u) * LANES;
  return Own(
    min(thread / LANES, width - 1u),
    lane,
    min(rows, vec4u(ROWS - 1u)),
    rows < vec4u(ROWS),
    thread < LANES * width,
  );
}

// Four numbers for each thread of a layer's packed weights, which begin at `first`.
fn fetch_weights(first: u32, count: u32, thread: u32) -> mat4x4f {
  let last = count - 1u;
  return mat4x4f(
    packed[first + min(thread, last)],
    packed[first + min(thread + WORKGROUP, last)],
    packed[first + min(thread + 2u * WORKGROUP, last)],
    packed[first + min(thread + 3u * WORKGROUP, last)],
  );
}

fn weights_of(l: u32) -> u32 {
  return 4u * columns(places[l].inputs) * columns(places[l].outputs);
}

fn stage_weights(fetched: mat4x4f, count: u32, thread: u32) {
  if thread < count {
    w[thread] = fetched[0];
  }
  if thread + WORKGROUP < count {
    w[thread + WORKGROUP] = fetched[1];
  }
  if thread + 2u * WORKGROUP < count {
    w[thread + 2u * WORKGROUP] = fetched[2];
  }
  if thread + 3u * WORKGROUP < count {
    w[thread + 3u * WORKGROUP] = fetched[3];
  }
}

// Stores a thread's part of a layer in the tile.
fn store_tile(p: Own, value: mat4x4f) {
  let at = p.column * ROWS;
  if p.works {
    tile[at + p.rows.x] = value[0];
    if p.there.y {
      tile[at + p.rows.y] = value[1];
    }
    if p.there.z {
      tile[at + p.rows.z] = value[2];
    }
    if p.there.w {
      tile[at + p.rows.w] = value[3];
    }
  }
}

// Stores a thread's part of a layer in the arena; the column begins at `at`.
fn store_arena(p: Own, at: u32, value: mat4x4f) {
  if p.works {
    arena[at + p.rows.x] = value[0];
    if p.there.y {
      arena[at + p.rows.y] = value[1];
    }
    if p.there.z {
      arena[at + p.rows.z] = value[2];
    }
    if p.there.w {
      arena[at + p.rows.w] = value[3];
    }
  }
}

fn load_arena(p: Own, at: u32) -> mat4x4f {
  return mat4x4f(arena[at + p.rows.x], arena[at + p.rows.y], arena[at + p.rows.z], arena[at + p.rows.w]);
}

// Rows of the lanes from `first` to `end`.
fn rows_of(first: u32, end: u32) -> u32 {
  let starts = vec4u(0u, 1u, 2u, 3u) * LANES;
  let counts = min(vec4u(end) + starts, vec4u(ROWS)) - min(vec4u(first) + starts, vec4u(ROWS));
  return counts.x + counts.y + counts.z + counts.w;
}

// The sum over a thread's rows.
fn sum_of_four(p: Own, v: mat4x4f) -> vec4f {
  let none = vec4f(0.0);
  return (v[0] + select(none, v[1], p.there.y)) + (select(none, v[2], p.there.z) + select(none, v[3], p.there.w));
}

// Where the sums over rows lie in the tile: two for each lane, then two for each group of lanes.
fn lane_at(which: u32, column: u32, lane: u32) -> u32 {
  return (which * COLUMNS + column) * LANES + lane;
}

fn group_at(which: u32, column: u32, group: u32) -> u32 {
  return 2u * COLUMNS * LANES + (which * COLUMNS + column) * GROUPS + group;
}

struct Moments {
  mean: vec4f,
  variance: vec4f,
}

// Mean and variance of each column over the rows. Each lane, then each group of lanes, is measured around its own mean; they
// are put together as in fused/column.wgsl. The tile is free before and after.
fn moments(p: Own, thread: u32, width: u32, s: mat4x4f) -> Moments {
  let own_mean = sum_of_four(p, s) / f32(rows_of(p.lane, p.lane + 1u));
  let differences = mat4x4f(s[0] - own_mean, s[1] - own_mean, s[2] - own_mean, s[3] - own_mean);
  let own_squares = sum_of_four(
    p,
    mat4x4f(
      differences[0] * differences[0], differences[1] * differences[1],
      differences[2] * differences[2], differences[3] * differences[3],
    ),
  );
  if p.works {
    tile[lane_at(0u, p.column, p.lane)] = own_mean;
    tile[lane_at(1u, p.column, p.lane)] = own_squares;
  }
  workgroupBarrier();
  for (var i = thread; i < GROUPS * width; i += WORKGROUP) {
    let column = i / GROUPS;
    let group = i % GROUPS;
    let first = group * GROUP;
    let end = min(first + GROUP, LANES);
    var mean = vec4f(0.0);
    for (var lane = first; lane < end; lane++) {
      mean += f32(rows_of(lane, lane + 1u)) * tile[lane_at(0u, column, lane)];
    }
    mean /= f32(rows_of(first, end));
    var squares = vec4f(0.0);
    for (var lane = first; lane < end; lane++) {
      let difference = tile[lane_at(0u, column, lane)] - mean;
      squares += fma(f32(rows_of(lane, lane + 1u)) * difference, difference, tile[lane_at(1u, column, lane)]);
    }
    tile[group_at(0u, column, group)] = mean;
    tile[group_at(1u, column, group)] = squares;
  }
  workgroupBarrier();
  var mean = vec4f(0.0);
  for (var group = 0u; group < GROUPS; group++) {
    let count = f32(rows_of(group * GROUP, min(group * GROUP + GROUP, LANES)));
    mean += count * tile[group_at(0u, p.column, group)];
  }
  mean /= f32(ROWS);
  var squares = vec4f(0.0);
  for (var group = 0u; group < GROUPS; group++) {
    let count = f32(rows_of(group * GROUP, min(group * GROUP + GROUP, LANES)));
    let difference = tile[group_at(0u, p.column, group)] - mean;
    squares += fma(count * difference, difference, tile[group_at(1u, p.column, group)]);
  }
  workgroupBarrier();
  return Moments(mean, squares / f32(ROWS));
}

struct Sums {
  first: vec4f,
  second: vec4f,
}

// The sums of two tensors over the rows of each column. The tile is free before and after.
fn sums(p: Own, thread: u32, width: u32, first: mat4x4f, second: mat4x4f) -> Sums {
  if p.works {
    tile[lane_at(0u, p.column, p.lane)] = sum_of_four(p, first);
    tile[lane_at(1u, p.column, p.lane)] = sum_of_four(p, second);
  }
  workgroupBarrier();
  for (var i = thread; i < GROUPS * width; i += WORKGROUP) {
    let column = i / GROUPS;
    let group = i % GROUPS;
    var own = Sums(vec4f(0.0), vec4f(0.0));
    for (var lane = group * GROUP; lane < min(group * GROUP + GROUP, LANES); lane++) {
      own.first += tile[lane_at(0u, column, lane)];
      own.second += tile[lane_at(1u, column, lane)];
    }
    tile[group_at(0u, column, group)] = own.first;
    tile[group_at(1u, column, group)] = own.second;
  }
  workgroupBarrier();
  var all = Sums(vec4f(0.0), vec4f(0.0));
  for (var group = 0u; group < GROUPS; group++) {
    all.first += tile[group_at(0u, p.column, group)];
    all.second += tile[group_at(1u, p.column, group)];
  }
  workgroupBarrier();
  return all;
}

// S of a layer from the activations in the tile and the weights in w.
fn outputs_of(network: u32, l: u32, p: Own) -> mat4x4f {
  let depth = columns(places[l].inputs);
  let width = columns(places[l].outputs);
  let bias = packed[packed_bias(network, l) + p.column];
  var s = mat4x4f(bias, bias, bias, bias);
  for (var k = 0u; k < depth; k++) {
    let at = 4u * k * width + p.column;
    let four = mat4x4f(w[at], w[at + width], w[at + 2u * width], w[at + 3u * width]);
    s[0] = add_product(s[0], tile[k * ROWS + p.rows.x], four);
    s[1] = add_product(s[1], tile[k * ROWS + p.rows.y], four);
    s[2] = add_product(s[2], tile[k * ROWS + p.rows.z], four);
    s[3] = add_product(s[3], tile[k * ROWS + p.rows.w], four);
  }
  return s;
}

// dH of a layer from dS of the next one in the tile and that one's weights in w.
fn input_gradients(next: u32, p: Own) -> mat4x4f {
  let width = columns(places[next].outputs);
  var dh: mat4x4f;
  for (var m = 0u; m < width; m++) {
    let at = 4u * p.column * width + m;
    let four = transpose(mat4x4f(w[at], w[at + width], w[at + 2u * width], w[at + 3u * width]));
    dh[0] = add_product(dh[0], tile[m * ROWS + p.rows.x], four);
    dh[1] = add_product(dh[1], tile[m * ROWS + p.rows.y], four);
    dh[2] = add_product(dh[2], tile[m * ROWS + p.rows.z], four);
    dh[3] = add_product(dh[3], tile[m * ROWS + p.rows.w], four);
  }
  return dh;
}

// N and H of a hidden layer from its S; H goes into the tile, which is free before.
fn activate(network: u32, l: u32, p: Own, thread: u32, s: mat4x4f) {
  let outputs = places[l].outputs;
  let width = columns(outputs);
  var mean = vec4f(0.0);
  var inverse = vec4f(1.0);
  var scale = vec4f(1.0);
  var shift = vec4f(0.0);
  if BATCH_NORM == 1u {
    scale = packed[packed_gamma(network, l) + p.column];
    shift = packed[packed_beta(network, l) + p.column];
    let found = moments(p, thread, width, s);
    mean = found.mean;
    inverse = or_nan4(1.0 / sqrt(found.variance + EPSILON), is_finite4(found.variance));
    if p.works && p.lane == 0u {
      inverses[l * COLUMNS + p.column] = inverse;
      keep_averages(network, places[l].mean, p.column, outputs, mean);
      keep_averages(network, places[l].variance, p.column, outputs, found.variance);
    }
  }
  let n = mat4x4f((s[0] - mean) * inverse, (s[1] - mean) * inverse, (s[2] - mean) * inverse, (s[3] - mean) * inverse);
  let there = features(p.column, outputs);
  let h = mat4x4f(
    select(vec4f(0.0), relu4(fma(scale, n[0], shift)), there),
    select(vec4f(0.0), relu4(fma(scale, n[1], shift)), there),
    select(vec4f(0.0), relu4(fma(scale, n[2], shift)), there),
    select(vec4f(0.0), relu4(fma(scale, n[3], shift)), there),
  );
  if BATCH_NORM == 1u {
    store_arena(p, in_arena(network, places[l].n) + p.column * ROWS, n);
  }
  store_arena(p, in_arena(network, places[l].h) + p.column * ROWS, h);
  store_tile(p, h);
}

// dS of a hidden layer from its dH; the gradients of gamma and beta. The tile is free before and after.
fn deactivate(network: u32, l: u32, p: Own, thread: u32, dh: mat4x4f, h: mat4x4f, n: mat4x4f) -> mat4x4f {
  let g = mat4x4f(
    relu_gradient4(dh[0], h[0]), relu_gradient4(dh[1], h[1]), relu_gradient4(dh[2], h[2]), relu_gradient4(dh[3], h[3]),
  );
  if BATCH_NORM == 0u {
    return g;
  }
  let scale = packed[packed_gamma(network, l) + p.column] * inverses[l * COLUMNS + p.column];
  let products = mat4x4f(g[0] * n[0], g[1] * n[1], g[2] * n[2], g[3] * n[3]);
  let found = sums(p, thread, columns(places[l].outputs), g, products);
  let dbeta = found.first;
  let dgamma = found.second;
  if p.works && p.lane == 0u {
    arena[in_arena(network, places[l].dgamma) + p.column] = dgamma;
    arena[in_arena(network, places[l].dbeta) + p.column] = dbeta;
  }
  let rows = f32(ROWS);
  return mat4x4f(
    scale * (g[0] - dbeta / rows - n[0] * dgamma / rows),
    scale * (g[1] - dbeta / rows - n[1] * dgamma / rows),
    scale * (g[2] - dbeta / rows - n[2] * dgamma / rows),
    scale * (g[3] - dbeta / rows - n[3] * dgamma / rows),
  );
}

@compute @workgroup_size(WORKGROUP)
fn fused_tail(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let network = group.z;
  let row = min(thread, ROWS - 1u);
  let label = label_of(row);
  stage_weights(fetch_weights(packed_weight(network, 1u), weights_of(1u), thread), weights_of(1u), thread);
  let first = own_part(thread, columns(places[0].outputs));
  store_tile(first, load_arena(first, in_arena(network, places[0].h) + first.column * ROWS));
  if BATCH_NORM == 1u && first.works && first.lane == 0u {
    inverses[first.column] = arena[in_arena(network, places[0].inverse) + first.column];
  }
  workgroupBarrier();

  // Forward.
  for (var l = 1u; l < LAYERS; l++) {
    let next = min(l + 1u, LAYERS - 1u);
    let fetched = fetch_weights(packed_weight(network, next), weights_of(next), thread);
    let p = own_part(thread, columns(places[l].outputs));
    let s = outputs_of(network, l, p);
    workgroupBarrier(); // The products have been read.
    if l < LAYERS - 1u {
      activate(network, l, p, thread, s);
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
    let p = own_part(thread, columns(places[before].outputs));
    let h = load_arena(p, in_arena(network, places[before].h) + p.column * ROWS);
    var n: mat4x4f;
    if BATCH_NORM == 1u {
      n = load_arena(p, in_arena(network, places[before].n) + p.column * ROWS);
    }
    let dh = input_gradients(l, p);
    workgroupBarrier(); // The products have been read.
    let ds = deactivate(network, before, p, thread, dh, h, n);
    store_arena(p, in_arena(network, places[before].g) + p.column * ROWS, ds);
    if before > 0u {
      store_tile(p, ds);
      stage_weights(fetched, weights_of(before), thread);
    }
    workgroupBarrier();
  }
}
