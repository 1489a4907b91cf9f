/**
 * The rows that tasks leave behind as CSV files, and the way back from the files to the rows.
 *
 * @module
 */

import type { MetricRow } from "../model/metrics.ts";
import { type Columns, readHeader, readTable, writeTable } from "./table.ts";

/** One row of `gradient_check.csv`: how far the gradients of one parameter are apart, by three comparisons. */
export interface GradientCheckRow {
  /** The parameter: `W1`, `gamma1`, … */
  readonly parameter: string;
  /** The published largest relative error, where there is one. */
  readonly published: number | null;
  /** Largest relative error of the reference against a five-point difference. */
  readonly five_point: number;
  /** Largest relative error of the reference against a forward difference, the published method. */
  readonly forward: number;
  /** ‖gpu − reference‖ / ‖reference‖. */
  readonly gpu_norm: number;
  /** Entries left out of `five_point`, because a probe changed the sign of a ReLU's input. */
  readonly left_out: number;
  /** Entries of the parameter. */
  readonly entries: number;
}

/** One row of `bench.csv`: one measurement of the speed of training. */
export interface BenchRow {
  /** When it was measured, as in 2026-08-31T09:00:00Z. */
  readonly date: string;
  /** The commit that was measured; empty where unknown. */
  readonly commit: string;
  /** Version of the package. */
  readonly package_version: string;
  /** Version of Deno. */
  readonly deno_version: string;
  /** Name of the adapter. */
  readonly adapter: string;
  /** Whether the adapter is a software driver. */
  readonly software: boolean;
  /** Name of the kernel variant. */
  readonly variant: string;
  /** Name of the data set. */
  readonly data: string;
  /** Networks that were trained together. */
  readonly networks: number;
  /** Widths of the hidden layers, separated by commas. */
  readonly hidden: string;
  /** Whether batch norm was on. */
  readonly batch_norm: boolean;
  /** Images in a batch. */
  readonly batch: number;
  /** Steps in one of the measurements. */
  readonly steps: number;
  /** Milliseconds that a step of all networks together took: the median of the measurements. */
  readonly ms_per_step: number;
  /** Steps of all networks together in a second. */
  readonly steps_per_s: number;
  /** 10⁹ floating-point operations in a second, over all networks. */
  readonly gflop_per_s: number;
  /** How many measurements there were; null here and below where an earlier version measured. */
  readonly repeat: number | null;
  /** The fastest measurement, in milliseconds per step. */
  readonly ms_per_step_least: number | null;
  /** The slowest measurement. */
  readonly ms_per_step_most: number | null;
  /** Milliseconds that evaluating all networks on 50,000 images took: the median of the measurements. */
  readonly evaluation_ms: number | null;
  /** The fastest evaluation. */
  readonly evaluation_ms_least: number | null;
  /** The slowest evaluation. */
  readonly evaluation_ms_most: number | null;
  /** 10⁹ floating-point operations in a second that the adapter does at most, measured in the same run. */
  readonly peak_gflop_per_s: number | null;
  /** 10⁹ bytes in a second that the adapter copies at most, read and written, measured in the same run. */
  readonly peak_gb_per_s: number | null;
  /** Milliseconds until adapter and device answered. */
  readonly startup_ms: number | null;
  /** Milliseconds for loading the data and putting them on the device. */
  readonly data_ms: number | null;
  /** Milliseconds from making the run's first networks, compiling included, to the end of their first step. */
  readonly compile_ms: number | null;
  /** The most bytes that the process was seen to hold while it measured. */
  readonly peak_memory_bytes: number | null;
}

/** Where a CSV text came from. */
export interface CsvOptions {
  /** The name of the file, for error messages. */
  readonly name: string;
}

/** A metric row under the names of the columns of `metrics.csv`. */
export interface MetricLine {
  /** Steps done so far. */
  readonly step: number;
  /** Epochs done so far. */
  readonly epoch: number;
  /** Learning rate of the step just done; null before the first. */
  readonly eta: number | null;
  /** Mean cross-entropy, in nats, on all training images. */
  readonly train_loss: number;
  /** Cost on all training images. */
  readonly train_cost: number;
  /** Share of all training images whose class is found. */
  readonly train_accuracy: number;
  /** Mean cross-entropy, in nats, on all validation images. */
  readonly val_loss: number;
  /** Cost on all validation images. */
  readonly val_cost: number;
  /** Share of all validation images whose class is found. */
  readonly val_accuracy: number;
}

const METRICS: Columns<MetricLine> = {
  step: "integer",
  epoch: "number",
  eta: "optional number",
  train_loss: "number",
  train_cost: "number",
  train_accuracy: "share",
  val_loss: "number",
  val_cost: "number",
  val_accuracy: "share",
};

const GRADIENT_CHECK: Columns<GradientCheckRow> = {
  parameter: "text",
  published: "optional number",
  five_point: "number",
  forward: "number",
  gpu_norm: "number",
  left_out: "integer",
  entries: "integer",
};

/** The columns that bench.csv has had from the beginning. */
const FIRST_BENCH = {
  date: "date",
  commit: "text",
  package_version: "text",
  deno_version: "text",
  adapter: "text",
  software: "boolean",
  variant: "text",
  data: "text",
  networks: "integer",
  hidden: "text",
  batch_norm: "boolean",
  batch: "integer",
  steps: "integer",
  ms_per_step: "number",
  steps_per_s: "number",
  gflop_per_s: "number",
} as const satisfies Partial<Columns<BenchRow>>;

