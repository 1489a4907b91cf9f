/**
 * The compute pipelines, and kernels bound to what they work on.
 *
 * @module
 */

import { type BindingName, BINDINGS } from "./bindings.ts";
import { cached } from "./cache.ts";
import { GpuError } from "../errors.ts";
import type { Gpu } from "./device.ts";
import {
  type Definition,
  type KernelName,
  KERNELS,
  type Shape,
  type TileName,
  TILES,
  tiles,
} from "./kernel_table.ts";
import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM } from "../model/network.ts";
import { scoped } from "./scopes.ts";
import { SHADERS } from "./shaders.gen.ts";
import { STEP } from "./structs.ts";

/** The texts of the shader files, by name without the extension. */
export type ShaderTexts = Readonly<Record<string, string>>;

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

/** What a kernel is bound to, and how large it is. */
export interface BindOptions {
  readonly shape: Shape;
  readonly networks: number;
  /** The layer that it works on, counted from 0; the first unless given. */
  readonly layer?: number;
  /** A resource for every binding of the kernel; further ones are passed over, so that one set can serve several. */
  readonly resources: Resources;
  /** The name of the tile, where the kernel works in tiles. */
  readonly tile?: TileName;
  /** Values of the overrides that are the kernel's own; `WORKGROUP` replaces the size that the table gives. */
  readonly constants?: Constants;
}

/** The texts that kernels are compiled from: the project's own, except within {@linkcode withShaders}. */
let texts: ShaderTexts = SHADERS;

/**
 * Has everything that is created during a call use other shader texts, which is how tests plant mistakes.
 *
 * @param shaders The texts.
 * @param action The call; no other one may be under way.
 * @returns What it returns.
 */
export async function withShaders<T>(shaders: ShaderTexts, action: () => Promise<T>): Promise<T> {
  texts = shaders;
  try {
    return await action();
  } finally {
    texts = SHADERS;
  }
}

/** The pipelines of a device: each is made when it is first asked for. */
export class Kernels {
  static #made = new WeakMap<GPUDevice, Kernels>();
  #gpu: Gpu;
  #shaders: ShaderTexts;
  #modules = new Map<string, Promise<GPUShaderModule>>();
  #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  private constructor(gpu: Gpu, shaders: ShaderTexts) {
    this.#gpu = gpu;
    this.#shaders = shaders;
  }

  /**
   * Gives the kernels of a device.
   *
   * @param gpu The device.
   * @returns The same object for the same device, so that nothing is compiled twice.
   */
  static of(gpu: Gpu): Kernels {
    if (texts !== SHADERS) return new Kernels(gpu, texts);
    const made = Kernels.#made.get(gpu.device) ?? new Kernels(gpu, texts);
    Kernels.#made.set(gpu.device, made);
    return made;
  }

  /**
   * Gives a kernel its resources, and compiles it if nobody asked for it with these constants before.
   *
   * @param name The kernel.
   * @param options What it is bound to, and how large it is.
   * @returns The kernel, ready to be dispatched.
   * @throws {GpuError} If its shader does not compile, with the line that is to blame.
   * @throws {DeviceLostError} If the device went away.
   */
  async bind(name: KernelName, options: BindOptions): Promise<BoundKernel> {
    this.#gpu.check();
    const { networks, layer = 0, resources, constants = {}, tile } = options;
    const shape = { ...options.shape, tile: tile && TILES[tile] };
    const definition: Definition = KERNELS[name];
    const workgroup = constants.WORKGROUP ?? definition.workgroup;
    const pipeline = await this.#pipeline(name, { ...constants, WORKGROUP: workgroup }, tile);
    return {
      name,
      layer,
      pipeline,
      group: await this.#group(name, pipeline, resources),
      workgroups: [
        ...this.#workgroups(definition, shape, { ...constants, WORKGROUP: workgroup }),
        networks,
      ],
    };
  }

  #workgroups(
    { threads, workgroups }: Definition,
    shape: Shape,
    constants: Constants,
  ): readonly [number, number] {
    if (workgroups) return workgroups(shape, constants);
    const most = this.#gpu.device.limits.maxComputeWorkgroupsPerDimension;
    const count = tiles(threads!(shape), constants.WORKGROUP);
    return [Math.min(count, most), tiles(count, most)];
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

  #pipeline(
    name: KernelName,
    constants: Constants,
    tile: TileName | undefined,
  ): Promise<GPUComputePipeline> {
    const key = JSON.stringify([name, tile, Object.entries(constants).sort()]);
    return cached(this.#pipelines, key, () => this.#compile(name, constants, tile));
  }

  async #compile(
    name: KernelName,
    constants: Constants,
    tile: TileName | undefined,
  ): Promise<GPUComputePipeline> {
    const { file, bindings }: Definition = KERNELS[name];
    const { device } = this.#gpu;
    const module = await this.#module(file, tile);
    const text = this.#shaders[file];
    const norm = { EPSILON: BATCH_NORM_EPSILON, MOMENTUM: BATCH_NORM_MOMENTUM };
    const shared = Object.entries(norm).filter(([override]) =>
      text.includes(`override ${override}:`)
    );
    const { value: layout, errors } = scoped(device, () => {
      const group = device.createBindGroupLayout({
        label: name,
        entries: bindings.map((b) => ({ ...BINDINGS[b], visibility: GPUShaderStage.COMPUTE })),
      });
      return device.createPipelineLayout({ bindGroupLayouts: [group] });
    });
    const { invalid } = await errors;
    if (invalid) throw new GpuError(`Cannot make the kernel ${name}: ${invalid.message}`);
    // A pipeline that cannot be made rejects its promise, and tells no error scope.
    const made = device.createComputePipelineAsync({
      label: name,
      layout,
      compute: {
        module,
        entryPoint: name,
        constants: { ...Object.fromEntries(shared), ...constants },
      },
    });
    return await this.#gpu.orLost(made).catch((error: Error) => {
      this.#gpu.check(); // Where the device went away, that is the reason.
      throw new GpuError(`Cannot make the kernel ${name}: ${error.message}`);
    });
  }

  #module(file: string, tile: TileName | undefined): Promise<GPUShaderModule> {
    const key = `${tile} ${file}`;
    const options = { shaders: this.#shaders, tile };
    return cached(this.#modules, key, () => compileModule(this.#gpu, file, options));
  }
}

