/**
 * Numbers as a report prints them.
 *
 * @module
 */
import { maximum, minimum } from "../lists.ts";

/** A blank at which no line is broken. */
export const NBSP = "\u00a0";

/**
 * Prints a share as a percentage.
 *
 * @param share Between 0 and 1.
 * @returns As in "53.17 %".
 */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(2)}${NBSP}%` : String(share);
}

/**
 * Prints a share that the report gives, with as many digits as there.
 *
 * @param share Between 0 and 1.
 * @returns As in "53.8 %".
 */
export function publishedPercent(share: number): string {
  return `${(100 * share).toFixed(1)}${NBSP}%`;
}

/**
 * Prints the difference of two shares.
 *
 * @param difference Between −1 and 1.
 * @returns Percentage points with their sign, as in "−0.63 points".
 */
export function points(difference: number): string {
  if (!Number.isFinite(difference)) return "none";
  return `${signed(difference, (size) => (100 * size).toFixed(2))}${NBSP}points`;
}

/**
 * Prints a small number.
 *
 * @param value The number.
 * @returns As in "2.39e-4".
 */
export function scientific(value: number): string {
  return Number.isFinite(value) ? value.toExponential(2) : String(value);
}

/**
 * Prints the difference of two small numbers.
 *
 * @param difference The difference.
 * @returns It with its sign, as in "+1.64e-5".
 */
export function scientificDifference(difference: number): string {
  return Number.isFinite(difference) ? signed(difference, scientific) : "none";
}

/** With a proper minus, and none before what is printed as 0. */
function signed(difference: number, print: (size: number) => string): string {
  const size = print(Math.abs(difference));
  if (Number(size) === 0) return size;
  return (difference < 0 ? "−" : "+") + size;
}

/**
 * Prints a number as a multiple of another.
 *
 * @param value A positive number.
 * @param other What it is a multiple of.
 * @returns As in "1.22 times".
 */
export function times(value: number, other: number): string {
  return `${(value / other).toFixed(2)}${NBSP}times`;
}

/**
 * The mean of some numbers.
 *
 * @param values At least one number.
 * @returns Their mean.
 */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * The geometric mean of some numbers: that of what is drawn, or looked at, on a log scale.
 *
 * @param values At least one number, all positive.
 * @returns The number whose logarithm is the mean of theirs.
 */
export function geometricMean(values: readonly number[]): number {
  // Not through exp(log()) where there is nothing to average: that rounds.
  return values.length === 1 ? values[0] : Math.exp(mean(values.map(Math.log)));
}

/** How {@linkcode spread} sums up. */
export interface SpreadOptions {
  /**
   * What stands for all of them.
   *
   * @default {mean}
   */
  readonly middle?: (values: readonly number[]) => number;
}

/**
 * Prints the mean of some numbers, and from where to where they go.
 *
 * @param values At least one number.
 * @param print How one of them is printed.
 * @param options Another mean.
 * @returns As in "53.33 % (53.17 to 53.45)", and without the brackets where there is one number only.
 */
export function spread(
  values: readonly number[],
  print: (value: number) => string,
  options: SpreadOptions = {},
): string {
  const { middle: middleOf = mean } = options;
  const middle = print(middleOf(values));
  if (values.length === 1) return middle;
  // Once with its unit is enough.
  const [least, most] = [minimum(values), maximum(values)]
    .map((value) => print(value).split(NBSP)[0]);
  return `${middle} (${least}${NBSP}to${NBSP}${most})`;
}

/**
 * Counts things.
 *
 * @param number How many.
 * @param noun What one of them is called.
 * @returns As in "1 cycle" and "3 cycles".
 */
export function count(number: number, noun: string): string {
  return `${number}${NBSP}${noun}${number === 1 ? "" : "s"}`;
}

/**
 * Names initial weights.
 *
 * @param sigma What files call them: `he`, `xavier` or the standard deviation.
 * @returns As in "He", "Xavier" and "σ = 0.001".
 */
export function initialWeightsName(sigma: string): string {
  if (sigma === "he") return "He";
  return sigma === "xavier" ? "Xavier" : `σ${NBSP}=${NBSP}${sigma}`;
}
