/**
 * The metric rows of an evaluation, and which networks are known to have diverged.
 *
 * @module
 */

import type { Evaluation, MetricRow } from "../model/metrics.ts";
import type { EvaluationResult } from "./evaluation.ts";

/** The rows of one evaluation. */
export interface FoundRows {
  /** A row for each network, [networks]. */
  readonly rows: readonly MetricRow[];
  /** The step at which each network diverged, known from this evaluation and those before, or null, [networks]. */
  readonly diverged: readonly (number | null)[];
}

/** The step at which each network diverged: the first of those that two findings give. */
export function merge(
  some: readonly (number | null)[],
  others: readonly (number | null)[],
): (number | null)[] {
  return some.map((step, i) => {
    const other = others[i];
    return step === null || other === null ? step ?? other : Math.min(step, other);
  });
}

/**
 * The step at which each network diverged, known from an evaluation after so many. The last update's divergence would show
 * in the loss of the next batch; what is not finite now shows it already.
 */
export function divergedBy(
  step: number,
  { diverged, finite }: Pick<EvaluationResult, "diverged" | "finite">,
): (number | null)[] {
  return merge(diverged, finite.map((whole) => whole ? null : step));
}

/** Adds what was known before to the rows of an evaluation. Networks that have diverged have no accuracy. */
export function afterOthers(
  { rows, diverged }: FoundRows,
  known: readonly (number | null)[],
): FoundRows {
  const all = merge(known, diverged);
  return {
    rows: rows.map((row, i) =>
      all[i] === null ? row : {
        ...row,
        training: unanswered(row.training),
        validation: unanswered(row.validation),
      }
    ),
    diverged: all,
  };
}

/** Takes the accuracy away: which class is found among NaNs says nothing about the network. */
export function unanswered(evaluation: Evaluation): Evaluation {
  return { ...evaluation, accuracy: NaN };
}
