/**
 * A data set: labelled images, split, with the statistics that standardise them.
 *
 * @module
 */

import { ArgumentError, nameOf, shown } from "../errors.ts";
import { enumerate } from "../lists.ts";
import { standardiseRecords } from "../model/record_values.ts";
import type { RecordKind } from "../model/trained_network.ts";
import { checkNames } from "../options.ts";
import { digest } from "./digest.ts";
import {
  allocateLike,
  checkCount,
  checkRecords,
  type LabelledImages,
  MAX_CLASSES,
  type Records,
  slice,
} from "./records.ts";
import { statisticsOf } from "./statistics.ts";

export type { LabelledImages, Records } from "./records.ts";

/** The parts of a data set. */
export type Split = "training" | "validation" | "test";

/** Images split for training, validation and test. Validation and test may be empty: their count is 0 then. */
export interface DataSet extends Readonly<Record<Split, LabelledImages>> {
  /** Its name in figures and files. */
  readonly name: string;
  /** Lower-case hexadecimal digest of all images, see {@linkcode createDataSet}. */
  readonly sha256: string;
  /** What the values of its images are: bytes, which stand for value / 255, or float32 numbers. */
  readonly input: RecordKind;
  /** Values per image. */
  readonly inputs: number;
  /** Number of classes. */
  readonly classes: number;
  /** Names of the classes, [classes]. */
  readonly classNames: readonly string[];
  /** Mean of each value over the training images, of bytes / 255, [inputs]. */
  readonly mean: Float32Array;
  /** Standard deviation (÷ n) of each value over the training images, of bytes / 255, [inputs]; 1 where it is 0. */
  readonly std: Float32Array;
  /** What may be wrong with the data although they can be used, a sentence each. */
  readonly warnings: readonly string[];
}

/** Options for {@linkcode createDataSet}. */
export interface DataSetOptions {
  /** The name of the data set in figures and files. */
  name: string;
  /** Names of the classes, all different; there are as many classes as names. */
  classNames: readonly string[];
  /**
   * How many of the last training images to keep for validation, or other images to validate with. 0 keeps none.
   *
   * @default A tenth of the training images, rounded down.
   */
  validation?: number | Records;
}

const SPLITS: readonly Split[] = ["training", "validation", "test"];

/** How many images {@linkcode subset} keeps of each split; all where left out. */
export type SubsetCounts = Partial<Record<Split, number>>;

/** The most classes that a warning names. */
const NAMED_CLASSES = 5;

/**
 * Makes a data set: splits off the validation images, computes mean and standard deviation of the training images, and
 * computes the digest of everything. The statistics of bytes are exact (sums of integers, one rounding), those of float32
 * numbers are computed in float64. Means are kept as float32 numbers: beside a large offset they are as exact as the
 * values themselves.
 *
 * The images are not copied: the splits are views of them.
 *
 * The digest is SHA-256 over the SHA-256 digests of blocks of 10,000 images (the last block of
 * each part may be shorter), training images first, then validation images of their own, then test images, each image as
 * its label byte followed by its values: bytes, or little-endian float32. For CIFAR-10 a block is a file, so with its six
 * files in order `sha256sum … | cut -c1-64 | xxd -r -p | sha256sum` gives the same. With validation images of their own
 * the digest of the text "training validation test", with the count of each in place of its name, comes first.
 *
 * @param training Images to train with and, unless there are others, to validate with, in order.
 * @param test Images to report on, if any.
 * @param options Names, and what to validate with.
 * @returns The data set.
 * @throws {ArgumentError} If counts, sizes, values, labels, names or options are missing, of the wrong type, or do not fit
 * each other.
 *
 * @example Images of bytes
 * ```ts
 * import { createDataSet } from "@headless/mlp";
 * import { assertEquals } from "@std/assert";
 *
 * // Three images of two pixels each to train with, and one to test with.
 * const dataset = await createDataSet(
 *   { images: Uint8Array.of(0, 9, 255, 9, 7, 7), labels: [0, 1, 1] },
 *   { images: Uint8Array.of(8, 8), labels: [0] },
 *   { name: "tiny", classNames: ["dark", "light"], validation: 1 },
 * );
 * assertEquals(dataset.training.count, 2);
 * assertEquals(dataset.mean[0], 0.5);
 * assertEquals(dataset.std, Float32Array.of(0.5, 1));
 * ```
 *
 * @example Measured numbers, and nothing to test with
 * ```ts
 * import { createDataSet } from "@headless/mlp";
 * import { assertEquals } from "@std/assert";
 *
 * const flowers = { images: Float32Array.of(5.1, 3.5, 6.3, 3.3), labels: [0, 1] };
 * const dataset = await createDataSet(flowers, undefined, {
 *   name: "two flowers",
 *   classNames: ["setosa", "virginica"],
 * });
 * assertEquals(dataset.input, "floats");
 * assertEquals(dataset.test.count, 0);
 * ```
 */
