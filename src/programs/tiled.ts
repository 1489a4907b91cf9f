/**
 * The variant for wide layers on GPUs: one kernel for each operation, the products tiled in workgroup memory. Its forward
 * kernels also evaluate for the fused variants where the kernels of their own do not fit.
 *
 * @module
 */

import { Memory } from "../gpu/memory.ts";
import type { KernelUse } from "./binder.ts";
import { BufferProgram } from "./buffer_program.ts";
import type { Products } from "./layers.ts";
import type { Variant } from "./program.ts";

/** Products tiled in workgroup memory. */
export const TILED_PRODUCTS: Products = {
  affine: (layer, resources) => [
    [layer === 0 ? "tiled_input_forward" : "tiled_affine_forward", layer, { resources }],
  ],
  affineBackward: (layer, resources) => {
    const products: KernelUse[] = layer === 0 ? [["tiled_input_backward", layer, { resources }]] : [
      // The gradient of the input first: it needs the weights before their update.
      ["tiled_affine_backward_input", layer, { resources }],
      ["tiled_affine_backward_weight", layer, { resources }],
    ];
    return [...products, ["affine_backward_bias", layer, { resources }]];
  },
};

/** The variant. */
export const TILED: Variant = {
  name: "tiled",
  rank: { small: 2, large: 2 },
  fits: () => true,
  create: (context) =>
    Memory.hold(
      context.gpu,
      (memory) => BufferProgram.create(context, memory, TILED_PRODUCTS),
    ),
};
