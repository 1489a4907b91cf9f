// includes fused/block
//
// The gradients of the outputs of the last two hidden layers; a workgroup computes those of the last one in full, as
// fused/tail.wgsl does, and a column of four features of the one before:
//
//   logits S = H W + b of the output layer, its softmax and cross-entropy;  dH = dS W^T;  G = dH where H > 0, else 0
//   with batch norm dbeta = sum of G,  dgamma = sum of G N,  dS = gamma / sqrt(var + eps) (G - dbeta / rows - N dgamma / rows),
//   without dS = G;  then the same for the layer before
//
// Every workgroup computes the whole last layer, which takes less than one more dispatch. All that it reads is read at the
// start. The gradients of parameters are left to fused/weights.wgsl.

var<workgroup> column_weights: array<vec4f, 4u * COLUMNS>; // those of four inputs of the later layer, [4, columns]

// What a column of the later layer contributes to a row; 0 behind the last column.
fn part_at(column: u32, width: u32, row: u32) -> vec4f {
  return select(vec4f(0.0), tile[min(column, width - 1u) * ROWS + row], column < width);
}

fn four_parts(column: u32, width: u32, row: u32) -> vec4f {
  return (part_at(column, width, row) + part_at(column + 1u, width, row)) +
    (part_at(column + 2u, width, row) + part_at(column + 3u, width, row));
}

@compute @workgroup_size(WORKGROUP)
fn fused_pair(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let network = group.z;
  let keep = group.x == 0u; // One workgroup of a network stores what all compute.
  let later = layer.index + 1u;
  let last = LAYERS - 1u;
  let width = columns(places[later].outputs);
  let row = min(thread, ROWS - 1u);
  let label = label_of(row);
  let fetched = fetch_weights(packed_weight(network, last), weights_of(last), thread);
  let p = own_part(thread, 0u, width);
  let activated = load_activated(network, later, p);
  // The part of the earlier layer: one column.
  let one = own_part(thread, group.x, 1u);
  let before = load_activated(network, layer.index, one);
  let logits = own_part(thread, 0u, columns(places[last].outputs));
  let bias = vectors_of(network, last, logits.column).bias;
  for (var i = thread; i < 4u * width; i += WORKGROUP) {
    column_weights[i] = packed[packed_weight(network, later) + 4u * group.x * width + i];
  }
  store_tile(p, activated.h);
  stage_weights(fetched, weights_of(last), thread);
  workgroupBarrier();
  let s = outputs_of(last, logits, bias);
  workgroupBarrier(); // The products have been read.
  store_tile(logits, s);
  workgroupBarrier();
  if thread < ROWS {
    softmax_row(network, row, label, keep);
  }
  workgroupBarrier();
  let dh = input_gradients(last, p);
  workgroupBarrier(); // The products have been read.
  let ds = deactivate(network, later, p, thread, keep, activated, dh);
  if keep {
    store_arena(p, in_arena(network, places[later].g) + p.column * ROWS, ds);
  }

  // Each thread's part of the products with the column's weights, then their sums.
  let four = transpose(mat4x4f(
    column_weights[p.column], column_weights[width + p.column],
    column_weights[2u * width + p.column], column_weights[3u * width + p.column],
  ));
  let none = vec4f(0.0);
  store_tile(p, mat4x4f(
    add_product(none, ds[0], four), add_product(none, ds[1], four), add_product(none, ds[2], four), add_product(none, ds[3], four),
  ));
  workgroupBarrier();
  var sum: mat4x4f;
  for (var m = 0u; m < width; m += 4u) {
    sum[0] += four_parts(m, width, one.rows.x);
    sum[1] += four_parts(m, width, one.rows.y);
    sum[2] += four_parts(m, width, one.rows.z);
    sum[3] += four_parts(m, width, one.rows.w);
  }
  workgroupBarrier(); // The parts have been read.
  let own = deactivate(network, layer.index, one, thread, true, before, sum);
  store_arena(one, in_arena(network, places[layer.index].g) + one.column * ROWS, own);
}
