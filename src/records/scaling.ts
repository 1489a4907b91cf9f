/**
 * The table of how the cost of a step grows, and the way back from the file to the rows.
 *
 * @module
 */

import type { CsvOptions } from "./metrics.ts";
import { SCALING_AXES, type ScalingAxis } from "../measure/scaling.ts";
import { type Columns, readTable, type TextForm, writeTable } from "./table.ts";

/** One row of `scaling.csv`: what a step costs at one size of one axis. */
export interface ScalingRow {
  /** What grows along the axis: `batch`, `width`, `depth` or `networks`. */
  readonly axis: ScalingAxis;
  /** The size. */
  readonly value: number;
  /** Milliseconds that a step of all networks together took, the median of the measurements. */
  readonly ms_per_step: number;
  /** The least of the measurements. */
  readonly least: number;
  /** The most of the measurements. */
  readonly most: number;
  /** Steps in a measurement. */
  readonly steps: number;
  /** 10⁶ floating-point operations in a step of all networks together. */
  readonly mflop: number;
  /** 10⁹ floating-point operations in a second. */
  readonly gflop_per_s: number;
  /** Name of the adapter. */
  readonly adapter: string;
  /** Name of the kernel variant. */
  readonly variant: string;
  /** Name of the data set. */
  readonly data: string;
  /** Widths of the hidden layers, separated by commas. */
  readonly hidden: string;
  /** Images in a batch. */
  readonly batch: number;
  /** Networks that were trained together. */
  readonly networks: number;
  /** How many times the trend of its neighbours a cliff costs; null at any other size. */
  readonly cliff: number | null;
}

/** The axes by name. */
const AXIS: TextForm = {
  fits: (cell) => SCALING_AXES.some((axis) => axis === cell),
  expected: "batch, width, depth or networks",
};

const SCALING: Columns<ScalingRow> = {
  axis: AXIS,
  value: "integer",
  ms_per_step: "positive",
  least: "positive",
  most: "positive",
  steps: "integer",
  mflop: "positive",
  gflop_per_s: "positive",
  adapter: "text",
  variant: "text",
  data: "text",
  hidden: "text",
  batch: "integer",
  networks: "integer",
  cliff: "optional positive",
};

/**
 * Prints the costs of a step as CSV.
 *
 * @param rows The rows, axis by axis, sizes ascending.
 * @returns The text of `scaling.csv`.
 * @throws {ArgumentError} If a text has a line break in it.
 */
export function scalingToCsv(rows: readonly ScalingRow[]): string {
  return writeTable(rows, SCALING);
}

/**
 * Reads the costs of a step.
 *
 * @param text The text of `scaling.csv`.
 * @param options The name of the file.
 * @returns The rows, in the order of the lines.
 * @throws {DataError} If the text is not what {@linkcode scalingToCsv} prints; the message names file, line and column.
 */
export function scalingFromCsv(text: string, options: CsvOptions): ScalingRow[] {
  return readTable(text, { columns: SCALING, name: options.name });
}
