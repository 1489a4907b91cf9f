import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { type SplitOptions, splitRecords, stratifiedCounts } from "../../src/data/split.ts";
import { ArgumentError } from "../../src/errors.ts";
import { Random } from "../../src/model/random.ts";

/** Records whose only value is their number, with so many of each class, mixed. */
function recordsOf(totals: readonly number[]) {
  const sorted = totals.flatMap((total, label) => Array<number>(total).fill(label));
  const order = new Random(sorted.length, "mixed").permutation(sorted.length);
  return {
    images: Float32Array.from(sorted, (_, i) => i),
    labels: Array.from(order, (i) => sorted[i]),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

Deno.test("splitRecords() puts every record with its label into exactly one part, whatever the sizes", () => {
  const random = new Random(3, "splits");
  for (let trial = 0; trial < 60; trial++) {
    const totals = Array.from({ length: 1 + random.below(8) }, () => 1 + random.below(40));
    const all = recordsOf(totals);
    const count = all.labels.length;
    const test = random.below(Math.ceil(count / 2));
    const validation = random.below(Math.ceil(count / 2));
    if (test + validation >= count) continue;
    const options = { test, validation, seed: trial, stratify: trial % 3 > 0 };
    const parts = splitRecords(all, options);

    assertEquals([parts.test.count, parts.validation.count], [test, validation]);
    const found = [parts.training, parts.validation, parts.test].flatMap(({ images, labels }) => {
      assertEquals(images.length, labels.length);
      return [...images].map((value, i) => [value, labels[i]]);
    });
    const expected = [...all.images].map((value, i) => [value, all.labels[i]]);
    assertEquals(found.sort(([a], [b]) => a - b), expected);
  }
});

Deno.test("stratifiedCounts() keeps all sums, and every count within 1 of its share", () => {
  const random = new Random(4, "tables");
  let [rounded, small] = [0, 0];
  for (let trial = 0; trial < 400; trial++) {
    const totals = Array.from(
      { length: 1 + random.below(12) },
      () => 1 + random.below(random.below(2) === 0 ? 8 : 300),
    );
    const all = sum(totals);
    const test = random.below(Math.ceil(all / 2));
    const validation = random.below(all - test);
    const sizes = [test, validation, all - test - validation];
    const counts = stratifiedCounts(totals, sizes);

    assertEquals(counts.map(sum), totals);
    assertEquals(sizes.map((_, s) => sum(counts.map((row) => row[s]))), sizes);
    for (const [c, row] of counts.entries()) {
      const shares = sizes.map((size) => totals[c] * size / all);
      // Only a class without a whole record for each part is less in proportion, to be in more of them.
      const bound = shares.every((share) => share >= 1 || share === 0) ? 1 : 2;
      for (const [s, n] of row.entries()) {
        assert(Math.abs(n - shares[s]) <= bound, `${n} for ${shares[s]}: ${totals} in ${sizes}`);
        assert(n >= 1 || shares[s] < 1, `none for ${shares[s]}: ${totals} in ${sizes}`);
        assert(Number.isInteger(n) && n >= 0);
        if (!Number.isInteger(shares[s])) rounded++;
      }
      small += Number(bound === 2);
    }
  }
  assert(rounded > 1000 && small > 100, `${rounded} rounded, ${small} small`);
});

Deno.test("stratifiedCounts() has every class in every part where it has records for each", () => {
  // Shares of 0.45 records for validation and for test: one of each all the same.
  assertEquals(stratifiedCounts([100, 3, 47], [23, 22, 105])[1], [1, 1, 1]);
  assertEquals(stratifiedCounts([50, 50, 50], [23, 22, 105]).map(([test]) => test).sort(), [
    7,
    8,
    8,
  ]);
  // Two records cannot be in three parts.
  assertEquals(sum(stratifiedCounts([100, 2, 48], [23, 22, 105])[1]), 2);
  // With nothing to test with, two are enough.
  assertEquals(stratifiedCounts([100, 2, 48], [0, 30, 120])[1], [0, 1, 1]);
});

Deno.test("splitRecords() takes shares and counts, and 15 % twice unless told otherwise", () => {
  const all = recordsOf([50, 50, 50]);
  const sizes = (options?: SplitOptions) => {
    const { training, validation, test } = splitRecords(all, options);
    return [training.count, validation.count, test.count];
  };
  assertEquals(sizes(), [104, 23, 23]);
  assertEquals(sizes({ validation: 0.2, test: 0 }), [120, 30, 0]);
  assertEquals(sizes({ validation: 1, test: 10 }), [139, 1, 10]);
});

Deno.test("splitRecords() gives the same parts for a seed and others for another, in a random order", () => {
  const all = {
    ...recordsOf([60, 60]),
    labels: Array.from({ length: 120 }, (_, i) => i < 60 ? 0 : 1),
  };
  const order = (seed: number) => [...splitRecords(all, { seed }).training.images];
  assertEquals(order(5), order(5));
  assertNotEquals(order(5), order(6));
  // The classes are in turn in the records, and mixed among the first of a part.
  const first = splitRecords(all).training.labels.slice(0, 20);
  assert(first.includes(0) && first.includes(1));
});

Deno.test("splitRecords() keeps bytes bytes and numbers numbers", () => {
  const bytes = splitRecords({ images: Uint8Array.of(1, 2, 3, 4, 5, 6), labels: [0, 1, 0] }, {
    test: 1,
  });
  assert(bytes.test.images instanceof Uint8Array);
  assertEquals(bytes.test.images.length, 2);
  assert(splitRecords(recordsOf([5, 5])).test.images instanceof Float32Array);
});

Deno.test("splitRecords() refuses sizes and options that are not allowed", () => {
  const all = recordsOf([5, 5]);
  const refuses = (options: object, message: string) => {
    const error = assertThrows(() => splitRecords(all, options), ArgumentError);
    assertEquals(error.message, message);
  };
  const size = "expected a share from 0 to less than 1, or an integer from 1";
  for (const value of [-0.1, 1.5, NaN, Infinity, -3]) {
    refuses({ test: value }, `Cannot split records with test ${value}, ${size}`);
  }
  refuses({ validation: "0.2" }, `Cannot split records with validation "0.2", ${size}`);
  refuses(
    { validation: 0.5, test: 0.5 },
    "Cannot split 10 records: test takes 5 and validation 5, expected at most 9 together",
  );
  refuses(
    { train: 0.7 },
    "Cannot split records: there is no option train, expected some of validation, test, seed, stratify",
  );
  refuses({ stratify: 1 }, "Cannot split records with stratify 1, expected true or false");
  assertThrows(() => splitRecords(all, { seed: -1 }), ArgumentError, "Cannot seed");
  assertThrows(
    () => splitRecords({ ...all, labels: all.labels.with(3, 256) }),
    ArgumentError,
    "image 3 (from 0) has label 256, expected an integer from 0 to 255",
  );
});
