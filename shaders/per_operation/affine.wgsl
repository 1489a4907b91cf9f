// includes shared/descent
//
// The affine map of every layer but the first:
//
//   forward   Y = X W + b
//   backward  dX = dY W^T,  dW = X^T dY + 2 lambda W,  db = sum over rows of dY
//
// A thread computes a tile of TILE x TILE results. Reads past an edge are clamped to it, and their results are not stored.
//
// Two loops are bounded by a size and by the length of an array, which is never smaller: where a small size alone bounds a
// loop, lavapipe of Mesa 22 takes it for a constant, recompiles the kernel for every dispatch and never frees the code
// (widths of 8 and less: 5 ms and 0.4 MB a step; of 4 and less: 40 ms and 2 MB).

// networks, parameters and gradients: shared/descent.wgsl
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(11) var<storage, read> x: array<f32>; // [P, rows, inputs] X
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, outputs] Y
@group(0) @binding(13) var<storage, read> dy: array<f32>; // [P, rows, outputs] d cost / d Y
@group(0) @binding(14) var<storage, read_write> dx: array<f32>; // [P, rows, inputs] d cost / d X

override TILE: u32; // rows and columns that a thread computes: two fours

fn tiles(size: u32) -> u32 {
  return (size + TILE - 1u) / TILE;
}

// Eight of anything, in fours.
struct Indices {
  a: vec4u,
  b: vec4u,
}

struct Values {
  a: vec4f,
  b: vec4f,
}

// A tile: the first letter says which four rows, the second which four columns. A column of a matrix is a row of a tile.
struct Tile {
  aa: mat4x4f,
  ab: mat4x4f,
  ba: mat4x4f,
  bb: mat4x4f,
}

// The indices of eight neighbours, at most the last, times a stride.
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

// Row r of a tile, eight columns.
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
  let inputs = min(layer.inputs, arrayLength(&weights)); // see above
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
  let outputs = min(layer.outputs, arrayLength(&weights)); // see above
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

// A thread computes one output.
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
