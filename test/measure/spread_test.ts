import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import { spreadOf } from "../../src/measure/spread.ts";

Deno.test("spreadOf() gives median, minimum and maximum, whatever the order", () => {
  assertEquals(spreadOf([5, 100, 1, 20, 3]), { median: 5, min: 1, max: 100 });
  assertEquals(spreadOf([7]), { median: 7, min: 7, max: 7 });
});

Deno.test("spreadOf() takes the mean of the two middle ones of an even number", () => {
  assertEquals(spreadOf([4, 1, 9, 2]), { median: 3, min: 1, max: 9 });
});

Deno.test("spreadOf() gives NaN if a measurement is NaN", () => {
  const unknown = { median: NaN, min: NaN, max: NaN };
  for (const values of [[NaN, 1, 2], [2, NaN, 1], [1, 2, NaN]]) {
    assertEquals(spreadOf(values), unknown);
  }
});

Deno.test("spreadOf() refuses an empty list", () => {
  assertThrows(() => spreadOf([]), ArgumentError, "Cannot sum up 0 measurements");
});
