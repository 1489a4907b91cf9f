/**
 * `profile.csv`: where the time of a training step goes.
 *
 * @module
 */

import type { ProfileRow } from "../measure/profile.ts";
import { CsvTable } from "./table.ts";

/** The format of `profile.csv`, a row for each kernel in the order of a step. */
export const PROFILE_CSV: CsvTable<ProfileRow> = new CsvTable<ProfileRow>({
  kernel: "text",
  layer: "optional integer",
  ms: "number",
  msMin: { name: "ms_least", kind: "optional number" },
  msMax: { name: "ms_most", kind: "optional number" },
  share: "share",
});
