/**
 * What a kernel variant is to a population: its kernels in order, bound to memory of its own.
 *
 * @module
 */

import type { BindingName } from "../gpu/bindings.ts";
import type { PopulationBuffers } from "./buffers.ts";
import type { Split } from "../data/dataset.ts";
import type { DeviceDataSet, DeviceImages } from "../gpu/device_data.ts";
import type { Gpu } from "../gpu/device.ts";
import type { KernelName, TileName } from "../gpu/kernel_table.ts";
import type { BoundKernel, Constants, Kernels, Resources } from "../gpu/kernels.ts";
import type { PopulationShape } from "../model/shape.ts";

/** What the kernels of a program are bound to, whichever variant it is of. */
export interface ProgramContext extends PopulationShape {
  readonly gpu: Gpu;
  readonly kernels: Kernels;
  readonly buffers: PopulationBuffers;
  readonly data: DeviceDataSet;
}

/** The kernels of one variant, bound to a population. */
export interface Program {
  /** Before the first of a run of steps. */
  readonly begin: readonly BoundKernel[];
  /** One step: from the images of a batch to the updated parameters. */
  readonly step: readonly BoundKernel[];
  /** The same with what puts the loss of the batch into the sums. */
  readonly stepWithLoss: readonly BoundKernel[];
  /** After the last of a run of steps: `parameters` and `gradients` hold what the steps came to. */
  readonly end: readonly BoundKernel[];
  /** Gives the kernels that evaluate a part of the data set, `buffers.evaluationRows` images at a time. */
  evaluation(split: Split): Promise<readonly BoundKernel[]>;
  /** Tells the program that parameters were set from outside. */
  write(network: number, parameters: Float32Array): void;
  /** Frees the memory that is its own. */
  destroy(): void;
}

/** Whether rows come from batches in training or from a part of the data set in an evaluation. */
export type Mode = "training" | "evaluation";

/** Binds kernels to what all of them share, to their layer and to what each is given. */
export class Binder {
  readonly mode: Mode;
  readonly #context: ProgramContext;
  readonly #rows: number;
  readonly #slices: number;
  readonly #tile: TileName | undefined;
  readonly #shared: Resources;

  /**
   * @param context What all of them share.
   * @param options `mode`, the parts `slices` that the first layer's sum is split into, further shared resources,
   * and the `tile` of the kernels that work in tiles.
   */
  constructor(
    context: ProgramContext,
    options: { mode: Mode; slices?: number; shared?: Resources; tile?: TileName },
  ) {
    const { mode, slices = 1, shared, tile } = options;
    this.#tile = tile;
    const { buffers, data, batch } = context;
    this.#context = context;
    this.mode = mode;
    this.#slices = slices;
    this.#rows = mode === "training" ? batch : buffers.evaluationRows;
    this.#shared = {
      step: buffers.steps,
      networks: buffers.networks,
      standard: data.standard,
      weights: buffers.parameters,
      parameters: buffers.parameters,
      gradients: buffers.gradients,
      statistics: buffers.statistics,
      outcomes: buffers.outcomes,
      predictions: buffers.predictions,
      sums: buffers.sums,
      diverged: buffers.diverged,
      ...shared,
    };
  }

  /**
   * Binds a kernel.
   *
   * @param name The kernel.
   * @param layer Its layer, counted from 0.
   * @param own `resources` of its own, those that are others in `odd` steps, and `constants`.
   * @returns The kernel, ready to be dispatched.
   */
  bind(
    name: KernelName,
    layer: number,
    own: {
      resources?: Partial<Record<BindingName, GPUBuffer | GPUTextureView>>;
      odd?: Resources;
      constants?: Constants;
    } = {},
  ): Promise<BoundKernel> {
    const { kernels, buffers, networks } = this.#context;
    const { widths } = buffers.layout;
    const slices = layer === 0 ? this.#slices : 1;
    return kernels.bind(name, {
      shape: { rows: this.#rows, inputs: widths[layer], outputs: widths[layer + 1], slices },
      networks,
      layer,
      resources: { ...this.#shared, layer: buffers.layer(layer, slices), ...own.resources },
      odd: own.odd,
      constants: own.constants,
      tile: this.#tile,
    });
  }
}

/** Images and labels of a part of the data set as resources. */
export function imageResources({ images, labels }: DeviceImages): Resources {
  return { images, labels };
}
