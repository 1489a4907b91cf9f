/**
 * A search for the L2 weight λ: which values are tried, and which of them did best.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { maximum, minimum } from "../lists.ts";
import { Random } from "../model/random.ts";
import type { Evaluation } from "../model/metrics.ts";

/** Where λ is looked for: both ends positive, `from` less than `to`. */
export interface LambdaRange {
  /** The smaller end. */
  readonly from: number;
  /** The larger end. */
  readonly to: number;
}

/** One network of a search. */
export interface Trial {
  /** Part of the search: `coarse`, `fine`, `refine-1`, … */
  readonly stage: string;
  /** Which λ of the stage, from 1. */
  readonly trial: number;
  /** Which of the trainings of that λ, from 1. */
  readonly repeat: number;
  /** Names the network among those of the same seed: its initial weights come from the seed and this. */
  readonly identity: string;
  /** L2 weight λ. */
  readonly lambda: number;
}

/** What trials are planned by. */
export interface PlanTrialsOptions {
  /** Part of the search. */
  readonly stage: string;
  /** How many values of λ. */
  readonly count: number;
  /** What the values come from, together with the stage. */
  readonly seed: number;
  /**
   * How many networks with each λ, which differ in their initial weights.
   *
   * @default {1}
   */
  readonly repeat?: number;
}

/** How one network of a search ended. */
export interface TrialRow {
  /** Part of the search: `coarse`, `fine`, or `refine-1`, `refine-2`, … */
  readonly stage: string;
  /** Which λ of the stage, from 1; the rows of a λ that is trained from several initial weights share it. */
  readonly trial: number;
  /** L2 weight λ. */
  readonly lambda: number;
  /** Seed of batches and, with the trial's identity, of initial weights. */
  readonly seed: number;
  /** On all validation images. */
  readonly validation: Evaluation;
  /** On all training images. */
  readonly training: Evaluation;
  /** Updates made before a loss or a parameter was NaN or infinite; null where none was. */
  readonly divergedAt: number | null;
}

/** One of the best λ, beside the report's of the same rank. */
export interface BestRow {
  /** From 1. */
  readonly rank: number;
  /** L2 weight λ. */
  readonly lambda: number;
  /** Share of all validation images classified correctly, the mean where a λ is trained several times. */
  readonly validationAccuracy: number;
  /** The published λ; null where it cannot be compared. */
  readonly publishedLambda: number | null;
  /** Its published validation accuracy; null where it cannot be compared. */
  readonly publishedValidationAccuracy: number | null;
}

/** How many images of each class are taken for each class. */
export interface Confusion {
  /** Names of the classes, [classes]. */
  readonly classNames: readonly string[];
  /** Images of the first index's class taken for the second's, [classes][classes]. */
  readonly counts: readonly (readonly number[])[];
}

/** How a λ did, over all networks that were trained with it. */
export interface LambdaResult {
  /** Part of the search. */
  readonly stage: string;
  /** Which λ of the stage, from 1. */
  readonly trial: number;
  /** L2 weight λ. */
  readonly lambda: number;
  /** How many networks. */
  readonly runs: number;
  /** How many of them diverged; the other figures are of those that did not, or NaN where all did. */
  readonly diverged: number;
  /** Share of all validation images classified correctly. */
  readonly validationAccuracy: Spread;
  /** Cost on all validation images. */
  readonly validationCost: Spread;
}

/** Mean, least and most of some numbers. */
export interface Spread {
  /** Their mean. */
  readonly mean: number;
  /** The least of them. */
  readonly min: number;
  /** The most of them. */
  readonly max: number;
}

/**
 * Draws the values of λ that a stage of a search tries: log-uniform, so that each power of ten gets its share.
 *
 * The first network of a λ is the same whatever `repeat` is, and whichever others it is trained with.
 *
 * @param range Where λ is looked for.
 * @param options The stage, how many values, and what they come from.
 * @returns The networks, λ by λ in ascending order.
 * @throws {ArgumentError} If the range is upside down or not positive, or a count is not an integer of at least 1.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { planTrials } from "./lambda_search.ts";
 *
 * const trials = planTrials({ from: 1e-5, to: 1e-1 }, { stage: "coarse", count: 10, seed: 1 });
 *
 * assert(trials.every(({ lambda }) => lambda >= 1e-5 && lambda <= 1e-1));
 * ```
 */
