// includes fused/layers, shared/bits
//
// Softmax and cross-entropy of logits in workgroup memory; their gradients take the place of the logits.
//
//   p = exp(s - max s) / sum of exp(s - max s),  loss = log(sum of exp(s - max s)) - (s_t - max s),  dS = (p - onehot(t)) / rows

@group(0) @binding(4) var<storage, read> order: array<u32>; // [images] index of the image at each place
@group(0) @binding(6) var<storage, read> labels: array<u32>; // [images]
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, classes] logits, for the loss that is read back
@group(0) @binding(20) var<storage, read_write> diverged: array<atomic<u32>>; // [P] first step with a loss not finite

override TILE: u32; // vec4s of workgroup memory

var<workgroup> tile: array<vec4f, TILE>; // here logits, then dS, [columns of classes, ROWS]

fn label_of(row: u32) -> u32 {
  return labels[order[step.first + row]];
}

// Sixteen logits of a row from a column on; behind the last column those of the last.
fn four_columns(row: u32, column: u32, width: u32) -> mat4x4f {
  return mat4x4f(
    tile[min(column, width - 1u) * ROWS + row], tile[min(column + 1u, width - 1u) * ROWS + row],
    tile[min(column + 2u, width - 1u) * ROWS + row], tile[min(column + 3u, width - 1u) * ROWS + row],
  );
}

// The greater of each of four, of those that are classes.
fn greater_of(most: vec4f, four: vec4f, there: vec4<bool>) -> vec4f {
  return select(most, four, is_greater4(four, most) & there);
}

fn has_valid(four: vec4f, there: vec4<bool>) -> bool {
  return !any(has_no_softmax4(four) & there);
}

fn powers_of(four: vec4f, largest: f32, there: vec4<bool>) -> vec4f {
  return select(vec4f(0.0), exp(four - largest), there);
}

fn store_logits(at: u32, column: u32, classes: u32, four: vec4f) {
  let there = features(column, classes);
  if there.x {
    y[at + 4u * column] = four.x;
  }
  if there.y {
    y[at + 4u * column + 1u] = four.y;
  }
  if there.z {
    y[at + 4u * column + 2u] = four.z;
  }
  if there.w {
    y[at + 4u * column + 3u] = four.w;
  }
}

// One row. With `keep` what others read is stored, too: one workgroup of a network has to.
fn softmax_row(network: u32, row: u32, label: u32, keep: bool) {
  let classes = places[LAYERS - 1u].outputs;
  let width = columns(classes);
  let at = (network * ROWS + row) * classes;
  let own = tile[label / 4u * ROWS + row][label % 4u];
  var most = vec4f(tile[row].x); // the largest of every fourth logit
  var valid = is_finite(own);
  for (var c = 0u; c < width; c += 4u) {
    let s = four_columns(row, c, width);
    most = greater_of(most, s[0], features(c, classes));
    most = greater_of(most, s[1], features(c + 1u, classes));
    most = greater_of(most, s[2], features(c + 2u, classes));
    most = greater_of(most, s[3], features(c + 3u, classes));
    valid = valid && has_valid(s[0], features(c, classes)) && has_valid(s[1], features(c + 1u, classes)) &&
      has_valid(s[2], features(c + 2u, classes)) && has_valid(s[3], features(c + 3u, classes));
    if keep {
      store_logits(at, c, classes, s[0]);
      store_logits(at, c + 1u, classes, s[1]);
      store_logits(at, c + 2u, classes, s[2]);
      store_logits(at, c + 3u, classes, s[3]);
    }
  }
  var largest = select(most.x, most.y, is_greater(most.y, most.x));
  largest = select(largest, most.z, is_greater(most.z, largest));
  largest = select(largest, most.w, is_greater(most.w, largest));
  var powers = vec4f(0.0);
  for (var c = 0u; c < width; c += 4u) {
    let s = four_columns(row, c, width);
    powers += (powers_of(s[0], largest, features(c, classes)) + powers_of(s[1], largest, features(c + 1u, classes))) +
      (powers_of(s[2], largest, features(c + 2u, classes)) + powers_of(s[3], largest, features(c + 3u, classes)));
  }
  let sum = powers.x + powers.y + powers.z + powers.w;
  let loss = or_nan(log(sum) - (own - largest), valid);
  if keep && !is_finite(loss) {
    atomicMin(&diverged[network], step.number);
  }
  for (var c = 0u; c < width; c++) {
    let p = exp(tile[c * ROWS + row] - largest) / sum;
    let onehot = select(vec4f(0.0), vec4f(1.0), vec4u(4u * c) + vec4u(0u, 1u, 2u, 3u) == vec4u(label));
    let ds = select(vec4f(0.0), (p - onehot) / f32(ROWS), features(c, classes));
    tile[c * ROWS + row] = ds;
    if keep {
      arena[in_arena(network, places[LAYERS - 1u].g) + c * ROWS + row] = ds;
    }
  }
}
