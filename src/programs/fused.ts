/**
 * The variants for GPUs, on which a step of a small network is nothing but dispatches and what they wait for: three
 * dispatches a step, whatever the number of networks.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import { CONSTANTS, FUSED_MAX_LAYERS, tiles } from "../gpu/kernel_table.ts";
import type { BoundKernel } from "../gpu/kernels.ts";
import { Memory } from "../gpu/memory.ts";
import { LAYER_PLACE } from "../gpu/structs.ts";
import { layout } from "../model/network.ts";
import type { PopulationShape } from "../model/shape.ts";
import { Binder, imageResources, type Program, type ProgramContext } from "./program.ts";
import { TiledForward } from "./tiled.ts";

/** What the variants differ in. */
export interface FusedOptions {
  /** Texels of four inputs that a workgroup of `fused_input` does: 4 or 8. */
  readonly slice: number;
  /** Threads of the workgroup that does the layers behind the first, a power of two and at least 32. */
  readonly threads: number;
}

/** Storage buffers of `fused_tail`. */
const STORAGE_BUFFERS = 9;

/** Multiplications of a step behind the first layer beyond which one workgroup a network is too few. */
const MOST_MULTIPLICATIONS = 8e6;

/** Where a layer's tensors lie in a network's arena, in vec4s. */
interface Place {
  readonly h: number;
  readonly n: number;
  readonly g: number;
  readonly inverse: number;
}

/** Three kernels for a step. */
export class Fused implements Program {
  readonly #context: ProgramContext;
  readonly #memory: Memory;
  readonly #evaluation: TiledForward;
  #input: readonly BoundKernel[] = [];
  #rest: readonly BoundKernel[] = [];
  #loss: readonly BoundKernel[] = [];
  readonly end: readonly BoundKernel[] = [];

  private constructor(context: ProgramContext, memory: Memory, evaluation: TiledForward) {
    this.#context = context;
    this.#memory = memory;
    this.#evaluation = evaluation;
  }

