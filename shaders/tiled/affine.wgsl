// includes shared/descent
//
// The affine map of every layer but the first with its operands staged in workgroup memory, for wide layers:
//
//   forward          Y = X W + b
//   backward_input   dX = dY W^T
//   backward_weight  dW = X^T dY + 2 lambda W,  W <- W - eta dW
//
// All three are A B with A [m, depth] and B [depth, n] that are read in different directions. A workgroup computes SIDE x
// SIDE results, each thread 4 x 4; 16 of the depth are staged at a time. Values past an edge are staged as 0 and not
// stored.

// networks, parameters and gradients: shared/descent.wgsl
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(11) var<storage, read> x: array<f32>; // [P, rows, inputs] X
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, outputs] Y
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] d cost / d Y
@group(0) @binding(14) var<storage, read_write> dx: array<f32>; // [P, rows, inputs] d cost / d X

override SIDE: u32; // rows and columns of results of a workgroup
override COLUMNS: u32 = SIDE / 4u; // fours of a side
const DEPTH = 16u;

var<workgroup> a_tile: array<vec4f, DEPTH * COLUMNS>; // [DEPTH, COLUMNS] four rows of A
var<workgroup> b_tile: array<vec4f, DEPTH * COLUMNS>; // [DEPTH, COLUMNS] four columns of B

// Where a matrix lies: entry (i, j) at first + i rows + j columns, 0 past its edges.
struct Matrix {
  first: u32,
  row: u32, // from one row to the next
  column: u32, // from one column to the next
  rows: u32,
  columns: u32,
}

fn inside(m: Matrix, i: u32, j: u32) -> bool {
  return i < m.rows && j < m.columns;
}

fn at(m: Matrix, i: u32, j: u32) -> u32 {
  return m.first + i * m.row + j * m.column;
}

fn activations(network: u32) -> Matrix {
  return Matrix(network * step.rows * layer.inputs, layer.inputs, 1u, step.rows, layer.inputs);
}

fn output_gradients(network: u32) -> Matrix {
  return Matrix(network * step.rows * layer.outputs, layer.outputs, 1u, step.rows, layer.outputs);
}

fn weight_matrix(network: u32) -> Matrix {
  let first = network * layer.parameters + layer.weight;
  return Matrix(first, layer.outputs, 1u, layer.inputs, layer.outputs);
}

fn transposed(m: Matrix) -> Matrix {
  return Matrix(m.first, m.column, m.row, m.columns, m.rows);
}

// A thread's place in its workgroup's tile, and its results: column j of the matrix is row i + j.
struct Place {
  i: u32,
  j: u32,
  own_row: u32,
  own_column: u32,
}

fn place_of(group: vec3u, thread: u32) -> Place {
  let own_row = thread / COLUMNS;
  let own_column = thread % COLUMNS;
  return Place(group.x * SIDE + 4u * own_row, group.y * SIDE + 4u * own_column, own_row, own_column);
}

// Adds the products of the staged tiles.
fn add_staged(sums: mat4x4f, p: Place) -> mat4x4f {
  var total = sums;
  for (var d = 0u; d < DEPTH; d++) {
    let a = a_tile[d * COLUMNS + p.own_row];
    let b = b_tile[d * COLUMNS + p.own_column];
    total += mat4x4f(a.x * b, a.y * b, a.z * b, a.w * b);
  }
  return total;
}

fn x_at(m: Matrix, i: u32, j: u32) -> f32 {
  return select(0.0, x[at(m, min(i, m.rows - 1u), min(j, m.columns - 1u))], inside(m, i, j));
}

fn dy_at(m: Matrix, i: u32, j: u32) -> f32 {
  return select(0.0, dy[at(m, min(i, m.rows - 1u), min(j, m.columns - 1u))], inside(m, i, j));
}

fn weight_at(m: Matrix, i: u32, j: u32) -> f32 {
  return select(0.0, weights[at(m, min(i, m.rows - 1u), min(j, m.columns - 1u))], inside(m, i, j));
}

