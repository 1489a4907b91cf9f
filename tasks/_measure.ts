/**
 * The speed of training and evaluating populations, measured as their users meet it.
 *
 * @module
 */
import { type DataSet, subset } from "../src/dataset.ts";
import { DeviceDataSet, type Split } from "../src/device_data.ts";
import { Gpu } from "../src/gpu.ts";
import { type Architecture, initialise, layout } from "../src/network.ts";
import type { Population, StepPlan } from "../src/population.ts";
import { Random } from "../src/random.ts";
import { phase } from "../src/schedule.ts";
import { type Spread, spreadOf } from "../src/spread.ts";
import { type Plan, takePopulation } from "./_capacity.ts";

/** How to measure. */
export interface MeasureOptions {
  /** How many measurements of each. */
  readonly repeat: number;
  /**
   * The least milliseconds of a measurement: steps are added until it takes as long. Waiting for its end is not more
   * exact than 10.
   */
  readonly least: number;
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
  /** Milliseconds per evaluation of all networks on 50,000 images, read-back included. */
  readonly evaluation: Spread;
}

/** The learning rate goes up and down as in the report. */
const HALF_CYCLE = 2250;
/** Of every network that is measured. */
const SETTINGS = { lambda: 0.005, etaMin: 1e-5, etaMax: 0.1 };

/** Images that a reported evaluation goes through: CIFAR-10's training and validation images. */
const EVALUATION_IMAGES = 50_000;

/** A measurement that took too short a time is made at most so many times as long: its time is known but roughly. */
const GROWTH = 8;

/** Networks that stay on the device between measurements, so that several kinds can be measured in turn. */
export class Runner {
  /** What they are. */
  readonly plan: Plan;
  /** Milliseconds from the making of the networks, compiling included, to the end of their first step. */
  readonly compileTime: number;
  readonly #population: Population;
  readonly #data: DeviceDataSet;
  #number = 1;

  private constructor(
    { plan, compileTime, population, data }: {
      plan: Plan;
      compileTime: number;
      population: Population;
      data: DeviceDataSet;
    },
  ) {
    this.plan = plan;
    this.compileTime = compileTime;
    this.#population = population;
    this.#data = data;
  }

  /**
   * Makes the networks, and makes their first step.
   *
   * @param gpu The device.
   * @param data The data set on it.
   * @param options What to make, and the seed of initial weights and batch order.
   * @returns The networks.
   * @throws {ArgumentError} When the adapter cannot hold them; the message names the options.
   * @throws {GpuError} When the device refused an operation.
   * @throws {DeviceLostError} When the device went away.
   */
  static async create(
    gpu: Gpu,
    data: DeviceDataSet,
    options: { plan: Plan; seed: number },
  ): Promise<Runner> {
    const { plan, seed } = options;
    const { hidden, batchNorm, networks } = plan;
    const { inputs, classes, training } = data.source;
    const architecture: Architecture = { inputs, hidden, classes, batchNorm };
    const began = performance.now();
    const population = await takePopulation(gpu, data, { ...plan, settings: SETTINGS });
    const taken = performance.now();
    let drawing = 0;
    try {
      // Not before: what the adapter cannot hold need not be drawn. It does not count, either.
      const parameters = Array.from(
        { length: networks },
        (_, identity) => initialise(architecture, { seed, identity }),
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
    return new Runner({ plan, compileTime, population, data });
  }

  /**
   * Makes steps, and takes their time.
   *
   * @param steps How many.
   * @param signal Ends the work between two submits.
   * @returns Milliseconds for all of them, from submit to completion.
   * @throws {GpuError} When the device refused an operation.
   * @throws {DeviceLostError} When the device went away.
   */
  async train(steps: number, signal: AbortSignal): Promise<number> {
    const { batch } = this.plan;
    const perEpoch = Math.floor(this.#data.source.training.count / batch);
    const first = this.#number;
    this.#number += steps;
    const plans = Array.from({ length: steps }, (_, i): StepPlan => {
      const number = first + i;
      return { first: number % perEpoch * batch, rise: phase(number, HALF_CYCLE), number };
    });
    await this.#population.done();
    const began = performance.now();
    await this.#population.advance(plans, { signal });
    await this.#population.done();
    return performance.now() - began;
  }

  /**
   * Evaluates the networks, and takes the time.
   *
   * @param splits On what.
   * @param signal Ends the work between two submits.
   * @returns Milliseconds per 50,000 images.
   * @throws {GpuError} When the device refused an operation.
   * @throws {DeviceLostError} When the device went away.
   */
  async evaluate(splits: readonly Split[], signal: AbortSignal): Promise<number> {
    const began = performance.now();
    await this.#population.evaluate(splits, signal);
    const took = performance.now() - began;
    const images = splits.reduce((sum, split) => sum + this.#data.source[split].count, 0);
    return took / images * EVALUATION_IMAGES;
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
  const { loads, seed, repeat, least, signal, onMeasurement } = options;
  const runners: Runner[] = [];
  try {
    // All of them before anything is measured: what the adapter cannot hold is known at once.
    for (const { plan } of loads) runners.push(await Runner.create(gpu, data, { plan, seed }));

    const steps: number[] = [];
    for (const [i, load] of loads.entries()) {
      onMeasurement?.(0, load.plan);
      steps.push(await warmUp(runners[i], load.steps, { least, signal }));
      await runners[i].evaluate(load.splits, signal);
    }
    const times = loads.map(() => ({ step: [] as number[], evaluation: [] as number[] }));
    for (let round = 1; round <= repeat; round++) {
      for (const [i, { plan, splits }] of loads.entries()) {
        onMeasurement?.(round, plan);
        times[i].step.push(await runners[i].train(steps[i], signal) / steps[i]);
        times[i].evaluation.push(await runners[i].evaluate(splits, signal));
      }
    }
    return times.map(({ step, evaluation }, i) => ({
      steps: steps[i],
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
 * @param options What to train, and the seed of initial weights and batch order.
 * @returns Milliseconds from the making of the networks, compiling included, to the end of their first step.
 * @throws {GpuError} When the device refused an operation.
 * @throws {DeviceLostError} When the device went away.
 */
export async function measureCompiling(
  dataset: DataSet,
  options: { plan: Plan; seed: number },
): Promise<number> {
  const gpu = await Gpu.request();
  let data: DeviceDataSet | undefined;
  try {
    // One batch is enough for one step.
    data = new DeviceDataSet(gpu, subset(dataset, { training: options.plan.batch }));
    data.part("training");
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
 * Finds how many steps take long enough to be timed.
 *
 * @param runner The networks.
 * @param steps The least number.
 * @param options The least milliseconds, and what ends the work.
 * @returns The number.
 */
export async function warmUp(
  runner: Runner,
  steps: number,
  options: Pick<MeasureOptions, "least" | "signal">,
): Promise<number> {
  const { least, signal } = options;
  let enough = steps;
  let took = await runner.train(enough, signal);
  while (took < least) {
    enough = Math.ceil(enough * Math.min(1.2 * least / took, GROWTH));
    took = await runner.train(enough, signal);
  }
  return enough;
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
