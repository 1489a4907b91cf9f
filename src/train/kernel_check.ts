/**
 * Checks the kernels against the float64 reference: some steps on the GPU, run exactly as in training, each compared with
 * a step of the reference from the same state.
 *
 * @module
 */

import { standardise } from "../data/dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import type { DeviceDataSet } from "../gpu/device_data.ts";
import { maximum } from "../lists.ts";
import { initialise } from "../model/initialisation.ts";
import { isCancelledBias, layout } from "../model/network.ts";
import { Random } from "../model/random.ts";
import { evaluate, gradients, updateStatistics } from "../model/reference/network.ts";
import { architectureOf, type PopulationPlan } from "../model/shape.ts";
import { planSteps, type StepPlan } from "../programs/steps.ts";
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
  /** The state to start from; initial weights, before the first batch, unless given. */
  readonly start?: Required<PopulationState>;
  /** Whether to compare evaluations of the validation images, too; true unless given. */
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
   * - `cancelled`: ‖db‖ / ‖dβ‖ of a bias in front of batch norm, whose gradient is 0 in exact arithmetic;
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

/** What rounding leaves of a cancelled gradient, relative to the norm of dβ. */
const CANCELLED_BAR = 1e-5;

/** The relative error of a loss. */
const LOSS_BAR = 1e-5;

/** The relative error of a change, which is computed from a float32 gradient and stored in float32. */
const CHANGE_BAR = 1e-4;

/** The share of images classified differently: two logits may be equal but for rounding. */
const ACCURACY_BAR = 1e-3;

/** All compared steps have the learning rate etaMax. */
const RISE = 1;

/**
 * Trains some steps on the GPU, compares each with the reference, and returns the largest error of each quantity.
 *
 * @throws {ArgumentError} If an option is not allowed, or the adapter cannot hold the networks.
 */
export async function checkKernels(
  gpu: Gpu,
  options: KernelCheckOptions,
): Promise<KernelCheckRow[]> {
  const { data, networks, batch, seed = 1, start, variant } = options;
  const { training } = data.source;
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
    const steps = planSteps(population, { first: 0, count: options.steps, rise: () => RISE });
    const check = new KernelCheck(population, data, networks);
    let before: Required<PopulationState> = await population.readState();
    for (const plan of steps) {
      const indices = order.subarray(plan.first, plan.first + batch);
      const firstBatch = !start && plan.number === 0;
      before = await check.step(before, plan, { indices, firstBatch });
    }
    if (options.evaluation ?? true) await check.evaluation();
    return check.rows();
  } finally {
    population.destroy();
  }
}

/** The comparison of a population with the reference; it keeps the largest error of each quantity. */
class KernelCheck {
  readonly #population: Population;
  readonly #data: DeviceDataSet;
  readonly #networks: readonly NetworkSettings[];
  readonly #rows = new Map<string, KernelCheckRow>();

  constructor(population: Population, data: DeviceDataSet, networks: readonly NetworkSettings[]) {
    this.#population = population;
    this.#data = data;
    this.#networks = networks;
  }

  rows(): KernelCheckRow[] {
    return [...this.#rows.values()];
  }

  /** Makes a step from the state `before`, compares it with the reference, and returns the state after it. */
  async step(
    before: Required<PopulationState>,
    plan: StepPlan,
    { indices, firstBatch }: { indices: Uint32Array; firstBatch: boolean },
  ): Promise<Required<PopulationState>> {
    const { architecture } = this.#population;
    const { images, labels } = this.#data.source.training;
    const batch = {
      x: standardise(images, this.#data.source, indices),
      labels: Array.from(indices, (i) => labels[i]),
    };
    const [losses] = await this.#population.advanceWithLosses([plan]);
    const gpuGradients = await this.#population.readGradients();
    const after = await this.#population.readState();

    const { parameters: tensors, statistics } = layout(architecture);
    const learnt = tensors.filter((tensor) => !isCancelledBias(architecture, tensor));
    for (const [i, { lambda, etaMax }] of this.#networks.entries()) {
      const parameters = before.parameters[i];
      const expected = gradients({ architecture, parameters }, batch, { lambda });
      const averages = Float64Array.from(before.statistics[i]);
      updateStatistics(averages, expected.batchStatistics, firstBatch);
      this.#add("loss", "loss", Math.abs(losses[i] - expected.loss) / expected.loss);
      this.#addGradients(gpuGradients[i], expected.gradients);
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
    return after;
  }

  async evaluation(): Promise<void> {
    const { architecture } = this.#population;
    const { images, labels } = this.#data.source.validation;
    const batch = { x: standardise(images, this.#data.source), labels };
    const [found] = await this.#population.evaluate(["validation"]);
    const { parameters, statistics } = await this.#population.readState();
    for (const [i, { lambda }] of this.#networks.entries()) {
      const network = { architecture, parameters: parameters[i], statistics: statistics[i] };
      const expected = evaluate(network, batch, { lambda });
      for (const name of ["loss", "cost"] as const) {
        this.#add("evaluation", name, Math.abs(found[i][name] - expected[name]) / expected[name]);
      }
      this.#add("evaluation", "accuracy", Math.abs(found[i].accuracy - expected.accuracy));
    }
  }

  #add(kind: KernelCheckRow["kind"], name: string, error: number): void {
    const key = `${kind} ${name}`;
    const worst = this.#rows.get(key)?.error ?? 0;
    // Math.max keeps NaN.
    this.#rows.set(key, { name, kind, error: Math.max(worst, error), bar: this.#bar(kind, name) });
  }

  #addGradients(found: Float32Array, expected: Float64Array): void {
    const { architecture } = this.#population;
    const { parameters } = layout(architecture);
    for (const parameter of parameters) {
      const { name, layer, offset, size } = parameter;
      const a = found.subarray(offset, offset + size);
      const b = expected.subarray(offset, offset + size);
      if (!isCancelledBias(architecture, parameter)) {
        this.#add("gradient", name, distance(a, b) / norm(b));
        continue;
      }
      const beta = parameters.find((p) => p.kind === "beta" && p.layer === layer)!;
      const dBeta = expected.subarray(beta.offset, beta.offset + beta.size);
      this.#add("cancelled", name, norm(a) / norm(dBeta));
    }
  }

  #addChanges(
    tensors: readonly { name: string; offset: number; size: number }[],
    vectors: { before: Float32Array; after: Float32Array; expected: Float32Array },
  ): void {
    for (const { name, offset, size } of tensors) {
      const [before, after, expected] = [vectors.before, vectors.after, vectors.expected]
        .map((vector) => vector.subarray(offset, offset + size));
      this.#add("change", name, distance(after, expected) / distance(expected, before));
    }
  }

  #bar(kind: KernelCheckRow["kind"], name: string): number {
    const { hidden } = this.#population.architecture;
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
