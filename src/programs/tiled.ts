/**
 * The variant for wide layers on GPUs: one kernel for each operation, the products tiled in workgroup memory. Its forward
 * part also evaluates for the fused variants.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import type { BoundKernel, Resources } from "../gpu/kernels.ts";
import { Memory } from "../gpu/memory.ts";
import { Binder, imageResources, type Mode, type Program, type ProgramContext } from "./program.ts";

/** The memory of one layer's forward part. */
interface ForwardBuffers {
  /** [P, rows, outputs] what the affine map gives. */
  readonly s: GPUBuffer;
  /** Of a hidden layer: [P, rows, outputs] what the ReLU gives. */
  readonly h?: GPUBuffer;
  /** Of a hidden layer with batch norm, in training: [P, batch, outputs] and [P, outputs]. */
  readonly normalised?: GPUBuffer;
  readonly inverseDeviation?: GPUBuffer;
}

/** Takes the images of a batch, or of a part of the data set, to the logits and the loss. */
export class TiledForward {
  /** One for each affine map. */
  readonly layers: readonly ForwardBuffers[];
  readonly #context: ProgramContext;

  /**
   * Takes the memory.
   *
   * @param context What to bind kernels to.
   * @param memory Who owns the memory.
   * @param mode With "evaluation" there is none of what only training needs.
   * @throws {ArgumentError} If the adapter cannot hold it.
   */
  constructor(context: ProgramContext, memory: Memory, mode: Mode) {
    this.#context = context;
    const { architecture, buffers, networks: P, batch } = context;
    const { layout: { widths }, evaluationRows } = buffers;
    const rows = Math.max(batch, evaluationRows);
    this.layers = widths.slice(1).map((width, i) => {
      const name = `layer ${i + 1}`;
      const hidden = i < architecture.hidden.length;
      return {
        s: memory.buffer(`${name} outputs`, P * rows * width),
        ...hidden && { h: memory.buffer(`${name} activations`, P * rows * width) },
        ...hidden && architecture.batchNorm && mode === "training" && {
          normalised: memory.buffer(`${name} normalised outputs`, P * batch * width),
          inverseDeviation: memory.buffer(`${name} deviations`, P * width),
        },
      };
    });
  }

  /**
   * Binds the kernels of an evaluation.
   *
   * @param records The images, their labels and their order.
   * @returns The kernels in order.
   */
  async kernels(records: Resources): Promise<BoundKernel[]> {
    const binder = new Binder(this.#context, { mode: "evaluation" });
    return [
      ...await this.forward(binder, { mode: "evaluation", records }),
      ...await this.loss(binder, records),
    ];
  }

  /**
   * Binds the kernels from the images to the logits.
   *
   * @param binder Binds them.
   * @param options In training or in an evaluation, and of which images.
   * @returns The kernels in order.
   */
  async forward(
    binder: Binder,
    { mode, records }: { mode: Mode; records: Resources },
  ): Promise<BoundKernel[]> {
    const { architecture: { batchNorm } } = this.#context;
    const norm = mode === "training" ? "batch_norm_forward" : "batch_norm_evaluate";
    const kernels: BoundKernel[] = [];
    for (const [i, { s, h, normalised, inverseDeviation }] of this.layers.entries()) {
      const x = this.layers[i - 1]?.h;
      kernels.push(
        i === 0
          ? await binder.bind("tiled_input_forward", i, { resources: { ...records, y: s } })
          : await binder.bind("tiled_affine_forward", i, { resources: { x, y: s } }),
      );
      if (!h) break;
      const resources = { x: s, y: h, normalised, inverse_deviation: inverseDeviation };
      kernels.push(await binder.bind(batchNorm ? norm : "relu_forward", i, { resources }));
    }
    return kernels;
  }

  /**
   * Binds the kernels from the logits to the sums of losses.
   *
   * @param binder Binds them.
   * @param records The labels and their order.
   * @returns The kernels in order.
   */
  async loss(binder: Binder, records: Resources): Promise<BoundKernel[]> {
    const last = this.layers.length - 1;
    const resources = { ...records, x: this.layers[last].s };
    return [
      await binder.bind("softmax_cross_entropy_forward", last, { resources }),
      await binder.bind("sum_outcomes", last),
    ];
  }
}

/** One kernel for each operation, products tiled in workgroup memory. */
export class Tiled implements Program {
  readonly begin: readonly BoundKernel[] = [];
  readonly end: readonly BoundKernel[] = [];
  readonly step: readonly BoundKernel[];
  readonly stepWithLoss: readonly BoundKernel[];
  readonly #context: ProgramContext;
  readonly #memory: Memory;
  readonly #forward: TiledForward;