type FirstBenchRow = Pick<BenchRow, keyof typeof FIRST_BENCH>;

/** Those that came later, all of them optional. */
const LATER_BENCH: Columns<Omit<BenchRow, keyof FirstBenchRow>> = {
  repeat: "optional integer",
  ms_per_step_least: "optional number",
  ms_per_step_most: "optional number",
  evaluation_ms: "optional number",
  evaluation_ms_least: "optional number",
  evaluation_ms_most: "optional number",
  peak_gflop_per_s: "optional number",
  peak_gb_per_s: "optional number",
  startup_ms: "optional number",
  data_ms: "optional number",
  compile_ms: "optional number",
  peak_memory_bytes: "optional integer",
};

const BENCH: Columns<BenchRow> = { ...FIRST_BENCH, ...LATER_BENCH };

/**
 * Puts a metric row under the names of the columns of `metrics.csv`.
 *
 * @param row The row.
 * @returns The same numbers.
 */
export function metricLine({ step, epoch, eta, train, val }: MetricRow): MetricLine {
  return {
    step,
    epoch,
    eta,
    train_loss: train.loss,
    train_cost: train.cost,
    train_accuracy: train.accuracy,
    val_loss: val.loss,
    val_cost: val.cost,
    val_accuracy: val.accuracy,
  };
}

/**
 * Prints the metrics of a training as CSV. Every number reads back as the same float64.
 *
 * @param rows The rows, in the order of training.
 * @returns The text of `metrics.csv`.
 *
 * @example The evaluation before the first step
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { metricsToCsv } from "./metrics.ts";
 *
 * const evaluation = { loss: 2.5, cost: 3.25, accuracy: 0.125 };
 * const csv = metricsToCsv([{ step: 0, epoch: 0, eta: null, train: evaluation, val: evaluation }]);
 *
 * assertEquals(csv.split("\n")[1], "0,0,,2.5,3.25,0.125,2.5,3.25,0.125");
 * ```
 */
export function metricsToCsv(rows: readonly MetricRow[]): string {
  return writeTable(rows.map(metricLine), METRICS);
}

/**
 * Reads the metrics of a training.
 *
 * @param text The text of `metrics.csv`.
 * @param options The name of the file.
 * @returns The rows, in the order of the lines.
 * @throws {DataError} If the text is not what {@linkcode metricsToCsv} prints; the message names file, line and column.
 *
 * @example There and back
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { metricsFromCsv, metricsToCsv } from "./metrics.ts";
 *
 * const evaluation = { loss: 2.5, cost: 3.25, accuracy: 0.125 };
 * const rows = [{ step: 0, epoch: 0, eta: null, train: evaluation, val: evaluation }];
 *
 * assertEquals(metricsFromCsv(metricsToCsv(rows), { name: "metrics.csv" }), rows);
 * ```
 */
export function metricsFromCsv(text: string, options: CsvOptions): MetricRow[] {
  const lines = readTable(text, { columns: METRICS, name: options.name });
  return lines.map((line) => ({
    step: line.step,
    epoch: line.epoch,
    eta: line.eta,
    train: { loss: line.train_loss, cost: line.train_cost, accuracy: line.train_accuracy },
    val: { loss: line.val_loss, cost: line.val_cost, accuracy: line.val_accuracy },
  }));
}

/**
 * Prints the rows of a gradient check as CSV.
 *
 * @param rows The rows, one per parameter.
 * @returns The text of `gradient_check.csv`.
 */
export function gradientCheckToCsv(rows: readonly GradientCheckRow[]): string {
  return writeTable(rows, GRADIENT_CHECK);
}

/**
 * Reads the rows of a gradient check.
 *
 * @param text The text of `gradient_check.csv`.
 * @param options The name of the file.
 * @returns The rows, in the order of the lines.
 * @throws {DataError} If the text is not what {@linkcode gradientCheckToCsv} prints; the message names file, line and
 * column.
 */
export function gradientCheckFromCsv(text: string, options: CsvOptions): GradientCheckRow[] {
  return readTable(text, { columns: GRADIENT_CHECK, name: options.name });
}

/**
 * Prints measurements as CSV.
 *
 * @param rows The measurements, oldest first.
 * @returns The text of `bench.csv`.
 * @throws {ArgumentError} If a text has a line break in it.
 */
export function benchToCsv(rows: readonly BenchRow[]): string {
  return writeTable(rows, BENCH);
}

/**
 * Reads measurements, those of versions that measured less, too.
 *
 * @param text The text of `bench.csv`.
 * @param options The name of the file.
 * @returns The rows, in the order of the lines.
 * @throws {DataError} If the text is not what {@linkcode benchToCsv} prints or once printed; the message names file,
 * line and column.
 */
export function benchFromCsv(text: string, options: CsvOptions): BenchRow[] {
  const { name } = options;
  if (readHeader(text, { name }).length !== Object.keys(FIRST_BENCH).length) {
    return readTable(text, { columns: BENCH, name });
  }
  // Nothing was measured of what came later.
  const later = Object.fromEntries(Object.keys(LATER_BENCH).map((column) => [column, null]));
  return readTable<FirstBenchRow>(text, { columns: FIRST_BENCH, name })
    .map((row) => ({ ...row, ...later }) as BenchRow);
}
