/**
 * Measuring training: which kernel variant is the fastest on an adapter, where the time of a step goes, and how it grows.
 *
 * @example The sizes that cost far more than their neighbours
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { findCliffs, scalingPlan } from "@headless/mlp/measure";
 *
 * assertEquals(scalingPlan("networks", 16).networks, 16);
 *
 * const costs = [{ size: 1, cost: 10 }, { size: 2, cost: 60 }, { size: 4, cost: 40 }];
 * assertEquals(findCliffs(costs), [null, 3, null]);
 * ```
 *
 * @example The fastest variant for one network of three layers
 * ```ts
 * import type { DeviceDataSet, Gpu } from "@headless/mlp";
 * import { measureVariants } from "@headless/mlp/measure";
 *
 * async function fastestVariant(gpu: Gpu, data: DeviceDataSet): Promise<string> {
 *   const { inputs, classes } = data.source;
 *   const architecture = { inputs, hidden: [50, 50], classes, batchNorm: true };
 *   const [fastest] = await measureVariants(gpu, data, { architecture, networks: 1, batch: 100 });
 *   return fastest.variant;
 * }
 * ```
 *
 * @module
 */

export type { BenchRow, PeerRow } from "./bench.ts";
export { BETWEEN, type ProfileOptions, type ProfileRow, profileStep } from "./profile.ts";
export * from "./scaling.ts";
export { measureVariants, type TuningOptions, type VariantTime } from "./tuning.ts";
export type { PopulationPlan, PopulationShape } from "../model/shape.ts";
export { candidates, defaultVariant, variantFits } from "../programs/variants.ts";
