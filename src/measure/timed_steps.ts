/**
 * The training steps of a population as work that can be timed.
 *
 * @module
 */

import type { Gpu } from "../gpu/device.ts";
import type { DeviceDataSet } from "../gpu/device_data.ts";
import { hasTimestamps } from "../gpu/timestamps.ts";
import { type Architecture, layout } from "../model/network.ts";
import { Random } from "../model/random.ts";
import type { PopulationShape } from "../model/shape.ts";
import { planSteps } from "../programs/steps.ts";
import { Population } from "../train/population.ts";
import { type TimedWork, timedWork } from "./timing.ts";

/** A population to be timed, of identical networks with a learning rate of 0. */
export interface TimedPopulationOptions extends PopulationShape {
  /** The kernel variant; the default one of the adapter unless given. */
  readonly variant?: string;
  /** The parameters of every network, [layout.count]; {@linkcode timingParameters} unless given. */
  readonly parameters?: Float32Array;
}

/** Makes a population for timing only, with the images in file order. */
export async function timedPopulation(
  gpu: Gpu,
  data: DeviceDataSet,
  options: TimedPopulationOptions,
): Promise<Population> {
  const { architecture, networks, batch, variant, parameters } = options;
  const population = await Population.create(gpu, {
    architecture,
    networks: Array.from({ length: networks }, () => ({ lambda: 0, etaMin: 0, etaMax: 0 })),
    batch,
    data,
    variant,
  });
  const shared = parameters ?? timingParameters(architecture);
  population.write({ parameters: Array.from({ length: networks }, () => shared) });
  population.setOrder(Uint32Array.from({ length: population.images }, (_, i) => i));
  return population;
}

/**
 * Makes work whose unit is a training step of a population, gathering the batch included. Each measurement continues where
 * the previous one ended. `rise` takes the number of a step and is 0 unless given.
 */
export function timedSteps(
  gpu: Gpu,
  population: Population,
  options: { readonly rise?: (number: number) => number; readonly signal?: AbortSignal } = {},
): TimedWork {
  const { rise, signal } = options;
  let made = 0;
  return timedWork(async (units) => {
    const plans = planSteps(population, { first: made, count: units, rise });
    made += units;
    const { milliseconds, stamped } = await population.time(plans, signal);
    return stamped ? milliseconds : undefined;
  }, { stamped: hasTimestamps(gpu) });
}

/** Number of weights drawn: a prime, so that no two rows of a matrix are the same. */
const DRAWN = 4093;

/**
 * Makes the parameters, [layout.count], of a network to be timed: of the size of He initialisation, but from a few repeated
 * draws, because drawing millions takes longer than measuring.
 */
export function timingParameters(architecture: Architecture): Float32Array {
  const { parameters, count } = layout(architecture);
  const random = new Random(1, "timing");
  const normal = Float32Array.from({ length: DRAWN }, () => random.normal());
  const vector = new Float32Array(count);
  for (const { kind, shape, offset, size } of parameters) {
    if (kind === "weight") {
      const sigma = Math.sqrt(2 / shape[0]);
      const weights = normal.map((value) => sigma * value);
      for (let i = 0; i < size; i += DRAWN) {
        vector.set(weights.subarray(0, Math.min(DRAWN, size - i)), offset + i);
      }
    } else if (kind === "gamma") vector.fill(1, offset, offset + size);
  }
  return vector;
}
