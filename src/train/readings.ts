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

/** Gives the place of the sums of some slots, from the first on. */
export function sumsOf({ sums }: PopulationBuffers, networks: number, slots: number): Range {
  return { buffer: sums, size: slots * networks * SUM_BYTES };
}

/** Adds up the parts of sums that were read, in float64. */
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

/** Gives the place of the notes of divergence. */
export function divergenceOf({ diverged }: PopulationBuffers, networks: number): Range {
  return { buffer: diverged, size: 4 * networks };
}

/** Gives the number of updates that each network had made when it diverged, or null, [P]. */
export function decodeDivergence(bytes: ArrayBuffer): (number | null)[] {
  return Array.from(new Uint32Array(bytes), (step) => step === NEVER ? null : step);
}

/** Splits what was read into a vector for each network, [P]. */
export function decodeVectors(bytes: ArrayBuffer, networks: number): Float32Array[] {
  const all = new Float32Array(bytes);
  const length = all.length / networks;
  return Array.from({ length: networks }, (_, n) => all.slice(n * length, (n + 1) * length));
}
