/** How long to warm up and how many steps to time. */
import type { Gpu } from "../../src/gpu/device.ts";
import { type TimedWork, unitsFor } from "../../src/measure/timing.ts";

/** Milliseconds to warm up, and to measure. */
interface TimerPace {
  readonly warmUp: number;
  readonly measurement: number;
}

/**
 * With the GPU's own clock, a tenth of a second is accurate to 1 %; where waits count, they change 200 ms by at most 1 %.
 * A software driver shares the processor with everything else.
 */
export const TIMER_PACE = {
  stamped: { warmUp: 50, measurement: 100 },
  unstamped: { warmUp: 50, measurement: 200 },
  software: { warmUp: 250, measurement: 1000 },
} as const satisfies Readonly<Record<string, TimerPace>>;

/** Enough steps to warm up any population, and the minimum of a measurement. */
const WARM_UP_STEPS = 1000;
const MIN_STEPS = 5;

/** How long to warm up and to measure a work, by the clock that times it. */
export function paceOf({ adapter }: Gpu, { stamped }: TimedWork): TimerPace {
  return TIMER_PACE[adapter.software ? "software" : stamped ? "stamped" : "unstamped"];
}

/**
 * Trains until the size of submits, which follows the time of the first ones, has settled; returns how many steps a
 * measurement should have. `max` is the maximum of those, and `steps` their number where it is known from a population of
 * the same kind. One step was made before.
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
  return Math.min(Math.max(Math.round(measurement / each), MIN_STEPS), max);
}
