/**
 * Tables for people to read on a terminal.
 *
 * @module
 */
import { maximum } from "../../src/lists.ts";

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
