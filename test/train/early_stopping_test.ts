import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createDataSet, type DataSet, type LabelledImages } from "../../src/data/dataset.ts";
import { ArgumentError } from "../../src/errors.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import { Random } from "../../src/model/random.ts";
import { judgeRows, noneYet } from "../../src/train/early_stopping.ts";
import { decodeState, encodeState, type TrainingState } from "../../src/train/state.ts";
import { Training, type TrainingOptions } from "../../src/train/training.ts";
import type { StopAfter } from "../../src/train/training_options.ts";
import { createRandomData, sharedGpu } from "../_gpu.ts";

/** Images of 6 values whose labels are half chance: networks soon learn the training images by heart. */
async function memorable(): Promise<DataSet> {
  const random = new Random(5, "memorable");
  function draw(n: number): LabelledImages {
    const images = new Uint8Array(6 * n).map(() => random.below(256));
    const labels = new Uint8Array(n).map((_, i) =>
      random.below(2) === 0 ? random.below(3) : Math.floor(images[6 * i] / 86)
    );
    return { images, labels, count: n };
  }
  const options = { name: "memorable", classNames: ["low", "middle", "high"], validation: 30 };
  return await createDataSet(draw(90), draw(20), options);
}

const data = await memorable();

const OPTIONS = {
  hidden: [12],
  batchNorm: true,
  learningRate: 0.8,
  epochs: 10,
  batch: 10,
} satisfies TrainingOptions;

const KEPT = ["parameters", "statistics"] as const;

interface Trained {
  readonly training: Training;
  readonly rows: MetricRow[][];
  /** After each row. */
  readonly states: TrainingState[];
}

async function train(options: TrainingOptions, ahead = false): Promise<Trained> {
  const training = await Training.create(await sharedGpu(), data, options);
  const rows: MetricRow[][] = [];
  const states: TrainingState[] = [];
  for await (const row of training.run({ ahead })) {
    rows.push(row);
    states.push(await training.state());
  }
  return { training, rows, states };
}

/** The rows at which a network has its best metric and at which it stops, the last one unless patience runs out. */
function expectedRows(
  rows: readonly MetricRow[],
  { patience, metric = "loss" }: StopAfter,
): { best: number; stop: number } {
  const scores = rows.map(({ validation }) =>
    metric === "accuracy" ? -validation.accuracy : validation[metric]
  );
  let best = 0;
  for (const [i, score] of scores.entries()) {
    if (score < scores[best]) best = i;
    if (i - best === patience) return { best, stop: i };
  }
  return { best, stop: rows.length - 1 };
}

function row(loss: number, accuracy = 0.5): MetricRow {
  const evaluation = { loss, cost: loss, accuracy };
  return { step: 0, epoch: 0, eta: null, training: evaluation, validation: evaluation };
}

/** Judges rows of one network; the numbers of rows waited after each, and the best loss at the end. */
function judgeAll(
  losses: readonly number[],
  stopAfter: Required<StopAfter>,
): { waited: number[]; over: boolean[]; best: number | undefined } {
  let found = noneYet(1);
  const [waited, over]: [number[], boolean[]] = [[], []];
  for (const loss of losses) {
    const judged = judgeRows(found, { rows: [row(loss)], diverged: [null] }, stopAfter);
    waited.push(judged.waited[0]);
    over.push(judged.over);
    found = judged;
  }
  return { waited, over, best: found.best[0]?.validation.loss };
}

Deno.test("judgeRows() counts the rows since the best, to which an equal one adds", () => {
  const two = { patience: 2, metric: "loss", restoreBest: true } as const;
  assertEquals(judgeAll([3, 2, 2, 1, NaN, 0], two), {
    waited: [0, 0, 1, 0, 1, 0],
    over: [false, false, false, false, false, false],
    best: 0,
  });
  // What comes after the patience ran out does not count.
  assertEquals(judgeAll([1, 2, Infinity, 0.5], two), {
    waited: [0, 1, 2, 2],
    over: [false, false, true, true],
    best: 1,
  });
  assertEquals(judgeAll([NaN, NaN], two), { waited: [1, 2], over: [false, true], best: undefined });
  const { over } = judgeAll([1, 2, 3, 4], { ...two, patience: Infinity });
  assertEquals(over, [false, false, false, false]);
});

Deno.test("judgeRows() compares the metric that is asked for, and no row of a network that has diverged", () => {
  const rows = [row(1, 0.2), row(1, 0.2)];
  const accuracy = { patience: 1, metric: "accuracy", restoreBest: true } as const;
  const first = judgeRows(noneYet(2), { rows, diverged: [null, null] }, accuracy);
  const later = [row(2, 0.3), row(0, 0.9)];
  const second = judgeRows(first, { rows: later, diverged: [null, 7] }, accuracy);
  assertEquals(second.improved, [0]);
  assertEquals(second.best, [later[0], rows[1]]);
  assertEquals(second.over, false);
  const third = judgeRows(second, { rows: [row(0, 0.3), row(0)], diverged: [null, 7] }, accuracy);
  assertEquals(third.over, true);
});

