import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import { LEARNING_RATES_CSV } from "../../src/records/learning_rates.ts";
import type { RateRow } from "../../src/train/learning_rates.ts";

const ROWS: readonly RateRow[] = [
  { eta: 1e-5, trainingLoss: 2.25, trainingAccuracy: 0.125, divergedAt: null },
  { eta: 1, trainingLoss: NaN, trainingAccuracy: NaN, divergedAt: 3 },
];

const TEXT = "eta,train_loss,train_accuracy,diverged_at\n0.00001,2.25,0.125,\n1,NaN,,3\n";

Deno.test("LEARNING_RATES_CSV.encode() prints the columns of learning_rates.csv", () => {
  assertEquals(LEARNING_RATES_CSV.encode(ROWS), TEXT);
});

Deno.test("LEARNING_RATES_CSV.decode() returns what encode() was given, and names an edited cell", () => {
  const file = { name: "learning_rates.csv" };
  assertEquals(LEARNING_RATES_CSV.decode(TEXT, file), [...ROWS]);
  const cases: [from: string, to: string, message: string][] = [
    ["0.00001", "0", 'line 2, column eta: it is "0", expected a positive number'],
    [",0.125,", ",1.5,", 'line 2, column train_accuracy: it is "1.5", expected a number between'],
    [",3\n", ",-3\n", 'line 3, column diverged_at: it is "-3", expected a whole number from 0'],
  ];
  for (const [from, to, message] of cases) {
    assertThrows(
      () => LEARNING_RATES_CSV.decode(TEXT.replace(from, to), file),
      DataError,
      `Cannot read learning_rates.csv, ${message}`,
    );
  }
});
