/**
 * The time of a step of one population, measured as its users meet it.
 *
 * @module
 */
import type { DeviceDataSet } from "../src/device_data.ts";
import type { Gpu } from "../src/gpu.ts";
import type { Plan } from "./_capacity.ts";
import { Runner } from "./_measure.ts";

/** How long a population warms up, in milliseconds, and how many steps are enough for any. */
const WARM_UP = 250;
const WARM_UP_STEPS = 1000;

/** What is trained while the time is taken. */
export interface StepTimerOptions extends Plan {
  /** Seed of initial weights and batch order. */
  readonly seed: number;
  /** Ends the measuring between two submits. */
  readonly signal: AbortSignal;
}

/** Takes the time of the steps of a population of its own. */
export class StepTimer {
  readonly #runner: Runner;
  readonly #signal: AbortSignal;

  private constructor(runner: Runner, signal: AbortSignal) {
    this.#runner = runner;
    this.#signal = signal;
  }

  /**
   * Makes the population.
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
    return new StepTimer(await Runner.create(gpu, data, { plan, seed }), signal);
  }

  /**
   * Trains until the kernels are compiled, which they are when they are first used, and the size of submits, which
   * follows the time that the first ones took, has settled.
   *
   * @param most The most steps of the measurements to come, which need no warmth beyond their own.
   * @returns About how many milliseconds a step takes.
   */
  async warmUp(most: number): Promise<number> {
    await this.time(1);
    for (let steps = 1;; steps *= 2) {
      const milliseconds = await this.time(steps);
      const enough = steps >= Math.min(most, WARM_UP_STEPS);
      if (enough || steps * milliseconds >= WARM_UP) return milliseconds;
    }
  }

  /**
   * Trains for some steps.
   *
   * @param steps How many.
   * @returns Milliseconds per step of all networks together, gathering the batch included, from submit to completion.
   * @throws {GpuError} When the device refused an operation.
   * @throws {DeviceLostError} When the device went away.
   */
  async time(steps: number): Promise<number> {
    return await this.#runner.train(steps, this.#signal) / steps;
  }

  /** Frees the population. */
  destroy(): void {
    this.#runner.destroy();
  }
}
