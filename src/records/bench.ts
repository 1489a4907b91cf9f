/**
 * `bench.csv` and `peers.csv`: measurements of speed, which every run of the benchmark appends to.
 *
 * @module
 */

import type { BenchRow, PeerRow } from "../measure/bench.ts";
import { CsvTable } from "./table.ts";

/** The format of `bench.csv`, oldest row first. Files of earlier versions end with the column `gflop_per_s`. */
export const BENCH_CSV: CsvTable<BenchRow> = new CsvTable<BenchRow>({
  date: "date",
  commit: "text",
  packageVersion: "text",
  denoVersion: "text",
  adapter: "text",
  software: "boolean",
  variant: "text",
  data: "text",
  networks: "integer",
  hidden: "text",
  batchNorm: "boolean",
  batch: "integer",
  steps: "integer",
  msPerStep: "positive",
  stepsPerS: "positive",
  gflopPerS: "positive",
  repeat: "optional integer",
  msPerStepMin: { name: "ms_per_step_least", kind: "optional positive" },
  msPerStepMax: { name: "ms_per_step_most", kind: "optional positive" },
  evaluationMs: "optional positive",
  evaluationMsMin: { name: "evaluation_ms_least", kind: "optional positive" },
  evaluationMsMax: { name: "evaluation_ms_most", kind: "optional positive" },
  peakGflopPerS: "optional positive",
  peakGbPerS: "optional positive",
  // Clocks of some systems are coarse.
  startupMs: "optional amount",
  dataMs: "optional amount",
  compileMs: "optional amount",
  peakMemoryBytes: "optional integer",
}, { first: 16 });

/**
 * The format of `peers.csv`, oldest row first. Files of earlier versions end with the column `own_ms_per_step`: they are all
 * about one network of three layers.
 */
export const PEERS_CSV: CsvTable<PeerRow> = new CsvTable<PeerRow>({
  date: "date",
  commit: "text",
  adapter: "text",
  peer: "text",
  version: "text",
  mode: "text",
  msPerStep: "positive",
  steps: "integer",
  ownMsPerStep: "positive",
  networks: "integer",
  hidden: "text",
  batchNorm: "boolean",
  batch: "integer",
}, { first: 9, earlier: { networks: 1, hidden: "50,50", batch_norm: true, batch: 100 } });
