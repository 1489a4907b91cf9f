import { assertEquals } from "@std/assert";
import {
  isFloat32From0,
  isPositiveFloat32,
  MAX_FLOAT32,
  MIN_FLOAT32,
} from "../../src/model/float32.ts";

Deno.test("MIN_FLOAT32 and MAX_FLOAT32 are the ends of the normal float32, by their bits", () => {
  const bits = new Uint32Array(Float32Array.of(MIN_FLOAT32, MAX_FLOAT32).buffer);
  assertEquals([...bits], [0x00800000, 0x7f7fffff]);
});

Deno.test("isPositiveFloat32() accepts what a GPU neither takes for 0 nor for infinity", () => {
  for (const value of [1e-5, MIN_FLOAT32, 1.1754944e-38, MAX_FLOAT32, 3.4028235e38]) {
    assertEquals([isPositiveFloat32(value), isFloat32From0(value)], [true, true], `${value}`);
  }
  for (const value of [1e-50, 1e-40, 1.1754e-38, 3.403e38, Infinity, -1, NaN]) {
    assertEquals([isPositiveFloat32(value), isFloat32From0(value)], [false, false], `${value}`);
  }
  assertEquals([isPositiveFloat32(0), isFloat32From0(0), isFloat32From0(-0)], [false, true, true]);
});
