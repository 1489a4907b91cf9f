import { assertAlmostEquals, assertEquals } from "@std/assert";

/** An array of float64. */
export function f64(...values: number[]): Float64Array {
  return new Float64Array(values);
}

/** Asserts that values agree to a relative 1e-10. */
export function assertNear(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  message = "",
): void {
  assertEquals(actual.length, expected.length, message);
  for (let i = 0; i < expected.length; i++) {
    assertAlmostEquals(actual[i], expected[i], 1e-10 * Math.abs(expected[i]), `${message}[${i}]`);
  }
}
