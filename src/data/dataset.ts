/**
 * A data set: images and labels, split, with the statistics that standardise the images.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";

/** Images of one size, a byte per value, with their labels. */
export interface Records {
  /** Pixels, [count, inputs], 0 to 255. */
  readonly images: Uint8Array;
  /** Classes, [count], 0 to classes − 1. */
  readonly labels: Uint8Array;
  /** How many records there are. */
  readonly count: number;
}

/** Records split for training, validation and test, and what is known about them. */
export interface DataSet {
  /** What figures and files call it. */
  readonly name: string;
  /** Lower-case hexadecimal digest of all records, see {@linkcode createDataSet}. */
  readonly sha256: string;
  /** Values per image. */
  readonly inputs: number;
  /** Number of classes. */
  readonly classes: number;
  /** Names of the classes, [classes]. */
  readonly classNames: readonly string[];
  /** The records to learn from. */
  readonly training: Records;
  /** The records to choose settings by. */
  readonly validation: Records;
  /** The records to report on. */
  readonly test: Records;
  /** Mean of each value / 255 over the training records, [inputs]. */
  readonly mean: Float32Array;
  /** Standard deviation (÷ n) of each value / 255 over the training records, [inputs]; 1 where it is 0. */
  readonly std: Float32Array;
}

/** Options for {@linkcode createDataSet}. */
export interface DataSetOptions {
  /** What figures and files will call the data set. */
  name: string;
  /** Names of the classes; there are as many classes as names. */
  classNames: readonly string[];
  /**
   * How many of the last training records to keep for validation.
   *
   * @default {5000}
   */
  validation?: number;
}

/** How many records to keep in {@linkcode subset}; what is left out is kept whole. */
export interface SubsetCounts {
  /** Number of training records. */
  training?: number;
  /** Number of validation records. */
  validation?: number;
  /** Number of test records. */
  test?: number;
}

const MAX_CLASSES = 256;
const RECORDS_PER_BLOCK = 10_000;

/**
 * Makes a data set: splits off the validation records, computes mean and standard deviation of the
 * training records exactly (sums of integers, one rounding), and takes a digest of everything.
 *
 * The records are not copied: the splits are views of them.
 *
 * The digest is SHA-256 over the SHA-256 digests of blocks of 10,000 records (the last block of
 * each part may be shorter), training records first, then test records, each record its label byte
 * followed by its pixels. For CIFAR-10 a block is a file, so with its six files in order
 * `sha256sum … | cut -c1-64 | xxd -r -p | sha256sum` gives the same.
 *
 * @param training Records to train and validate with, in order.
 * @param test Records to report on.
 * @param options Names, and the size of the validation split.
 * @returns The data set.
 * @throws {ArgumentError} When counts, sizes or labels do not fit each other or the options.
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
  training: Records,
  test: Records,
  options: DataSetOptions,
): Promise<DataSet> {
  const { name, classNames, validation = 5000 } = options;
  const inputs = training.images.length / training.count;
  checkCount(`classes of ${name}`, classNames.length, 2, MAX_CLASSES);
  checkRecords(`training records of ${name}`, training, inputs, classNames.length);
  checkRecords(`test records of ${name}`, test, inputs, classNames.length);
  checkCount(`validation records of ${name}`, validation, 1, training.count - 1);

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
 * Keeps the first records of each split, for quick runs. Statistics and digest stay those of the
 * whole data set; the records are views, not copies.
 *
 * @param dataset The data set to take from.
 * @param counts How many records to keep of each split.
 * @returns The smaller data set.
 * @throws {ArgumentError} When a count is not an integer from 1 to what the split has.
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
  const first = (split: "training" | "validation" | "test"): Records => {
    const records = dataset[split];
    const count = counts[split] ?? records.count;
    checkCount(`${split} records of ${dataset.name}`, count, 1, records.count);
    return slice(records, 0, count);
  };
  return {
    ...dataset,
    training: first("training"),
    validation: first("validation"),
    test: first("test"),
  };
}

/**
 * Standardises images in float64: (value / 255 − mean) / std.
 *
 * @param images Pixels, [count, inputs].
 * @param dataset Where `inputs`, `mean` and `std` come from.
 * @param indices Which images to take, in which order; all of them when left out.
 * @returns Standardised images, [indices or count, inputs].
 * @throws {ArgumentError} When the images are no whole number of images, or an index is not among them.
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

function slice(records: Records, start: number, end: number): Records {
  const inputs = records.images.length / records.count;
  return {
    images: records.images.subarray(start * inputs, end * inputs),
    labels: records.labels.subarray(start, end),
    count: end - start,
  };
}

/**
 * Mean and deviation of each input / 255. The sums are integers below 2⁵³ and so exact, and so is
 * n Σv² − (Σv)², up to 370,000 images; a one-pass float formula would cancel badly here.
 */
