/**
 * How tasks print numbers, and what stands above them.
 *
 * @module
 */
import type { DataSet } from "../../src/data/dataset.ts";

/**
 * Says above a table what its numbers are of.
 *
 * @param dataset The data set.
 * @param options The seed, and whether the run was a quick try.
 * @returns As in "CIFAR-10, seed 1".
 */
export function tableHeading(
  { name, training }: Pick<DataSet, "name" | "training">,
  options: { seed: number; quick: boolean },
): string {
  return options.quick
    ? `${name}, quick run on ${training.count} training images: not a result`
    : `${name}, seed ${options.seed}`;
}

/**
 * Prints a share as a percentage with one digit.
 *
 * @param share The share, 0 to 1.
 * @returns As in "52.5 %"; "NaN %" for NaN.
 */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
