/** Tables on a terminal: headings, columns, numbers. */
import type { DataSet } from "../../src/data/dataset.ts";
import { maximum } from "../../src/lists.ts";

/** The heading of a table, as in "CIFAR-10, seed 1". */
export function tableHeading(
  { name, training }: Pick<DataSet, "name" | "training">,
  options: { seed: number; quick: boolean },
): string {
  return options.quick
    ? `${name}, quick run on ${training.count} training images: not a result`
    : `${name}, seed ${options.seed}`;
}

/** Aligns the first column to the left and the others, which are mostly numbers, to the right: a line for each row. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, i) => maximum(rows.map((row) => row[i].length)));
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))
      .join("  ").trimEnd()
  );
}

export function printTable(
  context: { stdout(line: string): void },
  rows: readonly (readonly string[])[],
): void {
  for (const line of alignColumns(rows)) context.stdout(line);
}

/** As in "1 network" and "3 networks". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** A share as a percentage, as in "52.5 %"; "none" for NaN. */
export function percent(share: number): string {
  return Number.isNaN(share) ? "none" : `${(100 * share).toFixed(1)} %`;
}

/** A number with at most three digits and no exponent; "" for null. */
export function short(value: number | null): string {
  return value === null ? "" : String(Number(value.toPrecision(3)));
}

/** A median with its range, as in "1.25 (1.2 to 1.31)". */
export function spread(median: number | null, min: number | null, max: number | null): string {
  return `${short(median)} (${short(min)} to ${short(max)})`;
}
