import { assertEquals, assertStringIncludes } from "@std/assert";
import { verticalAxis } from "../src/figures/chart.ts";
import { maximum, minimum } from "../src/lists.ts";
import { logAxis } from "../src/figures/log_axis.ts";
import { sensitivityFigure } from "../src/figures/sensitivity.ts";
import { alignColumns } from "../tasks/_kit/table.ts";

/** More values than can be arguments of a function. */
const MANY = 130_000;

Deno.test("maximum() and minimum() find the extremes of more values than a call can have", () => {
  const values = Array.from({ length: MANY }, (_, i) => (7919 * i) % MANY - 5);
  assertEquals(maximum(values), MANY - 6);
  assertEquals(minimum(values), -5);
});

Deno.test("maximum() and minimum() treat NaN and nothing as Math.max() and Math.min() do", () => {
  for (const values of [[], [NaN], [1, NaN], [NaN, 1], [-0, 0], [3, -Infinity, 2]]) {
    assertEquals(maximum(values), Math.max(...values));
    assertEquals(minimum(values), Math.min(...values));
  }
});

Deno.test("figures and tables are made of more values than a call can have", async () => {
  const values = Array.from({ length: MANY }, (_, i) => 1 + i);
  const axis = verticalAxis(values, { title: "Times", zero: true, logAbove: 10 });
  assertEquals(axis.scale, { type: "log", domain: [1, 1e6], nice: false });
  assertEquals(logAxis(values, { title: "Times" }).scale.domain, [1, 1e6]);
  assertEquals(alignColumns(values.map((value) => [String(value)])).length, MANY);
  const rows = values.map((step) => (
    { sigma: "he", batchNorm: false, step, trainingLoss: 2.3 - step * 1e-6 }
  ));
  // As after a study with an evaluation at every step.
  const svg = await sensitivityFigure(rows, { title: "Study", dataSet: "synthetic" });
  assertStringIncludes(svg, `after ${MANY} steps`);
});
