/**
 * A gradient check: the reference against numerical gradients, and the GPU against the reference.
 *
 * @module
 */

import {
  cutInputs,
  type DataSet,
  standardise,
  subset,
  type SubsetCounts,
} from "../data/dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import { DeviceDataSet } from "../gpu/device_data.ts";
import { initialise } from "../model/initialisation.ts";
import type { Architecture } from "../model/network.ts";
import type { PUBLISHED_GRADIENT_ERRORS } from "../model/published.ts";
import type { Batch, Network } from "../model/reference/network.ts";
import { checkGradients, type GradientError } from "../model/reference/numerical_gradients.ts";
import { architectureOf } from "../model/shape.ts";
import {
  compareKernels,
  type KernelCheckOptions,
  type KernelCheckRow,
  type KernelRecord,
  passes,
  recordKernels,
  worstOf,
} from "./kernel_check.ts";

/** The errors of the gradients of one parameter, in three comparisons. */
export interface GradientCheckRow extends Omit<GradientError, "cancelled" | "norm"> {
  /** The published largest relative error; null where there is none. */
  readonly published: number | null;
  /** ‖gpu − reference‖ / ‖reference‖. */
  readonly gpuNorm: number;
}

/** A comparison of the GPU with the reference at one setting. */
export interface GradientTrial extends Pick<Architecture, "inputs" | "hidden" | "batchNorm"> {
  /** Images in a batch. */
  readonly batch: number;
  /** The quantity whose error is largest relative to its bar. */
  readonly worst: {
    readonly name: string;
    readonly kind: string;
    readonly error: number;
    readonly bar: number;
  };
  /** A sentence on each quantity beyond its bar. */
  readonly failures: readonly string[];
}

/** A setting, and what to check it with. */
export interface GradientCheckOptions extends Omit<GradientTrial, "worst" | "failures"> {
  readonly seed: number;
  readonly variant: string;
}

/** Errors by parameter, as of the published report. */
export type ErrorsByParameter = typeof PUBLISHED_GRADIENT_ERRORS;

/** Enough for some batches, and for an evaluation whose last part is incomplete. */
export const GRADIENT_CHECK_COUNTS: Required<SubsetCounts> = {
  training: 1000,
  validation: 150,
  test: 100,
};

/** Steps that a trial compares. */
export const COMPARED_STEPS = 2;

/** The networks of a trial, which differ in everything but their batches. */
export const TRIAL_NETWORKS = [
  { lambda: 0.5, etaMin: 1e-5, etaMax: 0.1 },
  { lambda: 0, etaMin: 0, etaMax: 0.05 },
  { lambda: 0.005, etaMin: 1e-3, etaMax: 0.1 },
] as const;

/** Bounds of ‖a − n‖ / ‖a‖ of the reference, and of the share of entries left out at kinks of ReLUs. */
const NORM_BAR = 1e-7;
const LEFT_OUT_BAR = 0.05;

/** What the GPU computed in the setting asked for, and what is to be differentiated: plain data, for any thread. */
export interface SettingRecord {
  readonly onGpu: KernelRecord;
  readonly network: Network;
  readonly batch: Batch;
  readonly lambda: number;
  /** Bounds of the five-point differences. */
  readonly bars: ErrorsByParameter;
  /** Printed beside them. */
  readonly published: ErrorsByParameter;
}

/** What the GPU computed in a trial: plain data, for any thread. */
export interface TrialRecord extends Omit<GradientTrial, "worst" | "failures"> {
  readonly onGpu: KernelRecord;
}

/** Makes a step of the first batch on the GPU, for {@linkcode checkSetting}. */
export async function recordSetting(
  gpu: Gpu,
  source: DataSet,
  options: GradientCheckOptions & Pick<SettingRecord, "lambda" | "bars" | "published">,
): Promise<SettingRecord> {
  const { hidden, batchNorm, batch, seed, variant, lambda, bars, published } = options;
  const dataset = firstInputs(source, options);
  const order = Uint32Array.from({ length: dataset.training.count }, (_, i) => i);
  const networks = [{ lambda, etaMin: 0, etaMax: 0.1 }];
  const setting = { hidden, batchNorm, networks, batch, steps: 1, seed, order, evaluation: false };
  const onGpu = await record(gpu, dataset, { ...setting, variant });
  const architecture = architectureOf(options, dataset);
  const parameters = initialise(architecture, { seed, identity: 0 });
  const { images, labels } = dataset.training;
  const x = standardise(images, dataset, order.subarray(0, batch));
  return {
    onGpu,
    network: { architecture, parameters },
    batch: { x, labels: labels.slice(0, batch) },
    lambda,
    bars,
    published,
  };
}

/**
 * Checks the gradients of the first batch in three ways: the reference against a five-point and a forward difference,
 * and the GPU against the reference. `failures` has a sentence on each error beyond its bar.
 */
