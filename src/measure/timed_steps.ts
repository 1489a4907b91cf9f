/**
 * The training steps of a population as work that can be timed.
 *
 * @module
 */

import type { DeviceDataSet } from "../gpu/device_data.ts";
import type { Gpu } from "../gpu/device.ts";
import { type Architecture, layout } from "../model/network.ts";
import type { PopulationShape } from "../model/shape.ts";
import { Population, type StepPlan } from "../train/population.ts";
import { Random } from "../model/random.ts";
import { hasTimestamps } from "../gpu/timestamps.ts";
import { type TimedWork, timedWork } from "./timing.ts";

/** A population to be timed: its networks are all alike, and their learning rate is 0. */
export interface TimedPopulationOptions extends PopulationShape {
  /** The kernel variant; the one that should suit the adapter unless given. */
  readonly variant?: string;
  /** The parameters of every network, [layout.count]; {@linkcode timingParameters} unless given. */
  readonly parameters?: Float32Array;
}

/**
 * Makes a population whose steps are timed and whose results are not used, with the images in file order.
 *
 * @param gpu The device.
 * @param data The data set on it.
 * @param options What it is made of.
 * @returns The population.
 * @throws {ArgumentError} If the adapter cannot hold the networks.
 */
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
 * Plans steps through the images, again and again.
 *
 * @param population The population.
 * @param steps How many, and the number of the first; `rise` tells by its number how far the learning rate has risen at a
 * step, 0 unless given.
 * @returns The steps, in order.
 */
export function planSteps(
  { images, batch }: Pick<Population, "images" | "batch">,
  steps: { first: number; count: number; rise?: (number: number) => number },
): StepPlan[] {
  const { first, count, rise = () => 0 } = steps;
  const perEpoch = Math.floor(images / batch);
  return Array.from({ length: count }, (_, i): StepPlan => {
    const number = first + i;
    return { first: number % perEpoch * batch, rise: rise(number), number };
  });
}

/** How the steps are made. */
export interface TimedStepsOptions {
  /** How far the learning rate has risen at a step, by its number; 0 unless given. */
  readonly rise?: (number: number) => number;
  /** Ends the work between two submits. */
  readonly signal?: AbortSignal;
}

/**
 * Gives the steps of a population as work whose unit is a step of all its networks, gathering the batch included. Each
 * measurement goes on where the one before ended, through the images again and again.
 *
 * @param gpu The device.
 * @param population The population; its parameters and the order of its images are set.
 * @param options How the steps are made.
 * @returns The work.
 */
export function timedSteps(
  gpu: Gpu,
  population: Population,
  options: TimedStepsOptions = {},
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

/** How many weights are drawn: a prime, so that no two rows of a matrix are alike. */
const DRAWN = 4093;

/**
 * Makes parameters to time a network with: of the size of He initialisation, but a few draws repeated, since drawing
 * millions takes longer than measuring.
 *
 * @param architecture The network's architecture.
 * @returns The flat vector, [layout.count].
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
