// includes shared/descent
//
// The core of the products of `tiled`: C = A B with A [rows, depth] and B [depth, columns].
//
// A workgroup of 128 threads computes TILED_ROWS x TILED_COLUMNS results, a thread 8 x 8 of them in registers. 16 of the
// depth are staged in workgroup memory at a time. Before their products are added, the reads of the next 16 begin, so that
// these are under way meanwhile. Rows and columns past an edge repeat the last one and are not stored; past the depth
// operands are 0.
//
// Operands are staged in fours, which is what a thread reads from workgroup memory at once. Four rows of A lie A_FOURS
// apart, four columns of B B_FOURS apart: neighbouring threads then read neighbouring numbers, wherever a matrix begins and
// however long its rows are.
//
// Where tiles are too few to occupy a device, the depth is split into PARTS, each computed by a workgroup of its own;
// tiled/parts.wgsl adds them up.

// networks, parameters and gradients: shared/descent.wgsl
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] d cost / d Y
@group(0) @binding(26) var<storage, read_write> product: array<f32>; // [P, PARTS, rows of C, columns of C]

override PARTS: u32; // parts of the depth
override TILED_ROWS: u32; // rows of a workgroup: 128
override TILED_COLUMNS: u32; // columns of a workgroup: 64
override A_FOURS: u32 = TILED_ROWS / 4u;
override B_FOURS: u32 = TILED_COLUMNS / 4u;
const DEPTH = 16u;

// One more than the fours of a row, so that threads that store at several depths use different banks.
override A_STRIDE: u32 = A_FOURS + 1u;
override B_STRIDE: u32 = B_FOURS + 1u;

var<workgroup> a_tile: array<vec4f, DEPTH * A_STRIDE>; // [DEPTH, A_STRIDE] four rows of A
var<workgroup> b_tile: array<vec4f, DEPTH * B_STRIDE>; // [DEPTH, B_STRIDE] four columns of B

// What a workgroup computes: its first row and column of C, over the depth from `begin` to `end`.
struct Place {
  row: u32,
  column: u32,
  part: u32,
  begin: u32,
  end: u32,
}

// The last part of an evaluation has fewer rows than it was dispatched for; workgroups past the last row store nothing.
fn place_of(group: vec3u, depth: u32) -> Place {
  let part = group.y % PARTS;
  let stages = (depth + DEPTH - 1u) / DEPTH;
  let length = (stages + PARTS - 1u) / PARTS * DEPTH;
  let begin = part * length;
  let end = min(begin + length, depth);
  return Place(group.y / PARTS * TILED_ROWS, group.x * TILED_COLUMNS, part, begin, end);
}

// Four rows of A or columns of B; past the last they repeat it.
fn four_rows(first: u32, size: u32) -> vec4u {
  return min(first + A_FOURS * vec4u(0u, 1u, 2u, 3u), vec4u(size - 1u));
}

fn four_columns(first: u32, size: u32) -> vec4u {
  return min(first + B_FOURS * vec4u(0u, 1u, 2u, 3u), vec4u(size - 1u));
}

// Four numbers of a buffer, or 0 past the depth.
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

// A thread's share of B where its columns are neighbours in memory: the same four columns at two depths, `at` at depth 0.
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

// Stores a thread's share of A: four fours.
fn stage_a(at: u32, apart: u32, fours: mat4x4f) {
  a_tile[at] = fours[0];
  a_tile[at + apart] = fours[1];
  a_tile[at + 2u * apart] = fours[2];
  a_tile[at + 3u * apart] = fours[3];
}

// Stores a thread's share of B: two fours.
fn stage_b(at: u32, apart: u32, fours: mat2x4f) {
  b_tile[at] = fours[0];
  b_tile[at + apart] = fours[1];
}

// A thread's results: the first letter says which four rows, the second which four columns. A column of a matrix is a row
// of C.
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

// Adds the products at one depth: four reads, 64 multiply-adds.
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

// Adds the products of what is staged. Eight depths are written out: no compiler unrolls a WGSL loop.
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

// The sums to begin with forward: every row has the bias, which the first part adds.
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

// The rows of a thread's results, as they were staged: `first + i * apart` of one four, `half` behind them of the other.
struct OwnRows {
  first: u32,
  apart: u32,
  half: u32,
}

fn own_rows(p: Place, thread: u32) -> OwnRows {
  return OwnRows(p.row + thread / 8u, A_FOURS, A_FOURS / 2u);
}

// Where C, or one part of it, lies in `product`.
struct Results {
  first: u32,
  rows: u32,
  columns: u32,
}

// Stores a thread's results of one row: `a` and `b` take turns, eight columns apart.
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

// Updates a thread's weights of one input. All are read before the first is stored: else each read would wait for the store
// before it. In place of a column past the edge the thread reads its first, which no other thread writes.
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

// What backward_weight ends with. In one part the weights move; of several each is stored, the biases' as one more row.
// `bias` is what the thread staged of dY, summed over its depths.
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
  // The first tile of a column adds up its biases; threads B_FOURS apart have staged the same columns.
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
