/**
 * `gradient_check.csv`: the errors of a gradient check.
 *
 * @module
 */

import type { GradientCheckRow } from "../train/gradient_check.ts";
import { CsvTable } from "./table.ts";

/** The format of `gradient_check.csv`, a row for each parameter. */
export const GRADIENT_CHECK_CSV: CsvTable<GradientCheckRow> = new CsvTable<GradientCheckRow>({
  parameter: "text",
  published: "optional number",
  fivePoint: "number",
  forward: "number",
  gpuNorm: "number",
  leftOut: "integer",
  entries: "integer",
});
