/**
 * The plain variant: one kernel for each operation, every tensor in a buffer. It is the one to read first, the others
 * are tested against the same reference, and it serves every shape.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import { INPUT_TILE, TILES, tiles } from "../gpu/kernel_table.ts";
import type { BoundKernel, Resources } from "../gpu/kernels.ts";
import { Memory, type Texels } from "../gpu/memory.ts";
import { Binder, imageResources, type Program, type ProgramContext } from "./program.ts";

/** Threads that the first layer's product should take at least. */
const INPUT_THREADS = 200;

/** The memory of one layer. Names are those of the formulas in shaders/. */
interface LayerBuffers {
  /** [P, rows, outputs] what the affine map gives, and d cost / d of it. */
  readonly s: GPUBuffer;
  readonly ds: GPUBuffer;
  /** Of a hidden layer: [P, rows, outputs] what the ReLU gives, and d cost / d of it. */
  readonly h?: GPUBuffer;
  readonly dh?: GPUBuffer;
  /** Of a hidden layer with batch norm: [P, batch, outputs] and [P, outputs]. */
  readonly normalised?: GPUBuffer;
  readonly inverseDeviation?: GPUBuffer;
}

/** One kernel for each operation. */
export class PerOperation implements Program {
  readonly begin: readonly BoundKernel[] = [];
  readonly end: readonly BoundKernel[] = [];
  readonly #context: ProgramContext;
  readonly #memory: Memory;
  readonly #slices: number;
  readonly #layers: readonly LayerBuffers[];
  readonly #weightTexels: Texels;
  readonly #shared: Resources;
  #step: readonly BoundKernel[] = [];
  #stepWithLoss: readonly BoundKernel[] = [];

