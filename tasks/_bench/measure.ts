/**
 * The speed of training and evaluating populations, measured as their users meet it.
 *
 * @module
 */
import { type DataSet, type Split, subset } from "../../src/data/dataset.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { Gpu } from "../../src/gpu/device.ts";
import { initialise } from "../../src/model/initialisation.ts";
import { type Architecture, layout } from "../../src/model/network.ts";
import type { PendingEvaluation } from "../../src/train/evaluation.ts";
import type { Population } from "../../src/train/population.ts";
import { Random } from "../../src/model/random.ts";
import { phase } from "../../src/model/schedule.ts";
import { type Spread, spreadOf } from "../../src/measure/spread.ts";
import { timedSteps, timingParameters } from "../../src/measure/timed_steps.ts";
import {
  TELLING,
  type TimedWork,
  timedWork,
  timeUnit,
  unitsFor,
} from "../../src/measure/timing.ts";
import { type Plan, takePopulation } from "../_kit/capacity.ts";

/** How to measure. */
export interface MeasureOptions {
  /** How many measurements of each. */
  readonly repeat: number;
  /**
   * The fewest milliseconds of a measurement, waits not counted: steps are added until it takes as long, and evaluations
   * until the wait for them cannot falsify their time. 0 for as few steps as the load has, and one evaluation.
   */
  readonly min: number;
  /** Ends the measuring between two submits. */
  readonly signal: AbortSignal;
  /** Told before each measurement which round it belongs to; 0 warms up. */
  readonly onMeasurement?: (round: number, plan: Plan) => void;
}

/** What is measured, and how much of it. */
export interface Load {
  /** The networks. */
  readonly plan: Plan;
  /** Steps in a measurement, unless more are needed for it to take long enough. */
  readonly steps: number;
  /** What an evaluation goes through. */
  readonly splits: readonly Split[];
}

/** What was measured. */
export interface Measurement {
  /** Steps in a measurement. */
  readonly steps: number;
  /** Milliseconds per step of all networks together, gathering the batch included, from submit to completion. */
  readonly step: Spread;
  /** Milliseconds per evaluation of all networks on 50,000 images, read-back included but not the wait for it. */
  readonly evaluation: Spread;
}

/** The learning rate goes up and down as in the report. */
const HALF_CYCLE = 2250;
/** Of every network that is measured. */
const SETTINGS = { lambda: 0.005, etaMin: 1e-5, etaMax: 0.1 };

/** Images that a reported evaluation goes through: CIFAR-10's training and validation images. */
const EVALUATION_IMAGES = 50_000;

/** Networks that stay on the device between measurements, so that several kinds can be measured in turn. */
export class Runner {
  /** What they are. */
  readonly plan: Plan;
  /** Milliseconds from the making of the networks, compiling included, to the end of their first step. */
  readonly compileTime: number;
  /** Their steps, gathering the batch included; the learning rate goes up and down. */
  readonly steps: TimedWork;
  readonly #population: Population;
  readonly #data: DeviceDataSet;
  readonly #signal: AbortSignal;

  private constructor(
    gpu: Gpu,
    data: DeviceDataSet,
    { plan, compileTime, population, signal }: {
      plan: Plan;
      compileTime: number;
      population: Population;
      signal: AbortSignal;
    },
  ) {
    this.plan = plan;
    this.compileTime = compileTime;
    this.#population = population;
    this.#data = data;
    this.#signal = signal;
    const rise = (number: number) => phase(number, HALF_CYCLE);
    this.steps = timedSteps(gpu, population, { rise, signal });
  }

  /**
   * Makes the networks, and makes their first step.
   *
   * @param gpu The device.
   * @param data The data set on it.
   * @param options What to make, the seed of initial weights and batch order, and what ends the work between two submits;
   * with `alike` all networks begin with the same weights, a few that are drawn and repeated, which saves much time.
   * @returns The networks.
   * @throws {ArgumentError} When the adapter cannot hold them; the message names the options.
   * @throws {GpuError} When the device refused an operation.
   * @throws {DeviceLostError} When the device went away.
   */
  static async create(
    gpu: Gpu,
    data: DeviceDataSet,
    options: { plan: Plan; seed: number; signal: AbortSignal; alike?: boolean },
  ): Promise<Runner> {
    const { plan, seed, signal, alike = false } = options;
    const { hidden, batchNorm, networks } = plan;
    const { inputs, classes, training } = data.source;
    const architecture: Architecture = { inputs, hidden, classes, batchNorm };
    const began = performance.now();
    const population = await takePopulation(gpu, data, { ...plan, settings: SETTINGS });
    const taken = performance.now();
    let drawing = 0;
    try {
      // Not before: what the adapter cannot hold need not be drawn. It does not count, either.
      const shared = alike ? timingParameters(architecture) : undefined;
      const parameters = Array.from(
        { length: networks },
        (_, identity) => shared ?? initialise(architecture, { seed, identity }),
      );
      drawing = performance.now() - taken;
      population.write({ parameters });
      population.setOrder(new Random(seed, "batches", 0).permutation(training.count));
      await population.advance([{ first: 0, rise: 0, number: 0 }]);
      await population.done();
    } catch (error) {
      population.destroy();
      throw error;
    }
    const compileTime = performance.now() - began - drawing;
    return new Runner(gpu, data, { plan, compileTime, population, signal });
  }

