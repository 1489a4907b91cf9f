/**
 * The time of a step of one population, measured as its users meet it.
 *
 * @module
 */
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { type TimedWork, timeUnit, unitsFor } from "../../src/measure/timing.ts";
import type { Plan } from "../_kit/capacity.ts";
import { Runner } from "./measure.ts";

/** How long it takes to warm up, and to measure, in milliseconds. */
export interface TimerPace {
  readonly warmUp: number;
  readonly measurement: number;
}

/**
 * By the GPU's own clock a tenth of a second is right to 1 %; where waits count, they make 200 ms longer or shorter by 1 % at
 * most. A software driver shares the processor with all else that goes on.
 */
export const TIMER_PACE = {
  stamped: { warmUp: 50, measurement: 100 },
  unstamped: { warmUp: 50, measurement: 200 },
  software: { warmUp: 250, measurement: 1000 },
} as const satisfies Readonly<Record<string, TimerPace>>;

/** How many steps warm up any population, and the fewest of a measurement. */
const WARM_UP_STEPS = 1000;
const FEWEST_STEPS = 5;

/** What is trained while the time is taken. */
export interface StepTimerOptions extends Plan {
  /** Seed of the batch order. */
  readonly seed: number;
  /** Ends the measuring between two submits. */
  readonly signal: AbortSignal;
}

/** Takes the time of the steps of a population of its own. */
export class StepTimer {
  readonly #runner: Runner;
  readonly #pace: TimerPace;

  private constructor(runner: Runner, pace: TimerPace) {
    this.#runner = runner;
    this.#pace = pace;
  }

  /**
   * Makes the population. Its networks are alike.
   *
   * @param gpu The device.
   * @param data The data set on it.
   * @param options What to train.
   * @returns The timer.
   * @throws {ArgumentError} When a batch is larger than the data, the variant cannot run the networks, or the adapter
   * cannot hold them.
   * @throws {GpuError} When the device refused an operation.
   * @throws {DeviceLostError} When the device went away.
   */
  static async create(
    gpu: Gpu,
    data: DeviceDataSet,
    options: StepTimerOptions,
  ): Promise<StepTimer> {
    const { seed, signal, ...plan } = options;
    const runner = await Runner.create(gpu, data, { plan, seed, signal, alike: true });
    const clock = runner.steps.stamped ? "stamped" : "unstamped";
    return new StepTimer(runner, TIMER_PACE[gpu.adapter.software ? "software" : clock]);
  }

  /**
   * Trains until the size of submits, which follows the time that the first ones took, has settled.
   *
   * @param options `max`: the most steps of the measurements to come, which need no warmth beyond their own; `steps`: how
   * many they have, where that is known from a population of the same kind.
   * @returns How many steps a measurement should have.
   */
  async warmUp(options: { readonly max: number; readonly steps?: number }): Promise<number> {
    return await warmUp(this.#runner.steps, { ...options, pace: this.#pace });
  }

  /**
   * Trains for some steps.
   *
   * @param steps How many.
   * @returns Milliseconds per step of all networks together, gathering the batch included.
   * @throws {GpuError} When the device refused an operation.
   * @throws {DeviceLostError} When the device went away.
   */
  async time(steps: number): Promise<number> {
    return await timeUnit(this.#runner.steps, steps);
  }

  /** Frees the population. */
  destroy(): void {
    this.#runner.destroy();
  }
}

/**
 * Makes steps until they take their usual time.
 *
 * @param work The steps, of which one was made before.
 * @param options As {@linkcode StepTimer.warmUp} has them, and how long to take.
 * @returns How many steps a measurement should have.
 */
export async function warmUp(
  work: TimedWork,
  options: { readonly max: number; readonly steps?: number; readonly pace: TimerPace },
): Promise<number> {
  const { max, steps, pace: { warmUp: milliseconds, measurement } } = options;
  const enough = Math.min(max, WARM_UP_STEPS);
  if (steps !== undefined) {
    await work.time(Math.min(enough, Math.ceil(steps * milliseconds / measurement)));
    return steps;
  }
  const { each } = await unitsFor(work, { min: 1, max: enough, milliseconds });
  return Math.min(Math.max(Math.round(measurement / each), FEWEST_STEPS), max);
}
