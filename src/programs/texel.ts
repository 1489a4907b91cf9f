/**
 * The variants for software drivers: every tensor between kernels is a texture of four numbers a texel, which llvmpipe
 * reads and writes at a fraction of the cost of a buffer, and sizes are overrides, which its compiler exploits.
 *
 * A kernel cannot write the texture that it reads, so each weight matrix has two: even steps read the first and write the
 * second, odd steps vice versa.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import { type TileName, TILES, tiles } from "../gpu/kernel_table.ts";
import type { BoundKernel, Constants, Resources } from "../gpu/kernels.ts";
import { Memory, type Texels } from "../gpu/memory.ts";
import { Binder, imageResources, type KernelUse, type Mode } from "./binder.ts";
import { FIXED_SLOT } from "./buffers.ts";
import { encodeKernels, KernelSteps } from "./kernel_steps.ts";
import type {
  EncodeChunk,
  Program,
  ProgramContext,
  Steps,
  StepsOptions,
  Variant,
} from "./program.ts";
import type { StepPlan } from "./steps.ts";
import { texturesFit, writeWeights } from "./weight_texels.ts";

/** How the variants differ. */
interface TexelOptions {
  /** The tile of an affine map that a thread computes. */
  readonly tile: TileName;
  /** Minimum number of threads of the first layer's product: its sum is split into slices until it takes as many. */
  readonly threads: number;
}

/**
 * The variants. `texel-ROWSxOUTPUTS`: a thread's tile; with the suffix `-sliced`, the sum over the inputs is split into
 * twice as many parts.
 */
export const TEXEL: readonly Variant[] = [
  variant("texel-20x10", { software: 1 }, { tile: "tile_20x10", threads: 100 }),
  variant("texel-20x10-sliced", { software: 1 }, { tile: "tile_20x10", threads: 200 }),
  variant("texel-12x8", { software: 1, large: 2 }, { tile: "tile_12x8", threads: 200 }),
];

function variant(name: string, rank: Variant["rank"], options: TexelOptions): Variant {
  return {
    name,
    rank,
    fits: (gpu, shape) => {
      const { hidden, classes } = shape.architecture;
      return hidden.length > 0 && texturesFit(gpu, shape, Math.max(...hidden, classes));
    },
    create: (context) =>
      Memory.hold(context.gpu, (memory) => TexelProgram.create(context, memory, options)),
  };
}

/** The memory of one layer. Names are those of the formulas in shaders/; all are textures with a layer for each network. */
interface LayerTexels {
  /** Weights, four inputs a texel. */
  readonly weights: readonly [Texels, Texels];
  /** Gradients of the weights. */
  readonly dw: Texels;
  /** Output of the affine map, four rows a texel, and its gradient. */
  readonly s: Texels;
  readonly ds: Texels;
  /** Of a hidden layer: output of the ReLU, and its gradient. */
  readonly h?: Texels;
  readonly dh?: Texels;
  /** Of a hidden layer with batch norm. */
  readonly normalised?: Texels;
  readonly inverseDeviation?: GPUBuffer;
}

/** The kernels of even or of odd steps. */
interface StepKernels {
  readonly step: readonly BoundKernel[];
  readonly stepWithLoss: readonly BoundKernel[];
  /** Copy weights and gradients from the textures to the buffers that all programs share. */
  readonly settle: readonly BoundKernel[];
}

/** One kernel for each operation, all tensors in textures. */
class TexelProgram implements Program {
  readonly #context: ProgramContext;
  readonly #options: TexelOptions;
  readonly #memory: Memory;
  readonly #slices: number;
  readonly #layers: readonly LayerTexels[];
  #kernels: readonly StepKernels[] = [];
  /** 1 if an odd number of steps was encoded since the weights were last written, otherwise 0. */
  #parity = 0;
  #settled = true;

