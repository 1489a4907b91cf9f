/**
 * The kernel variants: ways to run a step whose results differ only by rounding. Which is fastest depends on the adapter
 * and on the shape.
 *
 * @module
 */

import { ArgumentError, shown } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import type { PopulationShape } from "../model/shape.ts";
import { FUSED } from "./fused.ts";
import { PER_OPERATION } from "./per_operation.ts";
import type { Program, ProgramContext, Purpose, Variant } from "./program.ts";
import { TEXEL } from "./texel.ts";
import { TILED } from "./tiled.ts";

/** All variants; where ranks are equal, the first is tried first. */
const LIST: readonly Variant[] = [...FUSED, TILED, ...TEXEL, PER_OPERATION];

const ANY = { min: 1, max: Infinity };

/** The names of all variants. */
export const VARIANTS: readonly string[] = LIST.map(({ name }) => name);

/**
 * Checks the name of a variant.
 *
 * @param name Its name, or undefined to leave the choice open.
 * @returns The name as given.
 * @throws {ArgumentError} If there is no such variant.
 */
export function checkVariant(name: string | undefined): string | undefined {
  if (name !== undefined) find(name);
  return name;
}

/**
 * Chooses a variant without measuring.
 *
 * @param gpu The device.
 * @param shape What is to be trained.
 * @returns The name of one that fits.
 *
 * @example A variant for a small network
 * ```ts
 * import { Gpu } from "@headless/mlp";
 * import { defaultVariant, variantFits } from "@headless/mlp/measure";
 * import { assert } from "@std/assert";
 *
 * using gpu = await Gpu.request();
 * const architecture = { inputs: 2, hidden: [4], classes: 2, batchNorm: true };
 * const shape = { architecture, networks: 1, batch: 10 };
 * const variant = defaultVariant(gpu, shape);
 *
 * assert(variantFits(variant, gpu, shape));
 * ```
 */
export function defaultVariant(gpu: Gpu, shape: PopulationShape): string {
  return candidates(gpu, shape)[0];
}

/**
 * Lists the variants that are worth trying for a shape, the most promising first: those made for the adapter's
 * kind, hardware or software, and for that number of networks, or all others if none of those can run the
 * shape.
 *
 * @param gpu The device.
 * @param shape What is to be trained.
 * @param options `without`: variants to leave out, such as those that failed their checks.
 * @returns Their names; at least one unless all were left out.
 *
 * @example The variants for a small network, and those that are left without the first
 * ```ts
 * import { Gpu } from "@headless/mlp";
 * import { candidates } from "@headless/mlp/measure";
 * import { assertEquals } from "@std/assert";
 *
 * using gpu = await Gpu.request();
 * const architecture = { inputs: 2, hidden: [4], classes: 2, batchNorm: true };
 * const shape = { architecture, networks: 1, batch: 10 };
 * const [first, ...others] = candidates(gpu, shape);
 *
 * assertEquals(candidates(gpu, shape, { without: [first] })[0], others[0]);
 * ```
 */
export function candidates(
  gpu: Gpu,
  shape: PopulationShape,
  options: { readonly without?: readonly string[] } = {},
): string[] {
  const { without = [] } = options;
  const left = LIST.filter(({ name }) => !without.includes(name));
  const fitting = left.filter(({ fits }) => fits(gpu, shape));
  // What no variant can run is refused where its memory is allocated, with a sentence that says how much it takes.
  if (fitting.length === 0) return left.map(({ name }) => name);
  const small: Purpose = fitting.some(({ rank }) => rank.small === 1) ? "small" : "large";
  const purpose = gpu.adapter.software ? "software" : small;
  const suited = fitting.filter(({ rank, networks: { min, max } = ANY }) =>
    rank[purpose] !== undefined && min <= shape.networks && shape.networks <= max
  ).sort((a, b) => a.rank[purpose]! - b.rank[purpose]!);
  return (suited.length > 0 ? suited : fitting).map(({ name }) => name);
}

/**
 * Returns whether a variant can run a shape, whether or not it is worth trying.
 *
 * @param name The variant.
 * @param gpu The device.
 * @param shape What is to be trained.
 * @returns Whether it can.
 * @throws {ArgumentError} If there is no such variant.
 *
 * @example One that runs any shape that the adapter can hold
 * ```ts
 * import { Gpu } from "@headless/mlp";
 * import { variantFits } from "@headless/mlp/measure";
 * import { assert } from "@std/assert";
 *
 * using gpu = await Gpu.request();
 * const architecture = { inputs: 2, hidden: [4], classes: 2, batchNorm: true };
 * const shape = { architecture, networks: 1, batch: 10 };
 * assert(variantFits("per-operation", gpu, shape));
 * ```
 */
export function variantFits(name: string, gpu: Gpu, shape: PopulationShape): boolean {
  return find(name).fits(gpu, shape);
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
  const variant = find(name);
  if (!variant.fits(context.gpu, context)) {
    throw new ArgumentError(`The kernel variant ${name} cannot run this shape on this adapter`);
  }
  return await variant.create(context);
}

function find(name: string): Variant {
  const variant = LIST.find((variant) => variant.name === name);
  if (variant) return variant;
  throw new ArgumentError(
    `There is no kernel variant ${shown(name)}, expected ${VARIANTS.join(" or ")}`,
  );
}
