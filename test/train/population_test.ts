import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { standardise } from "../../src/data/dataset.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { ArgumentError } from "../../src/errors.ts";
import { initialise } from "../../src/model/initialisation.ts";
import { type Architecture, layout } from "../../src/model/network.ts";
import {
  type NetworkSettings,
  Population,
  type PopulationOptions,
} from "../../src/train/population.ts";
import { Random } from "../../src/model/random.ts";
import {
  type Batch,
  evaluate,
  gradients,
  sgdStep,
  updateStatistics,
} from "../../src/model/reference/network.ts";
import { createRandomData, relativeError, sharedGpu } from "../_gpu.ts";

const BATCH = 20;

/** Three networks that differ in everything that may differ. */
const NETWORKS: readonly NetworkSettings[] = [
  { lambda: 0, etaMin: 0.01, etaMax: 0.1 },
  { lambda: 0.25, etaMin: 0.02, etaMax: 0.08 },
  { lambda: 0.5, etaMin: 0.001, etaMax: 0.2 },
];

/** Sums in float32 against float64: some 10 roundings of 6e-8. */
const TOLERANCE = 1e-6;

function architectureOf(batchNorm: boolean, hidden: readonly number[] = [7, 5]): Architecture {
  return { inputs: 10, hidden, classes: 10, batchNorm };
}

async function deviceData(options: { training?: number; validation?: number; test?: number } = {}) {
  return new DeviceDataSet(await sharedGpu(), await createRandomData({ inputs: 10, ...options }));
}

/** A population of networks with their initial weights; everything else may be chosen. */
async function createPopulation(options: Partial<PopulationOptions> = {}): Promise<Population> {
  const { architecture = architectureOf(true), networks = NETWORKS, batch = BATCH } = options;
  const data = options.data ?? await deviceData();
  const population = await Population.create(await sharedGpu(), {
    architecture,
    networks,
    batch,
    data,
  });
  population.write({ parameters: networks.map((_, i) => initial(architecture, i)) });
  population.setOrder(orderOf(data));
  return population;
}

function initial(architecture: Architecture, identity: number): Float32Array {
  return initialise(architecture, { seed: 1, identity });
}

function orderOf(data: DeviceDataSet): Uint32Array {
  return new Random(1, "batches", 0).permutation(data.source.training.count);
}

/** A step for each batch of an epoch, over and over, with a learning rate that rises. */
function plan(count: number, perEpoch = 3) {
  return Array.from({ length: count }, (_, number) => ({
    first: number % perEpoch * BATCH,
    rise: number / Math.max(1, count - 1),
    number,
  }));
}

function batchOf(data: DeviceDataSet, first: number): Batch {
  const { source } = data;
  const indices = orderOf(data).subarray(first, first + BATCH);
  return {
    x: standardise(source.training.images, source, indices),
    labels: Array.from(indices, (i) => source.training.labels[i]),
  };
}

function etaOf({ etaMin, etaMax }: NetworkSettings, rise: number): number {
  return (1 - rise) * etaMin + rise * etaMax;
}

// -------------------------------------------------------------------------------------------------------------------
// Evaluation

for (const batchNorm of [false, true]) {
  const what = batchNorm ? "with" : "without";
  Deno.test(`evaluate() equals the reference ${what} batch norm when the last chunk is partial`, async () => {
    // Chunks have 2600 images: one image over, one too few, exactly one.
    const data = await deviceData({ training: 2601, validation: 2599, test: 2600 });
    const architecture = architectureOf(batchNorm);
    const random = new Random(1, "statistics");
    const parameters = NETWORKS.map((_, i) =>
      initial(architecture, i).map((value) => value + 0.1 * random.normal())
    );
    const statistics = NETWORKS.map(() =>
      new Float32Array(layout(architecture).statisticCount).map(() => 0.1 + random.uniform())
    );
    const population = await createPopulation({ architecture, data });
    population.write({ parameters, statistics });

    const splits = ["test", "training", "validation"] as const;
    const found = await population.evaluate(splits);
    for (const [i, split] of splits.entries()) {
      const { images, labels } = data.source[split];
      const batch = { x: standardise(images, data.source), labels };
      for (const [n, { lambda }] of NETWORKS.entries()) {
        const network = {
          architecture,
          parameters: parameters[n],
          statistics: statistics[n],
        };
        const expected = evaluate(network, batch, { lambda });
        const message = `${split} ${n}`;
        assertAlmostEquals(found[i][n].loss, expected.loss, TOLERANCE * expected.loss, message);
        assertAlmostEquals(found[i][n].cost, expected.cost, TOLERANCE * expected.cost, message);
        // No two logits of these are within rounding of each other.
        assertEquals(found[i][n].accuracy, expected.accuracy, message);
      }
    }
    population.destroy();
  });
}

