/**
 * The evaluation of the fused variants: the first layer of many images as one product, then all other layers with a
 * thread for each image.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import { tiles, VEC4 } from "../gpu/kernel_table.ts";
import type { Constants, Resources } from "../gpu/kernels.ts";
import type { Memory } from "../gpu/memory.ts";
import { Binder, imageResources } from "./binder.ts";
import { prepareEvaluation } from "./buffer_program.ts";
import { type Sizes, sizesFit } from "./fused_sizes.ts";
import { encodeKernels } from "./kernel_steps.ts";
import { BufferLayers } from "./layers.ts";
import type { EncodeChunk, ProgramContext } from "./program.ts";
import { TILED_PRODUCTS } from "./tiled.ts";

/** Threads of `fused_evaluate_input` for a column to try, the most first. */
const LANES = [16, 8];

/** Images that each of them computes. */
const IMAGES = 8;

/** Maximum columns of a workgroup. */
const MAX_COLUMNS = 16;

/** Texels of four inputs that are staged at a time; how many of them, and of columns of weights, a thread stages at most. */
const CHUNK = 8;
const TEXELS_OF_THREAD = 5;
const COLUMNS_OF_THREAD = 2;

/** Threads of `fused_evaluate_rest` to try, the most first. */
const THREADS = [128, 64, 32];

/** Prepares the evaluation of a part of the data set. */
export type PrepareEvaluation = (split: Split) => Promise<EncodeChunk>;

/**
 * Allocates the memory of an evaluation: for the kernels made for it, or where they do not fit, for those of `tiled`.
 *
 * @param context What the kernels are bound to.
 * @param memory The owner of the memory, which must be ready before the evaluation is prepared.
 * @param options `resources`: `places` and `packed`; `constants`: overrides of all fused kernels.
 * @returns Prepares evaluations in that memory.
 */
export function allocateEvaluation(
  context: ProgramContext,
  memory: Memory,
  { resources, constants }: { resources: Resources; constants: Constants },
): PrepareEvaluation {
  const { gpu, buffers: { layout: { widths }, evaluationRows, stepStride }, networks } = context;
  const input = evaluateInputSizes(gpu, widths[1]);
  const rest = evaluateRestSizes(gpu, widths);
  if (!input || !rest) {
    const parts = {
      layers: new BufferLayers(context, memory, "evaluation"),
      products: TILED_PRODUCTS,
    };
    return (split) => prepareEvaluation(context, split, parts);
  }
  const columns = tiles(widths[1], 4);
  const activations = memory.buffer(
    "activations of an evaluation",
    4 * networks * columns * evaluationRows,
  );
  return async (split) => {
    const images = await imageResources(context, "evaluation", split);
    const shared = { ...resources, ...images, activations };
    const kernels = await new Binder(context, { mode: "evaluation", shared }).bind([
      ["fused_evaluate_input", 0, { constants: { ...constants, ...input.constants } }],
      ["fused_evaluate_rest", widths.length - 2, {
        constants: { ...constants, ...rest.constants },
      }],
      ["sum_outcomes", widths.length - 2],
    ]);
    return (pass, slot) => encodeKernels(pass, kernels, slot * stepStride);
  };
}

/**
 * Divides `fused_evaluate_input`: as many images a workgroup as fit into its memory.
 *
 * @param gpu The device.
 * @param outputs Outputs of the first layer.
 * @returns The overrides, or undefined if none fit.
 */
export function evaluateInputSizes(gpu: Gpu, outputs: number): Sizes | undefined {
  const width = tiles(outputs, 4);
  const COLUMNS = tiles(width, tiles(width, MAX_COLUMNS));
  const weights = 4 * CHUNK * COLUMNS;
  return LANES.map((LANES): Sizes => {
    const images = IMAGES * LANES;
    const threads = Math.max(
      LANES * COLUMNS,
      CHUNK * tiles(images, TEXELS_OF_THREAD),
      tiles(weights, COLUMNS_OF_THREAD),
    );
    const WORKGROUP = 32 * tiles(threads, 32);
    const bytes = VEC4 * (images * (CHUNK + 1) + weights);
    return { constants: { LANES, COLUMNS, CHUNK, WORKGROUP }, bytes };
  }).find((sizes) => sizesFit(gpu, sizes));
}

/**
 * Divides `fused_evaluate_rest`: as many threads as their activations fit into workgroup memory.
 *
 * @param gpu The device.
 * @param widths `[inputs, ...hidden, classes]`.
 * @returns The overrides, or undefined if the layers are too wide.
 */
export function evaluateRestSizes(gpu: Gpu, widths: readonly number[]): Sizes | undefined {
  const columns = widths.slice(1).map((width) => tiles(width, 4));
  const DEPTH = Math.max(...columns.slice(0, -1));
  const ODD = Math.max(...columns.filter((_, i) => i % 2 === 0));
  const EVEN = Math.max(...columns.filter((_, i) => i % 2 === 1));
  return THREADS.map((WORKGROUP): Sizes => {
    // Of the four columns whose weights are staged, there are four vectors each beside.
    const vectors = (ODD + EVEN) * WORKGROUP + 16 * DEPTH + 16;
    return { constants: { DEPTH, ODD, EVEN, WORKGROUP }, bytes: VEC4 * vectors };
  }).find((sizes) => sizesFit(gpu, sizes));
}
