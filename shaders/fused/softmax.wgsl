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

// One row. With `keep` what others read is stored, too: one workgroup of a network has to.
fn softmax_row(network: u32, row: u32, label: u32, keep: bool) {
  let classes = places[LAYERS - 1u].outputs;
  let width = columns(classes);
  var most = vec4f(tile[row].x); // the largest of every fourth logit
  var own = 0.0;
  var valid = true;
  for (var c = 0u; c < width; c++) {
    let four = tile[c * ROWS + row];
    let there = features(c, classes);
    valid = valid && !any(has_no_softmax4(four) & there);
    most = select(most, four, is_greater4(four, most) & there);
    if c == label / 4u {
      own = four[label % 4u];
    }
    if keep {
      for (var i = 0u; i < min(4u, classes - 4u * c); i++) {
        y[(network * ROWS + row) * classes + 4u * c + i] = four[i];
      }
    }
  }
  var largest = select(most.x, most.y, is_greater(most.y, most.x));
  largest = select(largest, most.z, is_greater(most.z, largest));
  largest = select(largest, most.w, is_greater(most.w, largest));
  var powers = vec4f(0.0);
  for (var c = 0u; c < width; c++) {
    powers += select(vec4f(0.0), exp(tile[c * ROWS + row] - largest), features(c, classes));
  }
  let sum = powers.x + powers.y + powers.z + powers.w;
  let loss = or_nan(log(sum) - (own - largest), valid && is_finite(own));
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
