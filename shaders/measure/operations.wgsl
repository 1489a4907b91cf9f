// What the operations of an adapter cost, one kernel for each:
//
//   touch     y = y + 1
//   exchange  m[t] = m[t + 1] + 1, a barrier after each
//   chase     at = x[at]
//   sum       y = y + sum of SLICES rows of x
//   product   S = S + a b^T, tiles of 4 x 4 and 8 x 8 for each thread
//
// Results depend on x and are stored, so no compiler can leave out the work. Loops are bounded by a number in storage:
// lavapipe of Mesa 22 recompiles those that a small uniform bounds, and the number can grow without a new pipeline.

override WORKGROUP: u32; // threads per workgroup

@group(0) @binding(11) var<storage, read> x: array<vec4u>; // the next index of a cycle, then three numbers below 4
@group(0) @binding(12) var<storage, read_write> y: array<vec4u>; // the results of each thread
@group(0) @binding(37) var<storage, read> turns: array<u32>; // [1] turns of the loop that is measured

override SLICES: u32; // rows that a sum adds up
override SLICE: u32; // vec4s from one row to the next

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

// The same with both barriers, as kernels need that pass on values in storage.
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

// Eight reads a turn, so that the loop costs little. Goes on where the last dispatch ended, to get around a large cycle.
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

const LINKS = 256u; // a power of two, at least the threads of a workgroup
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

const SIDE = 16u; // the workgroup is a square of threads
const OPERAND = 256u; // vec4s of A^T, as of B: 16 depths of SIDE vec4s, or 8 of 2 SIDE
var<workgroup> operands: array<vec4f, 2u * OPERAND>; // A^T, then B

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

// Four depths a turn, as in product_8x8.
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

// The first letter says which four rows, the second which four columns.
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
