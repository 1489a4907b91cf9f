/**
 * `curves.csv`: the training losses of a study of initial weights.
 *
 * @module
 */

import type { CurveRow } from "../train/sensitivity.ts";
import { CsvTable } from "./table.ts";

/** The format of `curves.csv`, network by network, each in the order of training. */
export const CURVES_CSV: CsvTable<CurveRow> = new CsvTable<CurveRow>({
  // As in the summary of a study, which has numbers in their shortest form.
  sigma: {
    fits: (cell) =>
      cell === "he" || cell === "xavier" ||
      Number(cell) > 0 && Number(cell) < Infinity && String(Number(cell)) === cell,
    expected: "he, xavier, or a positive number as in 0.001",
  },
  batchNorm: "boolean",
  step: "integer",
  trainingLoss: { name: "train_loss", kind: "number" },
});
