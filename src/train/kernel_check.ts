/**
 * Checks the kernels against the float64 reference: some steps on the GPU, run exactly as in training, each compared with
 * a step of the reference from the same state.
 *
 * @module
 */

import { type DataSet, type LabelledImages, standardise } from "../data/dataset.ts";
import { pick } from "../data/records.ts";
import type { Gpu } from "../gpu/device.ts";
import type { DeviceDataSet } from "../gpu/device_data.ts";
import { maximum } from "../lists.ts";
import { initialise } from "../model/initialisation.ts";
import type { Evaluation } from "../model/metrics.ts";
import {
  type Architecture,
  BATCH_NORM_EPSILON,
  isCancelledBias,
  layout,
} from "../model/network.ts";
import { Random } from "../model/random.ts";
import {
  type Batch,
  evaluate,
  type Gradients,
  gradients,
  updateStatistics,
} from "../model/reference/network.ts";
import { architectureOf, type PopulationPlan } from "../model/shape.ts";
import { planSteps } from "../programs/steps.ts";
import { type NetworkSettings, Population, type PopulationState } from "./population.ts";

/** What to run. */
export interface KernelCheckOptions extends Omit<PopulationPlan, "networks"> {
  /** The data, on the device. */
  readonly data: DeviceDataSet;
  /** L2 weight and learning rates of each network. */
  readonly networks: readonly NetworkSettings[];
  /** Steps to compare. */
  readonly steps: number;
  /** The seed of batches and initial weights; 1 unless given. */
  readonly seed?: number;
  /** The state to start from, before the first batch if it has no statistics; He's initial weights unless given. */
  readonly start?: Omit<PopulationState, "diverged">;
  /** Whether to compare evaluations of the validation images, too, if there are any; true unless given. */
  readonly evaluation?: boolean;
  /** The order of the training images that batches are taken from; drawn from the seed unless given. */
  readonly order?: Uint32Array;
  /** The kernel variant; the default one of the adapter unless given. */
  readonly variant?: string;
}

/** The largest error of a quantity over all networks and steps. */
export interface KernelCheckRow {
  /** The parameter or statistic, or `loss`, `cost`, `accuracy`. */
  readonly name: string;
  /**
   * What is compared:
   * - `gradient`: ‖gpu − reference‖ / ‖reference‖, L2 included;
   * - `cancelled`: ‖db‖ / ‖γ dβ / √(σ² + ε)‖ of a bias in front of batch norm, whose gradient is 0 in exact arithmetic;
   * - `change`: of a parameter or moving average in a step, ‖gpu − reference‖ / ‖reference‖;
   * - `loss`: of the batch, |gpu − reference| / reference;
   * - `evaluation`: of the validation images with moving averages, the same; for the accuracy, the difference.
   */
  readonly kind: "gradient" | "cancelled" | "change" | "loss" | "evaluation";
  /** The largest error; NaN if any was NaN. */
  readonly error: number;
  /** The largest error allowed. */
  readonly bar: number;
}

/** float32 gradients of up to three layers are off by up to 3.4e-6, of nine by up to 1.5e-5 (NumPy, against float64). */
const GRADIENT_BAR = { shallow: 1e-5, deep: 5e-5 };

/** Affine layers up to which a network counts as shallow. */
const SHALLOW = 3;

/** What rounding leaves of a cancelled gradient, relative to the terms that cancel. */
const CANCELLED_BAR = 1e-5;

/** The relative error of a loss. */
const LOSS_BAR = 1e-5;

/** The relative error of a change, which is computed from a float32 gradient and stored in float32. */
const CHANGE_BAR = 1e-4;

/** The share of images classified differently: two logits may be equal but for rounding. */
const ACCURACY_BAR = 1e-3;

/** All compared steps have the learning rate etaMax. */
const RISE = 1;

/** Some images with their labels: [n, inputs] and [n]. */
type SomeImages = Pick<LabelledImages, "images" | "labels">;

/** A step on the GPU, and what it started from. */
interface StepRecord extends SomeImages {
  /** Whether the moving averages are set by this batch. */
  readonly firstBatch: boolean;
  readonly before: Required<PopulationState>;
  readonly after: Required<PopulationState>;
  /** In training mode, before the update, [networks]. */
  readonly losses: readonly number[];
  readonly gradients: readonly Float32Array[];
}

/** An evaluation on the GPU. */
interface EvaluationRecord extends SomeImages {
  readonly state: Required<PopulationState>;
  readonly found: readonly Evaluation[]; // [networks]
}

