// Stochastic gradient descent, placed in front of the files whose kernels find the gradient of a parameter:
//
//   g = d cost / d theta,  theta <- theta - eta g,  eta = (1 - rise) eta_min + rise eta_max
//
// Gradients are kept beside the parameters they moved, so that what is checked is what trains.

@group(0) @binding(0) var<uniform> layer: Layer;
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> networks: array<Network>; // [P]
@group(0) @binding(8) var<storage, read_write> parameters: array<f32>; // [P, layer.parameters]
@group(0) @binding(9) var<storage, read_write> gradients: array<f32>; // [P, layer.parameters]

fn learning_rate(network: u32) -> f32 {
  let n = networks[network];
  return (1.0 - step.rise) * n.eta_min + step.rise * n.eta_max;
}

// Moves one parameter against its gradient. `at` counts from the network's first parameter.
fn descend(network: u32, at: u32, gradient: f32) {
  let i = network * layer.parameters + at;
  gradients[i] = gradient;
  parameters[i] -= learning_rate(network) * gradient;
}

// The same for a weight, on which L2 acts too: lambda * W^2 adds 2 lambda W to the gradient.
fn descend_weight(network: u32, at: u32, gradient: f32) {
  let w = parameters[network * layer.parameters + at];
  descend(network, at, gradient + 2.0 * networks[network].lambda * w);
}