  /**
   * Tells whether a shape can be trained in this way.
   *
   * @param gpu The device.
   * @param shape What is to be trained.
   * @param options What the variants differ in.
   * @returns Whether the device has room for it, also in a workgroup, and one workgroup a network is enough.
   */
  static fits(gpu: Gpu, shape: PopulationShape, options: FusedOptions): boolean {
    const { limits } = gpu.device;
    const { widths } = layout(shape.architecture);
    const behind = widths.slice(1, -1).reduce((sum, width, i) => sum + width * widths[i + 2], 0);
    const workgroupBytes = 16 * (staged(widths) + options.threads);
    const { networks: P, batch } = shape;
    const slices = tiles(tiles(widths[0], 4), options.slice);
    const largest = 16 * P * Math.max(
      slices * batch * tiles(widths[1], 4),
      place(widths, batch).size,
    );
    return widths.length > 2 && widths.length - 1 <= FUSED_MAX_LAYERS &&
      3 * shape.batch * behind <= MOST_MULTIPLICATIONS &&
      largest <= Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize) &&
      limits.maxStorageBuffersPerShaderStage >= STORAGE_BUFFERS &&
      limits.maxComputeInvocationsPerWorkgroup >= options.threads &&
      limits.maxComputeWorkgroupSizeX >= options.threads &&
      limits.maxComputeWorkgroupStorageSize >= workgroupBytes;
  }

  /**
   * Takes the memory and binds the kernels.
   *
   * @param context What to bind them to; the shape fits.
   * @param options What the variants differ in.
   * @returns The program.
   * @throws {ArgumentError} If the adapter cannot hold it; nothing is kept then.
   */
  static async create(context: ProgramContext, options: FusedOptions): Promise<Fused> {
    const { gpu, architecture, buffers, networks: P, batch, data } = context;
    const { widths } = buffers.layout;
    const memory = new Memory(gpu);
    try {
      const evaluation = new TiledForward(context, memory, "evaluation");
      const program = new Fused(context, memory, evaluation);
      const slices = tiles(data.texels, options.slice);
      const { places, size } = place(widths, batch);
      const shared = {
        slices: memory.buffer("partial sums", 4 * P * slices * batch * tiles(widths[1], 4)),
        arena: memory.buffer("tensors of a batch", 4 * P * size),
        places: program.#places(places),
      };
      const logits = memory.buffer("logits", P * batch * widths[widths.length - 1]);
      await memory.ready();
      const { images, labels } = await data.part("training");
      const records = { images, labels, order: buffers.order };
      const binder = new Binder(context, { mode: "training", slices, shared });
      const constants = {
        ARENA: size,
        BATCH_NORM: Number(architecture.batchNorm),
        LAYERS: widths.length - 1,
        STAGED: staged(widths),
      };
      const last = widths.length - 2;
      program.#input = [
        await binder.bind("fused_input", 0, {
          resources: records,
          constants: {
            ...constants,
            SLICE: options.slice,
            WORKGROUP: 2 * options.slice * CONSTANTS.INPUT_COLUMNS,
          },
        }),
      ];
      program.#rest = [
        await binder.bind("fused_norm", 0, { constants: { ...constants, SLICES: slices } }),
        await binder.bind("fused_tail", 0, {
          resources: { ...records, y: logits },
          constants: { ...constants, WORKGROUP: options.threads },
        }),
      ];
      program.#loss = [
        await binder.bind("softmax_cross_entropy_forward", last, {
          resources: { ...records, x: logits },
        }),
        await binder.bind("sum_outcomes", last),
      ];
      return program;
    } catch (error) {
      memory.destroy();
      throw error;
    }
  }

  /** The product of the first step; the others are made by the step before. */
  get begin(): readonly BoundKernel[] {
    return this.#input;
  }

  get step(): readonly BoundKernel[] {
    return [...this.#rest, ...this.#input];
  }

  get stepWithLoss(): readonly BoundKernel[] {
    return [...this.#rest, ...this.#loss, ...this.#input];
  }

  async evaluation(split: Split): Promise<readonly BoundKernel[]> {
    const { buffers, data } = this.#context;
    const records = { ...imageResources(await data.part(split)), order: buffers.identity };
    return await this.#evaluation.kernels(records);
  }

  write(): void {}

  destroy(): void {
    this.#memory.destroy();
  }

  /** `places` of fused/layers.wgsl. */
  #places(places: readonly Place[]): GPUBuffer {
    const { widths, parameters, statistics } = this.#context.buffers.layout;
    const words = new Uint32Array(FUSED_MAX_LAYERS * LAYER_PLACE.size / 4);
    words.set(LAYER_PLACE.encode(places.map((place, layer) => {
      function offset(kind: string): number {
        return [...parameters, ...statistics]
          .find((p) => p.layer === layer && p.kind === kind)?.offset ?? 0;
      }
      return {
        inputs: widths[layer],
        outputs: widths[layer + 1],
        weight: offset("weight"),
        bias: offset("bias"),
        gamma: offset("gamma"),
        beta: offset("beta"),
        mean: offset("mean"),
        variance: offset("variance"),
        ...place,
      };
    })));
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    return this.#memory.upload("places of the layers", words, usage);
  }
}

/** Lays the tensors of a batch out in the arena of a network. */
function place(widths: readonly number[], rows: number): { places: Place[]; size: number } {
  let size = 0;
  function take(vectors: number): number {
    const at = size;
    size += vectors;
    return at;
  }
  const places = widths.slice(1).map((width): Place => {
    const columns = tiles(width, 4);
    return {
      h: take(rows * columns),
      n: take(rows * columns),
      g: take(rows * columns),
      inverse: take(columns),
    };
  });
  return { places, size };
}

/** The largest weight matrix behind the first layer in vec4s, its rows rounded up to fours. */
function staged(widths: readonly number[]): number {
  return Math.max(
    ...widths.slice(1, -1).map((inputs, i) => 4 * tiles(inputs, 4) * tiles(widths[i + 2], 4)),
  );
}
