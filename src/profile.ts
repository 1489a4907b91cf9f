/**
 * Where the time of a training step goes.
 *
 * @module
 */

import type { DeviceDataSet } from "./device_data.ts";
import type { Gpu } from "./gpu.ts";
import { type Architecture, initialise } from "./network.ts";
import { Population, type StepPlan } from "./population.ts";
import type { ProfileRow } from "./profile_records.ts";
import { spreadOf } from "./spread.ts";

/** What is profiled. */
export interface ProfileOptions {
  /** Their architecture. */
  readonly architecture: Architecture;
  /** Networks that train together. */
  readonly networks: number;
  /** Images in a batch. */
  readonly batch: number;
  /** The kernel variant; the one that should suit the adapter unless given. */
  readonly variant?: string;
  /** Steps that each kernel is measured in; 20 unless given. */
  readonly steps?: number;
}

/** Steps whose time is that of a whole step, in one go. */
const WHOLE = 50;

/** What is left of a step's time when that of its kernels is taken away. */
export const BETWEEN = "between kernels";

/**
 * Measures the kernels of a training step one by one, on networks of their own, so that no training is changed by it.
 *
 * @param gpu The device.
 * @param data The data set on it.
 * @param options What is profiled.
 * @returns A row for each kernel in the order of a step, and a last one for the time between them. Shares are of a whole
 * step that is not measured kernel by kernel; they add up to more than 1 where stamping the time costs more than the gaps.
 * @throws {ArgumentError} If the adapter cannot hold the networks.
 * @throws {GpuUnavailableError} If the adapter has no time stamps.
 * @throws {GpuError} If the device refused an operation.
 * @throws {DeviceLostError} If the device went away.
 */
export async function profileStep(
  gpu: Gpu,
  data: DeviceDataSet,
  options: ProfileOptions,
): Promise<ProfileRow[]> {
  const { architecture, networks, batch, variant, steps = 20 } = options;
  const population = await Population.create(gpu, {
    architecture,
    networks: Array.from({ length: networks }, () => ({ lambda: 0, etaMin: 0, etaMax: 0 })),
    batch,
    data,
    variant,
  });
  try {
    const parameters = initialise(architecture, { seed: 1, identity: "profile" });
    population.write({ parameters: Array.from({ length: networks }, () => parameters) });
    population.setOrder(Uint32Array.from({ length: population.images }, (_, i) => i));
    const perEpoch = Math.floor(population.images / batch);
    const plans = Array.from({ length: Math.max(steps, WHOLE) }, (_, number): StepPlan => {
      return { first: number % perEpoch * batch, rise: 0, number };
    });
    await population.advance(plans); // Compiles, and finds the size of submits.
    await population.done();
    const began = performance.now();
    await population.advance(plans);
    await population.done();
    const whole = (performance.now() - began) / plans.length;
    const times = await population.profile(plans.slice(0, steps));
    const rows = times.map(({ name, layer, milliseconds }): ProfileRow => {
      const { median, least, most } = spreadOf(milliseconds);
      return {
        kernel: name,
        layer: layer + 1,
        ms: median,
        ms_least: least,
        ms_most: most,
        share: median / whole,
      };
    });
    const rest = Math.max(0, whole - rows.reduce((sum, { ms }) => sum + ms, 0));
    const none = { layer: null, ms_least: null, ms_most: null };
    return [...rows, { kernel: BETWEEN, ...none, ms: rest, share: rest / whole }];
  } finally {
    population.destroy();
  }
}
