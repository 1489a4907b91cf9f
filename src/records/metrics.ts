/**
 * `metrics.csv`: the curves of a training.
 *
 * @module
 */

import { type Evaluation, hasValidation, type MetricRow } from "../model/metrics.ts";
import { type Columns, CsvTable } from "./table.ts";

/** The columns of an evaluation, behind the name of its split. */
export const EVALUATION_COLUMNS: Columns<Evaluation> = {
  loss: "number",
  cost: "number",
  accuracy: "share",
};

/** The columns of an evaluation of validation images, of which there may be none. */
const VALIDATION_COLUMNS: Columns<Evaluation> = {
  loss: "measured",
  cost: "measured",
  accuracy: "share",
};

/** What stands for an evaluation of no images: empty cells, where a network that diverged has "NaN". */
const NOTHING = { loss: null, cost: null, accuracy: null };

class MetricsCsv extends CsvTable<MetricRow> {
  /** Prints rows; where there are no validation images, their cells are empty. */
  override encode(rows: readonly MetricRow[]): string {
    if (hasValidation(rows)) return super.encode(rows);
    // The table prints null as an empty cell, which it reads as NaN.
    return super.encode(
      rows.map((row) => ({ ...row, validation: NOTHING as unknown as Evaluation })),
    );
  }
}

/**
 * The format of `metrics.csv`, a row for each evaluation during training. Cells of validation are empty where there are no
 * validation images, and read as NaN.
 *
 * @example The evaluation before the first step
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { METRICS_CSV } from "@headless/mlp/records";
 *
 * const evaluation = { loss: 2.5, cost: 3.25, accuracy: 0.125 };
 * const rows = [{ step: 0, epoch: 0, eta: null, training: evaluation, validation: evaluation }];
 * const csv = METRICS_CSV.encode(rows);
 *
 * assertEquals(csv.split("\n")[1], "0,0,,2.5,3.25,0.125,2.5,3.25,0.125");
 * assertEquals(METRICS_CSV.decode(csv, { name: "metrics.csv" }), rows);
 * ```
 */
export const METRICS_CSV: CsvTable<MetricRow> = new MetricsCsv({
  step: "integer",
  epoch: "number",
  eta: "optional number",
  training: { prefix: "train", columns: EVALUATION_COLUMNS },
  validation: { prefix: "val", columns: VALIDATION_COLUMNS },
});
