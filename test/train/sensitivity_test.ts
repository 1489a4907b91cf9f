import { assertEquals } from "@std/assert";
import type { MetricRow } from "../../src/model/metrics.ts";
import {
  curveRows,
  outcomeKind,
  outcomeOf,
  sensitivityNetworks,
  sigmaName,
} from "../../src/train/sensitivity.ts";

Deno.test("sigmaName() tells different initialisations apart, and gives equal ones one name", () => {
  assertEquals(["he", "xavier", 1e-3, 0.001, 1e-7, 2].map((one) => sigmaName(one as number)), [
    "he",
    "xavier",
    "0.001",
    "0.001",
    "1e-7",
    "2",
  ]);
});

Deno.test("outcomeOf() says stalled within 1 % of ln(classes), on both sides, and worse than guessing above", () => {
  const cases: [classes: number, share: number, outcome: string][] = [
    [10, 1, "stalled"],
    [10, 0.9901, "stalled"],
    [10, 1.0099, "stalled"],
    [10, 0.9899, "trained"],
    [10, 1.0101, "worse than guessing"],
    [10, 49.9, "worse than guessing"],
    [10, 6e12, "worse than guessing"],
    [10, NaN, "worse than guessing"],
    [3, 0.9901, "stalled"],
    [3, 0.9899, "trained"],
    [3, 1.0101, "worse than guessing"],
    [NaN, 49.9, "trained"], // The loss of guessing is unknown.
  ];
  for (const [classes, share, outcome] of cases) {
    const training = { loss: share * Math.log(Number.isNaN(classes) ? 10 : classes) };
    assertEquals(outcomeOf({ divergedAt: null, training }, classes), outcome, `${training.loss}`);
  }
});

Deno.test("outcomeOf() says when a training diverged, be it before the first step", () => {
  for (const step of [0, 12]) {
    const ending = { divergedAt: step, training: { loss: NaN } };
    assertEquals(outcomeOf(ending, 10), `diverged at step ${step}`);
    assertEquals(outcomeKind(outcomeOf(ending, 10)), "diverged");
  }
});

Deno.test("sensitivityNetworks() tells networks apart by their initialisation alone", () => {
  const settings = { lambda: 0.005, etaMin: 1e-5, etaMax: 0.1 };
  const both = sensitivityNetworks([0.001, "he"], settings);
  assertEquals(both, [
    { ...settings, identity: "0.001", initialisation: 0.001 },
    { ...settings, identity: "he", initialisation: "he" },
  ]);
  assertEquals(sensitivityNetworks(["he"], settings), [both[1]]);
});

/** A row of which only the step and the training loss matter. */
function rowAt(step: number, loss: number): MetricRow {
  const evaluation = { loss, cost: loss + 1, accuracy: 0.1 };
  const validation = { loss: -1, cost: -1, accuracy: 0 };
  return { step, epoch: step / 4, eta: null, training: evaluation, validation };
}

Deno.test("curveRows() gives the training losses network by network, NaN included", () => {
  const rows = [[rowAt(0, 2.3), rowAt(0, 3)], [rowAt(5, 2.2), rowAt(5, NaN)]];
  assertEquals(curveRows(rows, { initialisations: ["xavier", 0.1], batchNorm: true }), [
    { sigma: "xavier", batchNorm: true, step: 0, trainingLoss: 2.3 },
    { sigma: "xavier", batchNorm: true, step: 5, trainingLoss: 2.2 },
    { sigma: "0.1", batchNorm: true, step: 0, trainingLoss: 3 },
    { sigma: "0.1", batchNorm: true, step: 5, trainingLoss: NaN },
  ]);
});
