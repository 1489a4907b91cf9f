// includes fused/column, fused/softmax
//
// The gradients of one hidden layer's outputs; a workgroup computes a column of four features of one network.
//
//   fused_loss      the last hidden layer:  logits S = H W + b of the output layer, its softmax and cross-entropy
//   fused_backward  an earlier layer
//   both            dH = dS W^T, with dS and W of the layer behind it;  G = dH where H > 0, else 0
//                   with batch norm dbeta = sum of G,  dgamma = sum of G N,
//                   dS = gamma / sqrt(var + eps) (G - dbeta / rows - N dgamma / rows), without dS = G
//
// Every workgroup of fused_loss computes all logits: that is less work than a dispatch takes. The gradients of parameters
// are left to fused/weights.wgsl.

// Four logits of a row.
fn logits(network: u32, row: u32, column: u32) -> vec4f {
  let depth = columns(places[LAYERS - 1u].inputs);
  let width = columns(places[LAYERS - 1u].outputs);
  let x = in_arena(network, places[layer.index].h) + row;
  let w = packed_weight(network, LAYERS - 1u) + column;
  var sum = packed[packed_bias(network, LAYERS - 1u) + column];
  for (var k = 0u; k < depth; k += 4u) {
    let x0 = tensor_at(x, k, depth);
    let x1 = tensor_at(x, k + 1u, depth);
    let x2 = tensor_at(x, k + 2u, depth);
    let x3 = tensor_at(x, k + 3u, depth);
    let w0 = weights_at(w + 4u * k * width, width);
    let w1 = weights_at(w + 4u * min(k + 1u, depth - 1u) * width, width);
    let w2 = weights_at(w + 4u * min(k + 2u, depth - 1u) * width, width);
    let w3 = weights_at(w + 4u * min(k + 3u, depth - 1u) * width, width);
    sum = add_product(add_product(add_product(add_product(sum, x0, w0), x1, w1), x2, w2), x3, w3);
  }
  return sum;
}

// The weights of a column of inputs to one column of outputs, turned: [outputs, inputs].
fn turned_weights(w: u32, column: u32, width: u32) -> mat4x4f {
  return transpose(weights_at(w + min(column, width - 1u), width));
}

// A row's dH from a part of the columns of dS of the layer behind. `g` is where the row lies in its column 0.
fn sum_of_gradients(network: u32, g: u32, column: u32, part: u32) -> vec4f {
  let width = columns(places[layer.index + 1u].outputs);
  let each = (width + PARTS - 1u) / PARTS;
  let begin = part * each;
  let end = min(begin + each, width);
  let w = packed_weight(network, layer.index + 1u) + 4u * column * width;
  var sum = vec4f(0.0);
  for (var m = begin; m < end; m += 4u) {
    let g0 = tensor_at(g, m, end);
    let g1 = tensor_at(g, m + 1u, end);
    let g2 = tensor_at(g, m + 2u, end);
    let g3 = tensor_at(g, m + 3u, end);
    let w0 = turned_weights(w, m, width);
    let w1 = turned_weights(w, m + 1u, width);
    let w2 = turned_weights(w, m + 2u, width);
    let w3 = turned_weights(w, m + 3u, width);
    sum = add_product(add_product(add_product(add_product(sum, g0, w0), g1, w1), g2, w2), g3, w3);
  }
  return sum;
}

// dS of a column whose dH is in `rows_of_column`, each row written by the thread that reads it here; the gradients of gamma and
// beta.
fn finish(network: u32, column: u32, thread: u32) {
  let to = in_arena(network, places[layer.index].g) + column * ROWS;
  let h = in_arena(network, places[layer.index].h) + column * ROWS;
  if BATCH_NORM == 0u {
    for (var row = thread; row < ROWS; row += WORKGROUP) {
      arena[to + row] = relu_gradient4(rows_of_column[row], arena[h + row]);
    }
    return;
  }
  let n = in_arena(network, places[layer.index].n) + column * ROWS;
  let scale = packed[packed_gamma(network, layer.index) + column] * arena[in_arena(network, places[layer.index].inverse) + column];
  for (var row = thread; row < ROWS; row += WORKGROUP) {
    let own = relu_gradient4(rows_of_column[row], arena[h + row]);
    rows_of_column[row] = own;
    more_rows[row] = own * arena[n + row];
  }
  let found = sums(thread);
  let dbeta = found.first;
  let dgamma = found.second;
  for (var row = thread; row < ROWS; row += WORKGROUP) {
    let own = rows_of_column[row] - dbeta / f32(ROWS) - arena[n + row] * dgamma / f32(ROWS);
    arena[to + row] = scale * own;
  }
  if thread == 0u {
    let at = in_arena(network, places[layer.index].gradients) + column;
    arena[at] = dgamma;
    arena[at + columns(places[layer.index].outputs)] = dbeta;
  }
}

@compute @workgroup_size(WORKGROUP)
fn fused_loss(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let width = columns(places[LAYERS - 1u].outputs);
  for (var i = thread; i < width * ROWS; i += WORKGROUP) {
    tile[i] = logits(group.z, i % ROWS, i / ROWS);
  }
  workgroupBarrier();
  for (var row = thread; row < ROWS; row += WORKGROUP) {
    softmax_row(group.z, row, label_of(row), group.x == 0u);
  }
  workgroupBarrier();
  let w = packed_weight(group.z, LAYERS - 1u) + 4u * group.x * width;
  for (var row = thread; row < ROWS; row += WORKGROUP) {
    var sum = vec4f(0.0);
    for (var m = 0u; m < width; m++) {
      sum = add_product(sum, tile[m * ROWS + row], turned_weights(w, m, width));
    }
    rows_of_column[row] = sum;
  }
  finish(group.z, group.x, thread);
}

@compute @workgroup_size(WORKGROUP)
fn fused_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let g = in_arena(group.z, places[layer.index + 1u].g);
  for (var begin = 0u; begin < ROWS; begin += LANES) {
    let row = begin + thread % LANES;
    let sum = sum_of_parts(thread, sum_of_gradients(group.z, g + min(row, ROWS - 1u), group.x, thread / LANES));
    if thread < LANES && row < ROWS {
      rows_of_column[row] = sum;
    }
  }
  workgroupBarrier();
  finish(group.z, group.x, thread);
}
