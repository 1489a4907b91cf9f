/**
 * Whether training got slower: a run of the benchmark compared with earlier runs.
 *
 * @module
 */

import type { BenchRow } from "./bench.ts";
import { spreadOf } from "./spread.ts";

/** Maximum number of earlier runs to compare with, the latest: older ones may have been slow. */
export const MAX_RUNS = 10;

/** Minimum number of earlier runs: with fewer, the usual time is unknown. */
export const MIN_RUNS = 3;

/**
 * Standard deviations from the median that count as noise. Of normally distributed times, one in a thousand is slower by
 * more than three.
 */
export const DEVIATIONS = 3;

/** The standard deviation of a normal distribution over its median absolute deviation: 1 / Φ⁻¹(3/4). */
const NORMAL = 1.4826;

/** A time that is compared. */
export type Figure = "msPerStep" | "evaluationMs";

const FIGURES: readonly Figure[] = ["msPerStep", "evaluationMs"];

/** The settings in which rows must agree to be compared. The kernel variant may differ: its time is what counts. */
const SETTINGS = ["adapter", "data", "networks", "hidden", "batchNorm", "batch"] as const;

/** One time of a row compared with that of earlier rows. */
export interface Comparison {
  /** Which time. */
  readonly figure: Figure;
  /** The row. */
  readonly row: BenchRow;
  /** The time, in milliseconds. */
  readonly value: number;
  /** Number of earlier runs it is compared with, at most {@linkcode MAX_RUNS}. */
  readonly runs: number;
  /** The median of the earlier times; null with fewer than {@linkcode MIN_RUNS} of them. */
  readonly usual: number | null;
  /** The share by which it may be longer, noise included; null with too few. */
  readonly allowed: number | null;
  /** Whether it is longer than that; null with too few. */
  readonly worse: boolean | null;
}

/**
 * Compares the times of a run with those of the last runs with the same settings on the same adapter.
 *
 * Let m be the median of the earlier times, each of which is the median of its run's measurements, and d the median of
 * their distances from m. A time is worse if
 *
 *     median of this run > m (1 + max(worseBy, 3 · 1.4826 d / m))
 *     fastest of this run > m
 *
 * The first line allows for noise between runs; it uses medians, so that one bad night changes neither the usual time nor
 * the allowance. The second allows for noise within this run: if one of its measurements is as fast as usual, the machine
 * was busy rather than the program slower. A run all of whose measurements are slow is found, however far they spread.
 *
 * @param rows The rows of this run.
 * @param earlier All rows from before, oldest first.
 * @param options `worseBy` is the share by which a time may exceed the usual one.
 * @returns A comparison for each time of each row, in the order of the rows.
 */
export function compareWithEarlier(
  rows: readonly BenchRow[],
  earlier: readonly BenchRow[],
  options: { readonly worseBy: number },
): Comparison[] {
  return rows.flatMap((row) => {
    const like = earlier.filter((other) => SETTINGS.every((name) => other[name] === row[name]));
    return FIGURES.flatMap((figure) => {
      const value = row[figure];
      if (value === null) return [];
      const times = like.map((other) => other[figure]).filter((time) => time !== null);
      const verdict = judge(times.slice(-MAX_RUNS), options, {
        value,
        fastest: row[`${figure}Min`] ?? value,
      });
      return [{ figure, row, value, ...verdict }];
    });
  });
}

function judge(
  times: readonly number[],
  { worseBy }: { worseBy: number },
  { value, fastest }: { value: number; fastest: number },
): Pick<Comparison, "runs" | "usual" | "allowed" | "worse"> {
  const runs = times.length;
  if (runs < MIN_RUNS) return { runs, usual: null, allowed: null, worse: null };
  const { median: usual } = spreadOf(times);
  const { median: deviation } = spreadOf(times.map((time) => Math.abs(time - usual)));
  const allowed = Math.max(worseBy, DEVIATIONS * NORMAL * deviation / usual);
  return { runs, usual, allowed, worse: value > usual * (1 + allowed) && fastest > usual };
}
