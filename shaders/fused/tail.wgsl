// includes fused/averages, shared/bits
//
// The second of a fused step's three dispatches: everything after the first layer's activations, one workgroup a network.
//
//   forward   S = H W + b;  hidden: batch norm (fused/norm.wgsl has its formula) and ReLU;  last: softmax and cross-entropy
//   backward  dS = (p - onehot(t)) / rows of the last layer;  dH = dS W^T,  dW = H^T dS + 2 lambda W,  db = sum of dS
//             G = dH where H > 0, else 0;  with batch norm dbeta = sum of G,  dgamma = sum of G N,
//             dS = gamma / sqrt(var + eps) (G - dbeta / rows - N dgamma / rows), without dS = G;  down to dS of the first layer
//
// With one workgroup a network, latency counts: a layer's weights are staged in workgroup memory, and a thread computes
// 2 rows x 4 outputs, 2 rows x 4 inputs or 1 input x 4 outputs at a time, four products to a read.

// networks, parameters and gradients: shared/descent.wgsl; statistics: shared/averages.wgsl; places and arena: fused/layers.wgsl
@group(0) @binding(4) var<storage, read> order: array<u32>; // [images] index of the image at each place
@group(0) @binding(6) var<storage, read> labels: array<u32>; // [images]
@group(0) @binding(12) var<storage, read_write> y: array<f32>; // [P, rows, classes] logits, for the loss that is read back
@group(0) @binding(20) var<storage, read_write> diverged: array<atomic<u32>>; // [P] first step with a loss not finite

override BATCH_NORM: u32; // 1 with batch norm, else 0
override LAYERS: u32; // all of them, at least 2
override STAGED: u32; // vec4s of the largest weight matrix after the first layer, rows rounded up to fours

const COLUMNS = 16u; // of four features that are summed over the rows at a time

var<workgroup> w: array<vec4f, STAGED>; // [inputs, columns], inputs rounded up to fours with 0
var<workgroup> parts: array<vec4f, WORKGROUP>; // [lanes, COLUMNS]

fn wait_for_all() {
  storageBarrier();
  workgroupBarrier();
}

fn stage_weights(network: u32, l: u32, thread: u32) {
  let width = columns(places[l].outputs);
  let inputs = places[l].inputs;
  for (var i = thread; i < 4u * columns(inputs) * width; i += WORKGROUP) {
    let input = i / width;
    var four = vec4f(0.0);
    if input < inputs {
      let at = places[l].weight + input * places[l].outputs;
      four = parameters_at(network, at, i % width, places[l].outputs);
    }
    w[i] = four;
  }
}

// S of a layer, stored in the place of N, of the last layer in the place of H.
fn forward(network: u32, l: u32, thread: u32) {
  let width = columns(places[l].outputs);
  let depth = columns(places[l].inputs);
  let base = network * ARENA;
  let x = base + places[l - 1u].h;
  let to = base + select(places[l].n, places[l].h, l == LAYERS - 1u);
  for (var i = thread; i < (step.rows + 1u) / 2u * width; i += WORKGROUP) {
    let c = i % width;
    let row = 2u * (i / width);
    let next = min(row + 1u, step.rows - 1u);
    let bias = parameters_at(network, places[l].bias, c, places[l].outputs);
    var s0 = bias;
    var s1 = bias;
    for (var k = 0u; k < depth; k++) {
      let at = 4u * k * width + c;
      let four = mat4x4f(w[at], w[at + width], w[at + 2u * width], w[at + 3u * width]);
      s0 += four * arena[x + row * depth + k];
      s1 += four * arena[x + next * depth + k];
    }
    arena[to + row * width + c] = s0;
    if next > row {
      arena[to + next * width + c] = s1;
    }
  }
}

// Adds up the values of each column's lanes, always in the same order. A thread is lane thread / COLUMNS.
fn sum_of_lanes(thread: u32, value: vec4f) -> vec4f {
  workgroupBarrier();
  parts[thread] = value;
  for (var half = WORKGROUP / 2u; half >= COLUMNS; half /= 2u) {
    workgroupBarrier();
    if thread < half {
      parts[thread] += parts[thread + half];
    }
  }
  workgroupBarrier();
  return parts[thread % COLUMNS];
}