Deno.test("evaluate() gives the same for a part alone, and changes nothing", async () => {
  const population = await createPopulation();
  await population.advance(plan(4));
  const before = await population.readState();

  const [training, test] = await population.evaluate(["training", "test"]);
  assertEquals(await population.evaluate(["test"]), [test]);
  assertEquals(await population.evaluate(["training"]), [training]);
  assertEquals(await population.readState(), before);
  population.destroy();
});

Deno.test("evaluate() takes smaller chunks for wide layers", async () => {
  // A chunk has 160,000 values, and on hardware 2,000,000: 200 images of 800, or 2500. The last has one image.
  const training = (await sharedGpu()).adapter.software ? 401 : 5001;
  const data = await deviceData({ training, validation: 20, test: 20 });
  const architecture = architectureOf(false, [800]);
  const networks = NETWORKS.slice(1, 2);
  const population = await createPopulation({ architecture, data, networks });

  const [[found]] = await population.evaluate(["training"]);
  const { images, labels } = data.source.training;
  const network = {
    architecture,
    parameters: initial(architecture, 0),
    statistics: new Float32Array(0),
  };
  const batch = { x: standardise(images, data.source), labels };
  const expected = evaluate(network, batch, { lambda: networks[0].lambda });
  assertAlmostEquals(found.loss, expected.loss, TOLERANCE * expected.loss);
  assertAlmostEquals(found.cost, expected.cost, TOLERANCE * expected.cost);
  assertEquals(found.accuracy, expected.accuracy);
  population.destroy();
});

// -------------------------------------------------------------------------------------------------------------------
// Training

for (const batchNorm of [false, true]) {
  const what = batchNorm ? "with" : "without";

  Deno.test(`advanceWithLosses() equals the reference ${what} batch norm`, async () => {
    const architecture = architectureOf(batchNorm);
    const data = await deviceData();
    const population = await createPopulation({ architecture, data });
    const steps = plan(6);
    const losses = await population.advanceWithLosses(steps);
    const { parameters: found, statistics: averages } = await population.readState();
    const lastGradients = await population.readGradients();

    for (const [n, settings] of NETWORKS.entries()) {
      const parameters = Float64Array.from(initial(architecture, n));
      const statistics = new Float64Array(layout(architecture).statisticCount).fill(NaN);
      for (const { first, rise, number } of steps) {
        const batch = batchOf(data, first);
        const result = gradients({ architecture, parameters }, batch, settings);
        // Rounding accumulates over six steps, if little.
        assertAlmostEquals(losses[number][n], result.loss, 1e-5 * result.loss, `${n}, ${number}`);
        if (number === steps.length - 1) {
          assert(relativeError(lastGradients[n], result.gradients) < 1e-5, `gradients of ${n}`);
        }
        updateStatistics(statistics, result.batchStatistics, number === 0);
        sgdStep(parameters, result.gradients, etaOf(settings, rise));
      }
      assert(relativeError(found[n], parameters) < 1e-5, `parameters of ${n}`);
      assert(relativeError(averages[n], statistics) < 1e-5, `moving averages of ${n}`);
    }
    population.destroy();
  });

  Deno.test(`advance() trains three networks to the bytes of each alone ${what} batch norm`, async () => {
    const architecture = architectureOf(batchNorm);
    const data = await deviceData();
    const together = await createPopulation({ architecture, data });
    await together.advance(plan(20));
    const { parameters, statistics } = await together.readState();
    const evaluations = await together.evaluate(["training"]);
    together.destroy();

    for (const [n, settings] of NETWORKS.entries()) {
      const alone = await createPopulation({ architecture, data, networks: [settings] });
      alone.write({ parameters: [initial(architecture, n)] });
      await alone.advance(plan(20));
      const own = { parameters: [parameters[n]], statistics: [statistics[n]], diverged: [null] };
      assertEquals(await alone.readState(), own, `network ${n}`);
      assertEquals(await alone.evaluate(["training"]), [[evaluations[0][n]]], `network ${n}`);
      alone.destroy();
    }
    assertNotEquals(parameters[0], parameters[1]);
  });
}

