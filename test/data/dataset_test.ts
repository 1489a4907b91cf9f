import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import {
  createDataSet,
  cutInputs,
  type LabelledImages,
  type Records,
  standardise,
  subset,
} from "../../src/data/dataset.ts";
import { ArgumentError } from "../../src/errors.ts";
import { Random } from "../../src/model/random.ts";

const CLASS_NAMES = ["a", "b", "c"];

/** Random images: inputs bytes each, labels below 3. */
function drawImages(count: number, inputs: number): LabelledImages<Uint8Array> {
  const random = new Random(count, "records", inputs);
  return {
    images: Uint8Array.from({ length: count * inputs }, () => random.below(256)),
    labels: Uint8Array.from({ length: count }, () => random.below(3)),
    count,
  };
}

function createSmall(options: { training?: number; validation?: number; inputs?: number } = {}) {
  const { training = 100, validation = 20, inputs = 7 } = options;
  return createDataSet(drawImages(training, inputs), drawImages(30, inputs), {
    name: "small",
    classNames: CLASS_NAMES,
    validation,
  });
}

Deno.test("createDataSet() keeps the last training images for validation", async () => {
  const training = drawImages(100, 7);
  const test = drawImages(30, 7);
  const dataset = await createDataSet(training, test, {
    name: "small",
    classNames: CLASS_NAMES,
    validation: 20,
  });
  assertEquals(dataset.name, "small");
  assertEquals(dataset.inputs, 7);
  assertEquals(dataset.classes, 3);
  assertEquals(dataset.classNames, CLASS_NAMES);
  assertEquals(dataset.training.count, 80);
  assertEquals(dataset.training.images, training.images.slice(0, 80 * 7));
  assertEquals(dataset.training.labels, training.labels.slice(0, 80));
  assertEquals(dataset.validation.count, 20);
  assertEquals(dataset.validation.images, training.images.slice(80 * 7));
  assertEquals(dataset.validation.labels, training.labels.slice(80));
  assertEquals(dataset.test.images, test.images);
});

Deno.test("createDataSet() copies no image", async () => {
  const training = drawImages(100, 7);
  const dataset = await createDataSet(training, drawImages(30, 7), {
    name: "small",
    classNames: CLASS_NAMES,
    validation: 20,
  });
  assert(dataset.training.images.buffer === training.images.buffer);
  assert(dataset.validation.images.buffer === training.images.buffer);
});

Deno.test("createDataSet() keeps a tenth of the images for validation unless told otherwise", async () => {
  for (const [count, kept] of [[50_000, 5000], [19, 1], [9, 0]]) {
    const dataset = await createDataSet(drawImages(count, 1), drawImages(1, 1), {
      name: "small",
      classNames: CLASS_NAMES,
    });
    assertEquals(dataset.training.count, count - kept);
    assertEquals(dataset.validation.count, kept);
  }
});

Deno.test("createDataSet() takes mean and deviation of the training images alone", async () => {
  const { training, mean, std, inputs } = await createSmall();
  for (let j = 0; j < inputs; j++) {
    const values = Array.from(
      { length: training.count },
      (_, i) => training.images[i * inputs + j] / 255,
    );
    const average = values.reduce((sum, value) => sum + value) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / values.length;
    assertAlmostEquals(mean[j], average, 1e-7);
    assertAlmostEquals(std[j], Math.sqrt(variance), 1e-7);
  }
});

Deno.test("createDataSet() gives statistics that are exact to the last bit of float32", async () => {
  // 40,000 times 254 and once 255: 2e-5 of deviation beside a mean of 0.996 cancels in float32.
  const count = 40_002;
  const images = new Uint8Array(count).fill(254);
  images[17] = 255;
  const { mean, std } = await createDataSet(
    { images, labels: new Uint8Array(count), count },
    drawImages(1, 1),
    { name: "near", classNames: CLASS_NAMES, validation: 1 },
  );
  const n = 40_001;
  assertEquals(mean[0], Math.fround((254 + 1 / n) / 255));
  // The variance of one 1 among n is (n − 1) / n².
  assertEquals(std[0], Math.fround(Math.sqrt(n - 1) / n / 255));
});

Deno.test("createDataSet() counts a deviation of 0 as 1", async () => {
  const images = Uint8Array.of(5, 1, 5, 2, 5, 3);
  const { mean, std } = await createDataSet(
    { images, labels: new Uint8Array(3), count: 3 },
    drawImages(1, 2),
    { name: "constant", classNames: CLASS_NAMES, validation: 1 },
  );
  assertEquals(std[0], 1);
  assertEquals(mean[0], Math.fround(5 / 255));
  assertEquals(std[1], Math.fround(0.5 / 255));
});

Deno.test("createDataSet() takes the digest of blocks of 10,000 images, labels first", async () => {
  const inputs = 2;
  const training = drawImages(10_003, inputs);
  const test = drawImages(5, inputs);
  const interleave = (
    { images, labels }: LabelledImages<Uint8Array>,
    start: number,
    end: number,
  ): Uint8Array =>
    Uint8Array.from(
      Array.from({ length: end - start }, (_, i) => [
        labels[start + i],
        ...images.subarray((start + i) * inputs, (start + i + 1) * inputs),
      ]).flat(),
    );
  const outer = createHash("sha256");
  for (
    const block of [
      interleave(training, 0, 10_000),
      interleave(training, 10_000, 10_003),
      interleave(test, 0, 5),
    ]
  ) outer.update(createHash("sha256").update(block).digest());
  const options = { name: "small", classNames: CLASS_NAMES, validation: 1 };
  const { sha256 } = await createDataSet(training, test, options);
  assertEquals(sha256, outer.digest("hex"));

  const other = { ...test, labels: test.labels.map((label) => (label + 1) % 3) };
  assert((await createDataSet(training, other, options)).sha256 !== sha256);
});

