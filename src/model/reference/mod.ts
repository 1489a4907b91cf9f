/**
 * The network in float64 on the CPU, written to be read: every layer forward and backward with its formula, the network
 * made of them, and numerical gradients to check it with. The GPU kernels are checked against it.
 *
 * @module
 */

export {
  affineBackward,
  affineBackwardInput,
  affineForward,
  batchNormApply,
  batchNormBackward,
  batchNormForward,
  reluBackward,
  reluForward,
  softmaxCrossEntropy,
} from "./layers.ts";
export * from "./network.ts";
export * from "./numerical_gradients.ts";
