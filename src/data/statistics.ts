/**
 * Mean and standard deviation of each value of images.
 *
 * @module
 */

import { MIN_FLOAT32 } from "../model/float32.ts";
import type { LabelledImages } from "./records.ts";

/** How images are standardised, value by value. */
export interface Statistics {
  /** Mean, [inputs]. */
  readonly mean: Float32Array;
  /** Standard deviation (÷ n), [inputs]; 1 where it is 0. */
  readonly std: Float32Array;
}

/**
 * Computes mean and deviation of each value: of bytes / 255, or of float32 numbers as they are.
 *
 * A deviation below the smallest normal float32 counts as 1, as 0 does: GPUs and other programs that read it from a model
 * file may take it for 0 and divide by it, and values so close together are all but constant. No deviation is above
 * the largest float32, since it is at most half of the distance between two numbers.
 */
export function statisticsOf({ images, count }: LabelledImages, inputs: number): Statistics {
  const { mean, std } = images instanceof Float32Array
    ? statisticsOfFloats(images, { count, inputs })
    : statisticsOfBytes(images, { count, inputs });
  return {
    mean: Float32Array.from(mean),
    std: Float32Array.from(std, (deviation) => deviation < MIN_FLOAT32 ? 1 : deviation),
  };
}

interface Moments {
  readonly mean: Float64Array;
  readonly std: Float64Array;
}

interface Size {
  readonly count: number;
  readonly inputs: number;
}

/**
 * The sums and n Σv² − (Σv)² are integers below 2⁵³, and so exact, for up to 370,000 images; in floating point this
 * one-pass formula would cancel badly.
 */
function statisticsOfBytes(images: Uint8Array, { count, inputs }: Size): Moments {
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
  return {
    mean: sums.map((sum) => sum / (count * 255)),
    std: squares.map((square, j) => Math.sqrt(count * square - sums[j] * sums[j]) / (count * 255)),
  };
}

/**
 * Two passes: the mean, then the deviations from it. Sums are of differences from the first image, so that values that
 * never change have exactly their own mean and a deviation of 0, and a large offset cancels without a rounding.
 */
function statisticsOfFloats(images: Float32Array, { count, inputs }: Size): Moments {
  const mean = new Float64Array(inputs);
  for (let at = 0, j = 0; at < images.length; at++, j = j + 1 < inputs ? j + 1 : 0) {
    mean[j] += images[at] - images[j];
  }
  for (let j = 0; j < inputs; j++) mean[j] = images[j] + mean[j] / count;
  const squares = new Float64Array(inputs);
  for (let at = 0, j = 0; at < images.length; at++, j = j + 1 < inputs ? j + 1 : 0) {
    squares[j] += (images[at] - mean[j]) ** 2;
  }
  return { mean, std: squares.map((sum) => Math.sqrt(sum / count)) };
}
