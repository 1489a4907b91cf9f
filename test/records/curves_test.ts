import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import { CURVES_CSV } from "../../src/records/curves.ts";
import type { CurveRow } from "../../src/train/sensitivity.ts";

const ROWS: readonly CurveRow[] = [
  { sigma: "0.001", batchNorm: false, step: 0, trainingLoss: 2.302585093 },
  { sigma: "0.001", batchNorm: false, step: 100, trainingLoss: NaN },
  { sigma: "he", batchNorm: true, step: 0, trainingLoss: Infinity },
];

const TEXT = "sigma,batch_norm,step,train_loss\n" +
  "0.001,false,0,2.302585093\n" +
  "0.001,false,100,NaN\n" +
  "he,true,0,Infinity\n";

Deno.test("CURVES_CSV.encode() prints the columns of curves.csv, NaN and infinity by their names", () => {
  assertEquals(CURVES_CSV.encode(ROWS), TEXT);
});

Deno.test("CURVES_CSV.decode() returns what encode() was given", () => {
  assertEquals(CURVES_CSV.decode(TEXT, { name: "curves.csv" }), [...ROWS]);
});

Deno.test("CURVES_CSV.decode() accepts every kind of initial weights", () => {
  const rows = ["he", "xavier", "0.1", "1e-7", "1"].map((sigma) => ({ ...ROWS[0], sigma }));
  assertEquals(CURVES_CSV.decode(CURVES_CSV.encode(rows), { name: "curves.csv" }), rows);
});

Deno.test("CURVES_CSV.decode() names file, line and column of an edited cell", () => {
  const cases: [from: string, to: string, message: string][] = [
    ["false,100", "off,100", 'line 3, column batch_norm: it is "off", expected true or false'],
    ["false,100", "false,1.5", 'line 3, column step: it is "1.5", expected a whole number from 0'],
    ["true,0,Infinity", "true,0,", 'line 4, column train_loss: it is "", expected a number'],
    ["he,", "she,", 'line 4, column sigma: it is "she", expected he, xavier, or a positive number'],
    ["he,", "0,", 'line 4, column sigma: it is "0", expected he, xavier, or a positive number'],
    ["he,", "-1,", 'line 4, column sigma: it is "-1", expected he, xavier, or a positive number'],
    ["he,", "NaN,", 'line 4, column sigma: it is "NaN", expected he, xavier, or a positive number'],
    ["he,", ",", 'line 4, column sigma: it is "", expected he, xavier, or a positive number'],
    ["he,", "0.10,", 'line 4, column sigma: it is "0.10", expected he, xavier, or a positive num'],
    ["sigma,", "std,", 'line 1: the name of column 1 is "std", expected "sigma"'],
  ];
  for (const [from, to, message] of cases) {
    assertThrows(
      () => CURVES_CSV.decode(TEXT.replace(from, to), { name: "out/curves.csv" }),
      DataError,
      `Cannot read out/curves.csv, ${message}`,
    );
  }
});
