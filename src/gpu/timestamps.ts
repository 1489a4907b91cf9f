/**
 * Time stamps of the GPU's own clock around compute passes.
 *
 * @module
 */

import { GpuUnavailableError } from "../errors.ts";
import type { Gpu } from "./device.ts";
import { type BoundKernel, dispatch } from "./kernels.ts";

/** Nanoseconds in a millisecond: stamps are in nanoseconds. */
const NANOSECONDS = 1e6;

/** The most queries that a set may hold, on any adapter. */
const MOST_QUERIES = 4096;

/**
 * Tells whether kernels can be measured by the GPU's own clock.
 *
 * @param gpu The device.
 * @returns Whether it was made with time stamps.
 */
export function hasStamps(gpu: Gpu): boolean {
  return gpu.device.features.has("timestamp-query");
}

/**
 * Checks that kernels can be measured.
 *
 * @param gpu The device.
 * @throws {GpuUnavailableError} If the device was made without time stamps.
 */
export function checkStamps(gpu: Gpu): void {
  if (hasStamps(gpu)) return;
  throw new GpuUnavailableError(
    `The adapter ${gpu.adapter.description} has no time stamps to measure kernels by`,
  );
}

/** Two time stamps: where something begins, and where it ends. */
export class StampPair {
  /** The first is the beginning, the second the end. */
  readonly queries: GPUQuerySet;
  readonly #gpu: Gpu;
  readonly #resolved: GPUBuffer;

  /**
   * @param gpu The device.
   * @throws {GpuUnavailableError} If the device was made without time stamps.
   */
  constructor(gpu: Gpu) {
    checkStamps(gpu);
    this.#gpu = gpu;
    this.queries = gpu.device.createQuerySet({ type: "timestamp", count: 2 });
    this.#resolved = gpu.device.createBuffer({
      label: "time stamps",
      size: 16,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  /**
   * Reads them when both were submitted.
   *
   * @returns Milliseconds from the first to the second.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async read(): Promise<number> {
    const encoder = this.#gpu.device.createCommandEncoder();
    encoder.resolveQuerySet(this.queries, 0, 2, this.#resolved, 0);
    this.#gpu.device.queue.submit([encoder.finish()]);
    const [begin, end] = new BigUint64Array(await this.#gpu.read(this.#resolved, 16));
    return Number(end - begin) / NANOSECONDS;
  }

  /** Frees the memory. */
  destroy(): void {
    this.queries.destroy();
    this.#resolved.destroy();
  }
}

/** Measures kernels one by one. */
export class Stamps {
  /** How many kernels can be measured between two readings, on any adapter. */
  static readonly most = MOST_QUERIES / 2;
  readonly #gpu: Gpu;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  #count = 0;

  /**
   * @param gpu The device.
   * @param count How many kernels are measured at most between two readings.
   * @throws {GpuUnavailableError} If the device was made without time stamps.
   */
  constructor(gpu: Gpu, count: number) {
    checkStamps(gpu);
    this.#gpu = gpu;
    this.#queries = gpu.device.createQuerySet({ type: "timestamp", count: 2 * count });
    this.#resolved = gpu.device.createBuffer({
      label: "time stamps",
      size: 16 * count,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  /**
   * Encodes kernels, each in a pass of its own, behind those encoded since the last reading.
   *
   * @param encoder Where to.
   * @param kernels The kernels.
   * @param at The step that they work on.
   */
  encode(
    encoder: GPUCommandEncoder,
    kernels: readonly BoundKernel[],
    at: { readonly offset: number; readonly odd: boolean },
  ): void {
    for (const kernel of kernels) {
      const pass = encoder.beginComputePass({
        timestampWrites: {
          querySet: this.#queries,
          beginningOfPassWriteIndex: 2 * this.#count,
          endOfPassWriteIndex: 2 * this.#count + 1,
        },
      });
      dispatch(pass, kernel, at);
      pass.end();
      this.#count++;
    }
  }

  /**
   * Encodes that the times can be read; what was encoded before is to be submitted with it.
   *
   * @param encoder Where to.
   */
  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.#queries, 0, 2 * this.#count, this.#resolved, 0);
  }

  /**
   * Reads the times when all is submitted, and begins anew.
   *
   * @returns Milliseconds of each kernel, in the order in which they were encoded.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async read(): Promise<number[]> {
    const count = this.#count;
    this.#count = 0;
    const stamps = new BigUint64Array(await this.#gpu.read(this.#resolved, 16 * count));
    return Array.from(
      { length: count },
      // Some drivers stamp the beginning of a pass after its end where there is next to nothing to do.
      (_, i) => Math.max(0, Number(stamps[2 * i + 1] - stamps[2 * i]) / NANOSECONDS),
    );
  }

  /** Frees the memory. */
  destroy(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
  }
}
