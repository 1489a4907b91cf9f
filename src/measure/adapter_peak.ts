/**
 * The peak rates of an adapter, measured with kernels of their own, to relate the speed of training to.
 *
 * @module
 */

import { GpuError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { SHADERS } from "../gpu/shaders.gen.ts";
import { hasTimestamps, Timestamps } from "../gpu/timestamps.ts";
import { timedWork, timeUnit, unitsFor } from "./timing.ts";

/** The peak rates of an adapter. */
export interface AdapterPeak {
  /** 10⁹ floating-point operations in a second; a multiply-add counts as two. */
  readonly gflopPerS: number;
  /** 10⁹ bytes in a second, read and written. */
  readonly gbPerS: number;
}

/** How long to measure. */
export interface AdapterPeakOptions {
  /** Minimum time of a measurement, in milliseconds; 250 unless given. */
  readonly minMilliseconds?: number;
  /** Number of measurements, of which the fastest counts; 5 unless given. */
  readonly repeat?: number;
  /** Ends the measuring between two measurements. */
  readonly signal?: AbortSignal;
}

/** Bytes of each buffer: more than the caches of most adapters hold, and no more than every adapter allows. */
const BYTES = 2 ** 27;

/** Threads in a workgroup of each kernel. */
export const WORKGROUP = { multiply_add: 64, copy: 256 } as const;

/** What a thread does: rounds of 32 multiply-adds to 12 sums, or pieces of 16 bytes to copy. */
const SIZES = { ROUNDS: 256, PIECES: 4 };

/** Bytes that a thread copies. */
export const COPIED = 16 * SIZES.PIECES;

/** Operations of a thread. */
export const OPERATIONS = SIZES.ROUNDS * 32 * 12 * 2;

/** Workgroups of a unit of multiply-adds: a few for each core of a small CPU. */
const GROUPS = 16;

/** Maximum units in one dispatch: within the limits of every adapter, and of the room for the sums. */
const MAX_UNITS = 2048;

/** a and b: iterating s a + b approaches 1 from any start, and never gets to slow numbers such as denormals. */
export const COEFFICIENTS: Float32Array<ArrayBuffer> = Float32Array.of(0.9999, 0.0001);

/** Work of any number of units. */
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
    for (let rest = units; rest > 0; rest -= MAX_UNITS) {
      pass.dispatchWorkgroups(GROUPS * Math.min(rest, MAX_UNITS));
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
 * Measures the peak rates of an adapter: of multiply-adds in registers, and of copying from one buffer to another. Of
 * several measurements, by the GPU's own clock where it has one, the fastest counts.
 *
 * @throws {ArgumentError} If the adapter has no room for two buffers of 128 MiB.
 */
export async function measureAdapterPeak(
  gpu: Gpu,
  options: AdapterPeakOptions = {},
): Promise<AdapterPeak> {
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
  options: AdapterPeakOptions & { buffers: readonly GPUBuffer[] },
): Promise<number> {
  const { minMilliseconds = 250, repeat = 5, signal, buffers } = options;
  const pipeline = await compilePeakKernel(gpu, load.kernel);
  const group = gpu.device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, i) => ({ binding: 11 + i, resource: { buffer } })),
  });
  const timestamps = hasTimestamps(gpu) ? new Timestamps(gpu) : undefined;
  const work = timedWork(async (units) => {
    signal?.throwIfAborted();
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass({ timestampWrites: timestamps?.around(0) });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    load.encode(pass, units);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.done();
    return (await timestamps?.read())?.[0];
  }, { stamped: timestamps !== undefined });
  try {
    await work.time(1); // Drivers compile, and allocate memory, when a kernel first runs.
    const { units, each } = await unitsFor(work, { min: 1, milliseconds: minMilliseconds });
    let fastest = each;
    for (let i = 1; i < repeat; i++) fastest = Math.min(fastest, await timeUnit(work, units));
    return load.amount / fastest * 1000;
  } finally {
    timestamps?.destroy();
  }
}

/** Compiles one of the kernels; it binds a source at 11 and a destination at 12. */
export async function compilePeakKernel(
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
