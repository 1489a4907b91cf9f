// includes shared/common
//
// Stochastic gradient descent, for the kernels that compute the gradient of a parameter:
//
//   theta <- theta - eta g    g = d cost / d theta, to which L2 adds 2 lambda W for a weight
//                             eta = (1 - rise) eta_min + rise eta_max
//
// Each gradient is stored as well, so that a check sees the gradients that train.

@group(0) @binding(2) var<storage, read> networks: array<Network>; // [P]
@group(0) @binding(8) var<storage, read_write> parameters: array<f32>; // [P, layer.parameters]
@group(0) @binding(9) var<storage, read_write> gradients: array<f32>; // [P, layer.parameters]

// How a network descends. Each thread reads it once.
struct Descent {
  first: u32, // the network's first parameter
  eta: f32,
  decay: f32, // 2 lambda
}

fn descent_of(network: u32) -> Descent {
  let n = networks[network];
  let eta = (1.0 - step.rise) * n.eta_min + step.rise * n.eta_max;
  return Descent(network * layer.parameters, eta, 2.0 * n.lambda);
}

// Updates a bias, gamma or beta. `at` counts from the network's first parameter.
fn descend(d: Descent, at: u32, gradient: f32) {
  gradients[d.first + at] = gradient;
  parameters[d.first + at] -= d.eta * gradient;
}

// Updates a weight and returns its new value; `gradient` is the gradient of the loss alone.
fn descend_weight(d: Descent, at: u32, gradient: f32) -> f32 {
  let w = parameters[d.first + at];
  let g = gradient + d.decay * w;
  gradients[d.first + at] = g;
  let moved = w - d.eta * g;
  parameters[d.first + at] = moved;
  return moved;
}
