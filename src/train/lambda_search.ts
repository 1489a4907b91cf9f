/**
 * A search for the L2 weight λ: the values to try, and the best of them.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { distinct, maximum, minimum } from "../lists.ts";
import type { Evaluation } from "../model/metrics.ts";
import { FLOAT32_RANGE, isPositiveFloat32, MAX_FLOAT32, MIN_FLOAT32 } from "../model/float32.ts";
import { Random } from "../model/random.ts";

/** The range to search: both ends positive, `from` less than `to`. */
export interface LambdaRange {
  /** The smaller end. */
  readonly from: number;
  /** The larger end. */
  readonly to: number;
}

/** A value of λ in a search. */
export interface TriedLambda {
  /** The stage of the search: `coarse`, `fine`, `refine-1`, `refine-2`, … */
  readonly stage: string;
  /** The number of the λ within the stage, from 1; networks that repeat a λ share it. */
  readonly trial: number;
  /** L2 weight λ. */
  readonly lambda: number;
}

/** One network of a search. */
export interface Trial extends TriedLambda {
  /** The number of the network among those with the same λ, from 1. */
  readonly repeat: number;
  /** Names the network among those of the same seed: its initial weights come from the seed and this. */
  readonly identity: string;
}

/** Options for {@linkcode planTrials}. */
export interface PlanTrialsOptions {
  /** The stage of the search. */
  readonly stage: string;
  /** Number of values of λ. */
  readonly count: number;
  /** The values are drawn from this seed and the stage. */
  readonly seed: number;
  /**
   * Number of networks with each λ, which differ in their initial weights.
   *
   * @default {1}
   */
  readonly repeat?: number;
}

/** The result of one network of a search. */
export interface TrialRow extends TriedLambda {
  /** Seed of batches and, with the trial's identity, of initial weights. */
  readonly seed: number;
  /** On all validation images. */
  readonly validation: Evaluation;
  /** On all training images. */
  readonly training: Evaluation;
  /** Updates made before a loss, a parameter or a moving average was NaN or infinite; null if none was. */
  readonly divergedAt: number | null;
}

/** One of the best values of λ, beside the published one of the same rank. */
export interface BestRow {
  /** The rank, from 1. */
  readonly rank: number;
  /** L2 weight λ. */
  readonly lambda: number;
  /** Share of all validation images classified correctly, the mean over the networks with this λ. */
  readonly validationAccuracy: number;
  /** The published λ; null where it cannot be compared. */
  readonly publishedLambda: number | null;
  /** Its published validation accuracy; null where it cannot be compared. */
  readonly publishedValidationAccuracy: number | null;
}

/** The result of a λ over all networks with it. */
export interface LambdaResult extends TriedLambda {
  /** Number of networks. */
  readonly runs: number;
  /** How many of them diverged; the figures below are of the others, NaN if all diverged. */
  readonly diverged: number;
  /** Share of all validation images classified correctly. */
  readonly validationAccuracy: Spread;
  /** Cost on all validation images. */
  readonly validationCost: Spread;
}

/** Mean, minimum and maximum of some numbers. */
export interface Spread {
  /** The mean. */
  readonly mean: number;
  /** The minimum. */
  readonly min: number;
  /** The maximum. */
  readonly max: number;
}

/**
 * Draws the values of λ for a stage of a search: log-uniform, so that all powers of ten are equally likely.
 *
 * The first network of a λ does not depend on `repeat`, nor on the networks it is trained with.
 *
 * @param range The range to search.
 * @param options The stage, the number of values, and the seed.
 * @returns The networks, λ by λ in ascending order.
 * @throws {ArgumentError} If the range is reversed or not positive, or a count is not an integer of at least 1.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { planTrials } from "@headless/mlp/experiments";
 *
 * const trials = planTrials({ from: 1e-5, to: 1e-1 }, { stage: "coarse", count: 10, seed: 1 });
 *
 * assert(trials.every(({ lambda }) => lambda >= 1e-5 && lambda <= 1e-1));
 * ```
 */
