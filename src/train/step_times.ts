/**
 * The time of training steps and of each of their kernels.
 *
 * @module
 */

import type { Gpu } from "../gpu/device.ts";
import { dispatch } from "../gpu/kernels.ts";
import type { Submits } from "../gpu/submits.ts";
import { hasTimestamps, Timestamps } from "../gpu/timestamps.ts";
import type { Steps } from "../programs/program.ts";

/** The time of some steps. */
export interface StepsTime {
  /** Milliseconds from the beginning of the first to the end of the last, gaps included. */
  readonly milliseconds: number;
  /**
   * Whether the GPU's own clock measured it. Otherwise this program's did, and it includes the delay of the completion
   * callback: some 11 ms in Deno, however short the work is.
   */
  readonly stamped: boolean;
}

/** The times of one kernel of a step. */
export interface KernelTimes {
  /** The kernel. */
  readonly name: string;
  /** Its layer, counted from 0. */
  readonly layer: number;
  /** For all networks together, one time for each step. */
  readonly milliseconds: number[];
}

/** Maximum number of steps in one submit: few enough for a driver's watchdog. */
const MAX_STEPS = 10;

/** Drains the submits, then times `run`, which writes two timestamps where the device has them. */
export async function timeSteps(
  gpu: Gpu,
  submits: Submits,
  run: (timestamps?: GPUQuerySet) => Promise<void>,
): Promise<StepsTime> {
  await submits.drain();
  const timestamps = hasTimestamps(gpu) ? new Timestamps(gpu) : undefined;
  try {
    const began = performance.now();
    await run(timestamps?.queries);
    await submits.drain();
    if (!timestamps) return { milliseconds: performance.now() - began, stamped: false };
    const [milliseconds] = await timestamps.read();
    return { milliseconds, stamped: true };
  } finally {
    timestamps?.destroy();
  }
}

/**
 * Drains the submits, then runs steps with each kernel in a compute pass of its own between two timestamps.
 *
 * @throws {GpuUnavailableError} If the device was created without timestamps.
 */
export async function timeKernels(
  gpu: Gpu,
  submits: Submits,
  run: {
    readonly steps: Steps;
    readonly count: number;
    /** Bytes from one step to the next in the buffer of steps. */
    readonly stride: number;
    readonly prepare: (first: number, count: number) => void;
    readonly signal?: AbortSignal;
  },
): Promise<KernelTimes[]> {
  const { steps, count, stride, prepare, signal } = run;
  const { kernels } = steps;
  // Several in a row: a processor that has just waited for a read-back is slow for a while.
  const perSubmit = Math.min(MAX_STEPS, Math.floor(Timestamps.maxPairs / kernels.length)) || 1;
  const timestamps = new Timestamps(gpu, perSubmit * kernels.length);
  const times = kernels.map(({ name, layer }): KernelTimes => ({ name, layer, milliseconds: [] }));
  try {
    await submits.drain();
    for (let first = 0; first < count; first += perSubmit) {
      signal?.throwIfAborted();
      submits.check();
      const own = Math.min(perSubmit, count - first);
      prepare(first, own);
      const encoder = gpu.device.createCommandEncoder();
      if (first === 0) {
        const pass = encoder.beginComputePass();
        steps.begin(pass);
        pass.end();
      }
      for (let i = 0; i < own; i++) {
        for (const [k, kernel] of steps.next().entries()) {
          const timestampWrites = timestamps.around(i * kernels.length + k);
          const pass = encoder.beginComputePass({ timestampWrites });
          dispatch(pass, kernel, i * stride);
          pass.end();
        }
      }
      gpu.device.queue.submit([encoder.finish()]);
      const found = await timestamps.read(own * kernels.length);
      // Some drivers put the end of an almost empty kernel before its beginning.
      found.forEach((time, i) => times[i % kernels.length].milliseconds.push(Math.max(0, time)));
    }
    return times;
  } finally {
    timestamps.destroy();
  }
}
