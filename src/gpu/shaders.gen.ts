// Generated from shaders/ by `deno task shaders`. Do not edit.

/** The text of every shader file without its comments, by its path in shaders/ without the extension. */
export const SHADERS: Readonly<Record<string, string>> = {
  "fused/block": `// includes fused/softmax








override EPSILON: f32;
override STAGED: u32;
override COLUMNS: u32;
override LANES: u32 = (ROWS + 3u) / 4u;
override GROUPS: u32 = (LANES + 4u) / 5u;

var<workgroup> w: array<vec4f, STAGED>;


struct Own {
  column: u32,
  slot: u32,
  slots: u32,
  lane: u32,
  rows: vec4u,
  there: vec4<bool>,
  works: bool,
}


fn own_part(thread: u32, first: u32, slots: u32) -> Own {
  let slot = min(thread / LANES, slots - 1u);
  let lane = thread % LANES;
  let rows = vec4u(lane) + vec4u(0u, 1u, 2u, 3u) * LANES;
  return Own(
    first + slot, slot, slots, lane, min(rows, vec4u(ROWS - 1u)), rows < vec4u(ROWS), thread < LANES * slots,
  );
}


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


fn rows_of(first: u32, end: u32) -> u32 {
  let starts = vec4u(0u, 1u, 2u, 3u) * LANES;
  let counts = min(vec4u(end) + starts, vec4u(ROWS)) - min(vec4u(first) + starts, vec4u(ROWS));
  return counts.x + counts.y + counts.z + counts.w;
}


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


fn lane_sum(which: u32, slot: u32, lane: u32) -> vec4f {
  return select(vec4f(0.0), tile[lane_at(which, slot, min(lane, LANES - 1u))], lane < LANES);
}

fn five_lanes(which: u32, slot: u32, first: u32) -> Five {
  return Five(
    lane_sum(which, slot, first), lane_sum(which, slot, first + 1u), lane_sum(which, slot, first + 2u),
    lane_sum(which, slot, first + 3u), lane_sum(which, slot, first + 4u),
  );
}


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


struct Activated {
  gamma: vec4f,
  inverse: vec4f,
  h: mat4x4f,
  n: mat4x4f,
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
`,
  "fused/column": `// includes fused/layers, fused/ten, shared/bits






override PARTS: u32;
override LANES: u32 = WORKGROUP / PARTS;
override EPSILON: f32;
override GROUPS: u32 = (ROWS + 9u) / 10u;

var<workgroup> parts: array<vec4f, WORKGROUP>;
var<workgroup> rows_of_column: array<vec4f, ROWS>;
var<workgroup> more_rows: array<vec4f, ROWS>;
var<workgroup> groups: array<vec4f, GROUPS>;
var<workgroup> more_groups: array<vec4f, GROUPS>;


fn tensor_at(first: u32, column: u32, end: u32) -> vec4f {
  let value = arena[first + min(column, end - 1u) * ROWS];
  return select(vec4f(0.0), value, column < end);
}


fn part_at(lane: u32, part: u32) -> vec4f {
  return select(vec4f(0.0), parts[min(part, PARTS - 1u) * LANES + lane], part < PARTS);
}


fn sum_of_parts(thread: u32, value: vec4f) -> vec4f {
  workgroupBarrier();
  parts[thread] = value;
  workgroupBarrier();
  let lane = thread % LANES;
  let p0 = part_at(lane, 0u);
  let p1 = part_at(lane, 1u);
  let p2 = part_at(lane, 2u);
  let p3 = part_at(lane, 3u);
  let p4 = part_at(lane, 4u);
  let p5 = part_at(lane, 5u);
  let p6 = part_at(lane, 6u);
  let p7 = part_at(lane, 7u);
  return ((p0 + p1) + (p2 + p3)) + ((p4 + p5) + (p6 + p7));
}

fn row_of_column(row: u32) -> vec4f {
  return select(vec4f(0.0), rows_of_column[min(row, ROWS - 1u)], row < ROWS);
}

fn ten_rows_of_column(first: u32) -> Ten {
  return Ten(
    row_of_column(first), row_of_column(first + 1u), row_of_column(first + 2u), row_of_column(first + 3u),
    row_of_column(first + 4u), row_of_column(first + 5u), row_of_column(first + 6u), row_of_column(first + 7u),
    row_of_column(first + 8u), row_of_column(first + 9u),
  );
}

fn other_row(row: u32) -> vec4f {
  return select(vec4f(0.0), more_rows[min(row, ROWS - 1u)], row < ROWS);
}

fn ten_other_rows(first: u32) -> Ten {
  return Ten(
    other_row(first), other_row(first + 1u), other_row(first + 2u), other_row(first + 3u), other_row(first + 4u),
    other_row(first + 5u), other_row(first + 6u), other_row(first + 7u), other_row(first + 8u), other_row(first + 9u),
  );
}

fn group_of_ten(group: u32) -> vec4f {
  return select(vec4f(0.0), groups[min(group, GROUPS - 1u)], group < GROUPS);
}

fn ten_groups(first: u32) -> Ten {
  return Ten(
    group_of_ten(first), group_of_ten(first + 1u), group_of_ten(first + 2u), group_of_ten(first + 3u),
    group_of_ten(first + 4u), group_of_ten(first + 5u), group_of_ten(first + 6u), group_of_ten(first + 7u),
    group_of_ten(first + 8u), group_of_ten(first + 9u),
  );
}

fn other_group(group: u32) -> vec4f {
  return select(vec4f(0.0), more_groups[min(group, GROUPS - 1u)], group < GROUPS);
}

fn ten_other_groups(first: u32) -> Ten {
  return Ten(
    other_group(first), other_group(first + 1u), other_group(first + 2u), other_group(first + 3u), other_group(first + 4u),
    other_group(first + 5u), other_group(first + 6u), other_group(first + 7u), other_group(first + 8u),
    other_group(first + 9u),
  );
}


fn rows_in(group: u32) -> u32 {
  return min(10u, max(ROWS, 10u * group) - 10u * group);
}

struct Sums {
  first: vec4f,
  second: vec4f,
}


fn sums_of_groups() -> Sums {
  var all = Sums(vec4f(0.0), vec4f(0.0));
  for (var g = 0u; g < GROUPS; g += 10u) {
    all.first += sum_of_ten(ten_groups(g));
    all.second += sum_of_ten(ten_other_groups(g));
  }
  return all;
}


fn sums(thread: u32) -> Sums {
  workgroupBarrier();
  for (var g = thread; g < GROUPS; g += WORKGROUP) {
    groups[g] = sum_of_ten(ten_rows_of_column(10u * g));
    more_groups[g] = sum_of_ten(ten_other_rows(10u * g));
  }
  workgroupBarrier();
  return sums_of_groups();
}

struct Moments {
  mean: vec4f,
  variance: vec4f,
}


fn group_square(group: u32, sum: vec4f, mean: vec4f) -> vec4f {
  let rows = f32(rows_in(group));
  let difference = sum / max(rows, 1.0) - mean;
  return rows * difference * difference;
}



fn moments(thread: u32) -> Moments {
  workgroupBarrier();
  for (var g = thread; g < GROUPS; g += WORKGROUP) {
    let ten = ten_rows_of_column(10u * g);
    let count = rows_in(g);
    let sum = sum_of_ten(ten);
    groups[g] = sum;
    more_groups[g] = squares_of_ten(ten, sum / f32(count), count);
  }
  workgroupBarrier();
  let found = sums_of_groups();
  let mean = found.first / f32(ROWS);
  var squares = found.second;
  for (var g = 0u; g < GROUPS; g += 10u) {
    let t = ten_groups(g);
    squares += sum_of_ten(Ten(
      group_square(g, t.v0, mean), group_square(g + 1u, t.v1, mean), group_square(g + 2u, t.v2, mean),
      group_square(g + 3u, t.v3, mean), group_square(g + 4u, t.v4, mean), group_square(g + 5u, t.v5, mean),
      group_square(g + 6u, t.v6, mean), group_square(g + 7u, t.v7, mean), group_square(g + 8u, t.v8, mean),
      group_square(g + 9u, t.v9, mean),
    ));
  }
  return Moments(mean, squares / f32(ROWS));
}
`,
  "fused/descent": `// includes fused/layers








@group(0) @binding(2) var<storage, read> networks: array<Network>;
@group(0) @binding(9) var<storage, read_write> gradients: array<f32>;

override UPDATE: u32;
override FORWARD: u32;
override GRADIENTS: u32;


struct Descent {
  eta: f32,
  decay: f32,
}

fn descent_of(network: u32) -> Descent {
  let n = networks[network];
  return Descent((1.0 - step.rise) * n.eta_min + step.rise * n.eta_max, 2.0 * n.lambda);
}


fn keep_gradients(network: u32, at: u32, column: u32, width: u32, gradient: vec4f) {
  if (step.parts & GRADIENTS) == 0u {
    return;
  }
  let first = network * layer.parameters + at + 4u * column;
  let left = width - 4u * column;
  gradients[first] = gradient.x;
  if left > 1u {
    gradients[first + 1u] = gradient.y;
  }
  if left > 2u {
    gradients[first + 2u] = gradient.z;
  }
  if left > 3u {
    gradients[first + 3u] = gradient.w;
  }
}


fn moved(d: Descent, old: vec4f, gradient: vec4f) -> vec4f {
  return fma(vec4f(-d.eta), gradient, old);
}


fn with_decay(d: Descent, old: vec4f, gradient: vec4f) -> vec4f {
  return fma(vec4f(d.decay), old, gradient);
}
`,
  "fused/evaluate": `// includes fused/layers, shared/averages, shared/bits









@group(0) @binding(38) var<storage, read_write> activations: array<vec4f>;



struct Ending {
  offset: vec4f,
  inverse: vec4f,
  gamma: vec4f,
  beta: vec4f,
}



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


fn activation(e: Ending, product: vec4f) -> vec4f {
  return relu4(fma(e.gamma, (product + e.offset) * e.inverse, e.beta));
}
`,
  "fused/evaluate_input": `// includes fused/evaluate, shared/images











override LANES: u32;
override COLUMNS: u32;
override CHUNK: u32;
override IMAGES: u32 = 8u * LANES;
override TURN: u32 = WORKGROUP / CHUNK;
override X_STRIDE: u32 = CHUNK + 1u;

var<workgroup> x: array<vec4f, IMAGES * X_STRIDE>;
var<workgroup> w: array<vec4f, 4u * CHUNK * COLUMNS>;


struct Places {
  first: vec2u,
  second: vec2u,
  third: vec2u,
  fourth: vec2u,
  fifth: vec2u,
}


struct Fetched {
  first: vec4f,
  second: vec4f,
  third: vec4f,
  fourth: vec4f,
  fifth: vec4f,
  standard: Standard,
  w0: vec4f,
  w1: vec4f,
}


struct Products {
  a: mat4x4f,
  b: mat4x4f,
}

fn place_of(image: u32) -> vec2u {
  return place(step.first + min(image, step.rows - 1u));
}


fn fetch_texel(turn: u32, k: u32, at: vec2u) -> vec4f {
  if turn * TURN >= IMAGES {
    return vec4f(0.0);
  }
  return textureLoad(images, vec2u(k, at.x), at.y, 0);
}


fn fetch_weight(network: u32, texel: u32, first_column: u32, i: u32) -> vec4f {
  let width = columns(layer.outputs);
  let input = 4u * texel + i / COLUMNS;
  let inputs = 4u * layer.texels;
  let column = min(first_column + i % COLUMNS, width - 1u);
  let value = packed[packed_weight(network, 0u) + min(input, inputs - 1u) * width + column];
  return select(vec4f(0.0), value, input < inputs);
}

fn fetch(network: u32, texel: u32, first_column: u32, thread: u32, at: Places) -> Fetched {
  let k = min(texel + thread % CHUNK, layer.texels - 1u);
  return Fetched(
    fetch_texel(0u, k, at.first),
    fetch_texel(1u, k, at.second),
    fetch_texel(2u, k, at.third),
    fetch_texel(3u, k, at.fourth),
    fetch_texel(4u, k, at.fifth),
    standard[k],
    fetch_weight(network, texel, first_column, thread),
    fetch_weight(network, texel, first_column, thread + WORKGROUP),
  );
}

fn stage_texel(turn: u32, thread: u32, pixels: vec4f, s: Standard) {
  let image = turn * TURN + thread / CHUNK;
  if image < IMAGES {
    x[image * X_STRIDE + thread % CHUNK] = fma(pixels, s.scale, s.shift);
  }
}

fn stage(f: Fetched, thread: u32) {
  stage_texel(0u, thread, f.first, f.standard);
  stage_texel(1u, thread, f.second, f.standard);
  stage_texel(2u, thread, f.third, f.standard);
  stage_texel(3u, thread, f.fourth, f.standard);
  stage_texel(4u, thread, f.fifth, f.standard);
  if thread < 4u * CHUNK * COLUMNS {
    w[thread] = f.w0;
  }
  if thread + WORKGROUP < 4u * CHUNK * COLUMNS {
    w[thread + WORKGROUP] = f.w1;
  }
}


fn add_texel(s: Products, lane: u32, column: u32, k: u32) -> Products {
  let at = 4u * k * COLUMNS + column;
  let four = mat4x4f(w[at], w[at + COLUMNS], w[at + 2u * COLUMNS], w[at + 3u * COLUMNS]);
  let first = lane * X_STRIDE + k;
  let next = LANES * X_STRIDE;
  return Products(
    mat4x4f(
      add_product(s.a[0], x[first], four),
      add_product(s.a[1], x[first + next], four),
      add_product(s.a[2], x[first + 2u * next], four),
      add_product(s.a[3], x[first + 3u * next], four),
    ),
    mat4x4f(
      add_product(s.b[0], x[first + 4u * next], four),
      add_product(s.b[1], x[first + 5u * next], four),
      add_product(s.b[2], x[first + 6u * next], four),
      add_product(s.b[3], x[first + 7u * next], four),
    ),
  );
}

fn store(at: u32, image: u32, e: Ending, product: vec4f) {
  if image < step.rows {
    activations[at + image] = activation(e, product);
  }
}

@compute @workgroup_size(WORKGROUP)
fn fused_evaluate_input(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let network = group.z;
  let first = group.x * IMAGES;
  let first_column = group.y * COLUMNS;
  if first >= step.rows {
    return;
  }
  let image = first + thread / CHUNK;
  let at = Places(
    place_of(image),
    place_of(image + TURN),
    place_of(image + 2u * TURN),
    place_of(image + 3u * TURN),
    place_of(image + 4u * TURN),
  );
  let lane = thread % LANES;
  let c = thread / LANES;
  var fetched = fetch(network, 0u, first_column, thread, at);
  var s: Products;
  for (var texel = 0u; texel < layer.texels; texel += CHUNK) {
    workgroupBarrier();
    stage(fetched, thread);
    workgroupBarrier();
    fetched = fetch(network, texel + CHUNK, first_column, thread, at);
    if c < COLUMNS {
      for (var k = 0u; k < CHUNK; k += 2u) {
        s = add_texel(s, lane, c, k);
        s = add_texel(s, lane, c, k + 1u);
      }
    }
  }
  let width = columns(layer.outputs);
  let column = first_column + c;
  if c < COLUMNS && column < width {
    let e = ending_of(network, 0u, column);
    let to = (network * width + column) * step.rows;
    store(to, first + lane, e, s.a[0]);
    store(to, first + lane + LANES, e, s.a[1]);
    store(to, first + lane + 2u * LANES, e, s.a[2]);
    store(to, first + lane + 3u * LANES, e, s.a[3]);
    store(to, first + lane + 4u * LANES, e, s.b[0]);
    store(to, first + lane + 5u * LANES, e, s.b[1]);
    store(to, first + lane + 6u * LANES, e, s.b[2]);
    store(to, first + lane + 7u * LANES, e, s.b[3]);
  }
}
`,
  "fused/evaluate_rest": `// includes fused/evaluate












@group(0) @binding(6) var<storage, read> labels: array<u32>;
@group(0) @binding(18) var<storage, read_write> outcomes: array<vec2f>;
@group(0) @binding(25) var<storage, read_write> predictions: array<u32>;

override DEPTH: u32;
override ODD: u32;
override EVEN: u32;


var<workgroup> values: array<vec4f, (ODD + EVEN) * WORKGROUP>;
var<workgroup> w: array<vec4f, 16u * DEPTH>;
var<workgroup> endings: array<Ending, 4>;


fn load_columns(h: u32, row: u32, first: u32, width: u32, thread: u32) {
  let last = width - 1u;
  let c0 = first;
  let c1 = min(first + 1u, last);
  let c2 = min(first + 2u, last);
  let c3 = min(first + 3u, last);
  let c4 = min(first + 4u, last);
  let c5 = min(first + 5u, last);
  let c6 = min(first + 6u, last);
  let c7 = min(first + 7u, last);
  let at = h + row;
  let h0 = activations[at + c0 * step.rows];
  let h1 = activations[at + c1 * step.rows];
  let h2 = activations[at + c2 * step.rows];
  let h3 = activations[at + c3 * step.rows];
  let h4 = activations[at + c4 * step.rows];
  let h5 = activations[at + c5 * step.rows];
  let h6 = activations[at + c6 * step.rows];
  let h7 = activations[at + c7 * step.rows];
  values[c0 * WORKGROUP + thread] = h0;
  values[c1 * WORKGROUP + thread] = h1;
  values[c2 * WORKGROUP + thread] = h2;
  values[c3 * WORKGROUP + thread] = h3;
  values[c4 * WORKGROUP + thread] = h4;
  values[c5 * WORKGROUP + thread] = h5;
  values[c6 * WORKGROUP + thread] = h6;
  values[c7 * WORKGROUP + thread] = h7;
}


fn weight_at(first: u32, i: u32, column: u32, width: u32) -> vec4f {
  return packed[first + i / 4u * width + min(column + i % 4u, width - 1u)];
}

fn stage_weight(i: u32, count: u32, value: vec4f) {
  if i < count {
    w[i] = value;
  }
}


fn stage_columns(network: u32, l: u32, column: u32, thread: u32) {
  let width = columns(places[l].outputs);
  let count = 16u * columns(places[l].inputs);
  let last = count - 1u;
  let first = packed_weight(network, l);
  if thread < 4u {
    endings[thread] = ending_of(network, l, min(column + thread, width - 1u));
  }
  for (var i = thread; i < count; i += 8u * WORKGROUP) {
    let w0 = weight_at(first, i, column, width);
    let w1 = weight_at(first, min(i + WORKGROUP, last), column, width);
    let w2 = weight_at(first, min(i + 2u * WORKGROUP, last), column, width);
    let w3 = weight_at(first, min(i + 3u * WORKGROUP, last), column, width);
    let w4 = weight_at(first, min(i + 4u * WORKGROUP, last), column, width);
    let w5 = weight_at(first, min(i + 5u * WORKGROUP, last), column, width);
    let w6 = weight_at(first, min(i + 6u * WORKGROUP, last), column, width);
    let w7 = weight_at(first, min(i + 7u * WORKGROUP, last), column, width);
    stage_weight(i, count, w0);
    stage_weight(i + WORKGROUP, count, w1);
    stage_weight(i + 2u * WORKGROUP, count, w2);
    stage_weight(i + 3u * WORKGROUP, count, w3);
    stage_weight(i + 4u * WORKGROUP, count, w4);
    stage_weight(i + 5u * WORKGROUP, count, w5);
    stage_weight(i + 6u * WORKGROUP, count, w6);
    stage_weight(i + 7u * WORKGROUP, count, w7);
  }
}


fn staged(k: u32, column: u32) -> mat4x4f {
  let at = 16u * k + column;
  return mat4x4f(w[at], w[at + 4u], w[at + 8u], w[at + 12u]);
}


fn products(inputs: u32, depth: u32) -> mat4x4f {
  var s: mat4x4f;
  for (var k = 0u; k < depth; k++) {
    let x = values[inputs + k * WORKGROUP];
    s[0] = add_product(s[0], x, staged(k, 0u));
    s[1] = add_product(s[1], x, staged(k, 1u));
    s[2] = add_product(s[2], x, staged(k, 2u));
    s[3] = add_product(s[3], x, staged(k, 3u));
  }
  return s;
}

fn store_column(to: u32, l: u32, column: u32, i: u32, product: vec4f) {
  if column + i < columns(places[l].outputs) {
    let e = endings[i];
    var value = product + e.offset;
    if l < LAYERS - 1u {
      value = activation(e, product);
    }
    values[to + (column + i) * WORKGROUP] = value;
  }
}


struct Best {
  logit: f32,
  index: u32,
}

fn better(best: Best, logit: f32, index: u32) -> Best {
  if index < places[LAYERS - 1u].outputs && is_greater(logit, best.logit) {
    return Best(logit, index);
  }
  return best;
}


fn store_outcome(logits: u32, label: u32, to: u32) {
  let classes = places[LAYERS - 1u].outputs;
  let width = columns(classes);
  var best = Best(values[logits].x, 0u);
  var valid = true;
  for (var c = 0u; c < width; c++) {
    let four = values[logits + c * WORKGROUP];
    valid = valid && !any(has_no_softmax4(four) & features(c, classes));
    best = better(best, four.x, 4u * c);
    best = better(best, four.y, 4u * c + 1u);
    best = better(best, four.z, 4u * c + 2u);
    best = better(best, four.w, 4u * c + 3u);
  }
  var powers = vec4f(0.0);
  for (var c = 0u; c < width; c++) {
    powers += select(vec4f(0.0), exp(values[logits + c * WORKGROUP] - best.logit), features(c, classes));
  }
  let own = values[logits + label / 4u * WORKGROUP][label % 4u];
  let loss = log(powers.x + powers.y + powers.z + powers.w) - (own - best.logit);
  outcomes[to] = vec2f(or_nan(loss, valid && is_finite(own)), f32(best.index == label));
  predictions[to] = best.index;
}

@compute @workgroup_size(WORKGROUP)
fn fused_evaluate_rest(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let network = group.z;
  let first = group.x * WORKGROUP;
  if first >= step.rows {
    return;
  }
  let row = min(first + thread, step.rows - 1u);
  let label = labels[step.first + row];
  let width = columns(places[0].outputs);
  for (var c = 0u; c < width; c += 8u) {
    load_columns(network * width * step.rows, row, c, width, thread);
  }
  var inputs = thread;
  var outputs = ODD * WORKGROUP + thread;
  for (var l = 1u; l < LAYERS; l++) {
    for (var column = 0u; column < columns(places[l].outputs); column += 4u) {
      workgroupBarrier();
      stage_columns(network, l, column, thread);
      workgroupBarrier();
      let s = products(inputs, columns(places[l].inputs));
      store_column(outputs, l, column, 0u, s[0]);
      store_column(outputs, l, column, 1u, s[1]);
      store_column(outputs, l, column, 2u, s[2]);
      store_column(outputs, l, column, 3u, s[3]);
    }
    let free = inputs;
    inputs = outputs;
    outputs = free;
  }
  if first + thread < step.rows {
    store_outcome(inputs, label, network * step.rows + row);
  }
}
`,
  "fused/input": `// includes fused/weights, shared/images
















@group(0) @binding(15) var<storage, read_write> slices: array<vec4f>;

override SLICE: u32;
override SLICES: u32;
override COLUMNS: u32;
override STAGED_ROWS: u32;
override STAGED: u32;

const PARTS = 4u;

override LANES: u32 = STAGED_ROWS / 4u;
override X_STRIDE: u32 = SLICE + 1u;
override DS: u32 = STAGED_ROWS * X_STRIDE;

var<workgroup> staged: array<vec4f, STAGED>;
var<workgroup> w: array<vec4f, 4u * SLICE * COLUMNS>;


struct Fetched {
  first: vec4f,
  second: vec4f,
}

fn fetch_pixel(images_from: u32, row: u32, i: u32, texel: u32) -> vec4f {
  let r = row + i / SLICE;
  let s = standard[min(texel, layer.texels - 1u)];
  let x = pixels(min(texel, layer.texels - 1u), place(order[images_from + min(r, ROWS - 1u)]), s);
  return select(vec4f(0.0), x, r < ROWS && texel < layer.texels);
}

fn fetch_images(images_from: u32, row: u32, slice: u32, thread: u32) -> Fetched {
  let texel = slice * SLICE + thread % SLICE;
  return Fetched(
    fetch_pixel(images_from, row, thread, texel),
    fetch_pixel(images_from, row, thread + WORKGROUP, texel),
  );
}

fn stage_images(fetched: Fetched, thread: u32) {
  let count = STAGED_ROWS * SLICE;
  if thread < count {
    staged[thread / SLICE * X_STRIDE + thread % SLICE] = fetched.first;
  }
  if thread + WORKGROUP < count {
    let i = thread + WORKGROUP;
    staged[i / SLICE * X_STRIDE + i % SLICE] = fetched.second;
  }
}


fn gradient_at(network: u32, row: u32, first_column: u32, i: u32) -> vec4f {
  let column = min(first_column + i / STAGED_ROWS, columns(layer.outputs) - 1u);
  let r = row + i % STAGED_ROWS;
  let value = arena[in_arena(network, places[0].g) + column * ROWS + min(r, ROWS - 1u)];
  return select(vec4f(0.0), value, r < ROWS);
}


fn stage_gradients(network: u32, row: u32, first_column: u32, thread: u32) {
  let count = STAGED_ROWS * COLUMNS;
  let g0 = gradient_at(network, row, first_column, min(thread, count - 1u));
  let g1 = gradient_at(network, row, first_column, min(thread + WORKGROUP, count - 1u));
  let g2 = gradient_at(network, row, first_column, min(thread + 2u * WORKGROUP, count - 1u));
  let g3 = gradient_at(network, row, first_column, min(thread + 3u * WORKGROUP, count - 1u));
  if thread < count {
    staged[DS + thread] = g0;
  }
  if thread + WORKGROUP < count {
    staged[DS + thread + WORKGROUP] = g1;
  }
  if thread + 2u * WORKGROUP < count {
    staged[DS + thread + 2u * WORKGROUP] = g2;
  }
  if thread + 3u * WORKGROUP < count {
    staged[DS + thread + 3u * WORKGROUP] = g3;
  }
}


fn add_row(sum: mat4x4f, q: u32, column: u32, row: u32) -> mat4x4f {
  return add_outer(sum, staged[row * X_STRIDE + q], staged[DS + column * STAGED_ROWS + row]);
}


fn add_rows(sum: mat4x4f, q: u32, column: u32, part: u32) -> mat4x4f {
  var total = sum;
  for (var row = part * (STAGED_ROWS / PARTS); row < (part + 1u) * (STAGED_ROWS / PARTS); row += 5u) {
    total = add_row(total, q, column, row);
    total = add_row(total, q, column, row + 1u);
    total = add_row(total, q, column, row + 2u);
    total = add_row(total, q, column, row + 3u);
    total = add_row(total, q, column, row + 4u);
  }
  return total;
}


fn waiting(part: u32, input: u32, own: u32) -> u32 {
  let place = (part + PARTS - input) % PARTS - 1u;
  return (place * PARTS + input) * SLICE * COLUMNS + own;
}


fn part_sum(part: u32, input: u32, own: u32, own_sum: vec4f) -> vec4f {
  if part == input {
    return own_sum;
  }
  return staged[waiting(part, input, own)];
}


fn sum_of_parts(sum: mat4x4f, thread: u32, part: u32) -> vec4f {
  let own = thread % (SLICE * COLUMNS);
  workgroupBarrier();
  if part != 0u {
    staged[waiting(part, 0u, own)] = sum[0];
  }
  if part != 1u {
    staged[waiting(part, 1u, own)] = sum[1];
  }
  if part != 2u {
    staged[waiting(part, 2u, own)] = sum[2];
  }
  if part != 3u {
    staged[waiting(part, 3u, own)] = sum[3];
  }
  let half = select(sum[0], sum[1], part == 1u);
  let own_sum = select(half, select(sum[2], sum[3], part == 3u), part >= 2u);
  workgroupBarrier();
  return part_sum(0u, part, own, own_sum) + part_sum(1u, part, own, own_sum) +
    part_sum(2u, part, own, own_sum) + part_sum(3u, part, own, own_sum);
}


fn products(column: u32, lane: u32) -> mat4x4f {
  var s: mat4x4f;
  for (var k = 0u; k < SLICE; k++) {
    let at = 4u * k * COLUMNS + column;
    let four = mat4x4f(w[at], w[at + COLUMNS], w[at + 2u * COLUMNS], w[at + 3u * COLUMNS]);
    s[0] = add_product(s[0], staged[lane * X_STRIDE + k], four);
    s[1] = add_product(s[1], staged[(lane + LANES) * X_STRIDE + k], four);
    s[2] = add_product(s[2], staged[(lane + 2u * LANES) * X_STRIDE + k], four);
    s[3] = add_product(s[3], staged[(lane + 3u * LANES) * X_STRIDE + k], four);
  }
  return s;
}

fn store_product(at: u32, row: u32, value: vec4f) {
  if row < ROWS {
    slices[at + row] = value;
  }
}

@compute @workgroup_size(WORKGROUP)
fn fused_input(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let network = group.z;
  let slice = group.x;
  if slice >= SLICES {
    if group.y == 0u && (step.parts & UPDATE) != 0u {
      move_later_layers(network, slice - SLICES, thread);
    }
    return;
  }
  let width = columns(layer.outputs);
  let first_column = group.y * COLUMNS;
  var next = fetch_images(step.next, 0u, slice, thread);


  let q = thread % SLICE;
  let c = thread / SLICE % COLUMNS;
  let part = thread / (SLICE * COLUMNS);
  let column = first_column + c;
  let input = 4u * (slice * SLICE + q) + part;
  let exists = input < layer.inputs && column < width;
  let at = packed_weight(network, 0u) + input * width + column;
  let d = descent_of(network);
  var weights = vec4f(0.0);
  if exists {
    weights = packed[at];
  }
  if (step.parts & UPDATE) != 0u {
    var sum: mat4x4f;
    for (var row = 0u; row < ROWS; row += STAGED_ROWS) {
      let fetched = fetch_images(step.first, row, slice, thread);
      workgroupBarrier();
      stage_gradients(network, row, first_column, thread);
      stage_images(fetched, thread);
      workgroupBarrier();
      sum = add_rows(sum, q, c, part);
    }
    let gradient = sum_of_parts(sum, thread, part);
    if exists {
      let g = with_decay(d, weights, gradient);
      weights = moved(d, weights, g);
      packed[at] = weights;
      keep_gradients(network, places[0].weight + input * layer.outputs, column, layer.outputs, g);
    }
  }
  if (step.parts & FORWARD) == 0u {
    return;
  }


  w[(4u * q + part) * COLUMNS + c] = weights;
  let own_column = thread / LANES;
  let lane = thread % LANES;
  let to = ((network * width + first_column + own_column) * SLICES + slice) * ROWS;
  for (var row = 0u; row < ROWS; row += STAGED_ROWS) {
    workgroupBarrier();
    stage_images(next, thread);
    workgroupBarrier();
    next = fetch_images(step.next, row + STAGED_ROWS, slice, thread);
    if own_column < COLUMNS && first_column + own_column < width {
      let s = products(own_column, lane);
      store_product(to, row + lane, s[0]);
      store_product(to, row + lane + LANES, s[1]);
      store_product(to, row + lane + 2u * LANES, s[2]);
      store_product(to, row + lane + 3u * LANES, s[3]);
    }
  }
}
`,
  "fused/input_backward": `// includes fused/weights, fused/input_tile















override TEXELS: u32;
override BLOCKS: u32;
override LATER: u32;

const BLOCK = 32u;
const CHUNK = 20u;
const FOURS = CHUNK / 4u;
const PIXELS = CHUNK * BLOCK;

override TEXEL_LANES: u32 = BLOCK / TEXELS;
const DS = FOURS * BLOCK;
override CELLS: u32 = CHUNK * COLUMNS;

var<workgroup> images_of_rows: array<u32, ROWS>;


struct Origins {
  g0: u32,
  g1: u32,
  g2: u32,
  g3: u32,
  g4: u32,
}


struct Chunk {
  x0: vec4f,
  x1: vec4f,
  x2: vec4f,
  x3: vec4f,
  x4: vec4f,
  g0: vec4f,
  g1: vec4f,
  g2: vec4f,
  g3: vec4f,
  g4: vec4f,
}


struct Tiles {
  low: Tile,
  high: Tile,
}

fn gradient_origin(first_column: u32, i: u32) -> u32 {
  let own = column_of(first_column + i / CHUNK);
  return in_arena(own.network, places[0].g) + own.column * ROWS + i % CHUNK;
}

fn gradient_origins(first_column: u32, thread: u32) -> Origins {
  return Origins(
    gradient_origin(first_column, thread),
    gradient_origin(first_column, thread + WORKGROUP),
    gradient_origin(first_column, thread + 2u * WORKGROUP),
    gradient_origin(first_column, thread + 3u * WORKGROUP),
    gradient_origin(first_column, thread + 4u * WORKGROUP),
  );
}


fn fetch_pixel(texel: u32, row: u32, thread: u32, turn: u32) -> vec4f {
  if turn * WORKGROUP >= PIXELS {
    return vec4f(0.0);
  }
  let i = thread + turn * WORKGROUP;
  return raw_at(images_of_rows[min(row + i / BLOCK, ROWS - 1u)], texel);
}


fn fetch_gradient(at: u32, row: u32, thread: u32, turn: u32) -> vec4f {
  if turn * WORKGROUP >= CELLS {
    return vec4f(0.0);
  }
  let i = thread + turn * WORKGROUP;
  return select(vec4f(0.0), arena[at + row], row + i % CHUNK < ROWS);
}

fn fetch_chunk(origins: Origins, texel: u32, row: u32, thread: u32) -> Chunk {
  return Chunk(
    fetch_pixel(texel, row, thread, 0u),
    fetch_pixel(texel, row, thread, 1u),
    fetch_pixel(texel, row, thread, 2u),
    fetch_pixel(texel, row, thread, 3u),
    fetch_pixel(texel, row, thread, 4u),
    fetch_gradient(origins.g0, row, thread, 0u),
    fetch_gradient(origins.g1, row, thread, 1u),
    fetch_gradient(origins.g2, row, thread, 2u),
    fetch_gradient(origins.g3, row, thread, 3u),
    fetch_gradient(origins.g4, row, thread, 4u),
  );
}

fn stage_pixel(raw: vec4f, s: Standard, i: u32) {
  if i < PIXELS {
    let row = i / BLOCK;
    staged[row / 4u * BLOCK + i % BLOCK][row % 4u] = standardised(raw, s);
  }
}

fn stage_gradient(value: vec4f, i: u32) {
  if i < CELLS {
    let row = i % CHUNK;
    staged[DS + row / 4u * COLUMNS + i / CHUNK][row % 4u] = value;
  }
}

fn stage_chunk(chunk: Chunk, s: Standard, thread: u32) {
  stage_pixel(chunk.x0, s, thread);
  stage_pixel(chunk.x1, s, thread + WORKGROUP);
  stage_pixel(chunk.x2, s, thread + 2u * WORKGROUP);
  stage_pixel(chunk.x3, s, thread + 3u * WORKGROUP);
  stage_pixel(chunk.x4, s, thread + 4u * WORKGROUP);
  stage_gradient(chunk.g0, thread);
  stage_gradient(chunk.g1, thread + WORKGROUP);
  stage_gradient(chunk.g2, thread + 2u * WORKGROUP);
  stage_gradient(chunk.g3, thread + 3u * WORKGROUP);
  stage_gradient(chunk.g4, thread + 4u * WORKGROUP);
}

fn add_texels(t: Tile, x0: vec4f, x1: vec4f, g0: vec4f, g1: vec4f) -> Tile {
  return Tile(
    add_outer(t.a, x0, g0), add_outer(t.b, x0, g1),
    add_outer(t.c, x1, g0), add_outer(t.d, x1, g1),
  );
}


fn add_row(t: Tiles, x: u32, g: u32, r: u32) -> Tiles {
  let g0 = staged[g][r];
  let g1 = staged[g + HALF][r];
  var sum = t;
  sum.low = add_texels(t.low, staged[x][r], staged[x + TEXEL_LANES][r], g0, g1);
  if TEXELS == 4u {
    sum.high = add_texels(t.high, staged[x + 2u * TEXEL_LANES][r], staged[x + 3u * TEXEL_LANES][r], g0, g1);
  }
  return sum;
}

fn add_chunk(t: Tiles, q: u32, d: u32) -> Tiles {
  var sum = t;
  for (var four = 0u; four < FOURS; four++) {
    let x = four * BLOCK + q;
    let g = DS + four * COLUMNS + d;
    sum = add_row(sum, x, g, 0u);
    sum = add_row(sum, x, g, 1u);
    sum = add_row(sum, x, g, 2u);
    sum = add_row(sum, x, g, 3u);
  }
  return sum;
}

fn weights_of(own: Column, texel: u32) -> mat4x4f {
  return weights_at(weight_at(own, 4u * texel), columns(layer.outputs));
}

fn move_input(own: Column, d: Descent, input: u32, old: vec4f, gradient: vec4f) {
  if input >= layer.inputs {
    return;
  }
  let g = with_decay(d, old, gradient);
  packed[weight_at(own, input)] = moved(d, old, g);
  keep_gradients(own.network, places[0].weight + input * layer.outputs, own.column, layer.outputs, g);
}

fn move_texel(own: Column, d: Descent, texel: u32, old: mat4x4f, gradient: mat4x4f) {
  move_input(own, d, 4u * texel, old[0], gradient[0]);
  move_input(own, d, 4u * texel + 1u, old[1], gradient[1]);
  move_input(own, d, 4u * texel + 2u, old[2], gradient[2]);
  move_input(own, d, 4u * texel + 3u, old[3], gradient[3]);
}


fn move_column(v: u32, texel: u32, g0: mat4x4f, g1: mat4x4f, g2: mat4x4f, g3: mat4x4f) {
  let own = column_of(v);
  if !own.exists {
    return;
  }
  let d = descent_of(own.network);
  let w0 = weights_of(own, texel);
  let w1 = weights_of(own, texel + TEXEL_LANES);
  var w2 = mat4x4f();
  var w3 = mat4x4f();
  if TEXELS == 4u {
    w2 = weights_of(own, texel + 2u * TEXEL_LANES);
    w3 = weights_of(own, texel + 3u * TEXEL_LANES);
  }
  move_texel(own, d, texel, w0, g0);
  move_texel(own, d, texel + TEXEL_LANES, w1, g1);
  if TEXELS == 4u {
    move_texel(own, d, texel + 2u * TEXEL_LANES, w2, g2);
    move_texel(own, d, texel + 3u * TEXEL_LANES, w3, g3);
  }
}


fn weight_gradients(first_column: u32, block: u32, thread: u32) -> Tiles {
  for (var row = thread; row < ROWS; row += WORKGROUP) {
    images_of_rows[row] = image_at(step.first, row);
  }
  let own_texel = block * BLOCK + thread % BLOCK;
  let s = standard_of(own_texel);
  let origins = gradient_origins(first_column, thread);
  workgroupBarrier();
  var chunk = fetch_chunk(origins, own_texel, 0u, thread);

  var sum = Tiles();
  for (var row = 0u; row < ROWS; row += CHUNK) {
    workgroupBarrier();
    stage_chunk(chunk, s, thread);
    workgroupBarrier();
    chunk = fetch_chunk(origins, own_texel, row + CHUNK, thread);
    if thread < TEXEL_LANES * HALF {
      sum = add_chunk(sum, thread / HALF, thread % HALF);
    }
  }
  return sum;
}

fn move_tiles(first_column: u32, block: u32, thread: u32, sum: Tiles) {
  if thread < TEXEL_LANES * HALF {
    let column = first_column + thread % HALF;
    let texel = block * BLOCK + thread / HALF;
    move_column(column, texel, sum.low.a, sum.low.c, sum.high.a, sum.high.c);
    move_column(column + HALF, texel, sum.low.b, sum.low.d, sum.high.b, sum.high.d);
  }
}

fn tiles_of_columns() -> u32 {
  return (NETWORKS * columns(layer.outputs) + COLUMNS - 1u) / COLUMNS;
}


fn move_others(group: vec3u, thread: u32) {
  let i = (group.y - tiles_of_columns()) * BLOCKS + group.x;
  if i < NETWORKS * LATER {
    move_later_layers(i / LATER, i % LATER, thread);
  }
}

@compute @workgroup_size(WORKGROUP)
fn fused_input_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (step.parts & UPDATE) == 0u {
    return;
  }
  if group.y < tiles_of_columns() {
    let sum = weight_gradients(group.y * COLUMNS, group.x, thread);
    move_tiles(group.y * COLUMNS, group.x, thread, sum);
  } else {
    move_others(group, thread);
  }
}
`,
  "fused/input_both": `// includes fused/input_backward, fused/input_forward





@compute @workgroup_size(WORKGROUP)
fn fused_input_both(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let updates = (step.parts & UPDATE) != 0u;
  if group.y >= tiles_of_columns() {
    if updates {
      move_others(group, thread);
    }
    return;
  }
  let first_column = group.y * COLUMNS;
  var sum = Tiles();
  if updates {
    sum = weight_gradients(first_column, group.x, thread);
  }
  let images = first_images(group.x, 0u, thread);
  if updates {
    move_tiles(first_column, group.x, thread, sum);
    storageBarrier();
    workgroupBarrier();
  }
  if (step.parts & FORWARD) != 0u {
    forward(first_column, group.x, thread, images);
  }
}
`,
  "fused/input_forward": `// includes fused/input_tile











@group(0) @binding(15) var<storage, read_write> slices: array<vec4f>;

override SLICE: u32;
override SLICES: u32;
override LANES: u32;

const CHUNK_TEXELS = 4u;
const CHUNK_INPUTS = 4u * CHUNK_TEXELS;


override WEIGHTS: u32 = CHUNK_TEXELS * 2u * LANES;


struct Images {
  image0: u32,
  image1: u32,
  x0: vec4f,
  x1: vec4f,
}


struct Weights {
  at0: u32,
  at1: u32,
  w0: vec4f,
  w1: vec4f,
}


fn first_images(slice: u32, row: u32, thread: u32) -> Images {
  let texel = slice * SLICE + thread % CHUNK_TEXELS;
  let image0 = image_at(step.next, row + thread / CHUNK_TEXELS);
  let image1 = image_at(step.next, row + (thread + WORKGROUP) / CHUNK_TEXELS);
  return Images(image0, image1, raw_at(image0, texel), raw_at(image1, texel));
}

fn next_images(images: Images, texel: u32) -> Images {
  return Images(images.image0, images.image1, raw_at(images.image0, texel), raw_at(images.image1, texel));
}


fn stage_pixel_of_row(raw: vec4f, s: Standard, i: u32) {
  let row = i / CHUNK_TEXELS;
  if row < 8u * LANES {
    let j = row / LANES;
    staged[(i % CHUNK_TEXELS * 2u + j / 4u) * LANES + row % LANES][j % 4u] = standardised(raw, s);
  }
}


fn weights_of_texel(at: u32, texel: u32, i: u32) -> vec4f {
  let value = packed[at + 4u * texel * columns(layer.outputs)];
  return select(vec4f(0.0), value, 4u * texel + i / COLUMNS < 4u * layer.texels);
}

fn next_weights(at0: u32, at1: u32, texel: u32, thread: u32) -> Weights {
  return Weights(
    at0, at1,
    weights_of_texel(at0, texel, thread),
    weights_of_texel(at1, texel, thread + WORKGROUP),
  );
}

fn first_weights(first_column: u32, texel: u32, thread: u32) -> Weights {
  let i = thread + WORKGROUP;
  let at0 = weight_at(column_of(first_column + thread % COLUMNS), thread / COLUMNS);
  let at1 = weight_at(column_of(first_column + i % COLUMNS), i / COLUMNS);
  return next_weights(at0, at1, texel, thread);
}

fn stage_weight(value: vec4f, i: u32) {
  let input = i / COLUMNS;
  if input < CHUNK_INPUTS {
    staged[WEIGHTS + input / 4u * COLUMNS + i % COLUMNS][input % 4u] = value;
  }
}

fn add_rows(sum: mat4x4f, x: mat4x4f, w: mat4x4f) -> mat4x4f {
  return mat4x4f(
    add_product(sum[0], x[0], w), add_product(sum[1], x[1], w),
    add_product(sum[2], x[2], w), add_product(sum[3], x[3], w),
  );
}

fn add_texel(t: Tile, k: u32, b: u32, d: u32) -> Tile {
  let w0 = four_of(WEIGHTS + k * COLUMNS + d);
  let w1 = four_of(WEIGHTS + k * COLUMNS + d + HALF);
  let x0 = four_of(2u * k * LANES + b);
  let x1 = four_of((2u * k + 1u) * LANES + b);
  return Tile(add_rows(t.a, x0, w0), add_rows(t.b, x0, w1), add_rows(t.c, x1, w0), add_rows(t.d, x1, w1));
}

fn store_sum(to: u32, row: u32, value: vec4f) {
  if row < ROWS {
    slices[to + row] = value;
  }
}

fn store_column(v: u32, slice: u32, row: u32, first: mat4x4f, second: mat4x4f) {
  if !column_of(v).exists {
    return;
  }
  let to = (v * SLICES + slice) * ROWS;
  store_sum(to, row, first[0]);
  store_sum(to, row + LANES, first[1]);
  store_sum(to, row + 2u * LANES, first[2]);
  store_sum(to, row + 3u * LANES, first[3]);
  store_sum(to, row + 4u * LANES, second[0]);
  store_sum(to, row + 5u * LANES, second[1]);
  store_sum(to, row + 6u * LANES, second[2]);
  store_sum(to, row + 7u * LANES, second[3]);
}


fn forward(first_column: u32, slice: u32, thread: u32, begun: Images) {

  let b = thread % LANES;
  let d = thread / LANES;
  let computes = d < HALF;
  let first = slice * SLICE;
  let lane = thread % CHUNK_TEXELS;
  var x = begun;
  for (var row = 0u; row < ROWS; row += 8u * LANES) {
    var s = standard_of(first + lane);
    var w = first_weights(first_column, first, thread);
    var sum = Tile();
    for (var texel = first; texel < first + SLICE; texel += CHUNK_TEXELS) {
      workgroupBarrier();
      stage_pixel_of_row(x.x0, s, thread);
      stage_pixel_of_row(x.x1, s, thread + WORKGROUP);
      stage_weight(w.w0, thread);
      stage_weight(w.w1, thread + WORKGROUP);
      workgroupBarrier();
      let next = texel + CHUNK_TEXELS;
      s = standard_of(next + lane);
      x = next_images(x, next + lane);
      w = next_weights(w.at0, w.at1, next, thread);
      if computes {
        for (var k = 0u; k < CHUNK_TEXELS; k++) {
          sum = add_texel(sum, k, b, d);
        }
      }
    }
    x = first_images(slice, row + 8u * LANES, thread);
    if computes {
      store_column(first_column + d, slice, row + b, sum.a, sum.c);
      store_column(first_column + d + HALF, slice, row + b, sum.b, sum.d);
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn fused_input_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  if (step.parts & FORWARD) == 0u {
    return;
  }
  forward(group.y * COLUMNS, group.x, thread, first_images(group.x, 0u, thread));
}
`,
  "fused/input_tile": `// includes fused/descent, shared/images









override NETWORKS: u32;
override COLUMNS: u32;
override STAGED: u32;

override HALF: u32 = COLUMNS / 2u;

alias Four = array<vec4f, 5>;

var<workgroup> staged: array<Four, STAGED>;


struct Tile {
  a: mat4x4f,
  b: mat4x4f,
  c: mat4x4f,
  d: mat4x4f,
}


struct Column {
  network: u32,
  column: u32,
  exists: bool,
}

fn column_of(v: u32) -> Column {
  let width = columns(layer.outputs);
  let own = min(v, NETWORKS * width - 1u);
  return Column(own / width, own % width, own == v);
}


fn weight_at(own: Column, input: u32) -> u32 {
  return packed_weight(own.network, 0u) + input * columns(layer.outputs) + own.column;
}

fn four_of(at: u32) -> mat4x4f {
  return mat4x4f(staged[at][0], staged[at][1], staged[at][2], staged[at][3]);
}


fn image_at(first: u32, row: u32) -> u32 {
  let at = place(order[first + min(row, ROWS - 1u)]);
  return (at.y << 16u) | at.x;
}


fn raw_at(image: u32, texel: u32) -> vec4f {
  return raw_pixels(min(texel, layer.texels - 1u), vec2u(image & 0xffffu, image >> 16u));
}

fn standard_of(texel: u32) -> Standard {
  return standard[min(texel, layer.texels - 1u)];
}
`,
  "fused/layers": `// includes shared/common, fused/max_layers








struct LayerPlace {
  inputs: u32,
  outputs: u32,
  weight: u32,
  bias: u32,
  gamma: u32,
  beta: u32,
  mean: u32,
  variance: u32,
  packed: u32,
  vectors: u32,
  h: u32,
  n: u32,
  g: u32,
  moments: u32,
  inverse: u32,
  gradients: u32,
}

@group(0) @binding(35) var<uniform> places: array<LayerPlace, MAX_LAYERS>;
@group(0) @binding(36) var<storage, read_write> arena: array<vec4f>;
@group(0) @binding(37) var<storage, read_write> packed: array<vec4f>;

override ARENA: u32;
override PACKED: u32;
override ROWS: u32;
override LAYERS: u32;
override BATCH_NORM: u32;

fn columns(width: u32) -> u32 {
  return (width + 3u) / 4u;
}


fn features(column: u32, width: u32) -> vec4<bool> {
  return vec4u(4u * column) + vec4u(0u, 1u, 2u, 3u) < vec4u(width);
}


fn packed_weight(network: u32, l: u32) -> u32 {
  return network * PACKED + places[l].packed;
}


fn weights_at(at: u32, width: u32) -> mat4x4f {
  return mat4x4f(packed[at], packed[at + width], packed[at + 2u * width], packed[at + 3u * width]);
}

fn packed_bias(network: u32, l: u32) -> u32 {
  return network * PACKED + places[l].vectors;
}

fn packed_gamma(network: u32, l: u32) -> u32 {
  return packed_bias(network, l) + columns(places[l].outputs);
}

fn packed_beta(network: u32, l: u32) -> u32 {
  return packed_bias(network, l) + 2u * columns(places[l].outputs);
}


fn in_arena(network: u32, tensor: u32) -> u32 {
  return network * ARENA + tensor;
}


struct Vectors {
  bias: vec4f,
  scale: vec4f,
  shift: vec4f,
}

fn vectors_of(network: u32, l: u32, column: u32) -> Vectors {
  let at = packed_bias(network, l) + column;
  let width = columns(places[l].outputs);
  if BATCH_NORM == 1u {
    return Vectors(packed[at], packed[at + width], packed[at + 2u * width]);
  }
  return Vectors(packed[at], vec4f(1.0), vec4f(0.0));
}


fn add_product(sum: vec4f, x: vec4f, w: mat4x4f) -> vec4f {
  return fma(vec4f(x.w), w[3], fma(vec4f(x.z), w[2], fma(vec4f(x.y), w[1], fma(vec4f(x.x), w[0], sum))));
}


fn add_outer(sum: mat4x4f, x: vec4f, g: vec4f) -> mat4x4f {
  return mat4x4f(
    fma(vec4f(x.x), g, sum[0]), fma(vec4f(x.y), g, sum[1]), fma(vec4f(x.z), g, sum[2]), fma(vec4f(x.w), g, sum[3]),
  );
}
`,
  "fused/loss": `// includes fused/column, fused/softmax













fn logits(network: u32, row: u32, column: u32) -> vec4f {
  let depth = columns(places[LAYERS - 1u].inputs);
  let width = columns(places[LAYERS - 1u].outputs);
  let x = in_arena(network, places[layer.index].h) + row;
  let w = packed_weight(network, LAYERS - 1u) + column;
  var sum = packed[packed_bias(network, LAYERS - 1u) + column];
  for (var k = 0u; k < depth; k += 4u) {
    let x0 = tensor_at(x, k, depth);
    let x1 = tensor_at(x, k + 1u, depth);
    let x2 = tensor_at(x, k + 2u, depth);
    let x3 = tensor_at(x, k + 3u, depth);
    let w0 = weights_at(w + 4u * k * width, width);
    let w1 = weights_at(w + 4u * min(k + 1u, depth - 1u) * width, width);
    let w2 = weights_at(w + 4u * min(k + 2u, depth - 1u) * width, width);
    let w3 = weights_at(w + 4u * min(k + 3u, depth - 1u) * width, width);
    sum = add_product(add_product(add_product(add_product(sum, x0, w0), x1, w1), x2, w2), x3, w3);
  }
  return sum;
}


fn turned_weights(w: u32, column: u32, width: u32) -> mat4x4f {
  return transpose(weights_at(w + min(column, width - 1u), width));
}


fn sum_of_gradients(network: u32, g: u32, column: u32, part: u32) -> vec4f {
  let width = columns(places[layer.index + 1u].outputs);
  let each = (width + PARTS - 1u) / PARTS;
  let begin = part * each;
  let end = min(begin + each, width);
  let w = packed_weight(network, layer.index + 1u) + 4u * column * width;
  var sum = vec4f(0.0);
  for (var m = begin; m < end; m += 4u) {
    let g0 = tensor_at(g, m, end);
    let g1 = tensor_at(g, m + 1u, end);
    let g2 = tensor_at(g, m + 2u, end);
    let g3 = tensor_at(g, m + 3u, end);
    let w0 = turned_weights(w, m, width);
    let w1 = turned_weights(w, m + 1u, width);
    let w2 = turned_weights(w, m + 2u, width);
    let w3 = turned_weights(w, m + 3u, width);
    sum = add_product(add_product(add_product(add_product(sum, g0, w0), g1, w1), g2, w2), g3, w3);
  }
  return sum;
}



fn finish(network: u32, column: u32, thread: u32) {
  let to = in_arena(network, places[layer.index].g) + column * ROWS;
  let h = in_arena(network, places[layer.index].h) + column * ROWS;
  if BATCH_NORM == 0u {
    for (var row = thread; row < ROWS; row += WORKGROUP) {
      arena[to + row] = relu_gradient4(rows_of_column[row], arena[h + row]);
    }
    return;
  }
  let n = in_arena(network, places[layer.index].n) + column * ROWS;
  let scale = packed[packed_gamma(network, layer.index) + column] * arena[in_arena(network, places[layer.index].inverse) + column];
  for (var row = thread; row < ROWS; row += WORKGROUP) {
    let own = relu_gradient4(rows_of_column[row], arena[h + row]);
    rows_of_column[row] = own;
    more_rows[row] = own * arena[n + row];
  }
  let found = sums(thread);
  let dbeta = found.first;
  let dgamma = found.second;
  for (var row = thread; row < ROWS; row += WORKGROUP) {
    let own = rows_of_column[row] - dbeta / f32(ROWS) - arena[n + row] * dgamma / f32(ROWS);
    arena[to + row] = scale * own;
  }
  if thread == 0u {
    let at = in_arena(network, places[layer.index].gradients) + column;
    arena[at] = dgamma;
    arena[at + columns(places[layer.index].outputs)] = dbeta;
  }
}

@compute @workgroup_size(WORKGROUP)
fn fused_loss(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let width = columns(places[LAYERS - 1u].outputs);
  for (var i = thread; i < width * ROWS; i += WORKGROUP) {
    tile[i] = logits(group.z, i % ROWS, i / ROWS);
  }
  workgroupBarrier();
  for (var row = thread; row < ROWS; row += WORKGROUP) {
    softmax_row(group.z, row, label_of(row), group.x == 0u);
  }
  workgroupBarrier();
  let w = packed_weight(group.z, LAYERS - 1u) + 4u * group.x * width;
  for (var row = thread; row < ROWS; row += WORKGROUP) {
    var sum = vec4f(0.0);
    for (var m = 0u; m < width; m++) {
      sum = add_product(sum, tile[m * ROWS + row], turned_weights(w, m, width));
    }
    rows_of_column[row] = sum;
  }
  finish(group.z, group.x, thread);
}

@compute @workgroup_size(WORKGROUP)
fn fused_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let g = in_arena(group.z, places[layer.index + 1u].g);
  for (var begin = 0u; begin < ROWS; begin += LANES) {
    let row = begin + thread % LANES;
    let sum = sum_of_parts(thread, sum_of_gradients(group.z, g + min(row, ROWS - 1u), group.x, thread / LANES));
    if thread < LANES && row < ROWS {
      rows_of_column[row] = sum;
    }
  }
  workgroupBarrier();
  finish(group.z, group.x, thread);
}
`,
  "fused/max_layers": `

const MAX_LAYERS = 32u;
`,
  "fused/norm": `// includes fused/column












@group(0) @binding(15) var<storage, read_write> slices: array<vec4f>;

override SLICES: u32;
override SLICES_OF_PART: u32 = (SLICES + PARTS - 1u) / PARTS;


fn slice_at(first: u32, i: u32, end: u32) -> vec4f {
  let value = slices[first + min(i, end - 1u) * ROWS];
  return select(vec4f(0.0), value, i < end);
}


fn sum_of_slices(first: u32, part: u32) -> vec4f {
  let begin = min(part * SLICES_OF_PART, SLICES - 1u);
  let end = min((part + 1u) * SLICES_OF_PART, SLICES);
  var sum = vec4f(0.0);
  for (var i = begin; i < end; i += 12u) {
    let s0 = slice_at(first, i, end);
    let s1 = slice_at(first, i + 1u, end);
    let s2 = slice_at(first, i + 2u, end);
    let s3 = slice_at(first, i + 3u, end);
    let s4 = slice_at(first, i + 4u, end);
    let s5 = slice_at(first, i + 5u, end);
    let s6 = slice_at(first, i + 6u, end);
    let s7 = slice_at(first, i + 7u, end);
    let s8 = slice_at(first, i + 8u, end);
    let s9 = slice_at(first, i + 9u, end);
    let s10 = slice_at(first, i + 10u, end);
    let s11 = slice_at(first, i + 11u, end);
    sum += s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;
  }
  return select(sum, vec4f(0.0), part * SLICES_OF_PART >= SLICES);
}


fn sum_of_products(network: u32, x: u32, column: u32, part: u32) -> vec4f {
  let depth = columns(places[layer.index].inputs);
  let width = columns(places[layer.index].outputs);
  let each = (depth + PARTS - 1u) / PARTS;
  let begin = part * each;
  let end = min(begin + each, depth);
  let w = packed_weight(network, layer.index) + column;
  var sum = vec4f(0.0);
  for (var k = begin; k < end; k += 4u) {
    let x0 = tensor_at(x, k, end);
    let x1 = tensor_at(x, k + 1u, end);
    let x2 = tensor_at(x, k + 2u, end);
    let x3 = tensor_at(x, k + 3u, end);
    let w0 = weights_at(w + 4u * k * width, width);
    let w1 = weights_at(w + 4u * min(k + 1u, end - 1u) * width, width);
    let w2 = weights_at(w + 4u * min(k + 2u, end - 1u) * width, width);
    let w3 = weights_at(w + 4u * min(k + 3u, end - 1u) * width, width);
    sum = add_product(add_product(add_product(add_product(sum, x0, w0), x1, w1), x2, w2), x3, w3);
  }
  return sum;
}


fn finish(network: u32, column: u32, thread: u32, vectors: Vectors) {
  let outputs = places[layer.index].outputs;
  let there = features(column, outputs);
  var mean = vec4f(0.0);
  var inverse = vec4f(1.0);
  if BATCH_NORM == 1u {
    let found = moments(thread);
    mean = found.mean;
    inverse = or_nan4(1.0 / sqrt(found.variance + EPSILON), is_finite4(found.variance));
    if thread == 0u {
      let at = in_arena(network, places[layer.index].moments) + column;
      arena[at] = mean;
      arena[at + columns(outputs)] = found.variance;
      arena[in_arena(network, places[layer.index].inverse) + column] = inverse;
    }
  }
  for (var row = thread; row < ROWS; row += WORKGROUP) {
    let n = (rows_of_column[row] - mean) * inverse;
    if BATCH_NORM == 1u {
      arena[in_arena(network, places[layer.index].n) + column * ROWS + row] = n;
    }
    let h = select(vec4f(0.0), relu4(fma(vectors.scale, n, vectors.shift)), there);
    arena[in_arena(network, places[layer.index].h) + column * ROWS + row] = h;
  }
}

@compute @workgroup_size(WORKGROUP)
fn fused_norm(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first = (group.z * columns(places[0].outputs) + group.x) * SLICES * ROWS;
  let vectors = vectors_of(group.z, 0u, group.x);
  for (var begin = 0u; begin < ROWS; begin += LANES) {
    let row = begin + thread % LANES;
    let sum = sum_of_parts(thread, sum_of_slices(first + min(row, ROWS - 1u), thread / LANES));
    if thread < LANES && row < ROWS {
      rows_of_column[row] = vectors.bias + sum;
    }
  }
  workgroupBarrier();
  finish(group.z, group.x, thread, vectors);
}

@compute @workgroup_size(WORKGROUP)
fn fused_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let x = in_arena(group.z, places[layer.index - 1u].h);
  let vectors = vectors_of(group.z, layer.index, group.x);
  for (var begin = 0u; begin < ROWS; begin += LANES) {
    let row = begin + thread % LANES;
    let sum = sum_of_parts(thread, sum_of_products(group.z, x + min(row, ROWS - 1u), group.x, thread / LANES));
    if thread < LANES && row < ROWS {
      rows_of_column[row] = vectors.bias + sum;
    }
  }
  workgroupBarrier();
  finish(group.z, group.x, thread, vectors);
}
`,
  "fused/pair": `// includes fused/block











var<workgroup> column_weights: array<vec4f, 4u * COLUMNS>;


fn part_at(column: u32, width: u32, row: u32) -> vec4f {
  return select(vec4f(0.0), tile[min(column, width - 1u) * ROWS + row], column < width);
}

fn four_parts(column: u32, width: u32, row: u32) -> vec4f {
  return (part_at(column, width, row) + part_at(column + 1u, width, row)) +
    (part_at(column + 2u, width, row) + part_at(column + 3u, width, row));
}

@compute @workgroup_size(WORKGROUP)
fn fused_pair(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let network = group.z;
  let keep = group.x == 0u;
  let later = layer.index + 1u;
  let last = LAYERS - 1u;
  let width = columns(places[later].outputs);
  let row = min(thread, ROWS - 1u);
  let label = label_of(row);
  let fetched = fetch_weights(packed_weight(network, last), weights_of(last), thread);
  let p = own_part(thread, 0u, width);
  let activated = load_activated(network, later, p);

  let one = own_part(thread, group.x, 1u);
  let before = load_activated(network, layer.index, one);
  let logits = own_part(thread, 0u, columns(places[last].outputs));
  let bias = vectors_of(network, last, logits.column).bias;
  for (var i = thread; i < 4u * width; i += WORKGROUP) {
    column_weights[i] = packed[packed_weight(network, later) + 4u * group.x * width + i];
  }
  store_tile(p, activated.h);
  stage_weights(fetched, weights_of(last), thread);
  workgroupBarrier();
  let s = outputs_of(last, logits, bias);
  workgroupBarrier();
  store_tile(logits, s);
  workgroupBarrier();
  if thread < ROWS {
    softmax_row(network, row, label, keep);
  }
  workgroupBarrier();
  let dh = input_gradients(last, p);
  workgroupBarrier();
  let ds = deactivate(network, later, p, thread, keep, activated, dh);
  if keep {
    store_arena(p, in_arena(network, places[later].g) + p.column * ROWS, ds);
  }


  let four = transpose(mat4x4f(
    column_weights[p.column], column_weights[width + p.column],
    column_weights[2u * width + p.column], column_weights[3u * width + p.column],
  ));
  let none = vec4f(0.0);
  store_tile(p, mat4x4f(
    add_product(none, ds[0], four), add_product(none, ds[1], four), add_product(none, ds[2], four), add_product(none, ds[3], four),
  ));
  workgroupBarrier();
  var sum: mat4x4f;
  for (var m = 0u; m < width; m += 4u) {
    sum[0] += four_parts(m, width, one.rows.x);
    sum[1] += four_parts(m, width, one.rows.y);
    sum[2] += four_parts(m, width, one.rows.z);
    sum[3] += four_parts(m, width, one.rows.w);
  }
  workgroupBarrier();
  let own = deactivate(network, layer.index, one, thread, true, before, sum);
  store_arena(one, in_arena(network, places[layer.index].g) + one.column * ROWS, own);
}
`,
  "fused/softmax": `// includes fused/layers, shared/bits





@group(0) @binding(4) var<storage, read> order: array<u32>;
@group(0) @binding(6) var<storage, read> labels: array<u32>;
@group(0) @binding(12) var<storage, read_write> y: array<f32>;
@group(0) @binding(20) var<storage, read_write> diverged: array<atomic<u32>>;

override TILE: u32;

var<workgroup> tile: array<vec4f, TILE>;

fn label_of(row: u32) -> u32 {
  return labels[order[step.first + row]];
}


fn four_columns(row: u32, column: u32, width: u32) -> mat4x4f {
  return mat4x4f(
    tile[min(column, width - 1u) * ROWS + row], tile[min(column + 1u, width - 1u) * ROWS + row],
    tile[min(column + 2u, width - 1u) * ROWS + row], tile[min(column + 3u, width - 1u) * ROWS + row],
  );
}


fn greater_of(most: vec4f, four: vec4f, there: vec4<bool>) -> vec4f {
  return select(most, four, is_greater4(four, most) & there);
}

fn has_valid(four: vec4f, there: vec4<bool>) -> bool {
  return !any(has_no_softmax4(four) & there);
}

fn powers_of(four: vec4f, largest: f32, there: vec4<bool>) -> vec4f {
  return select(vec4f(0.0), exp(four - largest), there);
}

fn store_logits(at: u32, column: u32, classes: u32, four: vec4f) {
  let there = features(column, classes);
  if there.x {
    y[at + 4u * column] = four.x;
  }
  if there.y {
    y[at + 4u * column + 1u] = four.y;
  }
  if there.z {
    y[at + 4u * column + 2u] = four.z;
  }
  if there.w {
    y[at + 4u * column + 3u] = four.w;
  }
}


fn softmax_row(network: u32, row: u32, label: u32, keep: bool) {
  let classes = places[LAYERS - 1u].outputs;
  let width = columns(classes);
  let at = (network * ROWS + row) * classes;
  let own = tile[label / 4u * ROWS + row][label % 4u];
  var most = vec4f(tile[row].x);
  var valid = is_finite(own);
  for (var c = 0u; c < width; c += 4u) {
    let s = four_columns(row, c, width);
    most = greater_of(most, s[0], features(c, classes));
    most = greater_of(most, s[1], features(c + 1u, classes));
    most = greater_of(most, s[2], features(c + 2u, classes));
    most = greater_of(most, s[3], features(c + 3u, classes));
    valid = valid && has_valid(s[0], features(c, classes)) && has_valid(s[1], features(c + 1u, classes)) &&
      has_valid(s[2], features(c + 2u, classes)) && has_valid(s[3], features(c + 3u, classes));
    if keep {
      store_logits(at, c, classes, s[0]);
      store_logits(at, c + 1u, classes, s[1]);
      store_logits(at, c + 2u, classes, s[2]);
      store_logits(at, c + 3u, classes, s[3]);
    }
  }
  var largest = select(most.x, most.y, is_greater(most.y, most.x));
  largest = select(largest, most.z, is_greater(most.z, largest));
  largest = select(largest, most.w, is_greater(most.w, largest));
  var powers = vec4f(0.0);
  for (var c = 0u; c < width; c += 4u) {
    let s = four_columns(row, c, width);
    powers += (powers_of(s[0], largest, features(c, classes)) + powers_of(s[1], largest, features(c + 1u, classes))) +
      (powers_of(s[2], largest, features(c + 2u, classes)) + powers_of(s[3], largest, features(c + 3u, classes)));
  }
  let sum = powers.x + powers.y + powers.z + powers.w;
  let loss = or_nan(log(sum) - (own - largest), valid);
  if keep && !is_finite(loss) {
    atomicMin(&diverged[network], step.number);
  }
  for (var c = 0u; c < width; c++) {
    let p = exp(tile[c * ROWS + row] - largest) / sum;
    let onehot = select(vec4f(0.0), vec4f(1.0), vec4u(4u * c) + vec4u(0u, 1u, 2u, 3u) == vec4u(label));
    let ds = select(vec4f(0.0), (p - onehot) / f32(ROWS), features(c, classes));
    tile[c * ROWS + row] = ds;
    if keep {
      arena[in_arena(network, places[LAYERS - 1u].g) + c * ROWS + row] = ds;
    }
  }
}
`,
  "fused/tail": `// includes fused/block











var<workgroup> inverses: array<vec4f, COLUMNS * (LAYERS - 1u)>;

struct Moments {
  mean: vec4f,
  variance: vec4f,
}


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


  for (var l = 1u; l < LAYERS; l++) {
    let next = min(l + 1u, LAYERS - 1u);
    let fetched = fetch_weights(packed_weight(network, next), weights_of(next), thread);
    let p = own_part(thread, 0u, columns(places[l].outputs));
    let vectors = vectors_of(network, l, p.column);
    let s = outputs_of(l, p, vectors.bias);
    workgroupBarrier();
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


  for (var l = LAYERS - 1u; l > 0u; l--) {
    let before = l - 1u;
    let fetched = fetch_weights(packed_weight(network, max(before, 1u)), weights_of(max(before, 1u)), thread);
    let p = own_part(thread, 0u, columns(places[before].outputs));
    var activated = load_activated(network, before, p);
    if before > 0u {
      activated.inverse = inverses[before * COLUMNS + p.column];
    }
    let dh = input_gradients(l, p);
    workgroupBarrier();
    let ds = deactivate(network, before, p, thread, true, activated, dh);
    store_arena(p, in_arena(network, places[before].g) + p.column * ROWS, ds);
    if before > 0u {
      store_tile(p, ds);
      stage_weights(fetched, weights_of(before), thread);
    }
    workgroupBarrier();
  }
}
`,
  "fused/ten": `


struct Ten {
  v0: vec4f,
  v1: vec4f,
  v2: vec4f,
  v3: vec4f,
  v4: vec4f,
  v5: vec4f,
  v6: vec4f,
  v7: vec4f,
  v8: vec4f,
  v9: vec4f,
}

fn sum_of_ten(t: Ten) -> vec4f {
  return (((t.v0 + t.v1) + (t.v2 + t.v3)) + ((t.v4 + t.v5) + (t.v6 + t.v7))) + (t.v8 + t.v9);
}


fn square_of(value: vec4f, mean: vec4f, there: bool) -> vec4f {
  let difference = value - mean;
  return select(vec4f(0.0), difference * difference, there);
}


fn squares_of_ten(t: Ten, mean: vec4f, count: u32) -> vec4f {
  return sum_of_ten(Ten(
    square_of(t.v0, mean, count > 0u), square_of(t.v1, mean, count > 1u), square_of(t.v2, mean, count > 2u),
    square_of(t.v3, mean, count > 3u), square_of(t.v4, mean, count > 4u), square_of(t.v5, mean, count > 5u),
    square_of(t.v6, mean, count > 6u), square_of(t.v7, mean, count > 7u), square_of(t.v8, mean, count > 8u),
    square_of(t.v9, mean, count > 9u),
  ));
}
`,
  "fused/unpack": `// includes fused/layers





@group(0) @binding(8) var<storage, read_write> parameters: array<f32>;

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

  if row > rows && (BATCH_NORM == 0u || l == LAYERS - 1u) {
    return;
  }
  let to = id.z * layer.parameters + at + 4u * column;
  for (var j = 0u; j < min(4u, outputs - 4u * column); j++) {
    parameters[to + j] = packed[id.z * PACKED + i][j];
  }
}
`,
  "fused/weights": `// includes fused/descent, fused/ten, shared/averages









fn row_at(column: u32, row: u32) -> vec4f {
  return select(vec4f(0.0), arena[column + min(row, ROWS - 1u)], row < ROWS);
}

fn ten_rows(column: u32, row: u32) -> Ten {
  return Ten(
    row_at(column, row), row_at(column, row + 1u), row_at(column, row + 2u), row_at(column, row + 3u),
    row_at(column, row + 4u), row_at(column, row + 5u), row_at(column, row + 6u), row_at(column, row + 7u),
    row_at(column, row + 8u), row_at(column, row + 9u),
  );
}

fn add_ten(sum: mat4x4f, h: Ten, g: Ten) -> mat4x4f {
  let four = add_outer(add_outer(add_outer(add_outer(sum, h.v0, g.v0), h.v1, g.v1), h.v2, g.v2), h.v3, g.v3);
  let eight = add_outer(add_outer(add_outer(add_outer(four, h.v4, g.v4), h.v5, g.v5), h.v6, g.v6), h.v7, g.v7);
  return add_outer(add_outer(eight, h.v8, g.v8), h.v9, g.v9);
}


fn averages_at(network: u32, at: u32, column: u32, width: u32) -> vec4f {
  let first = network * layer.statistics + at + 4u * column;
  let last = width - 4u * column - 1u;
  return vec4f(
    statistics[first],
    statistics[first + min(1u, last)],
    statistics[first + min(2u, last)],
    statistics[first + min(3u, last)],
  );
}


fn keep_averages(network: u32, at: u32, column: u32, width: u32, old: vec4f, value: vec4f) {
  let first = network * layer.statistics + at + 4u * column;
  let left = width - 4u * column;
  statistics[first] = averaged(old.x, value.x);
  if left > 1u {
    statistics[first + 1u] = averaged(old.y, value.y);
  }
  if left > 2u {
    statistics[first + 2u] = averaged(old.z, value.z);
  }
  if left > 3u {
    statistics[first + 3u] = averaged(old.w, value.w);
  }
}



fn move_vectors(network: u32, l: u32, column: u32) {
  let outputs = places[l].outputs;
  let width = columns(outputs);
  let d = descent_of(network);
  let bias_at = packed_bias(network, l) + column;
  let gamma_at = bias_at + width;
  let beta_at = gamma_at + width;
  let bias = packed[bias_at];
  let gamma = packed[gamma_at];
  let beta = packed[beta_at];
  let mean = arena[in_arena(network, places[l].moments) + column];
  let variance = arena[in_arena(network, places[l].moments) + width + column];
  let dgamma = arena[in_arena(network, places[l].gradients) + column];
  let dbeta = arena[in_arena(network, places[l].gradients) + width + column];
  var old_mean = vec4f(0.0);
  var old_variance = vec4f(0.0);
  if BATCH_NORM == 1u && l < LAYERS - 1u {
    old_mean = averages_at(network, places[l].mean, column, outputs);
    old_variance = averages_at(network, places[l].variance, column, outputs);
  }
  let g = in_arena(network, places[l].g) + column * ROWS;
  var dbias = vec4f(0.0);
  for (var row = 0u; row < ROWS; row += 10u) {
    dbias += sum_of_ten(ten_rows(g, row));
  }
  packed[bias_at] = moved(d, bias, dbias);
  keep_gradients(network, places[l].bias, column, outputs, dbias);
  if BATCH_NORM == 0u || l == LAYERS - 1u {
    return;
  }
  keep_gradients(network, places[l].gamma, column, outputs, dgamma);
  keep_gradients(network, places[l].beta, column, outputs, dbeta);
  packed[gamma_at] = moved(d, gamma, dgamma);
  packed[beta_at] = moved(d, beta, dbeta);
  keep_averages(network, places[l].mean, column, outputs, old_mean, mean);
  keep_averages(network, places[l].variance, column, outputs, old_variance, variance);
}


fn move_weights(network: u32, l: u32, input: u32, column: u32, at: u32, old: vec4f, gradient: vec4f) {
  if input >= places[l].inputs {
    return;
  }
  let d = descent_of(network);
  let g = with_decay(d, old, gradient);
  packed[at] = moved(d, old, g);
  keep_gradients(network, places[l].weight + input * places[l].outputs, column, places[l].outputs, g);
}

fn move_block(network: u32, l: u32, k: u32, column: u32) {
  let width = columns(places[l].outputs);
  let h = in_arena(network, places[l - 1u].h) + k * ROWS;
  let g = in_arena(network, places[l].g) + column * ROWS;
  let at = packed_weight(network, l) + 4u * k * width + column;
  let old = weights_at(at, width);
  var sum: mat4x4f;
  for (var row = 0u; row < ROWS; row += 10u) {
    sum = add_ten(sum, ten_rows(h, row), ten_rows(g, row));
  }
  move_weights(network, l, 4u * k, column, at, old[0], sum[0]);
  move_weights(network, l, 4u * k + 1u, column, at + width, old[1], sum[1]);
  move_weights(network, l, 4u * k + 2u, column, at + 2u * width, old[2], sum[2]);
  move_weights(network, l, 4u * k + 3u, column, at + 3u * width, old[3], sum[3]);
}



fn move_later_layers(network: u32, part: u32, thread: u32) {
  var left = part;
  for (var l = 0u; l < LAYERS; l++) {
    let width = columns(places[l].outputs);
    let depth = select(columns(places[l].inputs), 0u, l == 0u);
    let count = (depth + 1u) * width;
    let groups = (count + WORKGROUP - 1u) / WORKGROUP;
    if left < groups {
      let block = left * WORKGROUP + thread;
      if block < depth * width {
        move_block(network, l, block / width, block % width);
      } else if block < count {
        move_vectors(network, l, block % width);
      }
      return;
    }
    left -= groups;
  }
}
`,
  "measure/adapter_peak": `








override WORKGROUP: u32;

@group(0) @binding(11) var<storage, read> x: array<vec4f>;
@group(0) @binding(12) var<storage, read_write> y: array<vec4f>;

override ROUNDS: u32;
override PIECES: u32;

fn once(s: mat3x4f, a: vec4f, b: vec4f) -> mat3x4f {
  return mat3x4f(fma(s[0], a, b), fma(s[1], a, b), fma(s[2], a, b));
}

fn four_times(s: mat3x4f, a: vec4f, b: vec4f) -> mat3x4f {
  return once(once(once(once(s, a, b), a, b), a, b), a, b);
}

fn many_times(s: mat3x4f, a: vec4f, b: vec4f) -> mat3x4f {
  let half = four_times(four_times(four_times(four_times(s, a, b), a, b), a, b), a, b);
  return four_times(four_times(four_times(four_times(half, a, b), a, b), a, b), a, b);
}

@compute @workgroup_size(WORKGROUP)
fn multiply_add(@builtin(global_invocation_id) id: vec3u) {
  let a = vec4f(x[0].x);
  let b = vec4f(x[0].y);
  let first = vec4f(f32(id.x % 1024u));
  var s = mat3x4f(first, first + 1.0, first + 2.0);
  for (var i = 0u; i < ROUNDS; i++) {
    s = many_times(s, a, b);
  }
  y[id.x] = s[0] + s[1] + s[2];
}

@compute @workgroup_size(WORKGROUP)
fn copy(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let threads = workgroups.x * WORKGROUP;
  for (var i = 0u; i < PIECES; i++) {
    y[id.x + i * threads] = x[id.x + i * threads];
  }
}
`,
  "measure/operations": `










override WORKGROUP: u32;

@group(0) @binding(11) var<storage, read> x: array<vec4u>;
@group(0) @binding(12) var<storage, read_write> y: array<vec4u>;
@group(0) @binding(37) var<storage, read> turns: array<u32>;

override SLICES: u32;
override SLICE: u32;

@compute @workgroup_size(WORKGROUP)
fn touch(@builtin(global_invocation_id) id: vec3u) {
  y[id.x] += vec4u(1u);
}

var<workgroup> even: array<u32, WORKGROUP>;
var<workgroup> odd: array<u32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn exchange_workgroup(@builtin(local_invocation_index) t: u32) {
  let count = turns[0];
  let neighbour = (t + 1u) % WORKGROUP;
  even[t] = x[t].x;
  workgroupBarrier();
  for (var i = 0u; i < count; i++) {
    odd[t] = even[neighbour] + 1u;
    workgroupBarrier();
    even[t] = odd[neighbour] + 1u;
    workgroupBarrier();
  }
  y[t].x = even[t];
}


@compute @workgroup_size(WORKGROUP)
fn exchange_both(@builtin(local_invocation_index) t: u32) {
  let count = turns[0];
  let neighbour = (t + 1u) % WORKGROUP;
  even[t] = x[t].x;
  workgroupBarrier();
  for (var i = 0u; i < count; i++) {
    odd[t] = even[neighbour] + 1u;
    storageBarrier();
    workgroupBarrier();
    even[t] = odd[neighbour] + 1u;
    storageBarrier();
    workgroupBarrier();
  }
  y[t].x = even[t];
}


@compute @workgroup_size(WORKGROUP)
fn chase_storage(@builtin(local_invocation_index) t: u32) {
  let count = turns[0];
  var at = y[t].x;
  for (var i = 0u; i < count; i++) {
    at = x[x[x[x[at].x].x].x].x;
    at = x[x[x[x[at].x].x].x].x;
  }
  y[t].x = at;
}

const LINKS = 256u;
var<workgroup> links: array<u32, LINKS>;

@compute @workgroup_size(WORKGROUP)
fn chase_workgroup(@builtin(local_invocation_index) t: u32) {
  let count = turns[0];
  for (var i = t; i < LINKS; i += WORKGROUP) {
    links[i] = x[i].x;
  }
  workgroupBarrier();
  var at = t;
  for (var i = 0u; i < count; i++) {
    at = links[links[links[links[at]]]];
    at = links[links[links[links[at]]]];
  }
  y[t].x = at;
}

@compute @workgroup_size(WORKGROUP)
fn sum_by_one(@builtin(global_invocation_id) id: vec3u) {
  var sum = y[id.x];
  for (var s = 0u; s < SLICES; s++) {
    sum += x[s * SLICE + id.x];
  }
  y[id.x] = sum;
}

@compute @workgroup_size(WORKGROUP)
fn sum_by_four(@builtin(global_invocation_id) id: vec3u) {
  var sum = y[id.x];
  for (var s = 0u; s < SLICES; s += 4u) {
    let at = s * SLICE + id.x;
    let a = x[at];
    let b = x[at + SLICE];
    let c = x[at + 2u * SLICE];
    let d = x[at + 3u * SLICE];
    sum += (a + b) + (c + d);
  }
  y[id.x] = sum;
}

@compute @workgroup_size(WORKGROUP)
fn sum_by_eight(@builtin(global_invocation_id) id: vec3u) {
  var sum = y[id.x];
  for (var s = 0u; s < SLICES; s += 8u) {
    let at = s * SLICE + id.x;
    let a = x[at];
    let b = x[at + SLICE];
    let c = x[at + 2u * SLICE];
    let d = x[at + 3u * SLICE];
    let e = x[at + 4u * SLICE];
    let f = x[at + 5u * SLICE];
    let g = x[at + 6u * SLICE];
    let h = x[at + 7u * SLICE];
    sum += ((a + b) + (c + d)) + ((e + f) + (g + h));
  }
  y[id.x] = sum;
}

const SIDE = 16u;
const OPERAND = 256u;
var<workgroup> operands: array<vec4f, 2u * OPERAND>;

fn fill_operands(t: u32) {
  for (var i = t; i < 2u * OPERAND; i += WORKGROUP) {
    operands[i] = vec4f(x[i] & vec4u(3u));
  }
  workgroupBarrier();
}

fn outer(s: mat4x4f, a: vec4f, b: vec4f) -> mat4x4f {
  return mat4x4f(
    fma(vec4f(a.x), b, s[0]),
    fma(vec4f(a.y), b, s[1]),
    fma(vec4f(a.z), b, s[2]),
    fma(vec4f(a.w), b, s[3]),
  );
}

fn outer_4x4(s: mat4x4f, left: u32, right: u32) -> mat4x4f {
  return outer(s, operands[left], operands[right]);
}


@compute @workgroup_size(WORKGROUP)
fn product_4x4(@builtin(local_invocation_index) t: u32, @builtin(global_invocation_id) id: vec3u) {
  let count = turns[0];
  fill_operands(t);
  var s = mat4x4f();
  for (var i = 0u; i < count; i++) {
    let left = (i * 4u * SIDE) % OPERAND + t / SIDE;
    let right = (i * 4u * SIDE) % OPERAND + OPERAND + t % SIDE;
    s = outer_4x4(s, left, right);
    s = outer_4x4(s, left + SIDE, right + SIDE);
    s = outer_4x4(s, left + 2u * SIDE, right + 2u * SIDE);
    s = outer_4x4(s, left + 3u * SIDE, right + 3u * SIDE);
  }
  y[id.x] = vec4u(s[0] + s[1] + s[2] + s[3]);
}


struct Tile {
  aa: mat4x4f,
  ab: mat4x4f,
  ba: mat4x4f,
  bb: mat4x4f,
}

fn outer_8x8(s: Tile, left: u32, right: u32) -> Tile {
  let a = operands[left];
  let b = operands[left + SIDE];
  let c = operands[right];
  let d = operands[right + SIDE];
  return Tile(outer(s.aa, a, c), outer(s.ab, a, d), outer(s.ba, b, c), outer(s.bb, b, d));
}

@compute @workgroup_size(WORKGROUP)
fn product_8x8(@builtin(local_invocation_index) t: u32, @builtin(global_invocation_id) id: vec3u) {
  let count = turns[0];
  fill_operands(t);
  var s = Tile();
  for (var i = 0u; i < count; i++) {
    let left = (i * 8u * SIDE) % OPERAND + t / SIDE;
    let right = (i * 8u * SIDE) % OPERAND + OPERAND + t % SIDE;
    s = outer_8x8(s, left, right);
    s = outer_8x8(s, left + 2u * SIDE, right + 2u * SIDE);
    s = outer_8x8(s, left + 4u * SIDE, right + 4u * SIDE);
    s = outer_8x8(s, left + 6u * SIDE, right + 6u * SIDE);
  }
  let sums = s.aa + s.ab + s.ba + s.bb;
  y[id.x] = vec4u(sums[0] + sums[1] + sums[2] + sums[3]);
}
`,
  "per_operation/affine": `// includes shared/descent













@group(0) @binding(7) var<storage, read> weights: array<f32>;
@group(0) @binding(11) var<storage, read> x: array<f32>;
@group(0) @binding(12) var<storage, read_write> y: array<f32>;
@group(0) @binding(13) var<storage, read> dy: array<f32>;
@group(0) @binding(14) var<storage, read_write> dx: array<f32>;

override TILE: u32;

fn tiles(size: u32) -> u32 {
  return (size + TILE - 1u) / TILE;
}


struct Indices {
  a: vec4u,
  b: vec4u,
}

struct Values {
  a: vec4f,
  b: vec4f,
}


struct Tile {
  aa: mat4x4f,
  ab: mat4x4f,
  ba: mat4x4f,
  bb: mat4x4f,
}


fn neighbours(first: u32, size: u32, stride: u32) -> Indices {
  let last = vec4u(size - 1u);
  let a = vec4u(first, first + 1u, first + 2u, first + 3u);
  return Indices(min(a, last) * stride, min(a + 4u, last) * stride);
}

fn outer(rows: vec4f, columns: vec4f) -> mat4x4f {
  return mat4x4f(rows.x * columns, rows.y * columns, rows.z * columns, rows.w * columns);
}

fn add_outer(tile: ptr<function, Tile>, rows: Values, columns: Values) {
  (*tile).aa += outer(rows.a, columns.a);
  (*tile).ab += outer(rows.a, columns.b);
  (*tile).ba += outer(rows.b, columns.a);
  (*tile).bb += outer(rows.b, columns.b);
}

fn x_at(base: u32, i: Indices) -> Values {
  return Values(
    vec4f(x[base + i.a.x], x[base + i.a.y], x[base + i.a.z], x[base + i.a.w]),
    vec4f(x[base + i.b.x], x[base + i.b.y], x[base + i.b.z], x[base + i.b.w]),
  );
}

fn dy_at(base: u32, i: Indices) -> Values {
  return Values(
    vec4f(dy[base + i.a.x], dy[base + i.a.y], dy[base + i.a.z], dy[base + i.a.w]),
    vec4f(dy[base + i.b.x], dy[base + i.b.y], dy[base + i.b.z], dy[base + i.b.w]),
  );
}

fn weights_at(base: u32, i: Indices) -> Values {
  return Values(
    vec4f(weights[base + i.a.x], weights[base + i.a.y], weights[base + i.a.z], weights[base + i.a.w]),
    vec4f(weights[base + i.b.x], weights[base + i.b.y], weights[base + i.b.z], weights[base + i.b.w]),
  );
}


fn tile_row(tile: Tile, r: u32) -> Values {
  switch r {
    case 0u: { return Values(tile.aa[0], tile.ab[0]); }
    case 1u: { return Values(tile.aa[1], tile.ab[1]); }
    case 2u: { return Values(tile.aa[2], tile.ab[2]); }
    case 3u: { return Values(tile.aa[3], tile.ab[3]); }
    case 4u: { return Values(tile.ba[0], tile.bb[0]); }
    case 5u: { return Values(tile.ba[1], tile.bb[1]); }
    case 6u: { return Values(tile.ba[2], tile.bb[2]); }
    default: { return Values(tile.ba[3], tile.bb[3]); }
  }
}

fn value_at(row: Values, column: u32) -> f32 {
  return select(row.a[column % 4u], row.b[column % 4u], column >= 4u);
}

@compute @workgroup_size(WORKGROUP)
fn affine_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let row = thread / tiles(layer.outputs) * TILE;
  let output = thread % tiles(layer.outputs) * TILE;
  if row >= step.rows {
    return;
  }
  let base = id.z * step.rows * layer.inputs;
  let rows = neighbours(row, step.rows, layer.inputs);
  let w = id.z * layer.parameters + layer.weight;
  let outputs = neighbours(output, layer.outputs, 1u);
  let inputs = min(layer.inputs, arrayLength(&weights));
  var tile: Tile;
  for (var i = 0u; i < inputs; i++) {
    add_outer(&tile, x_at(base + i, rows), weights_at(w + i * layer.outputs, outputs));
  }
  let bias = id.z * layer.parameters + layer.bias + output;
  let to = (id.z * step.rows + row) * layer.outputs + output;
  for (var r = 0u; r < min(TILE, step.rows - row); r++) {
    let values = tile_row(tile, r);
    for (var c = 0u; c < min(TILE, layer.outputs - output); c++) {
      y[to + r * layer.outputs + c] = value_at(values, c) + weights[bias + c];
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn affine_backward_input(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let row = thread / tiles(layer.inputs) * TILE;
  let input = thread % tiles(layer.inputs) * TILE;
  if row >= step.rows {
    return;
  }
  let base = id.z * step.rows * layer.outputs;
  let rows = neighbours(row, step.rows, layer.outputs);
  let w = id.z * layer.parameters + layer.weight;
  let inputs = neighbours(input, layer.inputs, layer.outputs);
  let outputs = min(layer.outputs, arrayLength(&weights));
  var tile: Tile;
  for (var o = 0u; o < outputs; o++) {
    add_outer(&tile, dy_at(base + o, rows), weights_at(w + o, inputs));
  }
  let to = (id.z * step.rows + row) * layer.inputs + input;
  for (var r = 0u; r < min(TILE, step.rows - row); r++) {
    let values = tile_row(tile, r);
    for (var c = 0u; c < min(TILE, layer.inputs - input); c++) {
      dx[to + r * layer.inputs + c] = value_at(values, c);
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn affine_backward_weight(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let input = thread / tiles(layer.outputs) * TILE;
  let output = thread % tiles(layer.outputs) * TILE;
  if input >= layer.inputs {
    return;
  }
  let inputs = neighbours(input, layer.inputs, 1u);
  let outputs = neighbours(output, layer.outputs, 1u);
  var tile: Tile;
  for (var r = id.z * step.rows; r < (id.z + 1u) * step.rows; r++) {
    add_outer(&tile, x_at(r * layer.inputs, inputs), dy_at(r * layer.outputs, outputs));
  }
  let d = descent_of(id.z);
  let to = layer.weight + input * layer.outputs + output;
  for (var r = 0u; r < min(TILE, layer.inputs - input); r++) {
    let values = tile_row(tile, r);
    for (var c = 0u; c < min(TILE, layer.outputs - output); c++) {
      descend_weight(d, to + r * layer.outputs + c, value_at(values, c));
    }
  }
}


@compute @workgroup_size(WORKGROUP)
fn affine_backward_bias(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let output = thread_index(id, workgroups);
  if output >= layer.outputs {
    return;
  }
  var sum = 0.0;
  for (var row = 0u; row < step.rows; row++) {
    sum += dy[(id.z * step.rows + row) * layer.outputs + output];
  }
  descend(descent_of(id.z), layer.bias + output, sum);
}
`,
  "per_operation/batch_norm": `// includes shared/descent, shared/bits, shared/averages













@group(0) @binding(7) var<storage, read> weights: array<f32>;
@group(0) @binding(11) var<storage, read> x: array<f32>;
@group(0) @binding(12) var<storage, read_write> y: array<f32>;
@group(0) @binding(13) var<storage, read> dy: array<f32>;
@group(0) @binding(14) var<storage, read_write> dx: array<f32>;
@group(0) @binding(16) var<storage, read_write> normalised: array<f32>;
@group(0) @binding(17) var<storage, read_write> inverse_deviation: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn batch_norm_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let feature = thread_index(id, workgroups);
  if feature >= layer.outputs {
    return;
  }
  let rows = f32(step.rows);
  let first = id.z * step.rows * layer.outputs + feature;
  var mean = 0.0;
  for (var row = 0u; row < step.rows; row++) {
    mean += x[first + row * layer.outputs];
  }
  mean /= rows;
  var variance = 0.0;
  for (var row = 0u; row < step.rows; row++) {
    let difference = x[first + row * layer.outputs] - mean;
    variance += difference * difference;
  }
  variance /= rows;

  let inverse = or_nan(1.0 / sqrt(variance + EPSILON), is_finite(variance));
  let gamma = weights[id.z * layer.parameters + layer.gamma + feature];
  let beta = weights[id.z * layer.parameters + layer.beta + feature];
  for (var row = 0u; row < step.rows; row++) {
    let at = first + row * layer.outputs;
    let n = (x[at] - mean) * inverse;
    normalised[at] = n;
    y[at] = relu(gamma * n + beta);
  }
  inverse_deviation[id.z * layer.outputs + feature] = inverse;

  keep_average(id.z, layer.mean + feature, mean);
  keep_average(id.z, layer.variance + feature, variance);
}


@compute @workgroup_size(WORKGROUP)
fn batch_norm_evaluate(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = thread_index(id, workgroups);
  let size = step.rows * layer.outputs;
  if i >= size {
    return;
  }
  let feature = i % layer.outputs;
  let mean = statistics[id.z * layer.statistics + layer.mean + feature];
  let variance = statistics[id.z * layer.statistics + layer.variance + feature];
  let gamma = weights[id.z * layer.parameters + layer.gamma + feature];
  let beta = weights[id.z * layer.parameters + layer.beta + feature];
  let valid = is_finite(mean) && is_finite(variance);
  let n = (x[id.z * size + i] - mean) * or_nan(1.0 / sqrt(variance + EPSILON), valid);
  y[id.z * size + i] = relu(gamma * n + beta);
}

@compute @workgroup_size(WORKGROUP)
fn batch_norm_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let feature = thread_index(id, workgroups);
  if feature >= layer.outputs {
    return;
  }
  let rows = f32(step.rows);
  let first = id.z * step.rows * layer.outputs + feature;
  var dbeta = 0.0;
  var dgamma = 0.0;
  for (var row = 0u; row < step.rows; row++) {
    let at = first + row * layer.outputs;
    let g = relu_gradient(dy[at], y[at]);
    dbeta += g;
    dgamma += g * normalised[at];
  }
  let gamma = parameters[id.z * layer.parameters + layer.gamma + feature];
  let scale = gamma * inverse_deviation[id.z * layer.outputs + feature];
  for (var row = 0u; row < step.rows; row++) {
    let at = first + row * layer.outputs;
    let g = relu_gradient(dy[at], y[at]);
    dx[at] = scale * (g - dbeta / rows - normalised[at] * dgamma / rows);
  }
  let d = descent_of(id.z);
  descend(d, layer.gamma + feature, dgamma);
  descend(d, layer.beta + feature, dbeta);
}
`,
  "per_operation/input": `// includes shared/descent, shared/{tile}_outputs, shared/{tile}_blocks, shared/image_blocks












@group(0) @binding(13) var<storage, read> dy: array<f32>;
@group(0) @binding(15) var<storage, read_write> slices: array<f32>;
@group(0) @binding(21) var weight_texels: texture_2d_array<f32>;
@group(0) @binding(22) var new_weight_texels: texture_storage_2d_array<rgba32float, write>;
@group(0) @binding(23) var gradient_texels: texture_2d_array<f32>;
@group(0) @binding(24) var new_gradient_texels: texture_storage_2d_array<rgba32float, write>;


fn inside(k: u32) -> u32 {
  return min(k, layer.texels - 1u);
}

fn output_tiles() -> u32 {
  return (layer.outputs + TILE_OUTPUTS - 1u) / TILE_OUTPUTS;
}

fn weight_at(network: u32, k: u32, output: u32) -> vec4f {
  return textureLoad(weight_texels, vec2u(min(output, layer.outputs - 1u), k), network, 0);
}

fn gradient_at(network: u32, block: u32, output: u32) -> vec4f {
  return textureLoad(gradient_texels, vec2u(min(output, layer.outputs - 1u), block), network, 0);
}


fn add_combination(sum: vec4f, x: mat4x4f, w: vec4f) -> vec4f {
  return sum + x[0] * w.x + x[1] * w.y + x[2] * w.z + x[3] * w.w;
}


fn block_place(network: u32, slice: u32, block: u32) -> u32 {
  return ((network * layer.slices + slice) * step.rows + 4u * block) * layer.outputs;
}

fn store_output(network: u32, block: u32, place: u32, output: u32, sums: vec4f) {
  if output >= layer.outputs {
    return;
  }
  let to = place + output;
  let rows = step.rows - 4u * block;
  slices[to] = sums.x;
  if rows > 1u {
    slices[to + layer.outputs] = sums.y;
  }
  if rows > 2u {
    slices[to + 2u * layer.outputs] = sums.z;
  }
  if rows > 3u {
    slices[to + 3u * layer.outputs] = sums.w;
  }
}

@compute @workgroup_size(WORKGROUP)
fn input_affine_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row_tiles = (row_blocks() + TILE_ROWS - 1u) / TILE_ROWS;
  let across = output_tiles();
  let thread = thread_index(id, workgroups);
  let slice = thread / (row_tiles * across);
  if slice >= layer.slices {
    return;
  }

  let output = thread % across * TILE_OUTPUTS;
  let block = thread / across % row_tiles * TILE_ROWS;
  let at = tile_places(block);
  var tile: RowTile;
  let per_slice = (layer.texels + layer.slices - 1u) / layer.slices;
  let end = min((slice + 1u) * per_slice, layer.texels);
  for (var k = slice * per_slice; k < end; k++) {
    add_to_rows(&tile, k, at, weights_of(id.z, k, output));
  }
  store_row_tile(tile, id.z, slice, block, output);
}


@compute @workgroup_size(WORKGROUP)
fn input_affine_backward_bias(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let output = thread_index(id, workgroups);
  if output >= layer.outputs {
    return;
  }
  var sum = 0.0;
  for (var row = 0u; row < step.rows; row += 4u) {
    let four = vec4f(
      output_gradient(id.z, row, output),
      output_gradient(id.z, row + 1u, output),
      output_gradient(id.z, row + 2u, output),
      output_gradient(id.z, row + 3u, output),
    );
    textureStore(new_gradient_texels, vec2u(output, row / 4u), id.z, four);
    sum = sum + four.x + four.y + four.z + four.w;
  }
  descend(descent_of(id.z), layer.bias + output, sum);
}


fn output_gradient(network: u32, row: u32, output: u32) -> f32 {
  if row >= step.rows {
    return 0.0;
  }
  return dy[(network * step.rows + row) * layer.outputs + output];
}


fn descend_texel(d: Descent, network: u32, k: u32, output: u32, gradient: vec4f) {
  if output >= layer.outputs {
    return;
  }
  let at = layer.weight + 4u * k * layer.outputs + output;
  let inputs = layer.inputs - 4u * k;
  var moved = vec4f(descend_weight(d, at, gradient.x), 0.0, 0.0, 0.0);
  if inputs > 1u {
    moved.y = descend_weight(d, at + layer.outputs, gradient.y);
  }
  if inputs > 2u {
    moved.z = descend_weight(d, at + 2u * layer.outputs, gradient.z);
  }
  if inputs > 3u {
    moved.w = descend_weight(d, at + 3u * layer.outputs, gradient.w);
  }
  textureStore(new_weight_texels, vec2u(output, k), network, moved);
}

@compute @workgroup_size(WORKGROUP)
fn input_affine_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let input_tiles = (layer.texels + TILE_INPUTS - 1u) / TILE_INPUTS;
  let thread = thread_index(id, workgroups);
  let k = thread % input_tiles * TILE_INPUTS;
  let output = thread / input_tiles * TILE_OUTPUTS;
  if output >= layer.outputs {
    return;
  }
  let standards = tile_standards(k);
  var tile: InputTile;
  for (var block = 0u; block < row_blocks(); block++) {
    add_to_inputs(&tile, k, places_of(block), standards, gradients_of(id.z, block, output));
  }
  let d = descent_of(id.z);

  for (var i = 0u; i < TILE_INPUTS; i++) {
    if k + i < layer.texels {
      descend_outputs(d, id.z, k + i, output, input_block(tile, i));
    }
  }
}
`,
  "per_operation/relu": `// includes shared/common, shared/bits








@group(0) @binding(11) var<storage, read> x: array<f32>;
@group(0) @binding(12) var<storage, read_write> y: array<f32>;
@group(0) @binding(13) var<storage, read> dy: array<f32>;
@group(0) @binding(14) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn relu_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = thread_index(id, workgroups);
  let size = step.rows * layer.outputs;
  if i >= size {
    return;
  }
  y[id.z * size + i] = relu(x[id.z * size + i]);
}

@compute @workgroup_size(WORKGROUP)
fn relu_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = thread_index(id, workgroups);
  let size = step.rows * layer.outputs;
  if i >= size {
    return;
  }
  let at = id.z * size + i;
  dx[at] = relu_gradient(dy[at], y[at]);
}
`,
  "per_operation/slice_sum": `// includes shared/common





@group(0) @binding(7) var<storage, read> weights: array<f32>;
@group(0) @binding(12) var<storage, read_write> y: array<f32>;
@group(0) @binding(15) var<storage, read_write> slices: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn slice_sum(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = thread_index(id, workgroups);
  let size = step.rows * layer.outputs;
  if i >= size {
    return;
  }
  var sum = 0.0;
  for (var s = 0u; s < layer.slices; s++) {
    sum += slices[(id.z * layer.slices + s) * size + i];
  }
  y[id.z * size + i] = sum + weights[id.z * layer.parameters + layer.bias + i % layer.outputs];
}
`,
  "per_operation/softmax_cross_entropy": `// includes shared/common, shared/bits










@group(0) @binding(4) var<storage, read> order: array<u32>;
@group(0) @binding(6) var<storage, read> labels: array<u32>;
@group(0) @binding(11) var<storage, read> x: array<f32>;
@group(0) @binding(14) var<storage, read_write> dx: array<f32>;
@group(0) @binding(18) var<storage, read_write> outcomes: array<Outcome>;
@group(0) @binding(25) var<storage, read_write> predictions: array<u32>;
@group(0) @binding(20) var<storage, read_write> diverged: array<atomic<u32>>;

struct Outcome {
  loss: f32,
  correct: f32,
}

struct Softmax {
  largest: f32,
  sum: f32,
  predicted: u32,
  loss: f32,
}

fn softmax(at: u32, label: u32) -> Softmax {
  var s = Softmax(x[at], 0.0, 0u, 0.0);
  for (var c = 1u; c < layer.outputs; c++) {
    if is_greater(x[at + c], s.largest) {
      s.largest = x[at + c];
      s.predicted = c;
    }
  }
  var valid = is_finite(x[at + label]);
  for (var c = 0u; c < layer.outputs; c++) {
    valid = valid && !has_no_softmax(x[at + c]);
    s.sum += exp(x[at + c] - s.largest);
  }
  s.loss = or_nan(log(s.sum) - (x[at + label] - s.largest), valid);
  return s;
}

@compute @workgroup_size(WORKGROUP)
fn softmax_cross_entropy_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row = thread_index(id, workgroups);
  if row >= step.rows {
    return;
  }
  let at = (id.z * step.rows + row) * layer.outputs;
  let label = labels[order[step.first + row]];
  let s = softmax(at, label);
  outcomes[id.z * step.rows + row] = Outcome(s.loss, f32(s.predicted == label));
  predictions[id.z * step.rows + row] = s.predicted;
}

@compute @workgroup_size(WORKGROUP)
fn softmax_cross_entropy_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row = thread_index(id, workgroups);
  if row >= step.rows {
    return;
  }
  let at = (id.z * step.rows + row) * layer.outputs;
  let label = labels[order[step.first + row]];
  let s = softmax(at, label);
  if !is_finite(s.loss) {
    atomicMin(&diverged[id.z], step.number);
  }
  for (var c = 0u; c < layer.outputs; c++) {
    let p = exp(x[at + c] - s.largest) / s.sum;
    dx[at + c] = (p - f32(c == label)) / f32(step.rows);
  }
}
`,
  "shared/averages": `// includes shared/common





@group(0) @binding(10) var<storage, read_write> statistics: array<f32>;

override EPSILON: f32;
override MOMENTUM: f32;


fn averaged(average: f32, value: f32) -> f32 {
  let past = select(MOMENTUM, 0.0, step.fresh == 1u);
  return past * average + (1.0 - past) * value;
}


fn keep_average(network: u32, at: u32, value: f32) {
  let to = network * layer.statistics + at;
  statistics[to] = averaged(statistics[to], value);
}
`,
  "shared/bits": `









const INFINITY_BITS = 0x7f800000u;
const NEGATIVE_INFINITY_BITS = 0xff800000u;
const MAGNITUDE_BITS = 0x7fffffffu;
const NAN_BITS = 0x7fc00000u;

fn is_finite(value: f32) -> bool {
  return (bitcast<u32>(value) & INFINITY_BITS) != INFINITY_BITS;
}

fn is_finite4(value: vec4f) -> vec4<bool> {
  return (bitcast<vec4u>(value) & vec4u(INFINITY_BITS)) != vec4u(INFINITY_BITS);
}

fn is_nan(value: f32) -> bool {
  return (bitcast<u32>(value) & MAGNITUDE_BITS) > INFINITY_BITS;
}

fn is_nan4(value: vec4f) -> vec4<bool> {
  return (bitcast<vec4u>(value) & vec4u(MAGNITUDE_BITS)) > vec4u(INFINITY_BITS);
}


fn is_greater(a: f32, b: f32) -> bool {
  return a > b && !is_nan(a) && !is_nan(b);
}

fn is_greater4(a: vec4f, b: vec4f) -> vec4<bool> {
  return (a > b) & !(is_nan4(a) | is_nan4(b));
}


fn or_nan(value: f32, valid: bool) -> f32 {
  return bitcast<f32>(select(NAN_BITS, bitcast<u32>(value), valid));
}

fn or_nan4(value: vec4f, valid: vec4<bool>) -> vec4f {
  return bitcast<vec4f>(select(vec4u(NAN_BITS), bitcast<vec4u>(value), valid));
}


fn relu(value: f32) -> f32 {
  let bits = bitcast<u32>(value);
  return bitcast<f32>(select(bits, 0u, bits - 0x80000001u < INFINITY_BITS));
}

fn relu4(value: vec4f) -> vec4f {
  let bits = bitcast<vec4u>(value);
  return bitcast<vec4f>(select(bits, vec4u(0u), bits - vec4u(0x80000001u) < vec4u(INFINITY_BITS)));
}


fn relu_gradient(dh: f32, h: f32) -> f32 {
  return bitcast<f32>(select(bitcast<u32>(dh), 0u, (bitcast<u32>(h) & MAGNITUDE_BITS) == 0u));
}

fn relu_gradient4(dh: vec4f, h: vec4f) -> vec4f {
  let closed = (bitcast<vec4u>(h) & vec4u(MAGNITUDE_BITS)) == vec4u(0u);
  return bitcast<vec4f>(select(bitcast<vec4u>(dh), vec4u(0u), closed));
}


fn has_no_softmax(logit: f32) -> bool {
  return !is_finite(logit) && bitcast<u32>(logit) != NEGATIVE_INFINITY_BITS;
}

fn has_no_softmax4(logit: vec4f) -> vec4<bool> {
  return !is_finite4(logit) & (bitcast<vec4u>(logit) != vec4u(NEGATIVE_INFINITY_BITS));
}
`,
  "shared/blocks": `// includes shared/common



fn row_blocks() -> u32 {
  return (step.rows + 3u) / 4u;
}


fn present(block: u32) -> vec4<bool> {
  return vec4u(4u * block) + vec4u(0u, 1u, 2u, 3u) < vec4u(step.rows);
}
`,
  "shared/common": `






override WORKGROUP: u32;


struct Layer {
  inputs: u32,
  outputs: u32,
  parameters: u32,
  weights: u32,
  weight: u32,
  bias: u32,
  gamma: u32,
  beta: u32,
  statistics: u32,
  mean: u32,
  variance: u32,
  texels: u32,
  images_per_layer: u32,
  slices: u32,
  index: u32,
}


struct Step {
  first: u32,
  rows: u32,
  rise: f32,
  fresh: u32,
  slot: u32,
  number: u32,
  next: u32,
  parts: u32,
}


struct Network {
  lambda: f32,
  eta_min: f32,
  eta_max: f32,
}

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<uniform> step: Step;


fn thread_index(id: vec3u, workgroups: vec3u) -> u32 {
  return id.x + id.y * workgroups.x * WORKGROUP;
}
`,
  "shared/descent": `// includes shared/common








@group(0) @binding(2) var<storage, read> networks: array<Network>;
@group(0) @binding(8) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(9) var<storage, read_write> gradients: array<f32>;


struct Descent {
  first: u32,
  eta: f32,
  decay: f32,
}

fn descent_of(network: u32) -> Descent {
  let n = networks[network];
  let eta = (1.0 - step.rise) * n.eta_min + step.rise * n.eta_max;
  return Descent(network * layer.parameters, eta, 2.0 * n.lambda);
}


fn descend(d: Descent, at: u32, gradient: f32) {
  gradients[d.first + at] = gradient;
  parameters[d.first + at] -= d.eta * gradient;
}


fn descend_weight(d: Descent, at: u32, gradient: f32) -> f32 {
  let w = parameters[d.first + at];
  let g = gradient + d.decay * w;
  gradients[d.first + at] = g;
  let moved = w - d.eta * g;
  parameters[d.first + at] = moved;
  return moved;
}
`,
  "shared/image_blocks": `// includes shared/images, shared/blocks




struct Places {
  r0: vec2u,
  r1: vec2u,
  r2: vec2u,
  r3: vec2u,
}

fn place_of(row: u32) -> vec2u {
  return place(order[step.first + min(row, step.rows - 1u)]);
}

fn places_of(block: u32) -> Places {
  let row = 4u * block;
  return Places(place_of(row), place_of(row + 1u), place_of(row + 2u), place_of(row + 3u));
}


fn pixels_of(k: u32, at: Places, s: Standard) -> mat4x4f {
  return mat4x4f(pixels(k, at.r0, s), pixels(k, at.r1, s), pixels(k, at.r2, s), pixels(k, at.r3, s));
}
`,
  "shared/images": `// includes shared/common








@group(0) @binding(3) var images: texture_2d_array<f32>;
@group(0) @binding(4) var<storage, read> order: array<u32>;
@group(0) @binding(5) var<storage, read> standard: array<Standard>;

struct Standard {
  scale: vec4f,
  shift: vec4f,
}


fn place(image: u32) -> vec2u {
  return vec2u(image % layer.images_per_layer, image / layer.images_per_layer);
}


fn raw_pixels(k: u32, at: vec2u) -> vec4f {
  return textureLoad(images, vec2u(k, at.x), at.y, 0);
}

fn standardised(raw: vec4f, s: Standard) -> vec4f {
  return fma(raw, s.scale, s.shift);
}

fn pixels(k: u32, at: vec2u, s: Standard) -> vec4f {
  return standardised(raw_pixels(k, at), s);
}
`,
  "shared/sums": `// includes shared/common, shared/bits









@group(0) @binding(7) var<storage, read> weights: array<f32>;
@group(0) @binding(18) var<storage, read_write> outcomes: array<vec2f>;
@group(0) @binding(19) var<storage, read_write> sums: array<vec2f>;

override SUM_PARTS: u32;

fn sum_index(network: u32, networks: u32, part: u32) -> u32 {
  return (step.slot * networks + network) * SUM_PARTS + part;
}


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
  valid: bool,
}


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

  for (i = layer.weights + id.x; i < layer.parameters; i += SUM_PARTS) {
    s.valid = s.valid && is_finite(weights[first + i]);
  }
  sums[sum_index(id.z, workgroups.z, id.x)] = vec2f(or_nan(s.sum, s.valid), 0.0);
}
`,
  "shared/tile_12x8_blocks": `

const TILE_ROWS = 3u;
const TILE_INPUTS = 2u;

struct TilePlaces {
  b0: Places,
  b1: Places,
  b2: Places,
}

fn tile_places(block: u32) -> TilePlaces {
  return TilePlaces(
    places_of(block + 0u),
    places_of(block + 1u),
    places_of(block + 2u),
  );
}

struct RowTile {
  b0: Outputs,
  b1: Outputs,
  b2: Outputs,
}


fn add_to_rows(tile: ptr<function, RowTile>, k: u32, at: TilePlaces, w: Outputs) {
  let s = standard[k];
  (*tile).b0 = add_products((*tile).b0, pixels_of(k, at.b0, s), w);
  (*tile).b1 = add_products((*tile).b1, pixels_of(k, at.b1, s), w);
  (*tile).b2 = add_products((*tile).b2, pixels_of(k, at.b2, s), w);
}

fn store_row_tile(tile: RowTile, network: u32, slice: u32, block: u32, output: u32) {
  let blocks = row_blocks();
  if block + 0u < blocks { store_outputs(tile.b0, network, slice, block + 0u, output); }
  if block + 1u < blocks { store_outputs(tile.b1, network, slice, block + 1u, output); }
  if block + 2u < blocks { store_outputs(tile.b2, network, slice, block + 2u, output); }
}

struct TileStandards {
  b0: Standard,
  b1: Standard,
}

fn tile_standards(k: u32) -> TileStandards {
  return TileStandards(
    standard[inside(k + 0u)],
    standard[inside(k + 1u)],
  );
}

struct InputTile {
  b0: Outputs,
  b1: Outputs,
}


fn add_to_inputs(tile: ptr<function, InputTile>, k: u32, at: Places, s: TileStandards, g: Outputs) {
  (*tile).b0 = add_combinations((*tile).b0, pixels_of(inside(k + 0u), at, s.b0), g);
  (*tile).b1 = add_combinations((*tile).b1, pixels_of(inside(k + 1u), at, s.b1), g);
}

fn input_block(tile: InputTile, index: u32) -> Outputs {
  switch index {
    case 1u: { return tile.b1; }
    default: { return tile.b0; }
  }
}
`,
  "shared/tile_12x8_outputs": `

const TILE_OUTPUTS = 8u;


struct Outputs {
  o0: vec4f,
  o1: vec4f,
  o2: vec4f,
  o3: vec4f,
  o4: vec4f,
  o5: vec4f,
  o6: vec4f,
  o7: vec4f,
}

fn weights_of(network: u32, k: u32, output: u32) -> Outputs {
  return Outputs(
    weight_at(network, k, output + 0u),
    weight_at(network, k, output + 1u),
    weight_at(network, k, output + 2u),
    weight_at(network, k, output + 3u),
    weight_at(network, k, output + 4u),
    weight_at(network, k, output + 5u),
    weight_at(network, k, output + 6u),
    weight_at(network, k, output + 7u),
  );
}

fn gradients_of(network: u32, block: u32, output: u32) -> Outputs {
  return Outputs(
    gradient_at(network, block, output + 0u),
    gradient_at(network, block, output + 1u),
    gradient_at(network, block, output + 2u),
    gradient_at(network, block, output + 3u),
    gradient_at(network, block, output + 4u),
    gradient_at(network, block, output + 5u),
    gradient_at(network, block, output + 6u),
    gradient_at(network, block, output + 7u),
  );
}


fn add_products(sums: Outputs, x: mat4x4f, w: Outputs) -> Outputs {
  return Outputs(
    sums.o0 + w.o0 * x,
    sums.o1 + w.o1 * x,
    sums.o2 + w.o2 * x,
    sums.o3 + w.o3 * x,
    sums.o4 + w.o4 * x,
    sums.o5 + w.o5 * x,
    sums.o6 + w.o6 * x,
    sums.o7 + w.o7 * x,
  );
}


fn add_combinations(sums: Outputs, x: mat4x4f, w: Outputs) -> Outputs {
  return Outputs(
    add_combination(sums.o0, x, w.o0),
    add_combination(sums.o1, x, w.o1),
    add_combination(sums.o2, x, w.o2),
    add_combination(sums.o3, x, w.o3),
    add_combination(sums.o4, x, w.o4),
    add_combination(sums.o5, x, w.o5),
    add_combination(sums.o6, x, w.o6),
    add_combination(sums.o7, x, w.o7),
  );
}

fn store_outputs(sums: Outputs, network: u32, slice: u32, block: u32, output: u32) {
  let place = block_place(network, slice, block);
  store_output(network, block, place, output + 0u, sums.o0);
  store_output(network, block, place, output + 1u, sums.o1);
  store_output(network, block, place, output + 2u, sums.o2);
  store_output(network, block, place, output + 3u, sums.o3);
  store_output(network, block, place, output + 4u, sums.o4);
  store_output(network, block, place, output + 5u, sums.o5);
  store_output(network, block, place, output + 6u, sums.o6);
  store_output(network, block, place, output + 7u, sums.o7);
}


fn descend_outputs(d: Descent, network: u32, k: u32, output: u32, sums: Outputs) {
  descend_texel(d, network, k, output + 0u, sums.o0);
  descend_texel(d, network, k, output + 1u, sums.o1);
  descend_texel(d, network, k, output + 2u, sums.o2);
  descend_texel(d, network, k, output + 3u, sums.o3);
  descend_texel(d, network, k, output + 4u, sums.o4);
  descend_texel(d, network, k, output + 5u, sums.o5);
  descend_texel(d, network, k, output + 6u, sums.o6);
  descend_texel(d, network, k, output + 7u, sums.o7);
}
`,
  "shared/tile_20x10_blocks": `

const TILE_ROWS = 5u;
const TILE_INPUTS = 4u;

struct TilePlaces {
  b0: Places,
  b1: Places,
  b2: Places,
  b3: Places,
  b4: Places,
}

fn tile_places(block: u32) -> TilePlaces {
  return TilePlaces(
    places_of(block + 0u),
    places_of(block + 1u),
    places_of(block + 2u),
    places_of(block + 3u),
    places_of(block + 4u),
  );
}

struct RowTile {
  b0: Outputs,
  b1: Outputs,
  b2: Outputs,
  b3: Outputs,
  b4: Outputs,
}


fn add_to_rows(tile: ptr<function, RowTile>, k: u32, at: TilePlaces, w: Outputs) {
  let s = standard[k];
  (*tile).b0 = add_products((*tile).b0, pixels_of(k, at.b0, s), w);
  (*tile).b1 = add_products((*tile).b1, pixels_of(k, at.b1, s), w);
  (*tile).b2 = add_products((*tile).b2, pixels_of(k, at.b2, s), w);
  (*tile).b3 = add_products((*tile).b3, pixels_of(k, at.b3, s), w);
  (*tile).b4 = add_products((*tile).b4, pixels_of(k, at.b4, s), w);
}

fn store_row_tile(tile: RowTile, network: u32, slice: u32, block: u32, output: u32) {
  let blocks = row_blocks();
  if block + 0u < blocks { store_outputs(tile.b0, network, slice, block + 0u, output); }
  if block + 1u < blocks { store_outputs(tile.b1, network, slice, block + 1u, output); }
  if block + 2u < blocks { store_outputs(tile.b2, network, slice, block + 2u, output); }
  if block + 3u < blocks { store_outputs(tile.b3, network, slice, block + 3u, output); }
  if block + 4u < blocks { store_outputs(tile.b4, network, slice, block + 4u, output); }
}

struct TileStandards {
  b0: Standard,
  b1: Standard,
  b2: Standard,
  b3: Standard,
}

fn tile_standards(k: u32) -> TileStandards {
  return TileStandards(
    standard[inside(k + 0u)],
    standard[inside(k + 1u)],
    standard[inside(k + 2u)],
    standard[inside(k + 3u)],
  );
}

struct InputTile {
  b0: Outputs,
  b1: Outputs,
  b2: Outputs,
  b3: Outputs,
}


fn add_to_inputs(tile: ptr<function, InputTile>, k: u32, at: Places, s: TileStandards, g: Outputs) {
  (*tile).b0 = add_combinations((*tile).b0, pixels_of(inside(k + 0u), at, s.b0), g);
  (*tile).b1 = add_combinations((*tile).b1, pixels_of(inside(k + 1u), at, s.b1), g);
  (*tile).b2 = add_combinations((*tile).b2, pixels_of(inside(k + 2u), at, s.b2), g);
  (*tile).b3 = add_combinations((*tile).b3, pixels_of(inside(k + 3u), at, s.b3), g);
}

fn input_block(tile: InputTile, index: u32) -> Outputs {
  switch index {
    case 1u: { return tile.b1; }
    case 2u: { return tile.b2; }
    case 3u: { return tile.b3; }
    default: { return tile.b0; }
  }
}
`,
  "shared/tile_20x10_outputs": `

const TILE_OUTPUTS = 10u;


struct Outputs {
  o0: vec4f,
  o1: vec4f,
  o2: vec4f,
  o3: vec4f,
  o4: vec4f,
  o5: vec4f,
  o6: vec4f,
  o7: vec4f,
  o8: vec4f,
  o9: vec4f,
}

fn weights_of(network: u32, k: u32, output: u32) -> Outputs {
  return Outputs(
    weight_at(network, k, output + 0u),
    weight_at(network, k, output + 1u),
    weight_at(network, k, output + 2u),
    weight_at(network, k, output + 3u),
    weight_at(network, k, output + 4u),
    weight_at(network, k, output + 5u),
    weight_at(network, k, output + 6u),
    weight_at(network, k, output + 7u),
    weight_at(network, k, output + 8u),
    weight_at(network, k, output + 9u),
  );
}

fn gradients_of(network: u32, block: u32, output: u32) -> Outputs {
  return Outputs(
    gradient_at(network, block, output + 0u),
    gradient_at(network, block, output + 1u),
    gradient_at(network, block, output + 2u),
    gradient_at(network, block, output + 3u),
    gradient_at(network, block, output + 4u),
    gradient_at(network, block, output + 5u),
    gradient_at(network, block, output + 6u),
    gradient_at(network, block, output + 7u),
    gradient_at(network, block, output + 8u),
    gradient_at(network, block, output + 9u),
  );
}


fn add_products(sums: Outputs, x: mat4x4f, w: Outputs) -> Outputs {
  return Outputs(
    sums.o0 + w.o0 * x,
    sums.o1 + w.o1 * x,
    sums.o2 + w.o2 * x,
    sums.o3 + w.o3 * x,
    sums.o4 + w.o4 * x,
    sums.o5 + w.o5 * x,
    sums.o6 + w.o6 * x,
    sums.o7 + w.o7 * x,
    sums.o8 + w.o8 * x,
    sums.o9 + w.o9 * x,
  );
}


fn add_combinations(sums: Outputs, x: mat4x4f, w: Outputs) -> Outputs {
  return Outputs(
    add_combination(sums.o0, x, w.o0),
    add_combination(sums.o1, x, w.o1),
    add_combination(sums.o2, x, w.o2),
    add_combination(sums.o3, x, w.o3),
    add_combination(sums.o4, x, w.o4),
    add_combination(sums.o5, x, w.o5),
    add_combination(sums.o6, x, w.o6),
    add_combination(sums.o7, x, w.o7),
    add_combination(sums.o8, x, w.o8),
    add_combination(sums.o9, x, w.o9),
  );
}

fn store_outputs(sums: Outputs, network: u32, slice: u32, block: u32, output: u32) {
  let place = block_place(network, slice, block);
  store_output(network, block, place, output + 0u, sums.o0);
  store_output(network, block, place, output + 1u, sums.o1);
  store_output(network, block, place, output + 2u, sums.o2);
  store_output(network, block, place, output + 3u, sums.o3);
  store_output(network, block, place, output + 4u, sums.o4);
  store_output(network, block, place, output + 5u, sums.o5);
  store_output(network, block, place, output + 6u, sums.o6);
  store_output(network, block, place, output + 7u, sums.o7);
  store_output(network, block, place, output + 8u, sums.o8);
  store_output(network, block, place, output + 9u, sums.o9);
}


fn descend_outputs(d: Descent, network: u32, k: u32, output: u32, sums: Outputs) {
  descend_texel(d, network, k, output + 0u, sums.o0);
  descend_texel(d, network, k, output + 1u, sums.o1);
  descend_texel(d, network, k, output + 2u, sums.o2);
  descend_texel(d, network, k, output + 3u, sums.o3);
  descend_texel(d, network, k, output + 4u, sums.o4);
  descend_texel(d, network, k, output + 5u, sums.o5);
  descend_texel(d, network, k, output + 6u, sums.o6);
  descend_texel(d, network, k, output + 7u, sums.o7);
  descend_texel(d, network, k, output + 8u, sums.o8);
  descend_texel(d, network, k, output + 9u, sums.o9);
}
`,
  "texel/affine": `// includes texel/tile, texel/{tile}_biases













@group(0) @binding(27) var x_texels: texture_2d_array<f32>;
@group(0) @binding(31) var new_dx_texels: texture_storage_2d_array<rgba32float, write>;

override INPUTS: u32;
override LAST: u32;
override INPUT_TEXELS: u32;

fn activation_at(network: u32, block: u32, input: u32) -> vec4f {
  let x = textureLoad(x_texels, vec2u(min(input, INPUTS - 1u), block), network, 0);
  return select(vec4f(0.0), x, input < INPUTS);
}


fn activations_of(network: u32, block: u32, k: u32) -> mat4x4f {
  return mat4x4f(
    activation_at(network, block, 4u * k),
    activation_at(network, block, 4u * k + 1u),
    activation_at(network, block, 4u * k + 2u),
    activation_at(network, block, 4u * k + 3u),
  );
}

@compute @workgroup_size(WORKGROUP)
fn texel_affine_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let across = output_tiles();
  let thread = thread_index(id, workgroups);
  let block = thread / across;
  let output = thread % across * TILE_OUTPUTS;
  if block >= row_blocks() {
    return;
  }
  var sums: Outputs;
  for (var k = 0u; k < (INPUTS + 3u) / 4u; k++) {
    sums = add_combinations(sums, activations_of(id.z, block, k), weights_of(id.z, k, output));
  }
  store_outputs(sums, id.z, 0u, block, output);
}

@compute @workgroup_size(WORKGROUP)
fn texel_affine_backward_input(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
) {
  let texels = (INPUTS + 3u) / 4u;
  let input_tiles = (texels + INPUT_TEXELS - 1u) / INPUT_TEXELS;
  let thread = thread_index(id, workgroups);
  let block = thread / input_tiles;
  let k = thread % input_tiles * INPUT_TEXELS;
  if block >= row_blocks() {
    return;
  }
  let next = min(k + 1u, texels - 1u);
  var a: mat4x4f;
  var b: mat4x4f;
  for (var output = 0u; output < FEATURES; output++) {
    let g = gradient_at(id.z, block, output);
    a += outer(g, weight_at(id.z, k, output));
    b += outer(g, weight_at(id.z, next, output));
  }
  store_inputs(id.z, block, k, a);
  if next > k {
    store_inputs(id.z, block, next, b);
  }
}

fn outer(rows: vec4f, inputs: vec4f) -> mat4x4f {
  return mat4x4f(rows * inputs.x, rows * inputs.y, rows * inputs.z, rows * inputs.w);
}

fn store_inputs(network: u32, block: u32, k: u32, sums: mat4x4f) {
  let input = 4u * k;
  textureStore(new_dx_texels, vec2u(input, block), network, sums[0]);
  if input + 1u < INPUTS {
    textureStore(new_dx_texels, vec2u(input + 1u, block), network, sums[1]);
  }
  if input + 2u < INPUTS {
    textureStore(new_dx_texels, vec2u(input + 2u, block), network, sums[2]);
  }
  if input + 3u < INPUTS {
    textureStore(new_dx_texels, vec2u(input + 3u, block), network, sums[3]);
  }
}

@compute @workgroup_size(WORKGROUP)
fn texel_affine_backward_weight(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
) {
  let across = output_tiles();
  let thread = thread_index(id, workgroups);
  let k = thread / across;
  let output = thread % across * TILE_OUTPUTS;
  if k >= (INPUTS + 3u) / 4u {
    return;
  }
  var sums: Outputs;
  var bias: Outputs;
  for (var block = 0u; block < row_blocks(); block++) {
    let g = gradients_of(id.z, block, output);
    sums = add_products(sums, activations_of(id.z, block, k), g);
    bias = add_each(bias, g);
  }
  let d = descent_of(id.z);
  descend_outputs(d, id.z, k, output, sums);
  if LAST == 1u && k == 0u {
    descend_biases(d, output, bias);
  }
}
`,
  "texel/descent": `// includes shared/descent







@group(0) @binding(21) var weight_texels: texture_2d_array<f32>;
@group(0) @binding(22) var new_weight_texels: texture_storage_2d_array<rgba32float, write>;
@group(0) @binding(24) var new_gradient_texels: texture_storage_2d_array<rgba32float, write>;

override FEATURES: u32;


fn descend_texel(d: Descent, network: u32, k: u32, output: u32, gradient: vec4f) {
  if output >= FEATURES {
    return;
  }
  let at = vec2u(output, k);
  let w = textureLoad(weight_texels, at, network, 0);
  let g = gradient + d.decay * w;
  textureStore(new_gradient_texels, at, network, g);
  textureStore(new_weight_texels, at, network, w - d.eta * g);
}


fn descend_bias(d: Descent, output: u32, sums: vec4f) {
  if output < FEATURES {
    descend(d, layer.bias + output, sums.x + sums.y + sums.z + sums.w);
  }
}
`,
  "texel/input": `// includes texel/tile, shared/{tile}_blocks, shared/image_blocks















override TEXELS: u32;
override SLICES: u32;


fn inside(k: u32) -> u32 {
  return min(k, TEXELS - 1u);
}

@compute @workgroup_size(WORKGROUP)
fn texel_input_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row_tiles = (row_blocks() + TILE_ROWS - 1u) / TILE_ROWS;
  let across = output_tiles();
  let thread = thread_index(id, workgroups);
  let slice = thread / (row_tiles * across);
  if slice >= SLICES {
    return;
  }

  let output = thread % across * TILE_OUTPUTS;
  let block = thread / across % row_tiles * TILE_ROWS;
  let at = tile_places(block);
  var tile: RowTile;
  let per_slice = (TEXELS + SLICES - 1u) / SLICES;
  let end = min((slice + 1u) * per_slice, TEXELS);
  for (var k = slice * per_slice; k < end; k++) {
    add_to_rows(&tile, k, at, weights_of(id.z, k, output));
  }
  store_row_tile(tile, id.z, slice, block, output);
}

@compute @workgroup_size(WORKGROUP)
fn texel_input_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let input_tiles = (TEXELS + TILE_INPUTS - 1u) / TILE_INPUTS;
  let thread = thread_index(id, workgroups);
  let k = thread % input_tiles * TILE_INPUTS;
  let output = thread / input_tiles * TILE_OUTPUTS;
  if output >= FEATURES {
    return;
  }
  let standards = tile_standards(k);
  var tile: InputTile;
  for (var block = 0u; block < row_blocks(); block++) {
    add_to_inputs(&tile, k, places_of(block), standards, gradients_of(id.z, block, output));
  }
  let d = descent_of(id.z);

  for (var i = 0u; i < TILE_INPUTS; i++) {
    if k + i < TEXELS {
      descend_outputs(d, id.z, k + i, output, input_block(tile, i));
    }
  }
}
`,
  "texel/norm": `// includes shared/descent, shared/bits, shared/blocks, shared/averages

















@group(0) @binding(7) var<storage, read> weights: array<f32>;
@group(0) @binding(17) var<storage, read_write> inverse_deviation: array<f32>;
@group(0) @binding(27) var x_texels: texture_2d_array<f32>;
@group(0) @binding(28) var y_texels: texture_2d_array<f32>;
@group(0) @binding(29) var new_y_texels: texture_storage_2d_array<rgba32float, write>;
@group(0) @binding(30) var dy_texels: texture_2d_array<f32>;
@group(0) @binding(31) var new_dx_texels: texture_storage_2d_array<rgba32float, write>;
@group(0) @binding(32) var normalised_texels: texture_2d_array<f32>;
@group(0) @binding(33) var new_normalised_texels: texture_storage_2d_array<rgba32float, write>;

override FEATURES: u32;
override SLICES: u32;

fn only(value: vec4f, rows: vec4<bool>) -> vec4f {
  return select(vec4f(0.0), value, rows);
}

fn total(value: vec4f) -> f32 {
  return value.x + value.y + value.z + value.w;
}

fn parameter(network: u32, at: u32) -> f32 {
  return weights[network * layer.parameters + at];
}


fn outputs_at(network: u32, block: u32, feature: u32, bias: f32) -> vec4f {
  var sum = vec4f(0.0);
  for (var slice = 0u; slice < SLICES; slice++) {
    sum += textureLoad(x_texels, vec2u(feature, slice * row_blocks() + block), network, 0);
  }
  return sum + bias;
}

@compute @workgroup_size(WORKGROUP)
fn texel_batch_norm_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let feature = thread_index(id, workgroups);
  if feature >= FEATURES {
    return;
  }
  let bias = parameter(id.z, layer.bias + feature);
  var mean = 0.0;
  var squares = 0.0;
  for (var block = 0u; block < row_blocks(); block++) {
    let rows = present(block);
    let s = outputs_at(id.z, block, feature, bias);
    let before = f32(4u * block);
    let count = min(4.0, f32(step.rows) - before);
    let own_mean = total(only(s, rows)) / count;
    let difference = only(s - own_mean, rows);
    let shift = own_mean - mean;
    mean += shift * count / (before + count);
    squares += dot(difference, difference) + shift * shift * before * count / (before + count);
  }
  let variance = squares / f32(step.rows);
  let inverse = or_nan(1.0 / sqrt(variance + EPSILON), is_finite(variance));
  let gamma = parameter(id.z, layer.gamma + feature);
  let beta = parameter(id.z, layer.beta + feature);
  for (var block = 0u; block < row_blocks(); block++) {
    let rows = present(block);
    let n = (outputs_at(id.z, block, feature, bias) - mean) * inverse;
    textureStore(new_normalised_texels, vec2u(feature, block), id.z, only(n, rows));
    textureStore(new_y_texels, vec2u(feature, block), id.z, only(relu4(gamma * n + beta), rows));
  }
  inverse_deviation[id.z * FEATURES + feature] = inverse;

  keep_average(id.z, layer.mean + feature, mean);
  keep_average(id.z, layer.variance + feature, variance);
}

@compute @workgroup_size(WORKGROUP)
fn texel_batch_norm_evaluate(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let feature = thread % FEATURES;
  let block = thread / FEATURES;
  if block >= row_blocks() {
    return;
  }
  let mean = statistics[id.z * layer.statistics + layer.mean + feature];
  let variance = statistics[id.z * layer.statistics + layer.variance + feature];
  let gamma = parameter(id.z, layer.gamma + feature);
  let beta = parameter(id.z, layer.beta + feature);
  let s = outputs_at(id.z, block, feature, parameter(id.z, layer.bias + feature));
  let valid = is_finite(mean) && is_finite(variance);
  let n = (s - mean) * or_nan(1.0 / sqrt(variance + EPSILON), valid);
  textureStore(new_y_texels, vec2u(feature, block), id.z, only(relu4(gamma * n + beta), present(block)));
}

@compute @workgroup_size(WORKGROUP)
fn texel_relu_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let feature = thread % FEATURES;
  let block = thread / FEATURES;
  if block >= row_blocks() {
    return;
  }
  let s = outputs_at(id.z, block, feature, parameter(id.z, layer.bias + feature));
  textureStore(new_y_texels, vec2u(feature, block), id.z, only(relu4(s), present(block)));
}


fn behind_relu(network: u32, block: u32, feature: u32) -> vec4f {
  let at = vec2u(feature, block);
  return relu_gradient4(textureLoad(dy_texels, at, network, 0), textureLoad(y_texels, at, network, 0));
}

@compute @workgroup_size(WORKGROUP)
fn texel_batch_norm_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let feature = thread_index(id, workgroups);
  if feature >= FEATURES {
    return;
  }
  var beta_sum = vec4f(0.0);
  var gamma_sum = vec4f(0.0);
  for (var block = 0u; block < row_blocks(); block++) {
    let g = behind_relu(id.z, block, feature);
    beta_sum += g;
    gamma_sum += g * textureLoad(normalised_texels, vec2u(feature, block), id.z, 0);
  }
  let dbeta = total(beta_sum);
  let dgamma = total(gamma_sum);
  let rows = f32(step.rows);
  let scale = parameters[id.z * layer.parameters + layer.gamma + feature] *
    inverse_deviation[id.z * FEATURES + feature];
  var bias_sum = vec4f(0.0);
  for (var block = 0u; block < row_blocks(); block++) {
    let n = textureLoad(normalised_texels, vec2u(feature, block), id.z, 0);
    let ds = scale * (behind_relu(id.z, block, feature) - dbeta / rows - n * dgamma / rows);
    let inside = only(ds, present(block));
    bias_sum += inside;
    textureStore(new_dx_texels, vec2u(feature, block), id.z, inside);
  }
  let d = descent_of(id.z);
  descend(d, layer.gamma + feature, dgamma);
  descend(d, layer.beta + feature, dbeta);
  descend(d, layer.bias + feature, total(bias_sum));
}

@compute @workgroup_size(WORKGROUP)
fn texel_relu_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let feature = thread_index(id, workgroups);
  if feature >= FEATURES {
    return;
  }
  var bias_sum = vec4f(0.0);
  for (var block = 0u; block < row_blocks(); block++) {
    let ds = behind_relu(id.z, block, feature);
    bias_sum += ds;
    textureStore(new_dx_texels, vec2u(feature, block), id.z, ds);
  }
  descend(descent_of(id.z), layer.bias + feature, total(bias_sum));
}
`,
  "texel/softmax": `// includes shared/bits, shared/blocks











@group(0) @binding(4) var<storage, read> order: array<u32>;
@group(0) @binding(6) var<storage, read> labels: array<u32>;
@group(0) @binding(7) var<storage, read> weights: array<f32>;
@group(0) @binding(18) var<storage, read_write> outcomes: array<vec2f>;
@group(0) @binding(20) var<storage, read_write> diverged: array<atomic<u32>>;
@group(0) @binding(25) var<storage, read_write> predictions: array<u32>;
@group(0) @binding(27) var x_texels: texture_2d_array<f32>;
@group(0) @binding(31) var new_dx_texels: texture_storage_2d_array<rgba32float, write>;

override FEATURES: u32;

struct Softmax {
  largest: vec4f,
  sum: vec4f,
  predicted: vec4u,
  loss: vec4f,
}

fn logits_at(network: u32, block: u32, class_: u32) -> vec4f {
  let bias = weights[network * layer.parameters + layer.bias + class_];
  return textureLoad(x_texels, vec2u(class_, block), network, 0) + bias;
}

fn softmax(network: u32, block: u32, label: vec4u) -> Softmax {
  var s = Softmax(logits_at(network, block, 0u), vec4f(0.0), vec4u(0u), vec4f(0.0));
  for (var c = 1u; c < FEATURES; c++) {
    let x = logits_at(network, block, c);
    let greater = is_greater4(x, s.largest);
    s.predicted = select(s.predicted, vec4u(c), greater);
    s.largest = select(s.largest, x, greater);
  }
  var of_label = vec4f(0.0);
  var valid = vec4<bool>(true);
  for (var c = 0u; c < FEATURES; c++) {
    let logit = logits_at(network, block, c);
    let x = logit - s.largest;
    let own = vec4u(c) == label;
    s.sum += exp(x);
    of_label = select(of_label, x, own);
    valid = valid & !has_no_softmax4(logit) & (!own | is_finite4(logit));
  }
  s.loss = or_nan4(log(s.sum) - of_label, valid);
  return s;
}

fn label_of(row: u32) -> u32 {
  return labels[order[step.first + min(row, step.rows - 1u)]];
}

fn labels_of(block: u32) -> vec4u {
  let row = 4u * block;
  return vec4u(label_of(row), label_of(row + 1u), label_of(row + 2u), label_of(row + 3u));
}

@compute @workgroup_size(WORKGROUP)
fn texel_softmax_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let block = thread_index(id, workgroups);
  if 4u * block >= step.rows {
    return;
  }
  let label = labels_of(block);
  let s = softmax(id.z, block, label);
  let correct = select(vec4f(0.0), vec4f(1.0), s.predicted == label);
  for (var r = 0u; r < min(4u, step.rows - 4u * block); r++) {
    let row = id.z * step.rows + 4u * block + r;
    outcomes[row] = vec2f(s.loss[r], correct[r]);
    predictions[row] = s.predicted[r];
  }
}

@compute @workgroup_size(WORKGROUP)
fn texel_softmax_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let block = thread_index(id, workgroups);
  if 4u * block >= step.rows {
    return;
  }
  let label = labels_of(block);
  let s = softmax(id.z, block, label);
  let inside = present(block);
  if any(inside & !is_finite4(s.loss)) {
    atomicMin(&diverged[id.z], step.number);
  }
  for (var c = 0u; c < FEATURES; c++) {
    let p = exp(logits_at(id.z, block, c) - s.largest) / s.sum;
    let onehot = select(vec4f(0.0), vec4f(1.0), vec4u(c) == label);
    let ds = select(vec4f(0.0), (p - onehot) / f32(step.rows), inside);
    textureStore(new_dx_texels, vec2u(c, block), id.z, ds);
  }
}
`,
  "texel/tile": `// includes texel/descent, shared/blocks, shared/{tile}_outputs




@group(0) @binding(29) var new_y_texels: texture_storage_2d_array<rgba32float, write>;
@group(0) @binding(30) var dy_texels: texture_2d_array<f32>;

fn output_tiles() -> u32 {
  return (FEATURES + TILE_OUTPUTS - 1u) / TILE_OUTPUTS;
}

fn weight_at(network: u32, k: u32, output: u32) -> vec4f {
  return textureLoad(weight_texels, vec2u(min(output, FEATURES - 1u), k), network, 0);
}

fn gradient_at(network: u32, block: u32, output: u32) -> vec4f {
  return textureLoad(dy_texels, vec2u(min(output, FEATURES - 1u), block), network, 0);
}

fn add_combination(sum: vec4f, x: mat4x4f, w: vec4f) -> vec4f {
  return sum + x * w;
}


fn block_place(network: u32, slice: u32, block: u32) -> u32 {
  return slice * row_blocks() + block;
}

fn store_output(network: u32, block: u32, place: u32, output: u32, sums: vec4f) {
  if output < FEATURES {
    textureStore(new_y_texels, vec2u(output, place), network, sums);
  }
}
`,
  "texel/tile_12x8_biases": `

fn add_each(sums: Outputs, g: Outputs) -> Outputs {
  return Outputs(
    sums.o0 + g.o0,
    sums.o1 + g.o1,
    sums.o2 + g.o2,
    sums.o3 + g.o3,
    sums.o4 + g.o4,
    sums.o5 + g.o5,
    sums.o6 + g.o6,
    sums.o7 + g.o7,
  );
}

fn descend_biases(d: Descent, output: u32, sums: Outputs) {
  descend_bias(d, output + 0u, sums.o0);
  descend_bias(d, output + 1u, sums.o1);
  descend_bias(d, output + 2u, sums.o2);
  descend_bias(d, output + 3u, sums.o3);
  descend_bias(d, output + 4u, sums.o4);
  descend_bias(d, output + 5u, sums.o5);
  descend_bias(d, output + 6u, sums.o6);
  descend_bias(d, output + 7u, sums.o7);
}
`,
  "texel/tile_20x10_biases": `

fn add_each(sums: Outputs, g: Outputs) -> Outputs {
  return Outputs(
    sums.o0 + g.o0,
    sums.o1 + g.o1,
    sums.o2 + g.o2,
    sums.o3 + g.o3,
    sums.o4 + g.o4,
    sums.o5 + g.o5,
    sums.o6 + g.o6,
    sums.o7 + g.o7,
    sums.o8 + g.o8,
    sums.o9 + g.o9,
  );
}

fn descend_biases(d: Descent, output: u32, sums: Outputs) {
  descend_bias(d, output + 0u, sums.o0);
  descend_bias(d, output + 1u, sums.o1);
  descend_bias(d, output + 2u, sums.o2);
  descend_bias(d, output + 3u, sums.o3);
  descend_bias(d, output + 4u, sums.o4);
  descend_bias(d, output + 5u, sums.o5);
  descend_bias(d, output + 6u, sums.o6);
  descend_bias(d, output + 7u, sums.o7);
  descend_bias(d, output + 8u, sums.o8);
  descend_bias(d, output + 9u, sums.o9);
}
`,
  "texel/weights": `// includes shared/common







@group(0) @binding(8) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(9) var<storage, read_write> gradients: array<f32>;
@group(0) @binding(21) var weight_texels: texture_2d_array<f32>;
@group(0) @binding(23) var gradient_texels: texture_2d_array<f32>;

@compute @workgroup_size(WORKGROUP)
fn texel_weights(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let thread = thread_index(id, workgroups);
  let output = thread % layer.outputs;
  let k = thread / layer.outputs;
  if 4u * k >= layer.inputs {
    return;
  }
  let w = textureLoad(weight_texels, vec2u(output, k), id.z, 0);
  let g = textureLoad(gradient_texels, vec2u(output, k), id.z, 0);
  let first = id.z * layer.parameters + layer.weight + 4u * k * layer.outputs + output;
  for (var j = 0u; j < min(4u, layer.inputs - 4u * k); j++) {
    parameters[first + j * layer.outputs] = w[j];
    gradients[first + j * layer.outputs] = g[j];
  }
}
`,
  "tiled/affine": `// includes tiled/tile










@group(0) @binding(11) var<storage, read> x: array<f32>;


fn x_at(at: vec4u, inside: bool) -> vec4f {
  if !inside {
    return vec4f(0.0);
  }
  return vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
}


struct Sixteen {
  a: vec4u,
  b: vec4u,
  c: vec4u,
  d: vec4u,
}

fn sixteen_rows(first: u32, rows: u32) -> Sixteen {
  return Sixteen(
    four_rows(first, rows),
    four_rows(first + 8u, rows),
    four_rows(first + 16u, rows),
    four_rows(first + 24u, rows),
  );
}

fn times(s: Sixteen, stride: u32, base: u32) -> Sixteen {
  return Sixteen(base + stride * s.a, base + stride * s.b, base + stride * s.c, base + stride * s.d);
}

fn x_along(at: Sixteen, k: u32) -> mat4x4f {
  let inside = k < layer.inputs;
  return mat4x4f(x_at(at.a + k, inside), x_at(at.b + k, inside), x_at(at.c + k, inside), x_at(at.d + k, inside));
}

fn dy_along(at: Sixteen, k: u32) -> mat4x4f {
  let inside = k < layer.outputs;
  return mat4x4f(dy_at(at.a + k, inside), dy_at(at.b + k, inside), dy_at(at.c + k, inside), dy_at(at.d + k, inside));
}

fn weights_along(a: vec4u, b: vec4u, k: u32) -> mat2x4f {
  let inside = k < layer.outputs;
  return mat2x4f(weights_at(a + k, inside), weights_at(b + k, inside));
}


fn x_across(at: vec4u, k: u32) -> mat4x4f {
  return mat4x4f(
    x_at(at + k * layer.inputs, k < step.rows),
    x_at(at + (k + 4u) * layer.inputs, k + 4u < step.rows),
    x_at(at + (k + 8u) * layer.inputs, k + 8u < step.rows),
    x_at(at + (k + 12u) * layer.inputs, k + 12u < step.rows),
  );
}

@compute @workgroup_size(WORKGROUP)
fn tiled_affine_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let p = place_of(group, layer.inputs);
  let rows = sixteen_rows(p.row + thread / DEPTH, step.rows);
  let at_a = times(rows, layer.inputs, group.z * step.rows * layer.inputs);
  let first = group.z * layer.parameters + layer.weight;
  let at_b = first + four_columns(p.column + thread % B_FOURS, layer.outputs);
  let k_a = thread % DEPTH;
  let k_b = thread / B_FOURS;
  var sums = biases(group.z, p, thread);
  var a = x_along(at_a, p.begin + k_a);
  var b = weights_across(at_b, p.begin + k_b);
  for (var k = p.begin; k < p.end; k += DEPTH) {
    workgroupBarrier();
    stage_a(k_a * A_STRIDE + thread / DEPTH, 8u, a);
    stage_b(k_b * B_STRIDE + thread % B_FOURS, 8u * B_STRIDE, b);
    workgroupBarrier();
    a = x_along(at_a, k + DEPTH + k_a);
    b = weights_across(at_b, k + DEPTH + k_b);
    add_staged(&sums, thread);
  }
  let c = Results((group.z * PARTS + p.part) * step.rows * layer.outputs, step.rows, layer.outputs);
  store(c, own_rows(p, thread), p.column + thread % 8u, sums);
}

@compute @workgroup_size(WORKGROUP)
fn tiled_affine_backward_input(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let p = place_of(group, layer.outputs);
  let rows = sixteen_rows(p.row + thread / DEPTH, step.rows);
  let at_a = times(rows, layer.outputs, group.z * step.rows * layer.outputs);
  let first = group.z * layer.parameters + layer.weight;
  let column = p.column + thread / DEPTH;
  let at_b0 = first + layer.outputs * four_columns(column, layer.inputs);
  let at_b1 = first + layer.outputs * four_columns(column + 8u, layer.inputs);
  let k_own = thread % DEPTH;
  var sums: Sums;
  var a = dy_along(at_a, p.begin + k_own);
  var b = weights_along(at_b0, at_b1, p.begin + k_own);
  for (var k = p.begin; k < p.end; k += DEPTH) {
    workgroupBarrier();
    stage_a(k_own * A_STRIDE + thread / DEPTH, 8u, a);
    stage_b(k_own * B_STRIDE + thread / DEPTH, 8u, b);
    workgroupBarrier();
    a = dy_along(at_a, k + DEPTH + k_own);
    b = weights_along(at_b0, at_b1, k + DEPTH + k_own);
    add_staged(&sums, thread);
  }
  let c = Results((group.z * PARTS + p.part) * step.rows * layer.inputs, step.rows, layer.inputs);
  store(c, own_rows(p, thread), p.column + thread % 8u, sums);
}

@compute @workgroup_size(WORKGROUP)
fn tiled_affine_backward_weight(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let p = place_of(group, step.rows);
  let first_a = group.z * step.rows * layer.inputs;
  let first_b = group.z * step.rows * layer.outputs;
  let at_a = first_a + four_rows(p.row + thread % A_FOURS, layer.inputs);
  let at_b = first_b + four_columns(p.column + thread % B_FOURS, layer.outputs);
  let k_a = thread / A_FOURS;
  let k_b = thread / B_FOURS;
  var sums: Sums;
  var bias = vec4f(0.0);
  var a = x_across(at_a, p.begin + k_a);
  var b = dy_across(at_b, p.begin + k_b);
  for (var k = p.begin; k < p.end; k += DEPTH) {
    workgroupBarrier();
    stage_a(k_a * A_STRIDE + thread % A_FOURS, 4u * A_STRIDE, a);
    stage_b(k_b * B_STRIDE + thread % B_FOURS, 8u * B_STRIDE, b);
    bias += b[0] + b[1];
    workgroupBarrier();
    a = x_across(at_a, k + DEPTH + k_a);
    b = dy_across(at_b, k + DEPTH + k_b);
    add_staged(&sums, thread);
  }
  finish_weights(group.z, p, own_rows(p, thread), thread, sums, bias);
}
`,
  "tiled/input": `// includes tiled/tile, shared/images












fn four_images(rows: vec4u) -> vec4u {
  let at = step.first + min(rows, vec4u(step.rows - 1u));
  return vec4u(order[at.x], order[at.y], order[at.z], order[at.w]);
}


fn four_pixels(k: u32, images: vec4u) -> mat4x4f {
  if k >= layer.texels {
    return mat4x4f();
  }
  let s = standard[k];
  return mat4x4f(
    pixels(k, place(images.x), s),
    pixels(k, place(images.y), s),
    pixels(k, place(images.z), s),
    pixels(k, place(images.w), s),
  );
}

@compute @workgroup_size(WORKGROUP)
fn tiled_input_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let p = place_of(group, layer.inputs);

  let images = four_images(four_rows(p.row + thread / 4u, step.rows));
  let texel = thread % 4u;
  let first = group.z * layer.parameters + layer.weight;
  let at_b = first + four_columns(p.column + thread % B_FOURS, layer.outputs);
  let k_b = thread / B_FOURS;
  var sums = biases(group.z, p, thread);
  var a = four_pixels(p.begin / 4u + texel, images);
  var b = weights_across(at_b, p.begin + k_b);
  for (var k = p.begin; k < p.end; k += DEPTH) {
    workgroupBarrier();
    stage_a(4u * texel * A_STRIDE + thread / 4u, A_STRIDE, transpose(a));
    stage_b(k_b * B_STRIDE + thread % B_FOURS, 8u * B_STRIDE, b);
    workgroupBarrier();
    a = four_pixels((k + DEPTH) / 4u + texel, images);
    b = weights_across(at_b, k + DEPTH + k_b);
    add_staged(&sums, thread);
  }
  let c = Results((group.z * PARTS + p.part) * step.rows * layer.outputs, step.rows, layer.outputs);
  store(c, own_rows(p, thread), p.column + thread % 8u, sums);
}


fn four_depths(first: u32) -> vec4u {
  return first + vec4u(0u, 4u, 8u, 12u);
}

@compute @workgroup_size(WORKGROUP)
fn tiled_input_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let p = place_of(group, step.rows);
  let texel = p.row / 4u + thread % A_FOURS;
  let first_b = group.z * step.rows * layer.outputs;
  let at_b = first_b + four_columns(p.column + thread % B_FOURS, layer.outputs);
  let k_a = thread / A_FOURS;
  let k_b = thread / B_FOURS;
  var sums: Sums;
  var bias = vec4f(0.0);
  var a = four_pixels(texel, four_images(four_depths(p.begin + k_a)));
  var b = dy_across(at_b, p.begin + k_b);

  var images = four_images(four_depths(p.begin + DEPTH + k_a));
  for (var k = p.begin; k < p.end; k += DEPTH) {
    workgroupBarrier();
    stage_a(k_a * A_STRIDE + thread % A_FOURS, 4u * A_STRIDE, a);
    stage_b(k_b * B_STRIDE + thread % B_FOURS, 8u * B_STRIDE, b);
    bias += b[0] + b[1];
    workgroupBarrier();
    a = four_pixels(texel, images);
    b = dy_across(at_b, k + DEPTH + k_b);
    images = four_images(four_depths(k + 2u * DEPTH + k_a));
    add_staged(&sums, thread);
  }

  let rows = OwnRows(p.row + 4u * (thread / 8u), 1u, 2u * A_FOURS);
  finish_weights(group.z, p, rows, thread, sums, bias);
}
`,
  "tiled/norm": `// includes shared/descent, shared/bits, shared/averages






@group(0) @binding(7) var<storage, read> weights: array<f32>;
@group(0) @binding(11) var<storage, read> x: array<f32>;
@group(0) @binding(12) var<storage, read_write> y: array<f32>;
@group(0) @binding(13) var<storage, read> dy: array<f32>;
@group(0) @binding(14) var<storage, read_write> dx: array<f32>;
@group(0) @binding(16) var<storage, read_write> normalised: array<f32>;
@group(0) @binding(17) var<storage, read_write> inverse_deviation: array<f32>;

override TILED_FEATURES: u32;
override LANES: u32 = WORKGROUP / TILED_FEATURES;

var<workgroup> partial: array<vec2f, WORKGROUP>;
var<workgroup> scales: array<f32, TILED_FEATURES>;


fn sum_of_lanes(thread: u32, own: vec2f) -> vec2f {
  partial[thread] = own;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half >= TILED_FEATURES; half /= 2u) {
    if thread < half {
      partial[thread] += partial[thread + half];
    }
    workgroupBarrier();
  }
  let sum = partial[thread % TILED_FEATURES];
  workgroupBarrier();
  return sum;
}

fn total(four: vec4f) -> f32 {
  return four.x + four.y + four.z + four.w;
}


struct Rows {
  at: vec4u,
  inside: vec4<bool>,
}

fn four_rows(first: u32, row: u32) -> Rows {
  let rows = row + LANES * vec4u(0u, 1u, 2u, 3u);
  return Rows(first + layer.outputs * min(rows, vec4u(step.rows - 1u)), rows < vec4u(step.rows));
}

fn x_at(at: vec4u) -> vec4f {
  return vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
}

fn normalised_at(at: vec4u) -> vec4f {
  return vec4f(normalised[at.x], normalised[at.y], normalised[at.z], normalised[at.w]);
}


fn gradients_at(at: vec4u) -> vec4f {
  let dh = vec4f(dy[at.x], dy[at.y], dy[at.z], dy[at.w]);
  let h = vec4f(y[at.x], y[at.y], y[at.z], y[at.w]);
  return relu_gradient4(dh, h);
}

fn store_norm(r: Rows, exists: bool, n: vec4f, h: vec4f) {
  let inside = r.inside & vec4<bool>(exists);
  if inside.x {
    normalised[r.at.x] = n.x;
    y[r.at.x] = h.x;
  }
  if inside.y {
    normalised[r.at.y] = n.y;
    y[r.at.y] = h.y;
  }
  if inside.z {
    normalised[r.at.z] = n.z;
    y[r.at.z] = h.z;
  }
  if inside.w {
    normalised[r.at.w] = n.w;
    y[r.at.w] = h.w;
  }
}

@compute @workgroup_size(WORKGROUP)
fn tiled_batch_norm_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let place = group.x * TILED_FEATURES + thread % TILED_FEATURES;
  let exists = place < layer.outputs;
  let feature = min(place, layer.outputs - 1u);
  let lane = thread / TILED_FEATURES;
  let rows = f32(step.rows);
  let first = group.z * step.rows * layer.outputs + feature;
  var sums = vec4f(0.0);
  for (var row = lane; row < step.rows; row += 8u * LANES) {
    let r = four_rows(first, row);
    let q = four_rows(first, row + 4u * LANES);
    let a = x_at(r.at);
    let b = x_at(q.at);
    sums += select(vec4f(0.0), a, r.inside) + select(vec4f(0.0), b, q.inside);
  }
  let mean = sum_of_lanes(thread, vec2f(total(sums), 0.0)).x / rows;
  var squares = vec4f(0.0);
  for (var row = lane; row < step.rows; row += 8u * LANES) {
    let r = four_rows(first, row);
    let q = four_rows(first, row + 4u * LANES);
    let a = select(vec4f(0.0), x_at(r.at) - mean, r.inside);
    let b = select(vec4f(0.0), x_at(q.at) - mean, q.inside);
    squares += a * a + b * b;
  }
  let variance = sum_of_lanes(thread, vec2f(total(squares), 0.0)).x / rows;

  let inverse = or_nan(1.0 / sqrt(variance + EPSILON), is_finite(variance));
  let gamma = weights[group.z * layer.parameters + layer.gamma + feature];
  let beta = weights[group.z * layer.parameters + layer.beta + feature];
  for (var row = lane; row < step.rows; row += 8u * LANES) {
    let r = four_rows(first, row);
    let q = four_rows(first, row + 4u * LANES);
    let a = (x_at(r.at) - mean) * inverse;
    let b = (x_at(q.at) - mean) * inverse;
    store_norm(r, exists, a, relu4(gamma * a + beta));
    store_norm(q, exists, b, relu4(gamma * b + beta));
  }
  if exists && lane == 0u {
    inverse_deviation[group.z * layer.outputs + feature] = inverse;
    keep_average(group.z, layer.mean + feature, mean);
    keep_average(group.z, layer.variance + feature, variance);
  }
}

@compute @workgroup_size(WORKGROUP)
fn tiled_batch_norm_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let place = group.x * TILED_FEATURES + thread % TILED_FEATURES;
  let exists = place < layer.outputs;
  let feature = min(place, layer.outputs - 1u);
  let lane = thread / TILED_FEATURES;
  let rows = f32(step.rows);
  let first = group.z * step.rows * layer.outputs + feature;
  if lane == 0u {
    let gamma = parameters[group.z * layer.parameters + layer.gamma + feature];
    scales[thread] = gamma * inverse_deviation[group.z * layer.outputs + feature];
  }
  var of_beta = vec4f(0.0);
  var of_gamma = vec4f(0.0);
  for (var row = lane; row < step.rows; row += 8u * LANES) {
    let r = four_rows(first, row);
    let q = four_rows(first, row + 4u * LANES);
    let a = select(vec4f(0.0), gradients_at(r.at), r.inside);
    let b = select(vec4f(0.0), gradients_at(q.at), q.inside);
    of_beta += a + b;
    of_gamma += a * normalised_at(r.at) + b * normalised_at(q.at);
  }
  let sums = sum_of_lanes(thread, vec2f(total(of_beta), total(of_gamma)));
  let scale = scales[thread % TILED_FEATURES];
  for (var row = lane; row < step.rows; row += 8u * LANES) {
    let r = four_rows(first, row);
    let q = four_rows(first, row + 4u * LANES);
    let a = scale * (gradients_at(r.at) - sums.x / rows - normalised_at(r.at) * sums.y / rows);
    let b = scale * (gradients_at(q.at) - sums.x / rows - normalised_at(q.at) * sums.y / rows);
    store_gradients(r, exists, a);
    store_gradients(q, exists, b);
  }
  if exists && lane == 0u {
    let d = descent_of(group.z);
    descend(d, layer.gamma + feature, sums.y);
    descend(d, layer.beta + feature, sums.x);
  }
}

fn store_gradients(r: Rows, exists: bool, ds: vec4f) {
  let inside = r.inside & vec4<bool>(exists);
  if inside.x {
    dx[r.at.x] = ds.x;
  }
  if inside.y {
    dx[r.at.y] = ds.y;
  }
  if inside.z {
    dx[r.at.z] = ds.z;
  }
  if inside.w {
    dx[r.at.w] = ds.w;
  }
}
`,
  "tiled/parts": `// includes shared/descent










@group(0) @binding(12) var<storage, read_write> y: array<f32>;
@group(0) @binding(14) var<storage, read_write> dx: array<f32>;
@group(0) @binding(26) var<storage, read_write> product: array<f32>;

override PARTS: u32;


fn sum_of_parts(network: u32, size: u32, at: u32) -> f32 {
  let first = network * PARTS * size + at;
  var sum = 0.0;
  for (var p = 0u; p < PARTS; p += 4u) {
    let part = min(p + vec4u(0u, 1u, 2u, 3u), vec4u(PARTS - 1u)) * size + first;
    let four = vec4f(product[part.x], product[part.y], product[part.z], product[part.w]);
    sum += four.x;
    sum += select(0.0, four.y, p + 1u < PARTS);
    sum += select(0.0, four.z, p + 2u < PARTS);
    sum += select(0.0, four.w, p + 3u < PARTS);
  }
  return sum;
}

@compute @workgroup_size(WORKGROUP)
fn tiled_parts_outputs(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let at = thread_index(id, workgroups);
  let size = step.rows * layer.outputs;
  if at < size {
    y[id.z * size + at] = sum_of_parts(id.z, size, at);
  }
}

@compute @workgroup_size(WORKGROUP)
fn tiled_parts_inputs(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let at = thread_index(id, workgroups);
  let size = step.rows * layer.inputs;
  if at < size {
    dx[id.z * size + at] = sum_of_parts(id.z, size, at);
  }
}

@compute @workgroup_size(WORKGROUP)
fn tiled_parts_weights(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let at = thread_index(id, workgroups);
  let count = layer.inputs * layer.outputs;
  let size = count + layer.outputs;
  if at >= size {
    return;
  }
  let sum = sum_of_parts(id.z, size, at);
  let d = descent_of(id.z);
  if at < count {
    _ = descend_weight(d, layer.weight + at, sum);
  } else {
    descend(d, layer.bias + at - count, sum);
  }
}
`,
  "tiled/tile": `// includes shared/descent
















@group(0) @binding(7) var<storage, read> weights: array<f32>;
@group(0) @binding(13) var<storage, read> dy: array<f32>;
@group(0) @binding(26) var<storage, read_write> product: array<f32>;

override PARTS: u32;
override TILED_ROWS: u32;
override TILED_COLUMNS: u32;
override A_FOURS: u32 = TILED_ROWS / 4u;
override B_FOURS: u32 = TILED_COLUMNS / 4u;
const DEPTH = 16u;


override A_STRIDE: u32 = A_FOURS + 1u;
override B_STRIDE: u32 = B_FOURS + 1u;

var<workgroup> a_tile: array<vec4f, DEPTH * A_STRIDE>;
var<workgroup> b_tile: array<vec4f, DEPTH * B_STRIDE>;


struct Place {
  row: u32,
  column: u32,
  part: u32,
  begin: u32,
  end: u32,
}


fn place_of(group: vec3u, depth: u32) -> Place {
  let part = group.y % PARTS;
  let stages = (depth + DEPTH - 1u) / DEPTH;
  let length = (stages + PARTS - 1u) / PARTS * DEPTH;
  let begin = part * length;
  let end = min(begin + length, depth);
  return Place(group.y / PARTS * TILED_ROWS, group.x * TILED_COLUMNS, part, begin, end);
}


fn four_rows(first: u32, size: u32) -> vec4u {
  return min(first + A_FOURS * vec4u(0u, 1u, 2u, 3u), vec4u(size - 1u));
}

fn four_columns(first: u32, size: u32) -> vec4u {
  return min(first + B_FOURS * vec4u(0u, 1u, 2u, 3u), vec4u(size - 1u));
}


fn weights_at(at: vec4u, inside: bool) -> vec4f {
  if !inside {
    return vec4f(0.0);
  }
  return vec4f(weights[at.x], weights[at.y], weights[at.z], weights[at.w]);
}

fn dy_at(at: vec4u, inside: bool) -> vec4f {
  if !inside {
    return vec4f(0.0);
  }
  return vec4f(dy[at.x], dy[at.y], dy[at.z], dy[at.w]);
}


fn weights_across(at: vec4u, k: u32) -> mat2x4f {
  return mat2x4f(
    weights_at(at + k * layer.outputs, k < layer.inputs),
    weights_at(at + (k + 8u) * layer.outputs, k + 8u < layer.inputs),
  );
}

fn dy_across(at: vec4u, k: u32) -> mat2x4f {
  return mat2x4f(
    dy_at(at + k * layer.outputs, k < step.rows),
    dy_at(at + (k + 8u) * layer.outputs, k + 8u < step.rows),
  );
}


fn stage_a(at: u32, apart: u32, fours: mat4x4f) {
  a_tile[at] = fours[0];
  a_tile[at + apart] = fours[1];
  a_tile[at + 2u * apart] = fours[2];
  a_tile[at + 3u * apart] = fours[3];
}


fn stage_b(at: u32, apart: u32, fours: mat2x4f) {
  b_tile[at] = fours[0];
  b_tile[at + apart] = fours[1];
}



struct Sums {
  aa: mat4x4f,
  ab: mat4x4f,
  ba: mat4x4f,
  bb: mat4x4f,
}

fn plus_outer(sums: mat4x4f, a: vec4f, b: vec4f) -> mat4x4f {
  return mat4x4f(
    fma(vec4f(a.x), b, sums[0]),
    fma(vec4f(a.y), b, sums[1]),
    fma(vec4f(a.z), b, sums[2]),
    fma(vec4f(a.w), b, sums[3]),
  );
}


fn add_depth(sums: ptr<function, Sums>, at_a: u32, at_b: u32) {
  let a = a_tile[at_a];
  let c = a_tile[at_a + A_FOURS / 2u];
  let b = b_tile[at_b];
  let d = b_tile[at_b + B_FOURS / 2u];
  (*sums).aa = plus_outer((*sums).aa, a, b);
  (*sums).ab = plus_outer((*sums).ab, a, d);
  (*sums).ba = plus_outer((*sums).ba, c, b);
  (*sums).bb = plus_outer((*sums).bb, c, d);
}


fn add_staged(sums: ptr<function, Sums>, thread: u32) {
  for (var k = 0u; k < DEPTH; k += 8u) {
    let a = k * A_STRIDE + thread / 8u;
    let b = k * B_STRIDE + thread % 8u;
    add_depth(sums, a, b);
    add_depth(sums, a + A_STRIDE, b + B_STRIDE);
    add_depth(sums, a + 2u * A_STRIDE, b + 2u * B_STRIDE);
    add_depth(sums, a + 3u * A_STRIDE, b + 3u * B_STRIDE);
    add_depth(sums, a + 4u * A_STRIDE, b + 4u * B_STRIDE);
    add_depth(sums, a + 5u * A_STRIDE, b + 5u * B_STRIDE);
    add_depth(sums, a + 6u * A_STRIDE, b + 6u * B_STRIDE);
    add_depth(sums, a + 7u * A_STRIDE, b + 7u * B_STRIDE);
  }
}


fn biases(network: u32, p: Place, thread: u32) -> Sums {
  var sums: Sums;
  if p.part == 0u {
    let first = network * layer.parameters + layer.bias;
    let a = weights_at(first + four_columns(p.column + thread % 8u, layer.outputs), true);
    let b = weights_at(first + four_columns(p.column + thread % 8u + B_FOURS / 2u, layer.outputs), true);
    sums = Sums(mat4x4f(a, a, a, a), mat4x4f(b, b, b, b), mat4x4f(a, a, a, a), mat4x4f(b, b, b, b));
  }
  return sums;
}


struct OwnRows {
  first: u32,
  apart: u32,
  half: u32,
}

fn own_rows(p: Place, thread: u32) -> OwnRows {
  return OwnRows(p.row + thread / 8u, A_FOURS, A_FOURS / 2u);
}


struct Results {
  first: u32,
  rows: u32,
  columns: u32,
}


fn store_row(c: Results, row: u32, column: u32, a: vec4f, b: vec4f) {
  if row >= c.rows {
    return;
  }
  let at = c.first + row * c.columns + column;
  if column < c.columns { product[at] = a.x; }
  if column + 8u < c.columns { product[at + 8u] = b.x; }
  if column + 16u < c.columns { product[at + 16u] = a.y; }
  if column + 24u < c.columns { product[at + 24u] = b.y; }
  if column + 32u < c.columns { product[at + 32u] = a.z; }
  if column + 40u < c.columns { product[at + 40u] = b.z; }
  if column + 48u < c.columns { product[at + 48u] = a.w; }
  if column + 56u < c.columns { product[at + 56u] = b.w; }
}

fn store(c: Results, r: OwnRows, column: u32, s: Sums) {
  store_row(c, r.first, column, s.aa[0], s.ab[0]);
  store_row(c, r.first + r.apart, column, s.aa[1], s.ab[1]);
  store_row(c, r.first + 2u * r.apart, column, s.aa[2], s.ab[2]);
  store_row(c, r.first + 3u * r.apart, column, s.aa[3], s.ab[3]);
  store_row(c, r.first + r.half, column, s.ba[0], s.bb[0]);
  store_row(c, r.first + r.half + r.apart, column, s.ba[1], s.bb[1]);
  store_row(c, r.first + r.half + 2u * r.apart, column, s.ba[2], s.bb[2]);
  store_row(c, r.first + r.half + 3u * r.apart, column, s.ba[3], s.bb[3]);
}



fn move_row(d: Descent, input: u32, output: u32, a: vec4f, b: vec4f) {
  if input >= layer.inputs || output >= layer.outputs {
    return;
  }
  let first = d.first + layer.weight + input * layer.outputs;
  let columns_a = output + B_FOURS * vec4u(0u, 1u, 2u, 3u);
  let columns_b = columns_a + B_FOURS / 2u;
  let inside_a = columns_a < vec4u(layer.outputs);
  let inside_b = columns_b < vec4u(layer.outputs);
  let at_a = first + select(vec4u(output), columns_a, inside_a);
  let at_b = first + select(vec4u(output), columns_b, inside_b);
  let w_a = vec4f(parameters[at_a.x], parameters[at_a.y], parameters[at_a.z], parameters[at_a.w]);
  let w_b = vec4f(parameters[at_b.x], parameters[at_b.y], parameters[at_b.z], parameters[at_b.w]);
  let g_a = a + d.decay * w_a;
  let g_b = b + d.decay * w_b;
  move_four(d, at_a, inside_a, w_a, g_a);
  move_four(d, at_b, inside_b, w_b, g_b);
}

fn move_four(d: Descent, at: vec4u, inside: vec4<bool>, w: vec4f, g: vec4f) {
  let moved = w - d.eta * g;
  if inside.x {
    gradients[at.x] = g.x;
    parameters[at.x] = moved.x;
  }
  if inside.y {
    gradients[at.y] = g.y;
    parameters[at.y] = moved.y;
  }
  if inside.z {
    gradients[at.z] = g.z;
    parameters[at.z] = moved.z;
  }
  if inside.w {
    gradients[at.w] = g.w;
    parameters[at.w] = moved.w;
  }
}

fn move_weights(d: Descent, r: OwnRows, output: u32, s: Sums) {
  move_row(d, r.first, output, s.aa[0], s.ab[0]);
  move_row(d, r.first + r.apart, output, s.aa[1], s.ab[1]);
  move_row(d, r.first + 2u * r.apart, output, s.aa[2], s.ab[2]);
  move_row(d, r.first + 3u * r.apart, output, s.aa[3], s.ab[3]);
  move_row(d, r.first + r.half, output, s.ba[0], s.bb[0]);
  move_row(d, r.first + r.half + r.apart, output, s.ba[1], s.bb[1]);
  move_row(d, r.first + r.half + 2u * r.apart, output, s.ba[2], s.bb[2]);
  move_row(d, r.first + r.half + 3u * r.apart, output, s.ba[3], s.bb[3]);
}



fn finish_weights(network: u32, p: Place, r: OwnRows, thread: u32, s: Sums, bias: vec4f) {
  let output = p.column + thread % 8u;
  let c = Results(
    (network * PARTS + p.part) * (layer.inputs + 1u) * layer.outputs, layer.inputs, layer.outputs);
  let d = descent_of(network);
  if PARTS == 1u {
    move_weights(d, r, output, s);
  } else {
    store(c, r, output, s);
  }

  workgroupBarrier();
  b_tile[thread] = bias;
  workgroupBarrier();
  if p.row > 0u || thread >= B_FOURS {
    return;
  }
  var sum = b_tile[thread];
  sum += b_tile[thread + B_FOURS];
  sum += b_tile[thread + 2u * B_FOURS];
  sum += b_tile[thread + 3u * B_FOURS];
  sum += b_tile[thread + 4u * B_FOURS];
  sum += b_tile[thread + 5u * B_FOURS];
  sum += b_tile[thread + 6u * B_FOURS];
  sum += b_tile[thread + 7u * B_FOURS];
  for (var i = 0u; i < 4u; i++) {
    let own = p.column + thread + i * B_FOURS;
    if own < layer.outputs {
      if PARTS == 1u {
        descend(d, layer.bias + own, sum[i]);
      } else {
        product[c.first + layer.inputs * layer.outputs + own] = sum[i];
      }
    }
  }
}
`,
};
