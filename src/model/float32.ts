/**
 * What numbers are on the GPU, which computes with 32-bit floats.
 *
 * @module
 */

/**
 * The smallest normal float32, about 1.18e-38. Smaller ones, which are subnormal, a GPU may take for 0 (WGSL allows it to
 * flush them), so that the same program would give other results on another machine.
 */
export const MIN_FLOAT32: number = 2 ** -126;

/** The largest float32, about 3.4e38. */
export const MAX_FLOAT32: number = (2 - 2 ** -23) * 2 ** 127;

/** Checks whether a positive number is neither 0 nor subnormal nor infinite as a float32. */
export function isPositiveFloat32(value: number): boolean {
  const rounded = Math.fround(value);
  return rounded >= MIN_FLOAT32 && rounded <= MAX_FLOAT32;
}

/** Checks whether a number is 0, or as {@linkcode isPositiveFloat32} says. */
export function isFloat32From0(value: number): boolean {
  return value === 0 || isPositiveFloat32(value);
}

/** The numbers that {@linkcode isPositiveFloat32} accepts, in a sentence. */
export const FLOAT32_RANGE = "from 1.18e-38 to 3.4e38, which a GPU can compute with";
