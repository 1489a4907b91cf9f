import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import { eta, phase, totalSteps } from "../../src/model/schedule.ts";

const cycle = { etaMin: 1e-5, etaMax: 1e-1, halfCycle: 2250 };

Deno.test("phase() rises for half a cycle and falls for the other half", () => {
  const table = Float32Array.from({ length: 17 }, (_, step) => phase(step, 4));

  const once = [0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25];
  assertEquals([...table], [...once, ...once, 0]);
});

Deno.test("phase() alternates when half a cycle is one step", () => {
  assertEquals([0, 1, 2, 3].map((step) => phase(step, 1)), [0, 1, 0, 1]);
});

Deno.test("eta() is exactly etaMin and etaMax at the ends of each half cycle", () => {
  assertEquals([0, 2250, 4500, 6750, 9000].map((step) => eta(step, cycle)), [
    1e-5,
    1e-1,
    1e-5,
    1e-1,
    1e-5,
  ]);
});

Deno.test("eta() is linear in between", () => {
  const slope = (1e-1 - 1e-5) / 2250;

  assertAlmostEquals(eta(1, cycle), 1e-5 + slope, 1e-15);
  assertAlmostEquals(eta(1125, cycle), 0.050005, 1e-15);
  assertAlmostEquals(eta(2251, cycle), 1e-1 - slope, 1e-15);
  assertAlmostEquals(eta(4499, cycle), 1e-5 + slope, 1e-15);
  assertAlmostEquals(eta(4501, cycle), 1e-5 + slope, 1e-15);
});

Deno.test("eta() is constant when the range is a point", () => {
  const constant = { etaMin: 0.25, etaMax: 0.25, halfCycle: 2 };

  assertEquals([0, 1, 2, 3, 4].map((step) => eta(step, constant)), [0.25, 0.25, 0.25, 0.25, 0.25]);
});

Deno.test("totalSteps() is two half cycles for each cycle", () => {
  assertEquals(totalSteps(cycle, 2), 9000);
  assertEquals(totalSteps({ ...cycle, halfCycle: 900 }, 2), 3600);
  assertEquals(totalSteps({ ...cycle, halfCycle: 3 }, 0.5), 3);
});

Deno.test("totalSteps() refuses cycles that are not a whole number of steps", () => {
  for (const cycles of [0, -1, NaN, Infinity, 0.3]) {
    assertThrows(() => totalSteps({ ...cycle, halfCycle: 3 }, cycles), ArgumentError, `${cycles}`);
  }
  for (const halfCycle of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(() => totalSteps({ ...cycle, halfCycle }, 2), ArgumentError, "halfCycle");
  }
});

Deno.test("totalSteps() refuses a range that is upside down or negative, or not one of float32", () => {
  const ranges = [[1, 0.1], [-1, 1], [NaN, 1], [0, NaN], [0, Infinity], [1e-50, 1], [1e-40, 1], [
    0,
    1e39,
  ]];
  for (const [etaMin, etaMax] of ranges) {
    assertThrows(() => totalSteps({ ...cycle, etaMin, etaMax }, 2), ArgumentError, "etaMin");
  }
});
