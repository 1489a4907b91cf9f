/**
 * The time of a unit of work, measured without the wait for hearing of its end.
 *
 * In Deno a program hears of the end of submitted work some 11 ms late, and not always equally late, while a training step
 * on a fast GPU takes 30 to 500 µs. So work is timed by the GPU's own clock, or where there is none by the difference of
 * two lengths of work, both of which end with a wait.
 *
 * @module
 */

/** Work that consists of equal units, and the clock that times it. */
export interface TimedWork {
  /** Whether the GPU's own clock times it. Otherwise this program does, and every time includes a wait. */
  readonly stamped: boolean;
  /** The fewest units that can be timed: 0 if a time can consist of the wait alone, otherwise 1. */
  readonly minUnits: 0 | 1;
  /**
   * Does some units, one after another.
   *
   * @param units How many, at least {@linkcode TimedWork.minUnits}.
   * @returns Milliseconds.
   */
  time(units: number): Promise<number>;
}

/** Milliseconds by which two waits may differ: in Deno they take 10 to 12. */
export const WAIT_SPREAD = 2;

/** Milliseconds of work whose measured time two waits distort by no more than 2 %. */
export const TELLING = WAIT_SPREAD / 0.02;

/** The most times as many units that are tried next, when there were too few to tell from the wait, or from nothing. */
const GROWTH = { stamped: 256, unstamped: 16 };

/** How many times as long as asked for work is planned, since it may turn out faster than before. */
const MARGIN = 1.2;

/** How many times as fast as another a clock may run. */
const CLOCKS = 1.05;

/** The time of a unit of work. */
interface UnitTime {
  /** Milliseconds. */
  readonly each: number;
  /** Whether it is known; otherwise it is an upper bound, most of which may be the wait. */
  readonly known: boolean;
}

/**
 * Measures a unit of work. Without the GPU's clock the time is the difference of two lengths, which errs by at most
 * {@linkcode WAIT_SPREAD} over all units. If the difference is not even that long, the longer time counts, wait included:
 * an upper bound.
 *
 * @param work The work.
 * @param units How many units to measure it by.
 * @returns Milliseconds per unit, more than 0.
 */
export async function timeUnit(work: TimedWork, units: number): Promise<number> {
  return (await measureUnit(work, units)).each;
}

/**
 * Finds how many units take as long as a measurement should.
 *
 * @param work The work. It should have run once before: drivers compile a kernel when it first runs.
 * @param options The fewest units of a measurement, and its shortest time in milliseconds without any wait; 0 if only the
 * number of units counts. `max` units are enough in any case.
 * @returns The number of units, and the milliseconds that one of them took.
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
    // By the shortest time that it can have been, so that the next measurement is the last.
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
  // Not `units`: the work may have found only now that the GPU's clock is wrong.
  const more = units + extra - work.minUnits;
  const difference = more > 0 ? long - await work.time(work.minUnits) : 0;
  if (difference > WAIT_SPREAD) return { each: difference / more, known: true };
  return { each: long / (units + extra), known: false };
}

/**
 * Times work by the GPU's clock for as long as that can be right. Some drivers put the beginning of work after its end,
 * and no work takes longer than this program waits for it: from the first such time on, this program's clock counts.
 *
 * @param run Does some units, and gives the milliseconds by the GPU's clock; undefined if it has none.
 * @param options Whether the GPU has a clock, and the fewest units.
 * @param now This program's clock, in milliseconds.
 * @returns The work.
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
