/**
 * Which file each kernel is in, what it binds and how many threads it takes.
 *
 * @module
 */

import { BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM } from "../model/network.ts";
import type { BindingName } from "./bindings.ts";
import { FORWARD, GRADIENTS, UPDATE } from "./structs.ts";

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

/** All tiles, by the name of their generated files in shaders/. */
export const TILES = {
  tile_20x10: { rows: 5, inputs: 4, outputs: 10 },
  tile_12x8: { rows: 3, inputs: 2, outputs: 8 },
} as const satisfies Record<string, Tile>;

/** The name of a tile. */
export type TileName = keyof typeof TILES;

/** The tile of the first layer's kernels in per_operation/. */
export const INPUT_TILE = "tile_20x10";

/** Bytes of a vec4 of float32. */
export const VEC4 = 16;

/** Parts of a sum that is read back. */
export const SUM_PARTS = 64;

/** Layers that the fused variants have room for: their places are an array in a uniform buffer, whose length is fixed. */
export const FUSED_MAX_LAYERS = 32;

/** The overrides that have the same value in every kernel. The shaders say what they mean. */
export const CONSTANTS = {
  EPSILON: BATCH_NORM_EPSILON,
  MOMENTUM: BATCH_NORM_MOMENTUM,
  SUM_PARTS,
  TILE: 8,
  INPUT_TEXELS: 2,
  TILED_ROWS: 128,
  TILED_COLUMNS: 64,
  TILED_FEATURES: 8,
  UPDATE,
  FORWARD,
  GRADIENTS,
} as const;

const { TILE, TILED_ROWS, TILED_COLUMNS, TILED_FEATURES } = CONSTANTS;

/** A kernel in the table. */
export interface Definition {
  /** The path of the shader file in shaders/, without its extension. */
  readonly file: string;
  /** The tile that the kernel always works in. */
  readonly tile?: TileName;
  readonly bindings: readonly BindingName[];
  /** Threads that one network takes. */
  readonly threads?: (shape: Shape, constants: Readonly<Record<string, number>>) => number;
  /** Workgroups along x and y that one network takes, where a workgroup works together; or that all of them take. */
  readonly workgroups?: (
    shape: Shape,
    constants: Readonly<Record<string, number>>,
  ) => readonly [number, number];
  /** Whether a workgroup may work for several networks. */
  readonly allNetworks?: true;
  /** Threads in a workgroup: few where each does much, so that there are enough workgroups to occupy the device. */
  readonly workgroup: number;
}

// What several kernels bind.
const STEP = ["layer", "step"] as const;
const IMAGES = ["images", "order", "standard"] as const;
const LABELS = ["order", "labels"] as const;
const DESCENT = [...STEP, "networks", "parameters", "gradients"] as const;
const DESCENT_TEXELS = ["weight_texels", "new_weight_texels", "new_gradient_texels"] as const;
const FUSED = [...STEP, "places", "arena", "packed"] as const;
const EVALUATION = [...STEP, "places", "packed", "statistics", "activations"] as const;