Deno.test("advance() gives the same bytes at once and step by step, with and without losses", async () => {
  const data = await deviceData();
  const steps = plan(9);
  const [atOnce, stepwise, withLosses] = [
    await createPopulation({ data }),
    await createPopulation({ data }),
    await createPopulation({ data }),
  ];
  await atOnce.advance(steps);
  for (const step of steps) await stepwise.advance([step]);
  await withLosses.advanceWithLosses(steps);

  const expected = await atOnce.readState();
  assertEquals(await stepwise.readState(), expected);
  assertEquals(await withLosses.readState(), expected);
  for (const population of [atOnce, stepwise, withLosses]) population.destroy();
});

Deno.test("advance() makes more steps than fit a submit", async () => {
  const architecture = architectureOf(false, []);
  const data = await deviceData();
  const networks = [{ lambda: 0, etaMin: 1e-3, etaMax: 1e-3 }];
  const population = await createPopulation({ architecture, data, networks });
  const steps = plan(1500);
  await population.advance(steps);

  const parameters = Float64Array.from(initial(architecture, 0));
  for (const { first } of steps) {
    const result = gradients({ architecture, parameters }, batchOf(data, first));
    sgdStep(parameters, result.gradients, 1e-3);
  }
  const { parameters: [found] } = await population.readState();
  assert(relativeError(found, parameters) < 1e-4);
  population.destroy();
});

Deno.test("advance() sets the moving averages from the first batch, then moves them by tenths", async () => {
  const data = await deviceData();
  const architecture = architectureOf(true);
  const network = { architecture, parameters: initial(architecture, 0) };
  // With a learning rate of 0 every batch finds the same network.
  const networks = [{ lambda: 0, etaMin: 0, etaMax: 0 }];
  const population = await createPopulation({ architecture, data, networks });
  const expected = new Float64Array(layout(architecture).statisticCount);
  async function assertAverages(message: string): Promise<void> {
    const { statistics: [found] } = await population.readState();
    assert(relativeError(found, expected) < TOLERANCE, message);
  }

  await population.advance([]);
  for (const [i, step] of plan(3).entries()) {
    await population.advance([step]);
    const { batchStatistics } = gradients(network, batchOf(data, step.first));
    updateStatistics(expected, batchStatistics, i === 0);
    await assertAverages(`after batch ${i}`);
  }

  // Given averages are continued; without any, the next batch counts as the first again.
  population.write({ parameters: [network.parameters], statistics: [Float32Array.from(expected)] });
  await population.advance(plan(1));
  const { batchStatistics } = gradients(network, batchOf(data, 0));
  updateStatistics(expected, batchStatistics, false);
  await assertAverages("with averages given");
  population.write({ parameters: [network.parameters] });
  await population.advance(plan(1));
  updateStatistics(expected, batchStatistics, true);
  await assertAverages("without averages");
  population.destroy();
});

Deno.test("advance() stops between submits when told to", async () => {
  const population = await createPopulation();
  const controller = new AbortController();
  const reason = new Error("told to stop");
  controller.abort(reason);
  const before = await population.readState();

  const error = await assertRejects(() =>
    population.advance(plan(50), { signal: controller.signal })
  );
  assertEquals(error, reason);
  const stopped = await assertRejects(() => population.evaluate(["test"], controller.signal));
  assertEquals(stopped, reason);
  assertEquals(await population.readState(), before);
  population.destroy();
});

Deno.test("advance() can be resumed where it was stopped", async () => {
  const data = await deviceData();
  const steps = plan(50);
  const [stopped, through] = [await createPopulation({ data }), await createPopulation({ data })];
  const controller = new AbortController();
  let made = 0;
  const onStep = (steps: number) => {
    made = steps;
    controller.abort(); // The first submits are small, so some steps are left.
  };
  await assertRejects(() => stopped.advance(steps, { signal: controller.signal, onStep }));
  assert(made > 0 && made < steps.length, `${made}`);
  await stopped.advance(steps.slice(made));
  await through.advance(steps);

  assertEquals(await stopped.readState(), await through.readState());
  for (const population of [stopped, through]) population.destroy();
});

