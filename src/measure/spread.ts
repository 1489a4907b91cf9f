/**
 * Several measurements of one thing, summed up: their median, and how far they lie apart.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";

/** Several measurements of one thing. */
export interface Spread {
  /** The middle one, or the mean of the two middle ones. */
  readonly median: number;
  /** The smallest. */
  readonly min: number;
  /** The largest. */
  readonly max: number;
}

/**
 * Sums measurements up.
 *
 * @param values The measurements, at least one.
 * @returns Their median, minimum and maximum; all are NaN if a measurement is.
 * @throws {ArgumentError} If there are none.
 */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) {
    throw new ArgumentError("Cannot sum up 0 measurements, expected at least 1");
  }
  // NaN has no place in a sorted list, and sorting would leave the others in no order.
  if (values.some(Number.isNaN)) return { median: NaN, min: NaN, max: NaN };
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    median: (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2,
    min: sorted[0],
    max: sorted[sorted.length - 1],
  };
}
