/**
 * Which file each kernel is in, what it binds and how many threads it takes.
 *
 * @module
 */

import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM } from "../model/network.ts";
import type { BindingName } from "./bindings.ts";

/** The sizes that decide how many threads a kernel takes. */
export interface Shape {
  /** Images in the batch. */
  readonly rows: number;
  /** Inputs of the layer. */
  readonly inputs: number;
  /** Outputs of the layer. */
  readonly outputs: number;
  /** Parts that the first layer's sum over the inputs is split into. */
  readonly slices: number;
  /** How much a thread does, where that depends on the variant. */
  readonly tile?: Tile;
}

/** How much a thread does of an affine map whose tensors are texels. */
export interface Tile {
  /** Rows in texels of four, forward. */
  readonly rows: number;
  /** Inputs in texels of four, backward. */
  readonly inputs: number;
  readonly outputs: number;
}

/** The tiles that there are, by the name of the text that tasks/_kit/tile.ts makes of each. */
export const TILES = {
  tile_20x10: { rows: 5, inputs: 4, outputs: 10 },
  tile_12x8: { rows: 3, inputs: 2, outputs: 8 },
} as const satisfies Record<string, Tile>;

/** The name of a tile. */
export type TileName = keyof typeof TILES;

/** Parts of a sum that is read back; `PARTS` in sums.wgsl. */
export const SUM_PARTS = 64;

/** Tiles of the first layer's kernels: rows × outputs forward, inputs × outputs backward; as in input_affine.wgsl. */
export const INPUT_TILE = { rows: 20, inputs: 16, outputs: 10 };

/** Rows and columns of a tile of the other affine kernels; `TILE` in affine.wgsl. */
const TILE = 8;

/** The overrides that have the same value in every kernel. */
export const CONSTANTS: Readonly<Record<string, number>> = {
  EPSILON: BATCH_NORM_EPSILON,
  MOMENTUM: BATCH_NORM_MOMENTUM,
};

/** What is fixed of a kernel. */
export interface Definition {
  /** The path of the shader file in shaders/, without its extension. */
  readonly file: string;
  readonly bindings: readonly BindingName[];
  /** Threads that one network takes. */
  readonly threads?: (shape: Shape) => number;
  /** Workgroups along x and y that one network takes, where a workgroup works together. */
  readonly workgroups?: (
    shape: Shape,
    constants: Readonly<Record<string, number>>,
  ) => readonly [number, number];
  /** Threads in a workgroup: few where each does much, so that there are enough workgroups to go round. */
  readonly workgroup: number;
}

const DESCENT = ["layer", "step", "networks", "parameters", "gradients"] as const;

const FUSED = [...DESCENT, "places", "arena"] as const;
const DESCENT_TEXELS = ["weight_texels", "new_weight_texels", "new_gradient_texels"] as const;

