/**
 * Time stamps of the GPU's own clock around compute passes.
 *
 * @module
 */

import { GpuUnavailableError } from "./errors.ts";
import type { Gpu } from "./gpu.ts";
import { type BoundKernel, dispatch } from "./kernels.ts";

/** Nanoseconds in a millisecond: stamps are in nanoseconds. */
const NANOSECONDS = 1e6;

/** Measures kernels one by one. */
export class Stamps {
  readonly #gpu: Gpu;
  readonly #count: number;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;

  /**
   * @param gpu The device.
   * @param count How many kernels are measured at a time.
   * @throws {GpuUnavailableError} If the device was made without time stamps.
   */
  constructor(gpu: Gpu, count: number) {
    if (!gpu.device.features.has("timestamp-query")) {
      throw new GpuUnavailableError(
        `The adapter ${gpu.adapter.description} has no time stamps to measure kernels by`,
      );
    }
    this.#gpu = gpu;
    this.#count = count;
    this.#queries = gpu.device.createQuerySet({ type: "timestamp", count: 2 * count });
    this.#resolved = gpu.device.createBuffer({
      label: "time stamps",
      size: 16 * count,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  /**
   * Encodes kernels, each in a pass of its own.
   *
   * @param encoder Where to.
   * @param kernels The kernels, as many as are measured at a time.
   * @param at The step that they work on.
   */
  encode(
    encoder: GPUCommandEncoder,
    kernels: readonly BoundKernel[],
    at: { readonly offset: number; readonly odd: boolean },
  ): void {
    for (const [i, kernel] of kernels.entries()) {
      const pass = encoder.beginComputePass({
        timestampWrites: {
          querySet: this.#queries,
          beginningOfPassWriteIndex: 2 * i,
          endOfPassWriteIndex: 2 * i + 1,
        },
      });
      dispatch(pass, kernel, at);
      pass.end();
    }
    encoder.resolveQuerySet(this.#queries, 0, 2 * this.#count, this.#resolved, 0);
  }

  /**
   * Reads what was submitted last.
   *
   * @returns Milliseconds of each kernel.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async read(): Promise<number[]> {
    const stamps = new BigUint64Array(await this.#gpu.read(this.#resolved));
    return Array.from(
      { length: this.#count },
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
