/** A trial of a λ search for tests that need some. */
import type { TrialRow } from "../src/train/lambda_search.ts";

/** A trial with the given accuracy and cost on the validation images. */
export function trialRow(
  { accuracy = 0.5, cost = 1.7, ...changes }:
    & Partial<TrialRow>
    & { accuracy?: number; cost?: number } = {},
): TrialRow {
  return {
    stage: "coarse",
    trial: 1,
    lambda: 1e-3,
    seed: 1,
    validation: { loss: 1.5, cost, accuracy },
    training: { loss: 1.4, cost: 1.6, accuracy: 0.55 },
    divergedAt: null,
    ...changes,
  };
}
