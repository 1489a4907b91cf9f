/**
 * Seeded random numbers: the same seed and labels give the same numbers on every machine.
 *
 * @module
 */

import { ArgumentError, shown } from "../errors.ts";

const TWO_32 = 2 ** 32;

/**
 * A stream of random numbers, xoshiro128** seeded from a seed and any number of labels.
 *
 * Streams with different labels are independent and share no state, so a stream can be made where
 * it is needed: the batch order of epoch 3 does not depend on epochs 0 to 2.
 *
 * @example Usage
 * ```ts
 * import { Random } from "@headless/mlp/reference";
 * import { assertEquals } from "@std/assert";
 *
 * const order = new Random(1, "batches", 0).permutation(45_000);
 * assertEquals(order, new Random(1, "batches", 0).permutation(45_000));
 * ```
 */
export class Random {
  readonly #state: Uint32Array;
  #spare: number | null = null;

  /**
   * Makes the stream of a seed and its labels.
   *
   * @param seed Integer in [0, 2³²).
   * @param labels Strings and finite numbers that distinguish this stream from others of the same seed.
   * @throws {ArgumentError} If the seed or a numeric label is out of range.
   */
  constructor(seed: number, ...labels: (string | number)[]) {
    if (!Number.isInteger(seed) || seed < 0 || seed >= TWO_32) {
      throw new ArgumentError(
        `Cannot seed random numbers with ${shown(seed)}: expected an integer from 0 to ${
          TWO_32 - 1
        }`,
      );
    }
    this.#state = hash(seed, labels);
  }

  /**
   * Draws 32 random bits.
   *
   * @returns An integer in [0, 2³²).
   */
  uint32(): number {
    return xoshiro128StarStar(this.#state);
  }

  /**
   * Draws an integer below a bound, all values exactly equally likely.
   *
   * @param n The bound, an integer in [1, 2³²].
   * @returns An integer in [0, n).
   * @throws {ArgumentError} If the bound is out of range.
   */
  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > TWO_32) {
      throw new ArgumentError(
        `Cannot draw an integer below ${n}: expected an integer from 1 to ${TWO_32}`,
      );
    }
    // Bits in the last, incomplete run of n values would favour small remainders: draw again.
    const limit = TWO_32 - TWO_32 % n;
    let bits: number;
    do bits = this.uint32(); while (bits >= limit);
    return bits % n;
  }

  /**
   * Draws from the uniform distribution, with 53 random bits.
   *
   * @returns A multiple of 2⁻⁵³ in [0, 1).
   */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 2 ** 26 + low) * 2 ** -53;
  }

  /**
   * Draws from the normal distribution of mean 0 and standard deviation 1 (Marsaglia's polar method).
   *
   * @returns A finite number, accurate to double precision.
   */
  normal(): number {
    if (this.#spare !== null) {
      const spare = this.#spare;
      this.#spare = null;
      return spare;
    }
    let x: number;
    let y: number;
    let square: number;
    do {
      x = 2 * this.uniform() - 1;
      y = 2 * this.uniform() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const scale = Math.sqrt(-2 * Math.log(square) / square);
    this.#spare = y * scale;
    return x * scale;
  }

  /**
   * Draws a permutation, all equally likely (Fisher and Yates, in Durstenfeld's version).
   *
   * @param n The number of elements, an integer in [0, 2³²).
   * @returns The integers 0 to n − 1 in random order.
   * @throws {ArgumentError} If n is out of range.
   */
  permutation(n: number): Uint32Array {
    if (!Number.isInteger(n) || n < 0 || n >= TWO_32) {
      throw new ArgumentError(
        `Cannot permute ${n} things: expected an integer from 0 to ${TWO_32 - 1}`,
      );
    }
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const value = order[i];
      order[i] = order[j];
      order[j] = value;
    }
    return order;
  }
}

/**
 * Takes one step of xoshiro128** 1.1 (Blackman & Vigna 2021, "Scrambled Linear Pseudorandom Number Generators").
 *
 * @param state Four words, not all zero, advanced in place.
 * @returns An integer in [0, 2³²).
 */
export function xoshiro128StarStar(state: Uint32Array): number {
  const result = Math.imul(rotateLeft(Math.imul(state[1], 5), 7), 9) >>> 0;
  const shifted = state[1] << 9;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = rotateLeft(state[3], 11);
  return result;
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/**
 * Hashes a seed and its labels to a state of 128 bits.
 *
 * They are encoded as a unique sequence of words: the seed, then for each label its kind, its length
 * in bytes and its bytes (UTF-8, or a float64), padded to words. Four lanes with different starts
 * absorb every word with the finaliser of MurmurHash3.
 */
function hash(seed: number, labels: readonly (string | number)[]): Uint32Array {
  const lanes = Uint32Array.of(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344); // digits of pi
  absorb(lanes, seed);
  for (const label of labels) {
    const bytes = labelBytes(label);
    absorb(lanes, typeof label === "string" ? 1 : 2);
    absorb(lanes, bytes.length);
    for (let i = 0; i < bytes.length; i += 4) {
      // A byte beyond the end is undefined, which the bitwise operators take as 0.
      absorb(
        lanes,
        bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24),
      );
    }
  }
  // xoshiro never leaves the state of all zeros.
  if (lanes.every((word) => word === 0)) lanes[0] = 1;
  return lanes;
}

function labelBytes(label: string | number): Uint8Array {
  if (typeof label === "string") return new TextEncoder().encode(label);
  if (!Number.isFinite(label)) {
    throw new ArgumentError(
      `Cannot seed random numbers with the label ${label}: expected a finite number`,
    );
  }
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, label + 0, true); // -0 + 0 is 0: equal numbers give equal streams
  return new Uint8Array(view.buffer);
}

function absorb(lanes: Uint32Array, word: number): void {
  for (let i = 0; i < lanes.length; i++) {
    let h = lanes[i] ^ word;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
    // fmix32 maps 0 to 0; adding an odd constant keeps a lane from staying there.
    lanes[i] = h + 0x9e3779b9;
  }
}
