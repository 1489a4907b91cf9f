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
 * @example Training with the fastest variant
 * ```ts ignore
 * import { createSynthetic, DeviceDataSet, Gpu, Training } from "@headless/mlp";
 * import { measureVariants } from "@headless/mlp/measure";
 *
 * const gpu = await Gpu.request();
 * const data = new DeviceDataSet(gpu, await createSynthetic({ training: 2000, test: 500 }));
 * const hidden = [50, 50];
 * const architecture = { inputs: 3072, hidden, classes: 10, batchNorm: true };
 * const [fastest] = await measureVariants(gpu, data, { architecture, networks: 1, batch: 100 });
 * const training = await Training.create(gpu, data, {
 *   hidden,
 *   batchNorm: true,
 *   networks: [{ identity: "first", lambda: 0.005, etaMin: 1e-5, etaMax: 1e-1 }],
 *   halfCycle: 50,
 *   cycles: 2,
 *   variant: fastest.variant,
 * });
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
