/**
 * A data set: labelled images, split, with the statistics that standardise them.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";

/** Images of one size, a byte per value, with their labels. */
export interface LabelledImages {
  /** Pixels, [count, inputs], 0 to 255. */
  readonly images: Uint8Array;
  /** Classes, [count], 0 to classes − 1. */
  readonly labels: Uint8Array;
  /** Number of images. */
  readonly count: number;
}

/** The parts of a data set. */
export type Split = "training" | "validation" | "test";

/** Images split for training, validation and test. */
export interface DataSet extends Readonly<Record<Split, LabelledImages>> {
  /** Its name in figures and files. */
  readonly name: string;
  /** Lower-case hexadecimal digest of all images, see {@linkcode createDataSet}. */
  readonly sha256: string;
  /** Values per image. */
  readonly inputs: number;
  /** Number of classes. */
  readonly classes: number;
  /** Names of the classes, [classes]. */
  readonly classNames: readonly string[];
  /** Mean of each value / 255 over the training images, [inputs]. */
  readonly mean: Float32Array;
  /** Standard deviation (÷ n) of each value / 255 over the training images, [inputs]; 1 where it is 0. */
  readonly std: Float32Array;
}

/** Options for {@linkcode createDataSet}. */
export interface DataSetOptions {
  /** The name of the data set in figures and files. */
  name: string;
  /** Names of the classes; there are as many classes as names. */
  classNames: readonly string[];
  /**
   * How many of the last training images to keep for validation.
   *
   * @default {5000}
   */
  validation?: number;
}

/** How many images {@linkcode subset} keeps of each split; all where left out. */
export type SubsetCounts = Partial<Record<Split, number>>;

const MAX_CLASSES = 256;
const IMAGES_PER_BLOCK = 10_000;

/**
 * Makes a data set: splits off the validation images, computes mean and standard deviation of the
 * training images exactly (sums of integers, one rounding), and computes the digest of everything.
 *
 * The images are not copied: the splits are views of them.
 *
 * The digest is SHA-256 over the SHA-256 digests of blocks of 10,000 images (the last block of
 * each part may be shorter), training images first, then test images, each image as its label byte
 * followed by its pixels. For CIFAR-10 a block is a file, so with its six files in order
 * `sha256sum … | cut -c1-64 | xxd -r -p | sha256sum` gives the same.
 *
 * @param training Images to train and validate with, in order.
 * @param test Images to report on.
 * @param options Names, and the size of the validation split.
 * @returns The data set.
 * @throws {ArgumentError} If counts, sizes or labels do not fit each other or the options.
 *
 * @example Usage
 * ```ts
 * import { createDataSet } from "@headless/mlp";
 * import { assertEquals } from "@std/assert";
 *
 * // Three images of two pixels each to train with, and one to test with.
 * const dataset = await createDataSet(
 *   { images: Uint8Array.of(0, 9, 255, 9, 7, 7), labels: Uint8Array.of(0, 1, 1), count: 3 },
 *   { images: Uint8Array.of(8, 8), labels: Uint8Array.of(0), count: 1 },
 *   { name: "tiny", classNames: ["dark", "light"], validation: 1 },
 * );
 * assertEquals(dataset.training.count, 2);
 * assertEquals(dataset.mean[0], 0.5);
 * assertEquals(dataset.std, Float32Array.of(0.5, 1));
 * ```
 */
export async function createDataSet(
  training: LabelledImages,
  test: LabelledImages,
  options: DataSetOptions,
): Promise<DataSet> {
  const { name, classNames, validation = 5000 } = options;
  const inputs = training.images.length / training.count;
  checkCount(`classes of ${name}`, classNames.length, 2, MAX_CLASSES);
  checkImages(`training images of ${name}`, training, inputs, classNames.length);
  checkImages(`test images of ${name}`, test, inputs, classNames.length);
  checkCount(`validation images of ${name}`, validation, 1, training.count - 1);

  const trainingCount = training.count - validation;
  const split = slice(training, 0, trainingCount);
  return {
    name,
    sha256: await digest([training, test]),
    inputs,
    classes: classNames.length,
    classNames: [...classNames],
    training: split,
    validation: slice(training, trainingCount, training.count),
    test,
    ...statistics(split, inputs),
  };
}

