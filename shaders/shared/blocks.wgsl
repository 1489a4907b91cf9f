// includes shared/common
//
// The rows of a batch in blocks of four; the last may not be full.

fn row_blocks() -> u32 {
  return (step.rows + 3u) / 4u;
}

// Which of a block's four rows exist.
fn present(block: u32) -> vec4<bool> {
  return vec4u(4u * block) + vec4u(0u, 1u, 2u, 3u) < vec4u(step.rows);
}
