/** A row of `bench.csv` for tests that need some. */
import type { BenchRow } from "../src/measure/bench.ts";

/** A measurement of a step of one network, on the given day of August 2026. */
export function benchRow(day: number, changes: Partial<BenchRow> = {}): BenchRow {
  return {
    date: `2026-08-${String(day).padStart(2, "0")}T03:00:00Z`,
    commit: "0123abc",
    packageVersion: "0.1.0",
    denoVersion: "2.9.6",
    adapter: "llvmpipe (LLVM 15.0.6, 256 bits)",
    software: true,
    variant: "plain",
    data: "synthetic",
    networks: 1,
    hidden: "50,50",
    batchNorm: true,
    batch: 100,
    steps: 450,
    msPerStep: 6 + day / 10,
    stepsPerS: 160,
    gflopPerS: 9.5,
    repeat: 5,
    msPerStepMin: 6,
    msPerStepMax: 8,
    evaluationMs: 1100,
    evaluationMsMin: 1000,
    evaluationMsMax: 1200,
    peakGflopPerS: 190,
    peakGbPerS: 9.5,
    startupMs: 200,
    dataMs: 900,
    compileMs: 1500,
    peakMemoryBytes: 700_000_000,
    ...changes,
  };
}
