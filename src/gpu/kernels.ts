/**
 * The compute pipelines, and kernels bound to what they work on.
 *
 * @module
 */

import { GpuError } from "../errors.ts";
import { type BindingName, BINDINGS } from "./bindings.ts";
import { cached } from "./cache.ts";
import type { Gpu } from "./device.ts";
import type { ShaderTexts } from "./includes.ts";
import {
  CONSTANTS,
  type Definition,
  type KernelName,
  KERNELS,
  type Shape,
  type TileName,
  TILES,
  tiles,
} from "./kernel_table.ts";
import { scoped } from "./scopes.ts";
import { compileModule, composeSource, oneLine, type Source } from "./shader_modules.ts";
import { SHADERS } from "./shaders.gen.ts";
import { STEP } from "./structs.ts";

export type { ShaderTexts };

/** Values of a shader's overrides. */
export type Constants = Readonly<Record<string, number>>;

/** What a kernel may be bound to. */
export type Resources = Readonly<Partial<Record<BindingName, GPUBuffer | GPUTextureView>>>;

/** A kernel with its resources, ready to be dispatched. */
export interface BoundKernel {
  readonly name: KernelName;
  /** The layer that it works on, counted from 0. */
  readonly layer: number;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  /** Workgroups along x, y and z. */
  readonly workgroups: readonly [number, number, number];
}

/** What a kernel is bound to, and the sizes that decide its threads. */
export interface BindOptions {
  readonly shape: Shape;
  readonly networks: number;
  /** The layer that it works on, counted from 0; the first unless given. */
  readonly layer?: number;
  /** A resource for every binding of the kernel; others are ignored, so that one set can serve several kernels. */
  readonly resources: Resources;
  /** The name of the tile, where the kernel works in tiles and the table names none. */
  readonly tile?: TileName;
  /**
   * Values of the overrides in the kernel's file, beside those that {@linkcode CONSTANTS} has; others are ignored.
   * `WORKGROUP` replaces the size that the table gives.
   */
  readonly constants?: Constants;
}

/** The texts that kernels are compiled from: the project's own, except within {@linkcode withShaders}. */
let texts: ShaderTexts = SHADERS;

/** Compiles kernels from other shader texts during a call, for tests that plant mistakes. Calls must not overlap. */
export async function withShaders<T>(shaders: ShaderTexts, action: () => Promise<T>): Promise<T> {
  texts = shaders;
  try {
    return await action();
  } finally {
    texts = SHADERS;
  }
}