/** Every combination of the last parameters or the best with updates ahead or not, by either metric. */
const STOPS: readonly (Required<StopAfter> & { readonly ahead: boolean })[] = [
  { patience: 2, metric: "loss", restoreBest: true, ahead: true },
  { patience: 2, metric: "loss", restoreBest: false, ahead: true },
  { patience: 1, metric: "accuracy", restoreBest: true, ahead: false },
  { patience: 1, metric: "accuracy", restoreBest: false, ahead: false },
];

// The programs of these keep the parameters in memory of their own, in two ways, and do not.
for (const variant of ["fused-tail", "texel-20x10", "per-operation"]) {
  Deno.test(`Training.run() stops when patience runs out, with the same bytes ahead or not (${variant})`, async () => {
    const { training, rows, states } = await train({ ...OPTIONS, variant });
    training.destroy();
    for (const { ahead, ...stopAfter } of STOPS) {
      const { best, stop } = expectedRows(rows.map(([own]) => own), stopAfter);
      const message = `${JSON.stringify(stopAfter)}, ahead ${ahead}`;
      assert(0 < best && best < stop && stop < rows.length - 1, `${message}: ${best}, ${stop}`);
      const { training, rows: found } = await train({ ...OPTIONS, variant, stopAfter }, ahead);
      assertEquals(found, rows.slice(0, stop + 1), message);
      assertEquals(training.step, rows[stop][0].step);
      assertEquals(training.best, rows[best]);
      const state = await training.state();
      assertEquals([state.ended, state.rowDue, state.pending], [true, false, []]);
      const end = stopAfter.restoreBest ? best : stop;
      for (const name of KEPT) assertEquals(state[name], states[end][name], message);
      // The program's own copies of the parameters are these, too.
      assertEquals(await training.evaluate("validation"), [rows[end][0].validation]);
      const kept = await training.bestNetwork();
      assertEquals(kept?.step, rows[best][0].step);
      assertEquals((await training.network()).step, rows[end][0].step);
      for (const name of KEPT) assertEquals(kept![name], states[best][name][0]);
      training.destroy();
    }
  });
}

Deno.test("Training ends with the best row when patience never runs out", async () => {
  const { training: plain, rows, states } = await train(OPTIONS);
  const stopAfter = { patience: Infinity };
  const { best } = expectedRows(rows.map(([own]) => own), stopAfter);
  assert(best > 0 && best < rows.length - 1, `${best}`);
  const { training, rows: found } = await train({ ...OPTIONS, stopAfter }, true);
  assertEquals(found, rows);
  assertEquals(training.step, training.steps);
  const state = await training.state();
  for (const name of KEPT) assertEquals(state[name], states[best][name]);
  for (const made of [plain, training]) made.destroy();
});

/** Networks that run out of patience at different rows. */
const NETWORKS = [
  { identity: "fast", learningRate: 0.8 },
  { identity: "slow", learningRate: 0.02 },
  { identity: "wild", learningRate: 1e30 },
];

Deno.test("Training.evaluate() sees all old parameters or all best ones while run() restores these", async () => {
  const { now } = performance;
  let time = 0;
  // So wide that the training images are evaluated in parts, and so slow, as it seems, that each part is a submit.
  performance.now = () => time += 60;
  try {
    const many = await createRandomData({ inputs: 6, training: 400, classes: 3 });
    const options = { ...OPTIONS, hidden: [4000], batch: 200, stopAfter: { patience: 1 } };
    const training = await Training.create(await sharedGpu(), many, options);
    const [rows, found]: [MetricRow[], number[]] = [[], []];
    let over = false;
    const evaluateAll = async () => {
      while (!over) found.push((await training.evaluate("training"))[0].loss);
    };
    const evaluating = [evaluateAll(), evaluateAll()];
    for await (const [row] of training.run()) rows.push(row);
    over = true;
    await Promise.all(evaluating);
    const best = training.best[0]!.step;
    assert(best < training.step, `${best} of ${training.step}`);
    const losses = rows.map(({ training: { loss } }) => loss);
    assertEquals(found.filter((loss) => !losses.includes(loss)), []);
    training.destroy();
  } finally {
    performance.now = now;
  }
});

