/**
 * Trains multi-layer perceptrons with hand-written WGSL kernels on native WebGPU, without a screen.
 *
 * The unit is a population: networks of one architecture that see the same batches and may differ in L2 weight, learning
 * rate and initial weights. A single network is a population of one.
 *
 * @example Train a small network on the built-in data
 * ```ts ignore
 * import { createSynthetic, Gpu, Training } from "@headless/mlp";
 *
 * const gpu = await Gpu.request();
 * const data = await createSynthetic({ training: 2000, test: 500 });
 * const training = await Training.create(gpu, data, {
 *   hidden: [50, 50],
 *   batchNorm: true,
 *   networks: [{ identity: "first", lambda: 0.005, etaMin: 1e-5, etaMax: 1e-1 }],
 *   halfCycle: 50,
 *   cycles: 2,
 * });
 * for await (const [row] of training.run()) console.log(row.step, row.val.accuracy);
 * training.destroy();
 * gpu.destroy();
 * ```
 *
 * @module
 */

export * from "./src/errors.ts";
export { Random } from "./src/model/random.ts";
export * from "./src/data/dataset.ts";
export * from "./src/data/cifar10.ts";
export * from "./src/data/synthetic.ts";
export * from "./src/model/network.ts";
export * from "./src/model/schedule.ts";
export * from "./src/model/initialisation.ts";
export * from "./src/model/reference/mod.ts";
export * from "./src/gpu/device.ts";
export * from "./src/gpu/device_data.ts";
export type { AdvanceOptions, NetworkSettings } from "./src/train/population.ts";
export * from "./src/train/training.ts";
export * from "./src/model/metrics.ts";
export * from "./src/train/lambda_search.ts";
export * from "./src/train/sensitivity.ts";
export * from "./src/records/metrics.ts";
export * from "./src/measure/profile.ts";
export * from "./src/records/profile.ts";
export * from "./src/measure/tuning.ts";
export {
  candidates,
  defaultVariant,
  variantFits,
  VARIANTS,
  type VariantShape,
} from "./src/programs/variants.ts";
export * from "./src/records/lambda_search.ts";
export * from "./src/records/sensitivity.ts";
export * from "./src/measure/scaling.ts";
export * from "./src/records/scaling.ts";
export * from "./src/model/checkpoint.ts";
export * from "./src/model/safetensors.ts";