/** What the GPU computed, with all that the reference needs to compute the same: plain data, for any thread. */
export interface KernelRecord {
  readonly architecture: Architecture;
  readonly networks: readonly NetworkSettings[];
  /** How images are standardised. */
  readonly statistics: Pick<DataSet, "inputs" | "mean" | "std">;
  readonly steps: readonly StepRecord[];
  readonly evaluation?: EvaluationRecord;
}

/**
 * Trains some steps on the GPU, compares each with the reference, and returns the largest error of each quantity.
 *
 * @throws {ArgumentError} If an option is not allowed, or the adapter cannot hold the networks.
 */
export async function checkKernels(
  gpu: Gpu,
  options: KernelCheckOptions,
): Promise<KernelCheckRow[]> {
  return compareKernels(await recordKernels(gpu, options));
}

/**
 * Trains some steps on the GPU and records them.
 *
 * @throws {ArgumentError} If an option is not allowed, or the adapter cannot hold the networks.
 */
export async function recordKernels(
  gpu: Gpu,
  options: KernelCheckOptions,
): Promise<KernelRecord> {
  const { data, networks, batch, seed = 1, start, variant } = options;
  const { training, validation, inputs, mean, std } = data.source;
  const architecture = architectureOf(options, data.source);
  const settings = { architecture, networks, batch, data, variant };
  const population = await Population.create(gpu, settings);
  try {
    population.write(
      start ?? {
        parameters: networks.map((_, i) => initialise(architecture, { seed, identity: i })),
      },
    );
    const order = options.order ?? new Random(seed, "batches", 0).permutation(training.count);
    population.setOrder(order);
    const plans = planSteps(population, { first: 0, count: options.steps, rise: () => RISE });
    // Read while the next step runs, and awaited together: each wait takes 11 ms in Deno.
    const states = [later(population.readState())];
    const gradients: Promise<Float32Array[]>[] = [];
    const losses: number[][] = [];
    for (const plan of plans) {
      losses.push(...await population.advanceWithLosses([plan]));
      gradients.push(later(population.readGradients()));
      states.push(later(population.readState()));
    }
    const evaluates = (options.evaluation ?? true) && validation.count > 0;
    const [found] = evaluates ? await population.evaluate(["validation"]) : [];
    const read = await Promise.all(states);
    const steps: StepRecord[] = [];
    for (const [i, plan] of plans.entries()) {
      steps.push({
        ...pick(data.source.training, inputs, order.subarray(plan.first, plan.first + batch)),
        firstBatch: !start?.statistics && plan.number === 0,
        before: read[i],
        after: read[i + 1],
        losses: losses[i],
        gradients: await gradients[i],
      });
    }
    const { images, labels } = validation;
    // Copies, not views of all images: another thread is sent the whole buffer of a view.
    const evaluation = found &&
      { images: images.slice(), labels: labels.slice(), state: read[plans.length], found };
    return { architecture, networks, statistics: { inputs, mean, std }, steps, evaluation };
  } finally {
    population.destroy();
  }
}

/** A promise that is awaited later, if at all: after another failure nobody awaits it. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Compares what the GPU computed with the reference, and returns the largest error of each quantity. */
export function compareKernels(record: KernelRecord): KernelCheckRow[] {
  const comparison = new Comparison(record);
  for (const step of record.steps) comparison.step(step);
  if (record.evaluation) comparison.evaluation(record.evaluation);
  return comparison.rows();
}

/** The comparison of a record with the reference; it keeps the largest error of each quantity. */
class Comparison {
  readonly #record: KernelRecord;
  readonly #rows = new Map<string, KernelCheckRow>();

  constructor(record: KernelRecord) {
    this.#record = record;
  }

