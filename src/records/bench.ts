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
  msPerStep: "number",
  stepsPerS: "number",
  gflopPerS: "number",
  repeat: "optional integer",
  msPerStepMin: { name: "ms_per_step_least", kind: "optional number" },
  msPerStepMax: { name: "ms_per_step_most", kind: "optional number" },
  evaluationMs: "optional number",
  evaluationMsMin: { name: "evaluation_ms_least", kind: "optional number" },
  evaluationMsMax: { name: "evaluation_ms_most", kind: "optional number" },
  peakGflopPerS: "optional number",
  peakGbPerS: "optional number",
  startupMs: "optional number",
  dataMs: "optional number",
  compileMs: "optional number",
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
  msPerStep: "number",
  steps: "integer",
  ownMsPerStep: "number",
  networks: "integer",
  hidden: "text",
  batchNorm: "boolean",
  batch: "integer",
}, { first: 9, earlier: { networks: 1, hidden: "50,50", batch_norm: true, batch: 100 } });