/**
 * Keeps the first images of each split, for quick runs. Statistics and digest stay those of the
 * whole data set; the images are views, not copies.
 *
 * @param dataset The data set to take from.
 * @param counts How many images to keep of each split.
 * @returns The smaller data set.
 * @throws {ArgumentError} If a count is not an integer from 1 to the size of the split.
 *
 * @example Usage
 * ```ts
 * import { createSynthetic, subset } from "@headless/mlp";
 * import { assertEquals } from "@std/assert";
 *
 * const dataset = await createSynthetic({ training: 300, test: 100 });
 * const quick = subset(dataset, { training: 50, test: 20 });
 * assertEquals(quick.training.count, 50);
 * assertEquals(quick.validation.count, dataset.validation.count);
 * assertEquals(quick.test.count, 20);
 * ```
 */
export function subset(dataset: DataSet, counts: SubsetCounts): DataSet {
  return mapSplits(dataset, (part, split) => {
    const count = counts[split] ?? part.count;
    checkCount(`${split} images of ${dataset.name}`, count, 1, part.count);
    return slice(part, 0, count);
  });
}

/**
 * Copies a data set with only the first values of every image, to make gradient checks quick. The digest stays that of the
 * whole data set.
 *
 * @throws {ArgumentError} If `inputs` is not an integer from 1 to the values of an image.
 */
export function cutInputs(dataset: DataSet, inputs: number): DataSet {
  checkCount(`inputs of ${dataset.name}`, inputs, 1, dataset.inputs);
  const cut = mapSplits(dataset, ({ images, labels, count }) => {
    const kept = new Uint8Array(count * inputs);
    for (let i = 0; i < count; i++) {
      const first = i * dataset.inputs;
      kept.set(images.subarray(first, first + inputs), i * inputs);
    }
    return { images: kept, labels, count };
  });
  return { ...cut, inputs, mean: dataset.mean.slice(0, inputs), std: dataset.std.slice(0, inputs) };
}

/**
 * Standardises images in float64: (value / 255 − mean) / std.
 *
 * @param images Pixels, [count, inputs].
 * @param dataset Where `inputs`, `mean` and `std` come from.
 * @param indices Which images to take, in which order; all of them when left out.
 * @returns Standardised images, [indices or count, inputs].
 * @throws {ArgumentError} If the bytes are not a whole number of images, or an index is out of range.
 *
 * @example Usage
 * ```ts
 * import { standardise } from "@headless/mlp";
 * import { assertEquals } from "@std/assert";
 *
 * const statistics = { inputs: 1, mean: Float32Array.of(0.5), std: Float32Array.of(0.25) };
 * assertEquals(standardise(Uint8Array.of(0, 255), statistics, [1, 0]), Float64Array.of(2, -2));
 * ```
 */
export function standardise(
  images: Uint8Array,
  dataset: Pick<DataSet, "inputs" | "mean" | "std">,
  indices?: ArrayLike<number>,
): Float64Array {
  const { inputs, mean, std } = dataset;
  const count = images.length / inputs;
  if (!Number.isInteger(count)) {
    throw new ArgumentError(
      `Cannot standardise ${images.length} bytes: expected whole images of ${inputs}`,
    );
  }
  const n = indices?.length ?? count;
  const result = new Float64Array(n * inputs);
  for (let i = 0; i < n; i++) {
    const index = indices ? indices[i] : i;
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw new ArgumentError(
        `Cannot standardise image ${index}: expected an integer from 0 to ${count - 1}`,
      );
    }
    for (let j = 0; j < inputs; j++) {
      result[i * inputs + j] = (images[index * inputs + j] / 255 - mean[j]) / std[j];
    }
  }
  return result;
}

