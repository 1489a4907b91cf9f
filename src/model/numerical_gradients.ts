/**
 * Numerical gradients of the reference: its cost a little to either side of every parameter, against its gradients.
 *
 * @module
 */

import { isCancelledBias, layout } from "./network.ts";
import {
  type Batch,
  type Cost,
  cost,
  type CostOptions,
  gradients,
  type Network,
} from "./reference.ts";

/** The step of the five-point difference: small enough for its h⁴ error, large enough for the rounding of the cost. */
const FIVE_POINT_STEP = 3e-4;

/** The step of the forward difference, as the published report has it. */
const FORWARD_STEP = 1e-6;

/** Milliseconds between two looks at what else there is to do, such as being told to stop. */
const PAUSE_EVERY = 100;

/** The least denominator of a relative error, so that two gradients near 0 do not count as far apart. */
const LEAST_DENOMINATOR = 1e-6;

/** What is compared with the differences. */
export interface DifferencesOptions extends CostOptions {
  /** The gradients on trial, [layout.count]; those of the reference unless told otherwise. */
  readonly gradients?: ArrayLike<number>;
  /** Ends the comparison, which takes minutes for tens of thousands of parameters. */
  readonly signal?: AbortSignal;
}

/** How far the gradient a of one parameter tensor is from its numerical gradient n. */
export interface ParameterDifference {
  /** The parameter's name, as in the layout. */
  readonly parameter: string;
  /** Whether it is a bias in front of batch norm, whose exact gradient is 0. */
  readonly cancelled: boolean;
  /** The largest |a - n| / max(1e-6, |a| + |n|) with the five-point difference, over the entries not left out. */
  readonly fivePoint: number;
  /** The same with the forward difference, over all entries. */
  readonly forward: number;
  /** ‖a - n‖ / ‖a‖ with the five-point difference, over the entries not left out; null when cancelled. */
  readonly norm: number | null;
  /** How many entries are left out, because one of their probes changes the sign of what goes into a ReLU. */
  readonly leftOut: number;
  /** How many entries there are. */
  readonly entries: number;
}

/**
 * Compares the gradients of a network with differences of its cost C, entry by entry, in training mode:
 *
 *     five-point (h = 3e-4)   n = (8 (C(θ + h) - C(θ - h)) - (C(θ + 2h) - C(θ - 2h))) / 12 h
 *     forward (h = 1e-6)      n = (C(θ + h) - C(θ)) / h
 *
 * The ReLU has no derivative at 0: an entry that takes any of its inputs over 0 on the way from θ - 2h to θ + 2h is left
 * out of the five-point column and counted. The forward difference leaves nothing out.
 *
 * @param network The architecture and the parameters.
 * @param batch The images and labels.
 * @param options The L2 weight, the gradients on trial, and what ends the comparison early.
 * @returns One row per parameter, in the order of the layout.
 * @throws {ArgumentError} If sizes do not fit together, a label is no class, or batch norm gets a batch of 1.
 *
 * @example The gradient of a linear classifier
 * ```ts
 * import { assert } from "@std/assert";
 * import { compareWithDifferences } from "./numerical_gradients.ts";
 *
 * const network = {
 *   architecture: { inputs: 1, hidden: [], classes: 2, batchNorm: false },
 *   parameters: new Float64Array([0.5, -1, 0, 2]),
 * };
 * const rows = await compareWithDifferences(network, { x: new Float64Array([2]), labels: [0] });
 *
 * for (const { fivePoint } of rows) assert(fivePoint < 1e-9);
 * ```
 */
export async function compareWithDifferences(
  network: Network,
  batch: Batch,
  options: DifferencesOptions = {},
): Promise<ParameterDifference[]> {
  const { architecture } = network;
  const analytic = options.gradients ?? gradients(network, batch, options).gradients;
  const parameters = new Float64Array(network.parameters);
  const base = cost({ architecture, parameters }, batch, options);

  function probe(index: number, step: number): Cost & { crosses: boolean } {
    const value = parameters[index];
    parameters[index] = value + step;
    const result = cost({ architecture, parameters }, batch, options);
    parameters[index] = value;
    return { ...result, crosses: signsDiffer(base.reluInputs, result.reluInputs) };
  }

  function fivePoint(index: number): { numerical: number; crosses: boolean } {
    const h = FIVE_POINT_STEP;
    const [a, b, c, d] = [-2 * h, -h, h, 2 * h].map((step) => probe(index, step));
    // Term by term: the penalty can be a hundred times the loss, whose digits would be lost in the sum.
    function difference(term: "loss" | "penalty"): number {
      return (8 * (c[term] - b[term]) - (d[term] - a[term])) / (12 * h);
    }
    return {
      numerical: difference("loss") + difference("penalty"),
      crosses: a.crosses || b.crosses || c.crosses || d.crosses,
    };
  }

  const rows: ParameterDifference[] = [];
  let paused = performance.now();
  for (const parameter of layout(architecture).parameters) {
    const { name, offset, size } = parameter;
    const cancelled = isCancelledBias(architecture, parameter);
    let leftOut = 0;
    let largest = 0;
    let largestForward = 0;
    let differenceSquared = 0;
    let analyticSquared = 0;
    for (let i = offset; i < offset + size; i++) {
      if (performance.now() - paused > PAUSE_EVERY) {
        await new Promise((resolve) => setTimeout(resolve));
        options.signal?.throwIfAborted();
        paused = performance.now();
      }
      const forward = (probe(i, FORWARD_STEP).cost - base.cost) / FORWARD_STEP;
      largestForward = Math.max(largestForward, relativeError(analytic[i], forward));
      const { numerical, crosses } = fivePoint(i);
      if (crosses) {
        leftOut++;
        continue;
      }
      largest = Math.max(largest, relativeError(analytic[i], numerical));
      differenceSquared += (analytic[i] - numerical) ** 2;
      analyticSquared += analytic[i] ** 2;
    }
    rows.push({
      parameter: name,
      cancelled,
      fivePoint: largest,
      forward: largestForward,
      norm: cancelled ? null : ratio(Math.sqrt(differenceSquared), Math.sqrt(analyticSquared)),
      leftOut,
      entries: size,
    });
  }
  return rows;
}

function relativeError(a: number, n: number): number {
  return Math.abs(a - n) / Math.max(LEAST_DENOMINATOR, Math.abs(a) + Math.abs(n));
}

/** 0 / 0 is no difference: a gradient of 0 that the differences agree with. */
function ratio(difference: number, norm: number): number {
  return difference === 0 ? 0 : difference / norm;
}

function signsDiffer(before: readonly Float64Array[], after: readonly Float64Array[]): boolean {
  return before.some((layer, k) => {
    const other = after[k];
    for (let i = 0; i < layer.length; i++) {
      if ((layer[i] > 0) !== (other[i] > 0)) return true;
    }
    return false;
  });
}