/** Every kernel by its entry point. */
export const KERNELS = {
  input_affine_forward: {
    file: "per_operation/input",
    tile: INPUT_TILE,
    bindings: [...STEP, ...IMAGES, "weight_texels", "slices"],
    threads: ({ rows, outputs, slices, tile }) =>
      tiles(rows, 4 * tile!.rows) * tiles(outputs, tile!.outputs) * slices,
    workgroup: 16,
  },
  input_affine_backward: {
    file: "per_operation/input",
    tile: INPUT_TILE,
    bindings: [...DESCENT, ...IMAGES, "gradient_texels", "new_weight_texels"],
    threads: ({ inputs, outputs, tile }) =>
      tiles(inputs, 4 * tile!.inputs) * tiles(outputs, tile!.outputs),
    workgroup: 16,
  },
  input_affine_backward_bias: {
    file: "per_operation/input",
    tile: INPUT_TILE,
    bindings: [...DESCENT, "dy", "new_gradient_texels"],
    threads: ({ outputs }) => outputs,
    workgroup: 8,
  },
  slice_sum: {
    file: "per_operation/slice_sum",
    bindings: [...STEP, "weights", "y", "slices"],
    threads: ({ rows, outputs }) => rows * outputs,
    workgroup: 64,
  },
  affine_forward: {
    file: "per_operation/affine",
    bindings: [...STEP, "weights", "x", "y"],
    threads: ({ rows, outputs }) => tiles(rows, TILE) * tiles(outputs, TILE),
    workgroup: 16,
  },
  affine_backward_input: {
    file: "per_operation/affine",
    bindings: [...STEP, "weights", "dy", "dx"],
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
    bindings: [...STEP, "weights", "statistics", "x", "y", "normalised", "inverse_deviation"],
    threads: ({ outputs }) => outputs,
    workgroup: 8,
  },
  batch_norm_evaluate: {
    file: "per_operation/batch_norm",
    bindings: [...STEP, "weights", "statistics", "x", "y"],
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
    bindings: [...STEP, "x", "y"],
    threads: ({ rows, outputs }) => rows * outputs,
    workgroup: 64,
  },
  relu_backward: {
    file: "per_operation/relu",
    bindings: [...STEP, "y", "dy", "dx"],
    threads: ({ rows, outputs }) => rows * outputs,
    workgroup: 64,
  },
  softmax_cross_entropy_forward: {
    file: "per_operation/softmax_cross_entropy",
    bindings: [...STEP, ...LABELS, "x", "outcomes", "predictions"],
    threads: ({ rows }) => rows,
    workgroup: 16,
  },
  softmax_cross_entropy_backward: {
    file: "per_operation/softmax_cross_entropy",
    bindings: [...STEP, ...LABELS, "x", "dx", "diverged"],
    threads: ({ rows }) => rows,
    workgroup: 16,
  },
  texel_input_forward: {
    file: "texel/input",
    bindings: [...STEP, ...IMAGES, "weight_texels", "new_y_texels"],
    threads: ({ rows, outputs, slices, tile }) =>
      tiles(rows, 4 * tile!.rows) * tiles(outputs, tile!.outputs) * slices,
    workgroup: 8,
  },
  texel_input_backward: {
    file: "texel/input",
    bindings: [...STEP, "networks", ...IMAGES, "dy_texels", ...DESCENT_TEXELS],
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
    threads: ({ rows, inputs }) => tiles(rows, 4) * tiles(inputs, 4 * CONSTANTS.INPUT_TEXELS),
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
      ...STEP,
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
    bindings: [...STEP, "weights", "statistics", "x_texels", "new_y_texels"],
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
    bindings: [...STEP, "weights", "x_texels", "new_y_texels"],
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
    bindings: [...STEP, ...LABELS, "weights", "outcomes", "predictions", "x_texels"],
    threads: ({ rows }) => tiles(rows, 4),
    workgroup: 8,
  },
  texel_softmax_backward: {
    file: "texel/softmax",
    bindings: [...STEP, ...LABELS, "weights", "diverged", "x_texels", "new_dx_texels"],
    threads: ({ rows }) => tiles(rows, 4),
    workgroup: 8,
  },
  texel_weights: {
    file: "texel/weights",
    bindings: [...STEP, "parameters", "gradients", "weight_texels", "gradient_texels"],
    threads: ({ inputs, outputs }) => tiles(inputs, 4) * outputs,
    workgroup: 64,
  },
  tiled_input_forward: {
    file: "tiled/input",
    bindings: [...STEP, ...IMAGES, "weights", "product"],
    workgroups: ({ rows, outputs }, { PARTS }) => tiledGrid(rows, outputs, PARTS),
    workgroup: 128,
  },
  tiled_input_backward: {
    file: "tiled/input",
    bindings: [...DESCENT, ...IMAGES, "dy", "product"],
    workgroups: ({ inputs, outputs }, { PARTS }) => tiledGrid(inputs, outputs, PARTS),
    workgroup: 128,
  },
  tiled_affine_forward: {
    file: "tiled/affine",
    bindings: [...STEP, "weights", "x", "product"],
    workgroups: ({ rows, outputs }, { PARTS }) => tiledGrid(rows, outputs, PARTS),
    workgroup: 128,
  },
  tiled_affine_backward_input: {
    file: "tiled/affine",
    bindings: [...STEP, "weights", "dy", "product"],
    workgroups: ({ rows, inputs }, { PARTS }) => tiledGrid(rows, inputs, PARTS),
    workgroup: 128,
  },
  tiled_affine_backward_weight: {
    file: "tiled/affine",
    bindings: [...DESCENT, "x", "dy", "product"],
    workgroups: ({ inputs, outputs }, { PARTS }) => tiledGrid(inputs, outputs, PARTS),
    workgroup: 128,
  },
  tiled_parts_outputs: {
    file: "tiled/parts",
    bindings: [...STEP, "y", "product"],
    threads: ({ rows, outputs }) => rows * outputs,
    workgroup: 128,
  },
  tiled_parts_inputs: {
    file: "tiled/parts",
    bindings: [...STEP, "dx", "product"],
    threads: ({ rows, inputs }) => rows * inputs,
    workgroup: 128,
  },
  tiled_parts_weights: {
    file: "tiled/parts",
    bindings: [...DESCENT, "product"],
    threads: ({ inputs, outputs }) => (inputs + 1) * outputs,
    workgroup: 128,
  },
  tiled_batch_norm_forward: {
    file: "tiled/norm",
    bindings: [...STEP, "weights", "statistics", "x", "y", "normalised", "inverse_deviation"],
    workgroups: ({ outputs }) => [tiles(outputs, TILED_FEATURES), 1],
    workgroup: 256,
  },
  tiled_batch_norm_backward: {
    file: "tiled/norm",
    bindings: [...DESCENT, "y", "dy", "dx", "normalised", "inverse_deviation"],
    workgroups: ({ outputs }) => [tiles(outputs, TILED_FEATURES), 1],
    workgroup: 256,
  },
  fused_norm: {
    file: "fused/norm",
    bindings: [...FUSED, "slices"],
    workgroups: ({ outputs }) => [tiles(outputs, 4), 1],
    workgroup: 256,
  },
  fused_forward: {
    file: "fused/norm",
    bindings: FUSED,
    workgroups: ({ outputs }) => [tiles(outputs, 4), 1],
    workgroup: 256,
  },
  fused_loss: {
    file: "fused/loss",
    bindings: [...FUSED, ...LABELS, "y", "diverged"],
    workgroups: ({ outputs }) => [tiles(outputs, 4), 1],
    workgroup: 256,
  },
  fused_backward: {
    file: "fused/loss",
    bindings: FUSED,
    workgroups: ({ outputs }) => [tiles(outputs, 4), 1],
    workgroup: 256,
  },
  fused_pair: {
    file: "fused/pair",
    bindings: [...FUSED, ...LABELS, "y", "diverged"],
    workgroups: ({ outputs }) => [tiles(outputs, 4), 1],
    workgroup: 256,
  },
  fused_tail: {
    file: "fused/tail",
    bindings: [...FUSED, ...LABELS, "y", "diverged"],
    workgroups: () => [1, 1],
    workgroup: 256,
  },
  fused_input: {
    file: "fused/input",
    bindings: [...FUSED, "networks", "gradients", "statistics", ...IMAGES, "slices"],
    workgroups: ({ outputs }, { SLICES, COLUMNS, LATER }) => [
      SLICES + LATER,
      tiles(outputs, 4 * COLUMNS),
    ],
    workgroup: 256,
  },
  fused_input_backward: {
    file: "fused/input_backward",
    bindings: [...FUSED, "networks", "gradients", "statistics", ...IMAGES],
    workgroups: sideBySide,
    allNetworks: true,
    workgroup: 128,
  },
  fused_input_forward: {
    file: "fused/input_forward",
    bindings: [...STEP, "packed", "places", ...IMAGES, "slices"],
    workgroups: ({ outputs }, constants) => [constants.SLICES, columnTiles(outputs, constants)],
    allNetworks: true,
    workgroup: 224,
  },
  fused_input_both: {
    file: "fused/input_both",
    bindings: [...FUSED, "networks", "gradients", "statistics", ...IMAGES, "slices"],
    workgroups: sideBySide,
    allNetworks: true,
    workgroup: 224,
  },
  fused_evaluate_input: {
    file: "fused/evaluate_input",
    bindings: [...EVALUATION, "images", "standard"],
    workgroups: ({ rows, outputs }, { LANES, COLUMNS }) => [
      tiles(rows, 8 * LANES),
      tiles(outputs, 4 * COLUMNS),
    ],
    workgroup: 256,
  },
  fused_evaluate_rest: {
    file: "fused/evaluate_rest",
    bindings: [...EVALUATION, "labels", "outcomes", "predictions"],
    workgroups: ({ rows }, { WORKGROUP }) => [tiles(rows, WORKGROUP), 1],
    workgroup: 64,
  },
  fused_unpack: {
    file: "fused/unpack",
    bindings: [...FUSED, "parameters"],
    threads: (_, constants) => constants.PACKED,
    workgroup: 64,
  },
  sum_outcomes: {
    file: "shared/sums",
    bindings: [...STEP, "outcomes", "sums"],
    threads: () => SUM_PARTS,
    workgroup: SUM_PARTS,
  },
  sum_squares: {
    file: "shared/sums",
    bindings: [...STEP, "weights", "sums"],
    threads: () => SUM_PARTS,
    workgroup: SUM_PARTS,
  },
} as const satisfies Record<string, Definition>;

/** The name of a kernel: its entry point. */
export type KernelName = keyof typeof KERNELS;

/** Tiles of COLUMNS columns, where those of all networks lie side by side. */
function columnTiles(outputs: number, { NETWORKS, COLUMNS }: Readonly<Record<string, number>>) {
  return tiles(NETWORKS * tiles(outputs, 4), COLUMNS);
}

/** A workgroup for each block of texels and tile of columns, and behind them those of the other parameters. */
function sideBySide(
  { outputs }: Shape,
  constants: Readonly<Record<string, number>>,
): readonly [number, number] {
  const { NETWORKS, BLOCKS, LATER } = constants;
  return [BLOCKS, columnTiles(outputs, constants) + tiles(NETWORKS * LATER, BLOCKS)];
}

/** Workgroups of a product of `tiled` with this many rows and columns, whose depth is split into parts. */
function tiledGrid(rows: number, columns: number, parts: number): readonly [number, number] {
  return [tiles(columns, TILED_COLUMNS), tiles(rows, TILED_ROWS) * parts];
}

/** Returns how many tiles of a size cover a length. */
export function tiles(length: number, size: number): number {
  return Math.ceil(length / size);
}
