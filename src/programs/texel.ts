/**
 * The variants for software drivers: every tensor between kernels is a texture of four numbers a texel, which llvmpipe
 * reads and writes at a fraction of the cost of a buffer, and sizes are overrides, which its compiler makes use of.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import { type TileName, TILES, tiles } from "../gpu/kernel_table.ts";
import type { BoundKernel, Constants, Resources } from "../gpu/kernels.ts";
import { Memory, type Texels } from "../gpu/memory.ts";
import { writeWeights } from "./per_operation.ts";
import { Binder, imageResources, type Program, type ProgramContext } from "./program.ts";

/** What the variants differ in. */
export interface TexelOptions {
  /** How much a thread does of an affine map. */
  readonly tile: TileName;
  /** Threads that the first layer's product should take at least: its sum is split into slices until there are as many. */
  readonly threads: number;
}

/** The memory of one layer. Names are those of the formulas in shaders/; all are textures with a layer for each network. */
interface LayerTexels {
  /** Weights before and after a step, four inputs a texel: in even steps the second is written, in odd ones the first. */
  readonly weights: readonly [Texels, Texels];
  /** Gradients of the weights. */
  readonly dw: Texels;
  /** What the affine map gives, four rows a texel, and d cost / d of it. */
  readonly s: Texels;
  readonly ds: Texels;
  /** Of a hidden layer: what the ReLU gives, and d cost / d of it. */
  readonly h?: Texels;
  readonly dh?: Texels;
  /** Of a hidden layer with batch norm. */
  readonly normalised?: Texels;
  readonly inverseDeviation?: GPUBuffer;
}

/** One kernel for each operation, all tensors in textures. */
export class TexelProgram implements Program {
  readonly begin: readonly BoundKernel[] = [];
  readonly #context: ProgramContext;
  readonly #options: TexelOptions;
  readonly #memory: Memory;
  readonly #slices: number;
  readonly #layers: readonly LayerTexels[];
  #step: readonly BoundKernel[] = [];
  #stepWithLoss: readonly BoundKernel[] = [];
  #end: readonly BoundKernel[] = [];

