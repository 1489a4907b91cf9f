/**
 * Where the time of a training step goes.
 *
 * @module
 */

import type { Gpu } from "../gpu/device.ts";
import type { DeviceDataSet } from "../gpu/device_data.ts";
import { checkTimestamps } from "../gpu/timestamps.ts";
import type { PopulationShape } from "../model/shape.ts";
import { planSteps } from "../programs/steps.ts";
import type { Population } from "../train/population.ts";
import { spreadOf } from "./spread.ts";
import { timedPopulation, timedSteps } from "./timed_steps.ts";
import { timeUnit, unitsFor } from "./timing.ts";

/** One kernel of a step. */
export interface ProfileRow {
  /** The name of its entry point; {@linkcode BETWEEN} for the time between kernels. */
  readonly kernel: string;
  /** Its layer, counted from 1; null between kernels. */
  readonly layer: number | null;
  /** Milliseconds for all networks together: the median over several steps. */
  readonly ms: number;
  /** The shortest of them; null between kernels. */
  readonly msMin: number | null;
  /** The longest of them; null between kernels. */
  readonly msMax: number | null;
  /** Share of the sum of all rows. */
  readonly share: number;
}

/** What is profiled. */
export interface ProfileOptions extends PopulationShape {
  /** The kernel variant; the default one of the adapter unless given. */
  readonly variant?: string;
  /**
   * Steps that each kernel is measured in.
   *
   * @default {20}
   */
  readonly steps?: number;
  /**
   * The shortest time of a measurement of whole steps, in milliseconds; there are five.
   *
   * @default {250}
   */
  readonly minMilliseconds?: number;
  /** Ends the measuring between two submits, by throwing the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Milliseconds of a measurement of whole steps: many submits, and the gaps between them. */
const MIN_MILLISECONDS = 250;

/** Measurements of whole steps, of which the shortest counts: a disturbance makes one longer. */
const REPEAT = 5;

/** Steps in the first measurement, which also warms up. */
const MIN_STEPS = 8;

/** The name of the row for the time of a step that its kernels do not account for. */
export const BETWEEN = "between kernels";

/**
 * Measures the kernels of a training step one by one, on networks of their own, so that no training is affected.
 *
 * @param gpu The device.
 * @param data The data set on it.
 * @param options What is profiled.
 * @returns A row for each kernel in the order of a step, and a last one for the time between them: how much longer a step
 * takes than its kernels one by one, or 0 where measuring them costs more than that. Shares add up to 1.
 * @throws {ArgumentError} If there is no such variant for the networks, or the adapter cannot hold them.
 * @throws {GpuUnavailableError} If the adapter has no timestamps.
 * @throws {GpuError} If the device refused an operation.
 * @throws {DeviceLostError} If the device went away.
 *
 * @example The kernels of a small network, measured for a moment
 * ```ts
 * import { createDataSet, DeviceDataSet, Gpu } from "@headless/mlp";
 * import { BETWEEN, profileStep } from "@headless/mlp/measure";
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 *
 * const points = { images: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), labels: [0, 0, 1, 1] };
 * const source = await createDataSet(points, undefined, { name: "points", classNames: ["a", "b"] });
 * using gpu = await Gpu.request();
 * using data = new DeviceDataSet(gpu, source);
 * const architecture = { inputs: 2, hidden: [4], classes: 2, batchNorm: false };
 * const options = { architecture, networks: 1, batch: 4, steps: 2, minMilliseconds: 1 };
 * const rows = await profileStep(gpu, data, options);
 *
 * assertEquals(rows.at(-1)?.kernel, BETWEEN);
 * assertAlmostEquals(rows.reduce((sum, { share }) => sum + share, 0), 1, 1e-12);
 * ```
 */
export async function profileStep(
  gpu: Gpu,
  data: DeviceDataSet,
  options: ProfileOptions,
): Promise<ProfileRow[]> {
  const { steps = 20, minMilliseconds, signal } = options;
  checkTimestamps(gpu); // Before anything is compiled in vain.
  const population = await timedPopulation(gpu, data, options);
  try {
    const whole = await timeOfStep(gpu, population, { minMilliseconds, signal });
    // One more, which does not count: the last step has no successor, so kernels that span two steps do less in it.
    const plans = planSteps(population, { first: 0, count: steps + 1 });
    const times = await population.profile(plans, signal);
    const kernels = times.map(({ name, layer, milliseconds }) => {
      const { median, min, max } = spreadOf(milliseconds.slice(0, steps));
      return { kernel: name, layer: layer + 1, ms: median, msMin: min, msMax: max };
    });
    const within = kernels.reduce((sum, { ms }) => sum + ms, 0);
    const rest = Math.max(0, whole - within);
    const none = { layer: null, msMin: null, msMax: null };
    return [...kernels, { kernel: BETWEEN, ...none, ms: rest }]
      .map((row) => ({ ...row, share: row.ms / (within + rest) }));
  } finally {
    population.destroy();
  }
}

/** Milliseconds of a whole step, measured as in a training: submit after submit. */
async function timeOfStep(
  gpu: Gpu,
  population: Population,
  { minMilliseconds = MIN_MILLISECONDS, signal }: {
    minMilliseconds?: number;
    signal?: AbortSignal;
  },
): Promise<number> {
  const work = timedSteps(gpu, population, { signal });
  await work.time(MIN_STEPS); // Compiles, and finds the size of submits.
  const { units } = await unitsFor(work, { min: MIN_STEPS, milliseconds: minMilliseconds });
  const times: number[] = [];
  while (times.length < REPEAT) times.push(await timeUnit(work, units));
  return spreadOf(times).min;
}
