/**
 * `metrics.csv`: the curves of a training.
 *
 * @module
 */

import type { Evaluation, MetricRow } from "../model/metrics.ts";
import { type Columns, CsvTable } from "./table.ts";

/** The columns of an evaluation, behind the name of its split. */
export const EVALUATION_COLUMNS: Columns<Evaluation> = {
  loss: "number",
  cost: "number",
  accuracy: "share",
};

/**
 * The format of `metrics.csv`, a row for each evaluation during training.
 *
 * @example The evaluation before the first step
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { METRICS_CSV } from "./metrics.ts";
 *
 * const evaluation = { loss: 2.5, cost: 3.25, accuracy: 0.125 };
 * const rows = [{ step: 0, epoch: 0, eta: null, training: evaluation, validation: evaluation }];
 * const csv = METRICS_CSV.encode(rows);
 *
 * assertEquals(csv.split("\n")[1], "0,0,,2.5,3.25,0.125,2.5,3.25,0.125");
 * assertEquals(METRICS_CSV.decode(csv, { name: "metrics.csv" }), rows);
 * ```
 */
export const METRICS_CSV: CsvTable<MetricRow> = new CsvTable<MetricRow>({
  step: "integer",
  epoch: "number",
  eta: "optional number",
  training: { prefix: "train", columns: EVALUATION_COLUMNS },
  validation: { prefix: "val", columns: EVALUATION_COLUMNS },
});
