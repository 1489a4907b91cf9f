import { assert, assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { createDataSet, cutInputs, standardise, subset } from "../../src/data/dataset.ts";
import { ArgumentError } from "../../src/errors.ts";
import { MIN_FLOAT32 } from "../../src/model/float32.ts";
import { Random } from "../../src/model/random.ts";

const OPTIONS = { name: "flowers", classNames: ["a", "b", "c"] };

/** Random measured values: [count, inputs] around an offset, and labels of three classes in turn. */
function drawFloats(count: number, inputs: number, offset = 0) {
  const random = new Random(count, "floats", inputs);
  return {
    images: Float32Array.from({ length: count * inputs }, () => offset + random.normal()),
    labels: Array.from({ length: count }, (_, i) => i % 3),
  };
}

Deno.test("createDataSet() takes float32 numbers as they are", async () => {
  const training = drawFloats(40, 4);
  const test = drawFloats(7, 4);
  const dataset = await createDataSet(training, test, OPTIONS);

  assertEquals([dataset.input, dataset.inputs], ["floats", 4]);
  assertEquals([dataset.training, dataset.validation, dataset.test].map(({ count }) => count), [
    36,
    4,
    7,
  ]);
  assert(dataset.training.images.buffer === training.images.buffer, "expected views");
  assertEquals([...dataset.validation.labels], training.labels.slice(36));
  const values = standardise(dataset.training.images, dataset);
  for (let j = 0; j < 4; j++) {
    const own = values.filter((_, i) => i % 4 === j);
    const mean = own.reduce((sum, value) => sum + value) / 36;
    const variance = own.reduce((sum, value) => sum + value * value, 0) / 36;
    // Mean and deviation are rounded to float32, by up to 6e-8 of them.
    assert(Math.abs(mean) < 1e-7, String(mean));
    assert(Math.abs(variance - 1) < 1e-6, String(variance));
  }
  const cut = cutInputs(dataset, 3);
  assertEquals([...cut.test.images], [...test.images].filter((_, i) => i % 4 < 3));
  assert(cut.test.images instanceof Float32Array);
});

Deno.test("createDataSet() finds the deviation of floats beside a large offset, and 1 where there is none", async () => {
  // Multiples of 1/16 around 1e6, whose float32 neighbours are 1/16 apart.
  const column = [-1, 1, -1, 1, -0.5, 0.5, 0, 0];
  const tiny = 2 ** -149;
  const rows = column.map((
    value,
    i,
  ) => [1e6 + value, 0.1, -3e38, i * tiny, i === 0 ? 1 : 1 + 2 ** -23]);
  const images = Float32Array.from(rows.flat());
  const { mean, std } = await createDataSet(
    { images, labels: column.map((_, i) => i % 3) },
    undefined,
    { ...OPTIONS, validation: 0 },
  );
  assertEquals(mean[0], 1e6);
  assertEquals(std[0], Math.fround(Math.sqrt(4.5 / 8)));
  assertEquals([mean[1], mean[2]], [Math.fround(0.1), Math.fround(-3e38)]);
  // A value that never changes, and one that changes by less than the smallest normal float32.
  assertEquals([...std.subarray(1, 4)], [1, 1, 1]);
  assert(MIN_FLOAT32 > 8 * tiny);
  // One image in eight is a neighbour apart: the deviation is √7 / 8 of that.
  assertEquals(std[4], Math.fround(Math.sqrt(7) / 8 * 2 ** -23));
});

Deno.test("createDataSet() keeps the deviation of floats finite at both ends of float32", async () => {
  const max = Math.fround(3.4028234e38);
  const { mean, std } = await createDataSet(
    { images: Float32Array.of(max, -max), labels: [0, 1] },
    undefined,
    { name: "far", classNames: ["a", "b"] },
  );
  assertEquals([mean[0], std[0]], [0, max]);
});

Deno.test("createDataSet() takes the digest of float32 bytes behind each label", async () => {
  const training = drawFloats(10_004, 2);
  const bytesOf = (start: number, end: number) => {
    const bytes = new Uint8Array((end - start) * 9);
    const view = new DataView(bytes.buffer);
    for (let i = start; i < end; i++) {
      bytes[(i - start) * 9] = training.labels[i];
      for (let j = 0; j < 2; j++) {
        view.setFloat32((i - start) * 9 + 1 + 4 * j, training.images[2 * i + j], true);
      }
    }
    return createHash("sha256").update(bytes).digest();
  };
  const expected = createHash("sha256").update(bytesOf(0, 10_000)).update(bytesOf(10_000, 10_004));
  const { sha256 } = await createDataSet(training, undefined, OPTIONS);
  assertEquals(sha256, expected.digest("hex"));
});

Deno.test("createDataSet() takes other records for validation, and their places into the digest", async () => {
  const [training, other] = [drawFloats(10, 2), drawFloats(6, 2)];
  const dataset = await createDataSet(training, undefined, { ...OPTIONS, validation: other });
  assertEquals([dataset.training.count, dataset.validation.count, dataset.test.count], [10, 6, 0]);
  assertEquals(dataset.validation.images, other.images);
  const swapped = await createDataSet(training, other, { ...OPTIONS, validation: 0 });
  const neither = await createDataSet(training, other, {
    ...OPTIONS,
    validation: { images: new Float32Array(), labels: [] },
  });
  assertEquals(new Set([dataset.sha256, swapped.sha256, neither.sha256]).size, 3);
});

Deno.test("createDataSet() warns of classes that a split lacks", async () => {
  const images = Uint8Array.of(1, 2, 3, 4);
  const { warnings } = await createDataSet(
    { images, labels: [0, 0, 2, 2] },
    { images: Uint8Array.of(5), labels: [1] },
    { ...OPTIONS, validation: 2 },
  );
  assertEquals(warnings, [
    'No training image is of the classes "b" and "c"',
    'No validation image is of the classes "a" and "b"',
    'No test image is of the classes "a" and "c"',
  ]);
  const names = Array.from({ length: 9 }, (_, i) => `${i}`);
  const { warnings: many } = await createDataSet(
    { images, labels: [0, 1, 0, 1] },
    undefined,
    { name: "many", classNames: names, validation: 0 },
  );
  assertEquals(many, ['No training image is of the classes "2", "3", "4", "5", "6" and 2 more']);
  const whole = await createDataSet(drawFloats(30, 1), undefined, OPTIONS);
  assertEquals(whole.warnings, []);
});

Deno.test("subset() and cutInputs() cope with empty splits", async () => {
  const whole = await createDataSet(drawFloats(9, 3), undefined, OPTIONS);
  assertEquals([whole.validation.count, whole.test.count], [0, 0]);
  const small = subset(cutInputs(whole, 2), { training: 5, validation: 0, test: 0 });
  assertEquals([small.training.images.length, small.test.images.length], [10, 0]);
  const full = await createDataSet(drawFloats(30, 3), undefined, OPTIONS);
  assertEquals(subset(full, { validation: 0 }).validation.count, 0);
});

Deno.test("createDataSet() refuses records of wrong types in a sentence", async () => {
  const good = drawFloats(6, 2);
  const refuses = async (change: object, message: string) => {
    const error = await assertRejects(
      () => createDataSet({ ...good, ...change }, undefined, OPTIONS),
      ArgumentError,
    );
    assertEquals(error.message, message);
  };
  const values = "Cannot use the training images of flowers: their values are";
  const arrays = "expected a Uint8Array or a Float32Array";
  await refuses({ images: [1, 2] }, `${values} an Array, ${arrays}`);
  await refuses({ images: new Int16Array(12) }, `${values} an Int16Array, ${arrays}`);
  await refuses({ images: new Float64Array(12) }, `${values} a Float64Array, ${arrays}`);
  await refuses({ images: new Uint8ClampedArray(12) }, `${values} a Uint8ClampedArray, ${arrays}`);
  await refuses({ images: undefined }, `${values} missing, ${arrays}`);
  await refuses({ images: null }, `${values} null, ${arrays}`);
  const labels = "Cannot use the training images of flowers: their labels are";
  await refuses({ labels: undefined }, `${labels} missing, expected an array of numbers`);
  await refuses({ labels: "012012" }, `${labels} a string, expected an array of numbers`);
  const image = "Cannot use the training images of flowers: image 1 (from 0) has label";
  for (
    const [label, shown] of [[3, "3"], [-1, "-1"], [0.5, "0.5"], [NaN, "NaN"], ["1", '"1"'], [
      1n,
      "1n",
    ], [undefined, "missing"]]
  ) {
    await refuses({ labels: [0, label, 0, 0, 0, 0] }, `${image} ${shown}, expected 0 to 2`);
  }
  await refuses(
    { images: new Float32Array(11) },
    "Cannot use 6 training images of flowers in 11 values: " +
      "expected as many values in every training, validation and test image",
  );
  await refuses(
    { labels: [0], count: 2 },
    "Cannot use 2 training images of flowers with 1 labels: expected one label each",
  );
  await refuses(
    { images: new Float32Array(), labels: [] },
    "Cannot use 0 training images of flowers with 0 labels: expected at least 1",
  );
  for (const value of [NaN, Infinity, -Infinity]) {
    await refuses(
      { images: good.images.with(5, value) },
      `Cannot use the training images of flowers: value 1 of image 2 (from 0) is ${value}, expected a finite number`,
    );
  }
});

Deno.test("createDataSet() refuses missing arguments, mixed values, wrong names and unknown options", async () => {
  const good = drawFloats(6, 2);
  const bytes = { images: new Uint8Array(4), labels: [0, 1] };
  const refuses = async (args: readonly unknown[], message: string) => {
    const error = await assertRejects(
      // deno-lint-ignore no-explicit-any
      () => createDataSet(...args as [any, any, any]),
      ArgumentError,
    );
    assertEquals(error.message, message);
  };
  await refuses(
    [undefined, undefined, OPTIONS],
    "Cannot use the training images of flowers: they are missing, expected an object with images and labels",
  );
  await refuses([good], "Cannot create a data set without options, expected an object");
  await refuses(
    [good, bytes, OPTIONS],
    "Cannot use the test images of flowers: their values are a Uint8Array, " +
      "expected a Float32Array as for the training images",
  );
  await refuses(
    [good, undefined, { ...OPTIONS, validation: bytes }],
    "Cannot use the validation images of flowers: their values are a Uint8Array, " +
      "expected a Float32Array as for the training images",
  );
  await refuses(
    [good, undefined, { ...OPTIONS, valdation: 1 }],
    "Cannot create a data set: there is no option valdation, did you mean validation?",
  );
  await refuses(
    [good, undefined, { classNames: ["a", "b"] }],
    "Cannot create a data set: its name is missing, expected a line of text",
  );
  await refuses(
    [good, undefined, { name: "flowers" }],
    "Cannot create flowers: its class names are missing, expected an array of texts",
  );
  for (
    const [classNames, shown, expected] of [
      [["a", "b", "a"], '"a"', "a name that no other class has"],
      [["a", "b", 3], "3", "a line of text"],
      [["a", "b", ""], '""', "a line of text"],
      [["a", "b", "c\nd"], '"c\\nd"', "a line of text"],
    ] as const
  ) {
    await refuses(
      [good, undefined, { name: "flowers", classNames }],
      `Cannot create flowers: the name of class 2 is ${shown}, expected ${expected}`,
    );
  }
});
