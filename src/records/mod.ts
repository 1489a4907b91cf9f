/**
 * The formats of the files that tasks write: rows as CSV text and back, settings and summaries as JSON and back.
 *
 * Fields have camelCase names in the program and snake_case ones in the files.
 *
 * @example Metrics as a CSV file
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { METRICS_CSV } from "@headless/mlp/records";
 *
 * const evaluation = { loss: 2.5, cost: 3.5, accuracy: 0.125 };
 * const rows = [{ step: 0, epoch: 0, eta: null, training: evaluation, validation: evaluation }];
 *
 * assertEquals(METRICS_CSV.decode(METRICS_CSV.encode(rows), { name: "metrics.csv" }), rows);
 * ```
 *
 * @module
 */

export { BENCH_CSV, PEERS_CSV } from "./bench.ts";
export {
  CONFIG_JSON,
  type RunConfig,
  type Setting,
  type Settings,
  type SingleSetting,
} from "./config.ts";
export { CONFUSION_CSV } from "./confusion.ts";
export { CURVES_CSV } from "./curves.ts";
export { GRADIENT_CHECK_CSV } from "./gradient_check.ts";
export { type JsonFields, JsonFile, type JsonValue } from "./json.ts";
export { LEARNING_RATES_CSV } from "./learning_rates.ts";
export { METRICS_CSV } from "./metrics.ts";
export type { FileName, TextFormat } from "./names.ts";
export type { ClassRow, PredictionRow } from "../model/answers.ts";
export {
  CLASSES_CSV,
  PREDICTION_SUMMARY_JSON,
  PREDICTIONS_CSV,
  type PredictionSummary,
} from "./predictions.ts";
export { PROFILE_CSV } from "./profile.ts";
export { SCALING_CSV } from "./scaling.ts";
export {
  GRADIENT_CHECK_SUMMARY_JSON,
  type GradientCheckSummary,
  RATE_TEST_SUMMARY_JSON,
  type RateTestSummary,
  RUN_SUMMARY_JSON,
  type RunSummary,
  SEARCH_SUMMARY_JSON,
  type SearchSummary,
  STUDY_SUMMARY_JSON,
  type StudySummary,
  type Summary,
} from "./summary.ts";
export {
  type Cells,
  type ColumnGroup,
  type Columns,
  CsvTable,
  type Kind,
  type KindOf,
  type NamedColumn,
  type NamedKind,
  type TextForm,
  type Value,
} from "./table.ts";
export { BEST_CSV, TRIALS_CSV } from "./trials.ts";
