/**
 * The outcome of a sensitivity study in a sentence.
 *
 * @module
 */

import { enumerate } from "../lists.ts";
import { PUBLISHED_SMALL_SIGMAS } from "../model/published.ts";
import {
  initialWeightsName,
  outcomeKind,
  type SensitivityRun,
  sigmaName,
} from "../train/sensitivity.ts";

/**
 * Says in a sentence which runs of a study trained, stalled, ended worse than guessing or diverged. The sentence mentions the finding of the published
 * report if the study is comparable with it.
 */
export function describeRuns(
  runs: readonly SensitivityRun[],
  { classes, comparable }: { readonly classes: number; readonly comparable: boolean },
): string {
  const seen = [false, true]
    .map((batchNorm) => runs.filter((run) => run.batchNorm === batchNorm))
    .filter(({ length }) => length > 0)
    .map((some) =>
      `${some[0].batchNorm ? "with" : "without"} batch norm ${outcomes(some, classes)}`
    )
    .join("; ");
  const small = PUBLISHED_SMALL_SIGMAS.map(sigmaName);
  const hasSmallSigma = runs.some((run) => !run.batchNorm && small.includes(run.sigma));
  return comparable && hasSmallSigma
    ? `The report says that a small σ diverges without batch norm; here, ${seen}.`
    : `${seen.charAt(0).toUpperCase()}${seen.slice(1)}.`;
}

/** As in "σ = 0.1 trained, and σ = 0.001 and σ = 0.0001 diverged". */
function outcomes(runs: readonly SensitivityRun[], classes: number): string {
  const guessing = Math.log(classes).toFixed(3);
  const kinds = Map.groupBy(runs, ({ outcome }) => outcomeKind(outcome));
  const clauses = [...kinds].map(([kind, group]) => {
    const all = group.length === runs.length && runs.length > 1;
    const who = all ? "all" : enumerate(group.map(({ sigma }) => initialWeightsName(sigma)));
    if (kind === "stalled") return `${who} stalled at the loss of guessing (${guessing})`;
    return kind === "worse than guessing"
      ? `${who} ended worse than guessing (${guessing})`
      : `${who} ${kind}`;
  });
  return clauses.length < 2
    ? clauses.join()
    : `${clauses.slice(0, -1).join(", ")}, and ${clauses.at(-1)}`;
}
