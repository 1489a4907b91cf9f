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
export { Random } from "./src/random.ts";
export * from "./src/dataset.ts";
export * from "./src/cifar10.ts";
export * from "./src/synthetic.ts";
export * from "./src/network.ts";
export * from "./src/schedule.ts";
export * from "./src/reference.ts";
export * from "./src/differences.ts";
export * from "./src/gpu.ts";
export * from "./src/device_data.ts";
export type { AdvanceOptions, NetworkSettings } from "./src/population.ts";
export type { ShaderTexts } from "./src/kernels.ts";
export * from "./src/train.ts";
export * from "./src/metrics.ts";
export * from "./src/search.ts";
export * from "./src/sensitivity.ts";
export * from "./src/records.ts";
export * from "./src/profile.ts";
export * from "./src/profile_records.ts";
export * from "./src/tuning.ts";
export {
  candidates,
  defaultVariant,
  variantFits,
  VARIANTS,
  type VariantShape,
} from "./src/variants.ts";
export * from "./src/search_records.ts";
export * from "./src/sensitivity_records.ts";
export * from "./src/scaling.ts";
export * from "./src/scaling_records.ts";
export * from "./src/checkpoint.ts";
export * from "./src/safetensors.ts";
