import { assert, assertEquals } from "@std/assert";
import type { RunConfig } from "../../src/records/config.ts";
import type { ReportData, RunPart } from "../../src/report/data.ts";
import { type Claim, judgeClaims } from "../../src/report/claims.ts";
import { trialRow } from "../_trial_row.ts";

const NOTHING: ReportData = {
  gradientChecks: [],
  baselines: [],
  searches: [],
  sensitivities: [],
  missing: [],
  edited: [],
  commands: null,
};

const TRAINING = {
  data: "CIFAR-10",
  quick: false,
  hidden: [50, 50],
  batchNorm: "on",
  lambda: 0.005,
  batch: 100,
  etaMin: 1e-5,
  etaMax: 0.1,
  halfCycle: 2250,
  cycles: 2,
  init: "he",
};

const SEARCH = {
  coarse: [1e-5, 1e-1],
  coarseCount: 10,
  fine: [1e-3, 1e-2],
  fineCount: 10,
  refine: 0,
  repeat: 1,
  finalCycles: 3,
};

function config(task: string, own: object = {}): RunConfig {
  return { task, settings: { ...TRAINING, ...own }, madeWith: {} };
}

/** A run whose validation and test accuracy are the same. */
function run(name: string, seed: number, accuracy: number, own: object = {}): RunPart {
  const evaluation = { loss: 1.3, cost: 1.5, accuracy };
  const ending = {
    training: evaluation,
    validation: evaluation,
    test: evaluation,
    steps: 9000,
    divergedAt: null,
  };
  const folder = `baseline/seed-${seed}`;
  return { name, seed, folder, config: config("baseline", own), ending, figure: "<svg/>" };
}

/** Runs of two names with an accuracy for each seed, from 1. */
function runs(accuracies: { [name: string]: readonly number[] }, own: object = {}): RunPart[] {
  return Object.entries(accuracies).flatMap(([name, all]) =>
    all.map((accuracy, i) => run(name, i + 1, accuracy, own))
  );
}

/** The one claim whose text has these words in it. */
function find(data: Partial<ReportData>, words: string): Claim {
  const found = judgeClaims({ ...NOTHING, ...data }).filter(({ text }) => text.includes(words));
  assertEquals(found.length, 1, words);
  return found[0];
}

/** With ordinary spaces. */
function plain(lines: readonly string[]): string[] {
  return lines.map((line) => line.replaceAll("\u00a0", " "));
}

Deno.test("judgeClaims() calls all claims not measured when there are no parts", () => {
  const claims = judgeClaims(NOTHING);
  assertEquals(claims.length, 10);
  for (const { verdict, numbers, seeds } of claims) {
    assertEquals([verdict, numbers, seeds], ["not measured", [], []]);
  }
});

Deno.test("judgeClaims() counts the seeds in which batch norm improves the validation accuracy", () => {
  const accuracies = { "3-layer": [0.52, 0.53, 0.51], "3-layer-batch-norm": [0.53, 0.53, 0.54] };
  const data = { baselines: runs(accuracies) };
  const claim = find(data, "validation accuracy of three layers");
  assertEquals(claim.verdict, "holds in 2 of 3 seeds");
  assertEquals(claim.seeds, [1, 2, 3]);
  assertEquals(plain(claim.numbers), [
    "without 52.00 % (51.00 to 53.00)",
    "with 53.33 % (53.00 to 54.00)",
    "difference +1.33 points (0.00 to +3.00)",
  ]);
  assertEquals(find(data, "validation accuracy of nine layers").verdict, "not measured");
});

Deno.test("judgeClaims() compares only the seeds that both runs have", () => {
  const accuracies = { "3-layer": [0.52, 0.53], "3-layer-batch-norm": [0.53] };
  const claim = find({ baselines: runs(accuracies) }, "validation accuracy of three layers");
  assertEquals([claim.verdict, claim.seeds], ["holds", [1]]);
  assertEquals(plain(claim.numbers)[0], "without 52.00 %");
});

Deno.test("judgeClaims() calls nine layers considerably worse from one point on", () => {
  for (const [nine, verdict] of [[0.42, "holds"], [0.4201, "does not hold"]] as const) {
    const baselines = runs({ "3-layer": [0.43], "9-layer": [nine] });
    assertEquals(find({ baselines }, "three without batch norm").verdict, verdict);
    assertEquals(find({ baselines }, "three with batch norm").verdict, "not measured");
  }
});

Deno.test("judgeClaims() counts a network that diverged as 0 %", () => {
  const baselines = runs({ "9-layer": [NaN], "9-layer-batch-norm": [0.1] });
  assertEquals(find({ baselines }, "validation accuracy of nine layers").verdict, "holds");
});

Deno.test("judgeClaims() takes less than one point for about, and gives the difference", () => {
  for (const [accuracy, verdict] of [[0.5281, "holds"], [0.528, "does not hold"]] as const) {
    const baselines = runs({ "3-layer-batch-norm": [accuracy] });
    assertEquals(find({ baselines }, "about 53.8").verdict, verdict);
  }
  const baselines = runs({ "3-layer-batch-norm": [0.53] });
  assertEquals(plain(find({ baselines }, "about 53.8").numbers), [
    "test 53.00 %",
    "difference −0.80 points",
  ]);
});

