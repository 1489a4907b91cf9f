import { assert, assertEquals, assertRejects } from "@std/assert";
import { cutInputs, standardise } from "../../../src/data/dataset.ts";
import { createSynthetic } from "../../../src/data/synthetic.ts";
import { checkGradients } from "../../../src/model/reference/numerical_gradients.ts";
import { initialise } from "../../../src/model/initialisation.ts";
import { type Architecture, layout } from "../../../src/model/network.ts";
import { PUBLISHED_GRADIENT_ERRORS } from "../../../src/model/published.ts";
import { Random } from "../../../src/model/random.ts";
import { type Batch, gradients } from "../../../src/model/reference/network.ts";

/** The report's setting: 3 layers with batch norm, inputs cut to 10 dimensions, a batch of 20, λ = 0.5. */
const setting: Architecture = { inputs: 10, hidden: [50, 50], classes: 10, batchNorm: true };
const lambda = 0.5;

const small: Architecture = { inputs: 4, hidden: [6, 5], classes: 3, batchNorm: true };

/** Neighbouring inputs are alike, as neighbouring pixels are. */
function randomBatch(architecture: Architecture, n: number, seed: number): Batch {
  const { inputs, classes } = architecture;
  const random = new Random(seed, "batch");
  const x = new Float64Array(n * inputs);
  for (let i = 0; i < n; i++) {
    const brightness = random.normal();
    for (let k = 0; k < inputs; k++) x[i * inputs + k] = brightness + 0.3 * random.normal();
  }
  return { x, labels: Array.from({ length: n }, () => random.below(classes)) };
}

for (const seed of [1, 2, 3]) {
  Deno.test(`checkGradients() stays below the published errors when the seed is ${seed}`, async () => {
    const parameters = initialise(setting, { seed, identity: 0 });
    const batch = randomBatch(setting, 20, seed);

    const rows = await checkGradients({ architecture: setting, parameters }, batch, {
      lambda,
    });

    assertEquals(rows.map(({ parameter }) => parameter), [
      "W1",
      "W2",
      "W3",
      "b1",
      "b2",
      "b3",
      "gamma1",
      "gamma2",
      "beta1",
      "beta2",
    ]);
    for (const { parameter, cancelled, fivePoint, norm } of rows) {
      assertEquals(cancelled, parameter === "b1" || parameter === "b2");
      if (cancelled) continue;
      assert(
        fivePoint <= (PUBLISHED_GRADIENT_ERRORS[parameter] ?? 1e-6),
        `${parameter}: ${fivePoint}`,
      );
      assert(norm !== null && norm <= 1e-7, `${parameter}: ${norm} in norm`);
    }
    const leftOut = rows.reduce((sum, row) => sum + row.leftOut, 0);
    assert(leftOut <= 0.05 * layout(setting).count, `${leftOut} entries left out`);
  });
}

Deno.test("checkGradients() meets the report's figures on images for seeds 1 to 10", async () => {
  const dataset = cutInputs(await createSynthetic({ training: 1400, test: 20 }), 10);
  const batch = {
    x: standardise(dataset.training.images.subarray(0, 20 * 10), dataset),
    labels: dataset.training.labels.subarray(0, 20),
  };
  const short: string[] = [];
  for (let seed = 1; seed <= 10; seed++) {
    const parameters = initialise(setting, { seed, identity: 0 });
    const rows = await checkGradients({ architecture: setting, parameters }, batch, {
      lambda: 0.5,
    });
    let judged = 0;
    for (const { parameter, fivePoint, norm } of rows) {
      const bar = PUBLISHED_GRADIENT_ERRORS[parameter];
      if (bar === undefined) continue;
      judged++;
      if (!(fivePoint <= bar)) {
        short.push(`seed ${seed}: ${parameter} ${fivePoint}, at most ${bar}`);
      }
      if (!(norm! <= 1e-7)) short.push(`seed ${seed}: ${parameter} in norm ${norm}`);
    }
    assertEquals(judged, 7);
    const leftOut = rows.reduce((sum, row) => sum + row.leftOut, 0);
    const entries = rows.reduce((sum, row) => sum + row.entries, 0);
    if (!(leftOut <= 0.05 * entries)) short.push(`seed ${seed}: ${leftOut} of ${entries} left out`);
  }
  assertEquals(short, []);
});

