/**
 * The kernels on trial: some steps on the GPU beside the float64 reference, which is set to the GPU's state before each.
 *
 * The kernels are run as a training runs them, so what is checked is what trains.
 *
 * @module
 */

import { type Split, standardise } from "../data/dataset.ts";
import type { DeviceDataSet } from "../gpu/device_data.ts";
import type { Gpu } from "../gpu/device.ts";
import type { ShaderTexts } from "../gpu/kernels.ts";
import { maximum } from "../lists.ts";
import { type Architecture, initialise, isCancelledBias, layout } from "../model/network.ts";
import { type NetworkSettings, Population, type PopulationState } from "./population.ts";
import { Random } from "../model/random.ts";
import type { Evaluation } from "../model/metrics.ts";
import { evaluate, gradients, updateStatistics } from "../model/reference.ts";
import { eta as etaOf } from "../model/schedule.ts";

/** What to run. */
export interface GpuCheckOptions {
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[];
  /** Whether hidden layers have batch norm. */
  readonly batchNorm: boolean;
  /** L2 weight and learning rates of each network. */
  readonly networks: readonly NetworkSettings[];
  /** Images in a batch. */
  readonly batch: number;
  /** Steps to compare. */
  readonly steps: number;
  /**
   * What batches and initial weights come from.
   *
   * @default {1}
   */
  readonly seed?: number;
  /** Where the networks start; at their initial weights, having seen no batch, unless given. */
  readonly start?: Required<PopulationState>;
  /**
   * Whether to compare evaluations of the validation images, too.
   *
   * @default {true}
   */
  readonly evaluation?: boolean;
  /**
   * The order of the training images that batches are taken from; drawn from the seed unless given.
   */
  readonly order?: Uint32Array;
  /** The kernel variant; the one that should suit the adapter unless given. */
  readonly variant?: string;
  /** Other shader texts than the project's own, which is how tests plant mistakes. */
  readonly shaders?: ShaderTexts;
}

/** How far a quantity on the GPU is from the reference, at worst over networks and steps. */
export interface GpuCheckRow {
  /** The parameter or statistic, or `loss`, `cost`, `accuracy`. */
  readonly name: string;
  /**
   * What is compared:
   * - `gradient`: ‖gpu − reference‖ / ‖reference‖, λ's part included;
   * - `cancelled`: ‖db‖ / ‖dβ‖ of a bias in front of batch norm, whose gradient is 0 in exact arithmetic;
   * - `change`: of a parameter or moving average in a step, ‖gpu − reference‖ / ‖reference‖;
   * - `loss`: of the batch, |gpu − reference| / reference;
   * - `evaluation`: of the validation images with moving averages, the same; of the accuracy the difference.
   */
  readonly kind: "gradient" | "cancelled" | "change" | "loss" | "evaluation";
  /** The largest error; NaN where anything was. */
  readonly error: number;
  /** What it may be at most. */
  readonly bar: number;
}

/** float32 gradients of up to three layers come to 3.4e-6, of nine to 1.5e-5 (NumPy, float32 against float64). */
const GRADIENT_BAR = { shallow: 1e-5, deep: 5e-5 };

/** Affine maps that still count as shallow. */
const SHALLOW = 3;

/** Rounding leaves a cancelled gradient this much of its neighbour's norm. */
const CANCELLED_BAR = 1e-5;

/** The relative error of a loss. */
const LOSS_BAR = 1e-5;

/** The relative error of a change, whose gradient comes from float32 and whose result is stored in it. */
const CHANGE_BAR = 1e-4;

/** Images that the evaluation gets wrong or right otherwise: two logits may be equal but for rounding. */
const ACCURACY_BAR = 1e-3;

/**
 * Trains some steps on the GPU and compares each with the reference.
 *
 * @param gpu The device.
 * @param data The data, on the same device.
 * @param options What to run.
 * @returns The largest error of each quantity.
 * @throws {ArgumentError} If an option is not allowed, or the adapter cannot hold the networks.
 * @throws {GpuError} If the device refused an operation.
 * @throws {DeviceLostError} If the device went away.
 */
export async function checkOnGpu(
  gpu: Gpu,
  options: GpuCheckOptions & { data: DeviceDataSet },
): Promise<GpuCheckRow[]> {
  const { data, hidden, batchNorm, networks, batch, seed = 1, start, variant, shaders } = options;
  const { inputs, classes, training } = data.source;
  const architecture = { inputs, hidden, classes, batchNorm };
  const population = await Population.create(gpu, {
    architecture,
    networks,
    batch,
    data,
    variant,
    shaders,
  });
  try {
    population.write(
      start ?? {
        parameters: networks.map((_, i) => initialise(architecture, { seed, identity: i })),
      },
    );
    const order = options.order ?? new Random(seed, "batches", 0).permutation(training.count);
    population.setOrder(order);
    const perEpoch = Math.floor(training.count / batch);

    const errors = new Errors(architecture);
    let before: Required<PopulationState> = await population.readState();
    for (let number = 0; number < options.steps; number++) {
      const first = number % perEpoch * batch;
      const indices = order.subarray(first, first + batch);
      const fresh = !start && number === 0;
      const step = { number, first, indices, fresh, before, data, networks, errors };
      before = await compareStep(population, step);
    }
    if (options.evaluation ?? true) {
      await compareEvaluation(population, { split: "validation", data, networks, errors });
    }
    return errors.rows();
  } finally {
    population.destroy();
  }
}

/** The learning rate is at its highest in the steps that are compared. */
const RISE = 1;

