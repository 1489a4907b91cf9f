/**
 * Numerical gradients: finite differences of the reference's cost, to check gradients against.
 *
 * @module
 */

import { maximum } from "../../lists.ts";
import { isCancelledBias, layout } from "../network.ts";
import {
  type Batch,
  type Cost,
  cost,
  type CostOptions,
  gradients,
  type Network,
} from "./network.ts";

/** Step of the five-point difference: a balance of its h⁴ truncation error and the rounding of the cost. */
const FIVE_POINT_STEP = 3e-4;

/** Step of the forward difference, that of the published report. */
const FORWARD_STEP = 1e-6;

/** Milliseconds after which the check yields to other work, such as a signal to stop. */
const YIELD_EVERY = 100;

/** Smallest denominator of a relative error, so that two gradients near 0 do not count as far apart. */
const MIN_DENOMINATOR = 1e-6;

/** What to check. */
export interface GradientCheckOptions extends CostOptions {
  /** The gradients to check, [layout.count]; those of the reference unless given. */
  readonly gradients?: ArrayLike<number>;
  /** Stops the check, which takes minutes for tens of thousands of parameters, by throwing the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How far the gradient a of one parameter tensor is from its numerical gradient n. */
export interface GradientError {
  /** The parameter's name, as in the layout. */
  readonly parameter: string;
  /** Whether it is a bias in front of batch norm, whose exact gradient is 0. */
  readonly cancelled: boolean;
  /** The largest |a - n| / max(1e-6, |a| + |n|) with the five-point difference, over the entries not left out. */
  readonly fivePoint: number;
  /** The same with the forward difference, over all entries. */
  readonly forward: number;
  /** ‖a - n‖ / ‖a‖ with the five-point difference, over the entries not left out; null where cancelled. */
  readonly norm: number | null;
  /** Number of entries left out because the input of some ReLU changes sign within their five points. */
  readonly leftOut: number;
  /** Number of entries. */
  readonly entries: number;
}

/**
 * Checks the gradients of a network against finite differences of its cost C, entry by entry, in training mode
 * (Abramowitz & Stegun 1964, section 25.3):
 *
 *     five-point (h = 3e-4)   n = (8 (C(θ + h) - C(θ - h)) - (C(θ + 2h) - C(θ - 2h))) / 12 h
 *     forward (h = 1e-6)      n = (C(θ + h) - C(θ)) / h
 *
 * The ReLU has no derivative at 0: an entry is left out of the five-point column, and counted, where the input of a ReLU
 * crosses 0 between θ - 2h and θ + 2h. The forward difference leaves nothing out.
 *
 * @param network The architecture and the parameters.
 * @param batch The images and labels.
 * @param options The L2 weight, the gradients to check, and a signal to stop.
 * @returns The errors of each parameter, in the order of the layout.
 * @throws {ArgumentError} If sizes do not fit together, a label is not a class, or batch norm gets a batch of 1.
 *
 * @example The gradient of a linear classifier
 * ```ts
 * import { assert } from "@std/assert";
 * import { checkGradients } from "@headless/mlp/reference";
 *
 * const network = {
 *   architecture: { inputs: 1, hidden: [], classes: 2, batchNorm: false },
 *   parameters: new Float64Array([0.5, -1, 0, 2]),
 * };
 * const errors = await checkGradients(network, { x: new Float64Array([2]), labels: [0] });
 *
 * for (const { fivePoint } of errors) assert(fivePoint < 1e-9);
 * ```
 */
export async function checkGradients(
  network: Network,
  batch: Batch,
  options: GradientCheckOptions = {},
): Promise<GradientError[]> {
  const { architecture } = network;
  const analytic = options.gradients ?? gradients(network, batch, options).gradients;
  const differentiate = differentiator(network, batch, options);
  const errors: GradientError[] = [];
  let yielded = performance.now();
  for (const parameter of layout(architecture).parameters) {
    const { name, offset, size } = parameter;
    const entries: Entry[] = [];
    for (let i = offset; i < offset + size; i++) {
      if (performance.now() - yielded > YIELD_EVERY) {
        await new Promise((resolve) => setTimeout(resolve));
        options.signal?.throwIfAborted();
        yielded = performance.now();
      }
      entries.push({ analytic: analytic[i], ...differentiate(i) });
    }
    const kept = entries.filter(({ crossesKink }) => !crossesKink);
    const cancelled = isCancelledBias(architecture, parameter);
    errors.push({
      parameter: name,
      cancelled,
      fivePoint: largestError(kept, "fivePoint"),
      forward: largestError(entries, "forward"),
      norm: cancelled ? null : relativeNorm(kept),
      leftOut: size - kept.length,
      entries: size,
    });
  }
  return errors;
}

/** The gradients of one entry of the flat vector. */
interface Entry {
  readonly analytic: number;
  readonly forward: number;
  readonly fivePoint: number;
  /** Whether the input of a ReLU changes sign within the five points. */
  readonly crossesKink: boolean;
}

/** Makes a function that computes the numerical gradients of an entry of the flat vector. */
function differentiator(
  network: Network,
  batch: Batch,
  options: CostOptions,
): (index: number) => Omit<Entry, "analytic"> {
  const { architecture } = network;
  const parameters = new Float64Array(network.parameters);
  const base = cost({ architecture, parameters }, batch, options);

  function costAt(index: number, step: number): Cost {
    const value = parameters[index];
    parameters[index] = value + step;
    const result = cost({ architecture, parameters }, batch, options);
    parameters[index] = value;
    return result;
  }

  return (index) => {
    const h = FIVE_POINT_STEP;
    const forward = (costAt(index, FORWARD_STEP).cost - base.cost) / FORWARD_STEP;
    const points = [-2 * h, -h, h, 2 * h].map((step) => costAt(index, step));
    const [a, b, c, d] = points;
    // Loss and penalty apart: the penalty can be a hundred times the loss, whose digits the sum would lose.
    function difference(term: "loss" | "penalty"): number {
      return (8 * (c[term] - b[term]) - (d[term] - a[term])) / (12 * h);
    }
    return {
      forward,
      fivePoint: difference("loss") + difference("penalty"),
      crossesKink: points.some(({ reluInputs }) => signsDiffer(base.reluInputs, reluInputs)),
    };
  };
}

function largestError(entries: readonly Entry[], difference: "fivePoint" | "forward"): number {
  const errors = entries.map(({ analytic: a, [difference]: n }) =>
    Math.abs(a - n) / Math.max(MIN_DENOMINATOR, Math.abs(a) + Math.abs(n))
  );
  return Math.max(0, maximum(errors));
}

/** ‖a - n‖ / ‖a‖, and 0 where both are 0: a gradient of 0 that the differences confirm. */
function relativeNorm(entries: readonly Entry[]): number {
  let difference = 0;
  let norm = 0;
  for (const { analytic, fivePoint } of entries) {
    difference += (analytic - fivePoint) ** 2;
    norm += analytic ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference) / Math.sqrt(norm);
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
