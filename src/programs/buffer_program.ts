/**
 * Programs with a kernel for each operation and every tensor in a buffer. They differ in their products: the affine maps
 * and their gradients.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import type { BoundKernel } from "../gpu/kernels.ts";
import type { Memory } from "../gpu/memory.ts";
import { Binder, imageResources, type Mode } from "./binder.ts";
import { encodeKernels, KernelSteps } from "./kernel_steps.ts";
import { BufferLayers, type ForwardProducts, type Products } from "./layers.ts";
import type { EncodeChunk, Program, ProgramContext, Steps, StepsOptions } from "./program.ts";
import type { StepPlan } from "./steps.ts";

/** A program whose tensors are buffers. */
export class BufferProgram implements Program {
  readonly #context: ProgramContext;
  readonly #memory: Memory;
  readonly #layers: BufferLayers;
  readonly #products: Products;
  #step: readonly BoundKernel[] = [];
  #stepWithLoss: readonly BoundKernel[] = [];

  private constructor(context: ProgramContext, memory: Memory, products: Products) {
    this.#context = context;
    this.#memory = memory;
    this.#products = products;
    this.#layers = new BufferLayers(context, memory, "training");
  }

  /** Allocates the layers and binds the kernels of a training step; the program owns the memory. */
  static async create(
    context: ProgramContext,
    memory: Memory,
    products: Products,
  ): Promise<BufferProgram> {
    const program = new BufferProgram(context, memory, products);
    await memory.ready();
    const layers = program.#layers;
    const binder = await bindTo(context, products, { mode: "training", split: "training" });
    const forward = await binder.bind(layers.forward("training", products));
    const loss = await binder.bind(layers.loss());
    const backward = await binder.bind(layers.backward(products));
    program.#step = [...forward, ...backward];
    program.#stepWithLoss = [...forward, ...loss, ...backward];
    return program;
  }

  steps(plans: readonly StepPlan[], { fresh, loss }: StepsOptions): Steps {
    const kernels = loss ? this.#stepWithLoss : this.#step;
    return new KernelSteps(this.#context, plans, { fresh, kernels });
  }

  async evaluation(split: Split): Promise<EncodeChunk> {
    return await prepareEvaluation(this.#context, split, {
      layers: this.#layers,
      products: this.#products,
    });
  }

  settle(): void {}

  write(network: number, parameters: Float32Array): void {
    this.#products.write?.(network, parameters);
  }

  destroy(): void {
    this.#memory.destroy();
  }
}

/** Prepares the evaluation of a part of the data set. */
export async function prepareEvaluation(
  context: ProgramContext,
  split: Split,
  { layers, products }: { layers: BufferLayers; products: ForwardProducts },
): Promise<EncodeChunk> {
  const { stepStride } = context.buffers;
  const binder = await bindTo(context, products, { mode: "evaluation", split });
  const forward = layers.forward("evaluation", products);
  const kernels = await binder.bind([...forward, ...layers.loss()]);
  return (pass, slot) => encodeKernels(pass, kernels, slot * stepStride);
}

async function bindTo(
  context: ProgramContext,
  { slices, shared }: ForwardProducts,
  { mode, split }: { mode: Mode; split: Split },
): Promise<Binder> {
  const images = await imageResources(context, mode, split);
  return new Binder(context, {
    mode,
    slices: mode === "training" ? slices : 1,
    shared: { ...images, ...shared },
  });
}
