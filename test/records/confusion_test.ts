import { assert, assertEquals, assertThrows } from "@std/assert";
import { DataError } from "../../src/errors.ts";
import { CONFUSION_CSV } from "../../src/records/confusion.ts";

const CONFUSION = {
  classNames: ["cat", "dog", "mouse, grey"],
  counts: [[3, 1, 0], [0, 4, 0], [1, 1, 2]],
};

Deno.test("CONFUSION_CSV.decode() reads what encode() prints", () => {
  const csv = CONFUSION_CSV.encode(CONFUSION);

  assertEquals(csv.split("\n")[0], 'true_class,cat,dog,"mouse, grey"');
  assertEquals(csv.split("\n")[1], "cat,3,1,0");
  assertEquals(CONFUSION_CSV.decode(csv, { name: "confusion.csv" }), CONFUSION);
});

for (
  const [what, edit, sentence] of [
    ["a count is not a number", ["dog,0,4", "dog,0,four"], "confusion.csv, line 3, column dog"],
    ["rows are in another order", ["cat,3,1", "dog,3,1"], "line 2, column true_class"],
    [
      "there is a row too many",
      ['"mouse, grey",1,1,2\n', '"mouse, grey",1,1,2\nx,1,1,2\n'],
      'line 5, column true_class: it is "x", expected no more rows',
    ],
    ["a row is missing", ["\ndog,0,4,0", ""], "line 3, column true_class"],
    [
      "the last row is missing",
      ['\n"mouse, grey",1,1,2', ""],
      "2 rows, expected one for each of 3",
    ],
    ["the first column is another", ["true_class", "class"], 'column 1 is "class"'],
  ] as const
) {
  Deno.test(`CONFUSION_CSV.decode() refuses a matrix in which ${what}`, () => {
    const csv = CONFUSION_CSV.encode(CONFUSION).replace(edit[0], edit[1]);
    assertThrows(() => CONFUSION_CSV.decode(csv, { name: "confusion.csv" }), DataError, sentence);
  });
}

Deno.test("CONFUSION_CSV.decode() refuses a matrix that counts no images, or has no rows", () => {
  const sentence = "Cannot read confusion.csv: it counts no images, expected at least 1";
  for (const csv of ["true_class,cat,dog\ncat,0,0\ndog,0,0\n", "true_class\n"]) {
    assertThrows(() => CONFUSION_CSV.decode(csv, { name: "confusion.csv" }), DataError, sentence);
  }
});

Deno.test("CONFUSION_CSV keeps the order of classes whose names are numbers, or that of the first column", () => {
  const confusion = {
    classNames: ["9", "true_class", "0"],
    counts: [[3, 1, 0], [0, 4, 0], [1, 1, 2]],
  };
  const csv = CONFUSION_CSV.encode(confusion);
  assertEquals(csv, "true_class,9,true_class,0\n9,3,1,0\ntrue_class,0,4,0\n0,1,1,2\n");
  assertEquals(CONFUSION_CSV.decode(csv, { name: "confusion.csv" }), confusion);
});

Deno.test("CONFUSION_CSV.decode() refuses more classes than its rows can have counts for, at once", () => {
  const csv = `true_class${",a".repeat(1e6)}\n`;
  const began = performance.now();
  assertThrows(
    () => CONFUSION_CSV.decode(csv, { name: "confusion.csv" }),
    DataError,
    "confusion.csv: it has 2000011 characters, expected 1000000 rows of as many counts",
  );
  // It takes 0.1 s; a table of so many columns took 10.
  assert(performance.now() - began < 5000);
});

Deno.test("CONFUSION_CSV.decode() refuses an empty file", () => {
  assertThrows(
    () => CONFUSION_CSV.decode("", { name: "confusion.csv" }),
    DataError,
    "confusion.csv",
  );
});
