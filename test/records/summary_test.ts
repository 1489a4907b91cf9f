import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import {
  GRADIENT_CHECK_SUMMARY_JSON,
  RATE_TEST_SUMMARY_JSON,
  RUN_SUMMARY_JSON,
  type RunSummary,
  SEARCH_SUMMARY_JSON,
  STUDY_SUMMARY_JSON,
} from "../../src/records/summary.ts";

const MACHINE = { adapter: "llvmpipe", software: true };
const EVALUATION = { loss: 1.5, cost: 1.75, accuracy: 0.5 };
const LOST = { loss: NaN, cost: NaN, accuracy: 0.1 };

const RUN: RunSummary = {
  data: "CIFAR-10",
  training: EVALUATION,
  validation: LOST,
  test: EVALUATION,
  steps: 9000,
  epochs: 20,
  divergedAt: 12,
  ...MACHINE,
};

Deno.test("RUN_SUMMARY_JSON.encode() prints the fields of summary.json, and null for NaN", () => {
  const evaluation = '{"loss":1.5,"cost":1.75,"accuracy":0.5}';
  assertEquals(
    JSON.stringify(JSON.parse(RUN_SUMMARY_JSON.encode(RUN))),
    `{"data":"CIFAR-10","train":${evaluation},"val":{"loss":null,"cost":null,"accuracy":0.1},` +
      `"test":${evaluation},"steps":9000,"epochs":20,"diverged_at":12,"adapter":"llvmpipe",` +
      '"software":true}',
  );
  assertEquals(RUN_SUMMARY_JSON.fields({ ...RUN, quick: true }).quick, true);
  const best = { bestStep: 450, bestValidation: EVALUATION };
  for (const own of [best, { bestStep: null, bestValidation: null }]) {
    const text = RUN_SUMMARY_JSON.encode({ ...RUN, ...own });
    assertEquals(RUN_SUMMARY_JSON.decode(text, { name: "x" }), { ...RUN, ...own });
  }
  assertEquals(RUN_SUMMARY_JSON.fields({ ...RUN, ...best }).best_step, 450);
});

Deno.test("decode() of every summary returns what encode() was given", () => {
  const name = "summary.json";
  for (const run of [RUN, { ...RUN, quick: true, divergedAt: null }]) {
    assertEquals(RUN_SUMMARY_JSON.decode(RUN_SUMMARY_JSON.encode(run), { name }), run);
  }
  const { data: _, epochs: __, adapter: ___, software: ____, ...ending } = RUN;
  const run = { sigma: "0.001", batchNorm: true, ...ending, outcome: "diverged at step 12" };
  const study = { data: "CIFAR-10", classes: 10, runs: [run], ...MACHINE };
  assertEquals(STUDY_SUMMARY_JSON.decode(STUDY_SUMMARY_JSON.encode(study), { name }), study);
  const search = {
    ...{ data: "CIFAR-10", classes: 10, bestLambda: 3e-3, coarseBestLambda: 2e-2 },
    validationAccuracy: 0.54,
    best: [{
      ...{ rank: 1, lambda: 3e-3, validationAccuracy: 0.54 },
      ...{ publishedLambda: 3.51e-3, publishedValidationAccuracy: null },
    }],
    final: RUN,
    ...MACHINE,
  };
  assertEquals(SEARCH_SUMMARY_JSON.decode(SEARCH_SUMMARY_JSON.encode(search), { name }), search);
  for (
    const [range, reason] of [
      [{ etaMin: 1e-3, etaMax: 0.3, best: 0.1 }, null],
      [null, "All networks diverged: expected smaller rates"],
    ] as const
  ) {
    const test = {
      ...{ data: "CIFAR-10", classes: 10, steps: 450, initialLoss: NaN },
      ...{ range, reason, ...MACHINE },
    };
    const format = RATE_TEST_SUMMARY_JSON;
    assertEquals(format.decode(format.encode(test), { name }), test);
  }
  const worst = { name: "W1", kind: "change", error: 1e-5, bar: 1e-4 };
  const trial = { hidden: [50, 50], batchNorm: false, inputs: 10, batch: 20, worst, failures: [] };
  const check = { data: "CIFAR-10", passed: true, trials: [trial], ...MACHINE };
  assertEquals(
    GRADIENT_CHECK_SUMMARY_JSON.decode(GRADIENT_CHECK_SUMMARY_JSON.encode(check), { name }),
    check,
  );
});

Deno.test("RUN_SUMMARY_JSON.decode() names file and field of what is missing or of another kind", () => {
  const text = RUN_SUMMARY_JSON.encode(RUN);
  const cases: [from: string, to: string, message: string][] = [
    ['"steps": 9000', '"steps": null', "steps is null, expected a whole number from 0"],
    ['"val"', '"other"', "val is missing, expected an object"],
    ['"loss": 1.5', '"loss": "few"', 'train.loss is "few", expected a number'],
    ['"steps": 9000', '"steps": 1.5', "steps is 1.5, expected a whole number from 0"],
    ['"steps": 9000', '"steps": -1', "steps is -1, expected a whole number from 0"],
    ['"epochs": 20', '"epochs": 1e999', "epochs is Infinity, expected a number"],
    ['"accuracy": 0.1', '"accuracy": 53.8', "val.accuracy is 53.8, expected a number between 0"],
    [
      '"loss": 1.5',
      `"loss": ${"[".repeat(1e5)}${"]".repeat(1e5)}`,
      "train.loss is [[[[",
    ],
    ['"software": true', '"software": 1', "software is 1, expected true or false"],
    [text, "[]", "all of it is [], expected an object"],
  ];
  for (const [from, to, message] of cases) {
    assertThrows(
      () => RUN_SUMMARY_JSON.decode(text.replace(from, to), { name: "out/summary.json" }),
      DataError,
      `Cannot read out/summary.json: ${message}`,
    );
  }
  assertThrows(
    () => RUN_SUMMARY_JSON.decode("{", { name: "out/summary.json" }),
    DataError,
    "Cannot read out/summary.json: ",
  );
});
