/**
 * Numbers as a report prints them.
 *
 * @module
 */

import { maximum, minimum } from "../lists.ts";
import { initialWeightsName } from "../train/sensitivity.ts";

/** A no-break space. */
export const NBSP = "\u00a0";

/** Prints a share between 0 and 1 as a percentage, as in "53.17 %"; "none" for NaN. */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(2)}${NBSP}%` : "none";
}

/** Prints a share with as many digits as the report gives, as in "53.8 %". */
export function publishedPercent(share: number): string {
  return `${(100 * share).toFixed(1)}${NBSP}%`;
}

/** Prints the difference of two shares in percentage points with its sign, as in "−0.63 points". */
export function points(difference: number): string {
  if (!Number.isFinite(difference)) return "none";
  return `${signed(difference, (size) => (100 * size).toFixed(2))}${NBSP}points`;
}

/** Prints a small number, as in "2.39e-4". */
export function scientific(value: number): string {
  return Number.isFinite(value) ? value.toExponential(2) : String(value);
}

/** Prints the difference of two small numbers with its sign, as in "+1.64e-5". */
export function scientificDifference(difference: number): string {
  return Number.isFinite(difference) ? signed(difference, scientific) : "none";
}

/** With a minus sign rather than a hyphen, and no sign before what prints as 0. */
function signed(difference: number, print: (size: number) => string): string {
  const size = print(Math.abs(difference));
  if (Number(size) === 0) return size;
  return (difference < 0 ? "−" : "+") + size;
}

/** Prints a number as a multiple of another, as in "1.22 times". */
export function times(value: number, other: number): string {
  return `${(value / other).toFixed(2)}${NBSP}times`;
}

/** The mean of at least one number. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The geometric mean of at least one positive number: the mean on a log scale. */
export function geometricMean(values: readonly number[]): number {
  // exp(log()) would round a single value.
  return values.length === 1 ? values[0] : Math.exp(mean(values.map(Math.log)));
}

/**
 * Prints the mean of at least one number with the range, as in "53.33 % (53.17 to 53.45)"; a single number has no range.
 */
export function spread(
  values: readonly number[],
  print: (value: number) => string,
  meanOf: (values: readonly number[]) => number = mean,
): string {
  const middle = print(meanOf(values));
  if (values.length === 1) return middle;
  // The unit is printed once.
  const [min, max] = [minimum(values), maximum(values)]
    .map((value) => print(value).split(NBSP)[0]);
  return `${middle} (${min}${NBSP}to${NBSP}${max})`;
}

/** Counts things, as in "1 cycle" and "3 cycles". */
export function count(number: number, noun: string): string {
  return `${number}${NBSP}${noun}${number === 1 ? "" : "s"}`;
}

/** Names initial weights, as in "He" and "σ = 0.001", in one line. */
export function initialWeights(sigma: string): string {
  return initialWeightsName(sigma).replaceAll(" ", NBSP);
}