Deno.test("readDiverged() gives the step with the first loss that is not finite", async () => {
  // With a learning rate this high the second step meets infinities.
  const wild = { lambda: 0, etaMin: 1e30, etaMax: 1e30 };
  const data = await deviceData();
  const networks = [NETWORKS[0], wild];
  const architecture = architectureOf(false);
  const population = await createPopulation({ architecture, networks, data });
  assertEquals(await population.readDiverged(), [null, null]);
  const steps = plan(6).map((step) => ({ ...step, number: step.number + 40 }));
  await population.advance(steps);

  assertEquals(await population.readDiverged(), [null, 41]);
  const parameters = networks.map((_, i) => initial(architecture, i));
  population.write({ parameters });
  assertEquals(await population.readDiverged(), [null, null]);
  // A step that is known already is not replaced by a later one.
  population.write({ parameters, diverged: [null, 3] });
  await population.advance(steps);
  assertEquals(await population.readDiverged(), [null, 3]);
  population.destroy();
});

Deno.test("readDiverged() sees NaN with batch norm, too", async () => {
  const architecture = architectureOf(true);
  const population = await createPopulation({ architecture });
  const parameters = NETWORKS.map((_, i) => initial(architecture, i));
  parameters[1][0] = NaN; // One weight of the first layer.
  population.write({ parameters });
  await population.advance(plan(1));

  assertEquals(await population.readDiverged(), [null, 0, null]);
  population.destroy();
});

// -------------------------------------------------------------------------------------------------------------------
// State

Deno.test("write() sets what readState() gives back", async () => {
  const architecture = architectureOf(true);
  const { count, statisticCount } = layout(architecture);
  const random = new Random(1, "state");
  const parameters = NETWORKS.map(() => new Float32Array(count).map(() => random.normal()));
  const statistics = NETWORKS.map(() =>
    new Float32Array(statisticCount).map(() => random.uniform())
  );
  const population = await createPopulation({ architecture });
  population.write({ parameters, statistics });

  const diverged = NETWORKS.map(() => null);
  assertEquals(await population.readState(), { parameters, statistics, diverged });
  population.destroy();
});

Deno.test("write() resumes from a state that was read, to the same bytes", async () => {
  const data = await deviceData();
  const steps = plan(8);
  const through = await createPopulation({ data });
  await through.advance(steps.slice(0, 5));
  const state = await through.readState();
  await through.advance(steps.slice(5));
  const resumed = await createPopulation({ data });
  resumed.write(state);
  await resumed.advance(steps.slice(5));

  assertEquals(await resumed.readState(), await through.readState());
  for (const population of [through, resumed]) population.destroy();
});

// -------------------------------------------------------------------------------------------------------------------
// Refusals

for (
  const [what, options, message] of [
    ["there is no network", { networks: [] }, "a population of 0 networks, expected at least 1"],
    [
      "a batch is larger than the data",
      { batch: 61 },
      "Cannot train in batches of 61: expected 1 to 60, the number of training images",
    ],
    ["a batch has no image", { batch: 0 }, "Cannot train in batches of 0: expected 1 to 60"],
    ["a batch is no whole number", { batch: 1.5 }, "Cannot train in batches of 1.5"],
    ["a batch of 1 has batch norm", { batch: 1 }, "one image has no variance, expected at least 2"],
    [
      "a layer is more than the adapter can hold",
      { architecture: architectureOf(false, [50_000_000]) },
      "bytes), and this adapter holds at most",
    ],
    [
      "a layer has no width",
      { architecture: architectureOf(false, [7, 0]) },
      "hidden[1] is 0, expected an integer of at least 1",
    ],
  ] as const
) {
  Deno.test(`create() refuses when ${what}`, async () => {
    const gpu = await sharedGpu();
    await assertRejects(() => createPopulation(options), ArgumentError, message);
    await gpu.done(); // Nothing was asked of the device that it had to refuse.
  });
}

Deno.test("create() takes a batch of 1 without batch norm", async () => {
  const population = await createPopulation({ architecture: architectureOf(false), batch: 1 });
  const [losses] = await population.advanceWithLosses(plan(1));

  assert(losses.every((loss) => loss > 0 && loss < Infinity));
  population.destroy();
});

Deno.test("advanceWithLosses() gives the losses of more steps than are read at once", async () => {
  const [together, apart] = [await createPopulation(), await createPopulation()];
  const steps = plan(150);
  const losses = await together.advanceWithLosses(steps);

  assertEquals(losses.length, 150);
  assertEquals(await apart.advanceWithLosses(steps.slice(0, 100)), losses.slice(0, 100));
  assertEquals(await apart.advanceWithLosses(steps.slice(100)), losses.slice(100));
  for (const population of [together, apart]) population.destroy();
});
