import { assertEquals } from "@std/assert";
import { describeRuns } from "../../src/report/describe_runs.ts";
import type { SensitivityRun } from "../../src/train/sensitivity.ts";

/** Runs that ended in the given ways, all without or all with batch norm. */
function runsOf(
  batchNorm: boolean,
  outcomes: readonly (readonly [sigma: string, outcome: string])[],
): SensitivityRun[] {
  const evaluation = { loss: 1.5, cost: 1.6, accuracy: 0.5 };
  return outcomes.map(([sigma, outcome]) => ({
    sigma,
    batchNorm,
    training: evaluation,
    validation: evaluation,
    test: evaluation,
    steps: 3600,
    divergedAt: null,
    outcome,
  }));
}

const STALLED = [["0.1", "trained"], ["0.001", "stalled"], ["0.0001", "stalled"]] as const;
const TRAINED = [["0.1", "trained"], ["0.001", "trained"], ["0.0001", "trained"]] as const;

Deno.test("describeRuns() says of each setting which runs trained, stalled, diverged and ended worse", () => {
  const mixed = [
    ["xavier", "diverged at step 3"],
    ["he", "trained"],
    ["0.1", "diverged at step 50"],
    ["2", "stalled"],
  ] as const;
  const cases: [runs: SensitivityRun[], sentence: string][] = [
    [
      [...runsOf(false, STALLED), ...runsOf(true, TRAINED)],
      "Without batch norm σ = 0.1 trained, and σ = 0.001 and σ = 0.0001 stalled at the loss of " +
      "guessing (2.303); with batch norm all trained.",
    ],
    [
      runsOf(true, mixed),
      "With batch norm Xavier and σ = 0.1 diverged, He trained, and σ = 2 stalled at the loss of " +
      "guessing (2.303).",
    ],
    [runsOf(false, [["he", "diverged at step 0"]]), "Without batch norm He diverged."],
    [
      runsOf(false, [["0.1", "trained"], ["1", "worse than guessing"]]),
      "Without batch norm σ = 0.1 trained, and σ = 1 ended worse than guessing (2.303).",
    ],
  ];
  for (const [runs, sentence] of cases) {
    assertEquals(describeRuns(runs, { classes: 10, comparable: false }), sentence);
  }
  const stalled = runsOf(false, [["1", "stalled"], ["2", "stalled"]]);
  assertEquals(
    describeRuns(stalled, { classes: 3, comparable: false }),
    "Without batch norm all stalled at the loss of guessing (1.099).",
  );
});

Deno.test("describeRuns() sets what was seen against the report's finding, whichever it was", () => {
  const comparable = { classes: 10, comparable: true };
  assertEquals(
    describeRuns([...runsOf(false, STALLED), ...runsOf(true, TRAINED)], comparable),
    "The report says that a small σ diverges without batch norm; here, without batch norm " +
      "σ = 0.1 trained, and σ = 0.001 and σ = 0.0001 stalled at the loss of guessing (2.303); " +
      "with batch norm all trained.",
  );
  const diverged = runsOf(false, [["0.1", "trained"], ["0.001", "diverged at step 9"]]);
  assertEquals(
    describeRuns(diverged, comparable),
    "The report says that a small σ diverges without batch norm; here, without batch norm " +
      "σ = 0.1 trained, and σ = 0.001 diverged.",
  );
});

Deno.test("describeRuns() leaves the report's finding out where no run is one that it speaks of", () => {
  for (const runs of [runsOf(true, TRAINED), runsOf(false, [["0.1", "trained"]])]) {
    const sentence = describeRuns(runs, { classes: 10, comparable: true });
    assertEquals(sentence.includes("report"), false, sentence);
  }
});