Deno.test("checkGradients() agrees when batch norm is off", async () => {
  const architecture = { ...small, batchNorm: false };
  const parameters = initialise(architecture, { seed: 1, identity: 0 });

  const rows = await checkGradients(
    { architecture, parameters },
    randomBatch(small, 9, 1),
    { lambda },
  );

  for (const { parameter, cancelled, fivePoint, norm } of rows) {
    assertEquals(cancelled, false);
    assert(fivePoint < 1e-7 && norm !== null && norm < 1e-9, `${parameter}: ${fivePoint} ${norm}`);
  }
});

Deno.test("checkGradients() finds one wrong entry of any parameter", async () => {
  const network = { architecture: small, parameters: initialise(small, { seed: 1, identity: 0 }) };
  const batch = randomBatch(small, 9, 1);
  const right = gradients(network, batch, { lambda }).gradients;
  for (const { name, offset, size } of layout(small).parameters) {
    const wrong = right.slice();
    // Off by a thousandth of the largest, so that it shows beside an entry that is near 0.
    const largest = right.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    wrong[offset + size - 1] += 1e-3 * largest;

    const rows = await checkGradients(network, batch, { lambda, gradients: wrong });

    const found = rows.filter(({ fivePoint, forward }) => fivePoint > 1e-4 && forward > 1e-4);
    assertEquals(found.map(({ parameter }) => parameter), [name]);
  }
});

Deno.test("checkGradients() leaves out and counts entries that reach a kink", async () => {
  // One input of 1, one hidden unit: its ReLU sees W1 + b1 = 1e-4, which steps of 3e-4 take below 0.
  const network = {
    architecture: { inputs: 1, hidden: [1], classes: 2, batchNorm: false },
    parameters: new Float64Array([1, 2, -1, 1e-4 - 1, 0, 0]), // W1, W2 [1, 2], b1, b2 [2]
  };

  const rows = await checkGradients(network, { x: new Float64Array([1]), labels: [0] });

  assertEquals(
    rows.map(({ parameter, leftOut, entries }) => [parameter, leftOut, entries]),
    [["W1", 1, 1], ["W2", 0, 2], ["b1", 1, 1], ["b2", 0, 2]],
  );
  assert(rows.every(({ fivePoint }) => fivePoint < 1e-8));
});

Deno.test("checkGradients() reports 0 when gradient and differences are both 0", async () => {
  // A unit that never wakes: nothing reaches W1, b1 or W2.
  const network = {
    architecture: { inputs: 1, hidden: [1], classes: 2, batchNorm: false },
    parameters: new Float64Array([1, 2, -1, -5, 0, 0]),
  };

  const [first, second] = await checkGradients(network, {
    x: new Float64Array([1]),
    labels: [0],
  });

  assertEquals([first.norm, first.fivePoint, second.norm, second.fivePoint], [0, 0, 0, 0]);
});

Deno.test("checkGradients() ends when it is told to stop", async () => {
  const large = { inputs: 20, hidden: [400], classes: 2, batchNorm: true };
  const parameters = initialise(large, { seed: 1, identity: 0 });
  const x = Float64Array.from({ length: 20 * 20 }, (_, i) => Math.sin(i));
  const labels = Array.from({ length: 20 }, (_, i) => i % 2);
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error("told to stop")), 10);
  await assertRejects(
    () =>
      checkGradients({ architecture: large, parameters }, { x, labels }, {
        signal: stop.signal,
      }),
    Error,
    "told to stop",
  );
});
