// includes fused/descent, fused/ten, shared/averages
//
// The update of what no other kernel of a step waits for: all parameters but the first layer's weights.
//
//   dW = H^T dS + 2 lambda W,  W <- W - eta dW,  db = sum of dS,  b <- b - eta db;  gamma and beta likewise
//   average <- 0.9 average + 0.1 of the batch, of mu and of var; the first batch sets them
//
// H belongs to the layer before. A thread computes four inputs x four outputs; ten rows are read side by side.

// A row of a column that begins at `column`; 0 behind the last.
fn row_at(column: u32, row: u32) -> vec4f {
  return select(vec4f(0.0), arena[column + min(row, ROWS - 1u)], row < ROWS);
}

fn ten_rows(column: u32, row: u32) -> Ten {
  return Ten(
    row_at(column, row), row_at(column, row + 1u), row_at(column, row + 2u), row_at(column, row + 3u),
    row_at(column, row + 4u), row_at(column, row + 5u), row_at(column, row + 6u), row_at(column, row + 7u),
    row_at(column, row + 8u), row_at(column, row + 9u),
  );
}

fn add_ten(sum: mat4x4f, h: Ten, g: Ten) -> mat4x4f {
  let four = add_outer(add_outer(add_outer(add_outer(sum, h.v0, g.v0), h.v1, g.v1), h.v2, g.v2), h.v3, g.v3);
  let eight = add_outer(add_outer(add_outer(add_outer(four, h.v4, g.v4), h.v5, g.v5), h.v6, g.v6), h.v7, g.v7);
  return add_outer(add_outer(eight, h.v8, g.v8), h.v9, g.v9);
}

// Four of a network's moving averages; those past the last feature repeat it. `at` counts from the network's first.
fn averages_at(network: u32, at: u32, column: u32, width: u32) -> vec4f {
  let first = network * layer.statistics + at + 4u * column;
  let last = width - 4u * column - 1u;
  return vec4f(
    statistics[first],
    statistics[first + min(1u, last)],
    statistics[first + min(2u, last)],
    statistics[first + min(3u, last)],
  );
}

// The averages of a column after a batch.
fn keep_averages(network: u32, at: u32, column: u32, width: u32, old: vec4f, value: vec4f) {
  let first = network * layer.statistics + at + 4u * column;
  let left = width - 4u * column; // from here to the last
  statistics[first] = averaged(old.x, value.x);
  if left > 1u {
    statistics[first + 1u] = averaged(old.y, value.y);
  }
  if left > 2u {
    statistics[first + 2u] = averaged(old.z, value.z);
  }
  if left > 3u {
    statistics[first + 3u] = averaged(old.w, value.w);
  }
}

// Bias, gamma and beta of a column, and its moving averages, all read before the rows. What else is not there without batch
// norm is read and not used.
fn move_vectors(network: u32, l: u32, column: u32) {
  let outputs = places[l].outputs;
  let width = columns(outputs);
  let d = descent_of(network);
  let bias_at = packed_bias(network, l) + column;
  let gamma_at = bias_at + width;
  let beta_at = gamma_at + width;
  let bias = packed[bias_at];
  let gamma = packed[gamma_at];
  let beta = packed[beta_at];
  let mean = arena[in_arena(network, places[l].moments) + column];
  let variance = arena[in_arena(network, places[l].moments) + width + column];
  let dgamma = arena[in_arena(network, places[l].gradients) + column];
  let dbeta = arena[in_arena(network, places[l].gradients) + width + column];
  var old_mean = vec4f(0.0);
  var old_variance = vec4f(0.0);
  if BATCH_NORM == 1u && l < LAYERS - 1u {
    old_mean = averages_at(network, places[l].mean, column, outputs);
    old_variance = averages_at(network, places[l].variance, column, outputs);
  }
  let g = in_arena(network, places[l].g) + column * ROWS;
  var dbias = vec4f(0.0);
  for (var row = 0u; row < ROWS; row += 10u) {
    dbias += sum_of_ten(ten_rows(g, row));
  }
  packed[bias_at] = moved(d, bias, dbias);
  keep_gradients(network, places[l].bias, column, outputs, dbias);
  if BATCH_NORM == 0u || l == LAYERS - 1u {
    return;
  }
  keep_gradients(network, places[l].gamma, column, outputs, dgamma);
  keep_gradients(network, places[l].beta, column, outputs, dbeta);
  packed[gamma_at] = moved(d, gamma, dgamma);
  packed[beta_at] = moved(d, beta, dbeta);
  keep_averages(network, places[l].mean, column, outputs, old_mean, mean);
  keep_averages(network, places[l].variance, column, outputs, old_variance, variance);
}

// The weights of an input to a column; `at` is where they lie.
fn move_weights(network: u32, l: u32, input: u32, column: u32, at: u32, old: vec4f, gradient: vec4f) {
  if input >= places[l].inputs {
    return;
  }
  let d = descent_of(network);
  let g = with_decay(d, old, gradient);
  packed[at] = moved(d, old, g);
  keep_gradients(network, places[l].weight + input * places[l].outputs, column, places[l].outputs, g);
}

fn move_block(network: u32, l: u32, k: u32, column: u32) {
  let width = columns(places[l].outputs);
  let h = in_arena(network, places[l - 1u].h) + k * ROWS;
  let g = in_arena(network, places[l].g) + column * ROWS;
  let at = packed_weight(network, l) + 4u * k * width + column;
  let old = weights_at(at, width);
  var sum: mat4x4f;
  for (var row = 0u; row < ROWS; row += 10u) {
    sum = add_ten(sum, ten_rows(h, row), ten_rows(g, row));
  }
  move_weights(network, l, 4u * k, column, at, old[0], sum[0]);
  move_weights(network, l, 4u * k + 1u, column, at + width, old[1], sum[1]);
  move_weights(network, l, 4u * k + 2u, column, at + 2u * width, old[2], sum[2]);
  move_weights(network, l, 4u * k + 3u, column, at + 3u * width, old[3], sum[3]);
}

// The share of one of several workgroups: `part` counts them from 0. Each takes WORKGROUP blocks of one layer, a block
// being four inputs, or the vectors, and a column.
fn move_later_layers(network: u32, part: u32, thread: u32) {
  var left = part;
  for (var l = 0u; l < LAYERS; l++) {
    let width = columns(places[l].outputs);
    let depth = select(columns(places[l].inputs), 0u, l == 0u); // the first layer's weights move elsewhere
    let count = (depth + 1u) * width;
    let groups = (count + WORKGROUP - 1u) / WORKGROUP;
    if left < groups {
      let block = left * WORKGROUP + thread;
      if block < depth * width {
        move_block(network, l, block / width, block % width);
      } else if block < count {
        move_vectors(network, l, block % width);
      }
      return;
    }
    left -= groups;
  }
}
