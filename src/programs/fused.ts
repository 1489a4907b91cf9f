/**
 * The variants for GPUs, on which a small network's step spends its time on dispatches and waits: few dispatches a step,
 * whatever the number of networks, and few reads that wait for one another.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import { FUSED_MAX_LAYERS, KERNELS, tiles, VEC4 } from "../gpu/kernel_table.ts";
import { type BoundKernel, dispatch } from "../gpu/kernels.ts";
import { Memory } from "../gpu/memory.ts";
import { FORWARD, GRADIENTS, LAYER_PLACE, STEP, UPDATE } from "../gpu/structs.ts";
import { layout } from "../model/network.ts";
import type { PopulationShape } from "../model/shape.ts";
import { Binder, imageResources, type KernelUse } from "./binder.ts";
import { FIXED_SLOT, type PopulationBuffers } from "./buffers.ts";
import {
  lossSizes,
  normSizes,
  pairSizes,
  productSizes,
  type Sizes,
  sizesFit,
  tailSizes,
} from "./fused_sizes.ts";
import { allocateEvaluation, type PrepareEvaluation } from "./fused_evaluation.ts";
import { inputKernels, type InputProduct } from "./input_kernels.ts";
import { encodeKernels, KernelSteps } from "./kernel_steps.ts";
import { lossOf } from "./layers.ts";
import { packedLayout, packParameters } from "./packed.ts";
import type {
  EncodeChunk,
  Program,
  ProgramContext,
  Steps,
  StepsOptions,
  Variant,
} from "./program.ts";
import { encodeSteps, type StepPlan } from "./steps.ts";

/** The layers behind the first: all in one workgroup a network, or a dispatch and many workgroups for each. */
type Rest = "tail" | "layers";

/** What differs between the variants. */
interface Kind {
  readonly rest: Rest;
  readonly product: InputProduct;
}

/**
 * Networks for which a product of the first layer is worth trying; where ranges overlap, measuring decides. Prototypes on an
 * H100 took 50 and 34 µs with the first and second for 10 networks, 65 and 61 with the second and third for 20, and 393 and
 * 309 for 128.
 */
const NETWORKS: Readonly<Record<InputProduct, Variant["networks"]>> = {
  "single": { min: 1, max: 16 },
  "8x8": { min: 3, max: Infinity },
  "16x8": { min: 24, max: Infinity },
};

/** The variants: for few networks, for many, and for very many. */
export const FUSED: readonly Variant[] = [
  variant("fused-layers", { rest: "layers", product: "single" }),
  variant("fused-tail", { rest: "tail", product: "single" }),
  variant("fused-tail-8x8", { rest: "tail", product: "8x8" }),
  variant("fused-layers-8x8", { rest: "layers", product: "8x8" }),
  variant("fused-tail-16x8", { rest: "tail", product: "16x8" }),
];

function variant(name: string, kind: Kind): Variant {
  return {
    name,
    rank: { small: 1 },
    networks: NETWORKS[kind.product],
    fits: (gpu, shape) => fits(gpu, shape, kind),
    create: (context) => Memory.hold(context.gpu, (memory) => Fused.create(context, memory, kind)),
  };
}

/** Storage buffers of `fused_input`, which has the most. */
const STORAGE_BUFFERS = 8;

/** Maximum multiplications of a step after the first layer for which its products need no tiles. */
const MAX_MULTIPLICATIONS = 5e7;

/** Where a layer's tensors lie in a network's arena, in vec4s. */
interface Place {
  readonly h: number;
  readonly n: number;
  readonly g: number;
  readonly moments: number;
  readonly inverse: number;
  readonly gradients: number;
}

