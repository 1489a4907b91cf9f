/**
 * The plain variant: one kernel for each operation, every tensor in a buffer but the first layer's weights and output
 * gradients. Read it first; the others are tested against the same reference.
 *
 * @module
 */

import { INPUT_TILE, TILES, tiles } from "../gpu/kernel_table.ts";
import { Memory } from "../gpu/memory.ts";
import { BufferProgram } from "./buffer_program.ts";
import type { ForwardProducts, Products } from "./layers.ts";
import type { KernelContext, ProgramContext, Variant } from "./program.ts";
import { texturesFit, writeWeights } from "./weight_texels.ts";

/** Minimum number of threads that the first layer's product should take. */
const INPUT_THREADS = 200;

/** The variant. */
export const PER_OPERATION: Variant = {
  name: "per-operation",
  rank: { software: 1, large: 3 },
  // The first layer's weights and output gradients are textures.
  fits: (gpu, shape) => {
    const { hidden, classes } = shape.architecture;
    return texturesFit(gpu, shape, hidden[0] ?? classes);
  },
  create: (context) =>
    Memory.hold(
      context.gpu,
      (memory) => BufferProgram.create(context, memory, takeProducts(context, memory)),
    ),
};

/** Allocates memory for the plain products; those of the first layer use textures. */
function takeProducts(context: ProgramContext, memory: Memory): Products {
  const { buffers: { layout: { widths } }, networks: P, batch, data } = context;
  const slices = slicesOf(batch, widths[1], data.texels);
  const forward = takeForwardProducts(context, memory, slices);
  const rows = tiles(batch, 4);
  const gradients = memory.texels("first layer's output gradients", [widths[1], rows, P]);
  return {
    ...forward,
    shared: {
      ...forward.shared,
      gradient_texels: gradients.view,
      new_gradient_texels: gradients.view,
    },
    affineBackward: (layer, resources) =>
      layer === 0
        ? [
          // The bias first: its kernel also lays the gradients out for that of the weights.
          ["input_affine_backward_bias", layer, { resources }],
          ["input_affine_backward", layer, { resources }],
        ]
        : [
          // The gradient of the input first: it needs the weights before their update.
          ["affine_backward_input", layer, { resources }],
          ["affine_backward_weight", layer, { resources }],
          ["affine_backward_bias", layer, { resources }],
        ],
  };
}

/**
 * Allocates memory for the plain forward products.
 *
 * @param context The sizes.
 * @param memory The owner of the memory.
 * @param slices Parts that the first layer's sum over the inputs is split into in training.
 * @returns The products; `write` copies parameters to where the kernels read them.
 */
export function takeForwardProducts(
  context: KernelContext,
  memory: Memory,
  slices: number,
): ForwardProducts & Required<Pick<Products, "write">> {
  const { gpu, buffers, networks: P, batch, data } = context;
  const { layout: { widths, parameters: [weight] }, evaluationRows } = buffers;
  const sliceRows = Math.max(slices * batch, evaluationRows);
  const sums = memory.buffer("partial sums", P * sliceRows * widths[1]);
  const weights = memory.texels("first layer's weights", [widths[1], data.texels, P]);
  return {
    slices,
    shared: {
      slices: sums,
      weight_texels: weights.view,
      new_weight_texels: weights.view,
    },
    affine: (layer, { x, y }) =>
      layer === 0
        ? [["input_affine_forward", layer], ["slice_sum", layer, { resources: { y } }]]
        : [["affine_forward", layer, { resources: { x, y } }]],
    write: (network, parameters) =>
      writeWeights(gpu, { texture: weights.texture, network }, { weight, parameters }),
  };
}

/**
 * Parts of the first layer's sum over the inputs, enough to give a small batch many threads. They do not depend on the
 * number of networks, so that a network trains to the same bytes alone and in a population.
 */
function slicesOf(rows: number, outputs: number, texels: number): number {
  const tile = TILES[INPUT_TILE];
  const threads = tiles(rows, 4 * tile.rows) * tiles(outputs, tile.outputs);
  return Math.max(1, Math.min(tiles(INPUT_THREADS, threads), Math.floor(texels / 8)));
}
