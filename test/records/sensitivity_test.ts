import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import { type CurveRow, curvesFromCsv, curvesToCsv } from "../../src/records/sensitivity.ts";

const ROWS: readonly CurveRow[] = [
  { sigma: "0.001", batch_norm: false, step: 0, train_loss: 2.302585093 },
  { sigma: "0.001", batch_norm: false, step: 100, train_loss: NaN },
  { sigma: "he", batch_norm: true, step: 0, train_loss: Infinity },
];

const TEXT = "sigma,batch_norm,step,train_loss\n" +
  "0.001,false,0,2.302585093\n" +
  "0.001,false,100,NaN\n" +
  "he,true,0,Infinity\n";

Deno.test("curvesToCsv() prints the columns of curves.csv, NaN and infinity by their names", () => {
  assertEquals(curvesToCsv(ROWS), TEXT);
});

Deno.test("curvesFromCsv() gives back what curvesToCsv() was given", () => {
  assertEquals(curvesFromCsv(TEXT, { name: "curves.csv" }), [...ROWS]);
});

Deno.test("curvesFromCsv() takes every way to start the weights", () => {
  const rows = ["he", "xavier", "0.1", "1e-7", "1"].map((sigma) => ({ ...ROWS[0], sigma }));
  assertEquals(curvesFromCsv(curvesToCsv(rows), { name: "curves.csv" }), rows);
});

Deno.test("curvesFromCsv() names file, line and column of an edited cell", () => {
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
      () => curvesFromCsv(TEXT.replace(from, to), { name: "out/curves.csv" }),
      DataError,
      `Cannot read out/curves.csv, ${message}`,
    );
  }
});
