// includes fused/layers, shared/bits
//
// What the kernels share whose workgroup computes one column of four features of a layer, for all rows.
//
// Threads are LANES of rows times PARTS of what is summed. Sums over the rows are made in two goes: a thread for each group
// of GROUP rows, then every thread adds the groups, so that three barriers are enough.

override PARTS: u32;
override LANES: u32 = WORKGROUP / PARTS;
override GROUP: u32;
override EPSILON: f32; // eps of 1 / sqrt(var + eps)
override GROUPS: u32 = (ROWS + GROUP - 1u) / GROUP;

var<workgroup> parts: array<vec4f, WORKGROUP>; // [PARTS, LANES]
var<workgroup> rows_of_column: array<vec4f, ROWS>;
var<workgroup> more_rows: array<vec4f, ROWS>;
var<workgroup> groups: array<vec4f, GROUPS>;
var<workgroup> more_groups: array<vec4f, GROUPS>;

// Adds up what the parts of a row have found, always in the same order; the sum is valid for part 0.
fn sum_of_parts(thread: u32, value: vec4f) -> vec4f {
  workgroupBarrier();
  parts[thread] = value;
  workgroupBarrier();
  var sum = value;
  for (var part = 1u; part < PARTS; part++) {
    sum += parts[part * LANES + thread % LANES];
  }
  return sum;
}

fn rows_in(group: u32) -> u32 {
  return min(GROUP, ROWS - group * GROUP);
}

struct Moments {
  mean: vec4f,
  variance: vec4f,
}

// Mean and variance of `rows_of_column`. Each group is measured around its own mean, then the groups are put together
// (Chan, Golub and LeVeque 1979): squares = sum of own squares + rows (own mean - mean)^2.
fn moments(thread: u32) -> Moments {
  workgroupBarrier();
  if thread < GROUPS {
    let first = thread * GROUP;
    let count = rows_in(thread);
    var sum = vec4f(0.0);
    for (var i = 0u; i < count; i++) {
      sum += rows_of_column[first + i];
    }
    let mean = sum / f32(count);
    var squares = vec4f(0.0);
    for (var i = 0u; i < count; i++) {
      let difference = rows_of_column[first + i] - mean;
      squares = fma(difference, difference, squares);
    }
    groups[thread] = mean;
    more_groups[thread] = squares;
  }
  workgroupBarrier();
  var mean = vec4f(0.0);
  for (var g = 0u; g < GROUPS; g++) {
    mean += f32(rows_in(g)) * groups[g];
  }
  mean /= f32(ROWS);
  var squares = vec4f(0.0);
  for (var g = 0u; g < GROUPS; g++) {
    let difference = groups[g] - mean;
    squares += fma(f32(rows_in(g)) * difference, difference, more_groups[g]);
  }
  return Moments(mean, squares / f32(ROWS));
}

struct Sums {
  first: vec4f,
  second: vec4f,
}

// The sums of `rows_of_column` and of `more_rows`.
fn sums(thread: u32) -> Sums {
  workgroupBarrier();
  if thread < GROUPS {
    var first = vec4f(0.0);
    var second = vec4f(0.0);
    for (var i = thread * GROUP; i < thread * GROUP + rows_in(thread); i++) {
      first += rows_of_column[i];
      second += more_rows[i];
    }
    groups[thread] = first;
    more_groups[thread] = second;
  }
  workgroupBarrier();
  var all = Sums(vec4f(0.0), vec4f(0.0));
  for (var g = 0u; g < GROUPS; g++) {
    all.first += groups[g];
    all.second += more_groups[g];
  }
  return all;
}
