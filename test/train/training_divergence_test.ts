/** What a training tells of networks that diverged, and that the others do not notice. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { withShaders } from "../../src/gpu/kernels.ts";
import type { Evaluation, MetricRow } from "../../src/model/metrics.ts";
import {
  type RunOptions,
  Training,
  type TrainingOptions,
  type TrainingState,
} from "../../src/train/training.ts";
import { createRandomData, sharedGpu } from "../_gpu.ts";
import { plant } from "../kernels/_mutants.ts";

const data = await createRandomData({ inputs: 6, training: 105, validation: 30, classes: 3 });

const HEALTHY = { identity: "a", lambda: 1e-4, etaMin: 1e-3, etaMax: 0.3 };
const OTHER = { ...HEALTHY, identity: "b", lambda: 1e-2 };
/** A network whose second batch meets infinities. */
const WILD = { ...HEALTHY, identity: "wild", etaMin: 1e30, etaMax: 1e30 };

const OPTIONS: TrainingOptions = {
  hidden: [8],
  batchNorm: false,
  networks: [HEALTHY, WILD, OTHER],
  halfCycle: 20,
  cycles: 1,
  batch: 10,
};

async function create(options: TrainingOptions): Promise<Training> {
  return await Training.create(await sharedGpu(), data, options);
}

/** Trains to the end, or until so many rows, which are added to those given. */
async function continueInto(
  rows: MetricRow[][],
  training: Training,
  options: RunOptions & { readonly until?: number } = {},
): Promise<void> {
  const { until = Infinity, ...run } = options;
  if (rows.length >= until) return;
  for await (const row of training.run(run)) {
    rows.push(row);
    if (rows.length === until) break;
  }
}

/** The accuracies of a network on training and validation images, row by row. */
function accuracies(rows: readonly MetricRow[][], network: number): number[] {
  return rows.flatMap(({ [network]: { training, validation } }) => [
    training.accuracy,
    validation.accuracy,
  ]);
}

/** What belongs to one network of a state. */
function ofNetwork({ parameters, statistics, diverged }: TrainingState, network: number) {
  return [parameters, statistics, diverged].map(({ [network]: own }) => own);
}

for (const batchNorm of [false, true]) {
  Deno.test(`Training.run() gives the others the same bytes as without a network that diverged, batch norm ${batchNorm}`, async () => {
    const together = await create({ ...OPTIONS, batchNorm });
    // Made infinite, since nothing grows so fast with batch norm.
    const start = await together.state();
    start.parameters[1][0] = Infinity;
    together.restore(start);
    const without = await create({ ...OPTIONS, batchNorm, networks: [HEALTHY, OTHER] });
    const [rows, expected]: MetricRow[][][] = [[], []];
    await continueInto(rows, together, { ahead: true });
    await continueInto(expected, without);

    assertEquals(rows.length, 5);
    assertEquals(rows.map(([a, , b]) => [a, b]), expected);
    const [a, , b] = await together.evaluate("test");
    assertEquals([a, b], await without.evaluate("test"));
    const [first, , second] = await together.predict("test");
    assertEquals([first, second], await without.predict("test"));
    const [state, own] = [await together.state(), await without.state()];
    assertEquals([0, 2].map((i) => ofNetwork(state, i)), [0, 1].map((i) => ofNetwork(own, i)));
    assertEquals(state.diverged, [null, 0, null]);
    for (const training of [together, without]) training.destroy();
  });
}

Deno.test("Training.run() gives a network that diverged no accuracy, and the others theirs", async () => {
  const training = await create(OPTIONS);
  const rows: MetricRow[][] = [];
  const known: (readonly (number | null)[])[] = [];
  for await (const row of training.run()) {
    rows.push(row);
    known.push(training.knownDivergence);
  }
  const [before, ...after] = [[0], [1], [2, 3, 4]].map((some) => some.map((i) => rows[i]));
  assert(accuracies(before, 1).every(Number.isFinite));
  for (const some of after) assert(accuracies(some, 1).every(Number.isNaN));
  for (const i of [0, 2]) assert(accuracies(rows, i).every(Number.isFinite));
  const diverged = await training.diverged();
  const [, step] = diverged;
  assert(step !== null && step >= 1 && step <= 9, `${step}`);
  assertEquals(known, [[null, null, null], ...Array(4).fill(diverged)]);
  const tests = await training.evaluate("test");
  assertEquals(tests.map(({ accuracy }: Evaluation) => Number.isNaN(accuracy)), [
    false,
    true,
    false,
  ]);
  training.destroy();
});