  private constructor(context: ProgramContext, options: TexelOptions) {
    this.#context = context;
    this.#options = options;
    const { gpu, architecture, buffers, networks: P, batch, data } = context;
    const { layout: { widths }, evaluationRows } = buffers;
    const { rows, outputs } = TILES[options.tile];
    const threads = tiles(batch, 4 * rows) * tiles(widths[1], outputs);
    this.#slices = Math.max(
      1,
      Math.min(tiles(options.threads, threads), Math.floor(data.texels / 8)),
    );
    const memory = new Memory(gpu);
    this.#memory = memory;
    const most = tiles(Math.max(batch, evaluationRows), 4);
    const own = tiles(batch, 4);
    try {
      this.#layers = widths.slice(1).map((width, i) => {
        const name = `layer ${i + 1}`;
        const hidden = i < architecture.hidden.length;
        const normed = hidden && architecture.batchNorm;
        const texels = tiles(widths[i], 4);
        const sums = i === 0 ? Math.max(this.#slices * own, most) : most;
        return {
          weights: [
            memory.texels(`${name} weights`, [width, texels, P]),
            memory.texels(`${name} weights`, [width, texels, P]),
          ],
          dw: memory.texels(`${name} weight gradients`, [width, texels, P]),
          s: memory.texels(`${name} outputs`, [width, sums, P]),
          ds: memory.texels(`${name} output gradients`, [width, own, P]),
          ...hidden && {
            h: memory.texels(`${name} activations`, [width, most, P]),
            dh: memory.texels(`${name} activation gradients`, [width, own, P]),
          },
          ...normed && {
            normalised: memory.texels(`${name} normalised outputs`, [width, own, P]),
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
   * @param context What to bind them to; there is a hidden layer.
   * @param options What the variants differ in.
   * @returns The program.
   * @throws {ArgumentError} If the adapter cannot hold it; nothing is kept then.
   */
  static async create(context: ProgramContext, options: TexelOptions): Promise<TexelProgram> {
    const program = new TexelProgram(context, options);
    try {
      const { buffers, data } = context;
      await program.#memory.ready();
      const records = { ...imageResources(await data.part("training")), order: buffers.order };
      const binder = program.#binder("training");
      const forward = await program.#forward(binder, records);
      const loss = await program.#loss(binder, records);
      const backward = await program.#backward(binder, records);
      program.#step = [...forward, ...backward];
      program.#stepWithLoss = [...forward, ...loss, ...backward];
      program.#end = await Promise.all(
        program.#layers.map((_, i) => binder.bind("texel_weights", i, program.#weights(i))),
      );
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

  get end(): readonly BoundKernel[] {
    return this.#end;
  }

  async evaluation(split: Split): Promise<readonly BoundKernel[]> {
    const { buffers, data } = this.#context;
    const records = { ...imageResources(await data.part(split)), order: buffers.identity };
    const binder = this.#binder("evaluation");
    return [...await this.#forward(binder, records), ...await this.#loss(binder, records)];
  }

  write(network: number, parameters: Float32Array): void {
    const { gpu, buffers: { layout } } = this.#context;
    for (const { kind, layer, shape: [inputs, outputs], offset, size } of layout.parameters) {
      if (kind !== "weight") continue;
      const { texture } = this.#layers[layer].weights[0];
      const values = parameters.subarray(offset, offset + size);
      writeWeights(gpu, { texture, network }, { values, inputs, outputs });
    }
  }

  destroy(): void {
    this.#memory.destroy();
  }

  #binder(mode: "training" | "evaluation"): Binder {
    const slices = mode === "training" ? this.#slices : 1;
    return new Binder(this.#context, { mode, slices, tile: this.#options.tile });
  }

  /** What a kernel that reads or moves a layer's weights is bound to. */
  #weights(layer: number): { resources: Resources; odd: Resources } {
    const { weights: [first, second], dw } = this.#layers[layer];
    return {
      resources: {
        weight_texels: first.view,
        new_weight_texels: second.view,
        gradient_texels: dw.view,
        new_gradient_texels: dw.view,
      },
      odd: { weight_texels: second.view, new_weight_texels: first.view },
    };
  }

  async #forward(binder: Binder, records: Resources): Promise<BoundKernel[]> {
    const { data, architecture: { batchNorm } } = this.#context;
    const kernels: BoundKernel[] = [];
    for (const [i, { s, h, normalised, inverseDeviation }] of this.#layers.entries()) {
      const slices = i === 0 && binder.mode === "training" ? this.#slices : 1;
      const { resources, odd } = this.#weights(i);
      if (i === 0) {
        kernels.push(
          await binder.bind("texel_input_forward", i, {
            resources: { ...records, ...resources, new_y_texels: s.view },
            odd,
            constants: { ...this.#features(i), TEXELS: data.texels, SLICES: slices },
          }),
        );
      } else {
        const x = this.#layers[i - 1].h?.view;
        kernels.push(
          await binder.bind("texel_affine_forward", i, {
            resources: { ...resources, x_texels: x, new_y_texels: s.view },
            odd,
            constants: { ...this.#features(i), ...this.#inputs(i) },
          }),
        );
      }
      if (!h) break;
      const training = binder.mode === "training";
      const norm = training ? "texel_batch_norm_forward" : "texel_batch_norm_evaluate";
      kernels.push(
        await binder.bind(batchNorm ? norm : "texel_relu_forward", i, {
          resources: {
            x_texels: s.view,
            new_y_texels: h.view,
            new_normalised_texels: normalised?.view,
            inverse_deviation: inverseDeviation,
          },
          constants: { ...this.#features(i), SLICES: slices },
        }),
      );
    }
    return kernels;
  }

  async #loss(binder: Binder, records: Resources): Promise<BoundKernel[]> {
    const last = this.#layers.length - 1;
    return [
      await binder.bind("texel_softmax_forward", last, {
        resources: { ...records, x_texels: this.#layers[last].s.view },
        constants: this.#features(last),
      }),
      await binder.bind("sum_outcomes", last),
    ];
  }

  async #backward(binder: Binder, records: Resources): Promise<BoundKernel[]> {
    const { data, architecture: { batchNorm } } = this.#context;
    const layers = this.#layers;
    const last = layers.length - 1;
    const kernels: BoundKernel[] = [];
    kernels.push(
      await binder.bind("texel_softmax_backward", last, {
        resources: {
          ...records,
          x_texels: layers[last].s.view,
          new_dx_texels: layers[last].ds.view,
        },
        constants: this.#features(last),
      }),
    );
    for (let i = last; i >= 0; i--) {
      const { ds, h, dh, normalised, inverseDeviation } = layers[i];
      if (h) {
        const name = batchNorm ? "texel_batch_norm_backward" : "texel_relu_backward";
        const resources = {
          y_texels: h.view,
          dy_texels: dh?.view,
          normalised_texels: normalised?.view,
          inverse_deviation: inverseDeviation,
          new_dx_texels: ds.view,
        };
        const constants = { ...this.#features(i), SLICES: 1 };
        kernels.push(await binder.bind(name, i, { resources, constants }));
      }
      const { resources, odd } = this.#weights(i);
      if (i === 0) {
        kernels.push(
          await binder.bind("texel_input_backward", i, {
            resources: { ...records, ...resources, dy_texels: ds.view },
            odd,
            constants: { ...this.#features(i), TEXELS: data.texels, SLICES: 1 },
          }),
        );
        break;
      }
      const before = layers[i - 1];
      const own = {
        resources: {
          ...resources,
          x_texels: before.h?.view,
          dy_texels: ds.view,
          new_dx_texels: before.dh?.view,
        },
        odd,
        constants: { ...this.#features(i), ...this.#inputs(i), LAST: Number(i === last) },
      };
      kernels.push(await binder.bind("texel_affine_backward_input", i, own));
      kernels.push(await binder.bind("texel_affine_backward_weight", i, own));
    }
    return kernels;
  }

  #features(layer: number): Constants {
    return { FEATURES: this.#context.buffers.layout.widths[layer + 1] };
  }

  #inputs(layer: number): Constants {
    return { INPUTS: this.#context.buffers.layout.widths[layer] };
  }
}
