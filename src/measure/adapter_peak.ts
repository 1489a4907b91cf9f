/**
 * The most that an adapter does, measured with kernels that do nothing else: what the speed of training is a share of.
 *
 * @module
 */

import { GpuError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { SHADERS } from "../gpu/shaders.gen.ts";
import { hasStamps, StampPair } from "../gpu/timestamps.ts";
import { timedWork, timeUnit, unitsFor } from "./timing.ts";

/** What an adapter does at most. */
export interface Peak {
  /** 10⁹ floating-point operations in a second; a multiplication with an addition counts as two. */
  readonly gflopPerS: number;
  /** 10⁹ bytes in a second, read and written. */
  readonly gbPerS: number;
}

/** How long to measure. */
export interface PeakOptions {
  /** The least milliseconds of a measurement; 250 unless given. */
  readonly least?: number;
  /** How many measurements, of which the fastest counts; 5 unless given. */
  readonly repeat?: number;
  /** Ends the measuring between two measurements. */
  readonly signal?: AbortSignal;
}

/** Bytes of each buffer: more than the caches of most adapters hold, and what every adapter allows. */
const BYTES = 2 ** 27;

/** Threads in a workgroup, which the kernels are compiled for. */
export const WORKGROUP = { multiply_add: 64, copy: 256 } as const;

/** What a thread does: rounds of 32 multiply-adds to 12 sums, or pieces of 16 bytes to copy. */
const SIZES = { ROUNDS: 256, PIECES: 4 };

/** Bytes that a thread copies. */
export const COPIED = 16 * SIZES.PIECES;

/** Operations of a thread. */
export const OPERATIONS = SIZES.ROUNDS * 32 * 12 * 2;

/** Workgroups of a unit of multiply-adds: a few for each core of a small CPU. */
const GROUPS = 16;

/** Units in one dispatch at most: what an axis takes on every adapter, and the sums have room for. */
const MOST_UNITS = 2048;

/** a and b: s a + b goes to 1 from wherever it begins, never to numbers that are slow to compute with. */
export const COEFFICIENTS: Float32Array<ArrayBuffer> = Float32Array.of(0.9999, 0.0001);

/** Work of which there can be more or less. */
interface Load {
  readonly kernel: keyof typeof WORKGROUP;
  /** Operations or bytes of a unit. */
  readonly amount: number;
  encode(pass: GPUComputePassEncoder, units: number): void;
}

const MULTIPLY_ADD: Load = {
  kernel: "multiply_add",
  amount: GROUPS * WORKGROUP.multiply_add * OPERATIONS,
  encode: (pass, units) => {
    for (let rest = units; rest > 0; rest -= MOST_UNITS) {
      pass.dispatchWorkgroups(GROUPS * Math.min(rest, MOST_UNITS));
    }
  },
};

const COPY: Load = {
  kernel: "copy",
  amount: 2 * BYTES,
  encode: (pass, units) => {
    for (let i = 0; i < units; i++) {
      pass.dispatchWorkgroups(BYTES / COPIED / WORKGROUP.copy);
    }
  },
};

/**
 * Measures what an adapter does at most: multiply-adds in registers, and copying from one buffer to another. There is so
 * much of each that it takes long enough, and it is measured several times, by the GPU's own clock where it has one.
 *
 * @param gpu The device; 256 MiB of its memory are used meanwhile.
 * @param options How long to measure.
 * @returns The fastest of the measurements.
 * @throws {ArgumentError} If the adapter has no room for the buffers.
 * @throws {GpuError} If the device refused an operation.
 * @throws {DeviceLostError} If the device went away.
 */
export async function measurePeak(gpu: Gpu, options: PeakOptions = {}): Promise<Peak> {
  const buffers: GPUBuffer[] = [];
  try {
    for (const label of ["source of a copy", "copy"]) buffers.push(gpu.buffer(label, BYTES));
    gpu.device.queue.writeBuffer(buffers[0], 0, COEFFICIENTS);
    return {
      gflopPerS: await rateOf(gpu, MULTIPLY_ADD, { ...options, buffers }) / 1e9,
      gbPerS: await rateOf(gpu, COPY, { ...options, buffers }) / 1e9,
    };
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}

/** Operations or bytes in a second. */
async function rateOf(
  gpu: Gpu,
  load: Load,
  options: PeakOptions & { buffers: readonly GPUBuffer[] },
): Promise<number> {
  const { least = 250, repeat = 5, signal, buffers } = options;
  const pipeline = await compilePeak(gpu, load.kernel);
  const group = gpu.device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, i) => ({ binding: 11 + i, resource: { buffer } })),
  });
  const stamps = hasStamps(gpu) ? new StampPair(gpu) : undefined;
  const timestampWrites = stamps && {
    querySet: stamps.queries,
    beginningOfPassWriteIndex: 0,
    endOfPassWriteIndex: 1,
  };
  const work = timedWork(async (units) => {
    signal?.throwIfAborted();
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass({ timestampWrites });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    load.encode(pass, units);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.done();
    return await stamps?.read();
  }, { stamped: stamps !== undefined });
  try {
    await work.time(1); // Drivers compile, and take memory, when a kernel first runs.
    const { units, each } = await unitsFor(work, { min: 1, milliseconds: least });
    let fastest = each;
    for (let i = 1; i < repeat; i++) fastest = Math.min(fastest, await timeUnit(work, units));
    return load.amount / fastest * 1000;
  } finally {
    stamps?.destroy();
  }
}

/**
 * Compiles one of the kernels.
 *
 * @param gpu The device.
 * @param kernel Which.
 * @returns The pipeline; it binds a source at 11 and what is written at 12.
 * @throws {GpuError} If it does not compile.
 */
export async function compilePeak(
  gpu: Gpu,
  kernel: keyof typeof WORKGROUP,
): Promise<GPUComputePipeline> {
  const { device } = gpu;
  try {
    return await device.createComputePipelineAsync({
      label: kernel,
      layout: "auto",
      compute: {
        module: device.createShaderModule({ label: "peak", code: SHADERS["measure/adapter_peak"] }),
        entryPoint: kernel,
        constants: { ...SIZES, WORKGROUP: WORKGROUP[kernel] },
      },
    });
  } catch (error) {
    throw new GpuError(`Cannot make the kernel ${kernel}: ${(error as Error).message}`);
  }
}
