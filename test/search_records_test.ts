import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../src/errors.ts";
import {
  bestFromCsv,
  bestToCsv,
  confusionFromCsv,
  confusionToCsv,
  trialsFromCsv,
  trialsToCsv,
} from "../src/search_records.ts";

const TRIALS = [
  {
    stage: "coarse",
    trial: 1,
    lambda: 1.5e-5,
    seed: 1,
    val_loss: 1.5,
    val_cost: 1.75,
    val_accuracy: 0.5,
    train_loss: 1.25,
    train_cost: 1.5,
    train_accuracy: 0.625,
    diverged_at: null,
  },
  {
    stage: "refine-2",
    trial: 2,
    lambda: 0.05,
    seed: 1,
    val_loss: NaN,
    val_cost: NaN,
    val_accuracy: 0.1,
    train_loss: NaN,
    train_cost: Infinity,
    train_accuracy: 0.1,
    diverged_at: 12,
  },
];

const CONFUSION = {
  classNames: ["cat", "dog", "mouse, grey"],
  counts: [[3, 1, 0], [0, 4, 0], [1, 1, 2]],
};

Deno.test("trialsFromCsv() reads what trialsToCsv() prints", () => {
  const csv = trialsToCsv(TRIALS);

  assertEquals(csv.split("\n").slice(0, 2), [
    "stage,trial,lambda,seed,val_loss,val_cost,val_accuracy,train_loss,train_cost,train_accuracy,diverged_at",
    "coarse,1,0.000015,1,1.5,1.75,0.5,1.25,1.5,0.625,",
  ]);
  assertEquals(trialsFromCsv(csv, { name: "trials.csv" }), TRIALS);
});

Deno.test("trialsFromCsv() names line and column of what was edited by hand", () => {
  const csv = trialsToCsv(TRIALS).replace("0.05", "5 %");

  assertThrows(
    () => trialsFromCsv(csv, { name: "trials.csv" }),
    DataError,
    "trials.csv, line 3, column lambda",
  );
});

Deno.test("bestFromCsv() reads what bestToCsv() prints", () => {
  const rows = [
    {
      rank: 1,
      lambda: 3e-3,
      val_accuracy: 0.53,
      published_lambda: 3.51e-3,
      published_val_accuracy: 0.553,
    },
    {
      rank: 2,
      lambda: 4e-3,
      val_accuracy: 0.52,
      published_lambda: null,
      published_val_accuracy: null,
    },
  ];
  const csv = bestToCsv(rows);

  assertEquals(csv.split("\n")[2], "2,0.004,0.52,,");
  assertEquals(bestFromCsv(csv, { name: "best.csv" }), rows);
});

Deno.test("confusionFromCsv() reads what confusionToCsv() prints", () => {
  const csv = confusionToCsv(CONFUSION);

  assertEquals(csv.split("\n")[0], 'true_class,cat,dog,"mouse, grey"');
  assertEquals(csv.split("\n")[1], "cat,3,1,0");
  assertEquals(confusionFromCsv(csv, { name: "confusion.csv" }), CONFUSION);
});

for (
  const [what, edit, sentence] of [
    ["a count is no number", ["dog,0,4", "dog,0,four"], "confusion.csv, line 3, column dog"],
    ["rows are in another order", ["cat,3,1", "dog,3,1"], "line 2, column true_class"],
    ["a row is missing", ["\ndog,0,4,0", ""], "line 3, column true_class"],
    [
      "the last row is missing",
      ['\n"mouse, grey",1,1,2', ""],
      "2 rows, expected one for each of 3",
    ],
    ["the first column is another", ["true_class", "class"], 'column 1 is "class"'],
  ] as const
) {
  Deno.test(`confusionFromCsv() refuses a matrix in which ${what}`, () => {
    const csv = confusionToCsv(CONFUSION).replace(edit[0], edit[1]);
    assertThrows(() => confusionFromCsv(csv, { name: "confusion.csv" }), DataError, sentence);
  });
}

Deno.test("confusionFromCsv() refuses an empty file", () => {
  assertThrows(() => confusionFromCsv("", { name: "confusion.csv" }), DataError, "confusion.csv");
});
