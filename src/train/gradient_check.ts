/**
 * The rows of a gradient check.
 *
 * @module
 */

import type { Architecture } from "../model/network.ts";
import type { GradientError } from "../model/reference/numerical_gradients.ts";

/** The errors of the gradients of one parameter, in three comparisons. */
export interface GradientCheckRow extends Omit<GradientError, "cancelled" | "norm"> {
  /** The published largest relative error; null where there is none. */
  readonly published: number | null;
  /** ‖gpu − reference‖ / ‖reference‖. */
  readonly gpuNorm: number;
}

/** A comparison of the GPU with the reference at one setting. */
export interface GradientTrial extends Pick<Architecture, "inputs" | "hidden" | "batchNorm"> {
  /** Images in a batch. */
  readonly batch: number;
  /** The quantity whose error is largest relative to its bar. */
  readonly worst: {
    readonly name: string;
    readonly kind: string;
    readonly error: number;
    readonly bar: number;
  };
  /** A sentence on each quantity beyond its bar. */
  readonly failures: readonly string[];
}
