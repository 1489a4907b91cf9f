/**
 * Records: images of one size with their labels, as a caller hands them over and as a data set holds them.
 *
 * @module
 */

import { ArgumentError, nameOf, shown } from "../errors.ts";

/**
 * Images of one size with their labels. An image is one record of a data set, whatever it shows: a flower measured in four
 * numbers is an image of four values.
 */
export interface LabelledImages<
  Values extends Uint8Array | Float32Array = Uint8Array | Float32Array,
> {
  /** Values, [count, inputs]: bytes, which stand for value / 255, or any finite float32 numbers. */
  readonly images: Values;
  /** Classes, [count], 0 to classes − 1. */
  readonly labels: Uint8Array;
  /** Number of images. */
  readonly count: number;
}

/** Images of one size with their labels, as a caller has them. */
export interface Records {
  /** Values, [count, inputs]: bytes, which stand for value / 255, or any finite float32 numbers. */
  readonly images: Uint8Array | Float32Array;
  /** Classes, [count], 0 to classes − 1. */
  readonly labels: ArrayLike<number>;
  /** Number of images; that of the labels unless given. */
  readonly count?: number;
}

/** The maximum number of classes: a label is kept as a byte. */
export const MAX_CLASSES = 256;

/** What records must fit. */
export interface RecordLimits {
  /** What they are, as in "test images of iris", for error messages. */
  readonly what: string;
  /** Number of classes; {@linkcode MAX_CLASSES} unless given. */
  readonly classes?: number;
  /** The training images, whose kind and number of values they must share; these may be none. */
  readonly like?: { readonly images: Uint8Array | Float32Array; readonly inputs: number };
}

/**
 * Checks records at run time, whatever their types promise. Images are not copied; labels are, so that they stay classes.
 *
 * @throws {ArgumentError} If something does not fit, in a sentence that says what.
 */
export function checkRecords(records: Records, limits: RecordLimits): LabelledImages {
  const { what, classes = MAX_CLASSES, like } = limits;
  if (typeof records !== "object" || records === null) {
    throw new ArgumentError(
      `Cannot use the ${what}: they are ${
        nameOf(records)
      }, expected an object with images and labels`,
    );
  }
  const { images } = records;
  if (!(images instanceof Uint8Array || images instanceof Float32Array)) {
    throw new ArgumentError(
      `Cannot use the ${what}: their values are ${nameOf(images)}, ` +
        "expected a Uint8Array or a Float32Array",
    );
  }
  if (like && images instanceof Float32Array !== like.images instanceof Float32Array) {
    throw new ArgumentError(
      `Cannot use the ${what}: their values are ${nameOf(images)}, ` +
        `expected ${nameOf(like.images)} as for the training images`,
    );
  }
  const count = checkLabelCount(records, { what, min: like ? 0 : 1 });
  checkLength(images, { what, count, inputs: like?.inputs });
  checkFinite(images, { what, inputs: images.length / count });
  return { images, labels: checkLabels(records.labels, { what, classes }), count };
}

/** Takes the images from `start` up to `end`, as views. */
export function slice(
  { images, labels, count }: LabelledImages,
  start: number,
  end: number,
): LabelledImages {
  const inputs = count === 0 ? 0 : images.length / count;
  return {
    images: images.subarray(start * inputs, end * inputs),
    labels: labels.subarray(start, end),
    count: end - start,
  };
}

/** Makes an array of zeros for values of the same kind. */
export function allocateLike(
  images: Uint8Array | Float32Array,
  length: number,
): Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer> {
  return images instanceof Float32Array ? new Float32Array(length) : new Uint8Array(length);
}

/** Copies images in a given order. */
export function pick(
  { images, labels }: Pick<LabelledImages, "images" | "labels">,
  inputs: number,
  indices: ArrayLike<number>,
): LabelledImages {
  const count = indices.length;
  const picked = { images: allocateLike(images, count * inputs), labels: new Uint8Array(count) };
  for (let i = 0; i < count; i++) {
    const from = indices[i] * inputs;
    picked.images.set(images.subarray(from, from + inputs), i * inputs);
    picked.labels[i] = labels[indices[i]];
  }
  return { ...picked, count };
}

/** Checks a number of things to take. */
export function checkCount(what: string, count: number, min: number, max: number): void {
  if (!Number.isInteger(count) || count < min || count > max) {
    throw new ArgumentError(
      `Cannot take ${shown(count)} ${what}: expected an integer from ${min} to ${max}`,
    );
  }
}

function checkLabelCount(
  { labels, count }: Records,
  { what, min }: { what: string; min: number },
): number {
  const length = Object(labels).length;
  if (typeof labels !== "object" || !Number.isInteger(length) || length < 0) {
    throw new ArgumentError(
      `Cannot use the ${what}: their labels are ${nameOf(labels)}, expected an array of numbers`,
    );
  }
  const found = count ?? length;
  if (!Number.isInteger(found) || found < min || length !== found) {
    const expected = length === found ? "at least 1" : "one label each";
    throw new ArgumentError(
      `Cannot use ${shown(found)} ${what} with ${length} labels: expected ${expected}`,
    );
  }
  return found;
}

function checkLength(
  images: Uint8Array | Float32Array,
  { what, count, inputs = images.length / count }: {
    what: string;
    count: number;
    inputs?: number;
  },
): void {
  if (Number.isInteger(inputs) && inputs >= 1 && images.length === count * inputs) return;
  const unit = images instanceof Float32Array ? "values" : "bytes";
  throw new ArgumentError(
    `Cannot use ${count} ${what} in ${images.length} ${unit}: ` +
      `expected as many ${unit} in every training, validation and test image`,
  );
}

function checkFinite(
  images: Uint8Array | Float32Array,
  { what, inputs }: { what: string; inputs: number },
): void {
  if (images instanceof Uint8Array) return;
  // Not findIndex: a call for each of many millions of values takes seconds.
  for (let i = 0; i < images.length; i++) {
    if (Number.isFinite(images[i])) continue;
    throw new ArgumentError(
      `Cannot use the ${what}: value ${i % inputs} of image ${Math.floor(i / inputs)} (from 0) ` +
        `is ${images[i]}, expected a finite number`,
    );
  }
}

function checkLabels(
  labels: ArrayLike<number>,
  { what, classes }: { what: string; classes: number },
): Uint8Array {
  const result = new Uint8Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    const label: unknown = labels[i];
    if (typeof label !== "number" || !Number.isInteger(label) || label < 0 || label >= classes) {
      throw new ArgumentError(
        `Cannot use the ${what}: image ${i} (from 0) has label ${shown(label)}, ` +
          `expected ${classes === MAX_CLASSES ? "an integer from " : ""}0 to ${classes - 1}`,
      );
    }
    result[i] = label;
  }
  return result;
}
