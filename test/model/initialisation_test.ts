import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import {
  type Initialisation,
  initialise,
  initialStatistics,
} from "../../src/model/initialisation.ts";
import { type Architecture, layout } from "../../src/model/network.ts";
import { Random } from "../../src/model/random.ts";

const threeLayers: Architecture = { inputs: 3072, hidden: [50, 50], classes: 10, batchNorm: true };
const linear: Architecture = { inputs: 3, hidden: [], classes: 2, batchNorm: false };

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

Deno.test("initialise() draws with the given standard deviation", () => {
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

Deno.test("initialise() refuses a standard deviation that is not above 0 as a float32", () => {
  for (const initialisation of [0, -1, NaN, Infinity, 1e-60, 1e-40, 1e39]) {
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
