/**
 * The table that `--profile` leaves behind, and the way back from the file to the rows.
 *
 * @module
 */

import type { CsvOptions } from "./metrics.ts";
import { type Columns, readTable, writeTable } from "./table.ts";

/** One row of `profile.csv`: one kernel of a step. */
export interface ProfileRow {
  /** Its name, which is that of its entry point; "between kernels" is the time of none. */
  readonly kernel: string;
  /** Its layer, counted from 1; null for the time of no kernel. */
  readonly layer: number | null;
  /** Milliseconds for all networks together: the median over several steps. */
  readonly ms: number;
  /** The shortest of them; null between kernels. */
  readonly ms_least: number | null;
  /** The longest of them; null between kernels. */
  readonly ms_most: number | null;
  /** Share of the sum of all rows. */
  readonly share: number;
}

const PROFILE: Columns<ProfileRow> = {
  kernel: "text",
  layer: "optional integer",
  ms: "number",
  ms_least: "optional number",
  ms_most: "optional number",
  share: "share",
};

/**
 * Prints a profile as CSV.
 *
 * @param rows The rows, in the order of a step.
 * @returns The text of `profile.csv`.
 */
export function profileToCsv(rows: readonly ProfileRow[]): string {
  return writeTable(rows, PROFILE);
}

/**
 * Reads a profile.
 *
 * @param text The text of `profile.csv`.
 * @param options The name of the file.
 * @returns The rows, in the order of the lines.
 * @throws {DataError} If the text is not what {@linkcode profileToCsv} prints; the message names file, line and column.
 */
export function profileFromCsv(text: string, options: CsvOptions): ProfileRow[] {
  return readTable(text, { columns: PROFILE, name: options.name });
}
