/**
 * Networks on the CPU in float64: their layout, initial weights and learning rates, the cost with its gradients, and the
 * comparison of gradients with finite differences. What the kernels compute is checked against this.
 *
 * @example One step of gradient descent
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

export * from "./network.ts";
export * from "./numerical_gradients.ts";
export { Random } from "./random.ts";
export * from "./reference.ts";
export * from "./schedule.ts";
