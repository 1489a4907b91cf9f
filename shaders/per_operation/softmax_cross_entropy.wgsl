// includes shared/common, shared/bits
//
// Softmax and cross-entropy of a batch, with the label of row r being t:
//
//   forward   p = exp(S - max S) / sum of exp(S - max S),  loss = - log p[t] = log(sum of exp(S - max S)) - (S[t] - max S)
//   backward  dS = (p - onehot(t)) / rows
//
// The predicted class is the first with the largest logit. The loss is NaN where a logit is NaN or +infinity or
// the label's is -infinity. A thread computes one row. The backward kernel also notes the first step at which a loss was NaN
// or infinite.

@group(0) @binding(4) var<storage, read> order: array<u32>; // [images] index of the image at each place
@group(0) @binding(6) var<storage, read> labels: array<u32>; // [images]
@group(0) @binding(11) var<storage, read> x: array<f32>; // [P, rows, outputs] logits S
@group(0) @binding(14) var<storage, read_write> dx: array<f32>; // [P, rows, outputs] d loss / d S
@group(0) @binding(18) var<storage, read_write> outcomes: array<Outcome>; // [P, rows]
@group(0) @binding(25) var<storage, read_write> predictions: array<u32>; // [P, rows]
@group(0) @binding(20) var<storage, read_write> diverged: array<atomic<u32>>; // [P] first step with a loss not finite

struct Outcome {
  loss: f32,
  correct: f32, // 1 where the predicted class is the label, else 0
}

struct Softmax {
  largest: f32,
  sum: f32, // of exp(S - largest)
  predicted: u32,
  loss: f32,
}

fn softmax(at: u32, label: u32) -> Softmax {
  var s = Softmax(x[at], 0.0, 0u, 0.0);
  for (var c = 1u; c < layer.outputs; c++) {
    if is_greater(x[at + c], s.largest) {
      s.largest = x[at + c];
      s.predicted = c;
    }
  }
  var valid = is_finite(x[at + label]);
  for (var c = 0u; c < layer.outputs; c++) {
    valid = valid && !has_no_softmax(x[at + c]);
    s.sum += exp(x[at + c] - s.largest);
  }
  s.loss = or_nan(log(s.sum) - (x[at + label] - s.largest), valid);
  return s;
}

@compute @workgroup_size(WORKGROUP)
fn softmax_cross_entropy_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row = thread_index(id, workgroups);
  if row >= step.rows {
    return;
  }
  let at = (id.z * step.rows + row) * layer.outputs;
  let label = labels[order[step.first + row]];
  let s = softmax(at, label);
  outcomes[id.z * step.rows + row] = Outcome(s.loss, f32(s.predicted == label));
  predictions[id.z * step.rows + row] = s.predicted;
}

@compute @workgroup_size(WORKGROUP)
fn softmax_cross_entropy_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row = thread_index(id, workgroups);
  if row >= step.rows {
    return;
  }
  let at = (id.z * step.rows + row) * layer.outputs;
  let label = labels[order[step.first + row]];
  let s = softmax(at, label);
  if !is_finite(s.loss) {
    atomicMin(&diverged[id.z], step.number);
  }
  for (var c = 0u; c < layer.outputs; c++) {
    let p = exp(x[at + c] - s.largest) / s.sum;
    dx[at + c] = (p - f32(c == label)) / f32(step.rows);
  }
}
