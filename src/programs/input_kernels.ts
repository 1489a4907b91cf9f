/**
 * The kernels of the first layer in the fused variants: how the product with the images is divided, backward and forward.
 *
 * The number of networks decides how many columns a workgroup takes, but neither the slices nor the order of any sum: a
 * network trains to the same bytes alone and in a population.
 *
 * @module
 */

import type { Gpu } from "../gpu/device.ts";
import { tiles, VEC4 } from "../gpu/kernel_table.ts";
import { inputSizes, laterGroups, type Sizes } from "./fused_sizes.ts";

/**
 * `single`: a workgroup works for one network. `8x8`: the columns of all networks lie side by side, in register tiles of
 * 8 × 8. `16x8`: likewise, with tiles of 16 × 8 and a dispatch of its own for the gradient.
 */
export type InputProduct = keyof typeof PRODUCTS;

/** The sizes that decide how the product is divided. */
export interface InputShape {
  readonly networks: number;
  /** Images of a batch. */
  readonly rows: number;
  /** Texels of an image. */
  readonly texels: number;
  /** `[inputs, ...hidden, classes]`. */
  readonly widths: readonly number[];
}

/** The kernels of the first layer. */
export type InputKernelName =
  | "fused_input"
  | "fused_input_both"
  | "fused_input_backward"
  | "fused_input_forward";

/** The kernels, in order; the last one computes the product of the next step. */
export interface InputKernels {
  readonly kernels: readonly (readonly [name: InputKernelName, sizes: Sizes])[];
  /** Slices of the inputs, each of whose sums is stored. */
  readonly slices: number;
}

/** Bytes of four vec4s and one that is left unused. */
const FOUR = 5 * VEC4;

/** Texels of a workgroup, backward, and the fours that it stages of each texel and column. */
const BLOCK = 32;
const FOURS = 5;

/** Texels that are staged at a time, forward. */
const CHUNK_TEXELS = 4;

/** Rows of a thread, forward. */
const ROWS_OF_THREAD = 8;

/** Maximum texels of a slice where the forward product has a dispatch of its own: 8 slices of a CIFAR-10 image. */
const MAX_SLICE = 96;

/** Threads of a workgroup and their columns; backward, also the texels of a thread. */
interface Workgroup {
  readonly threads: number;
  readonly columns: number;
}

const BOTH = { threads: 224, columns: 28, texels: 2 };
const BACKWARD = { threads: 128, columns: 32, texels: 4 };
/** The first that the device allows. */
const FORWARD: readonly Workgroup[] = [{ threads: 416, columns: 52 }, {
  threads: 224,
  columns: 28,
}];

const PRODUCTS = { single, "8x8": both, "16x8": backwardThenForward };

/**
 * Divides the first layer's product.
 *
 * @param gpu The device.
 * @param product How.
 * @param shape The sizes.
 * @returns The kernels with their overrides.
 */
export function inputKernels(gpu: Gpu, product: InputProduct, shape: InputShape): InputKernels {
  return PRODUCTS[product](gpu, shape);
}

function single(gpu: Gpu, { rows, texels, widths }: InputShape): InputKernels {
  const { slices, constants, bytes } = inputSizes(gpu, { rows, texels, outputs: widths[1] });
  const LATER = laterGroups(widths, constants.WORKGROUP);
  const sizes = { constants: { ...constants, LATER }, bytes };
  return { kernels: [["fused_input", sizes]], slices };
}

function both(_: Gpu, shape: InputShape): InputKernels {
  const backward = backwardSizes(shape, BOTH);
  const forward = forwardSizes(shape, BOTH, BLOCK);
  const STAGED = Math.max(backward.constants.STAGED, forward.constants.STAGED);
  const constants = { ...backward.constants, ...forward.constants, STAGED };
  const sizes = { constants, bytes: FOUR * STAGED + 4 * shape.rows };
  return { kernels: [["fused_input_both", sizes]], slices: forward.constants.SLICES };
}

function backwardThenForward(gpu: Gpu, shape: InputShape): InputKernels {
  const { maxComputeInvocationsPerWorkgroup } = gpu.device.limits;
  const group = FORWARD.find(({ threads }) => threads <= maxComputeInvocationsPerWorkgroup) ??
    FORWARD[1];
  const slice = tiles(shape.texels, CHUNK_TEXELS * tiles(shape.texels, MAX_SLICE)) * CHUNK_TEXELS;
  const forward = forwardSizes(shape, group, slice);
  return {
    kernels: [
      ["fused_input_backward", backwardSizes(shape, BACKWARD)],
      ["fused_input_forward", forward],
    ],
    slices: forward.constants.SLICES,
  };
}

/** An even number of columns a workgroup, with which the last workgroup has least to spare. */
function columnTileSizes({ networks, widths }: InputShape, { threads, columns }: Workgroup) {
  const all = networks * tiles(widths[1], 4);
  const COLUMNS = 2 * tiles(all, 2 * tiles(all, columns));
  return { NETWORKS: networks, COLUMNS, WORKGROUP: threads };
}

function backwardSizes(shape: InputShape, group: Workgroup & { readonly texels: number }) {
  const { rows, texels, widths } = shape;
  const columns = columnTileSizes(shape, group);
  const STAGED = FOURS * (BLOCK + columns.COLUMNS);
  const constants = {
    ...columns,
    STAGED,
    TEXELS: group.texels,
    BLOCKS: tiles(texels, BLOCK),
    LATER: laterGroups(widths, group.threads),
  };
  return { constants, bytes: FOUR * STAGED + 4 * rows };
}

function forwardSizes(shape: InputShape, group: Workgroup, slice: number) {
  const columns = columnTileSizes(shape, group);
  const mostLanes = Math.min(
    Math.floor(group.threads / 16),
    Math.floor(2 * group.threads / columns.COLUMNS),
  );
  const LANES = tiles(shape.rows, ROWS_OF_THREAD * tiles(shape.rows, ROWS_OF_THREAD * mostLanes));
  const STAGED = CHUNK_TEXELS * (2 * LANES + columns.COLUMNS);
  const SLICES = tiles(shape.texels, slice);
  const constants = { ...columns, STAGED, SLICE: slice, SLICES, LANES };
  return { constants, bytes: FOUR * STAGED };
}
