/**
 * Timestamps of the GPU's own clock around compute passes.
 *
 * @module
 */

import { GpuUnavailableError } from "../errors.ts";
import type { Gpu } from "./device.ts";

/** Nanoseconds in a millisecond: timestamps are in nanoseconds. */
const NANOSECONDS = 1e6;

/** Maximum number of queries in a set, on any adapter. */
const MAX_QUERIES = 4096;

/**
 * Returns whether the GPU's own clock can time work.
 *
 * @param gpu The device.
 * @returns Whether the device was created with timestamps.
 */
export function hasTimestamps(gpu: Gpu): boolean {
  return gpu.device.features.has("timestamp-query");
}

/**
 * Checks that the GPU's own clock can time work.
 *
 * @param gpu The device.
 * @throws {GpuUnavailableError} If it was created without timestamps.
 */
export function checkTimestamps(gpu: Gpu): void {
  if (hasTimestamps(gpu)) return;
  throw new GpuUnavailableError(
    `The adapter ${gpu.adapter.description} has no timestamps to measure kernels by`,
  );
}

/** Pairs of timestamps, at the beginning and the end of a compute pass. */
export class Timestamps {
  /** Maximum number of pairs in a set, on any adapter. */
  static readonly maxPairs = MAX_QUERIES / 2;
  /** Pair i is in queries 2i and 2i + 1. */
  readonly queries: GPUQuerySet;
  readonly #gpu: Gpu;
  readonly #resolved: GPUBuffer;

  /**
   * @param gpu The device.
   * @param pairs Number of pairs, at most {@linkcode Timestamps.maxPairs}.
   * @throws {GpuUnavailableError} If the device was created without timestamps.
   */
  constructor(gpu: Gpu, pairs = 1) {
    checkTimestamps(gpu);
    this.#gpu = gpu;
    this.queries = gpu.device.createQuerySet({ type: "timestamp", count: 2 * pairs });
    this.#resolved = gpu.device.createBuffer({
      label: "timestamps",
      size: 16 * pairs,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  /**
   * Times a compute pass: the GPU writes a pair at its beginning and its end.
   *
   * @param pair Which pair.
   * @returns The option of the pass.
   */
  around(pair: number): GPUComputePassTimestampWrites {
    return {
      querySet: this.queries,
      beginningOfPassWriteIndex: 2 * pair,
      endOfPassWriteIndex: 2 * pair + 1,
    };
  }

  /**
   * Reads pairs whose work was submitted.
   *
   * @param pairs How many, from the first on.
   * @returns Milliseconds between the two timestamps of each; some drivers put the end before the beginning.
   */
  async read(pairs = 1): Promise<number[]> {
    const encoder = this.#gpu.device.createCommandEncoder();
    encoder.resolveQuerySet(this.queries, 0, 2 * pairs, this.#resolved, 0);
    this.#gpu.device.queue.submit([encoder.finish()]);
    const times = new BigUint64Array(await this.#gpu.read(this.#resolved, 16 * pairs));
    return Array.from(
      { length: pairs },
      (_, i) => Number(times[2 * i + 1] - times[2 * i]) / NANOSECONDS,
    );
  }

  /** Frees the memory. */
  destroy(): void {
    this.queries.destroy();
    this.#resolved.destroy();
  }
}
