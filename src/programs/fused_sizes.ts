/**
 * The overrides of the fused kernels: how work is divided among threads, from the shape and the limits of the device.
 *
 * They do not depend on the number of networks, so that a network trains to the same bytes alone and in a population.
 *
 * @module
 */

import type { Gpu } from "../gpu/device.ts";
import { tiles, VEC4 } from "../gpu/kernel_table.ts";
import type { Constants } from "../gpu/kernels.ts";

/** Slices that a thread of `fused_norm` adds in one turn of its loop. */
const SLICES_AT_ONCE = 12;

/** Columns of a tensor that a thread of the column kernels reads in one turn of its loop. */
const COLUMNS_AT_ONCE = 4;

/** Maximum parts that a sum is divided into. */
const MAX_PARTS = 8;

/** Rows, or lanes of threads, whose sums are added first. */
const ROWS_OF_GROUP = 10;
const LANES_OF_GROUP = 5;

/** Texels of four inputs in a slice of `fused_input`. */
const SLICE = 8;

/** Maximum columns of a workgroup of `fused_input`, and the minimum, so that it can stage 20 rows. */
const MAX_COLUMNS = 16;
const MIN_COLUMNS = 3;

/** Rows of a batch that `fused_input` stages are a multiple of this: four parts of whole fives. */
const STAGED_MULTIPLE = 20;

/** Overrides of a kernel, and the workgroup memory that they come to, in bytes. */
export interface Sizes {
  readonly constants: Constants & { readonly WORKGROUP: number };
  readonly bytes: number;
}

/** Whether a device can run a kernel. */
export function sizesFit({ device: { limits } }: Gpu, { constants, bytes }: Sizes): boolean {
  return constants.WORKGROUP <= limits.maxComputeInvocationsPerWorkgroup &&
    constants.WORKGROUP <= limits.maxComputeWorkgroupSizeX &&
    bytes <= limits.maxComputeWorkgroupStorageSize;
}

/**
 * Divides a kernel whose workgroup computes a column of four features.
 *
 * @param gpu The device.
 * @param rows Rows of a batch.
 * @param work `turns`: turns of the loop that adds up a row's terms if one thread does; `tile`: further vec4s of memory.
 * @returns The overrides.
 */
export function columnSizes(
  { device: { limits } }: Gpu,
  rows: number,
  { turns, tile = 0 }: { turns: number; tile?: number },
): Sizes {
  const threads = Math.min(
    limits.maxComputeInvocationsPerWorkgroup,
    limits.maxComputeWorkgroupSizeX,
  );
  const PARTS = Math.min(MAX_PARTS, turns);
  const WORKGROUP = PARTS * Math.min(rows, Math.floor(threads / PARTS));
  const vectors = WORKGROUP + 2 * rows + 2 * tiles(rows, ROWS_OF_GROUP) + tile;
  // An array has at least one element, whether or not a kernel uses it.
  return { constants: { PARTS, WORKGROUP, TILE: Math.max(1, tile) }, bytes: VEC4 * vectors };
}

/** Divides `fused_norm`. */
export function normSizes(gpu: Gpu, rows: number, slices: number): Sizes {
  return columnSizes(gpu, rows, { turns: tiles(slices, SLICES_AT_ONCE) });
}

/** Divides `fused_forward` and `fused_backward`, which sum over a layer of a width. */
export function productSizes(gpu: Gpu, rows: number, width: number): Sizes {
  return columnSizes(gpu, rows, { turns: tiles(tiles(width, 4), COLUMNS_AT_ONCE) });
}

/** Divides `fused_loss`; the logits are in workgroup memory. */
export function lossSizes(gpu: Gpu, rows: number, classes: number): Sizes {
  const columns = tiles(classes, 4);
  const { constants, bytes } = columnSizes(gpu, rows, { turns: columns, tile: columns * rows });
  // A row is computed by one thread, so there are no parts in memory.
  return { constants: { ...constants, PARTS: 1 }, bytes: bytes - VEC4 * constants.WORKGROUP };
}

/** Divides `fused_tail`: four rows a thread, and a layer's weights in four reads of every thread. */
export function tailSizes(rows: number, widths: readonly number[]): Sizes {
  const { constants, bytes } = blockSizes(rows, widths.slice(1));
  return { constants, bytes: bytes + VEC4 * constants.COLUMNS * (widths.length - 2) };
}

/** Divides `fused_pair`, in which the last hidden layer and the output layer pass through workgroup memory. */
export function pairSizes(rows: number, widths: readonly number[]): Sizes {
  const { constants, bytes } = blockSizes(rows, widths.slice(-2));
  return { constants, bytes: bytes + VEC4 * 4 * constants.COLUMNS };
}

/** Divides a kernel whose workgroup holds layers of some widths, and the weights between each and the next. */
function blockSizes(rows: number, widths: readonly number[]) {
  const columns = widths.map((width) => tiles(width, 4));
  const COLUMNS = Math.max(...columns);
  const STAGED = Math.max(...columns.slice(1).map((width, i) => 4 * columns[i] * width));
  const lanes = tiles(rows, 4);
  const WORKGROUP = 32 * tiles(Math.max(lanes * COLUMNS, tiles(STAGED, 4), rows), 32);
  const TILE = COLUMNS * Math.max(rows, 2 * (lanes + tiles(lanes, LANES_OF_GROUP)));
  return {
    constants: { COLUMNS, STAGED, WORKGROUP, TILE },
    bytes: VEC4 * (TILE + STAGED),
  };
}

/**
 * Divides `fused_input`: as many rows at a time as fit into workgroup memory.
 *
 * @param gpu The device.
 * @param shape Rows of a batch, texels of an image and outputs of the first layer.
 * @returns The overrides.
 */
export function inputSizes(
  { device: { limits } }: Gpu,
  { rows, texels, outputs }: { rows: number; texels: number; outputs: number },
): Sizes & { readonly slices: number } {
  const width = tiles(outputs, 4);
  const vectors = Math.floor(limits.maxComputeWorkgroupStorageSize / VEC4);
  // Beside the weights of a column lie the sums of three parts, at least.
  const mostColumns = Math.min(
    MAX_COLUMNS,
    Math.floor(limits.maxComputeInvocationsPerWorkgroup / (4 * SLICE)),
    Math.floor(vectors / (4 * 4 * SLICE)),
  );
  const COLUMNS = Math.max(MIN_COLUMNS, tiles(width, tiles(width, mostColumns)));
  const weights = 4 * SLICE * COLUMNS;
  const free = vectors - weights;
  const mostRows = Math.min(8 * COLUMNS, 16 * SLICE, Math.floor(free / (SLICE + 1 + COLUMNS)));
  const STAGED_ROWS = STAGED_MULTIPLE * Math.max(
    1,
    Math.min(Math.floor(mostRows / STAGED_MULTIPLE), tiles(rows, STAGED_MULTIPLE)),
  );
  const STAGED = Math.max(STAGED_ROWS * (SLICE + 1 + COLUMNS), 3 * weights);
  const slices = tiles(texels, SLICE);
  return {
    constants: { SLICE, COLUMNS, STAGED_ROWS, STAGED, SLICES: slices, WORKGROUP: weights },
    bytes: VEC4 * (STAGED + weights),
    slices,
  };
}

/** Workgroups of a number of threads that update all parameters but the first layer's weights. */
export function laterGroups(widths: readonly number[], threads: number): number {
  return widths.slice(1).reduce((sum, outputs, layer) => {
    const depth = layer === 0 ? 0 : tiles(widths[layer], 4);
    return sum + tiles((depth + 1) * tiles(outputs, 4), threads);
  }, 0);
}