/** Makes a step, and gives the state after it. */
async function compareStep(
  population: Population,
  step: {
    number: number;
    first: number;
    indices: Uint32Array;
    fresh: boolean;
    before: Required<PopulationState>;
    data: DeviceDataSet;
    networks: readonly NetworkSettings[];
    errors: Errors;
  },
): Promise<Required<PopulationState>> {
  const { number, first, indices, fresh, data, networks, errors } = step;
  const { architecture } = population;
  const { images, labels } = data.source.training;
  const batch = {
    x: standardise(images, data.source, indices),
    labels: Array.from(indices, (i) => labels[i]),
  };
  const { parameters: before, statistics: averagesBefore } = step.before;
  const [losses] = await population.advanceWithLosses([{ first, rise: RISE, number }]);
  const found = await population.readGradients();
  const state = await population.readState();
  const { parameters: after, statistics: averagesAfter } = state;

  for (const [i, { lambda, etaMin, etaMax }] of networks.entries()) {
    const expected = gradients({ architecture, parameters: before[i] }, batch, { lambda });
    const eta = etaOf(1, { etaMin, etaMax, halfCycle: 1 });
    // The GPU stores what it finds in float32, and a small change of a large number is mostly that rounding.
    const moved = before[i].map((value, k) => value - eta * expected.gradients[k]);
    const averages = Float64Array.from(averagesBefore[i]);
    updateStatistics(averages, expected.batchStatistics, fresh);
    errors.add("loss", "loss", Math.abs(losses[i] - expected.loss) / expected.loss);
    errors.addGradients(found[i], expected.gradients);
    errors.addChanges(
      { before: before[i], after: after[i], expected: moved },
      layout(architecture).parameters.filter((p) => !isCancelledBias(architecture, p)),
    );
    errors.addChanges(
      {
        before: averagesBefore[i],
        after: averagesAfter[i],
        expected: Float32Array.from(averages),
      },
      layout(architecture).statistics,
    );
  }
  return state;
}

async function compareEvaluation(
  population: Population,
  options: {
    split: Split;
    data: DeviceDataSet;
    networks: readonly NetworkSettings[];
    errors: Errors;
  },
): Promise<void> {
  const { split, data, networks, errors } = options;
  const { architecture } = population;
  const { images, labels } = data.source[split];
  const batch = { x: standardise(images, data.source), labels };
  const [found] = await population.evaluate([split]);
  const { parameters, statistics } = await population.readState();
  for (const [i, { lambda }] of networks.entries()) {
    const network = { architecture, parameters: parameters[i], statistics: statistics[i] };
    const expected: Evaluation = evaluate(network, batch, { lambda });
    for (const name of ["loss", "cost"] as const) {
      errors.add("evaluation", name, Math.abs(found[i][name] - expected[name]) / expected[name]);
    }
    errors.add("evaluation", "accuracy", Math.abs(found[i].accuracy - expected.accuracy));
  }
}

/** The largest error of each quantity. */
class Errors {
  readonly #architecture: Architecture;
  readonly #gradientBar: number;
  readonly #rows = new Map<string, GpuCheckRow>();

  constructor(architecture: Architecture) {
    this.#architecture = architecture;
    const shallow = architecture.hidden.length < SHALLOW;
    this.#gradientBar = shallow ? GRADIENT_BAR.shallow : GRADIENT_BAR.deep;
  }

  add(kind: GpuCheckRow["kind"], name: string, error: number): void {
    const key = `${kind} ${name}`;
    const worst = this.#rows.get(key)?.error ?? 0;
    // Math.max keeps NaN.
    this.#rows.set(key, { name, kind, error: Math.max(worst, error), bar: this.#bar(kind, name) });
  }

  addGradients(found: Float32Array, expected: Float64Array): void {
    const { parameters } = layout(this.#architecture);
    for (const parameter of parameters) {
      const { name, layer, offset, size } = parameter;
      const a = found.subarray(offset, offset + size);
      const b = expected.subarray(offset, offset + size);
      if (!isCancelledBias(this.#architecture, parameter)) {
        this.add("gradient", name, distance(a, b) / norm(b));
        continue;
      }
      const beta = parameters.find((p) => p.kind === "beta" && p.layer === layer)!;
      const dBeta = expected.subarray(beta.offset, beta.offset + beta.size);
      this.add("cancelled", name, norm(a) / norm(dBeta));
    }
  }

  addChanges(
    vectors: { before: Float32Array; after: Float32Array; expected: Float32Array },
    tensors: readonly { name: string; offset: number; size: number }[],
  ): void {
    for (const { name, offset, size } of tensors) {
      const [before, after, expected] = [vectors.before, vectors.after, vectors.expected]
        .map((vector) => Float64Array.from(vector.subarray(offset, offset + size)));
      this.add("change", name, distance(after, expected) / distance(expected, before));
    }
  }

  rows(): GpuCheckRow[] {
    return [...this.#rows.values()];
  }

  #bar(kind: GpuCheckRow["kind"], name: string): number {
    if (kind === "gradient") return this.#gradientBar;
    if (kind === "cancelled") return CANCELLED_BAR;
    if (kind === "change") return CHANGE_BAR;
    return name === "accuracy" ? ACCURACY_BAR : LOSS_BAR;
  }
}

/**
 * Tells whether an error is within its bar; NaN never is.
 *
 * @param row The error and the bar.
 * @returns Whether it passes.
 */
export function passes(row: Pick<GpuCheckRow, "error" | "bar">): boolean {
  return row.error <= row.bar;
}

/**
 * Finds the quantity that comes nearest to its bar, or goes farthest beyond it.
 *
 * @param rows The quantities, at least one.
 * @returns The worst, of equal ones the first; NaN is worse than any number.
 */
export function worstOf(rows: readonly GpuCheckRow[]): GpuCheckRow {
  const shares = rows.map(({ error, bar }) => error / bar);
  const worst = maximum(shares);
  return rows[shares.findIndex((share) => Object.is(share, worst))];
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
