/**
 * The kernel variants: ways to run a step that come to the same but for rounding. Which is the fastest depends on the
 * adapter and on the shape.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import type { PopulationShape } from "../model/shape.ts";
import { Fused, type FusedOptions } from "./fused.ts";
import { PerOperation } from "./per_operation.ts";
import type { Program, ProgramContext } from "./program.ts";
import { type TexelOptions, TexelProgram } from "./texel.ts";
import { Tiled } from "./tiled.ts";

/** A variant. */
interface Variant {
  /** Whether it can run this shape on this device. */
  fits(gpu: Gpu, shape: PopulationShape): boolean;
  /** Takes its memory and binds its kernels. */
  create(context: ProgramContext): Promise<Program>;
}

/**
 * All of them, by name. `fused-INPUTS-THREADS`: inputs that a workgroup of `fused_input` does, threads of `fused_tail`.
 * `texel-ROWSxOUTPUTS`: a thread's tile; with `-sliced` behind it the sum over the inputs is split into twice as many parts.
 */
const TABLE: Readonly<Record<string, Variant>> = {
  "fused-32-256": fused({ slice: 8, threads: 256 }),
  "fused-32-1024": fused({ slice: 8, threads: 1024 }),
  "fused-16-256": fused({ slice: 4, threads: 256 }),
  "tiled": { fits: () => true, create: (context) => Tiled.create(context) },
  "texel-20x10": texel({ tile: "tile_20x10", threads: 100 }),
  "texel-20x10-sliced": texel({ tile: "tile_20x10", threads: 200 }),
  "texel-12x8": texel({ tile: "tile_12x8", threads: 200 }),
  "per-operation": {
    // The first layer's weights and output gradients are textures.
    fits: (gpu, shape) => {
      const { hidden, classes } = shape.architecture;
      return texturesFit(gpu, shape, hidden[0] ?? classes);
    },
    create: (context) => PerOperation.create(context),
  },
};

/** What a software driver should try: barriers make the others many times slower there. */
const SOFTWARE = /^texel|^per-operation/;

/** What hardware should try, and in this order, where no fused variant fits: by what an H100 took (docs/performance.md). */
const WITHOUT_FUSED = ["texel-12x8", "tiled", "per-operation"];

function fused(options: FusedOptions): Variant {
  return {
    fits: (gpu, shape) => Fused.fits(gpu, shape, options),
    create: (context) => Fused.create(context, options),
  };
}

/** A variant whose tensors are textures. */
function texel(options: TexelOptions): Variant {
  return {
    fits: (gpu, shape) => {
      const { hidden, classes } = shape.architecture;
      return hidden.length > 0 && texturesFit(gpu, shape, Math.max(...hidden, classes));
    },
    create: (context) => TexelProgram.create(context, options),
  };
}

/** Whether textures as wide as a layer, with a row for four images and a layer for each network, are not too large. */
function texturesFit({ device: { limits } }: Gpu, shape: PopulationShape, width: number): boolean {
  return shape.networks <= limits.maxTextureArrayLayers &&
    Math.max(width, Math.ceil(shape.batch / 4)) <= limits.maxTextureDimension2D;
}

/** The names of all variants. */
export const VARIANTS: readonly string[] = Object.keys(TABLE);

/**
 * Checks the name of a variant.
 *
 * @param name Its name, or undefined to leave the choice open.
 * @returns The same.
 * @throws {ArgumentError} If there is no such variant.
 */
export function checkVariant(name: string | undefined): string | undefined {
  if (name === undefined || VARIANTS.includes(name)) return name;
  throw new ArgumentError(
    `There is no kernel variant ${JSON.stringify(name)}, expected ${VARIANTS.join(" or ")}`,
  );
}

/**
 * Chooses a variant without measuring.
 *
 * @param gpu The device.
 * @param shape What is to be trained.
 * @returns The name of one that fits.
 */
export function defaultVariant(gpu: Gpu, shape: PopulationShape): string {
  return candidates(gpu, shape)[0];
}

/**
 * Lists the variants that are worth trying for a shape, the most promising first: those made for the kind of adapter in
 * hand, hardware or software, or where none of them can run the shape, the others.
 *
 * @param gpu The device.
 * @param shape What is to be trained.
 * @param options `without`: variants to leave out, such as those that were found to compute something else.
 * @returns Their names; at least one unless all were left out.
 */
export function candidates(
  gpu: Gpu,
  shape: PopulationShape,
  options: { readonly without?: readonly string[] } = {},
): string[] {
  const { without = [] } = options;
  const fitting = VARIANTS.filter((name) =>
    !without.includes(name) && TABLE[name].fits(gpu, shape)
  );
  let suited = fitting.filter((name) => SOFTWARE.test(name) === gpu.adapter.software);
  if (!gpu.adapter.software && !suited.some((name) => name.startsWith("fused"))) {
    suited = WITHOUT_FUSED.filter((name) => fitting.includes(name));
  }
  return suited.length > 0 ? suited : fitting;
}

/**
 * Tells whether a variant can run a shape, worth trying or not.
 *
 * @param name The variant.
 * @param gpu The device.
 * @param shape What is to be trained.
 * @returns Whether it can.
 */
export function variantFits(name: string, gpu: Gpu, shape: PopulationShape): boolean {
  return TABLE[name].fits(gpu, shape);
}

/**
 * Makes the program of a variant.
 *
 * @param name The variant.
 * @param context What to bind it to.
 * @returns The program.
 * @throws {ArgumentError} If there is no such variant, it cannot run this shape, or the adapter cannot hold it.
 */
export async function createProgram(name: string, context: ProgramContext): Promise<Program> {
  checkVariant(name);
  if (!variantFits(name, context.gpu, context)) {
    throw new ArgumentError(`The kernel variant ${name} cannot run this shape on this adapter`);
  }
  return await TABLE[name].create(context);
}
