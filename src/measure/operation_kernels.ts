/**
 * The kernels that measure single operations of an adapter, each repeated as often as is asked.
 *
 * @module
 */

import { GpuError } from "../errors.ts";
import { BINDINGS } from "../gpu/bindings.ts";
import { cached } from "../gpu/cache.ts";
import type { Gpu } from "../gpu/device.ts";
import { VEC4 } from "../gpu/kernel_table.ts";
import { SHADERS } from "../gpu/shaders.gen.ts";

/** A kernel of `shaders/measure/operations.wgsl`. */
export type OperationKernel =
  | "touch"
  | "exchange_workgroup"
  | "exchange_both"
  | "chase_storage"
  | "chase_workgroup"
  | "sum_by_one"
  | "sum_by_four"
  | "sum_by_eight"
  | "product_4x4"
  | "product_8x8";

/** A kernel with its threads. */
export interface Launch {
  readonly kernel: OperationKernel;
  /** Threads in a workgroup. */
  readonly threads: number;
  readonly workgroups: number;
}

/** Rows of x that a sum adds up, and vec4s from one row to the next: the first layer's partial sums, in 96 slices. */
export const SUMS = { SLICES: 96, SLICE: 1300 } as const;

/** Maximum indices in a cycle, a vec4 each: 16 MiB of them. */
export const MAX_LINKS = 2 ** 20;

/** Indices in the cycle that workgroup memory holds. */
export const WORKGROUP_LINKS = 256;

/** Operations in a turn of a kernel's loop; of a product, multiply-adds of a thread: four depths of its tile. */
export const TURN_OPERATIONS = {
  exchanges: 2,
  reads: 8,
  product_4x4: 4 * 16,
  product_8x8: 4 * 64,
} as const;

/** Maximum turns of a loop: llvmpipe ends all loops of a thread after 65,535 turns together, and says nothing. */
export const MAX_TURNS = 60_000;

/** Maximum threads of a launch: each has its own vec4 of y. */
export const MAX_THREADS = 2 ** 18;

/** What {@linkcode BINDINGS} does not have: the number of turns of the measured loop. */
const TURNS: GPUBindGroupLayoutEntry = {
  binding: 37,
  buffer: { type: "read-only-storage" },
  visibility: 4, // GPUShaderStage.COMPUTE; the name exists only where WebGPU does.
};

/** Indices from one of a cycle to the next: odd, so that it visits all, and far, so that no cache fetches it ahead. */
export function strideOf(links: number): number {
  return Math.floor(links * 0.618) | 1;
}

/** The kernels and their memory on a device. */
export class OperationKernels {
  /** The input: the next index of a cycle, then three numbers below 4, for each index. */
  readonly x: GPUBuffer;
  /** The output: a vec4 for each thread. */
  readonly y: GPUBuffer;
  readonly #gpu: Gpu;
  readonly #turns: GPUBuffer;
  readonly #layout: GPUBindGroupLayout;
  readonly #group: GPUBindGroup;
  readonly #module: GPUShaderModule;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  /** @param gpu The device. */
  constructor(gpu: Gpu) {
    const { device } = gpu;
    this.#gpu = gpu;
    this.x = gpu.buffer("input of operations", MAX_LINKS * VEC4);
    this.y = gpu.buffer("output of operations", MAX_THREADS * VEC4);
    this.#turns = gpu.buffer("turns", 4);
    const { visibility } = TURNS;
    this.#layout = device.createBindGroupLayout({
      label: "operations",
      entries: [{ ...BINDINGS.x, visibility }, { ...BINDINGS.y, visibility }, TURNS],
    });
    this.#group = device.createBindGroup({
      label: "operations",
      layout: this.#layout,
      entries: [
        { binding: BINDINGS.x.binding, resource: { buffer: this.x } },
        { binding: BINDINGS.y.binding, resource: { buffer: this.y } },
        { binding: TURNS.binding, resource: { buffer: this.#turns } },
      ],
    });
    this.#module = device.createShaderModule({
      label: "operations",
      code: SHADERS["measure/operations"],
    });
  }

  /** Makes the first indices of x a cycle, a power of two in number, and fills y with zeros. */
  link(links: number): void {
    const { device } = this.#gpu;
    const stride = strideOf(links);
    const words = new Uint32Array(4 * links);
    for (let i = 0; i < links; i++) {
      words[4 * i] = (i + stride) % links;
      words[4 * i + 1] = i % 4;
      words[4 * i + 2] = (i >> 2) % 4;
      words[4 * i + 3] = 1;
    }
    device.queue.writeBuffer(this.x, 0, words);
    const encoder = device.createCommandEncoder();
    encoder.clearBuffer(this.y);
    device.queue.submit([encoder.finish()]);
  }

  /** Sets the turns of the measured loop for what is submitted from now on. */
  setTurns(turns: number): void {
    this.#gpu.device.queue.writeBuffer(this.#turns, 0, Uint32Array.of(turns));
  }

  /** Compiles a kernel for some threads, unless it was compiled before. */
  prepare({ kernel, threads }: Launch): Promise<GPUComputePipeline> {
    return cached(this.#pipelines, `${kernel} ${threads}`, () => this.#compile(kernel, threads));
  }

  /** Encodes dispatches of a kernel, each of which depends on the one before. */
  encode(
    pass: GPUComputePassEncoder,
    pipeline: GPUComputePipeline,
    { workgroups, dispatches }: { readonly workgroups: number; readonly dispatches: number },
  ): void {
    for (let i = 0; i < dispatches; i++) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, this.#group);
      pass.dispatchWorkgroups(workgroups);
    }
  }

  /** Frees the memory. */
  destroy(): void {
    for (const buffer of [this.x, this.y, this.#turns]) buffer.destroy();
  }

  async #compile(kernel: OperationKernel, threads: number): Promise<GPUComputePipeline> {
    const { device } = this.#gpu;
    const made = device.createComputePipelineAsync({
      label: kernel,
      layout: device.createPipelineLayout({ bindGroupLayouts: [this.#layout] }),
      compute: {
        module: this.#module,
        entryPoint: kernel,
        constants: { WORKGROUP: threads, ...SUMS },
      },
    });
    return await this.#gpu.orLost(made).catch((error: Error) => {
      this.#gpu.check(); // A lost device is the better reason.
      throw new GpuError(`Cannot make the kernel ${kernel}: ${error.message}`);
    });
  }
}
