import { assertEquals } from "@std/assert";
import type { MetricRow } from "../../../src/model/metrics.ts";
import { bestOf } from "../../../tasks/_run/training_run.ts";

/** An evaluation with a training loss and a validation accuracy. */
function row(loss: number, accuracy: number): MetricRow {
  const evaluation = { loss, cost: loss, accuracy };
  return { step: 1, epoch: 0, eta: 0.1, training: evaluation, validation: evaluation };
}

Deno.test("bestOf() finds the highest validation accuracy, of equal ones the first", () => {
  assertEquals(bestOf([row(2, 0.3), row(1, 0.5), row(1, 0.5), row(0.5, 0.4)]), 1);
});

Deno.test("bestOf() takes a network that diverged only when all have", () => {
  assertEquals(bestOf([row(NaN, 0.9), row(Infinity, 0.8), row(2, 0)]), 2);
  assertEquals(bestOf([row(NaN, 0.1), row(NaN, 0.2)]), 0);
  assertEquals(bestOf([row(1, NaN), row(2, 0.1)]), 1);
});
