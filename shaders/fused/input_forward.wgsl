// includes fused/input_tile
//
// The product of the next step's images and the first layer's weights, for the columns of all networks side by side
// (fused/input_tile.wgsl), over a slice of the inputs:
//
//   sums of S = X W over the slice
//   X[r, i] = byte[order[next + r], i] / 255 * scale[i] + shift[i]
//
// A workgroup computes COLUMNS columns, 8 LANES rows at a time, over CHUNK_TEXELS texels at a time: those of the next chunk are
// read before the products of this one. A thread computes eight rows x two columns: 256 multiply-adds to 16 reads a texel.

// images, order and standard: shared/images.wgsl; packed: fused/layers.wgsl
@group(0) @binding(15) var<storage, read_write> slices: array<vec4f>; // [P, columns, SLICES, ROWS] sums over each slice

override SLICE: u32; // texels, a multiple of CHUNK_TEXELS
override SLICES: u32;
override LANES: u32; // threads of a column, at most WORKGROUP / 16; COLUMNS is at most WORKGROUP / 8

const CHUNK_TEXELS = 4u;
const CHUNK_INPUTS = 4u * CHUNK_TEXELS;

// Where W begins among the fours: X [CHUNK_TEXELS, 2, LANES], W [CHUNK_TEXELS, COLUMNS].
override WEIGHTS: u32 = CHUNK_TEXELS * 2u * LANES;

// The images of which a thread stages a pixel of four, and those pixels of the next chunk.
struct Images {
  image0: u32,
  image1: u32,
  x0: vec4f,
  x1: vec4f,
}

// Where the weights that a thread stages lie, those of texel 0, and the weights of the next chunk.
struct Weights {
  at0: u32,
  at1: u32,
  w0: vec4f,
  w1: vec4f,
}

// A slice's first chunk of some rows. Neighbouring threads read neighbouring texels of a row.
fn first_images(slice: u32, row: u32, thread: u32) -> Images {
  let texel = slice * SLICE + thread % CHUNK_TEXELS;
  let image0 = image_at(step.next, row + thread / CHUNK_TEXELS);
  let image1 = image_at(step.next, row + (thread + WORKGROUP) / CHUNK_TEXELS);
  return Images(image0, image1, raw_at(image0, texel), raw_at(image1, texel));
}

fn next_images(images: Images, texel: u32) -> Images {
  return Images(images.image0, images.image1, raw_at(images.image0, texel), raw_at(images.image1, texel));
}

// A thread's rows are b, b + LANES, ..., b + 7 LANES: two fours of each texel.
fn stage_pixel_of_row(raw: vec4f, s: Standard, i: u32) {
  let row = i / CHUNK_TEXELS;
  if row < 8u * LANES {
    let j = row / LANES;
    staged[(i % CHUNK_TEXELS * 2u + j / 4u) * LANES + row % LANES][j % 4u] = standardised(raw, s);
  }
}

// Inputs behind those that exist count nothing: their weights are 0.
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

// `begun` is what `first_images` gives for row 0.
fn forward(first_column: u32, slice: u32, thread: u32, begun: Images) {
  // thread = d LANES + b
  let b = thread % LANES;
  let d = thread / LANES;
  let computes = d < HALF;
  let first = slice * SLICE;
  let lane = thread % CHUNK_TEXELS; // the texel that it stages: WORKGROUP is a multiple of CHUNK_TEXELS
  var x = begun;
  for (var row = 0u; row < ROWS; row += 8u * LANES) {
    var s = standard_of(first + lane);
    var w = first_weights(first_column, first, thread);
    var sum = Tile(); // without a value, naga 29 would keep that of the rows before
    for (var texel = first; texel < first + SLICE; texel += CHUNK_TEXELS) {
      workgroupBarrier(); // The chunk before has been read.
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
