/**
 * `learning_rates.csv`: the networks of a learning-rate range test.
 *
 * @module
 */

import type { RateRow } from "../train/learning_rates.ts";
import { CsvTable } from "./table.ts";

/** The format of `learning_rates.csv`, the smallest rate first. */
export const LEARNING_RATES_CSV: CsvTable<RateRow> = new CsvTable<RateRow>({
  eta: "positive",
  trainingLoss: { name: "train_loss", kind: "number" },
  trainingAccuracy: { name: "train_accuracy", kind: "share" },
  divergedAt: "optional integer",
});