export function planTrials({ from, to }: LambdaRange, options: PlanTrialsOptions): Trial[] {
  const { stage, count, seed, repeat = 1 } = options;
  if (!(from > 0 && from < to && to < Infinity)) {
    throw new ArgumentError(
      `Cannot look for lambda from ${from} to ${to}, expected two positive numbers, the smaller first`,
    );
  }
  for (const [name, value] of [["count", count], ["repeat", repeat]] as const) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new ArgumentError(
      `Cannot plan a search with ${name} ${value}, expected an integer of at least 1`,
    );
  }
  const random = new Random(seed, "lambda", stage);
  const [low, high] = [Math.log10(from), Math.log10(to)];
  const lambdas = Array.from({ length: count }, () => {
    const lambda = 10 ** (low + (high - low) * random.uniform());
    // Rounding may lead out of the range.
    return Math.min(Math.max(lambda, from), to);
  }).sort((a, b) => a - b);
  return lambdas.flatMap((lambda, i) =>
    Array.from({ length: repeat }, (_, r) => ({
      stage,
      trial: i + 1,
      repeat: r + 1,
      identity: r === 0 ? `${stage} ${i + 1}` : `${stage} ${i + 1}.${r + 1}`,
      lambda,
    }))
  );
}

/**
 * Puts together the trials that share their λ.
 *
 * @param rows The trials.
 * @returns A result for each λ, in the order of the rows.
 */
export function summariseTrials(rows: readonly TrialRow[]): LambdaResult[] {
  const byLambda = Map.groupBy(rows, ({ stage, trial }) => `${stage} ${trial}`);
  return [...byLambda.values()].map((group) => {
    const [{ stage, trial, lambda }] = group;
    const whole = group.filter((row) =>
      row.divergedAt === null && Number.isFinite(row.validation.accuracy)
    );
    return {
      stage,
      trial,
      lambda,
      runs: group.length,
      diverged: group.length - whole.length,
      validationAccuracy: spread(whole.map(({ validation }) => validation.accuracy)),
      validationCost: spread(whole.map(({ validation }) => validation.cost)),
    };
  });
}

/**
 * Finds the best λ: by mean validation accuracy, of equal ones the smaller λ. One that diverged comes after those that
 * did not.
 *
 * @param rows The trials, of one stage or of several.
 * @param count How many results at most.
 * @returns The best, first rank first.
 */
export function bestResults(rows: readonly TrialRow[], count: number): LambdaResult[] {
  return summariseTrials(rows).sort((a, b) =>
    a.diverged - b.diverged || compare(b.validationAccuracy.mean, a.validationAccuracy.mean) ||
    a.lambda - b.lambda
  ).slice(0, count);
}

/**
 * Homes in on the best λ so far: from the next smaller value that was tried to the next larger one. A best value at an
 * end of all that was tried is as far from that end of the new range, on a log scale, as from the other.
 *
 * @param rows The trials so far, of at least two values of λ.
 * @returns The range to look in next.
 * @throws {ArgumentError} If fewer than two values were tried.
 */
export function refineRange(rows: readonly TrialRow[]): LambdaRange {
  const tried = [...new Set(rows.map(({ lambda }) => lambda))].sort((a, b) => a - b);
  if (tried.length < 2) {
    throw new ArgumentError(
      `Cannot refine a search of ${tried.length} values of lambda, expected at least 2`,
    );
  }
  const [{ lambda }] = bestResults(rows, 1);
  const at = tried.indexOf(lambda);
  const from = tried[at - 1] ?? lambda * (lambda / tried[at + 1]);
  const to = tried[at + 1] ?? lambda * (lambda / tried[at - 1]);
  return { from, to };
}

/** Descending numbers first, NaN last. */
function compare(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
  return a - b;
}

function spread(values: readonly number[]): Spread {
  if (values.length === 0) return { mean: NaN, min: NaN, max: NaN };
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, min: minimum(values), max: maximum(values) };
}
