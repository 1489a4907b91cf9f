// includes fused/weights, fused/input_tile
//
// The weight gradient of the first layer and its update, for the columns of all networks side by side (fused/input_tile.wgsl):
//
//   dW = X^T dS + 2 lambda W,  W <- W - eta dW
//   X[r, i] = byte[order[first + r], i] / 255 * scale[i] + shift[i]
//
// A workgroup computes BLOCK texels x COLUMNS columns, over CHUNK rows at a time: those of the next chunk are read before the
// products of this one. A thread computes TEXELS texels, q, q + TEXEL_LANES and so on: 64 multiply-adds to four reads, or 128
// to six.
//
// Further workgroups update everything else (fused/weights.wgsl).

// networks and gradients: fused/descent.wgsl; images, order and standard: shared/images.wgsl; places, arena and packed:
// fused/layers.wgsl

override TEXELS: u32; // of a thread: two, or four
override BLOCKS: u32; // of texels: workgroups along x
override LATER: u32; // workgroups that update the other parameters of a network

const BLOCK = 32u; // texels of a workgroup
const CHUNK = 20u; // rows staged at a time
const FOURS = CHUNK / 4u;
const PIXELS = CHUNK * BLOCK;

override TEXEL_LANES: u32 = BLOCK / TEXELS; // threads of a column
const DS = FOURS * BLOCK; // where dS begins among the fours: X [FOURS, BLOCK], dS [FOURS, COLUMNS]
override CELLS: u32 = CHUNK * COLUMNS; // vec4s of dS

var<workgroup> images_of_rows: array<u32, ROWS>;

// Where a thread finds the gradients that it stages: those of a chunk begin at these places, row 0 at first.
struct Origins {
  g0: u32,
  g1: u32,
  g2: u32,
  g3: u32,
  g4: u32,
}

// What a thread stages of a chunk.
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

// The sums of a thread: of two texels, and of two more.
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

// What the thread brings in its turn number `turn`; a turn that no thread needs reads nothing.
fn fetch_pixel(texel: u32, row: u32, thread: u32, turn: u32) -> vec4f {
  if turn * WORKGROUP >= PIXELS {
    return vec4f(0.0);
  }
  let i = thread + turn * WORKGROUP;
  return raw_at(images_of_rows[min(row + i / BLOCK, ROWS - 1u)], texel);
}

// 0 behind the last row, so that it does not matter which image stands in.
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

// Adds row r of the fours at x and g.
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

// The weights of a thread's texels to one of its columns: all are read before the first is written.
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

// thread = q HALF + d
fn weight_gradients(first_column: u32, block: u32, thread: u32) -> Tiles {
  for (var row = thread; row < ROWS; row += WORKGROUP) {
    images_of_rows[row] = image_at(step.first, row);
  }
  let own_texel = block * BLOCK + thread % BLOCK; // the one whose pixels it stages: WORKGROUP is a multiple of BLOCK
  let s = standard_of(own_texel);
  let origins = gradient_origins(first_column, thread);
  workgroupBarrier();
  var chunk = fetch_chunk(origins, own_texel, 0u, thread);

  var sum = Tiles();
  for (var row = 0u; row < ROWS; row += CHUNK) {
    workgroupBarrier(); // The chunk before has been read.
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

// The share of a workgroup behind the tiles, of which there are LATER for each network.
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
