/**
 * The variants for GPUs, on which a small network's step spends its time on dispatches and waits: three dispatches a
 * step, whatever the number of networks.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import { CONSTANTS, FUSED_MAX_LAYERS, tiles } from "../gpu/kernel_table.ts";
import { type BoundKernel, dispatch } from "../gpu/kernels.ts";
import { Memory } from "../gpu/memory.ts";
import { FORWARD, LAYER_PLACE, STEP, UPDATE } from "../gpu/structs.ts";
import { layout } from "../model/network.ts";
import type { PopulationShape } from "../model/shape.ts";
import { Binder, imageResources } from "./binder.ts";
import { prepareEvaluation } from "./buffer_program.ts";
import type { PopulationBuffers } from "./buffers.ts";
import { KernelSteps } from "./kernel_steps.ts";
import { BufferLayers, lossOf } from "./layers.ts";
import type {
  EncodeChunk,
  Program,
  ProgramContext,
  Steps,
  StepsOptions,
  Variant,
} from "./program.ts";
import { encodeSteps, type StepPlan } from "./steps.ts";
import { TILED_PRODUCTS } from "./tiled.ts";

/** How the variants differ. */
interface FusedOptions {
  /** Texels of four inputs that a workgroup of `fused_input` computes: 4 or 8. */
  readonly slice: number;
  /** Threads of the workgroup that computes the layers after the first: a power of two, at least 32. */
  readonly threads: number;
}

/** The variants. `fused-INPUTS-THREADS`: inputs that a workgroup of `fused_input` computes, threads of `fused_tail`. */
export const FUSED: readonly Variant[] = [
  variant("fused-32-256", { slice: 8, threads: 256 }),
  variant("fused-32-1024", { slice: 8, threads: 1024 }),
  variant("fused-16-256", { slice: 4, threads: 256 }),
];

function variant(name: string, options: FusedOptions): Variant {
  return {
    name,
    rank: { small: 1 },
    fits: (gpu, shape) => fits(gpu, shape, options),
    create: (context) =>
      Memory.hold(context.gpu, (memory) => Fused.create(context, memory, options)),
  };
}

/** Storage buffers of `fused_tail`. */
const STORAGE_BUFFERS = 9;

/** Maximum multiplications of a step after the first layer for which one workgroup a network is enough. */
const MAX_MULTIPLICATIONS = 8e6;

/** Where a layer's tensors lie in a network's arena, in vec4s. */
interface Place {
  readonly h: number;
  readonly n: number;
  readonly g: number;
  readonly inverse: number;
}

/** Whether a shape fits the memory of the device and of a workgroup, and one workgroup a network is enough. */
function fits(gpu: Gpu, shape: PopulationShape, options: FusedOptions): boolean {
  const { limits } = gpu.device;
  const { widths } = layout(shape.architecture);
  const { networks: P, batch } = shape;
  const behind = widths.slice(1, -1).reduce((sum, width, i) => sum + width * widths[i + 2], 0);
  const workgroupBytes = 16 * (staged(widths) + options.threads);
  const slices = tiles(tiles(widths[0], 4), options.slice);
  const largest = 16 * P *
    Math.max(slices * batch * tiles(widths[1], 4), place(widths, batch).size);
  return widths.length > 2 && widths.length - 1 <= FUSED_MAX_LAYERS &&
    3 * batch * behind <= MAX_MULTIPLICATIONS &&
    largest <= Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize) &&
    limits.maxStorageBuffersPerShaderStage >= STORAGE_BUFFERS &&
    limits.maxComputeInvocationsPerWorkgroup >= options.threads &&
    limits.maxComputeWorkgroupSizeX >= options.threads &&
    limits.maxComputeWorkgroupStorageSize >= workgroupBytes;
}

/**
 * Three kernels for a step. The last, `fused_input`, updates the first layer's weights, then computes the first product
 * of the next step. So a run of steps begins with the first product alone.
 */
class Fused implements Program {
  readonly #context: ProgramContext;
  readonly #memory: Memory;
  readonly #evaluation: BufferLayers;
  /** The struct `Step` for the product before the first step. */
  readonly #stepBefore: GPUBuffer;
  #before!: BoundKernel;
  #step: readonly BoundKernel[] = [];
  #stepWithLoss: readonly BoundKernel[] = [];

