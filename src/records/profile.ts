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
  // A kernel may end within the same tick of the clock, and nothing may be left between kernels.
  ms: "amount",
  msMin: { name: "ms_least", kind: "optional amount" },
  msMax: { name: "ms_most", kind: "optional amount" },
  share: "share",
});
