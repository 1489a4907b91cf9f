import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import {
  type Architecture,
  type Initialisation,
  initialise,
  initialStatistics,
  isCancelledBias,
  layout,
} from "../../src/model/network.ts";
import { Random } from "../../src/model/random.ts";

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

Deno.test("initialise() gives the same bytes when seed and identity are the same", () => {
  const options = { seed: 1, identity: "3-layer" };
  const once = initialise(threeLayers, options);

  assertEquals(once, initialise(threeLayers, options));
  assertNotEquals(once, initialise(threeLayers, { ...options, seed: 2 }));
  assertNotEquals(once, initialise(threeLayers, { ...options, identity: "other" }));
});

Deno.test("initialise() fills the weights row by row from the network's own stream", () => {
  const architecture = { inputs: 2, hidden: [3], classes: 2, batchNorm: false };
  const parameters = initialise(architecture, { seed: 7, identity: 4, initialisation: 0.5 });

  const random = new Random(7, "weights", 4);
  const expected = new Float32Array(12);
  for (let i = 0; i < 12; i++) expected[i] = 0.5 * random.normal();
  assertEquals(parameters.subarray(0, 12), expected);
});

Deno.test("initialise() draws with the standard deviation that was asked for", () => {
  function check(initialisation: Initialisation | undefined, deviations: readonly number[]): void {
    const vector = initialise(threeLayers, { seed: 1, identity: 0, initialisation });
    deviations.forEach((deviation, layer) => {
      const { offset, size } = layout(threeLayers).parameters[layer];
      const weights = vector.subarray(offset, offset + size);
      const mean = weights.reduce((sum, w) => sum + w, 0) / size;
      const variance = weights.reduce((sum, w) => sum + (w - mean) ** 2, 0) / size;
      // Four standard errors of a mean and of a standard deviation of that many normals.
      assertAlmostEquals(mean, 0, 4 * deviation / Math.sqrt(size));
      assertAlmostEquals(Math.sqrt(variance), deviation, 4 * deviation / Math.sqrt(2 * size));
    });
  }

  check(undefined, [Math.sqrt(2 / 3072), 0.2, 0.2]);
  check("he", [Math.sqrt(2 / 3072), 0.2, 0.2]);
  check("xavier", [Math.sqrt(1 / 3072), Math.sqrt(0.02), Math.sqrt(0.02)]);
  check(1e-3, [1e-3, 1e-3, 1e-3]);
});

Deno.test("initialise() sets biases and betas to 0 and gammas to 1", () => {
  const vector = initialise(threeLayers, { seed: 1, identity: 0 });
  for (const { kind, offset, size } of layout(threeLayers).parameters) {
    if (kind === "weight") continue;
    const value = kind === "gamma" ? 1 : 0;
    assert(vector.subarray(offset, offset + size).every((entry) => entry === value), kind);
  }
});

Deno.test("initialise() refuses a standard deviation that is not above 0", () => {
  for (const initialisation of [0, -1, NaN, Infinity]) {
    assertThrows(
      () => initialise(linear, { seed: 1, identity: 0, initialisation }),
      ArgumentError,
      `initialisation is ${initialisation}`,
    );
  }
});

Deno.test("initialStatistics() are means of 0 and variances of 1", () => {
  const architecture = { inputs: 4, hidden: [2, 3], classes: 2, batchNorm: true };

  assertEquals([...initialStatistics(architecture)], [0, 0, 1, 1, 0, 0, 0, 1, 1, 1]);
  assertEquals(initialStatistics({ ...architecture, batchNorm: false }).length, 0);
});
