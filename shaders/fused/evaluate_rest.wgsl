// includes fused/evaluate
//
// The layers of an evaluation after the first, from H to the outcome of each image:
//
//   hidden  H of fused/evaluate.wgsl;  last  S = H W + b
//   loss = log(sum of exp(S - max S)) - (S[t] - max S), with the image's label t
//   correct = 1 where the predicted class is t, else 0
//
// The predicted class is the first with the largest logit. The loss is NaN where a logit is NaN or +infinity or the label's is
// -infinity. A thread computes an image, whose activations only it reads. The weights to four columns are staged at a time;
// all threads read the same of them.

// places and packed: fused/layers.wgsl; activations: fused/evaluate.wgsl
@group(0) @binding(6) var<storage, read> labels: array<u32>; // [images]
@group(0) @binding(18) var<storage, read_write> outcomes: array<vec2f>; // [P, step.rows] loss, correct
@group(0) @binding(25) var<storage, read_write> predictions: array<u32>; // [P, step.rows]

override DEPTH: u32; // columns of the widest layer but the last
override ODD: u32; // columns of the widest of layers 1, 3, ..., counted from 1
override EVEN: u32; // and of layers 2, 4, ...

// A layer's inputs and its outputs, which change places after each: [ODD, WORKGROUP] and [EVEN, WORKGROUP].
var<workgroup> values: array<vec4f, (ODD + EVEN) * WORKGROUP>;
var<workgroup> w: array<vec4f, 16u * DEPTH>; // W [4 DEPTH, 4]
var<workgroup> endings: array<Ending, 4>; // of the four columns

// Columns `first` to `first + 7` of a row of H, which begins at `h`. Those behind the last repeat it.
fn load_columns(h: u32, row: u32, first: u32, width: u32, thread: u32) {
  let last = width - 1u;
  let c0 = first;
  let c1 = min(first + 1u, last);
  let c2 = min(first + 2u, last);
  let c3 = min(first + 3u, last);
  let c4 = min(first + 4u, last);
  let c5 = min(first + 5u, last);
  let c6 = min(first + 6u, last);
  let c7 = min(first + 7u, last);
  let at = h + row;
  let h0 = activations[at + c0 * step.rows];
  let h1 = activations[at + c1 * step.rows];
  let h2 = activations[at + c2 * step.rows];
  let h3 = activations[at + c3 * step.rows];
  let h4 = activations[at + c4 * step.rows];
  let h5 = activations[at + c5 * step.rows];
  let h6 = activations[at + c6 * step.rows];
  let h7 = activations[at + c7 * step.rows];
  values[c0 * WORKGROUP + thread] = h0;
  values[c1 * WORKGROUP + thread] = h1;
  values[c2 * WORKGROUP + thread] = h2;
  values[c3 * WORKGROUP + thread] = h3;
  values[c4 * WORKGROUP + thread] = h4;
  values[c5 * WORKGROUP + thread] = h5;
  values[c6 * WORKGROUP + thread] = h6;
  values[c7 * WORKGROUP + thread] = h7;
}

// Number i of the weights to four columns; those behind the last column repeat it.
fn weight_at(first: u32, i: u32, column: u32, width: u32) -> vec4f {
  return packed[first + i / 4u * width + min(column + i % 4u, width - 1u)];
}

fn stage_weight(i: u32, count: u32, value: vec4f) {
  if i < count {
    w[i] = value;
  }
}

// The weights of a layer to four columns, and what follows the product.
fn stage_columns(network: u32, l: u32, column: u32, thread: u32) {
  let width = columns(places[l].outputs);
  let count = 16u * columns(places[l].inputs);
  let last = count - 1u;
  let first = packed_weight(network, l);
  if thread < 4u {
    endings[thread] = ending_of(network, l, min(column + thread, width - 1u));
  }
  for (var i = thread; i < count; i += 8u * WORKGROUP) {
    let w0 = weight_at(first, i, column, width);
    let w1 = weight_at(first, min(i + WORKGROUP, last), column, width);
    let w2 = weight_at(first, min(i + 2u * WORKGROUP, last), column, width);
    let w3 = weight_at(first, min(i + 3u * WORKGROUP, last), column, width);
    let w4 = weight_at(first, min(i + 4u * WORKGROUP, last), column, width);
    let w5 = weight_at(first, min(i + 5u * WORKGROUP, last), column, width);
    let w6 = weight_at(first, min(i + 6u * WORKGROUP, last), column, width);
    let w7 = weight_at(first, min(i + 7u * WORKGROUP, last), column, width);
    stage_weight(i, count, w0);
    stage_weight(i + WORKGROUP, count, w1);
    stage_weight(i + 2u * WORKGROUP, count, w2);
    stage_weight(i + 3u * WORKGROUP, count, w3);
    stage_weight(i + 4u * WORKGROUP, count, w4);
    stage_weight(i + 5u * WORKGROUP, count, w5);
    stage_weight(i + 6u * WORKGROUP, count, w6);
    stage_weight(i + 7u * WORKGROUP, count, w7);
  }
}