export async function createDataSet(
  training: Records,
  test: Records | undefined,
  options: DataSetOptions,
): Promise<DataSet> {
  checkNames(options, {
    action: "create a data set",
    known: ["name", "classNames", "validation"] satisfies (keyof DataSetOptions)[],
  });
  const { name, classNames, validation } = options;
  checkName(name);
  checkClassNames(name, classNames);
  const classes = classNames.length;
  const all = checkRecords(training, { what: `training images of ${name}`, classes });
  const inputs = all.images.length / all.count;
  const like = { images: all.images, inputs };
  const tested = test === undefined
    ? slice(all, 0, 0)
    : checkRecords(test, { what: `test images of ${name}`, classes, like });

  const own = typeof validation === "object" && validation !== null
    ? checkRecords(validation, { what: `validation images of ${name}`, classes, like })
    : undefined;
  const asked = validation === undefined ? Math.floor(all.count / 10) : validation as number;
  const kept = own ? 0 : asked;
  checkCount(`validation images of ${name}`, kept, 0, all.count - 1);
  const trained = slice(all, 0, all.count - kept);
  const splits = {
    training: trained,
    validation: own ?? slice(all, all.count - kept, all.count),
    test: tested,
  };
  return {
    name,
    sha256: own
      ? await digest([all, own, tested], `${all.count} ${own.count} ${tested.count}`)
      : await digest([all, tested]),
    input: all.images instanceof Float32Array ? "floats" : "bytes",
    inputs,
    classes,
    classNames: [...classNames],
    ...splits,
    ...statisticsOf(trained, inputs),
    warnings: warningsOf(splits, classNames),
  };
}

/**
 * Keeps the first images of each split, for quick runs. Statistics, digest and warnings stay those of the
 * whole data set; the images are views, not copies.
 *
 * @param dataset The data set to take from.
 * @param counts How many images to keep of each split.
 * @returns The smaller data set.
 * @throws {ArgumentError} If a count is not an integer up to the size of the split, from 0, or from 1 for training.
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
  checkDataSet(dataset, "take a subset");
  checkNames(counts, { action: "take a subset", known: SPLITS });
  return mapSplits(dataset, (part, split) => {
    const count = counts[split] ?? part.count;
    const min = split === "training" ? 1 : 0;
    checkCount(`${split} images of ${dataset.name}`, count, min, part.count);
    return slice(part, 0, count);
  });
}

/**
 * Copies a data set with only some values of every image, the first unless `from` is given, to make gradient checks quick.
 * The digest stays that of the whole data set.
 *
 * @throws {ArgumentError} If `inputs` is not an integer from 1 to the values of an image.
 */
export function cutInputs(
  dataset: DataSet,
  inputs: number,
  { from = 0 }: { readonly from?: number } = {},
): DataSet {
  checkCount(`inputs of ${dataset.name}`, inputs, 1, dataset.inputs - from);
  const cut = mapSplits(dataset, ({ images, labels, count }) => {
    const kept = allocateLike(images, count * inputs);
    for (let i = 0; i < count; i++) {
      const first = i * dataset.inputs + from;
      kept.set(images.subarray(first, first + inputs), i * inputs);
    }
    return { images: kept, labels, count };
  });
  const end = from + inputs;
  return { ...cut, inputs, mean: dataset.mean.slice(from, end), std: dataset.std.slice(from, end) };
}

/**
 * Standardises images in float64: (value − mean) / std, where the value of a byte is byte / 255.
 *
 * @param images Values, [count, inputs].
 * @param dataset Where `inputs`, `mean` and `std` come from.
 * @param indices Which images to take, in which order; all of them when left out.
 * @returns Standardised images, [indices or count, inputs].
 * @throws {ArgumentError} If the values are not a whole number of images, or an index is out of range.
 *
 * @example Usage
 * ```ts
 * import { standardise } from "@headless/mlp";
 * import { assertEquals } from "@std/assert";
 *
 * const statistics = { inputs: 1, mean: Float32Array.of(0.5), std: Float32Array.of(0.25) };
 * assertEquals(standardise(Uint8Array.of(0, 255), statistics, [1, 0]), Float64Array.of(2, -2));
 * assertEquals(standardise(Float32Array.of(0.75), statistics), Float64Array.of(1));
 * ```
 */
