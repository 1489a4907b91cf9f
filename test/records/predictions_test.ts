import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import { classRows, countConfusion } from "../../src/model/answers.ts";
import {
  CLASSES_CSV,
  PREDICTION_SUMMARY_JSON,
  PREDICTIONS_CSV,
} from "../../src/records/predictions.ts";

const ROWS = [
  { split: "test", record: 0, label: "a,b", predicted: "c", probability: 0.5, correct: false },
  { split: "test", record: 1, label: "c", predicted: "c", probability: 1, correct: true },
];

Deno.test("PREDICTIONS_CSV.decode() reads what encode() prints", () => {
  const csv = PREDICTIONS_CSV.encode(ROWS);
  assertEquals(csv.split("\n"), [
    "split,record,label,predicted,probability,correct",
    'test,0,"a,b",c,0.5,false',
    "test,1,c,c,1,true",
    "",
  ]);
  assertEquals(PREDICTIONS_CSV.decode(csv, { name: "predictions.csv" }), ROWS);
  const error = assertThrows(
    () => PREDICTIONS_CSV.decode(csv.replace(",0.5,", ",1.5,"), { name: "p.csv" }),
    DataError,
  );
  assertStringIncludes(error.message, "Cannot read p.csv, line 2, column probability");
});

Deno.test("classRows() are precision, recall and F1 by hand, and none where nothing is counted", () => {
  // Three of a, of which two are found; one of b, found; none of c or d; one a is taken for b, none for c or d.
  const confusion = countConfusion([0, 0, 0, 1], {
    predicted: [0, 1, 0, 1],
    classNames: ["a", "b", "c", "d"],
  });
  assertEquals(confusion.counts, [[2, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]);
  const rows = classRows(confusion);
  assertEquals(rows.slice(0, 3), [
    { className: "a", records: 3, precision: 1, recall: 2 / 3, f1: 0.8 },
    { className: "b", records: 1, precision: 0.5, recall: 1, f1: 2 / 3 },
    { className: "c", records: 0, precision: NaN, recall: NaN, f1: NaN },
  ]);
  const csv = CLASSES_CSV.encode(rows);
  assertEquals(csv.split("\n").slice(0, 4), [
    "class,records,precision,recall,f1",
    "a,3,1,0.6666666666666666,0.8",
    "b,1,0.5,1,0.6666666666666666",
    "c,0,,,",
  ]);
  assertEquals(CLASSES_CSV.decode(csv, { name: "classes.csv" }), rows);
});

Deno.test("PREDICTION_SUMMARY_JSON.decode() reads what encode() prints", () => {
  const machine = { adapter: "CPU, in float64", software: true };
  const summary = {
    ...{ data: "pets", split: "all", records: 4, loss: 0.5, accuracy: 0.75 },
    ...machine,
  };
  const json = PREDICTION_SUMMARY_JSON.encode(summary);
  assertEquals(JSON.parse(json), summary);
  assertEquals(PREDICTION_SUMMARY_JSON.decode(json, { name: "summary.json" }), summary);
});
