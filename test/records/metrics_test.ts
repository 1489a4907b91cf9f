import { assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";

const METRICS: readonly MetricRow[] = [
  {
    step: 0,
    epoch: 0,
    eta: null,
    training: { loss: 2.4, cost: 3.5, accuracy: 0.1 },
    validation: { loss: 2.41, cost: 3.51, accuracy: 0.0998 },
  },
  {
    step: 450,
    epoch: 1,
    eta: 0.1 + 0.2,
    training: { loss: NaN, cost: Infinity, accuracy: NaN },
    validation: { loss: NaN, cost: NaN, accuracy: NaN },
  },
];

Deno.test("METRICS_CSV.encode() prints the columns of metrics.csv, none as an empty cell", () => {
  assertEquals(
    METRICS_CSV.encode(METRICS),
    "step,epoch,eta,train_loss,train_cost,train_accuracy,val_loss,val_cost,val_accuracy\n" +
      "0,0,,2.4,3.5,0.1,2.41,3.51,0.0998\n" +
      "450,1,0.30000000000000004,NaN,Infinity,,NaN,NaN,\n",
  );
});

Deno.test("METRICS_CSV.decode() returns what encode() was given", () => {
  assertEquals(METRICS_CSV.decode(METRICS_CSV.encode(METRICS), { name: "metrics.csv" }), [
    ...METRICS,
  ]);
});

Deno.test("METRICS_CSV.encode() leaves cells of validation empty where there is none, also where a network diverged", () => {
  const none = { loss: NaN, cost: NaN, accuracy: NaN };
  const rows = METRICS.map((row) => ({ ...row, validation: none }));
  const text = METRICS_CSV.encode(rows);
  assertEquals(text.split("\n").slice(1), [
    "0,0,,2.4,3.5,0.1,,,",
    "450,1,0.30000000000000004,NaN,Infinity,,,,",
    "",
  ]);
  assertEquals(METRICS_CSV.decode(text, { name: "metrics.csv" }), rows);
  assertEquals(METRICS_CSV.encode(METRICS_CSV.decode(text, { name: "metrics.csv" })), text);
  assertThrows(
    () => METRICS_CSV.decode(text.replace("0.1,,,", "0.1,low,,"), { name: "metrics.csv" }),
    DataError,
    'column val_loss: it is "low", expected a number, or nothing',
  );
  // The empty cells of training are another matter.
  assertThrows(
    () => METRICS_CSV.decode(text.replace("2.4,", ","), { name: "metrics.csv" }),
    DataError,
    'column train_loss: it is "", expected a number',
  );
});

Deno.test("METRICS_CSV.decode() names file, line and column of an edited cell", () => {
  const text = METRICS_CSV.encode(METRICS).replace("3.51,0.0998", "3.51,9.98");
  assertThrows(
    () => METRICS_CSV.decode(text, { name: "out/metrics.csv" }),
    DataError,
    'Cannot read out/metrics.csv, line 2, column val_accuracy: it is "9.98", expected a number ' +
      "between 0 and 1, or nothing",
  );
});
