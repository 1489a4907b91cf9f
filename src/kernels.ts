/**
 * The compute kernels: which file each is in, what it binds, how many threads it takes, and the pipelines made of them.
 *
 * @module
 */

import { ArgumentError, GpuError } from "./errors.ts";
import type { Gpu } from "./gpu.ts";
import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM } from "./network.ts";
import { SHADERS } from "./shaders.gen.ts";

/** The ways to run a step on the GPU: so far one kernel for each operation. */
export const VARIANTS: readonly string[] = ["per-operation"];

/**
 * Looks a kernel variant up.
 *
 * @param name Its name, or undefined to have one chosen.
 * @returns The name of the variant to use.
 * @throws {ArgumentError} If there is no such variant.
 */
export function checkVariant(name: string | undefined): string {
  if (name === undefined) return VARIANTS[0];
  if (VARIANTS.includes(name)) return name;
  throw new ArgumentError(
    `There is no kernel variant ${JSON.stringify(name)}, expected ${VARIANTS.join(" or ")}`,
  );
}

/** The sizes that decide how many threads a kernel takes. */
export interface Shape {
  /** Images in the batch. */
  readonly rows: number;
  /** Inputs of the layer. */
  readonly inputs: number;
  /** Outputs of the layer. */
  readonly outputs: number;
  /** Parts that the first layer's sum over the inputs is split into. */
  readonly slices: number;
}

const UNIFORM: GPUBufferBindingLayout = { type: "uniform" };
const READ: GPUBufferBindingLayout = { type: "read-only-storage" };
const WRITE: GPUBufferBindingLayout = { type: "storage" };
const TEXELS: GPUTextureBindingLayout = {
  viewDimension: "2d-array",
  sampleType: "unfilterable-float",
};
const NEW_TEXELS: GPUStorageTextureBindingLayout = {
  viewDimension: "2d-array",
  format: "rgba32float",
  access: "write-only",
};

/** Every binding that a kernel may have: one number and one kind for each name, the same in all shader files. */
const BINDINGS = {
  layer: { binding: 0, buffer: UNIFORM },
  step: { binding: 1, buffer: { ...UNIFORM, hasDynamicOffset: true } },
  networks: { binding: 2, buffer: READ }, // [P] lambda, eta_min, eta_max
  images: { binding: 3, texture: TEXELS },
  order: { binding: 4, buffer: READ }, // [images]
  standard: { binding: 5, buffer: READ }, // [texels] scale and shift of 4 pixels
  labels: { binding: 6, buffer: READ }, // [images]
  weights: { binding: 7, buffer: READ }, // [P, parameters], as far as they are only read
  parameters: { binding: 8, buffer: WRITE }, // [P, parameters]
  gradients: { binding: 9, buffer: WRITE }, // [P, parameters]
  statistics: { binding: 10, buffer: WRITE }, // [P, statistics] moving averages
  x: { binding: 11, buffer: READ }, // [P, rows, inputs] what goes in
  y: { binding: 12, buffer: WRITE }, // [P, rows, outputs] what comes out
  dy: { binding: 13, buffer: READ }, // [P, rows, outputs] gradient of what came out
  dx: { binding: 14, buffer: WRITE }, // [P, rows, inputs] gradient of what went in
  slices: { binding: 15, buffer: WRITE }, // [P, slices, rows, outputs]
  normalised: { binding: 16, buffer: WRITE }, // [P, rows, outputs]
  inverse_deviation: { binding: 17, buffer: WRITE }, // [P, outputs]
  outcomes: { binding: 18, buffer: WRITE }, // [P, rows] loss, correct
  sums: { binding: 19, buffer: WRITE }, // [slots, P, SUM_PARTS] pairs
  diverged: { binding: 20, buffer: WRITE }, // [P] first step with a loss that is not finite
  weight_texels: { binding: 21, texture: TEXELS }, // [P] first layer's weights, four inputs a texel
  new_weight_texels: { binding: 22, storageTexture: NEW_TEXELS },
  gradient_texels: { binding: 23, texture: TEXELS }, // [P] gradient of its outputs, four rows a texel
  new_gradient_texels: { binding: 24, storageTexture: NEW_TEXELS },
} as const satisfies Record<string, Omit<GPUBindGroupLayoutEntry, "visibility">>;

/** The name of a binding. */
export type BindingName = keyof typeof BINDINGS;

/** Parts of a sum that is read back; `PARTS` in sums.wgsl. */
export const SUM_PARTS = 64;

/** Bytes of the struct `Step` in common.wgsl. */
export const STEP_BYTES = 24;

/** Tiles of the first layer's kernels: rows × outputs forward, inputs × outputs backward; as in input_affine.wgsl. */
export const INPUT_TILE = { rows: 20, inputs: 16, outputs: 10 };

/** Rows and columns of a tile of the other affine kernels; `TILE` in affine.wgsl. */
const TILE = 8;

