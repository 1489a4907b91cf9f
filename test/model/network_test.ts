import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import { type Architecture, isCancelledBias, layout } from "../../src/model/network.ts";

const threeLayers: Architecture = { inputs: 3072, hidden: [50, 50], classes: 10, batchNorm: true };
const linear: Architecture = { inputs: 3, hidden: [], classes: 2, batchNorm: false };

Deno.test("layout() puts weights, biases, gammas and betas in order when batch norm is on", () => {
  const { widths, parameters, weights, count, statistics, statisticCount } = layout(threeLayers);

  assertEquals(widths, [3072, 50, 50, 10]);
  assertEquals(
    parameters.map(({ name, kind, layer, offset, size }) => [name, kind, layer, offset, size]),
    [
      ["W1", "weight", 0, 0, 153600],
      ["W2", "weight", 1, 153600, 2500],
      ["W3", "weight", 2, 156100, 500],
      ["b1", "bias", 0, 156600, 50],
      ["b2", "bias", 1, 156650, 50],
      ["b3", "bias", 2, 156700, 10],
      ["gamma1", "gamma", 0, 156710, 50],
      ["gamma2", "gamma", 1, 156760, 50],
      ["beta1", "beta", 0, 156810, 50],
      ["beta2", "beta", 1, 156860, 50],
    ],
  );
  assertEquals(parameters[0].shape, [3072, 50]);
  assertEquals(parameters[5].shape, [10]);
  assertEquals(weights, 156600);
  assertEquals(count, 156910);
  assertEquals(
    statistics.map(({ name, kind, layer, offset, size }) => [name, kind, layer, offset, size]),
    [
      ["mean1", "mean", 0, 0, 50],
      ["var1", "variance", 0, 50, 50],
      ["mean2", "mean", 1, 100, 50],
      ["var2", "variance", 1, 150, 50],
    ],
  );
  assertEquals(statisticCount, 200);
});

Deno.test("layout() has neither gammas, betas nor statistics when batch norm is off", () => {
  const { parameters, count, statistics, statisticCount } = layout({
    ...threeLayers,
    batchNorm: false,
  });

  assertEquals(parameters.map(({ name }) => name), ["W1", "W2", "W3", "b1", "b2", "b3"]);
  assertEquals(count, 156710);
  assertEquals(statistics, []);
  assertEquals(statisticCount, 0);
});

Deno.test("layout() is a linear classifier when there is no hidden layer", () => {
  const { widths, parameters, count } = layout(linear);

  assertEquals(widths, [3, 2]);
  assertEquals(parameters.map(({ name }) => name), ["W1", "b1"]);
  assertEquals(count, 8);
});

Deno.test("layout() names the size when it is not allowed", () => {
  for (const width of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(() => layout({ ...linear, inputs: width }), ArgumentError, `inputs is ${width}`);
    assertThrows(() => layout({ ...linear, hidden: [4, width] }), ArgumentError, "hidden[1]");
  }
  assertThrows(() => layout({ ...linear, classes: 1 }), ArgumentError, "at least 2");
});

Deno.test("isCancelledBias() is true when batch norm follows the bias", () => {
  function cancelled(architecture: Architecture): string[] {
    const { parameters } = layout(architecture);
    return parameters.filter((parameter) => isCancelledBias(architecture, parameter))
      .map(({ name }) => name);
  }

  assertEquals(cancelled(threeLayers), ["b1", "b2"]);
  assertEquals(cancelled({ ...threeLayers, batchNorm: false }), []);
});
