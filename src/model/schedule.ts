/**
 * The cyclical learning rate (Smith 2017, "Cyclical Learning Rates for Training Neural Networks", the triangular
 * policy): linearly from a minimum to a maximum and back.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { FLOAT32_RANGE, isFloat32From0 } from "./float32.ts";

/** A triangular cycle of the learning rate. */
export interface Cycle {
  /** The learning rate at the beginning and the end of a cycle: 0, or a number that is one as a float32. */
  readonly etaMin: number;
  /** The learning rate in the middle of a cycle, at least `etaMin`. */
  readonly etaMax: number;
  /** Steps from `etaMin` to `etaMax` (n_s), an integer of at least 1; a cycle has twice as many. */
  readonly halfCycle: number;
}

/**
 * Computes how far the learning rate has risen at a step: 0 at etaMin, 1 at etaMax. It does not depend on the range, so
 * networks with different ranges can share it.
 *
 * @param step The step, an integer from 0: step t is the (t + 1)-th update.
 * @param halfCycle Steps from the minimum to the maximum.
 * @returns A number in [0, 1].
 *
 * @example One cycle of four steps
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { phase } from "@headless/mlp/reference";
 *
 * assertEquals([0, 1, 2, 3, 4].map((step) => phase(step, 2)), [0, 0.5, 1, 0.5, 0]);
 * ```
 */
export function phase(step: number, halfCycle: number): number {
  const inCycle = step % (2 * halfCycle);
  return (inCycle <= halfCycle ? inCycle : 2 * halfCycle - inCycle) / halfCycle;
}

/**
 * Computes the learning rate of a step.
 *
 * @param step The step, an integer from 0.
 * @param cycle The range and the half cycle.
 * @returns The learning rate, in [etaMin, etaMax].
 *
 * @example The middle of the first cycle
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { eta } from "@headless/mlp/reference";
 *
 * assertEquals(eta(900, { etaMin: 1e-5, etaMax: 1e-1, halfCycle: 900 }), 1e-1);
 * ```
 */
export function eta(step: number, cycle: Cycle): number {
  const rise = phase(step, cycle.halfCycle);
  // A weighted mean of the two ends, unlike etaMin + rise (etaMax - etaMin), is exact at both.
  return (1 - rise) * cycle.etaMin + rise * cycle.etaMax;
}

/**
 * Counts the steps of a number of cycles.
 *
 * @param cycle The range and the half cycle.
 * @param cycles The number of cycles, above 0; it may be fractional if the number of steps is whole.
 * @returns The number of updates.
 * @throws {ArgumentError} If the range or the half cycle is not allowed, or the number of steps is not a whole number
 * above 0.
 *
 * @example Two cycles
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { totalSteps } from "@headless/mlp/reference";
 *
 * assertEquals(totalSteps({ etaMin: 1e-5, etaMax: 1e-1, halfCycle: 2250 }, 2), 9000);
 * ```
 */
export function totalSteps(cycle: Cycle, cycles: number): number {
  checkCycle(cycle);
  const length = 2 * cycle.halfCycle;
  const steps = length * cycles;
  if (!Number.isSafeInteger(steps) || steps < 1) {
    throw new ArgumentError(
      `Cannot plan the learning rate: ${cycles} cycles of ${length} steps are ${steps} steps, ` +
        "expected a whole number above 0",
    );
  }
  return steps;
}

/**
 * Checks the range and the half cycle.
 *
 * @param cycle The range and the half cycle.
 * @throws {ArgumentError} If one is not allowed.
 *
 * @example A range whose ends are exchanged
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { checkCycle } from "@headless/mlp/reference";
 *
 * checkCycle({ etaMin: 1e-5, etaMax: 1e-1, halfCycle: 900 });
 * assertThrows(
 *   () => checkCycle({ etaMin: 1e-1, etaMax: 1e-5, halfCycle: 900 }),
 *   RangeError,
 *   "expected 0 <= etaMin <= etaMax",
 * );
 * ```
 */
export function checkCycle({ etaMin, etaMax, halfCycle }: Cycle): void {
  if (!Number.isSafeInteger(halfCycle) || halfCycle < 1) {
    throw new ArgumentError(
      `Cannot plan the learning rate: halfCycle is ${halfCycle}, expected an integer of at least 1`,
    );
  }
  // GPUs compute with their float32 values.
  if (!(isFloat32From0(etaMin) && isFloat32From0(etaMax) && etaMin <= etaMax)) {
    throw new ArgumentError(
      `Cannot plan the learning rate: etaMin is ${etaMin} and etaMax ${etaMax}, ` +
        `expected 0 <= etaMin <= etaMax, each 0 or ${FLOAT32_RANGE}`,
    );
  }
}
