// includes fused/weights, shared/images
//
// The last dispatch of a fused step. For the first layer and one slice of its inputs, independent of all other slices: the
// weight gradient of this step, its update, and the product of the next step:
//
//   dW = X^T dS + 2 lambda W,  W <- W - eta dW,  sums of S' = X' W over the slice
//   X[r, i] = byte[order[first + r], i] / 255 * scale[i] + shift[i];  X' the same with the next step's images
//
// Further workgroups update everything else (fused/weights.wgsl).
//
// A slice has 4 SLICE inputs; a workgroup computes COLUMNS columns of one network. Its rows are staged STAGED_ROWS at a time,
// all of them if they fit. Backward, a thread computes four inputs x one column over one of four parts of the rows, then one of
// those inputs over all parts; forward, four rows x one column. The next step's first rows are read at the start, so that
// they arrive meanwhile.

// networks and gradients: fused/descent.wgsl; images, order and standard: shared/images.wgsl; places, arena and packed:
// fused/layers.wgsl
@group(0) @binding(15) var<storage, read_write> slices: array<vec4f>; // [P, columns, SLICES, ROWS] sums over each slice

override SLICE: u32; // texels of four inputs
override SLICES: u32;
override COLUMNS: u32; // of a workgroup; WORKGROUP is 4 SLICE COLUMNS
override STAGED_ROWS: u32; // a multiple of 20, at most 8 COLUMNS and 16 SLICE
override STAGED: u32; // vec4s of workgroup memory for rows, then for the sums of parts

const PARTS = 4u; // of the rows, backward: as many as a texel has inputs

override LANES: u32 = STAGED_ROWS / 4u; // threads of a column, forward
override X_STRIDE: u32 = SLICE + 1u; // from one row to the next: no multiple of 8, for the banks of workgroup memory
override DS: u32 = STAGED_ROWS * X_STRIDE; // where dS begins

var<workgroup> staged: array<vec4f, STAGED>; // X [STAGED_ROWS, X_STRIDE], dS [COLUMNS, STAGED_ROWS]
var<workgroup> w: array<vec4f, 4u * SLICE * COLUMNS>; // W [4 SLICE, COLUMNS]

// What a thread stages of some rows: two texels of four pixels.
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

// dS of a staged row and column; 0 behind the last.
fn gradient_at(network: u32, row: u32, first_column: u32, i: u32) -> vec4f {
  let column = min(first_column + i / STAGED_ROWS, columns(layer.outputs) - 1u);
  let r = row + i % STAGED_ROWS;
  let value = arena[in_arena(network, places[0].g) + column * ROWS + min(r, ROWS - 1u)];
  return select(vec4f(0.0), value, r < ROWS);
}

// A thread stages four: STAGED_ROWS is at most 16 SLICE.
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

// Adds four inputs of a staged row times a column of its dS.
fn add_row(sum: mat4x4f, q: u32, column: u32, row: u32) -> mat4x4f {
  return add_outer(sum, staged[row * X_STRIDE + q], staged[DS + column * STAGED_ROWS + row]);
}

// Adds a part of the staged rows to the gradient of four inputs' weights to a column.
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

// Where a part's sum for an input waits for the thread that adds it, that of the part with the input's number.
fn waiting(part: u32, input: u32, own: u32) -> u32 {
  let place = (part + PARTS - input) % PARTS - 1u; // a thread keeps its own sum
  return (place * PARTS + input) * SLICE * COLUMNS + own;
}

// The sum of a part for input number `input`, whose thread has `own_sum`.
fn part_sum(part: u32, input: u32, own: u32, own_sum: vec4f) -> vec4f {
  if part == input {
    return own_sum;
  }
  return staged[waiting(part, input, own)];
}

// The gradient of one of a thread's four inputs, number `part`, over all parts of the rows, added in order.
fn sum_of_parts(sum: mat4x4f, thread: u32, part: u32) -> vec4f {
  let own = thread % (SLICE * COLUMNS);
  workgroupBarrier(); // The rows have been read.
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

// Four rows of the product over the slice.
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

  // Backward: thread = (part COLUMNS + column) SLICE + q.
  let q = thread % SLICE;
  let c = thread / SLICE % COLUMNS;
  let part = thread / (SLICE * COLUMNS);
  let column = first_column + c;
  let input = 4u * (slice * SLICE + q) + part; // the one that this thread moves
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
      workgroupBarrier(); // The rows before have been read.
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

  // Forward: thread = column LANES + lane.
  w[(4u * q + part) * COLUMNS + c] = weights;
  let own_column = thread / LANES;
  let lane = thread % LANES;
  let to = ((network * width + first_column + own_column) * SLICES + slice) * ROWS;
  for (var row = 0u; row < ROWS; row += STAGED_ROWS) {
    workgroupBarrier(); // What was staged before has been read.
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
