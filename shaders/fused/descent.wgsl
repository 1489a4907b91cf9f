// includes fused/layers
//
// Stochastic gradient descent for packed parameters:
//
//   theta <- theta - eta g    g = d cost / d theta, to which L2 adds 2 lambda W for a weight
//                             eta = (1 - rise) eta_min + rise eta_max
//
// Gradients are stored in the last step of a run only, where a check can read them: stores cost as much as the update.

@group(0) @binding(2) var<storage, read> networks: array<Network>; // [P]
@group(0) @binding(9) var<storage, read_write> gradients: array<f32>; // [P, layer.parameters]

override UPDATE: u32; // bits of step.parts
override FORWARD: u32;
override GRADIENTS: u32;

// How a network descends.
struct Descent {
  eta: f32,
  decay: f32, // 2 lambda
}

fn descent_of(network: u32) -> Descent {
  let n = networks[network];
  return Descent((1.0 - step.rise) * n.eta_min + step.rise * n.eta_max, 2.0 * n.lambda);
}

// Stores the gradients of a column. `at` counts from the network's first parameter.
fn keep_gradients(network: u32, at: u32, column: u32, width: u32, gradient: vec4f) {
  if (step.parts & GRADIENTS) == 0u {
    return;
  }
  let first = network * layer.parameters + at + 4u * column;
  let left = width - 4u * column; // from here to the last
  gradients[first] = gradient.x;
  if left > 1u {
    gradients[first + 1u] = gradient.y;
  }
  if left > 2u {
    gradients[first + 2u] = gradient.z;
  }
  if left > 3u {
    gradients[first + 3u] = gradient.w;
  }
}

// Four biases, gammas or betas after the update.
fn moved(d: Descent, old: vec4f, gradient: vec4f) -> vec4f {
  return fma(vec4f(-d.eta), gradient, old);
}

// The gradient of four weights, from that of the loss alone.
fn with_decay(d: Descent, old: vec4f, gradient: vec4f) -> vec4f {
  return fma(vec4f(d.decay), old, gradient);
}
