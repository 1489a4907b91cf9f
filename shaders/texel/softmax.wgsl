// includes shared/bits, shared/blocks
//
// Softmax and cross-entropy of a batch whose logits lie in texels of four rows, with the label of row r being t:
//
//   S = x + b
//   forward   p = exp(S - max S) / sum of exp(S - max S),  loss = - log p[t] = log(sum of exp(S - max S)) - (S[t] - max S)
//   backward  dS = (p - onehot(t)) / rows
//
// The predicted class is the first with the largest logit. The loss is NaN where a logit is NaN or +infinity or
// the label's is -infinity. A thread computes four rows; gradients of rows past the last are 0. The backward kernel also
// notes the first step at which a loss was NaN or infinite.

@group(0) @binding(4) var<storage, read> order: array<u32>; // [images] index of the image at each place
@group(0) @binding(6) var<storage, read> labels: array<u32>; // [images]
@group(0) @binding(7) var<storage, read> weights: array<f32>; // [P, layer.parameters] the parameters, read only
@group(0) @binding(18) var<storage, read_write> outcomes: array<vec2f>; // [P, rows] loss; 1 where correct, else 0
@group(0) @binding(20) var<storage, read_write> diverged: array<atomic<u32>>; // [P] first step with a loss not finite
@group(0) @binding(25) var<storage, read_write> predictions: array<u32>; // [P, rows]
@group(0) @binding(27) var x_texels: texture_2d_array<f32>; // texel (o, b), layer P: X W of rows 4b .. 4b + 3
@group(0) @binding(31) var new_dx_texels: texture_storage_2d_array<rgba32float, write>; // texel (o, b): dS

override FEATURES: u32; // classes

struct Softmax {
  largest: vec4f,
  sum: vec4f, // of exp(S - largest)
  predicted: vec4u,
  loss: vec4f,
}

fn logits_at(network: u32, block: u32, class_: u32) -> vec4f {
  let bias = weights[network * layer.parameters + layer.bias + class_];
  return textureLoad(x_texels, vec2u(class_, block), network, 0) + bias;
}

fn softmax(network: u32, block: u32, label: vec4u) -> Softmax {
  var s = Softmax(logits_at(network, block, 0u), vec4f(0.0), vec4u(0u), vec4f(0.0));
  for (var c = 1u; c < FEATURES; c++) {
    let x = logits_at(network, block, c);
    let greater = is_greater4(x, s.largest);
    s.predicted = select(s.predicted, vec4u(c), greater);
    s.largest = select(s.largest, x, greater);
  }
  var of_label = vec4f(0.0);
  var valid = vec4<bool>(true);
  for (var c = 0u; c < FEATURES; c++) {
    let logit = logits_at(network, block, c);
    let x = logit - s.largest;
    let own = vec4u(c) == label;
    s.sum += exp(x);
    of_label = select(of_label, x, own);
    valid = valid & !has_no_softmax4(logit) & (!own | is_finite4(logit));
  }
  s.loss = or_nan4(log(s.sum) - of_label, valid);
  return s;
}

fn label_of(row: u32) -> u32 {
  return labels[order[step.first + min(row, step.rows - 1u)]];
}

fn labels_of(block: u32) -> vec4u {
  let row = 4u * block;
  return vec4u(label_of(row), label_of(row + 1u), label_of(row + 2u), label_of(row + 3u));
}

@compute @workgroup_size(WORKGROUP)
fn texel_softmax_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let block = thread_index(id, workgroups);
  if 4u * block >= step.rows {
    return;
  }
  let label = labels_of(block);
  let s = softmax(id.z, block, label);
  let correct = select(vec4f(0.0), vec4f(1.0), s.predicted == label);
  for (var r = 0u; r < min(4u, step.rows - 4u * block); r++) {
    let row = id.z * step.rows + 4u * block + r;
    outcomes[row] = vec2f(s.loss[r], correct[r]);
    predictions[row] = s.predicted[r];
  }
}

@compute @workgroup_size(WORKGROUP)
fn texel_softmax_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let block = thread_index(id, workgroups);
  if 4u * block >= step.rows {
    return;
  }
  let label = labels_of(block);
  let s = softmax(id.z, block, label);
  let inside = present(block);
  if any(inside & !is_finite4(s.loss)) {
    atomicMin(&diverged[id.z], step.number);
  }
  for (var c = 0u; c < FEATURES; c++) {
    let p = exp(logits_at(id.z, block, c) - s.largest) / s.sum;
    let onehot = select(vec4f(0.0), vec4f(1.0), vec4u(c) == label);
    let ds = select(vec4f(0.0), (p - onehot) / f32(step.rows), inside);
    textureStore(new_dx_texels, vec2u(c, block), id.z, ds);
  }
}
