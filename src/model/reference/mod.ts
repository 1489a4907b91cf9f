/**
 * The network in float64 on the CPU, written to be read: every layer forward and backward with its formula, the network
 * made of them, and numerical gradients to check it with. The GPU kernels are checked against it. With it come the layout
 * of a network, its initial weights, the learning rate and the random numbers.
 *
 * @example A step of gradient descent
 * ```ts
 * import { assert } from "@std/assert";
 * import { cost, gradients, initialise, sgdStep } from "@headless/mlp/reference";
 *
 * const architecture = { inputs: 2, hidden: [3], classes: 2, batchNorm: true };
 * const parameters = initialise(architecture, { seed: 1, identity: 0 });
 * const network = { architecture, parameters };
 * const batch = { x: Float64Array.of(0, 1, 1, 0, 1, 1), labels: [0, 1, 1] };
 *
 * const before = cost(network, batch).cost;
 * sgdStep(parameters, gradients(network, batch).gradients, 0.1);
 * assert(cost(network, batch).cost < before);
 * ```
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
export {
  type Batch,
  type Cost,
  cost,
  type CostOptions,
  evaluate,
  type EvaluatedNetwork,
  type Gradients,
  gradients,
  type Network,
  type ReferenceEvaluation,
  sgdStep,
  updateStatistics,
  type Vector,
} from "./network.ts";
export * from "./numerical_gradients.ts";
export { classify, logits, probabilities } from "./trained.ts";
export type { RecordValues } from "../record_values.ts";
export type { RecordKind, TrainedNetwork } from "../trained_network.ts";
export * from "../initialisation.ts";
export * from "../network.ts";
export { Random } from "../random.ts";
export * from "../schedule.ts";
