import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { subset } from "../../src/data/dataset.ts";
import { ArgumentError } from "../../src/errors.ts";
import {
  bestResults,
  planTrials,
  refineRange,
  summariseTrials,
  type Trial,
  type TrialRow,
} from "../../src/train/lambda_search.ts";
import { createSynthetic } from "../../src/data/synthetic.ts";
import { Training } from "../../src/train/training.ts";
import { sharedGpu } from "../_gpu.ts";
import { trialRow } from "../_trial_row.ts";

const COARSE = { from: 1e-5, to: 1e-1 };

Deno.test("planTrials() draws lambda log-uniformly, in ascending order", () => {
  const trials = planTrials(COARSE, { stage: "coarse", count: 4000, seed: 1 });
  const logs = trials.map(({ lambda }) => Math.log10(lambda));

  assertEquals(logs, logs.toSorted((a, b) => a - b));
  assertEquals(trials.map(({ trial }) => trial), logs.map((_, i) => i + 1));
  assert(logs[0] >= -5 && logs[3999] <= -1);
  // A quarter of them in each power of ten; the deviation of a quarter of 4000 draws is 27.
  for (const power of [-5, -4, -3, -2]) {
    const n = logs.filter((log) => log >= power && log < power + 1).length;
    assert(Math.abs(n - 1000) < 4 * 27, `${n} values from 1e${power}`);
  }
});

Deno.test("planTrials() depends on seed and stage alone", () => {
  function lambdas(options: { stage: string; seed: number; repeat?: number }): number[] {
    return planTrials(COARSE, { count: 3, ...options })
      .filter(({ repeat }) => repeat === 1).map(({ lambda }) => lambda);
  }
  const expected = lambdas({ stage: "coarse", seed: 1 });

  assertEquals(lambdas({ stage: "coarse", seed: 1, repeat: 2 }), expected);
  assertNotEquals(lambdas({ stage: "coarse", seed: 2 }), expected);
  assertNotEquals(lambdas({ stage: "fine", seed: 1 }), expected);
});

Deno.test("planTrials() gives the first network of a lambda the same identity whether it is repeated or not", () => {
  const once = planTrials(COARSE, { stage: "fine", count: 2, seed: 1 });
  const thrice = planTrials(COARSE, { stage: "fine", count: 2, seed: 1, repeat: 3 });

  assertEquals(thrice.filter(({ repeat }) => repeat === 1), once);
  assertEquals(new Set(thrice.map(({ identity }) => identity)).size, 6);
});

Deno.test("planTrials() refuses a range or count that is not allowed", () => {
  const options = { stage: "coarse", count: 3, seed: 1 };
  const ranges = [[1e-1, 1e-5], [1e-3, 1e-3], [0, 1], [-1, 1], [NaN, 1], [1, Infinity]];
  // Those that are 0, subnormal or infinite as float32.
  for (const [from, to] of [...ranges, [1e-50, 1], [1e-40, 1], [1, 1e39]]) {
    assertThrows(() => planTrials({ from, to }, options), ArgumentError, `from ${from} to ${to}`);
  }
  assertThrows(() => planTrials(COARSE, { ...options, count: 0 }), ArgumentError, "count 0");
  assertThrows(() => planTrials(COARSE, { ...options, repeat: 1.5 }), ArgumentError, "repeat 1.5");
});

Deno.test("planTrials() makes networks that train to the same bytes alone and together", async () => {
  const whole = await createSynthetic({ training: 1400, test: 20 });
  const data = subset(whole, { training: 400, validation: 100 });
  async function train(trials: readonly Trial[]) {
    const training = await Training.create(await sharedGpu(), data, {
      hidden: [12],
      batchNorm: true,
      networks: trials.map(({ identity, lambda }) => ({
        identity,
        lambda,
        etaMin: 1e-3,
        etaMax: 0.1,
      })),
      halfCycle: 8,
      cycles: 1,
      batch: 50,
    });
    for await (const _rows of training.run());
    const [evaluations, state] = [await training.evaluate("test"), await training.state()];
    training.destroy();
    return { evaluations, state };
  }
  const trials = planTrials(COARSE, { stage: "coarse", count: 5, seed: 1, repeat: 2 });
  const together = await train(trials);
  const alone = await train([trials[7]]);

  assertEquals(alone.state.parameters[0], together.state.parameters[7]);
  assertEquals(alone.state.statistics[0], together.state.statistics[7]);
  assertEquals(alone.evaluations[0], together.evaluations[7]);
  assertNotEquals(together.state.parameters[6], together.state.parameters[7]);
});