interface Definition {
  /** The shader file without its extension. */
  readonly file: string;
  readonly bindings: readonly BindingName[];
  /** Threads that one network takes. */
  readonly threads: (shape: Shape) => number;
  /** Threads in a workgroup: few where each does much, so that there are enough workgroups to go round. */
  readonly workgroup: number;
}

const DESCENT = ["layer", "step", "networks", "parameters", "gradients"] as const;

/** Every kernel by its entry point. */
const KERNELS = {
  input_affine_forward: {
    file: "input_affine",
    bindings: ["layer", "step", "images", "order", "standard", "weight_texels", "slices"],
    threads: ({ rows, outputs, slices }) =>
      tiles(rows, INPUT_TILE.rows) * tiles(outputs, INPUT_TILE.outputs) * slices,
    workgroup: 16,
  },
  input_affine_backward: {
    file: "input_affine",
    bindings: [
      ...DESCENT,
      "images",
      "order",
      "standard",
      "gradient_texels",
      "new_weight_texels",
    ],
    threads: ({ inputs, outputs }) =>
      tiles(inputs, INPUT_TILE.inputs) * tiles(outputs, INPUT_TILE.outputs),
    workgroup: 16,
  },
  input_affine_backward_bias: {
    file: "input_affine",
    bindings: [...DESCENT, "dy", "new_gradient_texels"],
    threads: ({ outputs }) => outputs,
    workgroup: 8,
  },
  slice_sum: {
    file: "slice_sum",
    bindings: ["layer", "step", "weights", "y", "slices"],
    threads: ({ rows, outputs }) => rows * outputs,
    workgroup: 64,
  },
  affine_forward: {
    file: "affine",
    bindings: ["layer", "step", "weights", "x", "y"],
    threads: ({ rows, outputs }) => tiles(rows, TILE) * tiles(outputs, TILE),
    workgroup: 16,
  },
  affine_backward_input: {
    file: "affine",
    bindings: ["layer", "step", "weights", "dy", "dx"],
    threads: ({ rows, inputs }) => tiles(rows, TILE) * tiles(inputs, TILE),
    workgroup: 16,
  },
  affine_backward_weight: {
    file: "affine",
    bindings: [...DESCENT, "x", "dy"],
    threads: ({ inputs, outputs }) => tiles(inputs, TILE) * tiles(outputs, TILE),
    workgroup: 8,
  },
  affine_backward_bias: {
    file: "affine",
    bindings: [...DESCENT, "dy"],
    threads: ({ outputs }) => outputs,
    workgroup: 8,
  },
  batch_norm_forward: {
    file: "batch_norm",
    bindings: [
      "layer",
      "step",
      "weights",
      "statistics",
      "x",
      "y",
      "normalised",
      "inverse_deviation",
    ],
    threads: ({ outputs }) => outputs,
    workgroup: 8,
  },
  batch_norm_evaluate: {
    file: "batch_norm",
    bindings: ["layer", "step", "weights", "statistics", "x", "y"],
    threads: ({ rows, outputs }) => rows * outputs,
    workgroup: 64,
  },
  batch_norm_backward: {
    file: "batch_norm",
    bindings: [...DESCENT, "y", "dy", "dx", "normalised", "inverse_deviation"],
    threads: ({ outputs }) => outputs,
    workgroup: 8,
  },
  relu_forward: {
    file: "relu",
    bindings: ["layer", "step", "x", "y"],
    threads: ({ rows, outputs }) => rows * outputs,
    workgroup: 64,
  },
  relu_backward: {
    file: "relu",
    bindings: ["layer", "step", "y", "dy", "dx"],
    threads: ({ rows, outputs }) => rows * outputs,
    workgroup: 64,
  },
  softmax_cross_entropy_forward: {
    file: "softmax_cross_entropy",
    bindings: ["layer", "step", "order", "labels", "x", "outcomes"],
    threads: ({ rows }) => rows,
    workgroup: 16,
  },
  softmax_cross_entropy_backward: {
    file: "softmax_cross_entropy",
    bindings: ["layer", "step", "order", "labels", "x", "dx", "diverged"],
    threads: ({ rows }) => rows,
    workgroup: 16,
  },
  sum_outcomes: {
    file: "sums",
    bindings: ["layer", "step", "outcomes", "sums"],
    threads: () => SUM_PARTS,
    workgroup: SUM_PARTS,
  },
  sum_squares: {
    file: "sums",
    bindings: ["layer", "step", "weights", "sums"],
    threads: () => SUM_PARTS,
    workgroup: SUM_PARTS,
  },
} as const satisfies Record<string, Definition>;

/** The name of a kernel: its entry point. */
export type KernelName = keyof typeof KERNELS;

/** The texts of the shader files, by name without the extension. */
export type ShaderTexts = Readonly<Record<string, string>>;

/** A kernel with its resources, ready to be dispatched. */
export interface BoundKernel {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  /** Workgroups along x, y and z. */
  readonly workgroups: readonly [number, number, number];
}

