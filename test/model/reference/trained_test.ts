import { assertEquals, assertThrows } from "@std/assert";
import { standardise } from "../../../src/data/dataset.ts";
import { ArgumentError } from "../../../src/errors.ts";
import { standardiseRecords } from "../../../src/model/record_values.ts";
import { evaluate } from "../../../src/model/reference/network.ts";
import { classify, logits, probabilities } from "../../../src/model/reference/trained.ts";
import { drawNetwork, drawRecords } from "../../_trained.ts";

Deno.test("logits() are those of evaluate() for the standardised records, in chunks", () => {
  for (const input of ["bytes", "floats"] as const) {
    const network = drawNetwork({ inputs: 3, hidden: [4, 2], batchNorm: true, input });
    const x = drawRecords(network, 2001);
    const labels = new Uint8Array(2001);
    const batch = { x: standardiseRecords(x, network), labels };
    assertEquals(logits(network, x), evaluate(network, batch).logits);
  }
});

Deno.test("standardiseRecords() gives the bytes of standardise(), and numbers by hand", () => {
  const network = drawNetwork({ inputs: 5, hidden: [], batchNorm: false, input: "bytes" });
  const bytes = drawRecords(network, 9) as Uint8Array;
  const { mean, std } = network;
  assertEquals(standardiseRecords(bytes, network), standardise(bytes, { inputs: 5, mean, std }));
  const statistics = { mean: Float32Array.of(10, 1e6), std: Float32Array.of(2, 0.5) };
  assertEquals(
    standardiseRecords(Float32Array.of(14, 1e6 + 1, 9, 1e6 - 0.5), statistics),
    Float64Array.of(2, 2, -0.5, -1),
  );
});

Deno.test("classify() takes the first of the largest, and probabilities() add up to 1", () => {
  const network = {
    ...drawNetwork({ inputs: 1, hidden: [], batchNorm: false, input: "floats", classes: 3 }),
    // Logits are x, x and 0, and x may be so large that its exponential is not finite.
    parameters: new Float32Array([1, 1, 0, 0, 0, 0]),
    ...{ mean: Float32Array.of(0), std: Float32Array.of(1) },
  };
  const x = Float32Array.of(2000, -2000, 0);
  assertEquals([...classify(network, x)], [0, 2, 0]);
  const [a, b, c, d, e, f, g] = probabilities(network, x);
  assertEquals([a, b, c, d, e, f, g], [0.5, 0.5, 0, 0, 0, 1, 1 / 3]);
});

Deno.test("logits() refuse a network that has diverged, and records that do not fit", () => {
  const network = drawNetwork({ inputs: 2, hidden: [3], batchNorm: true, input: "bytes" });
  const diverged = { ...network, parameters: network.parameters.with(0, NaN) };
  assertThrows(() => logits(diverged, new Uint8Array(2)), ArgumentError, "W1[0] is NaN");
  assertThrows(() => logits(network, new Uint8Array(3)), ArgumentError, "Cannot classify 3 values");
  assertThrows(() => logits(network, Float32Array.of(0, 2)), ArgumentError, "from 0 to 1");
});