export function standardise(
  images: Uint8Array | Float32Array,
  dataset: Pick<DataSet, "inputs" | "mean" | "std">,
  indices?: ArrayLike<number>,
): Float64Array {
  const { inputs } = Object(dataset);
  const known = images instanceof Uint8Array || images instanceof Float32Array;
  if (!known || !Number.isInteger(inputs)) {
    throw new ArgumentError(
      `Cannot standardise ${nameOf(images)} by ${nameOf(dataset)}, ` +
        "expected a Uint8Array or a Float32Array, and a data set",
    );
  }
  const count = images.length / inputs;
  const floats = images instanceof Float32Array;
  if (!Number.isInteger(count)) {
    throw new ArgumentError(
      `Cannot standardise ${images.length} ${floats ? "values" : "bytes"}: ` +
        `expected whole images of ${inputs}`,
    );
  }
  const { length: chosen } = Object(indices ?? []);
  if (!Number.isInteger(chosen)) {
    throw new ArgumentError(
      `Cannot standardise images ${nameOf(indices)}, expected a list of their numbers`,
    );
  }
  for (let i = 0; i < chosen; i++) {
    const { [i]: index } = indices!;
    if (Number.isInteger(index) && index >= 0 && index < count) continue;
    throw new ArgumentError(
      `Cannot standardise image ${shown(index)}: expected an integer from 0 to ${count - 1}`,
    );
  }
  return standardiseRecords(images, dataset, indices);
}

/**
 * Checks at run time that something is a data set: a promise that was not awaited is not, nor are records.
 *
 * @throws {ArgumentError} If it is something else.
 */
export function checkDataSet(value: unknown, action: string): asserts value is DataSet {
  const { inputs, classes, mean, std, ...splits } = Object(value);
  const whole = Number.isInteger(inputs) && Number.isInteger(classes) &&
    mean instanceof Float32Array && std instanceof Float32Array &&
    SPLITS.every((split) => Number.isInteger(splits[split]?.count));
  if (whole) return;
  throw new ArgumentError(
    `Cannot ${action}: the data are ${
      nameOf(value)
    }, expected a data set, as from await createDataSet(…)`,
  );
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

function checkName(name: unknown): void {
  if (isLine(name)) return;
  throw new ArgumentError(
    `Cannot create a data set: its name is ${shown(name)}, expected a line of text`,
  );
}

/** They are columns of files. */
function checkClassNames(name: string, classNames: readonly unknown[]): void {
  if (!Array.isArray(classNames)) {
    throw new ArgumentError(
      `Cannot create ${name}: its class names are ${
        nameOf(classNames)
      }, expected an array of texts`,
    );
  }
  checkCount(`classes of ${name}`, classNames.length, 2, MAX_CLASSES);
  const seen = new Set<unknown>();
  for (const [i, className] of classNames.entries()) {
    if (!isLine(className) || seen.has(className)) {
      throw new ArgumentError(
        `Cannot create ${name}: the name of class ${i} is ${shown(className)}, ` +
          `expected ${seen.has(className) ? "a name that no other class has" : "a line of text"}`,
      );
    }
    seen.add(className);
  }
}

function isLine(text: unknown): text is string {
  return typeof text === "string" && /^[^\r\n]+$/.test(text);
}

/** Says which classes have no image in a split that has any. */
function warningsOf(
  splits: Readonly<Record<Split, LabelledImages>>,
  classNames: readonly string[],
): string[] {
  return SPLITS.flatMap((split) => {
    const { labels, count } = splits[split];
    const present = new Set(labels);
    const missing = classNames.filter((_, label) => !present.has(label));
    if (count === 0 || missing.length === 0) return [];
    const names = missing.slice(0, NAMED_CLASSES).map((name) => shown(name));
    const more = missing.length - names.length;
    if (more > 0) names.push(`${more} more`);
    return [
      `No ${split} image is of the class${missing.length > 1 ? "es" : ""} ${enumerate(names)}`,
    ];
  });
}
