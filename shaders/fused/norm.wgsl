// includes fused/column
//
// Everything from one hidden layer's input to its activations; a workgroup computes a column of four features of one network.
//
//   fused_norm     the first layer:  S = b + sum over the slices, in order
//   fused_forward  a later layer:    S = X W + b,  X = H of the layer before
//   with batch norm     mu = mean of S,  var = mean of (S - mu)^2,  N = (S - mu) / sqrt(var + eps),  H = max(0, gamma N + beta)
//   without             H = max(0, S)
//
// mu and var go into the moving averages later (fused/weights.wgsl). A loop makes its reads one after the other, so each turn
// makes many: twelve slices, or four columns with their weights.

// places, arena and packed: fused/layers.wgsl
@group(0) @binding(15) var<storage, read_write> slices: array<vec4f>; // [P, columns, SLICES, ROWS]

override SLICES: u32;
override SLICES_OF_PART: u32 = (SLICES + PARTS - 1u) / PARTS;

// A slice's sum; 0 behind the last slice of a part.
fn slice_at(first: u32, i: u32, end: u32) -> vec4f {
  let value = slices[first + min(i, end - 1u) * ROWS];
  return select(vec4f(0.0), value, i < end);
}

// The slices of a part, in order. `first` is where the row lies in slice 0.
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

// The products of a part of the columns of the layer before. `x` is where the row lies in its column 0.
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

// N and H of a column whose S is in `rows_of_column`.
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