  private constructor(context: ProgramContext, memory: Memory) {
    this.#context = context;
    this.#memory = memory;
    this.#evaluation = new BufferLayers(context, memory, "evaluation");
    this.#stepBefore = memory.uniform("step before the first", new Uint32Array(STEP.size / 4));
  }

  static async create(
    context: ProgramContext,
    memory: Memory,
    options: FusedOptions,
  ): Promise<Fused> {
    const { architecture, buffers, networks: P, batch, data } = context;
    const { widths } = buffers.layout;
    const program = new Fused(context, memory);
    const slices = tiles(data.texels, options.slice);
    const { places, size } = place(widths, batch);
    const partialSums = 4 * P * slices * batch * tiles(widths[1], 4);
    const tensors = {
      slices: memory.buffer("partial sums", partialSums),
      arena: memory.buffer("tensors of a batch", 4 * P * size),
      places: memory.uniform("places of the layers", encodePlaces(buffers, places)),
    };
    const logits = memory.buffer("logits", P * batch * widths[widths.length - 1]);
    await memory.ready();
    const shared = { ...tensors, ...await imageResources(context, "training", "training") };
    const binder = new Binder(context, { mode: "training", slices, shared });
    const constants = {
      ARENA: size,
      BATCH_NORM: Number(architecture.batchNorm),
      LAYERS: widths.length - 1,
      STAGED: staged(widths),
      SLICE: options.slice,
      SLICES: slices,
    };
    const input = { ...constants, WORKGROUP: 2 * options.slice * CONSTANTS.INPUT_COLUMNS };
    const rest = await binder.bind([
      ["fused_norm", 0, { constants }],
      ["fused_tail", 0, {
        resources: { y: logits },
        constants: { ...constants, WORKGROUP: options.threads },
      }],
    ]);
    const loss = await binder.bind(lossOf(widths.length - 2, logits));
    const [before, next] = await binder.bind([
      ["fused_input", 0, { resources: { step: program.#stepBefore }, constants: input }],
      ["fused_input", 0, { constants: input }],
    ]);
    program.#before = before;
    program.#step = [...rest, next];
    program.#stepWithLoss = [...rest, ...loss, next];
    return program;
  }

  steps(plans: readonly StepPlan[], { fresh, loss }: StepsOptions): Steps {
    const { gpu, batch: rows } = this.#context;
    return new KernelSteps(this.#context, plans, {
      fresh,
      kernels: loss ? this.#stepWithLoss : this.#step,
      fields: (number) => {
        const next = plans.at(number + 1);
        return { next: next?.first, parts: next ? UPDATE + FORWARD : UPDATE };
      },
      begin: (pass) => {
        const before = { first: 0, next: plans[0].first, rows, slot: 0, parts: FORWARD };
        gpu.device.queue.writeBuffer(this.#stepBefore, 0, encodeSteps([before]));
        dispatch(pass, this.#before, 0);
      },
    });
  }

  evaluation(split: Split): Promise<EncodeChunk> {
    const parts = { layers: this.#evaluation, products: TILED_PRODUCTS };
    return prepareEvaluation(this.#context, split, parts);
  }

  settle(): void {}

  write(): void {}

  destroy(): void {
    this.#memory.destroy();
  }
}

/** Encodes `places` of the fused shaders. */
function encodePlaces(
  buffers: PopulationBuffers,
  places: readonly Place[],
): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(FUSED_MAX_LAYERS * LAYER_PLACE.size / 4);
  words.set(LAYER_PLACE.encode(places.map((place, layer) => {
    const [inputs, outputs] = buffers.layout.widths.slice(layer);
    return { inputs, outputs, ...buffers.offsets(layer), ...place };
  })));
  return words;
}

/** Places the tensors of a batch in the arena of a network. */
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

/** The size of the largest weight matrix after the first layer in vec4s, its rows rounded up to a multiple of 4. */
function staged(widths: readonly number[]): number {
  return Math.max(
    ...widths.slice(1, -1).map((inputs, i) => 4 * tiles(inputs, 4) * tiles(widths[i + 2], 4)),
  );
}