/** Every kernel by its entry point. */
export const KERNELS = {
  input_affine_forward: {
    file: "per_operation/input",
    bindings: ["layer", "step", "images", "order", "standard", "weight_texels", "slices"],
    threads: ({ rows, outputs, slices }) =>
      tiles(rows, INPUT_TILE.rows) * tiles(outputs, INPUT_TILE.outputs) * slices,
    workgroup: 16,
  },
  input_affine_backward: {
    file: "per_operation/input",
    bindings: [
      ...DESCENT,
      "images",
      "order",
      "standard",
      "gradient_texels",
      "new_weight_texels",
    ],
    threads: ({ inputs, outputs }) =>
      tiles(inputs, INPUT_TILE.inputs) * tiles(outputs, INPUT_TILE.outputs),
    workgroup: 16,
  },
  input_affine_backward_bias: {
    file: "per_operation/input",
    bindings: [...DESCENT, "dy", "new_gradient_texels"],
    threads: ({ outputs }) => outputs,
    workgroup: 8,
  },
  slice_sum: {
    file: "per_operation/slice_sum",
    bindings: ["layer", "step", "weights", "y", "slices"],
    threads: ({ rows, outputs }) => rows * outputs,
    workgroup: 64,
  },
  affine_forward: {
    file: "per_operation/affine",
    bindings: ["layer", "step", "weights", "x", "y"],
    threads: ({ rows, outputs }) => tiles(rows, TILE) * tiles(outputs, TILE),
    workgroup: 16,
  },
  affine_backward_input: {
    file: "per_operation/affine",
    bindings: ["layer", "step", "weights", "dy", "dx"],
    threads: ({ rows, inputs }) => tiles(rows, TILE) * tiles(inputs, TILE),
    workgroup: 16,
  },
  affine_backward_weight: {
    file: "per_operation/affine",
    bindings: [...DESCENT, "x", "dy"],
    threads: ({ inputs, outputs }) => tiles(inputs, TILE) * tiles(outputs, TILE),
    workgroup: 8,
  },
  affine_backward_bias: {
    file: "per_operation/affine",
    bindings: [...DESCENT, "dy"],
    threads: ({ outputs }) => outputs,
    workgroup: 8,
  },
  batch_norm_forward: {
    file: "per_operation/batch_norm",
    bindings: [
      "layer",
      "step",
      "weights",
      "statistics",
      "x",
      "y",
      "normalised",
      "inverse_deviation",
    ],
    threads: ({ outputs }) => outputs,
    workgroup: 8,
  },
  batch_norm_evaluate: {
    file: "per_operation/batch_norm",
    bindings: ["layer", "step", "weights", "statistics", "x", "y"],
    threads: ({ rows, outputs }) => rows * outputs,
    workgroup: 64,
  },
  batch_norm_backward: {
    file: "per_operation/batch_norm",
    bindings: [...DESCENT, "y", "dy", "dx", "normalised", "inverse_deviation"],
    threads: ({ outputs }) => outputs,
    workgroup: 8,
  },
  relu_forward: {
    file: "per_operation/relu",
    bindings: ["layer", "step", "x", "y"],
    threads: ({ rows, outputs }) => rows * outputs,
    workgroup: 64,
  },
  relu_backward: {
    file: "per_operation/relu",
    bindings: ["layer", "step", "y", "dy", "dx"],
    threads: ({ rows, outputs }) => rows * outputs,
    workgroup: 64,
  },
  softmax_cross_entropy_forward: {
    file: "per_operation/softmax_cross_entropy",
    bindings: ["layer", "step", "order", "labels", "x", "outcomes", "predictions"],
    threads: ({ rows }) => rows,
    workgroup: 16,
  },
  softmax_cross_entropy_backward: {
    file: "per_operation/softmax_cross_entropy",
    bindings: ["layer", "step", "order", "labels", "x", "dx", "diverged"],
    threads: ({ rows }) => rows,
    workgroup: 16,
  },
  texel_input_forward: {
    file: "texel/input",
    bindings: ["layer", "step", "images", "order", "standard", "weight_texels", "new_y_texels"],
    threads: ({ rows, outputs, slices, tile }) =>
      tiles(rows, 4 * tile!.rows) * tiles(outputs, tile!.outputs) * slices,
    workgroup: 8,
  },
  texel_input_backward: {
    file: "texel/input",
    bindings: [
      "layer",
      "step",
      "networks",
      "images",
      "order",
      "standard",
      "dy_texels",
      ...DESCENT_TEXELS,
    ],
    threads: ({ inputs, outputs, tile }) =>
      tiles(inputs, 4 * tile!.inputs) * tiles(outputs, tile!.outputs),
    workgroup: 16,
  },
  texel_affine_forward: {
    file: "texel/affine",
    bindings: ["step", "x_texels", "weight_texels", "new_y_texels"],
    threads: ({ rows, outputs, tile }) => tiles(rows, 4) * tiles(outputs, tile!.outputs),
    workgroup: 8,
  },
  texel_affine_backward_input: {
    file: "texel/affine",
    bindings: ["step", "dy_texels", "weight_texels", "new_dx_texels"],
    threads: ({ rows, inputs }) => tiles(rows, 4) * tiles(inputs, 8),
    workgroup: 8,
  },
  texel_affine_backward_weight: {
    file: "texel/affine",
    bindings: [...DESCENT, "x_texels", "dy_texels", ...DESCENT_TEXELS],
    threads: ({ inputs, outputs, tile }) => tiles(inputs, 4) * tiles(outputs, tile!.outputs),
    workgroup: 8,
  },
  texel_batch_norm_forward: {
    file: "texel/norm",
    bindings: [
      "layer",
      "step",
      "weights",
      "statistics",
      "inverse_deviation",
      "x_texels",
      "new_y_texels",
      "new_normalised_texels",
    ],
    threads: ({ outputs }) => outputs,
    workgroup: 8,
  },
  texel_batch_norm_evaluate: {
    file: "texel/norm",
    bindings: ["layer", "step", "weights", "statistics", "x_texels", "new_y_texels"],
    threads: ({ rows, outputs }) => tiles(rows, 4) * outputs,
    workgroup: 64,
  },
  texel_batch_norm_backward: {
    file: "texel/norm",
    bindings: [
      ...DESCENT,
      "inverse_deviation",
      "y_texels",
      "dy_texels",
      "normalised_texels",
      "new_dx_texels",
    ],
    threads: ({ outputs }) => outputs,
    workgroup: 8,
  },
  texel_relu_forward: {
    file: "texel/norm",
    bindings: ["layer", "step", "weights", "x_texels", "new_y_texels"],
    threads: ({ rows, outputs }) => tiles(rows, 4) * outputs,
    workgroup: 64,
  },
  texel_relu_backward: {
    file: "texel/norm",
    bindings: [...DESCENT, "y_texels", "dy_texels", "new_dx_texels"],
    threads: ({ outputs }) => outputs,
    workgroup: 8,
  },
  texel_softmax_forward: {
    file: "texel/softmax",
    bindings: [
      "layer",
      "step",
      "order",
      "labels",
      "weights",
      "outcomes",
      "predictions",
      "x_texels",
    ],
    threads: ({ rows }) => tiles(rows, 4),
    workgroup: 8,
  },
  texel_softmax_backward: {
    file: "texel/softmax",
    bindings: [
      "layer",
      "step",
      "order",
      "labels",
      "weights",
      "diverged",
      "x_texels",
      "new_dx_texels",
    ],
    threads: ({ rows }) => tiles(rows, 4),
    workgroup: 8,
  },
  texel_weights: {
    file: "texel/weights",
    bindings: ["layer", "step", "parameters", "gradients", "weight_texels", "gradient_texels"],
    threads: ({ inputs, outputs }) => tiles(inputs, 4) * outputs,
    workgroup: 64,
  },
  tiled_input_forward: {
    file: "tiled/input",
    bindings: ["layer", "step", "images", "order", "standard", "weights", "y"],
    workgroups: ({ rows, outputs }) => [tiles(rows, 64), tiles(outputs, 64)],
    workgroup: 256,
  },
  tiled_input_backward: {
    file: "tiled/input",
    bindings: [...DESCENT, "images", "order", "standard", "dy"],
    workgroups: ({ inputs, outputs }) => [tiles(inputs, 64), tiles(outputs, 64)],
    workgroup: 256,
  },
  tiled_affine_forward: {
    file: "tiled/affine",
    bindings: ["layer", "step", "weights", "x", "y"],
    workgroups: ({ rows, outputs }) => [tiles(rows, 64), tiles(outputs, 64)],
    workgroup: 256,
  },
  tiled_affine_backward_input: {
    file: "tiled/affine",
    bindings: ["layer", "step", "weights", "dy", "dx"],
    workgroups: ({ rows, inputs }) => [tiles(rows, 64), tiles(inputs, 64)],
    workgroup: 256,
  },
  tiled_affine_backward_weight: {
    file: "tiled/affine",
    bindings: [...DESCENT, "x", "dy"],
    workgroups: ({ inputs, outputs }) => [tiles(inputs, 64), tiles(outputs, 64)],
    workgroup: 256,
  },
  fused_input: {
    file: "fused/input",
    bindings: [...FUSED, "images", "order", "standard", "slices"],
    workgroups: ({ inputs, outputs }, { SLICE }) => [tiles(inputs, 4 * SLICE), tiles(outputs, 64)],
    workgroup: 256,
  },
  fused_norm: {
    file: "fused/norm",
    bindings: [...FUSED, "statistics", "slices"],
    workgroups: ({ outputs }) => [tiles(outputs, 4), 1],
    workgroup: 256,
  },
  fused_tail: {
    file: "fused/tail",
    bindings: [...FUSED, "order", "labels", "statistics", "y", "diverged"],
    workgroups: () => [1, 1],
    workgroup: 256,
  },
  sum_outcomes: {
    file: "shared/sums",
    bindings: ["layer", "step", "outcomes", "sums"],
    threads: () => SUM_PARTS,
    workgroup: SUM_PARTS,
  },
  sum_squares: {
    file: "shared/sums",
    bindings: ["layer", "step", "weights", "sums"],
    threads: () => SUM_PARTS,
    workgroup: SUM_PARTS,
  },
} as const satisfies Record<string, Definition>;

/** The name of a kernel: its entry point. */
export type KernelName = keyof typeof KERNELS;

/** How many tiles of a size cover a length. */
export function tiles(length: number, size: number): number {
  return Math.ceil(length / size);
}
