/**
 * Trains multi-layer perceptrons with hand-written WGSL kernels on WebGPU: in Deno without a screen, and in browsers.
 *
 * The unit is a population: networks of one architecture that see the same batches and may differ in L2 weight, learning
 * rate and initial weights. A single network is a population of one.
 *
 * @example Training a small network on the built-in data, and using it
 * ```ts
 * import { Classifier, createSynthetic, Gpu, Training } from "@headless/mlp";
 *
 * using gpu = await Gpu.request();
 * const data = await createSynthetic({ training: 2000, test: 500 });
 * using training = await Training.create(gpu, data, {
 *   hidden: [50, 50],
 *   batchNorm: true,
 *   lambda: 0.005,
 *   learningRate: 0.05,
 *   epochs: 5,
 * });
 * for await (const [row] of training.run()) console.log(row?.step, row?.validation.accuracy);
 *
 * using classifier = await Classifier.create(gpu, await training.network());
 * console.log(await classifier.predict(data.test.images));
 * ```
 *
 * @module
 */

// Errors.
export {
  ArgumentError,
  DataError,
  DeviceLostError,
  GpuError,
  GpuUnavailableError,
} from "./src/errors.ts";

// Data sets: the caller's own, the built-in one. `./data` reads those of files.
export {
  createDataSet,
  type DataSet,
  type DataSetOptions,
  type LabelledImages,
  type Records,
  type Split,
  standardise,
  subset,
  type SubsetCounts,
} from "./src/data/dataset.ts";
export { type SplitOptions, splitRecords } from "./src/data/split.ts";
export { createSynthetic, type SyntheticOptions } from "./src/data/synthetic.ts";

// The GPU, and data on it.
export { type AdapterSummary, type Completion, Gpu } from "./src/gpu/device.ts";
export { DeviceDataSet, type DeviceImages } from "./src/gpu/device_data.ts";

// Training, and the ways to run a step.
export type { Initialisation } from "./src/model/initialisation.ts";
export type { Evaluation, MetricRow } from "./src/model/metrics.ts";
export type { Architecture } from "./src/model/network.ts";
export { VARIANTS } from "./src/programs/variants.ts";
export type { AdvanceOptions, NetworkSettings } from "./src/train/population.ts";
export type { StoppingState } from "./src/train/early_stopping.ts";
export type { TrainingOrigin } from "./src/train/origin.ts";
export type { FoundRows } from "./src/train/rows.ts";
export type { NetworkVectors } from "./src/train/snapshots.ts";
export { decodeState, encodeState, type TrainingState } from "./src/train/state.ts";
export { Training } from "./src/train/training.ts";
export type {
  RunOptions,
  StopAfter,
  StopMetric,
  TrainingNetwork,
  TrainingOptions,
  TrainingSettings,
} from "./src/train/training_options.ts";

// Trained networks, as files and in use.
export {
  decodeNetwork,
  encodeNetwork,
  networkFromTensors,
  networkTensors,
  type TrainedNetwork,
} from "./src/model/checkpoint.ts";
export type { RecordValues } from "./src/model/record_values.ts";
export type { RecordKind } from "./src/model/trained_network.ts";
export {
  Classifier,
  type ClassifierOptions,
  type ClassifyOptions,
} from "./src/train/classifier.ts";
export {
  type DecodeOptions,
  decodeSafetensors,
  encodeSafetensors,
  type Safetensors,
  type Tensor,
} from "./src/model/safetensors.ts";