Deno.test("Training ends with the same best parameters alone and in a population", async () => {
  const { learningRate: _, ...options } = {
    ...OPTIONS,
    batchNorm: false,
    stopAfter: { patience: 2 },
  };
  const { training: all, rows } = await train({ ...options, networks: NETWORKS }, true);
  const [together, evaluations] = [await all.state(), await all.evaluate("test")];
  const lengths: number[] = [];
  for (const [i, network] of NETWORKS.entries()) {
    const { training: alone, rows: own } = await train({ ...options, networks: [network] });
    const state = await alone.state();
    assertEquals(state.parameters[0], together.parameters[i], network.identity);
    assertEquals(alone.best[0], all.best[i]);
    assertEquals((await alone.evaluate("test"))[0], evaluations[i]);
    lengths.push(own.length);
    alone.destroy();
  }
  // It goes on until the last one stops.
  assertEquals(rows.length, Math.max(...lengths));
  assert(lengths[0] < lengths[1], `${lengths}`);
  // The one that diverged has its first parameters again, which have an accuracy.
  assert((await all.diverged())[2] !== null);
  assertEquals(all.best[2]?.step, 0);
  assert(Number.isFinite(evaluations[2].accuracy));
  all.destroy();
});

for (const restoreBest of [true, false]) {
  for (const ahead of [true, false]) {
    Deno.test(`Training.resume() stops where an unbroken run stops, ${ahead ? "ahead" : "one by one"}, ${restoreBest ? "with the best" : "with the last"} parameters`, async () => {
      const { learningRate: _, ...rest } = OPTIONS;
      const networks = [{ learningRate: 0.8 }, { learningRate: 1.2 }];
      const options = { ...rest, networks, stopAfter: { patience: 2, restoreBest } };
      const { training: whole, rows: expected } = await train(options, ahead);
      const wholeState = await whole.state();
      assert(expected.length < 11, `${expected.length}`);
      const gpu = await sharedGpu();
      for (let cut = 0; cut <= expected.length; cut++) {
        const first = await Training.create(gpu, data, options);
        const rows: MetricRow[][] = [];
        for await (const row of first.run({ ahead })) {
          rows.push(row);
          if (rows.length === cut) break;
        }
        const bytes = encodeState(await first.state());
        assertEquals(encodeState(decodeState(bytes)), bytes);
        const second = await Training.resume(gpu, data, options, bytes);
        for await (const row of second.run({ ahead })) rows.push(row);
        assertEquals(rows, expected, `cut after ${cut} rows`);
        assertEquals(await second.state(), wholeState, `cut after ${cut} rows`);
        assertEquals(second.best, whole.best);
        assertEquals(await second.evaluate("validation"), await whole.evaluate("validation"));
        for (const training of [first, second]) training.destroy();
      }
      whole.destroy();
    });
  }
}

Deno.test("Training.resume() goes on to a later end, but not from the best parameters", async () => {
  const gpu = await sharedGpu();
  const longer = { ...OPTIONS, epochs: 12 };
  const { training: whole } = await train(longer);
  const { training: part, states } = await train(OPTIONS);
  const resumed = await Training.resume(gpu, data, longer, encodeState(states.at(-1)!));
  for await (const _ of resumed.run());
  const [expected, found] = [await whole.state(), await resumed.state()];
  for (const name of KEPT) assertEquals(found[name], expected[name]);
  for (const made of [whole, part, resumed]) made.destroy();

  const stopAfter = { patience: Infinity };
  const { training: over } = await train({ ...OPTIONS, stopAfter });
  const bytes = encodeState(await over.state());
  await assertRejects(
    () => Training.resume(gpu, data, { ...longer, stopAfter }, bytes),
    ArgumentError,
    "for 72 steps: it ended after 60 with its best parameters",
  );
  (await Training.resume(gpu, data, { ...OPTIONS, stopAfter }, bytes)).destroy();
  over.destroy();
});

/** A training of {@linkcode OPTIONS} that was stopped within its first epoch, after the first submit, and its rows. */
async function beginTraining(options: TrainingOptions): Promise<[Training, MetricRow[][]]> {
  const training = await Training.create(await sharedGpu(), data, options);
  const rows: MetricRow[][] = [];
  const stop = new AbortController();
  await assertRejects(async () => {
    const run = training.run({ signal: stop.signal, onStep: () => stop.abort() });
    for await (const row of run) rows.push(row);
  });
  assert(0 < training.step && training.step < training.stepsPerEpoch, `${training.step}`);
  return [training, rows];
}

Deno.test("Training.resume() ends at an earlier end as a training of that length does", async () => {
  for (const stopAfter of [undefined, { patience: Infinity }]) {
    const [begun, rows] = await beginTraining({ ...OPTIONS, stopAfter });
    const bytes = encodeState(await begun.state());
    // The last step has a row, which none within an epoch has otherwise.
    const shorter = { ...OPTIONS, stopAfter, epochs: begun.step / begun.stepsPerEpoch };
    const { training: whole, rows: expected } = await train(shorter);
    const resumed = await Training.resume(await sharedGpu(), data, shorter, bytes);
    for await (const row of resumed.run()) rows.push(row);
    assertEquals(rows, expected);
    const [state, wholeState] = [await resumed.state(), await whole.state()];
    for (const name of KEPT) assertEquals(state[name], wholeState[name]);
    assertEquals(resumed.best, whole.best);
    for (const made of [whole, begun, resumed]) made.destroy();
  }
});

