/** The speed of training and evaluating populations, as users experience it. */
import { type DataSet, type Split, subset } from "../../src/data/dataset.ts";
import { Gpu } from "../../src/gpu/device.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { type Spread, spreadOf } from "../../src/measure/spread.ts";
import { timedSteps, timingParameters } from "../../src/measure/timed_steps.ts";
import {
  TELLING,
  type TimedWork,
  timedWork,
  timeUnit,
  unitsFor,
} from "../../src/measure/timing.ts";
import { initialise } from "../../src/model/initialisation.ts";
import { type Architecture, layout } from "../../src/model/network.ts";
import { Random } from "../../src/model/random.ts";
import { phase } from "../../src/model/schedule.ts";
import type { PendingEvaluation } from "../../src/train/evaluation.ts";
import type { Population } from "../../src/train/population.ts";
import { createPopulation, type Plan } from "../_kit/capacity.ts";

export interface MeasureOptions {
  readonly repeat: number;
  /**
   * Minimum milliseconds of a measurement without waits: steps are added until it takes that long, and evaluations
   * until the wait cannot distort their time. 0 for the steps of the load and one evaluation.
   */
  readonly min: number;
  readonly signal: AbortSignal;
  /** Called before each measurement with its round; 0 warms up. */
  readonly onMeasurement?: (round: number, plan: Plan) => void;
}

export interface Load {
  readonly plan: Plan;
  /** Steps in a measurement, unless more are needed for it to take long enough. */
  readonly steps: number;
  readonly splits: readonly Split[];
}

export interface Measurement {
  readonly steps: number;
  /** Milliseconds per step of all networks together, gathering the batch included, from submit to completion. */
  readonly step: Spread;
  /** Milliseconds per evaluation of all networks on 50,000 images, with the read-back but without the wait for it. */
  readonly evaluation: Spread;
}

/** The settings of every network that is measured, as in the report. */
const HALF_CYCLE = 2250;
const SETTINGS = { lambda: 0.005, etaMin: 1e-5, etaMax: 0.1 };

/** Images of a reported evaluation: CIFAR-10's training and validation images. */
const EVALUATION_IMAGES = 50_000;

/** Networks that stay on the device between measurements, so that several kinds can be measured in turn. */
export class Runner {
  /** Milliseconds from the creation of the networks, with compiling, to the end of their first step. */
  readonly compileTime: number;
  /** Their steps, with gathering the batch and a cyclic learning rate. */
  readonly steps: TimedWork;
  readonly #population: Population;
  readonly #data: DeviceDataSet;
  readonly #signal: AbortSignal;

  private constructor(
    gpu: Gpu,
    data: DeviceDataSet,
    { compileTime, population, signal }: {
      compileTime: number;
      population: Population;
      signal: AbortSignal;
    },
  ) {
    this.compileTime = compileTime;
    this.#population = population;
    this.#data = data;
    this.#signal = signal;
    const rise = (number: number) => phase(number, HALF_CYCLE);
    this.steps = timedSteps(gpu, population, { rise, signal });
  }

  /**
   * Creates the networks and makes their first step. With `alike` all start with the same weights, a few that are drawn
   * and repeated, which saves much time.
   *
   * @throws {ArgumentError} When the adapter cannot hold them; the message names the options.
   */
  static async create(
    gpu: Gpu,
    data: DeviceDataSet,
    options: { plan: Plan; seed: number; signal: AbortSignal; alike?: boolean },
  ): Promise<Runner> {
    const { plan, seed, signal, alike = false } = options;
    const began = performance.now();
    const population = await createPopulation(gpu, data, { ...plan, settings: SETTINGS });
    const taken = performance.now();
    const { architecture, networks } = population;
    let drawing = 0;
    try {
      // Drawing comes after the allocation, which may fail, and does not count as compiling.
      const shared = alike ? timingParameters(architecture) : undefined;
      const parameters = Array.from(
        { length: networks },
        (_, identity) => shared ?? initialise(architecture, { seed, identity }),
      );
      drawing = performance.now() - taken;
      population.write({ parameters });
      population.setOrder(new Random(seed, "batches", 0).permutation(population.images));
      await population.advance([{ first: 0, rise: 0, number: 0 }]);
      await population.done();
    } catch (error) {
      population.destroy();
      throw error;
    }
    const compileTime = performance.now() - began - drawing;
    return new Runner(gpu, data, { compileTime, population, signal });
  }

  /**
   * The evaluation of the networks as work to be timed. Several are started before any result is read, so that they
   * share one wait; zero units are the wait alone.
   */
  evaluations(splits: readonly Split[]): TimedWork {
    return timedWork(async (units) => {
      const pending: PendingEvaluation[] = [];
      for (let i = 0; i < units; i++) {
        pending.push(await this.#population.startEvaluation(splits, { signal: this.#signal }));
      }
      // The same read-back as that of results, of a few bytes.
      if (units === 0) await this.#population.readDiverged();
      else await Promise.all(pending.map((result) => result()));
      return undefined;
    }, { stamped: false, minUnits: 0 });
  }

  /** How many times as many images a reported evaluation has. */
  scale(splits: readonly Split[]): number {
    const images = splits.reduce((sum, split) => sum + this.#data.source[split].count, 0);
    return EVALUATION_IMAGES / images;
  }

  destroy(): void {
    this.#population.destroy();
  }
}

/**
 * Measures the time of steps and of evaluations. All loads are measured once before any is measured again, so that a
 * change in the speed of the machine affects all of them. A first round warms up: kernels are compiled when they are
 * first used, and the size of submits follows the time of the previous ones.
 *
 * @throws {ArgumentError} When the adapter cannot hold all networks together; the message names the options.
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
    // Before anything is measured, so that what the adapter cannot hold is refused at once.
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
      // On a software adapter an evaluation takes long compared with the wait.
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
 * Measures the compile time of a {@linkcode Runner} on a device of its own, where no kernel was compiled before. Drivers
 * cache compiled kernels on disk, so a machine shows the full time only once.
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
 * Counts the floating-point operations of a step of one network: 2 · batch · (2 · in₁ · out₁ + 3 · Σ in · out over the
 * other layers). An affine layer has an addition and a multiplication for each weight and image in the forward pass, for
 * the gradient of the weights and, except in the first layer, for the gradient of the inputs.
 */
export function operationsPerStep(architecture: Architecture, batch: number): number {
  const { widths } = layout(architecture);
  let products = 0;
  for (let i = 0; i < widths.length - 1; i++) {
    products += (i === 0 ? 2 : 3) * widths[i] * widths[i + 1];
  }
  return 2 * batch * products;
}
