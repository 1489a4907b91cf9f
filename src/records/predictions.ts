/**
 * The files of a classification: `predictions.csv`, `classes.csv` and `summary.json`.
 *
 * @module
 */

import type { ClassRow, PredictionRow } from "../model/answers.ts";
import { COUNT, JsonFile, MEASURED, object, SHARE, TEXT } from "./json.ts";
import { MACHINE, type Summary } from "./summary.ts";
import { CsvTable } from "./table.ts";

/**
 * The format of `predictions.csv`, a row for each record.
 *
 * @example A cat that is taken for a dog
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { PREDICTIONS_CSV } from "@headless/mlp/records";
 *
 * const classes = { label: "cat", predicted: "dog" };
 * const rows = [{ split: "test", record: 0, ...classes, probability: 0.75, correct: false }];
 * const csv = PREDICTIONS_CSV.encode(rows);
 *
 * assertEquals(csv.split("\n")[1], "test,0,cat,dog,0.75,false");
 * assertEquals(PREDICTIONS_CSV.decode(csv, { name: "predictions.csv" }), rows);
 * ```
 */
export const PREDICTIONS_CSV: CsvTable<PredictionRow> = new CsvTable<PredictionRow>({
  split: "text",
  record: "integer",
  label: "text",
  predicted: "text",
  probability: "share",
  correct: "boolean",
});

/** The format of `classes.csv`, a row for each class; where a share has no records, its cell is empty. */
export const CLASSES_CSV: CsvTable<ClassRow> = new CsvTable<ClassRow>({
  className: { name: "class", kind: "text" },
  records: "integer",
  precision: "share",
  recall: "share",
  f1: "share",
});

/** How the records of a data set were classified. */
export interface PredictionSummary extends Summary {
  /** Which records: "training", "validation", "test" or "all". */
  readonly split: string;
  /** How many records. */
  readonly records: number;
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
  /** Share of the records that are classified correctly. */
  readonly accuracy: number;
}

/** The format of the `summary.json` of a classification. */
export const PREDICTION_SUMMARY_JSON: JsonFile<PredictionSummary> = new JsonFile(
  object<PredictionSummary>({
    data: TEXT,
    split: TEXT,
    records: COUNT,
    loss: MEASURED,
    accuracy: SHARE,
    ...MACHINE,
  }),
);