function statistics(
  { images, count }: Records,
  inputs: number,
): Pick<DataSet, "mean" | "std"> {
  const sums = new Float64Array(inputs);
  const squares = new Float64Array(inputs);
  for (let start = 0; start < images.length; start += inputs) {
    for (let j = 0; j < inputs; j++) {
      const value = images[start + j];
      sums[j] += value;
      squares[j] += value * value;
    }
  }
  const mean = sums.map((sum) => sum / (count * 255));
  const std = squares.map((square, j) =>
    Math.sqrt(count * square - sums[j] * sums[j]) / (count * 255) || 1
  );
  return { mean: Float32Array.from(mean), std: Float32Array.from(std) };
}

/** WebCrypto hashes one buffer at a time; blocks spare a second copy of all records. */
async function digest(parts: readonly Records[]): Promise<string> {
  const digests: number[] = [];
  for (const { images, labels, count } of parts) {
    const inputs = images.length / count;
    const size = inputs + 1;
    const block = new Uint8Array(Math.min(count, RECORDS_PER_BLOCK) * size);
    for (let start = 0; start < count; start += RECORDS_PER_BLOCK) {
      const records = Math.min(RECORDS_PER_BLOCK, count - start);
      for (let i = 0; i < records; i++) {
        const from = (start + i) * inputs;
        block[i * size] = labels[start + i];
        block.set(images.subarray(from, from + inputs), i * size + 1);
      }
      digests.push(...await sha256(block.subarray(0, records * size)));
    }
  }
  const bytes = await sha256(Uint8Array.from(digests));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function checkRecords(what: string, records: Records, inputs: number, classes: number): void {
  const { images, labels, count } = records;
  if (!Number.isInteger(count) || count < 1 || labels.length !== count) {
    throw new ArgumentError(
      `Cannot use ${count} ${what} with ${labels.length} labels: expected one label each`,
    );
  }
  if (!Number.isInteger(inputs) || inputs < 1 || images.length !== count * inputs) {
    throw new ArgumentError(
      `Cannot use ${count} ${what} in ${images.length} bytes: ` +
        `expected as many bytes in every training and test record`,
    );
  }
  const wrong = labels.findIndex((label) => label >= classes);
  if (wrong >= 0) {
    throw new ArgumentError(
      `Cannot use ${what}: record ${wrong} (from 0) has label ${labels[wrong]}, ` +
        `expected 0 to ${classes - 1}`,
    );
  }
}

function checkCount(what: string, count: number, least: number, most: number): void {
  if (!Number.isInteger(count) || count < least || count > most) {
    throw new ArgumentError(
      `Cannot take ${count} ${what}: expected an integer from ${least} to ${most}`,
    );
  }
}

/**
 * Cuts every image down to its first values, as gradient checks do to be quick.
 *
 * @param dataset The data set to take from.
 * @param inputs How many values to keep of each image.
 * @returns A data set of its own images; the digest stays that of the whole.
 * @throws {ArgumentError} When `inputs` is not an integer from 1 to what an image has.
 *
 * @example Usage
 * ```ts
 * import { createSynthetic, cutInputs } from "@headless/mlp";
 * import { assertEquals } from "@std/assert";
 *
 * const dataset = await createSynthetic({ training: 300, test: 100 });
 * const small = cutInputs(dataset, 10);
 * assertEquals(small.training.images.length, 10 * small.training.count);
 * assertEquals(small.mean, dataset.mean.slice(0, 10));
 * ```
 */
export function cutInputs(dataset: DataSet, inputs: number): DataSet {
  checkCount(`inputs of ${dataset.name}`, inputs, 1, dataset.inputs);
  function cut({ images, labels, count }: Records): Records {
    const kept = new Uint8Array(count * inputs);
    for (let i = 0; i < count; i++) {
      const first = i * dataset.inputs;
      kept.set(images.subarray(first, first + inputs), i * inputs);
    }
    return { images: kept, labels, count };
  }
  return {
    ...dataset,
    inputs,
    mean: dataset.mean.slice(0, inputs),
    std: dataset.std.slice(0, inputs),
    training: cut(dataset.training),
    validation: cut(dataset.validation),
    test: cut(dataset.test),
  };
}
