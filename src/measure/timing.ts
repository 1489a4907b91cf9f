/**
 * The time of a unit of work, measured without the delay of its completion callback.
 *
 * In Deno a program learns that submitted work is done some 11 ms late, and the delay varies, while a training step on a
 * fast GPU takes 30 to 500 µs. So work is timed by the GPU's own clock, or, without one, by the difference of two lengths
 * of work, both of which end with a wait.
 *
 * @module
 */

/** Work that consists of equal units, and the clock that times it. */
export interface TimedWork {
  /** Whether the GPU's own clock times it. Otherwise this program's does, and every time includes a wait. */
  readonly stamped: boolean;
  /** Minimum number of units that can be timed: 0 if the wait alone can be timed, otherwise 1. */
  readonly minUnits: 0 | 1;
  /** Does at least `minUnits` units, one after another, and returns the milliseconds they took. */
  time(units: number): Promise<number>;
}

/** Milliseconds by which two waits may differ: in Deno they take 10 to 12. */
export const WAIT_SPREAD = 2;

/** Milliseconds of work whose measured time two waits distort by at most 2 %. */
export const TELLING = WAIT_SPREAD / 0.02;

/** Maximum factor by which the number of units grows from one try to the next. */
const GROWTH = { stamped: 256, unstamped: 16 };

/** Work is planned to take this many times the time asked for, because it may run faster than before. */
const MARGIN = 1.2;

/** Maximum ratio of the speeds of two clocks. */
const CLOCKS = 1.05;

/** The time of a unit of work. */
interface UnitTime {
  /** Milliseconds. */
  readonly each: number;
  /** Whether it is known; otherwise it is an upper bound that may be mostly the wait. */
  readonly known: boolean;
}

/**
 * Measures the milliseconds of a unit, more than 0, by a number of units. Without the GPU's clock the time is the
 * difference of two lengths, which errs by at most {@linkcode WAIT_SPREAD} over all units. If the difference is not even
 * that long, the longer time counts, wait included: an upper bound.
 */
export async function timeUnit(work: TimedWork, units: number): Promise<number> {
  return (await measureUnit(work, units)).each;
}

/**
 * Finds a number of units from `min` to `max` that take at least some milliseconds, waits not counted, and the milliseconds
 * of one of them. The work should have run once before: drivers compile a kernel when it first runs.
 */
export async function unitsFor(
  work: TimedWork,
  options: { readonly min: number; readonly max?: number; readonly milliseconds: number },
): Promise<{ units: number; each: number }> {
  const { min, max = Infinity, milliseconds } = options;
  let units = min;
  for (;;) {
    const { each, known } = await measureUnit(work, units);
    const took = each * units;
    const enough = milliseconds === 0 || units >= max || known && took >= milliseconds;
    if (enough) return { units, each };
    // Assume the shortest time it can have taken, so that the next measurement is the last.
    const sure = known ? took - (work.stamped ? 0 : WAIT_SPREAD) : 0;
    const growth = work.stamped ? GROWTH.stamped : GROWTH.unstamped;
    const factor = Math.min(MARGIN * milliseconds / sure, growth);
    units = Math.min(Math.ceil(units * factor), max);
  }
}

async function measureUnit(work: TimedWork, units: number): Promise<UnitTime> {
  const extra = work.stamped ? 0 : work.minUnits;
  const long = await work.time(units + extra);
  if (work.stamped) return { each: long / units, known: true };
  // Not `units`: the work may have found out only now that the GPU's clock is wrong.
  const more = units + extra - work.minUnits;
  const difference = more > 0 ? long - await work.time(work.minUnits) : 0;
  if (difference > WAIT_SPREAD) return { each: difference / more, known: true };
  return { each: long / (units + extra), known: false };
}

/**
 * Makes work of `run`, which does some units and returns the milliseconds by the GPU's clock, or undefined without one.
 * The GPU's clock counts until it gives an impossible time: some drivers put the beginning of work after its end, and no
 * work takes longer than this program waits for it. From then on the program's clock, `now`, counts.
 */
export function timedWork(
  run: (units: number) => Promise<number | undefined>,
  options: { readonly stamped: boolean; readonly minUnits?: 0 | 1 },
  now: () => number = () => performance.now(),
): TimedWork {
  let { stamped } = options;
  return {
    minUnits: options.minUnits ?? 1,
    get stamped() {
      return stamped;
    },
    async time(units) {
      const began = now();
      const milliseconds = await run(units);
      const waited = now() - began;
      if (milliseconds !== undefined && milliseconds > 0 && milliseconds <= CLOCKS * waited) {
        if (stamped) return milliseconds;
      } else stamped = false;
      return waited;
    },
  };
}