  private constructor(context: ProgramContext) {
    this.#context = context;
    const { gpu, architecture, buffers, networks: P, batch, data } = context;
    const { layout: { widths }, evaluationRows } = buffers;
    const memory = new Memory(gpu);
    this.#memory = memory;
    this.#slices = slices(batch, widths[1], data.texels);
    const rows = Math.max(batch, evaluationRows);
    const sliceRows = Math.max(this.#slices * batch, evaluationRows);
    try {
      const sliceSums = memory.buffer("partial sums", P * sliceRows * widths[1]);
      const weightTexels = memory.texels("first layer's weights", [widths[1], data.texels, P]);
      const gradientTexels = memory.texels("first layer's output gradients", [
        widths[1],
        tiles(batch, 4),
        P,
      ]);
      this.#weightTexels = weightTexels;
      this.#shared = {
        slices: sliceSums,
        weight_texels: weightTexels.view,
        new_weight_texels: weightTexels.view,
        gradient_texels: gradientTexels.view,
        new_gradient_texels: gradientTexels.view,
      };
      this.#layers = widths.slice(1).map((width, i) => {
        const name = `layer ${i + 1}`;
        const hidden = i < architecture.hidden.length;
        const normed = hidden && architecture.batchNorm;
        return {
          s: memory.buffer(`${name} outputs`, P * rows * width),
          ds: memory.buffer(`${name} output gradients`, P * batch * width),
          ...hidden && {
            h: memory.buffer(`${name} activations`, P * rows * width),
            dh: memory.buffer(`${name} activation gradients`, P * batch * width),
          },
          ...normed && {
            normalised: memory.buffer(`${name} normalised outputs`, P * batch * width),
            inverseDeviation: memory.buffer(`${name} deviations`, P * width),
          },
        };
      });
    } catch (error) {
      memory.destroy();
      throw error;
    }
  }

  /**
   * Takes the memory and binds the kernels of a training step.
   *
   * @param context What to bind them to.
   * @returns The program.
   * @throws {ArgumentError} If the adapter cannot hold it; nothing is kept then.
   */
  static async create(context: ProgramContext): Promise<PerOperation> {
    const program = new PerOperation(context);
    try {
      const { buffers, data } = context;
      await program.#memory.ready();
      const { images, labels } = await data.part("training");
      const records = { images, labels, order: buffers.order };
      const binder = program.#binder("training");
      const forward = await program.#forward(binder, records);
      const loss = await program.#loss(binder, records);
      const backward = await program.#backward(binder, records);
      program.#step = [...forward, ...backward];
      program.#stepWithLoss = [...forward, ...loss, ...backward];
      return program;
    } catch (error) {
      program.destroy();
      throw error;
    }
  }

  get step(): readonly BoundKernel[] {
    return this.#step;
  }

  get stepWithLoss(): readonly BoundKernel[] {
    return this.#stepWithLoss;
  }

  async evaluation(split: Split): Promise<readonly BoundKernel[]> {
    const { buffers, data } = this.#context;
    const records = { ...imageResources(await data.part(split)), order: buffers.identity };
    const binder = this.#binder("evaluation");
    return [...await this.#forward(binder, records), ...await this.#loss(binder, records)];
  }

  /** Copies the first layer's weights to their texels. */
  write(network: number, parameters: Float32Array): void {
    const { widths: [inputs, outputs], parameters: [{ offset }] } = this.#context.buffers.layout;
    const { texture } = this.#weightTexels;
    writeWeights(this.#context.gpu, { texture, network }, {
      values: parameters.subarray(offset, offset + inputs * outputs),
      inputs,
      outputs,
    });
  }

  destroy(): void {
    this.#memory.destroy();
  }

  #binder(mode: "training" | "evaluation"): Binder {
    const slices = mode === "training" ? this.#slices : 1;
    return new Binder(this.#context, { mode, slices, shared: this.#shared });
  }

  async #forward(binder: Binder, records: Resources): Promise<BoundKernel[]> {
    const { batchNorm } = this.#context.architecture;
    const last = this.#layers.length - 1;
    const kernels: BoundKernel[] = [];
    for (const [i, { s, h, normalised, inverseDeviation }] of this.#layers.entries()) {
      if (i === 0) {
        kernels.push(await binder.bind("input_affine_forward", i, { resources: records }));
        kernels.push(await binder.bind("slice_sum", i, { resources: { y: s } }));
      } else {
        const resources = { x: this.#layers[i - 1].h, y: s };
        kernels.push(await binder.bind("affine_forward", i, { resources }));
      }
      if (i === last) break;
      const resources = { x: s, y: h, normalised, inverse_deviation: inverseDeviation };
      const norm = binder.mode === "training" ? "batch_norm_forward" : "batch_norm_evaluate";
      kernels.push(await binder.bind(batchNorm ? norm : "relu_forward", i, { resources }));
    }
    return kernels;
  }

  async #loss(binder: Binder, records: Resources): Promise<BoundKernel[]> {
    const last = this.#layers.length - 1;
    const resources = { ...records, x: this.#layers[last].s };
    return [
      await binder.bind("softmax_cross_entropy_forward", last, { resources }),
      await binder.bind("sum_outcomes", last),
    ];
  }

  async #backward(binder: Binder, records: Resources): Promise<BoundKernel[]> {
    const { batchNorm } = this.#context.architecture;
    const layers = this.#layers;
    const last = layers.length - 1;
    const kernels: BoundKernel[] = [];
    const logits = { ...records, x: layers[last].s, dx: layers[last].ds };
    kernels.push(await binder.bind("softmax_cross_entropy_backward", last, { resources: logits }));
    for (let i = last; i >= 0; i--) {
      const { s, ds, h, dh, normalised, inverseDeviation } = layers[i];
      if (i < last) {
        const name = batchNorm ? "batch_norm_backward" : "relu_backward";
        const tensors = { x: s, y: h, dy: dh, dx: ds, normalised };
        const resources = { ...tensors, inverse_deviation: inverseDeviation };
        kernels.push(await binder.bind(name, i, { resources }));
      }
      if (i > 0) {
        const { h: x, dh: dx } = layers[i - 1];
        // The gradient of what went in comes first: it needs the weights as they were.
        const resources = { dy: ds, dx, x };
        kernels.push(await binder.bind("affine_backward_input", i, { resources }));
        kernels.push(await binder.bind("affine_backward_weight", i, { resources }));
        kernels.push(await binder.bind("affine_backward_bias", i, { resources }));
      } else {
        // The bias first: on the way its kernel lays the gradients out for that of the weights.
        const resources = { ...records, dy: ds };
        kernels.push(await binder.bind("input_affine_backward_bias", i, { resources }));
        kernels.push(await binder.bind("input_affine_backward", i, { resources }));
      }
    }
    return kernels;
  }
}

/**
 * Writes a weight matrix as texels: texel (o, k) of a network's layer holds W[4k … 4k + 3, o], with 0 past the last input.
 *
 * @param gpu The device.
 * @param to The texture, and which of its layers.
 * @param weights The matrix, [inputs, outputs], and its sizes.
 */
export function writeWeights(
  { device }: ProgramContext["gpu"],
  to: { texture: GPUTexture; network: number },
  weights: { values: Float32Array; inputs: number; outputs: number },
): void {
  const { texture, network } = to;
  const { values, inputs, outputs } = weights;
  const texels = new Float32Array(texture.width * texture.height * 4);
  for (let i = 0; i < inputs; i++) {
    for (let o = 0; o < outputs; o++) {
      texels[(Math.floor(i / 4) * outputs + o) * 4 + i % 4] = values[i * outputs + o];
    }
  }
  device.queue.writeTexture(
    { texture, origin: [0, 0, network] },
    texels,
    { bytesPerRow: 16 * texture.width, rowsPerImage: texture.height },
    [texture.width, texture.height, 1],
  );
}

/**
 * Parts of the first layer's sum over the inputs: enough threads for a small batch. It does not depend on the number of
 * networks, so that a network trains to the same bytes alone and in a population.
 */
function slices(rows: number, outputs: number, texels: number): number {
  const tile = TILES[INPUT_TILE];
  const threads = tiles(rows, 4 * tile.rows) * tiles(outputs, tile.outputs);
  return Math.max(1, Math.min(tiles(INPUT_THREADS, threads), Math.floor(texels / 8)));
}
