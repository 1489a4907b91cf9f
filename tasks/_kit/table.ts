/**
 * Tables for people to read on a terminal: what stands above them, their columns, their numbers.
 *
 * @module
 */
import type { DataSet } from "../../src/data/dataset.ts";
import { maximum } from "../../src/lists.ts";

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
 * Pads cells to columns: the first to the left, the others, which are mostly numbers, to the right.
 *
 * @param rows Rows of as many cells each.
 * @returns A line for each row, without blanks at its end.
 */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, i) => maximum(rows.map((row) => row[i].length)));
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))
      .join("  ").trimEnd()
  );
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

/** Prints a number in at most three digits, without an exponent; "" for none. */
export function short(value: number | null): string {
  return value === null ? "" : String(Number(value.toPrecision(3)));
}

/** Prints a median with its range: as in "1.25 (1.2 to 1.31)". */
export function spread(median: number | null, min: number | null, max: number | null): string {
  return `${short(median)} (${short(min)} to ${short(max)})`;
}
