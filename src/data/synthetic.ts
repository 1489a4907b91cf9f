/**
 * The built-in data set: the shapes of CIFAR-10 without its pictures, made from a seed.
 *
 * @module
 */

import { ArgumentError, shown } from "../errors.ts";
import { checkNames } from "../options.ts";
import { Random } from "../model/random.ts";
import { createDataSet, type DataSet, type LabelledImages } from "./dataset.ts";

/** Options for {@linkcode createSynthetic}. */
export interface SyntheticOptions {
  /**
   * The seed, an integer in [0, 2³²).
   *
   * @default {1}
   */
  seed?: number;
  /**
   * Number of training images, at least 10, of which the last tenth is kept for validation.
   *
   * @default {50000}
   */
  training?: number;
  /**
   * Number of test images, at least 1.
   *
   * @default {10000}
   */
  test?: number;
}

const SIDE = 32;
const PLANE = SIDE * SIDE;
const PIXELS = 3 * PLANE;
const CLASSES = 10;

/** A class has several patterns, each sometimes shown as its negative: no linear model captures that. */
const PATTERNS_PER_CLASS = 3;
const NEGATIVES_IN_100 = 30;
/** Patterns are smooth: this many cells to a side, interpolated between their corners. */
const CELLS = 4;
/** Largest shift of a pattern, in pixels. */
const SHIFT = 2;
/** Standard deviations in grey levels: the pattern, another class's pattern over it, the noise. */
const CONTRAST = { min: 20, max: 45 };
const DISTRACTION = { min: 10, max: 50 };
const NOISE = 20;
/** Largest change of a colour's brightness, in grey levels. */
const TINT = 30;
/** Largest change of brightness from pixel to pixel, in 1/256 grey levels. */
const SLANT = 480;
/** Largest side of the square that hides a part, in pixels. */
const OCCLUSION = 14;

/** Patterns and noise are in units of 1/256. */
const ONE = 256;
const NOISE_TABLE = 2 ** 16;

/**
 * Makes a data set of 3 × 32 × 32 images in 10 classes, with the layout of CIFAR-10.
 *
 * Each class has its own smooth patterns. An image shows one of them, shifted, sometimes as a
 * negative, overlaid with a pattern of another class, tinted, lit unevenly, partly hidden, and with
 * noise. Every ten images contain each class once, and the first images do not depend on how many
 * follow.
 *
 * The bytes are the same on every machine: images are computed in integers, and patterns in float64
 * with only the operations that IEEE 754 rounds correctly (+, −, ×, ÷, square root).
 *
 * @param options The seed, and how many images to make.
 * @returns The data set, named "synthetic".
 * @throws {ArgumentError} If the seed or a count is out of range.
 *
 * @example Usage
 * ```ts
 * import { createSynthetic } from "@headless/mlp";
 * import { assertEquals } from "@std/assert";
 *
 * const dataset = await createSynthetic({ seed: 1, training: 500, test: 100 });
 * assertEquals(dataset.inputs, 3072);
 * assertEquals(dataset.training.count, 450);
 * assertEquals(dataset.validation.count, 50);
 * ```
 */
export async function createSynthetic(options: SyntheticOptions = {}): Promise<DataSet> {
  checkNames(options, { action: "make a synthetic data set", known: ["seed", "training", "test"] });
  const { seed = 1, training = 50_000, test = 10_000 } = options;
  checkCount("training", training, 10);
  checkCount("test", test, 1);
  const random = new Random(seed, "synthetic", "patterns");
  const patterns = Array.from({ length: CLASSES * PATTERNS_PER_CLASS }, () => drawPattern(random));
  const noise = drawNoise(new Random(seed, "synthetic", "noise"));
  return await createDataSet(
    drawImages(training, { patterns, noise, random: new Random(seed, "synthetic", "training") }),
    drawImages(test, { patterns, noise, random: new Random(seed, "synthetic", "test") }),
    {
      name: "synthetic",
      classNames: Array.from({ length: CLASSES }, (_, i) => `pattern ${i}`),
      validation: Math.floor(training / 10),
    },
  );
}

interface Source {
  /** Patterns [3, 32, 32] of mean 0 and deviation 256; pattern i belongs to class i mod 10. */
  readonly patterns: readonly Int16Array[];
  /** Noise in 1/256 grey levels; an image reads it from a random start. */
  readonly noise: Int16Array;
  readonly random: Random;
}

function drawImages(count: number, source: Source): LabelledImages<Uint8Array> {
  const images = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  let order: Uint32Array = new Uint32Array(CLASSES);
  for (let i = 0; i < count; i++) {
    if (i % CLASSES === 0) order = source.random.permutation(CLASSES);
    labels[i] = order[i % CLASSES];
    drawImage(images.subarray(i * PIXELS, (i + 1) * PIXELS), labels[i], source);
  }
  return { images, labels, count };
}

