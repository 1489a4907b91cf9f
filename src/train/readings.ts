/**
 * The ranges of a population's buffers that are read back, and how to decode their bytes.
 *
 * @module
 */

import { SUM_PARTS } from "../gpu/kernel_table.ts";
import type { Range } from "../gpu/submits.ts";
import { NEVER, type PopulationBuffers } from "../programs/buffers.ts";

/** Bytes of the sums of one network in one slot. */
const SUM_BYTES = 4 * SUM_PARTS * 2;

/** The sums of a network in a slot: of losses and of correct answers, or of squared weights. */
export type Sums = (slot: number, network: number) => { first: number; second: number };

/** The range of the sums of the first slots. */
export function sumsOf({ sums }: PopulationBuffers, networks: number, slots: number): Range {
  return { buffer: sums, size: slots * networks * SUM_BYTES };
}

/** Adds up the parts of the sums in float64. */
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

/** The range that records when each network diverged. */
export function divergenceOf({ diverged }: PopulationBuffers, networks: number): Range {
  return { buffer: diverged, size: 4 * networks };
}

/** The range of the moving averages of batch norm; nothing without it. */
export function statisticsOf({ statistics, layout }: PopulationBuffers, networks: number): Range {
  return { buffer: statistics, size: 4 * networks * layout.statisticCount };
}

/** Decodes the number of updates each network had made when it diverged, or null, [P]. */
export function decodeDivergence(bytes: ArrayBuffer): (number | null)[] {
  return Array.from(new Uint32Array(bytes), (step) => step === NEVER ? null : step);
}

/** Splits the bytes into a vector for each network, [P]. */
export function decodeVectors(bytes: ArrayBuffer, networks: number): Float32Array[] {
  const all = new Float32Array(bytes);
  const length = all.length / networks;
  return Array.from({ length: networks }, (_, n) => all.slice(n * length, (n + 1) * length));
}
