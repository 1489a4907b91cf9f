import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import { findCliffs, SCALING_SIZES, scalingPlan } from "../../src/measure/scaling.ts";

/** Costs at the sizes 1, 2, 4, 8, … */
function doubling(costs: readonly number[]) {
  return costs.map((cost, i) => ({ size: 2 ** i, cost }));
}

/** The cliffs with one digit after the point. */
function cliffsOf(costs: readonly number[]): (string | null)[] {
  return findCliffs(doubling(costs)).map((times) => times?.toFixed(1) ?? null);
}

Deno.test("scalingPlan() changes one thing along each axis", () => {
  const base = { hidden: [50, 50], batchNorm: true, batch: 100, networks: 1 };
  assertEquals(scalingPlan("batch", 400), { ...base, batch: 400 });
  assertEquals(scalingPlan("width", 1024), { ...base, hidden: [1024, 1024] });
  assertEquals(scalingPlan("depth", 2), { ...base, hidden: [50] });
  assertEquals(scalingPlan("depth", 4), { ...base, hidden: [50, 50, 50] });
  assertEquals(scalingPlan("networks", 64), { ...base, networks: 64 });
});

Deno.test("all axes go through the same point", () => {
  const base = scalingPlan("batch", 100);
  for (const [axis, size] of [["width", 50], ["depth", 3], ["networks", 1]] as const) {
    assertEquals(scalingPlan(axis, size), base);
    assertEquals(SCALING_SIZES[axis].includes(size), true);
  }
});

Deno.test("findCliffs() finds none where costs grow evenly, flatten out or take off", () => {
  const none = Array.from({ length: 8 }, () => null);
  for (const power of [0, 0.5, 1, 2]) {
    assertEquals(cliffsOf(none.map((_, i) => 3 * 2 ** (power * i))), none, `power ${power}`);
    // A constant cost of every step.
    for (const fixed of [0.1, 1, 10, 100, 1000]) {
      const costs = none.map((_, i) => fixed + 2 ** (power * i));
      assertEquals(cliffsOf(costs), none, `power ${power} and ${fixed}`);
    }
  }
});

Deno.test("findCliffs() finds a peak, and says how high", () => {
  const even = [1, 2, 4, 8, 16, 32];
  for (const i of even.keys()) {
    const costs = even.map((cost, j) => i === j ? 2.5 * cost : cost);
    assertEquals(cliffsOf(costs), even.map((_, j) => i === j ? "2.5" : null), `size ${2 ** i}`);
    const less = even.map((cost, j) => i === j ? 1.9 * cost : cost);
    assertEquals(cliffsOf(less), even.map(() => null));
  }
});

Deno.test("findCliffs() does not take the neighbours of a cheap size for cliffs", () => {
  assertEquals(cliffsOf([1, 2, 4, 8 / 1.9, 16, 32]), [null, null, null, null, null, null]);
});

Deno.test("findCliffs() finds a jump after which costs stay up, at the first size after it", () => {
  assertEquals(cliffsOf([1, 2, 4, 24, 48, 96]), [null, null, null, "3.0", null, null]);
  assertEquals(cliffsOf([1, 2, 12, 24, 48, 96]), [null, null, "3.0", null, null, null]);
  assertEquals(cliffsOf([1, 1, 1, 1, 3, 3]), [null, null, null, null, "3.0", null]);
  assertEquals(cliffsOf([1, 2, 4, 8, 16, 96]), [null, null, null, null, null, "3.0"]);
  // The square root of the jump is over twice, too: it is named by the jump.
  assertEquals(cliffsOf([1, 2, 4, 80, 160, 320])[3], "10.0");
});

Deno.test("findCliffs() finds several peaks", () => {
  assertEquals(cliffsOf([3, 2, 4, 24, 16, 32]), ["3.0", null, null, "3.0", null, null]);
});

Deno.test("findCliffs() goes by the distances of sizes on a logarithmic axis", () => {
  // In proportion, 100 is expected to cost 100; half way between the costs of 50 and 800 would be 425.
  const costs = [[50, 50], [100, 250], [800, 800], [1600, 1600]];
  const [, second] = findCliffs(costs.map(([size, cost]) => ({ size, cost })));
  assertAlmostEquals(second!, 2.5, 1e-12);
});

Deno.test("findCliffs() says nothing where there are no two neighbours", () => {
  assertEquals(cliffsOf([]), []);
  assertEquals(cliffsOf([5]), [null]);
  assertEquals(cliffsOf([1, 1000]), [null, null]);
  assertEquals(cliffsOf([1, 2, 400]), [null, null, "100.0"]);
});

Deno.test("findCliffs() refuses sizes and costs that are not positive", () => {
  const one = { size: 1, cost: 1 };
  for (const value of [0, -1, NaN, Infinity]) {
    for (const key of ["size", "cost"]) {
      assertThrows(
        () => findCliffs([{ ...one, [key]: value }]),
        ArgumentError,
        `${key} is ${value}, expected a positive number`,
      );
    }
  }
  assertThrows(() => findCliffs([one, one]), ArgumentError, "size 1 follows 1");
});
