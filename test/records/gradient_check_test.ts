import { assertEquals } from "@std/assert";
import { GRADIENT_CHECK_CSV } from "../../src/records/gradient_check.ts";
import type { GradientCheckRow } from "../../src/train/gradient_check.ts";

Deno.test("GRADIENT_CHECK_CSV.decode() returns what encode() was given", () => {
  const rows: GradientCheckRow[] = [
    {
      parameter: "W1",
      published: 2.39e-4,
      fivePoint: 1e-9,
      forward: 2e-4,
      gpuNorm: 3e-7,
      leftOut: 2,
      entries: 500,
    },
    {
      parameter: "b1",
      published: null,
      fivePoint: NaN,
      forward: NaN,
      gpuNorm: 0,
      leftOut: 0,
      entries: 50,
    },
  ];
  const text = GRADIENT_CHECK_CSV.encode(rows);
  assertEquals(
    text,
    "parameter,published,five_point,forward,gpu_norm,left_out,entries\n" +
      "W1,0.000239,1e-9,0.0002,3e-7,2,500\n" +
      "b1,,NaN,NaN,0,0,50\n",
  );
  assertEquals(GRADIENT_CHECK_CSV.decode(text, { name: "gradient_check.csv" }), rows);
});