/** Whether a shape fits the memory of the device and of a workgroup, and the number of workgroups in a dispatch. */
function fits(gpu: Gpu, shape: PopulationShape, { rest, product }: Kind): boolean {
  const { limits } = gpu.device;
  const { widths } = layout(shape.architecture);
  const { networks: P, batch } = shape;
  if (widths.length < 3 || widths.length - 1 > FUSED_MAX_LAYERS) return false;
  const behind = widths.slice(1, -1).reduce((sum, width, i) => sum + width * widths[i + 2], 0);
  const texels = tiles(widths[0], 4);
  const input = inputKernels(gpu, product, { networks: P, rows: batch, texels, widths });
  const largest = VEC4 * P * Math.max(
    input.slices * batch * tiles(widths[1], 4),
    place(widths, batch).size,
    packedLayout(widths).size,
  );
  const sizes = [
    ...input.kernels.map(([, own]) => own),
    normSizes(gpu, batch, input.slices),
    ...restOf(gpu, { widths, batch }, rest).map(([, , own]) => own),
  ];
  const shapeOfInput = { rows: batch, inputs: widths[0], outputs: widths[1], slices: input.slices };
  const grids = input.kernels.flatMap(([name, { constants }]) => {
    return KERNELS[name].workgroups(shapeOfInput, constants);
  });
  return 3 * batch * behind <= MAX_MULTIPLICATIONS &&
    Math.max(...grids) <= limits.maxComputeWorkgroupsPerDimension &&
    largest <= Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize) &&
    limits.maxStorageBuffersPerShaderStage >= STORAGE_BUFFERS &&
    sizes.every((own) => sizesFit(gpu, own));
}

/** Lists the kernels between the first layer's activations and the gradient of its outputs: name, layer and overrides. */
function restOf(
  gpu: Gpu,
  { widths, batch }: { widths: readonly number[]; batch: number },
  rest: Rest,
): (readonly [name: KernelUse[0], layer: number, sizes: Sizes])[] {
  if (rest === "tail") return [["fused_tail", 0, tailSizes(batch, widths)]];
  const last = widths.length - 3; // the last hidden layer
  const later = Array.from({ length: last }, (_, i) => i + 1);
  const forward = later.map((l) =>
    ["fused_forward", l, productSizes(gpu, batch, widths[l])] as const
  );
  const backward = later.toReversed().map((l) =>
    ["fused_backward", l - 1, productSizes(gpu, batch, widths[l + 1])] as const
  );
  if (last > 0) {
    const pair = pairSizes(batch, widths);
    if (sizesFit(gpu, pair)) {
      return [...forward, ["fused_pair", last - 1, pair], ...backward.slice(1)];
    }
  }
  return [...forward, ["fused_loss", last, lossSizes(gpu, batch, widths[last + 2])], ...backward];
}

/**
 * A step begins with the first layer's sums, which the step before has left. Its last kernels, those of the first layer,
 * update all parameters, then compute the first product of the next step. So a run of steps begins with the first
 * product alone.
 */
class Fused implements Program {
  readonly #context: ProgramContext;
  readonly #memory: Memory;
  /** The struct `Step` for the product before the first step. */
  readonly #stepBefore: GPUBuffer;
  /** [P] packed parameters. */
  readonly #packed: GPUBuffer;
  #evaluation!: PrepareEvaluation;
  #before!: BoundKernel;
  #unpack!: BoundKernel;
  #step: readonly BoundKernel[] = [];
  #stepWithLoss: readonly BoundKernel[] = [];
  /** Whether `buffers.parameters` are up to date. */
  #settled = true;

  private constructor(context: ProgramContext, memory: Memory) {
    const { buffers: { layout: { widths } }, networks: P } = context;
    this.#context = context;
    this.#memory = memory;
    this.#stepBefore = memory.uniform("step before the first", new Uint32Array(STEP.size / 4));
    this.#packed = memory.buffer("packed parameters", 4 * P * packedLayout(widths).size);
  }