function drawImage(image: Uint8Array, label: number, source: Source): void {
  const { noise, random } = source;
  const shape = place(source, label);
  const sign = random.below(100) < NEGATIVES_IN_100 ? -1 : 1;
  const contrast = sign * between(random, CONTRAST.min, CONTRAST.max);
  const other = place(source, (label + 1 + random.below(CLASSES - 1)) % CLASSES);
  const distraction = between(random, DISTRACTION.min, DISTRACTION.max);
  const slantX = between(random, -SLANT, SLANT);
  const slantY = between(random, -SLANT, SLANT);
  const noiseStart = random.below(NOISE_TABLE);
  for (let plane = 0; plane < PIXELS; plane += PLANE) {
    const tint = (128 + between(random, -TINT, TINT)) * ONE;
    for (let y = 0; y < SIDE; y++) {
      const shapeRow = plane + (y + shape.y) % SIDE * SIDE;
      const otherRow = plane + (y + other.y) % SIDE * SIDE;
      const light = tint + slantY * (y - SIDE / 2);
      for (let x = 0; x < SIDE; x++) {
        const i = plane + y * SIDE + x;
        // Masks: remainders would take three quarters of the time.
        const value = light + slantX * (x - SIDE / 2) +
          contrast * shape.pattern[shapeRow + ((x + shape.x) & (SIDE - 1))] +
          distraction * other.pattern[otherRow + ((x + other.x) & (SIDE - 1))] +
          noise[(noiseStart + i) & (NOISE_TABLE - 1)];
        image[i] = Math.max(0, Math.min(255, value >> 8));
      }
    }
  }
  hidePart(image, random);
}

/** Picks a pattern of a class and where to put it; patterns wrap around, so shifts start at 0. */
function place({ patterns, random }: Source, label: number) {
  const pattern = patterns[label + CLASSES * random.below(PATTERNS_PER_CLASS)];
  return { pattern, x: between(random, 0, 2 * SHIFT), y: between(random, 0, 2 * SHIFT) };
}

/** Covers a square of up to {@linkcode OCCLUSION} pixels with one colour. */
function hidePart(image: Uint8Array, random: Random): void {
  const side = random.below(OCCLUSION + 1);
  const left = random.below(SIDE - side + 1);
  const top = random.below(SIDE - side + 1);
  for (let plane = 0; plane < PIXELS; plane += PLANE) {
    const colour = random.below(256);
    for (let y = top; y < top + side; y++) {
      const start = plane + y * SIDE + left;
      image.fill(colour, start, start + side);
    }
  }
}

/** Draws a smooth pattern that wraps around: value noise, half of it shared by the three colours. */
function drawPattern(random: Random): Int16Array {
  const shared = drawField(random);
  const pattern = new Float64Array(PIXELS);
  for (let plane = 0; plane < PIXELS; plane += PLANE) {
    const own = drawField(random);
    for (let i = 0; i < PLANE; i++) pattern[plane + i] = shared[i] + own[i];
  }
  let sum = 0;
  for (const value of pattern) sum += value;
  const mean = sum / PIXELS;
  let squares = 0;
  for (const value of pattern) squares += (value - mean) * (value - mean);
  const deviation = Math.sqrt(squares / PIXELS);
  return Int16Array.from(pattern, (value) => Math.round((value - mean) / deviation * ONE));
}

/** Interpolates random corners, [32, 32]. */
function drawField(random: Random): Float64Array {
  const corners = Float64Array.from({ length: CELLS * CELLS }, () => random.uniform());
  const field = new Float64Array(PLANE);
  const cell = SIDE / CELLS;
  for (let y = 0; y < SIDE; y++) {
    const top = Math.floor(y / cell) * CELLS;
    const bottom = (top + CELLS) % (CELLS * CELLS);
    const v = smooth((y % cell) / cell);
    for (let x = 0; x < SIDE; x++) {
      const left = Math.floor(x / cell);
      const right = (left + 1) % CELLS;
      const u = smooth((x % cell) / cell);
      const above = corners[top + left] * (1 - u) + corners[top + right] * u;
      const below = corners[bottom + left] * (1 - u) + corners[bottom + right] * u;
      field[y * SIDE + x] = above * (1 - v) + below * v;
    }
  }
  return field;
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}

/** Draws nearly normal noise: sums of four uniform numbers, which take no logarithm. */
function drawNoise(random: Random): Int16Array {
  // A uniform number has variance 1/12, a sum of four 1/3.
  const scale = NOISE * ONE * Math.sqrt(3);
  return Int16Array.from({ length: NOISE_TABLE }, () => {
    const sum = random.uniform() + random.uniform() + random.uniform() + random.uniform();
    return Math.round((sum - 2) * scale);
  });
}

/** Draws an integer from `min` to `max`, both included. */
function between(random: Random, min: number, max: number): number {
  return min + random.below(max - min + 1);
}

function checkCount(what: string, count: number, min: number): void {
  if (!Number.isInteger(count) || count < min) {
    throw new ArgumentError(
      `Cannot make ${
        shown(count)
      } synthetic ${what} images: expected an integer of at least ${min}`,
    );
  }
}
