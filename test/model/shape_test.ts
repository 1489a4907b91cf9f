import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import { checkShape, type PopulationShape, shapeOf } from "../../src/model/shape.ts";

const ARCHITECTURE = { inputs: 12, hidden: [5], classes: 3, batchNorm: true };

Deno.test("shapeOf() takes the number of inputs and classes from the data", () => {
  const plan = { hidden: [5], batchNorm: true, networks: 2, batch: 20 };
  const shape = shapeOf(plan, { inputs: 12, classes: 3 });
  assertEquals(shape, { architecture: ARCHITECTURE, networks: 2, batch: 20 });
});

Deno.test("checkShape() accepts the smallest and the largest shape, and nothing beyond", () => {
  const shape: PopulationShape = { architecture: ARCHITECTURE, networks: 1, batch: 2 };
  const limits = { images: 60, networks: 8 };
  checkShape(shape, limits);
  checkShape({ ...shape, networks: 8, batch: 60 }, limits);
  checkShape({ ...shape, architecture: { ...ARCHITECTURE, batchNorm: false }, batch: 1 }, limits);
  checkShape({ ...shape, architecture: { ...ARCHITECTURE, hidden: [] }, batch: 1 }, limits);
  const refused: [Partial<PopulationShape>, string][] = [
    [{ networks: 0 }, "a population of 0 networks, expected at least 1"],
    [{ networks: 9 }, "a population of 9 networks, expected at most 8 on this adapter"],
    [{ batch: 61 }, "in batches of 61: expected 1 to 60"],
    [{ batch: 0 }, "in batches of 0: expected 1 to 60"],
    [{ batch: 2.5 }, "in batches of 2.5: expected 1 to 60"],
    [{ batch: 1 }, "one image has no variance, expected at least 2"],
  ];
  for (const [change, message] of refused) {
    assertThrows(() => checkShape({ ...shape, ...change }, limits), ArgumentError, message);
  }
});