  static async create(
    context: ProgramContext,
    memory: Memory,
    { rest, product }: Kind,
  ): Promise<Fused> {
    const { gpu, architecture, buffers, networks: P, batch, data } = context;
    const { widths } = buffers.layout;
    const program = new Fused(context, memory);
    const { places, size } = place(widths, batch);
    const { kernels: input, slices } = inputKernels(gpu, product, {
      networks: P,
      rows: batch,
      texels: data.texels,
      widths,
    });
    const logits = memory.buffer("logits", P * batch * widths[widths.length - 1]);
    const tensors = {
      slices: memory.buffer("partial sums", 4 * P * slices * batch * tiles(widths[1], 4)),
      arena: memory.buffer("tensors of a batch", 4 * P * size),
      places: memory.uniform("places of the layers", encodePlaces(buffers, places)),
      packed: program.#packed,
      y: logits,
    };
    const common = {
      ARENA: size,
      PACKED: packedLayout(widths).size,
      ROWS: batch,
      LAYERS: widths.length - 1,
      BATCH_NORM: Number(architecture.batchNorm),
      SLICES: slices,
    };
    program.#evaluation = allocateEvaluation(context, memory, {
      resources: tensors,
      constants: common,
    });
    await memory.ready();
    const shared = { ...tensors, ...await imageResources(context, "training", "training") };
    const binder = new Binder(context, { mode: "training", shared });
    function use([name, layer, { constants }]: ReturnType<typeof restOf>[number]): KernelUse {
      return [name, layer, { constants: { ...common, ...constants } }];
    }
    const kernels = await binder.bind([
      use(["fused_norm", 0, normSizes(gpu, batch, slices)]),
      ...restOf(gpu, { widths, batch }, rest).map(use),
    ]);
    const loss = await binder.bind(lossOf(widths.length - 2, logits));
    const uses = input.map(([name, sizes]) => use([name, 0, sizes]));
    const [first, layer, own] = uses[uses.length - 1];
    const [before, unpack, ...next] = await binder.bind([
      [first, layer, { ...own, resources: { step: program.#stepBefore } }],
      ["fused_unpack", 0, { constants: common }],
      ...uses,
    ]);
    program.#before = before;
    program.#unpack = unpack;
    program.#step = [...kernels, ...next];
    program.#stepWithLoss = [...kernels, ...loss, ...next];
    return program;
  }

  steps(plans: readonly StepPlan[], { fresh, loss }: StepsOptions): Steps {
    const { gpu, batch: rows } = this.#context;
    const kernels = loss ? this.#stepWithLoss : this.#step;
    return new KernelSteps(this.#context, plans, {
      fresh,
      kernels,
      next: () => {
        this.#settled = false;
        return kernels;
      },
      fields: (number) => {
        const next = plans.at(number + 1);
        return { next: next?.first, parts: UPDATE + (next ? FORWARD : GRADIENTS) };
      },
      begin: (pass) => {
        const before = { first: 0, next: plans[0].first, rows, slot: 0, parts: FORWARD };
        gpu.device.queue.writeBuffer(this.#stepBefore, 0, encodeSteps([before]));
        dispatch(pass, this.#before, 0);
      },
    });
  }

  evaluation(split: Split): Promise<EncodeChunk> {
    return this.#evaluation(split);
  }

  settle(pass: GPUComputePassEncoder): void {
    if (this.#settled) return;
    this.#settled = true;
    encodeKernels(pass, [this.#unpack], FIXED_SLOT * this.#context.buffers.stepStride);
  }

  write(network: number, parameters: Float32Array): void {
    const { gpu: { device }, buffers: { layout } } = this.#context;
    const packed = packParameters(layout, parameters);
    device.queue.writeBuffer(this.#packed, network * packed.byteLength, packed);
  }

  destroy(): void {
    this.#memory.destroy();
  }
}

/** Encodes `places` of the fused shaders. */
function encodePlaces(
  buffers: PopulationBuffers,
  places: readonly Place[],
): Uint32Array<ArrayBuffer> {
  const { widths } = buffers.layout;
  const { layers } = packedLayout(widths);
  const words = new Uint32Array(FUSED_MAX_LAYERS * LAYER_PLACE.size / 4);
  words.set(LAYER_PLACE.encode(places.map((place, layer) => {
    const [inputs, outputs] = widths.slice(layer);
    return { inputs, outputs, ...buffers.offsets(layer), ...layers[layer], ...place };
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
      moments: take(2 * columns),
      inverse: take(columns),
      gradients: take(2 * columns),
    };
  });
  return { places, size };
}