Deno.test("createDataSet() refuses images that do not fit", async () => {
  const good = drawImages(10, 4);
  const options = { name: "small", classNames: CLASS_NAMES, validation: 2 };
  const refuses = (training: Records, test: Records, message: string, more = {}) =>
    assertRejects(
      () => createDataSet(training, test, { ...options, ...more }),
      ArgumentError,
      message,
    );
  await refuses({ ...good, count: 0 }, good, "training images of small");
  await refuses({ ...good, count: 9 }, good, "expected one label each");
  await refuses(
    { ...good, images: good.images.subarray(1) },
    good,
    "39 bytes: expected as many bytes",
  );
  await refuses(good, drawImages(10, 5), "10 test images of small in 50 bytes");
  await refuses(
    good,
    { ...good, labels: new Uint8Array(10).fill(3, 6) },
    "image 6 (from 0) has label 3, expected 0 to 2",
  );
  for (const validation of [10, 2.5, NaN, -1, "2", null]) {
    await refuses(good, good, "validation images of small: expected an integer from 0 to 9", {
      validation,
    });
  }
  await refuses(good, good, "1 classes of small: expected an integer from 2 to 256", {
    classNames: ["a"],
  });
});

Deno.test("subset() keeps the first images and the whole set's statistics", async () => {
  const dataset = await createSmall();
  const quick = subset(dataset, { training: 10, test: 4 });
  assertEquals(quick.training.count, 10);
  assertEquals(quick.training.images, dataset.training.images.slice(0, 10 * dataset.inputs));
  assertEquals(quick.training.labels, dataset.training.labels.slice(0, 10));
  assertEquals(quick.validation, dataset.validation);
  assertEquals(quick.test.labels, dataset.test.labels.slice(0, 4));
  assertEquals(quick.mean, dataset.mean);
  assertEquals(quick.sha256, dataset.sha256);
  assertEquals(subset(dataset, {}), dataset);
});

Deno.test("subset() refuses counts that the splits do not have", async () => {
  const dataset = await createSmall();
  assertThrows(
    () => subset(dataset, { training: 81 }),
    ArgumentError,
    "Cannot take 81 training images of small: expected an integer from 1 to 80",
  );
  assertThrows(() => subset(dataset, { training: 0 }), ArgumentError, "0 training images");
  assertThrows(() => subset(dataset, { validation: 21 }), ArgumentError, "integer from 0 to 20");
  assertThrows(() => subset(dataset, { test: 1.5 }), ArgumentError, "1.5 test images");
});

Deno.test("cutInputs() keeps the first values of every image, and their statistics", async () => {
  const dataset = await createSmall();
  const cut = cutInputs(dataset, 3);
  assertEquals(cut.inputs, 3);
  assertEquals(cut.mean, dataset.mean.slice(0, 3));
  assertEquals(cut.std, dataset.std.slice(0, 3));
  assertEquals(cut.sha256, dataset.sha256);
  for (const split of ["training", "validation", "test"] as const) {
    const { images, labels, count } = dataset[split];
    assertEquals(cut[split].labels, labels);
    assertEquals([...cut[split].images], [...images].filter((_, i) => i % 7 < 3));
    assertEquals(cut[split].count, count);
  }
  assertThrows(
    () => cutInputs(dataset, 8),
    ArgumentError,
    "Cannot take 8 inputs of small: expected an integer from 1 to 7",
  );
});

Deno.test("standardise() gives the training images mean 0 and deviation 1", async () => {
  const dataset = await createSmall();
  const { inputs, training } = dataset;
  const values = standardise(training.images, dataset);
  assertEquals(values.length, training.images.length);
  for (let j = 0; j < inputs; j++) {
    let sum = 0;
    let squares = 0;
    for (let i = j; i < values.length; i += inputs) {
      sum += values[i];
      squares += values[i] ** 2;
    }
    assertAlmostEquals(sum / training.count, 0, 1e-6);
    assertAlmostEquals(squares / training.count, 1, 1e-6);
  }
});

Deno.test("standardise() takes the images in the order of the indices", async () => {
  const dataset = await createSmall();
  const { inputs, mean, std } = dataset;
  const { images } = dataset.test;
  const values = standardise(images, dataset, Uint32Array.of(29, 0, 29));
  assertEquals(values.length, 3 * inputs);
  assertEquals(values.slice(0, inputs), values.slice(2 * inputs));
  for (let j = 0; j < inputs; j++) {
    assertEquals(values[j], (images[29 * inputs + j] / 255 - mean[j]) / std[j]);
    assertEquals(values[inputs + j], (images[j] / 255 - mean[j]) / std[j]);
  }
});

Deno.test("standardise() refuses images that are not there", async () => {
  const dataset = await createSmall();
  const { images } = dataset.test;
  assertThrows(() => standardise(images, dataset, [30]), ArgumentError, "integer from 0 to 29");
  assertThrows(() => standardise(images, dataset, [-1]), ArgumentError, "image -1");
  assertThrows(
    () => standardise(images.subarray(1), dataset),
    ArgumentError,
    "Cannot standardise 209 bytes: expected whole images of 7",
  );
});
