/**
 * The training steps of a population as work that can be timed.
 *
 * @module
 */

import type { Gpu } from "./gpu.ts";
import { type Architecture, layout } from "./network.ts";
import type { Population, StepPlan } from "./population.ts";
import { Random } from "./random.ts";
import { hasStamps } from "./stamps.ts";
import { type TimedWork, timedWork } from "./timing.ts";

/** How the steps are made. */
export interface TimedStepsOptions {
  /** How far the learning rate has risen at a step, by its number; 0 unless given. */
  readonly rise?: (number: number) => number;
  /** Ends the work between two submits. */
  readonly signal?: AbortSignal;
}

/**
 * Gives the steps of a population as work whose unit is a step of all its networks, gathering the batch included. Each
 * time goes on where the one before ended, through the images again and again.
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
  const { rise = () => 0, signal } = options;
  const { images, batch } = population;
  const perEpoch = Math.floor(images / batch);
  let made = 0;
  return timedWork(async (units) => {
    const plans = Array.from({ length: units }, (_, i): StepPlan => {
      const number = made + i;
      return { first: number % perEpoch * batch, rise: rise(number), number };
    });
    made += units;
    const { milliseconds, stamped } = await population.time(plans, signal);
    return stamped ? milliseconds : undefined;
  }, { stamped: hasStamps(gpu) });
}

/** Weights that are drawn; a prime, so that no two rows of a matrix are alike. */
const DRAWN = 4093;

/**
 * Makes parameters that a network can be timed with: of the size that He initialisation gives, but drawn once and repeated,
 * since drawing millions takes longer than measuring.
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
