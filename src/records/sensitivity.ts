/**
 * The table that a study of initial weights leaves behind, and the way back from the file to the rows.
 *
 * @module
 */

import type { CsvOptions } from "./metrics.ts";
import { type Columns, readTable, type TextForm, writeTable } from "./table.ts";

/** One row of `curves.csv`: the loss of one network at one time. */
export interface CurveRow {
  /** How the weights started: the standard deviation as in `0.001`, `he` or `xavier`. */
  readonly sigma: string;
  /** Whether the network has batch norm. */
  readonly batch_norm: boolean;
  /** Steps done so far. */
  readonly step: number;
  /** Mean cross-entropy, in nats, on all training images. */
  readonly train_loss: number;
}

/** The ways to start the weights, as in the summary of a study: a number stands there in its shortest form. */
const SIGMA: TextForm = {
  fits: (cell) =>
    cell === "he" || cell === "xavier" ||
    Number(cell) > 0 && Number(cell) < Infinity && String(Number(cell)) === cell,
  expected: "he, xavier, or a positive number as in 0.001",
};

const CURVES: Columns<CurveRow> = {
  sigma: SIGMA,
  batch_norm: "boolean",
  step: "integer",
  train_loss: "number",
};

/**
 * Prints the curves of a study as CSV.
 *
 * @param rows The rows, network by network, each in the order of training.
 * @returns The text of `curves.csv`.
 */
export function curvesToCsv(rows: readonly CurveRow[]): string {
  return writeTable(rows, CURVES);
}

/**
 * Reads the curves of a study.
 *
 * @param text The text of `curves.csv`.
 * @param options The name of the file.
 * @returns The rows, in the order of the lines.
 * @throws {DataError} If the text is not what {@linkcode curvesToCsv} prints; the message names file, line and column.
 */
export function curvesFromCsv(text: string, options: CsvOptions): CurveRow[] {
  return readTable(text, { columns: CURVES, name: options.name });
}