export function planTrials({ from, to }: LambdaRange, options: PlanTrialsOptions): Trial[] {
  const { stage, count, seed, repeat = 1 } = options;
  if (!(isPositiveFloat32(from) && isPositiveFloat32(to) && from < to)) {
    throw new ArgumentError(
      `Cannot search lambda from ${from} to ${to}, expected two numbers ${FLOAT32_RANGE}, ` +
        "the smaller first",
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
    // Rounding may leave the range.
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
 * Summarises the trials of each λ.
 *
 * @param rows The trials.
 * @returns A result for each λ, in the order of the rows.
 *
 * @example Two networks with the same λ
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { summariseTrials, type TrialRow } from "@headless/mlp/experiments";
 *
 * function row(trial: number, lambda: number, accuracy: number): TrialRow {
 *   const result = { loss: 1.4, cost: 1.5, accuracy };
 *   return { stage: "coarse", trial, lambda, seed: 1, training: result, validation: result, divergedAt: null };
 * }
 *
 * const [result] = summariseTrials([row(1, 1e-3, 0.5), row(1, 1e-3, 0.75)]);
 *
 * assertEquals(result.runs, 2);
 * assertEquals(result.validationAccuracy, { mean: 0.625, min: 0.5, max: 0.75 });
 * ```
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
 * Ranks the values of λ by mean validation accuracy, the smaller λ first where equal; those that diverged come last.
 *
 * @param rows The trials, of one stage or of several.
 * @param count The maximum number of results.
 * @returns The best, first rank first.
 *
 * @example The two best of three
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { bestResults, type TrialRow } from "@headless/mlp/experiments";
 *
 * function row(trial: number, lambda: number, accuracy: number): TrialRow {
 *   const result = { loss: 1.4, cost: 1.5, accuracy };
 *   return { stage: "coarse", trial, lambda, seed: 1, training: result, validation: result, divergedAt: null };
 * }
 *
 * const best = bestResults([row(1, 1e-4, 0.5), row(2, 1e-3, 0.52), row(3, 1e-2, 0.49)], 2);
 *
 * assertEquals(best.map(({ lambda }) => lambda), [1e-3, 1e-4]);
 * ```
 */
export function bestResults(rows: readonly TrialRow[], count: number): LambdaResult[] {
  return summariseTrials(rows).sort((a, b) =>
    a.diverged - b.diverged || descending(a.validationAccuracy.mean, b.validationAccuracy.mean) ||
    a.lambda - b.lambda
  ).slice(0, count);
}

/**
 * Finds the range around the best λ so far: from the next smaller value tried to the next larger one. If the best is the
 * smallest or largest value tried, the range extends equally far to both sides on a log scale.
 *
 * @param rows The trials so far, of at least two values of λ.
 * @returns The range to search next.
 * @throws {ArgumentError} If fewer than two values were tried.
 *
 * @example Between the neighbours of the best of three
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { refineRange, type TrialRow } from "@headless/mlp/experiments";
 *
 * function row(trial: number, lambda: number, accuracy: number): TrialRow {
 *   const result = { loss: 1.4, cost: 1.5, accuracy };
 *   return { stage: "coarse", trial, lambda, seed: 1, training: result, validation: result, divergedAt: null };
 * }
 *
 * const range = refineRange([row(1, 1e-4, 0.5), row(2, 1e-3, 0.52), row(3, 0.05, 0.49)]);
 *
 * assertEquals(range, { from: 1e-4, to: 0.05 });
 * ```
 */
export function refineRange(rows: readonly TrialRow[]): LambdaRange {
  const tried = distinct(rows.map(({ lambda }) => lambda)).sort((a, b) => a - b);
  if (tried.length < 2) {
    throw new ArgumentError(
      `Cannot refine a search of ${tried.length} values of lambda, expected at least 2`,
    );
  }
  const [{ lambda }] = bestResults(rows, 1);
  const at = tried.indexOf(lambda);
  const from = tried[at - 1] ?? lambda * (lambda / tried[at + 1]);
  const to = tried[at + 1] ?? lambda * (lambda / tried[at - 1]);
  return { from: Math.max(from, MIN_FLOAT32), to: Math.min(to, MAX_FLOAT32) };
}

/** Sorts in descending order, NaN last. */
function descending(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return b - a;
}

function spread(values: readonly number[]): Spread {
  if (values.length === 0) return { mean: NaN, min: NaN, max: NaN };
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, min: minimum(values), max: maximum(values) };
}