Deno.test("judgeClaims() compares neither other data, nor other settings, nor quick runs", () => {
  for (const own of [{ data: "synthetic" }, { cycles: 1 }, { quick: true }, { hidden: [7] }]) {
    const baselines = runs({ "3-layer-batch-norm": [0.53] }, own);
    const { verdict, numbers } = find({ baselines }, "about 53.8");
    assertEquals([verdict, plain(numbers)], ["not comparable", ["test 53.00 %"]]);
  }
});

/** A search with one best λ of its coarse stage and another of all stages. */
function search(coarse: number, best: number, accuracy = 0.544): ReportData["searches"][number] {
  return {
    seed: 1,
    folder: "lambda-search/seed-1",
    config: config("lambda-search", SEARCH),
    trials: [
      trialRow({ trial: 1, lambda: 1e-5, accuracy: 0.5 }),
      trialRow({ trial: 2, lambda: coarse, accuracy: 0.53 }),
      trialRow({ stage: "fine", trial: 1, lambda: best, accuracy: 0.54 }),
    ],
    figures: [],
    best: [{
      rank: 1,
      lambda: best,
      validationAccuracy: 0.54,
      publishedLambda: null,
      publishedValidationAccuracy: null,
    }],
    final: run("final", 1, accuracy, { cycles: 3 }),
    confusion: null,
  };
}

Deno.test("judgeClaims() tells the best λ of the coarse stage from that of the whole search", () => {
  const data = { searches: [search(0.02, 0.01)] };
  const coarse = find(data, "the coarse search");
  const whole = find(data, "the whole search");
  assertEquals([coarse.verdict, coarse.numbers], ["does not hold", ["λ 2.00e-2"]]);
  assertEquals([whole.verdict, whole.numbers], ["holds", ["λ 1.00e-2"]]);
});

Deno.test("judgeClaims() knows no best λ of a stage whose networks all diverged", () => {
  const own = search(0.02, 0.01);
  const trials = own.trials.map((row) => row.stage === "fine" ? row : { ...row, divergedAt: 3 });
  const data = { searches: [{ ...own, trials }] };
  assertEquals(find(data, "the coarse search").verdict, "not measured");
  assertEquals(find(data, "the whole search").verdict, "holds");
});

Deno.test("judgeClaims() compares the final network by the settings of the search", () => {
  const { verdict, numbers } = find({ searches: [search(0.004, 0.004)] }, "final network");
  assertEquals([verdict, plain(numbers)], ["holds", ["test 54.40 %", "difference 0.00 points"]]);
  assertEquals(
    find({ searches: [search(0.004, 0.004, 0.53)] }, "final network").verdict,
    "does not hold",
  );
});

/** A study with the outcomes of σ = 0.001. */
function study(
  seed: number,
  without: { outcome: string; accuracy: number },
  withNorm: { outcome: string; accuracy: number },
): ReportData["sensitivities"][number] {
  return {
    seed,
    folder: `init-sensitivity/seed-${seed}`,
    config: config("init-sensitivity", { halfCycle: 900, batchNorm: "both" }),
    classes: 10,
    figure: "<svg/>",
    runs: [without, withNorm].map(({ outcome, accuracy }, i) => ({
      ...run("", seed, accuracy).ending,
      sigma: "0.001",
      batchNorm: i === 1,
      outcome,
    })),
  };
}

Deno.test("judgeClaims() says that batch norm rescues what stalls or diverges without it", () => {
  const good = { outcome: "trained", accuracy: 0.51 };
  const stalled = { outcome: "stalled", accuracy: 0.1 };
  const diverged = { outcome: "diverged at step 12", accuracy: 0.1 };
  const data = {
    sensitivities: [study(1, stalled, good), study(2, diverged, good), study(3, good, good)],
  };
  const claim = find(data, "σ\u00a0=\u00a00.001");
  assertEquals(claim.verdict, "holds in 2 of 3 seeds");
  assertEquals(plain(claim.numbers).slice(1), [
    "test with 51.00 % (51.00 to 51.00)",
    "without: stalled (1 of 3), diverged (1 of 3) and trained (1 of 3)",
    "with: trained (3 of 3)",
  ]);
  const worse = { outcome: "worse than guessing", accuracy: 0.2 };
  const rescued = { sensitivities: [study(1, worse, good), study(2, stalled, worse)] };
  const other = find(rescued, "σ\u00a0=\u00a00.001");
  assertEquals(other.verdict, "holds in 1 of 2 seeds");
  assertEquals(plain(other.numbers).slice(2), [
    "without: worse than guessing (1 of 2) and stalled (1 of 2)",
    "with: trained (1 of 2) and worse than guessing (1 of 2)",
  ]);
  assertEquals(find(data, "σ\u00a0=\u00a00.0001").verdict, "not measured");
  // Trained, but hardly better than guessing.
  const poor = { outcome: "trained", accuracy: 0.19 };
  for (const withNorm of [poor, stalled]) {
    const one = { sensitivities: [study(1, stalled, withNorm)] };
    assertEquals(find(one, "σ\u00a0=\u00a00.001").verdict, "does not hold");
  }
  assert(claim.rule.includes("twice"));
});