  /**
   * Gives the evaluation of the networks as work that can be timed. Several are started one after another, before the
   * result of any is there, so that they share one wait; none at all is the wait alone.
   *
   * @param splits On what.
   * @returns The work; a unit is an evaluation.
   */
  evaluations(splits: readonly Split[]): TimedWork {
    return timedWork(async (units) => {
      const pending: PendingEvaluation[] = [];
      for (let i = 0; i < units; i++) {
        pending.push(await this.#population.startEvaluation(splits, this.#signal));
      }
      // Of none a few bytes are read as the results are.
      if (units === 0) await this.#population.readDiverged();
      else await Promise.all(pending.map((evaluation) => evaluation.result()));
      return undefined;
    }, { stamped: false, fewest: 0 });
  }

  /**
   * Tells what part of the evaluation that is reported some parts of the data set are.
   *
   * @param splits The parts.
   * @returns How many times as many images are evaluated for {@linkcode Measurement.evaluation}.
   */
  scale(splits: readonly Split[]): number {
    const images = splits.reduce((sum, split) => sum + this.#data.source[split].count, 0);
    return EVALUATION_IMAGES / images;
  }

  /** Frees their memory on the device. */
  destroy(): void {
    this.#population.destroy();
  }
}

/**
 * Measures the time of steps and of evaluations. All kinds are measured once before any is measured again, so that a
 * machine that gets slower or faster meanwhile does so for all of them. A first round warms up: kernels are compiled
 * when they are first used, and the size of submits follows the time that the ones before took.
 *
 * @param gpu The device.
 * @param data The data set on it.
 * @param options What to train, the seed of initial weights and batch order, and how to measure.
 * @returns Medians and spreads, in the order of the loads.
 * @throws {ArgumentError} When the adapter cannot hold all networks together; the message names the options.
 * @throws {GpuError} When the device refused an operation.
 * @throws {DeviceLostError} When the device went away.
 */
export async function measure(
  gpu: Gpu,
  data: DeviceDataSet,
  options: MeasureOptions & {
    loads: readonly Load[];
    seed: number;
  },
): Promise<Measurement[]> {
  const { loads, seed, repeat, min, signal, onMeasurement } = options;
  const runners: Runner[] = [];
  try {
    // All of them before anything is measured: what the adapter cannot hold is known at once.
    for (const { plan } of loads) {
      runners.push(await Runner.create(gpu, data, { plan, seed, signal }));
    }
    const works = loads.map(({ splits }, i) => ({
      steps: runners[i].steps,
      evaluations: runners[i].evaluations(splits),
      scale: runners[i].scale(splits),
    }));
    const units: { steps: number; evaluations: number }[] = [];
    for (const [i, { plan, steps }] of loads.entries()) {
      onMeasurement?.(0, plan);
      const warm = await unitsFor(works[i].steps, { min: steps, milliseconds: min });
      await works[i].evaluations.time(1); // Compiles.
      // On a software adapter one takes long beside the wait, and another would cost much time.
      const milliseconds = gpu.adapter.software ? 0 : Math.min(min, TELLING);
      const evaluations = milliseconds === 0
        ? 1
        : (await unitsFor(works[i].evaluations, { min: 1, milliseconds })).units;
      units.push({ steps: warm.units, evaluations });
    }
    const times = loads.map(() => ({ step: [] as number[], evaluation: [] as number[] }));
    for (let round = 1; round <= repeat; round++) {
      for (const [i, { plan }] of loads.entries()) {
        onMeasurement?.(round, plan);
        const { steps, evaluations, scale } = works[i];
        times[i].step.push(await timeUnit(steps, units[i].steps));
        times[i].evaluation.push(scale * await timeUnit(evaluations, units[i].evaluations));
      }
    }
    return times.map(({ step, evaluation }, i) => ({
      steps: units[i].steps,
      step: spreadOf(step),
      evaluation: spreadOf(evaluation),
    }));
  } finally {
    for (const runner of runners) runner.destroy();
  }
}

/**
 * Measures how long it takes until networks train, on a device of its own: on any other, kernels may have been compiled
 * before. Drivers keep on disk what they compiled, so that a machine shows all of it once.
 *
 * @param dataset The data set.
 * @param options What to train, the seed of initial weights and batch order, and what ends the work.
 * @returns Milliseconds from the making of the networks, compiling included, to the end of their first step.
 * @throws {GpuError} When the device refused an operation.
 * @throws {DeviceLostError} When the device went away.
 */
export async function measureCompiling(
  dataset: DataSet,
  options: { plan: Plan; seed: number; signal: AbortSignal },
): Promise<number> {
  const gpu = await Gpu.request();
  let data: DeviceDataSet | undefined;
  try {
    // One batch is enough for one step.
    data = new DeviceDataSet(gpu, subset(dataset, { training: options.plan.batch }));
    await data.part("training");
    await gpu.done();
    const runner = await Runner.create(gpu, data, options);
    runner.destroy();
    return runner.compileTime;
  } finally {
    data?.destroy();
    gpu.destroy();
  }
}

/**
 * Counts the floating-point operations of a step of one network: the affine maps, an addition and a multiplication for
 * each weight and image, forward, for the weights' gradient, and but in the first layer for the inputs' gradient.
 *
 * @param architecture The network.
 * @param batch Images in a batch.
 * @returns 2 · batch · (2 · in₁ · out₁ + 3 · Σ in · out over the other layers).
 */
export function operationsPerStep(architecture: Architecture, batch: number): number {
  const { widths } = layout(architecture);
  let products = 0;
  for (let i = 0; i < widths.length - 1; i++) {
    products += (i === 0 ? 2 : 3) * widths[i] * widths[i + 1];
  }
  return 2 * batch * products;
}
