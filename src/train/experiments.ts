/**
 * The experiments around a training: which networks a search for λ and a study of initial weights train, what their results
 * say, and a test of learning rates.
 *
 * @example Ten values of λ, and the range to look in next
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { bestResults, planTrials } from "@headless/mlp/experiments";
 *
 * const trials = planTrials({ from: 1e-5, to: 1e-1 }, { stage: "coarse", count: 10, seed: 1 });
 * assertEquals(trials.length, 10);
 * assertEquals(bestResults([], 1), []);
 * ```
 *
 * @module
 */

export type { Confusion, Ending } from "../model/metrics.ts";
export type { GradientCheckRow, GradientTrial } from "./gradient_check.ts";
export * from "./lambda_search.ts";
export * from "./learning_rates.ts";
export * from "./sensitivity.ts";
