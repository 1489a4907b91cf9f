/**
 * The median, minimum and maximum of repeated measurements.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";

/** The spread of repeated measurements. */
export interface Spread {
  /** The middle one, or the mean of the two middle ones. */
  readonly median: number;
  /** The smallest. */
  readonly min: number;
  /** The largest. */
  readonly max: number;
}

/** Computes the spread of at least one measurement; all of it is NaN if a measurement is. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) {
    throw new ArgumentError("Cannot sum up 0 measurements, expected at least 1");
  }
  // NaN compares as equal to every number, so sorting would not order the others.
  if (values.some(Number.isNaN)) return { median: NaN, min: NaN, max: NaN };
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    median: (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2,
    min: sorted[0],
    max: sorted[sorted.length - 1],
  };
}
