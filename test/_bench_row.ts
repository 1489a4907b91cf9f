/** A row of `bench.csv` for tests that need some. */
import type { BenchRow } from "../src/records/metrics.ts";

/** A measurement of a step of one network, on the given day of August 2026. */
export function benchRow(day: number, changes: Partial<BenchRow> = {}): BenchRow {
  return {
    date: `2026-08-${String(day).padStart(2, "0")}T03:00:00Z`,
    commit: "0123abc",
    package_version: "0.1.0",
    deno_version: "2.9.6",
    adapter: "llvmpipe (LLVM 15.0.6, 256 bits)",
    software: true,
    variant: "plain",
    data: "synthetic",
    networks: 1,
    hidden: "50,50",
    batch_norm: true,
    batch: 100,
    steps: 450,
    ms_per_step: 6 + day / 10,
    steps_per_s: 160,
    gflop_per_s: 9.5,
    repeat: 5,
    ms_per_step_least: 6,
    ms_per_step_most: 8,
    evaluation_ms: 1100,
    evaluation_ms_least: 1000,
    evaluation_ms_most: 1200,
    peak_gflop_per_s: 190,
    peak_gb_per_s: 9.5,
    startup_ms: 200,
    data_ms: 900,
    compile_ms: 1500,
    peak_memory_bytes: 700_000_000,
    ...changes,
  };
}
