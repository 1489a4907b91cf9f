import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import {
  bestFromCsv,
  bestToCsv,
  confusionFromCsv,
  confusionToCsv,
  trialsFromCsv,
  trialsToCsv,
} from "../../src/records/lambda_search.ts";

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

for (
  const [from, to, sentence] of [
    [",0.05,", ",5 %,", 'line 3, column lambda: it is "5 %", expected a positive number'],
    [",0.05,", ",0,", 'line 3, column lambda: it is "0", expected a positive number'],
    [",0.05,", ",-0.05,", 'line 3, column lambda: it is "-0.05", expected a positive number'],
    [",0.05,", ",NaN,", 'line 3, column lambda: it is "NaN", expected a positive number'],
    ["refine-2", "hidden", 'line 3, column stage: it is "hidden", expected coarse, fine, or'],
    ["refine-2", "refine-0", 'line 3, column stage: it is "refine-0", expected coarse, fine, or'],
    ["refine-2", "refine", 'line 3, column stage: it is "refine", expected coarse, fine, or'],
    ["coarse", "", 'line 2, column stage: it is "", expected coarse, fine, or refine- and a'],
    ["refine-2,2,", "coarse,1,", "line 3, column lambda: it is 0.05, expected 0.000015 as in"],
  ] as const
) {
  Deno.test(`trialsFromCsv() refuses ${to} for ${from}, and names line and column`, () => {
    const csv = trialsToCsv(TRIALS);
    assertStringIncludes(csv, from);
    assertThrows(
      () => trialsFromCsv(csv.replace(from, to), { name: "trials.csv" }),
      DataError,
      `Cannot read trials.csv, ${sentence}`,
    );
  });
}

Deno.test("trialsFromCsv() takes every stage, and several rows of a trial", () => {
  const [row] = TRIALS;
  const rows = ["coarse", "fine", "refine-1", "refine-10"].flatMap((stage) => [
    { ...row, stage },
    { ...row, stage, val_accuracy: 0.25 },
  ]);
  assertEquals(trialsFromCsv(trialsToCsv(rows), { name: "trials.csv" }), rows);
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

Deno.test("bestFromCsv() refuses a lambda that is not positive", () => {
  const header = "rank,lambda,val_accuracy,published_lambda,published_val_accuracy\n";
  for (
    const [line, column] of [
      ["1,0,0.5,,", "lambda"],
      ["1,-1e-3,0.5,,", "lambda"],
      ["1,NaN,0.5,,", "lambda"],
      ["1,,0.5,,", "lambda"],
      ["1,0.01,0.5,0,0.5", "published_lambda"],
    ]
  ) {
    assertThrows(
      () => bestFromCsv(`${header}${line}\n`, { name: "best.csv" }),
      DataError,
      `Cannot read best.csv, line 2, column ${column}: it is `,
    );
  }
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

Deno.test("confusionFromCsv() refuses a matrix that counts no images, or has no rows", () => {
  const sentence = "Cannot read confusion.csv: it counts no images, expected at least 1";
  for (const csv of ["true_class,cat,dog\ncat,0,0\ndog,0,0\n", "true_class\n"]) {
    assertThrows(() => confusionFromCsv(csv, { name: "confusion.csv" }), DataError, sentence);
  }
});

Deno.test("confusionFromCsv() refuses an empty file", () => {
  assertThrows(() => confusionFromCsv("", { name: "confusion.csv" }), DataError, "confusion.csv");
});
