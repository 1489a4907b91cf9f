// includes shared/images, shared/blocks
//
// Images of a batch in blocks of four rows. Rows past the last repeat it.

// Where the images of four rows lie.
struct Places {
  r0: vec2u,
  r1: vec2u,
  r2: vec2u,
  r3: vec2u,
}

fn place_of(row: u32) -> vec2u {
  return place(order[step.first + min(row, step.rows - 1u)]);
}

fn places_of(block: u32) -> Places {
  let row = 4u * block;
  return Places(place_of(row), place_of(row + 1u), place_of(row + 2u), place_of(row + 3u));
}

// Four pixels of four rows: column r holds row r.
fn pixels_of(k: u32, at: Places, s: Standard) -> mat4x4f {
  return mat4x4f(pixels(k, at.r0, s), pixels(k, at.r1, s), pixels(k, at.r2, s), pixels(k, at.r3, s));
}
