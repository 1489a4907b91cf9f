// includes fused/softmax
//
// What the kernels share whose workgroup holds a whole layer of one network: `tile` its activations or gradients, then sums
// over its rows; `w` the weights of one layer, read while the products before are computed.
//
// A thread computes four rows x four features of a layer.

// Overrides stand before the arrays whose lengths they decide, in every file that includes this one, too: naga 29 panics
// otherwise.
override EPSILON: f32; // eps of 1 / sqrt(var + eps)
override STAGED: u32; // vec4s of the largest weight matrix after the first layer, at most 4 WORKGROUP
override COLUMNS: u32; // of the widest layer
override LANES: u32 = (ROWS + 3u) / 4u; // threads of a column; each computes rows lane, lane + LANES, ...
override GROUPS: u32 = (LANES + 4u) / 5u; // of five lanes, whose sums are added first

var<workgroup> w: array<vec4f, STAGED>; // [inputs rounded up to fours, columns]

// Which rows and column of a layer a thread computes. Threads without work repeat others' and store nothing.
struct Own {
  column: u32,
  slot: u32, // the column's place in the workgroup
  slots: u32, // columns that the workgroup computes
  lane: u32,
  rows: vec4u,
  there: vec4<bool>, // which of the rows exist
  works: bool,
}

// The part of a thread where the workgroup computes `slots` columns from `first` on.
fn own_part(thread: u32, first: u32, slots: u32) -> Own {
  let slot = min(thread / LANES, slots - 1u);
  let lane = thread % LANES;
  let rows = vec4u(lane) + vec4u(0u, 1u, 2u, 3u) * LANES;
  return Own(
    first + slot, slot, slots, lane, min(rows, vec4u(ROWS - 1u)), rows < vec4u(ROWS), thread < LANES * slots,
  );
}

// Four vec4s for each thread of a layer's packed weights, which begin at `first`.
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
  let at = p.slot * ROWS;
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

struct Five {
  v0: vec4f,
  v1: vec4f,
  v2: vec4f,
  v3: vec4f,
  v4: vec4f,
}

fn sum_of_five(f: Five) -> vec4f {
  return ((f.v0 + f.v1) + (f.v2 + f.v3)) + f.v4;
}

// Where the sums over rows lie in the tile: two for each lane, then two for each group of lanes.
fn lane_at(which: u32, slot: u32, lane: u32) -> u32 {
  return (which * COLUMNS + slot) * LANES + lane;
}

fn group_at(which: u32, slot: u32, group: u32) -> u32 {
  return 2u * COLUMNS * LANES + (which * COLUMNS + slot) * GROUPS + group;
}

struct Sums {
  first: vec4f,
  second: vec4f,
}

// A lane's sum; 0 behind the last lane.
fn lane_sum(which: u32, slot: u32, lane: u32) -> vec4f {
  return select(vec4f(0.0), tile[lane_at(which, slot, min(lane, LANES - 1u))], lane < LANES);
}

fn five_lanes(which: u32, slot: u32, first: u32) -> Five {
  return Five(
    lane_sum(which, slot, first), lane_sum(which, slot, first + 1u), lane_sum(which, slot, first + 2u),
    lane_sum(which, slot, first + 3u), lane_sum(which, slot, first + 4u),
  );
}

// A group's sum; 0 behind the last group.
fn group_sum(which: u32, slot: u32, group: u32) -> vec4f {
  return select(vec4f(0.0), tile[group_at(which, slot, min(group, GROUPS - 1u))], group < GROUPS);
}

fn five_groups(which: u32, slot: u32, first: u32) -> Five {
  return Five(
    group_sum(which, slot, first), group_sum(which, slot, first + 1u), group_sum(which, slot, first + 2u),
    group_sum(which, slot, first + 3u), group_sum(which, slot, first + 4u),
  );
}

fn sums_of_groups(slot: u32) -> Sums {
  var all = Sums(vec4f(0.0), vec4f(0.0));
  for (var g = 0u; g < GROUPS; g += 5u) {
    all.first += sum_of_five(five_groups(0u, slot, g));
    all.second += sum_of_five(five_groups(1u, slot, g));
  }
  return all;
}

// The sums of two tensors over the rows of each column. The tile is free before and after.
fn sums(p: Own, thread: u32, first: mat4x4f, second: mat4x4f) -> Sums {
  if p.works {
    tile[lane_at(0u, p.slot, p.lane)] = sum_of_four(p, first);
    tile[lane_at(1u, p.slot, p.lane)] = sum_of_four(p, second);
  }
  workgroupBarrier();
  for (var i = thread; i < GROUPS * p.slots; i += WORKGROUP) {
    let slot = i / GROUPS;
    let group = i % GROUPS;
    tile[group_at(0u, slot, group)] = sum_of_five(five_lanes(0u, slot, 5u * group));
    tile[group_at(1u, slot, group)] = sum_of_five(five_lanes(1u, slot, 5u * group));
  }
  workgroupBarrier();
  let all = sums_of_groups(p.slot);
  workgroupBarrier();
  return all;
}

// S of a layer from the activations in the tile and the weights in w.
fn outputs_of(l: u32, p: Own, bias: vec4f) -> mat4x4f {
  let depth = columns(places[l].inputs);
  let width = columns(places[l].outputs);
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

// What the gradients of a thread's part of a hidden layer are made from.
struct Activated {
  gamma: vec4f,
  inverse: vec4f, // 1 / sqrt(var + eps)
  h: mat4x4f,
  n: mat4x4f, // with batch norm
}

fn load_activated(network: u32, l: u32, p: Own) -> Activated {
  let column = p.column * ROWS;
  let h = load_arena(p, in_arena(network, places[l].h) + column);
  var n: mat4x4f;
  var inverse = vec4f(1.0);
  if BATCH_NORM == 1u {
    n = load_arena(p, in_arena(network, places[l].n) + column);
    inverse = arena[in_arena(network, places[l].inverse) + p.column];
  }
  return Activated(vectors_of(network, l, p.column).scale, inverse, h, n);
}

// dS of a hidden layer from its dH. With `keep` the gradients of gamma and beta are stored. The tile is free before and
// after.
fn deactivate(
  network: u32, l: u32, p: Own, thread: u32, keep: bool, activated: Activated, dh: mat4x4f,
) -> mat4x4f {
  let h = activated.h;
  let n = activated.n;
  let g = mat4x4f(
    relu_gradient4(dh[0], h[0]), relu_gradient4(dh[1], h[1]), relu_gradient4(dh[2], h[2]), relu_gradient4(dh[3], h[3]),
  );
  if BATCH_NORM == 0u {
    return g;
  }
  let scale = activated.gamma * activated.inverse;
  let products = mat4x4f(g[0] * n[0], g[1] * n[1], g[2] * n[2], g[3] * n[3]);
  let found = sums(p, thread, g, products);
  let dbeta = found.first;
  let dgamma = found.second;
  if keep && p.works && p.lane == 0u {
    let at = in_arena(network, places[l].gradients) + p.column;
    arena[at] = dgamma;
    arena[at + columns(places[l].outputs)] = dbeta;
  }
  let rows = f32(ROWS);
  return mat4x4f(
    scale * (g[0] - dbeta / rows - n[0] * dgamma / rows),
    scale * (g[1] - dbeta / rows - n[1] * dgamma / rows),
    scale * (g[2] - dbeta / rows - n[2] * dgamma / rows),
    scale * (g[3] - dbeta / rows - n[3] * dgamma / rows),
  );
}