for (const ahead of [false, true]) {
  Deno.test(`Training.restore() leaves out the same accuracies as an unbroken run, ${ahead ? "ahead" : "one by one"}`, async () => {
    const whole = await create(OPTIONS);
    const expected: MetricRow[][] = [];
    await continueInto(expected, whole);
    for (let cut = 0; cut <= expected.length; cut++) {
      const [first, second] = [await create(OPTIONS), await create(OPTIONS)];
      const rows: MetricRow[][] = [];
      await continueInto(rows, first, { ahead, until: cut });
      second.restore(await first.state());
      await continueInto(rows, second, { ahead });

      assertEquals(rows, expected, `cut after ${cut} rows`);
      assertEquals(await second.state(), await whole.state());
      for (const training of [first, second]) training.destroy();
    }
    whole.destroy();
  });
}

Deno.test("Training.restore() keeps when a network diverged whose losses are finite again", async () => {
  const training = await create({ ...OPTIONS, networks: [HEALTHY, OTHER] });
  // As after an infinite loss whose gradient is finite.
  const state = { ...await training.state(), diverged: [7, null] };
  training.restore(state);
  assertEquals(training.knownDivergence, [7, null]);
  assertEquals((await training.state()).diverged, [7, null]);
  const rows: MetricRow[][] = [];
  await continueInto(rows, training);

  assert(rows.every(([{ training }]) => Number.isFinite(training.loss)));
  assert(accuracies(rows, 0).every(Number.isNaN));
  assert(accuracies(rows, 1).every(Number.isFinite));
  assertEquals(await training.diverged(), [7, null]);
  training.destroy();
});

Deno.test("Training.restore() yields the row of divergence when it was known to the state, but to no row", async () => {
  const options = { ...OPTIONS, networks: [WILD] };
  const whole = await create(options);
  const expected: MetricRow[][] = [];
  await continueInto(expected, whole);
  const [first, second] = [await create(options), await create(options)];
  const controller = new AbortController();
  const rows: MetricRow[][] = [];
  await assertRejects(
    () =>
      continueInto(rows, first, {
        ahead: true,
        signal: controller.signal,
        onStep: (step) => {
          if (step >= 3) controller.abort(new Error("told to stop"));
        },
      }),
    Error,
    "told to stop",
  );
  assertEquals(rows, []);
  const state = await first.state();
  assertEquals(state.diverged, await whole.diverged());
  second.restore(state);
  await continueInto(rows, second, { ahead: true });

  assertEquals(rows.map(([{ step }]) => step), [0, 10]);
  assertEquals(rows, expected);
  for (const training of [whole, first, second]) training.destroy();
});

Deno.test("Training counts moving averages that are not finite as divergence, whatever the loss", async () => {
  // A kernel in which an infinite variance looks like a feature that is always 0.
  const shaders = plant({
    file: "per_operation/batch_norm",
    mistake: "the moving averages are not looked at",
    from: "is_finite(mean) && is_finite(variance)",
    to: "true",
  });
  await withShaders(shaders, async () => {
    const options = { ...OPTIONS, batchNorm: true, networks: [HEALTHY, OTHER, HEALTHY] };
    const training = await create({ ...options, variant: "per-operation" });
    const rows: MetricRow[][] = [];
    await continueInto(rows, training, { until: 2 });
    const state = await training.state();
    const variances = 8; // After the means of the eight features.
    state.statistics[1][variances] = Infinity;
    training.restore(state);
    const [, whole] = await training.evaluate("validation");
    assertEquals([Number.isFinite(whole.loss), whole.accuracy], [true, NaN]);
    assertEquals(await training.diverged(), [null, null, null]); // Rows tell, and there is none yet.
    await continueInto(rows, training);

    assertEquals(await training.diverged(), [null, 20, null]);
    assert(rows.every(([, { training }]) => Number.isFinite(training.loss)));
    assertEquals(accuracies(rows, 1).map(Number.isNaN), [
      ...Array(4).fill(false),
      ...Array(6).fill(true),
    ]);
    assert([0, 2].every((i) => accuracies(rows, i).every(Number.isFinite)));
    training.destroy();
  });
});
