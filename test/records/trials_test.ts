import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import { BEST_CSV, TRIALS_CSV } from "../../src/records/trials.ts";

const TRIALS = [
  {
    stage: "coarse",
    trial: 1,
    lambda: 1.5e-5,
    seed: 1,
    validation: { loss: 1.5, cost: 1.75, accuracy: 0.5 },
    training: { loss: 1.25, cost: 1.5, accuracy: 0.625 },
    divergedAt: null,
  },
  {
    stage: "refine-2",
    trial: 2,
    lambda: 0.05,
    seed: 1,
    validation: { loss: NaN, cost: NaN, accuracy: NaN },
    training: { loss: NaN, cost: Infinity, accuracy: NaN },
    divergedAt: 12,
  },
];

Deno.test("TRIALS_CSV.decode() reads what encode() prints", () => {
  const csv = TRIALS_CSV.encode(TRIALS);

  assertEquals(csv.split("\n").slice(0, 3), [
    "stage,trial,lambda,seed,val_loss,val_cost,val_accuracy,train_loss,train_cost,train_accuracy,diverged_at",
    "coarse,1,0.000015,1,1.5,1.75,0.5,1.25,1.5,0.625,",
    "refine-2,2,0.05,1,NaN,NaN,,NaN,Infinity,,12",
  ]);
  assertEquals(TRIALS_CSV.decode(csv, { name: "trials.csv" }), TRIALS);
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
  Deno.test(`TRIALS_CSV.decode() refuses ${to} for ${from}, and names line and column`, () => {
    const csv = TRIALS_CSV.encode(TRIALS);
    assertStringIncludes(csv, from);
    assertThrows(
      () => TRIALS_CSV.decode(csv.replace(from, to), { name: "trials.csv" }),
      DataError,
      `Cannot read trials.csv, ${sentence}`,
    );
  });
}

Deno.test("TRIALS_CSV.decode() accepts every stage, and several rows of a trial", () => {
  const [row] = TRIALS;
  const rows = ["coarse", "fine", "refine-1", "refine-10"].flatMap((stage) => [
    { ...row, stage },
    { ...row, stage, validation: { ...row.validation, accuracy: 0.25 } },
  ]);
  assertEquals(TRIALS_CSV.decode(TRIALS_CSV.encode(rows), { name: "trials.csv" }), rows);
});

Deno.test("BEST_CSV.decode() reads what encode() prints", () => {
  const rows = [
    {
      rank: 1,
      lambda: 3e-3,
      validationAccuracy: 0.53,
      publishedLambda: 3.51e-3,
      publishedValidationAccuracy: 0.553,
    },
    {
      rank: 2,
      lambda: 4e-3,
      validationAccuracy: 0.52,
      publishedLambda: null,
      publishedValidationAccuracy: null,
    },
  ];
  const csv = BEST_CSV.encode(rows);

  assertEquals(csv.split("\n")[2], "2,0.004,0.52,,");
  assertEquals(BEST_CSV.decode(csv, { name: "best.csv" }), rows);
});

Deno.test("BEST_CSV.decode() refuses a lambda that is not positive", () => {
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
      () => BEST_CSV.decode(`${header}${line}\n`, { name: "best.csv" }),
      DataError,
      `Cannot read best.csv, line 2, column ${column}: it is `,
    );
  }
});
