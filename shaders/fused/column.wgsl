// includes fused/layers, fused/ten, shared/bits
//
// What the kernels share whose workgroup computes one column of four features of a layer, for all rows.
//
// Threads are LANES of rows times PARTS of what is summed. Sums over the rows are made in two goes: a thread for each group of
// ten rows, then every thread adds the groups, ten at a time.

override PARTS: u32; // at most 8
override LANES: u32 = WORKGROUP / PARTS;
override EPSILON: f32; // eps of 1 / sqrt(var + eps)
override GROUPS: u32 = (ROWS + 9u) / 10u;

var<workgroup> parts: array<vec4f, WORKGROUP>; // [PARTS, LANES]
var<workgroup> rows_of_column: array<vec4f, ROWS>;
var<workgroup> more_rows: array<vec4f, ROWS>;
var<workgroup> groups: array<vec4f, GROUPS>;
var<workgroup> more_groups: array<vec4f, GROUPS>;

// Four features of a row; 0 behind the last column of a part.
fn tensor_at(first: u32, column: u32, end: u32) -> vec4f {
  let value = arena[first + min(column, end - 1u) * ROWS];
  return select(vec4f(0.0), value, column < end);
}

// What a part has found of a row; 0 behind the last part.
fn part_at(lane: u32, part: u32) -> vec4f {
  return select(vec4f(0.0), parts[min(part, PARTS - 1u) * LANES + lane], part < PARTS);
}

// Adds up what the parts of a row have found, always in the same order.
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

// How many rows a group has: ten, the last perhaps fewer, groups behind it none.
fn rows_in(group: u32) -> u32 {
  return min(10u, max(ROWS, 10u * group) - 10u * group);
}

struct Sums {
  first: vec4f,
  second: vec4f,
}

// Adds up `groups` and `more_groups`, which hold a sum for each group.
fn sums_of_groups() -> Sums {
  var all = Sums(vec4f(0.0), vec4f(0.0));
  for (var g = 0u; g < GROUPS; g += 10u) {
    all.first += sum_of_ten(ten_groups(g));
    all.second += sum_of_ten(ten_other_groups(g));
  }
  return all;
}

// The sums of `rows_of_column` and of `more_rows`.
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

// rows (mean of the group - mean)^2, from the sum of a group.
fn group_square(group: u32, sum: vec4f, mean: vec4f) -> vec4f {
  let rows = f32(rows_in(group));
  let difference = sum / max(rows, 1.0) - mean;
  return rows * difference * difference;
}

// Mean and variance of `rows_of_column`. Each group is measured around its own mean, then the groups are put together
// (Chan, Golub and LeVeque 1979): squares = sum of own squares + rows (own mean - mean)^2.
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
