/**
 * The order of the kernels: forward, loss and backward of a training step, and an evaluation.
 *
 * @module
 */

import type { PopulationBuffers } from "./buffers.ts";
import type { DeviceDataSet, DeviceRecords, Split } from "./device_data.ts";
import type { BindingName, BoundKernel, KernelName, Kernels } from "./kernels.ts";
import type { Architecture } from "./network.ts";

/** What the kernels are bound to. */
export interface PassContext {
  readonly kernels: Kernels;
  readonly buffers: PopulationBuffers;
  readonly architecture: Architecture;
  /** Networks. */
  readonly networks: number;
  /** Images in a training batch. */
  readonly batch: number;
  readonly data: DeviceDataSet;
}

/** The kernels of a training step. */
export interface TrainingPasses {
  /** From the images to the logits. */
  readonly forward: readonly BoundKernel[];
  /** From the logits to the loss of the batch; a step does not need it. */
  readonly loss: readonly BoundKernel[];
  /** From the logits to the updated parameters. */
  readonly backward: readonly BoundKernel[];
}

type Resources = Partial<Record<BindingName, GPUBuffer | GPUTextureView>>;

/**
 * Binds the kernels of a training step.
 *
 * @param context What to bind them to.
 * @returns The kernels in order.
 */
export function trainingPasses(context: PassContext): TrainingPasses {
  const { buffers, architecture, batch, data } = context;
  const binder = new Binder(context, "training", batch);
  const images = { ...imageResources(data.part("training")), order: buffers.order };
  const last = buffers.layers.length - 1;

  const backward = [binder.bind("softmax_cross_entropy_backward", last, {
    ...images,
    x: buffers.layers[last].s,
    dx: buffers.layers[last].ds,
  })];
  for (let i = last; i >= 0; i--) {
    const { s, ds, h, dh, normalised, inverseDeviation } = buffers.layers[i];
    if (i < last) {
      const name = architecture.batchNorm ? "batch_norm_backward" : "relu_backward";
      const resources = { x: s, y: h, dy: dh, dx: ds, normalised };
      backward.push(binder.bind(name, i, { ...resources, inverse_deviation: inverseDeviation }));
    }
    if (i > 0) {
      const before = buffers.layers[i - 1];
      // The gradient of what went in comes first: it needs the weights as they were.
      backward.push(binder.bind("affine_backward_input", i, { dy: ds, dx: before.dh }));
      backward.push(binder.bind("affine_backward_weight", i, { x: before.h, dy: ds }));
      backward.push(binder.bind("affine_backward_bias", i, { dy: ds }));
    } else {
      // The bias first: on the way its kernel lays the gradients out for that of the weights.
      backward.push(binder.bind("input_affine_backward_bias", i, { dy: ds }));
      backward.push(binder.bind("input_affine_backward", i, images));
    }
  }
  return {
    forward: forward(binder, context, images),
    loss: loss(binder, last, { ...images, x: buffers.layers[last].s }),
    backward,
  };
}

/**
 * Binds the kernels that evaluate a part of the data set.
 *
 * @param context What to bind them to.
 * @param split Which part.
 * @returns The kernels in order, for `buffers.evaluationRows` images at a time.
 */
export function evaluationPass(context: PassContext, split: Split): readonly BoundKernel[] {
  const { buffers, data } = context;
  const binder = new Binder(context, "evaluation", buffers.evaluationRows);
  const images = { ...imageResources(data.part(split)), order: buffers.identity };
  const last = buffers.layers.length - 1;
  return [
    ...forward(binder, context, images),
    ...loss(binder, last, { ...images, x: buffers.layers[last].s }),
  ];
}

/**
 * Binds the kernel that sums the squares of all weights.
 *
 * @param context What to bind it to.
 * @returns The kernel.
 */
export function squaresPass(context: PassContext): BoundKernel {
  return new Binder(context, "evaluation", 1).bind("sum_squares", 0, {});
}

function forward(binder: Binder, context: PassContext, images: Resources): BoundKernel[] {
  const { buffers, architecture } = context;
  const kernels: BoundKernel[] = [];
  for (const [i, { s, h, normalised, inverseDeviation }] of buffers.layers.entries()) {
    if (i === 0) {
      kernels.push(binder.bind("input_affine_forward", i, images));
      kernels.push(binder.bind("slice_sum", i, { y: s }));
    } else {
      kernels.push(binder.bind("affine_forward", i, { x: buffers.layers[i - 1].h, y: s }));
    }
    if (i === buffers.layers.length - 1) break;
    const resources = { x: s, y: h, normalised, inverse_deviation: inverseDeviation };
    if (!architecture.batchNorm) kernels.push(binder.bind("relu_forward", i, resources));
    else if (binder.mode === "training") {
      kernels.push(binder.bind("batch_norm_forward", i, resources));
    } else kernels.push(binder.bind("batch_norm_evaluate", i, resources));
  }
  return kernels;
}

function loss(binder: Binder, last: number, resources: Resources): BoundKernel[] {
  return [
    binder.bind("softmax_cross_entropy_forward", last, resources),
    binder.bind("sum_outcomes", last, resources),
  ];
}

function imageResources({ images, labels }: DeviceRecords): Resources {
  return { images, labels };
}

/** Binds kernels to what all of them share, their layer and what each is given. */
class Binder {
  readonly mode: "training" | "evaluation";
  readonly #context: PassContext;
  readonly #rows: number;
  readonly #shared: Resources;

  constructor(context: PassContext, mode: "training" | "evaluation", rows: number) {
    this.#context = context;
    this.mode = mode;
    this.#rows = rows;
    const { buffers, data } = context;
    this.#shared = {
      step: buffers.steps,
      networks: buffers.networks,
      standard: data.standard,
      weights: buffers.parameters,
      parameters: buffers.parameters,
      gradients: buffers.gradients,
      statistics: buffers.statistics,
      slices: buffers.sliceSums,
      outcomes: buffers.outcomes,
      sums: buffers.sums,
      diverged: buffers.diverged,
      weight_texels: buffers.weightTexels.view,
      new_weight_texels: buffers.weightTexels.view,
      gradient_texels: buffers.gradientTexels.view,
      new_gradient_texels: buffers.gradientTexels.view,
    };
  }

  bind(name: KernelName, layer: number, resources: Resources): BoundKernel {
    const { kernels, buffers, networks } = this.#context;
    const { widths } = buffers.layout;
    return kernels.bind(name, {
      shape: {
        rows: this.#rows,
        inputs: widths[layer],
        outputs: widths[layer + 1],
        slices: this.mode === "training" ? buffers.slices : 1,
      },
      networks,
      resources: { ...this.#shared, layer: buffers.layers[layer][this.mode], ...resources },
    });
  }
}
