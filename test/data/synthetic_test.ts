import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { LabelledImages } from "../../src/data/dataset.ts";
import { ArgumentError } from "../../src/errors.ts";
import { createSynthetic } from "../../src/data/synthetic.ts";

const PIXELS = 3 * 32 * 32;

Deno.test("createSynthetic() makes the same bytes everywhere and always", async () => {
  // A golden value of this module: results on "synthetic" stay comparable.
  const { sha256 } = await createSynthetic({ seed: 1, training: 200, test: 50 });
  assertEquals(sha256, "5e7f0f90df5ec8b904c39453c79e76e554477cacb7da53127603ff9da44c884e");
});

Deno.test("createSynthetic() has the shapes of CIFAR-10", async () => {
  const dataset = await createSynthetic({ training: 500, test: 70 });
  assertEquals(dataset.name, "synthetic");
  assertEquals([dataset.inputs, dataset.classes], [PIXELS, 10]);
  assertEquals(new Set(dataset.classNames).size, 10);
  assertEquals(dataset.training.count, 450);
  assertEquals(dataset.validation.count, 50);
  assertEquals(dataset.test.count, 70);
  assertEquals(dataset.training.images.length, 450 * PIXELS);
});

Deno.test("createSynthetic() makes every class equally often", async () => {
  const { training, validation, test } = await createSynthetic({ training: 500, test: 70 });
  for (const { labels, count } of [training, validation, test]) {
    for (let label = 0; label < 10; label++) {
      assertEquals(labels.filter((each) => each === label).length, count / 10);
    }
  }
});

Deno.test("createSynthetic() makes the same first images however many follow", async () => {
  const few = await createSynthetic({ training: 40, test: 5 });
  const more = await createSynthetic({ training: 400, test: 25 });
  const { training, validation, test } = few;
  assertEquals(training.images, more.training.images.slice(0, 36 * PIXELS));
  assertEquals(validation.labels, more.training.labels.slice(36, 40));
  assertEquals(test.images, more.test.images.slice(0, 5 * PIXELS));
});

Deno.test("createSynthetic() makes other images from another seed, and no image twice", async () => {
  const one = await createSynthetic({ seed: 1, training: 50, test: 50 });
  const two = await createSynthetic({ seed: 2, training: 50, test: 50 });
  assertNotEquals(one.sha256, two.sha256);
  assertNotEquals(one.training.images, two.training.images);
  const seen = new Set<string>();
  for (const { images } of [one.training, one.validation, one.test, two.training]) {
    for (let i = 0; i < images.length; i += PIXELS) {
      seen.add(images.subarray(i, i + PIXELS).join());
    }
  }
  assertEquals(seen.size, 45 + 5 + 50 + 45);
});

Deno.test("createSynthetic() shows more of the class to neighbours than to means", async () => {
  const { training, test } = await createSynthetic({ training: 4000, test: 300 });
  const neighbour = accuracy(test, (image) => training.labels[nearest(image, training.images)]);
  // Classes have no mean picture to speak of: that is what makes them hard for a linear model.
  const means = classMeans(training);
  const linear = accuracy(test, (image) => nearest(image, means));
  assert(neighbour > 0.3 && neighbour < 0.8, `nearest neighbour ${neighbour}`);
  assert(linear > 0.12 && linear < neighbour, `nearest mean ${linear}`);
});

Deno.test("createSynthetic() uses the whole range of a byte, seldom its ends", async () => {
  const { training } = await createSynthetic({ training: 200, test: 1 });
  let ends = 0;
  for (const value of training.images) if (value === 0 || value === 255) ends++;
  assertEquals(new Set(training.images).size, 256);
  assert(ends / training.images.length < 0.1, `${ends} of ${training.images.length}`);
});

Deno.test("createSynthetic() refuses counts and seeds out of range", async () => {
  await assertRejects(
    () => createSynthetic({ training: 9 }),
    ArgumentError,
    "Cannot make 9 synthetic training images: expected an integer of at least 10",
  );
  await assertRejects(() => createSynthetic({ training: 10.5 }), ArgumentError, "Cannot make 10.5");
  await assertRejects(
    () => createSynthetic({ test: 0 }),
    ArgumentError,
    "0 synthetic test images",
  );
  await assertRejects(() => createSynthetic({ seed: -1 }), ArgumentError, "Cannot seed");
});

type Values = LabelledImages["images"];

/** The share of images whose label is what `classify` says. */
function accuracy(
  { images, labels, count }: LabelledImages,
  classify: (image: Values) => number,
) {
  let right = 0;
  for (let i = 0; i < count; i++) {
    if (classify(images.subarray(i * PIXELS, (i + 1) * PIXELS)) === labels[i]) right++;
  }
  return right / count;
}

/** The index of the candidate [n, PIXELS] at the least distance, looked at in every fifth value. */
function nearest(image: Values, candidates: Values | Float64Array): number {
  let best = -1;
  let least = Infinity;
  for (let start = 0; start < candidates.length; start += PIXELS) {
    let distance = 0;
    for (let j = 0; j < PIXELS; j += 5) distance += (image[j] - candidates[start + j]) ** 2;
    if (distance < least) {
      least = distance;
      best = start / PIXELS;
    }
  }
  return best;
}

/** The mean image of each class, [10, PIXELS]. */
function classMeans({ images, labels, count }: LabelledImages): Float64Array {
  const means = new Float64Array(10 * PIXELS);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < PIXELS; j++) {
      means[labels[i] * PIXELS + j] += images[i * PIXELS + j] / (count / 10);
    }
  }
  return means;
}