Deno.test("Training.resume() refuses to end at a row that is over where the best parameters are to be restored", async () => {
  const gpu = await sharedGpu();
  const shorter = { ...OPTIONS, epochs: 4 };
  const { training: plain, states } = await train(OPTIONS);
  assertEquals(states[4].step, 24);
  const over = await Training.resume(gpu, data, shorter, encodeState(states[4]));
  assertEquals(await Array.fromAsync(over.run()), []);
  assertEquals((await over.network()).parameters, states[4].parameters[0]);

  const stopAfter = { patience: Infinity };
  const { training: stopping, states: [, , , , state] } = await train({ ...OPTIONS, stopAfter });
  await assertRejects(
    () => Training.resume(gpu, data, { ...shorter, stopAfter }, encodeState(state)),
    ArgumentError,
    "for 24 steps: it has made as many of 60 without its best parameters, expected more",
  );
  for (const made of [plain, over, stopping]) made.destroy();
});

Deno.test("Training.resume() names every option that differs", async () => {
  const gpu = await sharedGpu();
  const training = await Training.create(gpu, data, OPTIONS);
  const state = await training.state();
  const bytes = encodeState(state);
  const { learningRate: _, ...rest } = OPTIONS;
  const cases: [TrainingOptions, string][] = [
    [
      { ...OPTIONS, batch: 20, seed: 2 },
      "with seed 1, and this has 2; with batch 10, and this has 20",
    ],
    [{ ...OPTIONS, lambda: 0.1 }, "it was saved with networks[0].lambda 0, and this has 0.1; exp"],
    [{ ...OPTIONS, networks: [{}, {}] }, "it was saved with networks 1, and this has 2; expected"],
    [{ ...OPTIONS, initialisation: 0.1 }, "networks[0].initialisation he, and this has 0.1"],
    [{ ...rest, halfCycle: 3, etaMin: 0.8, etaMax: 0.8 }, "with halfCycle none, and this has 3"],
    [{ ...OPTIONS, evaluateEvery: 2 }, "with evaluateEvery 6, and this has 2"],
    [{ ...OPTIONS, variant: "tiled" }, `with variant ${training.variant}, and this has tiled`],
  ];
  for (const [options, message] of cases) {
    await assertRejects(() => Training.resume(gpu, data, options, bytes), ArgumentError, message);
  }
  const stopping = { ...OPTIONS, stopAfter: { patience: 1 } };
  await assertRejects(() => Training.resume(gpu, data, stopping, bytes), ArgumentError, "stop");
  const { sha256 } = data;
  const other = { ...data, sha256: "another" };
  await assertRejects(
    () => Training.resume(gpu, other, OPTIONS, bytes),
    ArgumentError,
    `it was saved with data ${sha256}, and this has another`,
  );
  // Without the origin nothing but the shape is compared.
  const { origin: _origin, ...bare } = state;
  const seeded = await Training.create(gpu, data, { ...OPTIONS, seed: 2 });
  assertThrows(() => seeded.restore(state), ArgumentError, "with seed 1, and this has 2");
  seeded.restore(bare);
  for (const made of [training, seeded]) made.destroy();
});

Deno.test("Training.restore() and bestNetwork() refuse what does not fit early stopping", async () => {
  const training = await Training.create(await sharedGpu(), data, OPTIONS);
  assertEquals(training.best, [null]);
  await assertRejects(() => training.bestNetwork(), ArgumentError, "the option stopAfter");
  await assertRejects(
    () => training.bestNetwork(1),
    ArgumentError,
    "Cannot copy network 1: expected",
  );
  const stopping = await Training.create(await sharedGpu(), data, {
    ...OPTIONS,
    stopAfter: { patience: 1 },
  });
  assertEquals(await stopping.bestNetwork(), null);
  const state = await stopping.state();
  const broken = [
    await training.state(),
    { ...state, stopping: { ...state.stopping!, waited: [] } },
    { ...state, stopping: { ...state.stopping!, kept: { parameters: [], statistics: [] } } },
    { ...state, stopping: { ...state.stopping!, pending: [state.stopping!.kept] } },
    { ...state, parameters: [[1]] },
    { ...state, rowDue: "yes" },
    null,
    5,
  ];
  for (const wrong of broken) {
    assertThrows(() => stopping.restore(wrong as TrainingState), ArgumentError, "Cannot re");
  }
  for (const made of [training, stopping]) made.destroy();
});