// N and H of a hidden layer from S.
fn norm_forward(network: u32, l: u32, thread: u32) {
  let outputs = places[l].outputs;
  let width = columns(outputs);
  let base = network * ARENA;
  let lanes = WORKGROUP / COLUMNS;
  let lane = thread / COLUMNS;
  for (var first = 0u; first < width; first += COLUMNS) {
    let c = first + thread % COLUMNS;
    let inside = c < width;
    let n = base + places[l].n + c;
    var mean = vec4f(0.0);
    var inverse = vec4f(1.0);
    var scale = vec4f(1.0);
    var shift = vec4f(0.0);
    if BATCH_NORM == 1u {
      var sum = vec4f(0.0);
      for (var row = lane; row < step.rows && inside; row += lanes) {
        sum += arena[n + row * width];
      }
      mean = sum_of_lanes(thread, sum) / f32(step.rows);
      var squares = vec4f(0.0);
      for (var row = lane; row < step.rows && inside; row += lanes) {
        let difference = arena[n + row * width] - mean;
        squares += difference * difference;
      }
      let variance = sum_of_lanes(thread, squares) / f32(step.rows);
      inverse = or_nan4(1.0 / sqrt(variance + EPSILON), is_finite4(variance));
      if inside {
        scale = parameters_at(network, places[l].gamma, c, outputs);
        shift = parameters_at(network, places[l].beta, c, outputs);
        if lane == 0u {
          arena[base + places[l].inverse + c] = inverse;
          keep_averages(network, places[l].mean, c, outputs, mean);
          keep_averages(network, places[l].variance, c, outputs, variance);
        }
      }
    }
    let there = features(c, outputs);
    for (var row = lane; row < step.rows && inside; row += lanes) {
      let normalised = (arena[n + row * width] - mean) * inverse;
      arena[n + row * width] = normalised;
      let h = select(vec4f(0.0), relu4(scale * normalised + shift), there);
      arena[base + places[l].h + row * width + c] = h;
    }
  }
}

// dS of the last layer from the logits; a thread computes one row.
fn softmax(network: u32, thread: u32) {
  let last = LAYERS - 1u;
  let classes = places[last].outputs;
  let width = columns(classes);
  let base = network * ARENA;
  for (var row = thread; row < step.rows; row += WORKGROUP) {
    let x = base + places[last].h + row * width;
    let label = labels[order[step.first + row]];
    var largest = arena[x].x;
    var valid = is_finite(arena[x + label / 4u][label % 4u]);
    for (var c = 0u; c < classes; c++) {
      let logit = arena[x + c / 4u][c % 4u];
      y[(network * step.rows + row) * classes + c] = logit;
      valid = valid && !has_no_softmax(logit);
      if is_greater(logit, largest) {
        largest = logit;
      }
    }
    var sum = 0.0;
    for (var c = 0u; c < classes; c++) {
      sum += exp(arena[x + c / 4u][c % 4u] - largest);
    }
    let loss = or_nan(log(sum) - (arena[x + label / 4u][label % 4u] - largest), valid);
    if !is_finite(loss) {
      atomicMin(&diverged[network], step.number);
    }
    for (var c = 0u; c < width; c++) {
      let p = exp(arena[x + c] - largest) / sum;
      let onehot = select(vec4f(0.0), vec4f(1.0), vec4u(4u * c) + vec4u(0u, 1u, 2u, 3u) == vec4u(label));
      let ds = (p - onehot) / f32(step.rows);
      arena[base + places[last].g + row * width + c] = select(vec4f(0.0), ds, features(c, classes));
    }
  }
}

// dH of the layer before, from the weights before their update.
fn backward_input(network: u32, l: u32, thread: u32) {
  let width = columns(places[l].outputs);
  let depth = columns(places[l].inputs);
  let base = network * ARENA;
  let g = base + places[l].g;
  for (var i = thread; i < (step.rows + 1u) / 2u * depth; i += WORKGROUP) {
    let k = i % depth;
    let row = 2u * (i / depth);
    let next = min(row + 1u, step.rows - 1u);
    var h0 = vec4f(0.0);
    var h1 = vec4f(0.0);
    for (var c = 0u; c < width; c++) {
      let at = 4u * k * width + c;
      let four = mat4x4f(w[at], w[at + width], w[at + 2u * width], w[at + 3u * width]);
      h0 += arena[g + row * width + c] * four; // the products with each column
      h1 += arena[g + next * width + c] * four;
    }
    arena[base + places[l - 1u].g + row * depth + k] = h0;
    if next > row {
      arena[base + places[l - 1u].g + next * depth + k] = h1;
    }
  }
}

