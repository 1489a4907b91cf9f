/**
 * `scaling.csv`: how the cost of a step grows.
 *
 * @module
 */

import { SCALING_AXES, type ScalingRow } from "../measure/scaling.ts";
import { CsvTable } from "./table.ts";

/** The format of `scaling.csv`, axis by axis, sizes ascending. */
export const SCALING_CSV: CsvTable<ScalingRow> = new CsvTable<ScalingRow>({
  axis: {
    fits: (cell) => SCALING_AXES.some((axis) => axis === cell),
    expected: "batch, width, depth or networks",
  },
  value: "integer",
  msPerStep: "positive",
  min: { name: "least", kind: "positive" },
  max: { name: "most", kind: "positive" },
  steps: "integer",
  mflop: "positive",
  gflopPerS: "positive",
  adapter: "text",
  variant: "text",
  data: "text",
  hidden: "text",
  batch: "integer",
  networks: "integer",
  cliff: "optional positive",
});