export async function checkSetting(
  { onGpu, network, batch, lambda, bars, published }: SettingRecord,
  signal?: AbortSignal,
): Promise<{ rows: GradientCheckRow[]; failures: string[] }> {
  const kernels = compareKernels(onGpu);
  const differences = await checkGradients(network, batch, { lambda, signal });
  const rows = differences.map(({ parameter, fivePoint, forward, leftOut, entries }) => ({
    parameter,
    published: published[parameter] ?? null,
    fivePoint,
    forward,
    gpuNorm:
      kernels.find(({ name, kind }) =>
        name === parameter && (kind === "gradient" || kind === "cancelled")
      )!.error,
    leftOut,
    entries,
  }));
  const failures = [
    ...describeFailures(kernels),
    ...differences.flatMap((row) => exceededBounds(row, bars[row.parameter])),
  ];
  const leftOut = rows.reduce((sum, row) => sum + row.leftOut, 0);
  const entries = rows.reduce((sum, row) => sum + row.entries, 0);
  if (leftOut > LEFT_OUT_BAR * entries) {
    failures.push(`entries left out: ${leftOut} of ${entries}, at most ${LEFT_OUT_BAR * 100} %`);
  }
  return { rows, failures };
}

/** Makes {@linkcode COMPARED_STEPS} steps of {@linkcode TRIAL_NETWORKS} on the GPU, for {@linkcode checkTrial}. */
export async function recordTrial(
  gpu: Gpu,
  source: DataSet,
  options: GradientCheckOptions,
): Promise<TrialRecord> {
  const { hidden, batchNorm, batch, seed, variant } = options;
  const dataset = firstInputs(source, options);
  const setting = { hidden, batchNorm, networks: TRIAL_NETWORKS, batch, steps: COMPARED_STEPS };
  const onGpu = await record(gpu, dataset, { ...setting, seed, variant });
  return { hidden, batchNorm, inputs: dataset.inputs, batch, onGpu };
}

/** Compares the steps of a trial with the reference. */
export function checkTrial({ onGpu, ...trial }: TrialRecord): GradientTrial {
  const { hidden, batchNorm, inputs, batch } = trial;
  const rows = compareKernels(onGpu);
  const name = `${hidden.length + 1} layers, batch norm ${batchNorm ? "on" : "off"}, ` +
    `${inputs} inputs, batch ${batch}`;
  const failures = describeFailures(rows).map((failure) => `${failure} (${name})`);
  return { ...trial, worst: worstOf(rows), failures };
}

async function record(
  gpu: Gpu,
  dataset: DataSet,
  options: Omit<KernelCheckOptions, "data">,
): Promise<KernelRecord> {
  const data = new DeviceDataSet(gpu, dataset);
  try {
    return await recordKernels(gpu, { ...options, data });
  } finally {
    data.destroy();
  }
}

/** Some values of the first images, since the reference is slow. */
function firstInputs(dataset: DataSet, size: { inputs: number; batch: number }): DataSet {
  const { training, validation, test } = dataset;
  const max = GRADIENT_CHECK_COUNTS;
  const counts = {
    training: Math.min(Math.max(max.training, size.batch), training.count),
    validation: Math.min(max.validation, validation.count),
    test: Math.min(max.test, test.count),
  };
  const inputs = Math.min(size.inputs, dataset.inputs);
  return cutInputs(subset(dataset, counts), inputs, { from: firstInput(dataset, size) });
}

/**
 * Finds where the values begin that a check uses: at the first, but where most of those do not change in the first batch,
 * as in the black margin of MNIST's images, at the place from which most do. Of inputs that are all alike batch norm would
 * leave 0, where a ReLU has no derivative to check.
 */
export function firstInput(
  { training, inputs: all }: DataSet,
  size: { readonly inputs: number; readonly batch: number },
): number {
  const inputs = Math.min(size.inputs, all);
  const changing = Array.from({ length: all }, (_, j) => {
    for (let i = 1; i < Math.min(size.batch, training.count); i++) {
      if (training.images[i * all + j] !== training.images[j]) return 1;
    }
    return 0;
  });
  let sum = changing.slice(0, inputs).reduce<number>((total, one) => total + one, 0);
  if (2 * sum >= inputs) return 0;
  let [best, place] = [sum, 0];
  for (let from = 1; from + inputs <= all; from++) {
    sum += changing[from + inputs - 1] - changing[from - 1];
    if (sum > best) [best, place] = [sum, from];
  }
  return place;
}

/** The bounds that the five-point difference of a parameter exceeds. */
function exceededBounds(
  { parameter, fivePoint, norm }: GradientError,
  bar: number | undefined,
): string[] {
  const name = `five-point difference of ${parameter}`;
  return [
    ...bar !== undefined && !(fivePoint <= bar)
      ? [`${name}: ${show(fivePoint)}, at most ${bar}`]
      : [],
    ...norm !== null && !(norm <= NORM_BAR)
      ? [`${name} in norm: ${show(norm)}, at most ${NORM_BAR}`]
      : [],
  ];
}

function describeFailures(rows: readonly KernelCheckRow[]): string[] {
  return rows.filter((row) => !passes(row)).map(({ kind, name, error, bar }) =>
    `GPU ${kind} of ${name}: ${show(error)}, at most ${show(bar)}`
  );
}

function show(value: number): string {
  return value.toExponential(2);
}