@compute @workgroup_size(WORKGROUP)
fn tiled_affine_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let a = activations(group.z);
  let b = weight_matrix(group.z);
  let p = place_of(group, thread);
  let d = thread / COLUMNS;
  let i = group.x * SIDE + thread % COLUMNS * 4u;
  let j = group.y * SIDE + thread % COLUMNS * 4u;
  var sums: mat4x4f;
  for (var k = 0u; k < layer.inputs; k += DEPTH) {
    a_tile[thread] = vec4f(x_at(a, i, k + d), x_at(a, i + 1u, k + d), x_at(a, i + 2u, k + d), x_at(a, i + 3u, k + d));
    b_tile[thread] =
      vec4f(weight_at(b, k + d, j), weight_at(b, k + d, j + 1u), weight_at(b, k + d, j + 2u), weight_at(b, k + d, j + 3u));
    workgroupBarrier();
    sums = add_staged(sums, p);
    workgroupBarrier();
  }
  let bias = group.z * layer.parameters + layer.bias;
  for (var r = 0u; r < 4u && p.i + r < step.rows; r++) {
    for (var c = 0u; c < 4u && p.j + c < layer.outputs; c++) {
      y[(group.z * step.rows + p.i + r) * layer.outputs + p.j + c] = sums[r][c] + weights[bias + p.j + c];
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn tiled_affine_backward_input(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let a = output_gradients(group.z);
  let b = transposed(weight_matrix(group.z));
  let p = place_of(group, thread);
  let d = thread / COLUMNS;
  let i = group.x * SIDE + thread % COLUMNS * 4u;
  let j = group.y * SIDE + thread % COLUMNS * 4u;
  var sums: mat4x4f;
  for (var k = 0u; k < layer.outputs; k += DEPTH) {
    a_tile[thread] = vec4f(dy_at(a, i, k + d), dy_at(a, i + 1u, k + d), dy_at(a, i + 2u, k + d), dy_at(a, i + 3u, k + d));
    b_tile[thread] =
      vec4f(weight_at(b, k + d, j), weight_at(b, k + d, j + 1u), weight_at(b, k + d, j + 2u), weight_at(b, k + d, j + 3u));
    workgroupBarrier();
    sums = add_staged(sums, p);
    workgroupBarrier();
  }
  for (var r = 0u; r < 4u && p.i + r < step.rows; r++) {
    for (var c = 0u; c < 4u && p.j + c < layer.inputs; c++) {
      dx[(group.z * step.rows + p.i + r) * layer.inputs + p.j + c] = sums[r][c];
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn tiled_affine_backward_weight(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let a = transposed(activations(group.z));
  let b = output_gradients(group.z);
  let p = place_of(group, thread);
  let d = thread / COLUMNS;
  let i = group.x * SIDE + thread % COLUMNS * 4u;
  let j = group.y * SIDE + thread % COLUMNS * 4u;
  var sums: mat4x4f;
  for (var k = 0u; k < step.rows; k += DEPTH) {
    a_tile[thread] = vec4f(x_at(a, i, k + d), x_at(a, i + 1u, k + d), x_at(a, i + 2u, k + d), x_at(a, i + 3u, k + d));
    b_tile[thread] = vec4f(dy_at(b, k + d, j), dy_at(b, k + d, j + 1u), dy_at(b, k + d, j + 2u), dy_at(b, k + d, j + 3u));
    workgroupBarrier();
    sums = add_staged(sums, p);
    workgroupBarrier();
  }
  let descent = descent_of(group.z);
  for (var r = 0u; r < 4u && p.i + r < layer.inputs; r++) {
    for (var c = 0u; c < 4u && p.j + c < layer.outputs; c++) {
      let to = layer.weight + (p.i + r) * layer.outputs + p.j + c;
      _ = descend_weight(descent, to, sums[r][c]);
    }
  }
}
