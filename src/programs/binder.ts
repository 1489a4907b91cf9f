/**
 * Binds the kernels of a program.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import type { KernelName, TileName } from "../gpu/kernel_table.ts";
import type { BoundKernel, Constants, Resources } from "../gpu/kernels.ts";
import type { KernelContext, ProgramContext } from "./program.ts";

/** Whether rows come from batches in training or from a part of the data set in an evaluation. */
export type Mode = "training" | "evaluation";

/** A kernel to bind: its name, its layer counted from 0, and resources and constants of its own. */
export type KernelUse = readonly [
  name: KernelName,
  layer: number,
  own?: { readonly resources?: Resources; readonly constants?: Constants },
];

/** Binds kernels to the resources that all programs share, to those of their layer and to their own. */
export class Binder {
  readonly mode: Mode;
  readonly #context: KernelContext;
  readonly #rows: number;
  readonly #slices: number;
  readonly #tile: TileName | undefined;
  readonly #shared: Resources;

  /**
   * @param context What all kernels share.
   * @param options `mode`, the number of `slices` that the first layer's sum is split into, further shared resources,
   * and the `tile` of the kernels that work in tiles.
   */
  constructor(
    context: KernelContext,
    options: { mode: Mode; slices?: number; shared?: Resources; tile?: TileName },
  ) {
    const { mode, slices = 1, shared, tile } = options;
    const { buffers, data, batch } = context;
    this.mode = mode;
    this.#context = context;
    this.#rows = mode === "training" ? batch : buffers.evaluationRows;
    this.#slices = slices;
    this.#tile = tile;
    const { steps: step, networks, parameters, gradients, statistics } = buffers;
    const { outcomes, predictions, sums, diverged } = buffers;
    this.#shared = {
      ...{ step, networks, standard: data.standard },
      ...{ weights: parameters, parameters, gradients, statistics },
      ...{ outcomes, predictions, sums, diverged },
      ...shared,
    };
  }

  /** Binds kernels, in order, ready to be dispatched. */
  async bind(uses: readonly KernelUse[]): Promise<BoundKernel[]> {
    const { kernels, buffers, networks } = this.#context;
    const { widths } = buffers.layout;
    const bound: BoundKernel[] = [];
    for (const [name, layer, own = {}] of uses) {
      const slices = layer === 0 ? this.#slices : 1;
      bound.push(
        await kernels.bind(name, {
          shape: { rows: this.#rows, inputs: widths[layer], outputs: widths[layer + 1], slices },
          networks,
          layer,
          resources: { ...this.#shared, layer: buffers.layer(layer, slices), ...own.resources },
          constants: own.constants,
          tile: this.#tile,
        }),
      );
    }
    return bound;
  }
}

/** Returns images, labels and their order: in training the order that was set, in an evaluation that of the data set. */
export async function imageResources(
  { buffers, data }: ProgramContext,
  mode: Mode,
  split: Split,
): Promise<Resources> {
  const { images, labels } = await data.part(split);
  return { images, labels, order: mode === "training" ? buffers.order : buffers.identity };
}
