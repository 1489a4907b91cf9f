/**
 * The time of a unit of work, measured so that the wait for hearing of its end does not count.
 *
 * In Deno a program hears that submitted work is done some 11 ms after it is, and not always equally late, while a
 * training step on a fast GPU takes 30 to 500 µs. So work is timed by the GPU's own clock, or where there is none by the
 * difference of two lengths, which both end with a wait.
 *
 * @module
 */

/** Work that consists of equal units, and the clock that times it. */
export interface TimedWork {
  /** Whether the GPU's own clock times it. Otherwise this program does, and every time includes a wait. */
  readonly stamped: boolean;
  /** The fewest units that can be timed: 0 where a time can consist of the wait alone, otherwise 1. */
  readonly fewest: 0 | 1;
  /**
   * Does some units, one after another.
   *
   * @param units How many, at least {@linkcode TimedWork.fewest}.
   * @returns Milliseconds.
   */
  time(units: number): Promise<number>;
}

/** Milliseconds by which two waits may differ: in Deno they take 10 to 12. */
export const WAIT_SPREAD = 2;

/** Milliseconds of work that two waits cannot make longer or shorter by more than 2 %. */
export const TELLING = WAIT_SPREAD / 0.02;

/**
 * How many times as many units are tried next at most: so few can hardly be told from the wait, or by the GPU's clock from
 * nothing.
 */
const GROWTH = { stamped: 256, unstamped: 16 };

/** How much longer than asked for work is planned to be, since it may turn out faster than before. */
const MARGIN = 1.2;

/** How many times as fast one clock may be as another. */
const CLOCKS = 1.05;

/** The time of a unit of work. */
interface UnitTime {
  /** Milliseconds. */
  readonly each: number;
  /** Whether it is known; otherwise it is an upper bound, of which the wait may be the largest part. */
  readonly known: boolean;
}

/**
 * Measures a unit of work. Without the GPU's clock the time is the difference of two lengths, which is out by at most
 * {@linkcode WAIT_SPREAD} over all units. Where the difference is not even that long the longer time counts, wait included: an
 * upper bound.
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
 * @param work The work. It should have been done once before: drivers compile a kernel when it first runs.
 * @param options The fewest units of a measurement, and the fewest milliseconds without any wait; 0 where the number of
 * units alone counts. `max` units are enough in any case.
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
    // By the shortest time that it may have been, so that the next measurement is the last.
    const sure = known ? took - (work.stamped ? 0 : WAIT_SPREAD) : 0;
    const growth = work.stamped ? GROWTH.stamped : GROWTH.unstamped;
    const factor = Math.min(MARGIN * milliseconds / sure, growth);
    units = Math.min(Math.ceil(units * factor), max);
  }
}

async function measureUnit(work: TimedWork, units: number): Promise<UnitTime> {
  const extra = work.stamped ? 0 : work.fewest;
  const long = await work.time(units + extra);
  if (work.stamped) return { each: long / units, known: true };
  // Not `units`: only now may the work have found that the GPU's clock cannot be believed.
  const more = units + extra - work.fewest;
  const difference = more > 0 ? long - await work.time(work.fewest) : 0;
  if (difference > WAIT_SPREAD) return { each: difference / more, known: true };
  return { each: long / (units + extra), known: false };
}

/**
 * Times work by the GPU's clock for as long as that can be right. Some drivers stamp the beginning of work after its end,
 * and no work takes longer than this program waits for it: from the first such time on this program's clock counts.
 *
 * @param run Does some units, and gives the milliseconds that the GPU's clock says; undefined where it has none.
 * @param options Whether the GPU has a clock, and the fewest units.
 * @param now This program's clock, in milliseconds.
 * @returns The work.
 */
export function timedWork(
  run: (units: number) => Promise<number | undefined>,
  options: { readonly stamped: boolean; readonly fewest?: 0 | 1 },
  now: () => number = () => performance.now(),
): TimedWork {
  let { stamped } = options;
  return {
    fewest: options.fewest ?? 1,
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