Deno.test("summariseTrials() gives mean and spread over the networks of a lambda", () => {
  const results = summariseTrials([
    trialRow({ trial: 1, accuracy: 0.5, cost: 2 }),
    trialRow({ trial: 1, accuracy: 0.53, cost: 4 }),
    trialRow({ trial: 2, lambda: 1e-2, accuracy: 0.4 }),
    trialRow({ trial: 2, lambda: 1e-2, accuracy: NaN, divergedAt: 7 }),
    trialRow({ stage: "fine", trial: 1, lambda: 2e-2, accuracy: NaN, divergedAt: 0 }),
  ]);

  assertEquals(results.map(({ stage, trial, runs, diverged }) => [stage, trial, runs, diverged]), [
    ["coarse", 1, 2, 0],
    ["coarse", 2, 2, 1],
    ["fine", 1, 1, 1],
  ]);
  assertAlmostEquals(results[0].validationAccuracy.mean, 0.515);
  assertEquals([results[0].validationAccuracy.min, results[0].validationAccuracy.max], [0.5, 0.53]);
  assertEquals(results[0].validationCost, { mean: 3, min: 2, max: 4 });
  assertEquals(results[1].validationAccuracy, { mean: 0.4, min: 0.4, max: 0.4 });
  assertEquals(results[2].validationAccuracy, { mean: NaN, min: NaN, max: NaN });
});

Deno.test("bestResults() ranks by validation accuracy, diverged ones last", () => {
  const rows = [
    trialRow({ trial: 1, lambda: 1e-4, accuracy: 0.9, divergedAt: 3 }),
    trialRow({ trial: 2, lambda: 3e-3, accuracy: 0.52 }),
    trialRow({ trial: 3, lambda: 2e-3, accuracy: 0.52 }),
    trialRow({ trial: 4, lambda: 5e-3, accuracy: 0.54 }),
    trialRow({ trial: 5, lambda: 6e-3, accuracy: NaN, divergedAt: 0 }),
    trialRow({ stage: "fine", trial: 1, lambda: 4e-3, accuracy: 0.53 }),
  ];
  const ranked = bestResults(rows, 10).map(({ lambda }) => lambda);

  assertEquals(ranked, [5e-3, 4e-3, 2e-3, 3e-3, 1e-4, 6e-3]);
  assertEquals(bestResults(rows, 2).map(({ lambda }) => lambda), [5e-3, 4e-3]);
});

Deno.test("refineRange() lies between the neighbours of the best", () => {
  function rows(...accuracies: number[]): TrialRow[] {
    return accuracies.map((accuracy, i) =>
      trialRow({ trial: i + 1, lambda: 10 ** (i - 4), accuracy })
    );
  }
  assertEquals(refineRange(rows(0.1, 0.2, 0.5, 0.3)), { from: 1e-3, to: 1e-1 });
  // At an end it goes on as far as it goes back.
  const first = refineRange(rows(0.5, 0.2, 0.1));
  assertAlmostEquals(first.from, 1e-5, 1e-12);
  assertAlmostEquals(first.to, 1e-3, 1e-12);
  const last = refineRange(rows(0.1, 0.2, 0.5));
  assertAlmostEquals(last.from, 1e-3, 1e-12);
  assertAlmostEquals(last.to, 1e-1, 1e-12);
  assertThrows(() => refineRange(rows(0.1)), ArgumentError, "1 values");
});
