/**
 * Rows as CSV text and back: metrics, gradient checks, trials of a search, curves, profiles, benchmarks.
 *
 * @example Metrics as a CSV file
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { metricsFromCsv, metricsToCsv } from "@headless/mlp/records";
 *
 * const evaluation = { loss: 2.5, cost: 3.5, accuracy: 0.125 };
 * const rows = [{ step: 0, epoch: 0, eta: null, train: evaluation, val: evaluation }];
 *
 * assertEquals(metricsFromCsv(metricsToCsv(rows), { name: "metrics.csv" }), rows);
 * ```
 *
 * @module
 */

export * from "./lambda_search.ts";
export * from "./metrics.ts";
export * from "./profile.ts";
export * from "./scaling.ts";
export * from "./sensitivity.ts";