// Weights and biases. The bias counts as the weight of one more input that is always 1.
fn backward_weight(network: u32, l: u32, thread: u32) {
  let inputs = places[l].inputs;
  let outputs = places[l].outputs;
  let width = columns(outputs);
  let depth = columns(inputs);
  let base = network * ARENA;
  let d = descent_of(network);
  for (var i = thread; i < (inputs + 1u) * width; i += WORKGROUP) {
    let c = i % width;
    let input = i / width;
    let g = base + places[l].g + c;
    let h = base + places[l - 1u].h + min(input, inputs - 1u) / 4u;
    let one = input == inputs;
    let channel = input % 4u;
    var even = vec4f(0.0);
    var odd = vec4f(0.0);
    for (var row = 0u; row + 1u < step.rows; row += 2u) {
      even += select(arena[h + row * depth][channel], 1.0, one) * arena[g + row * width];
      odd += select(arena[h + (row + 1u) * depth][channel], 1.0, one) * arena[g + (row + 1u) * width];
    }
    if step.rows % 2u == 1u {
      let row = step.rows - 1u;
      even += select(arena[h + row * depth][channel], 1.0, one) * arena[g + row * width];
    }
    if one {
      descend_four(d, places[l].bias, c, outputs, even + odd);
    } else {
      _ = descend_four_weights(d, places[l].weight + input * outputs, c, outputs, even + odd);
    }
  }
}

// dS of a hidden layer from dH, in its place; gamma and beta, and the first layer's bias.
fn norm_backward(network: u32, l: u32, thread: u32) {
  let outputs = places[l].outputs;
  let width = columns(outputs);
  let base = network * ARENA;
  let lanes = WORKGROUP / COLUMNS;
  let lane = thread / COLUMNS;
  let rows = f32(step.rows);
  let d = descent_of(network);
  for (var first = 0u; first < width; first += COLUMNS) {
    let c = first + thread % COLUMNS;
    let inside = c < width;
    let g = base + places[l].g + c;
    let n = base + places[l].n + c;
    let h = base + places[l].h + c;
    var dbeta = vec4f(0.0);
    var dgamma = vec4f(0.0);
    var scale = vec4f(1.0);
    if BATCH_NORM == 1u {
      for (var row = lane; row < step.rows && inside; row += lanes) {
        let own = relu_gradient4(arena[g + row * width], arena[h + row * width]);
        dbeta += own;
        dgamma += own * arena[n + row * width];
      }
      dbeta = sum_of_lanes(thread, dbeta);
      dgamma = sum_of_lanes(thread, dgamma);
      if inside {
        let gamma = parameters_at(network, places[l].gamma, c, outputs);
        scale = gamma * arena[base + places[l].inverse + c];
      }
    }
    var dbias = vec4f(0.0);
    for (var row = lane; row < step.rows && inside; row += lanes) {
      var ds = relu_gradient4(arena[g + row * width], arena[h + row * width]);
      if BATCH_NORM == 1u {
        ds = scale * (ds - dbeta / rows - arena[n + row * width] * dgamma / rows);
      }
      arena[g + row * width] = ds;
      dbias += ds;
    }
    if l == 0u {
      dbias = sum_of_lanes(thread, dbias);
    }
    // No lane reads gamma after this: every lane has read its scale before the sums above, or does not need it.
    wait_for_all();
    if inside && lane == 0u {
      if BATCH_NORM == 1u {
        descend_four(d, places[l].gamma, c, outputs, dgamma);
        descend_four(d, places[l].beta, c, outputs, dbeta);
      }
      if l == 0u {
        descend_four(d, places[l].bias, c, outputs, dbias);
      }
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn fused_tail(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let network = group.z;
  for (var l = 1u; l < LAYERS; l++) {
    stage_weights(network, l, thread);
    wait_for_all();
    forward(network, l, thread);
    wait_for_all();
    if l < LAYERS - 1u {
      norm_forward(network, l, thread);
      wait_for_all();
    }
  }
  softmax(network, thread);
  wait_for_all();
  for (var l = LAYERS - 1u; l > 0u; l--) {
    if l < LAYERS - 1u {
      stage_weights(network, l, thread);
      wait_for_all();
    }
    backward_input(network, l, thread);
    backward_weight(network, l, thread);
    wait_for_all();
    norm_backward(network, l - 1u, thread);
    wait_for_all();
  }
}