/** The pipelines of a device, each compiled when it is first needed. */
export class Kernels {
  static #made = new WeakMap<ShaderTexts, WeakMap<Gpu, Kernels>>();
  #gpu: Gpu;
  #shaders: ShaderTexts;
  #sources = new Map<string, Source>();
  #modules = new Map<Source, Promise<GPUShaderModule>>();
  #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  private constructor(gpu: Gpu, shaders: ShaderTexts) {
    this.#gpu = gpu;
    this.#shaders = shaders;
  }

  /**
   * Returns the kernels of a device.
   *
   * @param gpu The device.
   * @returns The same object on each call with the same device, so that nothing is compiled twice.
   */
  static of(gpu: Gpu): Kernels {
    const ofTexts = Kernels.#made.get(texts) ?? new WeakMap<Gpu, Kernels>();
    Kernels.#made.set(texts, ofTexts);
    const made = ofTexts.get(gpu) ?? new Kernels(gpu, texts);
    ofTexts.set(gpu, made);
    return made;
  }

  /**
   * Binds a kernel to its resources, and compiles it unless it was compiled with the same constants before.
   *
   * @param name The kernel.
   * @param options What it is bound to, and the sizes that decide its threads.
   * @returns The kernel, ready to be dispatched.
   * @throws {GpuError} If its shader does not compile; the message names the file and shows the line. Or if it needs more than the
   * device allows.
   * @throws {DeviceLostError} If the device went away.
   */
  async bind(name: KernelName, options: BindOptions): Promise<BoundKernel> {
    this.#gpu.check();
    const definition: Definition = KERNELS[name];
    const { networks, layer = 0, resources, tile = definition.tile } = options;
    const constants = { WORKGROUP: definition.workgroup, ...options.constants };
    const shape = { ...options.shape, tile: tile && TILES[tile] };
    const pipeline = await this.#pipeline(name, this.#source(definition.file, tile), constants);
    return {
      name,
      layer,
      pipeline,
      group: await this.#group(name, pipeline, resources),
      workgroups: [
        ...this.#workgroups(definition, shape, constants),
        definition.allNetworks ? 1 : networks,
      ],
    };
  }

  #workgroups(
    { threads, workgroups }: Definition,
    shape: Shape,
    constants: Constants,
  ): readonly [number, number] {
    if (workgroups) return workgroups(shape, constants);
    const max = this.#gpu.device.limits.maxComputeWorkgroupsPerDimension;
    const count = tiles(threads!(shape, constants), constants.WORKGROUP);
    return [Math.min(count, max), tiles(count, max)];
  }

  async #group(
    name: KernelName,
    pipeline: GPUComputePipeline,
    resources: Resources,
  ): Promise<GPUBindGroup> {
    const { bindings }: Definition = KERNELS[name];
    const entries = bindings.map((b) => {
      const resource = resources[b];
      if (!resource) throw new TypeError(`Cannot bind ${name}: there is no resource for ${b}`);
      if (!("size" in resource)) return { binding: BINDINGS[b].binding, resource };
      const size = b === "step" ? STEP.size : undefined;
      return { binding: BINDINGS[b].binding, resource: { buffer: resource, size } };
    });
    const { device } = this.#gpu;
    const { value, errors } = scoped(
      device,
      () =>
        device.createBindGroup({ label: name, layout: pipeline.getBindGroupLayout(0), entries }),
    );
    const { outOfMemory, invalid } = await errors;
    const error = outOfMemory ?? invalid;
    if (error) throw new GpuError(`Cannot bind ${name}: ${error.message}`);
    return value;
  }

  #source(file: string, tile: TileName | undefined): Source {
    const key = `${file} ${tile}`;
    const known = this.#sources.get(key);
    if (known) return known;
    const source = composeSource(this.#shaders, file, tile);
    this.#sources.set(key, source);
    return source;
  }

  #pipeline(
    name: KernelName,
    source: Source,
    constants: Constants,
  ): Promise<GPUComputePipeline> {
    const all: Constants = { ...CONSTANTS, ...constants };
    const own = source.overrides.filter((key) => key in all).map((key) => [key, all[key]]);
    const key = JSON.stringify([name, source.tile, own]);
    return cached(
      this.#pipelines,
      key,
      () => this.#compile(name, source, Object.fromEntries(own)),
    );
  }

  async #compile(
    name: KernelName,
    source: Source,
    constants: Constants,
  ): Promise<GPUComputePipeline> {
    checkLimits(this.#gpu.device, { name, file: source.file, threads: constants.WORKGROUP });
    const module = await cached(this.#modules, source, () => compileModule(this.#gpu, source));
    const layout = await this.#layout(name);
    // A failure rejects this promise and does not reach error scopes.
    const made = this.#gpu.device.createComputePipelineAsync({
      label: name,
      layout,
      compute: { module, entryPoint: name, constants },
    });
    return await this.#gpu.orLost(made).catch((error: Error) => {
      this.#gpu.check(); // A lost device is the better reason.
      const values = Object.entries(constants).map(([key, value]) => `${key} = ${value}`);
      throw new GpuError(
        `Cannot make the kernel ${name} of shaders/${source.file}.wgsl with ` +
          `${values.join(", ") || "no constants"}: ${oneLine(error.message)}`,
      );
    });
  }

  async #layout(name: KernelName): Promise<GPUPipelineLayout> {
    const { device } = this.#gpu;
    const { bindings }: Definition = KERNELS[name];
    const { value, errors } = scoped(device, () => {
      const group = device.createBindGroupLayout({
        label: name,
        entries: bindings.map((b) => ({ ...BINDINGS[b], visibility: GPUShaderStage.COMPUTE })),
      });
      return device.createPipelineLayout({ bindGroupLayouts: [group] });
    });
    const { invalid } = await errors;
    if (invalid) throw new GpuError(`Cannot make the kernel ${name}: ${invalid.message}`);
    return value;
  }
}

/**
 * Dispatches a kernel.
 *
 * @param pass The pass to encode it in.
 * @param kernel The kernel with its resources.
 * @param offset The offset of its step in the buffer of steps, in bytes.
 */
export function dispatch(
  pass: GPUComputePassEncoder,
  kernel: BoundKernel,
  offset: number,
): void {
  pass.setPipeline(kernel.pipeline);
  pass.setBindGroup(0, kernel.group, [offset]);
  pass.dispatchWorkgroups(...kernel.workgroups);
}

/** Refuses what the device cannot run: not every compiler says which limit is too low. */
function checkLimits(
  { limits }: GPUDevice,
  { name, file, threads = 1 }: { name: KernelName; file: string; threads?: number },
): void {
  const { bindings }: Definition = KERNELS[name];
  const buffers = bindings.map((b): Omit<GPUBindGroupLayoutEntry, "visibility"> => BINDINGS[b])
    .filter(({ buffer }) => buffer?.type === "storage" || buffer?.type === "read-only-storage");
  const needs = [
    ["maxStorageBuffersPerShaderStage", buffers.length, "storage buffers"],
    ["maxComputeInvocationsPerWorkgroup", threads, "threads in a workgroup"],
    ["maxComputeWorkgroupSizeX", threads, "threads in a workgroup"],
  ] as const;
  for (const [limit, needed, what] of needs) {
    if (needed <= limits[limit]) continue;
    throw new GpuError(
      `Cannot make the kernel ${name} of shaders/${file}.wgsl: it needs ${needed} ${what}, ` +
        `and this adapter allows at most ${limits[limit]} (${limit})`,
    );
  }
}