function mapSplits(
  dataset: DataSet,
  change: (part: LabelledImages, split: Split) => LabelledImages,
): DataSet {
  return {
    ...dataset,
    training: change(dataset.training, "training"),
    validation: change(dataset.validation, "validation"),
    test: change(dataset.test, "test"),
  };
}

function slice({ images, labels, count }: LabelledImages, start: number, end: number) {
  const inputs = images.length / count;
  return {
    images: images.subarray(start * inputs, end * inputs),
    labels: labels.subarray(start, end),
    count: end - start,
  };
}

/**
 * Mean and deviation of each input / 255. The sums and n Σv² − (Σv)² are integers below 2⁵³, and so
 * exact, for up to 370,000 images; in floating point this one-pass formula would cancel badly.
 */
function statistics(
  { images, count }: LabelledImages,
  inputs: number,
): Pick<DataSet, "mean" | "std"> {
  const sums = new Float64Array(inputs);
  const squares = new Float64Array(inputs);
  // Four images at a time, so that each sum is read and written a quarter as often.
  const together = count - count % 4;
  for (let image = 0; image < together; image += 4) {
    const start = image * inputs;
    for (let j = 0; j < inputs; j++) {
      const at = start + j;
      const a = images[at];
      const b = images[at + inputs];
      const c = images[at + 2 * inputs];
      const d = images[at + 3 * inputs];
      sums[j] += a + b + c + d;
      squares[j] += a * a + b * b + c * c + d * d;
    }
  }
  for (let at = together * inputs; at < images.length; at++) {
    const value = images[at];
    sums[at % inputs] += value;
    squares[at % inputs] += value * value;
  }
  const mean = sums.map((sum) => sum / (count * 255));
  const std = squares.map((square, j) =>
    Math.sqrt(count * square - sums[j] * sums[j]) / (count * 255) || 1
  );
  return { mean: Float32Array.from(mean), std: Float32Array.from(std) };
}

/** Hashes in blocks, which avoids a second copy of all images: WebCrypto hashes one buffer at a time. */
async function digest(parts: readonly LabelledImages[]): Promise<string> {
  const digests: number[] = [];
  for (const { images, labels, count } of parts) {
    const inputs = images.length / count;
    const size = inputs + 1;
    const block = new Uint8Array(Math.min(count, IMAGES_PER_BLOCK) * size);
    for (let start = 0; start < count; start += IMAGES_PER_BLOCK) {
      const n = Math.min(IMAGES_PER_BLOCK, count - start);
      for (let i = 0; i < n; i++) {
        const from = (start + i) * inputs;
        block[i * size] = labels[start + i];
        block.set(images.subarray(from, from + inputs), i * size + 1);
      }
      digests.push(...await sha256(block.subarray(0, n * size)));
    }
  }
  const bytes = await sha256(Uint8Array.from(digests));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function checkImages(what: string, part: LabelledImages, inputs: number, classes: number): void {
  const { images, labels, count } = part;
  if (!Number.isInteger(count) || count < 1 || labels.length !== count) {
    throw new ArgumentError(
      `Cannot use ${count} ${what} with ${labels.length} labels: expected one label each`,
    );
  }
  if (!Number.isInteger(inputs) || inputs < 1 || images.length !== count * inputs) {
    throw new ArgumentError(
      `Cannot use ${count} ${what} in ${images.length} bytes: ` +
        `expected as many bytes in every training and test image`,
    );
  }
  const wrong = labels.findIndex((label) => label >= classes);
  if (wrong >= 0) {
    throw new ArgumentError(
      `Cannot use ${what}: image ${wrong} (from 0) has label ${labels[wrong]}, ` +
        `expected 0 to ${classes - 1}`,
    );
  }
}

function checkCount(what: string, count: number, min: number, max: number): void {
  if (!Number.isInteger(count) || count < min || count > max) {
    throw new ArgumentError(
      `Cannot take ${count} ${what}: expected an integer from ${min} to ${max}`,
    );
  }
}