  private constructor(context: ProgramContext, memory: Memory, options: TexelOptions) {
    const { architecture, buffers, networks: P, batch, data } = context;
    const { layout: { widths }, evaluationRows } = buffers;
    this.#context = context;
    this.#options = options;
    this.#memory = memory;
    const { rows, outputs } = TILES[options.tile];
    const threads = tiles(batch, 4 * rows) * tiles(widths[1], outputs);
    const slices = Math.min(tiles(options.threads, threads), Math.floor(data.texels / 8));
    this.#slices = Math.max(1, slices);
    const max = tiles(Math.max(batch, evaluationRows), 4);
    const own = tiles(batch, 4);
    this.#layers = widths.slice(1).map((width, i) => {
      const name = `layer ${i + 1}`;
      const hidden = i < architecture.hidden.length;
      const normed = hidden && architecture.batchNorm;
      const texels = tiles(widths[i], 4);
      const sums = i === 0 ? Math.max(this.#slices * own, max) : max;
      return {
        weights: [
          memory.texels(`${name} weights`, [width, texels, P]),
          memory.texels(`${name} weights`, [width, texels, P]),
        ],
        dw: memory.texels(`${name} weight gradients`, [width, texels, P]),
        s: memory.texels(`${name} outputs`, [width, sums, P]),
        ds: memory.texels(`${name} output gradients`, [width, own, P]),
        ...hidden && {
          h: memory.texels(`${name} activations`, [width, max, P]),
          dh: memory.texels(`${name} activation gradients`, [width, own, P]),
        },
        ...normed && {
          normalised: memory.texels(`${name} normalised outputs`, [width, own, P]),
          inverseDeviation: memory.buffer(`${name} deviations`, P * width),
        },
      };
    });
  }

  static async create(
    context: ProgramContext,
    memory: Memory,
    options: TexelOptions,
  ): Promise<TexelProgram> {
    const program = new TexelProgram(context, memory, options);
    await memory.ready();
    const binder = await program.#binder("training", "training");
    program.#kernels = [await program.#bind(binder, 0), await program.#bind(binder, 1)];
    return program;
  }

  steps(plans: readonly StepPlan[], { fresh, loss }: StepsOptions): Steps {
    const [even, odd] = this.#kernels.map((own) => loss ? own.stepWithLoss : own.step);
    return new KernelSteps(this.#context, plans, {
      fresh,
      kernels: even,
      next: () => {
        const kernels = this.#parity === 0 ? even : odd;
        this.#parity = 1 - this.#parity;
        this.#settled = false;
        return kernels;
      },
    });
  }

  async evaluation(split: Split): Promise<EncodeChunk> {
    const { stepStride } = this.#context.buffers;
    const binder = await this.#binder("evaluation", split);
    const lists: BoundKernel[][] = [];
    for (const parity of [0, 1]) {
      lists.push(await binder.bind([...this.#forward("evaluation", parity), ...this.#loss()]));
    }
    return (pass, slot) => encodeKernels(pass, lists[this.#parity], slot * stepStride);
  }

  settle(pass: GPUComputePassEncoder): void {
    if (this.#settled) return;
    this.#settled = true;
    const offset = FIXED_SLOT * this.#context.buffers.stepStride;
    encodeKernels(pass, this.#kernels[this.#parity].settle, offset);
  }

  write(network: number, parameters: Float32Array): void {
    const { gpu, buffers: { layout } } = this.#context;
    for (const weight of layout.parameters.filter(({ kind }) => kind === "weight")) {
      const { texture } = this.#layers[weight.layer].weights[0];
      writeWeights(gpu, { texture, network }, { weight, parameters });
    }
    this.#parity = 0;
    this.#settled = true;
  }

  destroy(): void {
    this.#memory.destroy();
  }

  async #binder(mode: Mode, split: Split): Promise<Binder> {
    const shared = await imageResources(this.#context, mode, split);
    const slices = mode === "training" ? this.#slices : 1;
    return new Binder(this.#context, { mode, slices, shared, tile: this.#options.tile });
  }

  async #bind(binder: Binder, parity: number): Promise<StepKernels> {
    const forward = await binder.bind(this.#forward("training", parity));
    const loss = await binder.bind(this.#loss());
    const backward = await binder.bind(this.#backward(parity));
    const settle = this.#layers.map((_, i): KernelUse => {
      return ["texel_weights", i, { resources: this.#weights(i, parity) }];
    });
    return {
      step: [...forward, ...backward],
      stepWithLoss: [...forward, ...loss, ...backward],
      settle: await binder.bind(settle),
    };
  }

  /** The resources of a kernel that reads or updates a layer's weights. */
  #weights(layer: number, parity: number): Resources {
    const { weights, dw } = this.#layers[layer];
    return {
      weight_texels: weights[parity].view,
      new_weight_texels: weights[1 - parity].view,
      gradient_texels: dw.view,
      new_gradient_texels: dw.view,
    };
  }

  #forward(mode: Mode, parity: number): KernelUse[] {
    const { batchNorm } = this.#context.architecture;
    const training = mode === "training";
    const norm = training ? "texel_batch_norm_forward" : "texel_batch_norm_evaluate";
    return this.#layers.flatMap(({ s, h, normalised, inverseDeviation }, i): KernelUse[] => {
      const constants = this.#constants(i, training ? this.#slices : 1);
      const weights = this.#weights(i, parity);
      const affine: KernelUse = i === 0
        ? ["texel_input_forward", i, {
          resources: { ...weights, new_y_texels: s.view },
          constants,
        }]
        : ["texel_affine_forward", i, {
          resources: { ...weights, x_texels: this.#layers[i - 1].h?.view, new_y_texels: s.view },
          constants,
        }];
      if (!h) return [affine];
      const resources = {
        x_texels: s.view,
        new_y_texels: h.view,
        new_normalised_texels: normalised?.view,
        inverse_deviation: inverseDeviation,
      };
      return [affine, [batchNorm ? norm : "texel_relu_forward", i, { resources, constants }]];
    });
  }

  #loss(): KernelUse[] {
    const last = this.#layers.length - 1;
    const resources = { x_texels: this.#layers[last].s.view };
    return [
      ["texel_softmax_forward", last, { resources, constants: this.#constants(last) }],
      ["sum_outcomes", last],
    ];
  }

  #backward(parity: number): KernelUse[] {
    const { batchNorm } = this.#context.architecture;
    const layers = this.#layers;
    const last = layers.length - 1;
    const kernels: KernelUse[] = [["texel_softmax_backward", last, {
      resources: { x_texels: layers[last].s.view, new_dx_texels: layers[last].ds.view },
      constants: this.#constants(last),
    }]];
    for (let i = last; i >= 0; i--) {
      const { ds, h, dh, normalised, inverseDeviation } = layers[i];
      const constants = this.#constants(i);
      if (h) {
        const resources = {
          y_texels: h.view,
          dy_texels: dh?.view,
          normalised_texels: normalised?.view,
          inverse_deviation: inverseDeviation,
          new_dx_texels: ds.view,
        };
        const name = batchNorm ? "texel_batch_norm_backward" : "texel_relu_backward";
        kernels.push([name, i, { resources, constants }]);
      }
      const weights = this.#weights(i, parity);
      if (i === 0) {
        kernels.push(["texel_input_backward", i, {
          resources: { ...weights, dy_texels: ds.view },
          constants,
        }]);
        break;
      }
      const { h: x, dh: dx } = layers[i - 1];
      const own = {
        resources: { ...weights, x_texels: x?.view, dy_texels: ds.view, new_dx_texels: dx?.view },
        constants,
      };
      kernels.push(["texel_affine_backward_input", i, own]);
      kernels.push(["texel_affine_backward_weight", i, own]);
    }
    return kernels;
  }

  /** Values of the overrides; each kernel takes those that its file declares. */
  #constants(layer: number, slices = 1): Constants {
    const { buffers: { layout: { widths } }, data } = this.#context;
    return {
      INPUTS: widths[layer],
      FEATURES: widths[layer + 1],
      LAST: Number(layer === this.#layers.length - 1),
      TEXELS: data.texels,
      SLICES: layer === 0 ? slices : 1,
    };
  }
}
