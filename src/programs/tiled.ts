/**
 * The variant for wide layers on GPUs: one kernel for each operation, the products tiled in workgroup memory. Its forward
 * kernels also evaluate for the fused variants where the kernels of their own do not fit.
 *
 * @module
 */

import type { Gpu } from "../gpu/device.ts";
import { CONSTANTS, tiles } from "../gpu/kernel_table.ts";
import { Memory } from "../gpu/memory.ts";
import { layout } from "../model/network.ts";
import type { PopulationShape } from "../model/shape.ts";
import type { KernelUse } from "./binder.ts";
import { BufferProgram } from "./buffer_program.ts";
import type { ForwardProducts, Products } from "./layers.ts";
import type { ProgramContext, Variant } from "./program.ts";

/**
 * Workgroups that a product should have: three for each of the 132 multiprocessors of an H100, where 1000 × 3072 × 1024
 * in 384 takes two thirds of the time it takes in 128 (docs/performance.md).
 */
const WORKGROUPS = 396;

/** Minimum depth of a part: four stages, fewer than which cost more to begin and to add up than they save. */
const MIN_DEPTH = 64;

/** The variant. */
export const TILED: Variant = {
  name: "tiled",
  rank: { small: 2, large: 1 },
  fits,
  create: (context) =>
    Memory.hold(
      context.gpu,
      (memory) => BufferProgram.create(context, memory, takeProducts(context, memory)),
    ),
};

/** The affine maps of an evaluation, which has rows enough to occupy a device without splitting the depth. */
export const TILED_PRODUCTS: ForwardProducts = {
  affine: (layer, { x, y }) => [
    [forwardKernel(layer), layer, { resources: { x, product: y }, constants: { PARTS: 1 } }],
  ],
};

function forwardKernel(layer: number): "tiled_input_forward" | "tiled_affine_forward" {
  return layer === 0 ? "tiled_input_forward" : "tiled_affine_forward";
}

/** The parts that the depth of each product of a layer is split into. */
interface Parts {
  readonly forward: number;
  /** Of the gradient of the input; the first layer has none. */
  readonly input: number;
  readonly weight: number;
}

/** How the products of a layer are split. */
interface Split {
  readonly parts: Parts;
  /** Values that the parts of its largest product take for one network; 1 if none is split, as a binding is never empty. */
  readonly values: number;
}

/** How the products of a step are split. */
function split(widths: readonly number[], rows: number): Split[] {
  return widths.slice(1).map((outputs, layer) => {
    const inputs = widths[layer];
    const parts = {
      forward: partsOf({ rows, columns: outputs, depth: inputs }),
      input: layer === 0 ? 1 : partsOf({ rows, columns: inputs, depth: outputs }),
      weight: partsOf({ rows: inputs, columns: outputs, depth: rows }),
    };
    const sizes = [
      [parts.forward, rows * outputs],
      [parts.input, rows * inputs],
      [parts.weight, (inputs + 1) * outputs], // Those of the weights hold the biases' gradients, too.
    ];
    return {
      parts,
      values: Math.max(1, ...sizes.map(([count, size]) => count > 1 ? count * size : 0)),
    };
  });
}

/**
 * Parts that the depth of a product is split into. They do not depend on the number of networks, so that a network trains
 * to the same bytes alone and in a population.
 */
function partsOf(
  { rows, columns, depth }: { rows: number; columns: number; depth: number },
): number {
  const { TILED_ROWS, TILED_COLUMNS } = CONSTANTS;
  const grid = tiles(rows, TILED_ROWS) * tiles(columns, TILED_COLUMNS);
  return Math.max(1, Math.min(Math.floor(WORKGROUPS / grid), Math.floor(depth / MIN_DEPTH)));
}

/** Values of the parts of one network's products: those of one product at a time. */
function partValues(widths: readonly number[], rows: number): number {
  return Math.max(...split(widths, rows).map(({ values }) => values));
}

/** Whether the parts fit into one binding. */
function fits({ device: { limits } }: Gpu, shape: PopulationShape): boolean {
  const { architecture, networks, batch } = shape;
  const bytes = 4 * networks * partValues(layout(architecture).widths, batch);
  return bytes <= Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
}

/** Allocates memory for the parts of products. */
function takeProducts(context: ProgramContext, memory: Memory): Products {
  const { buffers: { layout: { widths } }, networks: P, batch } = context;
  const layers = split(widths, batch);
  const product = memory.buffer("parts of products", P * partValues(widths, batch));
  return {
    norm: { forward: "tiled_batch_norm_forward", backward: "tiled_batch_norm_backward" },
    affine(layer, { x, y }, mode) {
      const PARTS = layers[layer].parts.forward;
      if (mode === "evaluation" || PARTS === 1) return TILED_PRODUCTS.affine(layer, { x, y }, mode);
      const constants = { PARTS };
      return [
        [forwardKernel(layer), layer, { resources: { x, product }, constants }],
        ["tiled_parts_outputs", layer, { resources: { y, product }, constants }],
      ];
    },
    affineBackward(layer, { x, dy, dx }) {
      const { parts } = layers[layer];
      // The gradient of the input first: it needs the weights before their update.
      const input = dx ? backwardInput(layer, { dy, dx }, { product, parts: parts.input }) : [];
      const constants = { PARTS: parts.weight };
      const name = layer === 0 ? "tiled_input_backward" : "tiled_affine_backward_weight";
      const weight: KernelUse[] = [[name, layer, { resources: { x, dy, product }, constants }]];
      if (parts.weight > 1) {
        weight.push(["tiled_parts_weights", layer, { resources: { product }, constants }]);
      }
      return [...input, ...weight];
    },
  };
}

function backwardInput(
  layer: number,
  { dy, dx }: { dy?: GPUBuffer; dx: GPUBuffer },
  { product, parts }: { product: GPUBuffer; parts: number },
): KernelUse[] {
  const constants = { PARTS: parts };
  const name = "tiled_affine_backward_input";
  if (parts === 1) return [[name, layer, { resources: { dy, product: dx }, constants }]];
  return [
    [name, layer, { resources: { dy, product }, constants }],
    ["tiled_parts_inputs", layer, { resources: { dx, product }, constants }],
  ];
}
