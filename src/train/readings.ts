/**
 * What is read back from the buffers of a population, and what the bytes mean.
 *
 * @module
 */

import { SUM_PARTS } from "../gpu/kernel_table.ts";
import type { Range } from "../gpu/submits.ts";
import { NEVER, type PopulationBuffers } from "../programs/buffers.ts";

/** Bytes of the sums that a slot has of a network. */
const SUM_BYTES = 4 * SUM_PARTS * 2;

/** The sums that a slot has of a network: of losses and of correct answers, or of squares. */
export type Sums = (slot: number, network: number) => { first: number; second: number };

/**
 * Gives the place of sums.
 *
 * @param buffers The population's buffers.
 * @param networks How many networks it has.
 * @param slots How many slots, from the first on.
 * @returns The bytes to read.
 */
export function sumsOf(
  { sums }: PopulationBuffers,
  networks: number,
  slots: number,
): Range {
  return { buffer: sums, size: slots * networks * SUM_BYTES };
}

/**
 * Adds up the parts of sums, in float64.
 *
 * @param bytes What was read.
 * @param networks How many networks there are.
 * @returns The sums.
 */
export function decodeSums(bytes: ArrayBuffer, networks: number): Sums {
  return (slot, network) => {
    const from = (slot * networks + network) * SUM_BYTES;
    const parts = new Float32Array(bytes, from, SUM_PARTS * 2);
    let first = 0;
    let second = 0;
    for (let i = 0; i < parts.length; i += 2) {
      first += parts[i];
      second += parts[i + 1];
    }
    return { first, second };
  };
}

/**
 * Gives the place of the notes of divergence.
 *
 * @param buffers The population's buffers.
 * @param networks How many networks it has.
 * @returns The bytes to read.
 */
export function divergenceOf({ diverged }: PopulationBuffers, networks: number): Range {
  return { buffer: diverged, size: 4 * networks };
}

/**
 * Tells when networks diverged.
 *
 * @param bytes What was read.
 * @returns The number of updates made before, or null, [P].
 */
export function decodeDivergence(bytes: ArrayBuffer): (number | null)[] {
  return Array.from(new Uint32Array(bytes), (step) => step === NEVER ? null : step);
}

/**
 * Splits what was read into a vector for each network.
 *
 * @param bytes What was read.
 * @param networks How many networks there are.
 * @returns Vectors of equal length, [P].
 */
export function decodeVectors(bytes: ArrayBuffer, networks: number): Float32Array[] {
  const all = new Float32Array(bytes);
  const length = all.length / networks;
  return Array.from({ length: networks }, (_, n) => all.slice(n * length, (n + 1) * length));
}
