// includes fused/descent, shared/images
//
// What the two products of the first layer share where the columns of all networks lie side by side: number v = n C + c is
// column c of network n, of C = columns(layer.outputs) each. A workgroup computes COLUMNS of them, of as many networks as that
// takes, which share the images that it stages. A column's sums do not depend on where it lies.
//
// A thread computes the columns d and d + HALF in tiles of 8 x 8: eight inputs backward, eight rows forward. Staged are fours:
// four rows of a column or of a texel backward, four inputs of a column or four rows of a texel forward. So one address serves
// four reads; and the fifth vec4 of a four is left unused, so that threads with neighbouring fours read from different banks.

override NETWORKS: u32;
override COLUMNS: u32; // of a workgroup, even
override STAGED: u32; // fours of workgroup memory

override HALF: u32 = COLUMNS / 2u;

alias Four = array<vec4f, 5>;

var<workgroup> staged: array<Four, STAGED>;

// Sums of two fours by two columns: a and b of the first four, c and d of the second; a and c of the first column.
struct Tile {
  a: mat4x4f,
  b: mat4x4f,
  c: mat4x4f,
  d: mat4x4f,
}

// Where a column belongs.
struct Column {
  network: u32,
  column: u32,
  exists: bool, // behind the last, the last one stands in
}

fn column_of(v: u32) -> Column {
  let width = columns(layer.outputs);
  let own = min(v, NETWORKS * width - 1u);
  return Column(own / width, own % width, own == v);
}

// Where the weights of an input to a column lie.
fn weight_at(own: Column, input: u32) -> u32 {
  return packed_weight(own.network, 0u) + input * columns(layer.outputs) + own.column;
}

fn four_of(at: u32) -> mat4x4f {
  return mat4x4f(staged[at][0], staged[at][1], staged[at][2], staged[at][3]);
}

// Where the image of a row lies in the texture, in one number. Behind the last row, the last one stands in.
fn image_at(first: u32, row: u32) -> u32 {
  let at = place(order[first + min(row, ROWS - 1u)]);
  return (at.y << 16u) | at.x;
}

// Four pixels of an image; behind the last texel, the last one stands in.
fn raw_at(image: u32, texel: u32) -> vec4f {
  return raw_pixels(min(texel, layer.texels - 1u), vec2u(image & 0xffffu, image >> 16u));
}

fn standard_of(texel: u32) -> Standard {
  return standard[min(texel, layer.texels - 1u)];
}
