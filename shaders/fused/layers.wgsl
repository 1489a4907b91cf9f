// includes shared/descent, fused/max_layers
//
// Shared by the three kernels of a fused step: where each layer's tensors lie, and the arena that holds them.
//
// Tensors of a batch are rows of vec4s, [rows, columns] with columns = width / 4 rounded up; values past the last feature
// are 0. One network's tensors follow each other in the arena.

struct LayerPlace {
  inputs: u32,
  outputs: u32,
  weight: u32, // W [inputs, outputs] begins here in the network's parameters
  bias: u32, // b [outputs]
  gamma: u32, // [outputs]
  beta: u32, // [outputs]
  mean: u32, // [outputs], in the network's moving averages
  variance: u32, // [outputs]
  h: u32, // H, of the last layer the logits; in vec4s from the beginning of the network's arena
  n: u32, // N, before batch norm S
  g: u32, // gradient of H, then of S
  inverse: u32, // 1 / sqrt(var + eps), [columns]
}

@group(0) @binding(35) var<uniform> places: array<LayerPlace, MAX_LAYERS>; // one for each layer
@group(0) @binding(36) var<storage, read_write> arena: array<vec4f>; // [P, ARENA]

override ARENA: u32; // vec4s of one network

fn columns(width: u32) -> u32 {
  return (width + 3u) / 4u;
}

// Which of a column's four features exist.
fn features(column: u32, width: u32) -> vec4<bool> {
  return vec4u(4u * column) + vec4u(0u, 1u, 2u, 3u) < vec4u(width);
}

// Four parameters; those past the last feature are 0. `at` counts from the network's first parameter.
fn parameters_at(network: u32, at: u32, column: u32, width: u32) -> vec4f {
  let first = network * layer.parameters + at + 4u * column;
  let left = width - 4u * column; // from here to the last
  var four = vec4f(parameters[first], 0.0, 0.0, 0.0);
  if left > 1u {
    four.y = parameters[first + 1u];
  }
  if left > 2u {
    four.z = parameters[first + 2u];
  }
  if left > 3u {
    four.w = parameters[first + 3u];
  }
  return four;
}

// Updates four biases, gammas or betas.
fn descend_four(d: Descent, at: u32, column: u32, width: u32, gradient: vec4f) {
  let first = at + 4u * column;
  let left = width - 4u * column;
  descend(d, first, gradient.x);
  if left > 1u {
    descend(d, first + 1u, gradient.y);
  }
  if left > 2u {
    descend(d, first + 2u, gradient.z);
  }
  if left > 3u {
    descend(d, first + 3u, gradient.w);
  }
}

// Updates four weights and returns their new values; past the last feature 0.
fn descend_four_weights(d: Descent, at: u32, column: u32, width: u32, gradient: vec4f) -> vec4f {
  let first = at + 4u * column;
  let left = width - 4u * column;
  var moved = vec4f(descend_weight(d, first, gradient.x), 0.0, 0.0, 0.0);
  if left > 1u {
    moved.y = descend_weight(d, first + 1u, gradient.y);
  }
  if left > 2u {
    moved.z = descend_weight(d, first + 2u, gradient.z);
  }
  if left > 3u {
    moved.w = descend_weight(d, first + 3u, gradient.w);
  }
  return moved;
}