  rows(): KernelCheckRow[] {
    return [...this.#rows.values()];
  }

  /** Makes the step again from the state before it. */
  step(step: StepRecord): void {
    const { architecture, networks } = this.#record;
    const { before, after, losses, firstBatch } = step;
    const batch = this.#batch(step);
    const { parameters: tensors, statistics } = layout(architecture);
    const learnt = tensors.filter((tensor) => !isCancelledBias(architecture, tensor));
    for (const [i, { lambda, etaMax }] of networks.entries()) {
      const parameters = before.parameters[i];
      const expected = gradients({ architecture, parameters }, batch, { lambda });
      const averages = Float64Array.from(before.statistics[i]);
      updateStatistics(averages, expected.batchStatistics, firstBatch);
      this.#add("loss", "loss", relative(Math.abs(losses[i] - expected.loss), expected.loss));
      this.#addGradients(step.gradients[i], expected, parameters);
      // Rounded to float32 as on the GPU: the error of a small change of a large number is mostly that rounding.
      this.#addChanges(learnt, {
        before: parameters,
        after: after.parameters[i],
        expected: parameters.map((value, k) => value - etaMax * expected.gradients[k]),
      });
      this.#addChanges(statistics, {
        before: before.statistics[i],
        after: after.statistics[i],
        expected: Float32Array.from(averages),
      });
    }
  }

  /** Evaluates the same state again. */
  evaluation(evaluation: EvaluationRecord): void {
    const { architecture, networks } = this.#record;
    const { parameters, statistics } = evaluation.state;
    const batch = this.#batch(evaluation);
    for (const [i, { lambda }] of networks.entries()) {
      const network = { architecture, parameters: parameters[i], statistics: statistics[i] };
      const expected = evaluate(network, batch, { lambda });
      const found = evaluation.found[i];
      for (const name of ["loss", "cost"] as const) {
        this.#add(
          "evaluation",
          name,
          relative(Math.abs(found[name] - expected[name]), expected[name]),
        );
      }
      this.#add("evaluation", "accuracy", Math.abs(found.accuracy - expected.accuracy));
    }
  }

  #batch({ images, labels }: SomeImages): Batch {
    return { x: standardise(images, this.#record.statistics), labels };
  }

  #add(kind: KernelCheckRow["kind"], name: string, error: number): void {
    const key = `${kind} ${name}`;
    const worst = this.#rows.get(key)?.error ?? 0;
    // Math.max keeps NaN.
    this.#rows.set(key, { name, kind, error: Math.max(worst, error), bar: this.#bar(kind, name) });
  }

  #addGradients(
    found: Float32Array,
    { gradients, batchStatistics }: Gradients,
    values: Float32Array,
  ): void {
    const { architecture } = this.#record;
    const { parameters, statistics } = layout(architecture);
    for (const parameter of parameters) {
      const { name, layer, offset, size } = parameter;
      const a = found.subarray(offset, offset + size);
      if (!isCancelledBias(architecture, parameter)) {
        const b = gradients.subarray(offset, offset + size);
        this.#add("gradient", name, relative(distance(a, b), norm(b)));
        continue;
      }
      const beta = parameters.find((p) => p.kind === "beta" && p.layer === layer)!.offset;
      const gamma = parameters.find((p) => p.kind === "gamma" && p.layer === layer)!.offset;
      const variance = statistics.find((s) => s.kind === "variance" && s.layer === layer)!.offset;
      // The bias adds up dS, and batch norm divides dS by the deviation: the smaller it is, the larger what rounding leaves.
      const terms = Float64Array.from(
        { length: size },
        (_, j) =>
          values[gamma + j] * gradients[beta + j] /
          Math.sqrt(batchStatistics[variance + j] + BATCH_NORM_EPSILON),
      );
      this.#add("cancelled", name, relative(norm(a), norm(terms)));
    }
  }

  #addChanges(
    tensors: readonly { name: string; offset: number; size: number }[],
    vectors: { before: Float32Array; after: Float32Array; expected: Float32Array },
  ): void {
    for (const { name, offset, size } of tensors) {
      const [before, after, expected] = [vectors.before, vectors.after, vectors.expected]
        .map((vector) => vector.subarray(offset, offset + size));
      this.#add("change", name, relative(distance(after, expected), distance(expected, before)));
    }
  }

  #bar(kind: KernelCheckRow["kind"], name: string): number {
    const { hidden } = this.#record.architecture;
    if (kind === "gradient") return GRADIENT_BAR[hidden.length < SHALLOW ? "shallow" : "deep"];
    if (kind === "cancelled") return CANCELLED_BAR;
    if (kind === "change") return CHANGE_BAR;
    return name === "accuracy" ? ACCURACY_BAR : LOSS_BAR;
  }
}

/** Whether an error is within its bar; NaN never is. */
export function passes(row: Pick<KernelCheckRow, "error" | "bar">): boolean {
  return row.error <= row.bar;
}

/** The quantity whose error is largest relative to its bar, the first of equal ones; NaN is larger than any number. */
export function worstOf(rows: readonly KernelCheckRow[]): KernelCheckRow {
  const shares = rows.map(({ error, bar }) => error / bar);
  const worst = maximum(shares);
  return rows[shares.findIndex((share) => Object.is(share, worst))];
}

/** An error relative to a size; 0 if both are 0, as for a bias whose ReLU is closed for every image: 0 / 0 is NaN. */
function relative(error: number, size: number): number {
  return error === 0 && size === 0 ? 0 : error / size;
}

function norm(vector: Float32Array | Float64Array): number {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}

function distance(a: Float32Array | Float64Array, b: Float32Array | Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum);
}