  private constructor(
    context: ProgramContext,
    parts: {
      memory: Memory;
      forward: TiledForward;
      step: readonly BoundKernel[];
      stepWithLoss: readonly BoundKernel[];
    },
  ) {
    this.#context = context;
    this.#memory = parts.memory;
    this.#forward = parts.forward;
    this.step = parts.step;
    this.stepWithLoss = parts.stepWithLoss;
  }

  /**
   * Takes the memory and binds the kernels of a training step.
   *
   * @param context What to bind them to.
   * @returns The program.
   * @throws {ArgumentError} If the adapter cannot hold it; nothing is kept then.
   */
  static async create(context: ProgramContext): Promise<Tiled> {
    const { gpu, buffers, networks: P, batch, data } = context;
    const memory = new Memory(gpu);
    try {
      const forward = new TiledForward(context, memory, "training");
      const last = buffers.layout.widths.length - 2;
      const gradients = buffers.layout.widths.slice(1).map((width, i) => ({
        ds: memory.buffer(`layer ${i + 1} output gradients`, P * batch * width),
        ...i < last && {
          dh: memory.buffer(`layer ${i + 1} activation gradients`, P * batch * width),
        },
      }));
      await memory.ready();
      const records = { ...imageResources(await data.part("training")), order: buffers.order };
      const binder = new Binder(context, { mode: "training" });
      const before = await forward.forward(binder, { mode: "training", records });
      const loss = await forward.loss(binder, records);
      const after = await backward(context, { binder, forward, gradients, records });
      const step = [...before, ...after];
      const stepWithLoss = [...before, ...loss, ...after];
      return new Tiled(context, { memory, forward, step, stepWithLoss });
    } catch (error) {
      memory.destroy();
      throw error;
    }
  }

  async evaluation(split: Split): Promise<readonly BoundKernel[]> {
    const { buffers, data } = this.#context;
    const records = { ...imageResources(await data.part(split)), order: buffers.identity };
    return await this.#forward.kernels(records);
  }

  write(): void {}

  destroy(): void {
    this.#memory.destroy();
  }
}

/** The kernels from the logits to the updated parameters. */
async function backward(
  { architecture: { batchNorm } }: ProgramContext,
  parts: {
    binder: Binder;
    forward: TiledForward;
    gradients: readonly { ds: GPUBuffer; dh?: GPUBuffer }[];
    records: Resources;
  },
): Promise<BoundKernel[]> {
  const { binder, forward: { layers }, gradients, records } = parts;
  const last = layers.length - 1;
  const logits = { ...records, x: layers[last].s, dx: gradients[last].ds };
  const kernels = [
    await binder.bind("softmax_cross_entropy_backward", last, { resources: logits }),
  ];
  for (let i = last; i >= 0; i--) {
    const { s, h, normalised, inverseDeviation } = layers[i];
    const { ds, dh } = gradients[i];
    if (h) {
      const tensors = { x: s, y: h, dy: dh, dx: ds, normalised };
      const resources = { ...tensors, inverse_deviation: inverseDeviation };
      const name = batchNorm ? "batch_norm_backward" : "relu_backward";
      kernels.push(await binder.bind(name, i, { resources }));
    }
    const resources = { ...records, dy: ds, x: layers[i - 1]?.h, dx: gradients[i - 1]?.dh };
    if (i === 0) {
      kernels.push(await binder.bind("tiled_input_backward", i, { resources }));
    } else {
      // The gradient of what went in comes first: it needs the weights as they were.
      kernels.push(await binder.bind("tiled_affine_backward_input", i, { resources }));
      kernels.push(await binder.bind("tiled_affine_backward_weight", i, { resources }));
    }
    kernels.push(await binder.bind("affine_backward_bias", i, { resources }));
  }
  return kernels;
}