/**
 * Dispatches a kernel.
 *
 * @param pass Where to.
 * @param kernel The kernel with its resources.
 * @param offset Bytes to its step in the buffer of steps.
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

/** Texts that go in front of a file's own, beside the two that go in front of all. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  input_affine: ["descent"],
  affine: ["descent"],
  batch_norm: ["descent"],
  texel_input: ["descent", "texel_descent"],
  texel_affine: ["descent", "texel_descent"],
  texel_norm: ["descent"],
  tiled_input: ["descent"],
  tiled_affine: ["descent"],
  fused_input: ["descent", "fused_layers"],
  fused_norm: ["descent", "fused_layers"],
  fused_tail: ["descent", "fused_layers"],
};

/** The same of the texts that tasks/_kit/tile.ts makes for each tile: by a word that calls for them. */
const TILE_PARTS: readonly (readonly [word: string, part: string])[] = [
  ["TILE_OUTPUTS", "outputs"],
  ["TILE_ROWS", "blocks"],
];

async function compileModule(
  gpu: Gpu,
  file: string,
  { shaders, tile }: { shaders: ShaderTexts; tile?: TileName },
): Promise<GPUShaderModule> {
  const own = shaders[file];
  const loops = TILE_PARTS.filter(([word]) => own.includes(word)).map(([, part]) =>
    `${tile}_${part}`
  );
  const texts = ["common", "bits", ...PARTS[file] ?? [], ...loops, file];
  const code = texts.map((name) => shaders[name]).join("");
  const { value: module, errors } = scoped(
    gpu.device,
    () => gpu.device.createShaderModule({ label: file, code }),
  );
  const [{ invalid: error }, info] = await gpu.orLost(
    Promise.all([errors, module.getCompilationInfo()]),
  );
  const bad = info.messages.find(({ type }) => type === "error");
  if (bad) {
    const line = code.split("\n")[bad.lineNum - 1] ?? "";
    throw new GpuError(
      `Cannot compile shaders/${file}.wgsl: ${bad.message} in "${line.trim()}"`,
    );
  }
  if (error) throw new GpuError(`Cannot compile shaders/${file}.wgsl: ${error.message}`);
  return module;
}
