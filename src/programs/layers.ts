/**
 * The layers of programs with a kernel for each operation and every tensor in a buffer: all but the affine maps.
 *
 * @module
 */

import type { KernelName } from "../gpu/kernel_table.ts";
import type { Resources } from "../gpu/kernels.ts";
import type { Memory } from "../gpu/memory.ts";
import type { KernelUse, Mode } from "./binder.ts";
import type { KernelContext } from "./program.ts";

/** The tensors of one layer. Names are those of the formulas in shaders/. */
interface LayerBuffers {
  /** [P, rows, outputs] output of the affine map. */
  readonly s: GPUBuffer;
  /** In training: [P, batch, outputs] d cost / d s. */
  readonly ds?: GPUBuffer;
  /** Of a hidden layer: [P, rows, outputs] output of the ReLU, and in training its gradient. */
  readonly h?: GPUBuffer;
  readonly dh?: GPUBuffer;
  /** Of a hidden layer with batch norm, in training: [P, batch, outputs] and [P, outputs]. */
  readonly normalised?: GPUBuffer;
  readonly inverseDeviation?: GPUBuffer;
}

/** The products of a program, and its kernels of batch norm. */
export interface Products {
  /** Lists the kernels from the input of a layer, `x`, to the output of its affine map, `y`. */
  affine(layer: number, tensors: { x?: GPUBuffer; y: GPUBuffer }, mode: Mode): KernelUse[];
  /** Lists the kernels from d cost / d y to d cost / d x and to the updated parameters of the map. */
  affineBackward(
    layer: number,
    tensors: { dy?: GPUBuffer; x?: GPUBuffer; dx?: GPUBuffer },
  ): KernelUse[];
  /** The kernels of batch norm in training; the plain ones unless given. */
  readonly norm?: { readonly forward: KernelName; readonly backward: KernelName };
  /** Parts that the first layer's sum over the inputs is split into in training; 1 unless given. */
  readonly slices?: number;
  /** Further resources of the kernels. */
  readonly shared?: Resources;
  /** Copies parameters that were set from outside, [layout.count], to where the kernels read them. */
  write?(network: number, parameters: Float32Array): void;
}

/** What an evaluation needs of them. */
export type ForwardProducts = Omit<Products, "affineBackward" | "write">;

/** The layers of a population, every tensor in a buffer. */
export class BufferLayers {
  readonly #batchNorm: boolean;
  readonly #layers: readonly LayerBuffers[];

  /**
   * Allocates the tensors.
   *
   * @param context The sizes.
   * @param memory The owner of the memory.
   * @param mode With "evaluation", what only training needs is left out.
   * @throws {ArgumentError} If the adapter cannot hold them.
   */
  constructor(context: KernelContext, memory: Memory, mode: Mode) {
    const { architecture, buffers, networks: P, batch } = context;
    this.#batchNorm = architecture.batchNorm;
    const rows = Math.max(batch, buffers.evaluationRows);
    const training = mode === "training";
    this.#layers = buffers.layout.widths.slice(1).map((width, i) => {
      const name = `layer ${i + 1}`;
      const hidden = i < architecture.hidden.length;
      return {
        s: memory.buffer(`${name} outputs`, P * rows * width),
        ...hidden && { h: memory.buffer(`${name} activations`, P * rows * width) },
        ...training && {
          ds: memory.buffer(`${name} output gradients`, P * batch * width),
          ...hidden && {
            dh: memory.buffer(`${name} activation gradients`, P * batch * width),
            ...architecture.batchNorm && {
              normalised: memory.buffer(`${name} normalised outputs`, P * batch * width),
              inverseDeviation: memory.buffer(`${name} deviations`, P * width),
            },
          },
        },
      };
    });
  }

  /** Lists the kernels from the images to the logits, in order. */
  forward(mode: Mode, { affine, norm: own }: ForwardProducts): KernelUse[] {
    const training = own?.forward ?? "batch_norm_forward";
    const norm = mode === "training" ? training : "batch_norm_evaluate";
    const activation = this.#batchNorm ? norm : "relu_forward";
    return this.#layers.flatMap(({ s, h, normalised, inverseDeviation }, i) => {
      const kernels = affine(i, { x: this.#layers[i - 1]?.h, y: s }, mode);
      const resources = { x: s, y: h, normalised, inverse_deviation: inverseDeviation };
      return h ? [...kernels, [activation, i, { resources }] as const] : kernels;
    });
  }

  /** [P, rows, classes] */
  get logits(): GPUBuffer {
    return this.#layers[this.#layers.length - 1].s;
  }

  /** Lists the kernels from the logits to the sums of losses. */
  loss(): KernelUse[] {
    const last = this.#layers.length - 1;
    return lossOf(last, this.logits);
  }

  /** Lists the kernels from the logits to the updated parameters, in order. */
  backward({ affineBackward, norm: own }: Products): KernelUse[] {
    const norm = own?.backward ?? "batch_norm_backward";
    const last = this.#layers.length - 1;
    const logits = { x: this.#layers[last].s, dx: this.#layers[last].ds };
    const kernels: KernelUse[] = [["softmax_cross_entropy_backward", last, { resources: logits }]];
    for (let i = last; i >= 0; i--) {
      const { s, ds, h, dh, normalised, inverseDeviation } = this.#layers[i];
      if (h) {
        const tensors = { x: s, y: h, dy: dh, dx: ds, normalised };
        const resources = { ...tensors, inverse_deviation: inverseDeviation };
        kernels.push([this.#batchNorm ? norm : "relu_backward", i, { resources }]);
      }
      const before = this.#layers[i - 1];
      kernels.push(...affineBackward(i, { dy: ds, x: before?.h, dx: before?.dh }));
    }
    return kernels;
  }
}

/** Lists the kernels from the logits, [P, rows, classes] of the last layer, to the sums of losses. */
export function lossOf(layer: number, logits: GPUBuffer): KernelUse[] {
  return [
    ["softmax_cross_entropy_forward", layer, { resources: { x: logits } }],
    ["sum_outcomes", layer],
  ];
}