/** The pipelines of all kernels on one device. */
export class Kernels {
  static #made = new WeakMap<GPUDevice, Promise<Kernels>>();
  #gpu: Gpu;
  #pipelines: ReadonlyMap<KernelName, GPUComputePipeline>;

  private constructor(gpu: Gpu, pipelines: ReadonlyMap<KernelName, GPUComputePipeline>) {
    this.#gpu = gpu;
    this.#pipelines = pipelines;
  }

  /**
   * Compiles the kernels, once for each device.
   *
   * @param gpu The device.
   * @param shaders Other texts than the project's own, which is how tests plant mistakes.
   * @returns The pipelines.
   * @throws {GpuError} If a shader does not compile, with the line that is to blame.
   */
  static create(gpu: Gpu, shaders: ShaderTexts = SHADERS): Promise<Kernels> {
    if (shaders !== SHADERS) return Kernels.#compile(gpu, shaders);
    const made = Kernels.#made.get(gpu.device) ?? Kernels.#compile(gpu, shaders);
    Kernels.#made.set(gpu.device, made);
    return made;
  }

  static async #compile(gpu: Gpu, shaders: ShaderTexts): Promise<Kernels> {
    const modules = new Map<string, GPUShaderModule>();
    for (const { file } of Object.values(KERNELS)) {
      if (modules.has(file)) continue;
      modules.set(file, await compileModule(gpu, file, shaders));
    }
    const pipelines = new Map<KernelName, GPUComputePipeline>();
    for (const [name, definition] of Object.entries(KERNELS) as [KernelName, Definition][]) {
      const { file, bindings, workgroup } = definition;
      const layout = gpu.device.createBindGroupLayout({
        label: name,
        entries: bindings.map((b) => ({ ...BINDINGS[b], visibility: GPUShaderStage.COMPUTE })),
      });
      const constants: Record<string, number> = { WORKGROUP: workgroup };
      if (file === "batch_norm") {
        constants.EPSILON = BATCH_NORM_EPSILON;
        constants.MOMENTUM = BATCH_NORM_MOMENTUM;
      }
      try {
        pipelines.set(
          name,
          await gpu.device.createComputePipelineAsync({
            label: name,
            layout: gpu.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
            compute: { module: modules.get(file)!, entryPoint: name, constants },
          }),
        );
      } catch (error) {
        throw new GpuError(`Cannot make the kernel ${name}: ${(error as Error).message}`);
      }
    }
    gpu.check();
    return new Kernels(gpu, pipelines);
  }

  /**
   * Gives a kernel its resources.
   *
   * @param name The kernel.
   * @param options The sizes, the number of networks, and a resource for every binding of the kernel but no more;
   * further ones are passed over, so that one set of resources can serve several kernels.
   * @returns The kernel, ready to be dispatched.
   */
  bind(
    name: KernelName,
    options: {
      shape: Shape;
      networks: number;
      resources: Readonly<Partial<Record<BindingName, GPUBuffer | GPUTextureView>>>;
    },
  ): BoundKernel {
    const { shape, networks, resources } = options;
    const { bindings, threads, workgroup }: Definition = KERNELS[name];
    const pipeline = this.#pipelines.get(name)!;
    const group = this.#gpu.device.createBindGroup({
      label: name,
      layout: pipeline.getBindGroupLayout(0),
      entries: bindings.map((b) => {
        const resource = resources[b];
        if (!resource) throw new TypeError(`Cannot bind ${name}: there is no resource for ${b}`);
        if (!(resource instanceof GPUBuffer)) return { binding: BINDINGS[b].binding, resource };
        const size = b === "step" ? STEP_BYTES : undefined;
        return { binding: BINDINGS[b].binding, resource: { buffer: resource, size } };
      }),
    });
    const most = this.#gpu.device.limits.maxComputeWorkgroupsPerDimension;
    const count = tiles(threads(shape), workgroup);
    return { pipeline, group, workgroups: [Math.min(count, most), tiles(count, most), networks] };
  }
}

/**
 * Dispatches a kernel.
 *
 * @param pass Where to.
 * @param kernel The kernel with its resources.
 * @param stepOffset Bytes to the step in the buffer of steps.
 */
export function dispatch(
  pass: GPUComputePassEncoder,
  kernel: BoundKernel,
  stepOffset: number,
): void {
  pass.setPipeline(kernel.pipeline);
  pass.setBindGroup(0, kernel.group, [stepOffset]);
  pass.dispatchWorkgroups(...kernel.workgroups);
}

/** How many tiles of a size cover a length. */
export function tiles(length: number, size: number): number {
  return Math.ceil(length / size);
}

async function compileModule(
  gpu: Gpu,
  file: string,
  shaders: ShaderTexts,
): Promise<GPUShaderModule> {
  const own = shaders[file];
  const code = shaders.common + (own.includes("descend") ? shaders.descent : "") + own;
  gpu.device.pushErrorScope("validation");
  const module = gpu.device.createShaderModule({ label: file, code });
  const [error, info] = await Promise.all([
    gpu.device.popErrorScope(),
    module.getCompilationInfo(),
  ]);
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