// The staged weights of four inputs to one of the four columns.
fn staged(k: u32, column: u32) -> mat4x4f {
  let at = 16u * k + column;
  return mat4x4f(w[at], w[at + 4u], w[at + 8u], w[at + 12u]);
}

// Four columns of the product. `inputs` is where those of the image begin.
fn products(inputs: u32, depth: u32) -> mat4x4f {
  var s: mat4x4f;
  for (var k = 0u; k < depth; k++) {
    let x = values[inputs + k * WORKGROUP];
    s[0] = add_product(s[0], x, staged(k, 0u));
    s[1] = add_product(s[1], x, staged(k, 1u));
    s[2] = add_product(s[2], x, staged(k, 2u));
    s[3] = add_product(s[3], x, staged(k, 3u));
  }
  return s;
}

fn store_column(to: u32, l: u32, column: u32, i: u32, product: vec4f) {
  if column + i < columns(places[l].outputs) {
    let e = endings[i];
    var value = product + e.offset;
    if l < LAYERS - 1u {
      value = activation(e, product);
    }
    values[to + (column + i) * WORKGROUP] = value;
  }
}

// The largest logit so far, and its class.
struct Best {
  logit: f32,
  index: u32, // the class
}

fn better(best: Best, logit: f32, index: u32) -> Best {
  if index < places[LAYERS - 1u].outputs && is_greater(logit, best.logit) {
    return Best(logit, index);
  }
  return best;
}

// Stores the outcome of an image, whose logits begin at `logits`, as number `to`.
fn store_outcome(logits: u32, label: u32, to: u32) {
  let classes = places[LAYERS - 1u].outputs;
  let width = columns(classes);
  var best = Best(values[logits].x, 0u);
  var valid = true;
  for (var c = 0u; c < width; c++) {
    let four = values[logits + c * WORKGROUP];
    valid = valid && !any(has_no_softmax4(four) & features(c, classes));
    best = better(best, four.x, 4u * c);
    best = better(best, four.y, 4u * c + 1u);
    best = better(best, four.z, 4u * c + 2u);
    best = better(best, four.w, 4u * c + 3u);
  }
  var powers = vec4f(0.0);
  for (var c = 0u; c < width; c++) {
    powers += select(vec4f(0.0), exp(values[logits + c * WORKGROUP] - best.logit), features(c, classes));
  }
  let own = values[logits + label / 4u * WORKGROUP][label % 4u];
  let loss = log(powers.x + powers.y + powers.z + powers.w) - (own - best.logit);
  outcomes[to] = vec2f(or_nan(loss, valid && is_finite(own)), f32(best.index == label));
  predictions[to] = best.index;
}

@compute @workgroup_size(WORKGROUP)
fn fused_evaluate_rest(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let network = group.z;
  let first = group.x * WORKGROUP;
  if first >= step.rows {
    return;
  }
  let row = min(first + thread, step.rows - 1u);
  let label = labels[step.first + row];
  let width = columns(places[0].outputs);
  for (var c = 0u; c < width; c += 8u) {
    load_columns(network * width * step.rows, row, c, width, thread);
  }
  var inputs = thread;
  var outputs = ODD * WORKGROUP + thread;
  for (var l = 1u; l < LAYERS; l++) {
    for (var column = 0u; column < columns(places[l].outputs); column += 4u) {
      workgroupBarrier(); // The weights before have been read.
      stage_columns(network, l, column, thread);
      workgroupBarrier();
      let s = products(inputs, columns(places[l].inputs));
      store_column(outputs, l, column, 0u, s[0]);
      store_column(outputs, l, column, 1u, s[1]);
      store_column(outputs, l, column, 2u, s[2]);
      store_column(outputs, l, column, 3u, s[3]);
    }
    let free = inputs;
    inputs = outputs;
    outputs = free;
  }
  if first + thread < step.rows {
    store_outcome(inputs, label, network * step.rows + row);
  }
}
