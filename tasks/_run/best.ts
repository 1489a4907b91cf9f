/**
 * Which of the networks that train together does best.
 *
 * @module
 */
import { maximum } from "../../src/lists.ts";
import type { MetricRow } from "../../src/model/metrics.ts";

/**
 * Finds the network that gives most validation images their class.
 *
 * @param rows An evaluation of networks that train together, [networks].
 * @returns The index of the best; of one whose training loss or accuracy is NaN or infinite only where all are.
 */
export function bestOf(rows: readonly MetricRow[]): number {
  const scores = rows.map(({ training, validation: { accuracy } }) =>
    Number.isFinite(training.loss) && Number.isFinite(accuracy) ? accuracy : -1
  );
  return scores.indexOf(maximum(scores));
}
