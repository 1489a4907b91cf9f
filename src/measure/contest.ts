/**
 * A choice among ways to do the same work, by their measured times and in a limited time.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { spreadOf } from "./spread.ts";
import { TELLING, type TimedWork, timeUnit, unitsFor, WAIT_SPREAD } from "./timing.ts";

/** One of the ways. */
export interface Contestant {
  /** Its name. */
  readonly name: string;
  /** Prepares its work, or throws an `ArgumentError` if it cannot do it. */
  enter(): Promise<TimedWork>;
}

/** How long a contest may take. */
export interface ContestOptions {
  /** Milliseconds for everything, preparing included. */
  readonly budget: number;
  /** The clock, in milliseconds; `performance.now` unless given. */
  readonly now?: () => number;
  /** Ends the contest between two measurements. */
  readonly signal?: AbortSignal;
}

/** A contestant and its time. */
export interface ContestResult {
  /** Its name. */
  readonly name: string;
  /** Milliseconds per unit. */
  readonly milliseconds: number;
}

/** The share of the budget that is reserved for measuring what was prepared. */
const MEASURING = 0.2;

/** Measurements of each contestant, in turn, so that a machine whose speed drifts hits all of them. */
const ROUNDS = 4;

/** The length of a measurement if there is time for all of them: a share of the budget, up to `max` milliseconds. */
const LENGTH = { share: 1 / 40, max: 250 };

/** The shortest useful measurement, and the one that gives a first estimate; milliseconds. */
const SHORTEST = 20;
const ROUGH = 10;

/** Milliseconds that waits and encoding are assumed to add to a measurement, until they are measured. */
const OVERHEAD = 25;

/** How many times as long as expected a measurement may take. */
const SLACK = 1.1;

/** The uncertainty of a time after one measurement, as a share of it; after n of them, this over n². */
const FIRST_LOOK = 0.3;

/** Two times tie if they differ by less than a share between these, which grows with the spread of measurements. */
const TIE = { min: 0.04, max: 0.1 };

/** The uncertainty of a time that was measured only once, or not at all. */
const UNSURE = 0.1;

/** The options, with the clock and the time at which the budget is spent. */
interface Limits extends ContestOptions {
  readonly now: () => number;
  readonly deadline: number;
}

/** A contestant that can do the work. */
interface Entrant {
  readonly name: string;
  readonly work: TimedWork;
  /** Milliseconds per unit, by a first estimate. */
  readonly rough: number;
  readonly measured: { readonly units: number; readonly each: number }[];
  /** Maximum of the milliseconds in a measurement that are not work. */
  overhead: number;
}

/**
 * Finds the fastest contestant; the most promising comes first. The first is always prepared, the others while the budget
 * lasts, judged by how long those before took. All are measured in turn, several times; those that are clearly slower drop
 * out, which leaves more time for the others. Among tied contestants the first in the list wins, so that the choice is the
 * same each time.
 *
 * @returns The contestants that were measured: the winner, then the others, the fastest first.
 * @throws {ArgumentError} If none of them can do the work.
 */
export async function contest(
  contestants: readonly Contestant[],
  options: ContestOptions,
): Promise<ContestResult[]> {
  const { budget, now = () => performance.now(), signal } = options;
  const limits = { budget, now, signal, deadline: now() + budget };
  const entrants = await enterAll(contestants, limits);
  if (entrants.length > 1) await compete(entrants, limits);
  const fastest = entrants.toSorted((a, b) => timeOf(a) - timeOf(b));
  const winner = entrants.find((entrant) => isTie(entrant, fastest[0]))!;
  return [winner, ...fastest.filter((entrant) => entrant !== winner)]
    .map((entrant) => ({ name: entrant.name, milliseconds: timeOf(entrant) }));
}

async function enterAll(
  contestants: readonly Contestant[],
  { budget, deadline, now, signal }: Limits,
): Promise<Entrant[]> {
  const entrants: Entrant[] = [];
  const last = deadline - MEASURING * budget;
  let longest = 0;
  let refusal = new ArgumentError("Cannot choose among 0 contestants, expected at least 1");
  for (const { name, enter } of contestants) {
    const started = now();
    if (entrants.length > 0 && started + longest > last) break;
    signal?.throwIfAborted();
    try {
      const work = await enter();
      await work.time(1); // Drivers compile when a kernel first runs.
      const { each } = await unitsFor(work, { min: 2, milliseconds: ROUGH });
      entrants.push({ name, work, rough: each, measured: [], overhead: OVERHEAD });
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error;
      refusal = error; // Another contestant may be able to do the work.
    }
    longest = Math.max(longest, now() - started);
  }
  if (entrants.length === 0) throw refusal;
  return entrants;
}

async function compete(
  entrants: readonly Entrant[],
  { budget, deadline, now, signal }: Limits,
): Promise<void> {
  let field = entrants;
  for (let round = 1; round <= ROUNDS && field.length > 1; round++) {
    const overhead = Math.max(...field.map((entrant) => entrant.overhead));
    const left = (deadline - now()) / ((ROUNDS - round + 1) * field.length) - overhead;
    const wanted = field.every(({ work }) => work.stamped) ? 0 : TELLING;
    const length = Math.max(
      SHORTEST,
      Math.min(left, Math.max(Math.min(budget * LENGTH.share, LENGTH.max), wanted)),
    );
    for (const entrant of field) {
      const expected = timeOf(entrant);
      const units = Math.max(1, Math.round(length / expected));
      const began = now();
      if (began + SLACK * units * expected + entrant.overhead > deadline) return;
      signal?.throwIfAborted();
      const each = await timeUnit(entrant.work, units);
      entrant.measured.push({ units, each });
      const overhead = now() - began - units * each + 2 * WAIT_SPREAD; // A measurement has two waits.
      entrant.overhead = Math.max(entrant.overhead, overhead);
    }
    const best = Math.min(...field.map(timeOf));
    const uncertainty = FIRST_LOOK / round ** 2;
    const bound = best * (1 + uncertainty) * (1 + TIE.min) / (1 - uncertainty);
    field = field.filter(({ measured }) => Math.min(...measured.map(({ each }) => each)) <= bound);
  }
}

/** Milliseconds per unit by all measurements. */
function timeOf({ work, rough, measured }: Entrant): number {
  if (measured.length === 0) return rough;
  // A disturbance makes one time longer, which the median ignores.
  if (work.stamped) return spreadOf(measured.map(({ each }) => each)).median;
  // Waits err in both directions, by a smaller share of longer work.
  const units = measured.reduce((sum, { units }) => sum + units, 0);
  return measured.reduce((sum, { units, each }) => sum + units * each, 0) / units;
}

/** Whether an entrant's time cannot be distinguished from that of the fastest. */
function isTie(entrant: Entrant, fastest: Entrant): boolean {
  const unsure = uncertaintyOf(entrant) + uncertaintyOf(fastest);
  const tolerance = Math.min(TIE.max, Math.max(TIE.min, unsure));
  return timeOf(entrant) <= timeOf(fastest) * (1 + tolerance);
}

/** The uncertainty of an entrant's time, as a share of it. */
function uncertaintyOf({ measured }: Entrant): number {
  if (measured.length < 2) return UNSURE;
  const { min, median, max } = spreadOf(measured.map(({ each }) => each));
  return (max - min) / median / 2 / Math.sqrt(measured.length);
}
