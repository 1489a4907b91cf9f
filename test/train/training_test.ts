import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createDataSet, type DataSet, type LabelledImages } from "../../src/data/dataset.ts";
import { ArgumentError } from "../../src/errors.ts";
import { Random } from "../../src/model/random.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import { Training, type TrainingOptions, type TrainingState } from "../../src/train/training.ts";
import { sharedGpu } from "../_gpu.ts";

/** Images of 6 values, the first of which determines the class. */
async function learnable(count: number): Promise<DataSet> {
  const random = new Random(5, "learnable");
  function draw(n: number): LabelledImages {
    const images = new Uint8Array(6 * n).map(() => random.below(256));
    const labels = new Uint8Array(n).map((_, i) => Math.floor(images[6 * i] / 86));
    return { images, labels, count: n };
  }
  const options = { name: "learnable", classNames: ["low", "middle", "high"], validation: 30 };
  return await createDataSet(draw(count + 30), draw(40), options);
}

const data = await learnable(105);

const OPTIONS = {
  hidden: [8],
  batchNorm: true,
  networks: [{ identity: "a", lambda: 1e-4, etaMin: 1e-3, etaMax: 0.3 }],
  halfCycle: 20,
  cycles: 1,
  batch: 10,
};

async function train(
  options: TrainingOptions,
): Promise<{ rows: MetricRow[][]; training: Training }> {
  const training = await Training.create(await sharedGpu(), data, options);
  const rows: MetricRow[][] = [];
  for await (const row of training.run()) rows.push(row);
  return { rows, training };
}

Deno.test("Training.run() gives a row before the first step and one per epoch", async () => {
  const { rows, training } = await train(OPTIONS);
  // 105 images are 10 batches of 10 and 5 left out.
  assertEquals(training.stepsPerEpoch, 10);
  assertEquals(rows.map(([{ step, epoch }]) => [step, epoch]), [
    [0, 0],
    [10, 1],
    [20, 2],
    [30, 3],
    [40, 4],
  ]);
  assertEquals(rows[0][0].eta, null);
  assert(Math.abs(rows[2][0].eta! - (1e-3 + 19 / 20 * (0.3 - 1e-3))) < 1e-12);
  assert(rows[4][0].training.accuracy > 0.6, `${rows[4][0].training.accuracy}`);
  assert(rows[4][0].training.cost > rows[4][0].training.loss);
  assertEquals(await training.diverged(), [null]);
  training.destroy();
});

Deno.test("Training.run() gives the last step a row when it does not end an epoch", async () => {
  const { rows, training } = await train({ ...OPTIONS, halfCycle: 6, evaluateEvery: 5 });
  assertEquals(rows.map(([{ step }]) => step), [0, 5, 10, 12]);
  training.destroy();
});

Deno.test("Training.run() resumes to the same bytes after a stop at any step", async () => {
  const { training: whole } = await train(OPTIONS);
  const stopped = await Training.create(await sharedGpu(), data, OPTIONS);
  const controller = new AbortController();
  await assertRejects(
    async () => {
      const options = {
        signal: controller.signal,
        onStep: (step: number) => {
          if (step >= 13) controller.abort(new Error("told to stop"));
        },
      };
      for await (const _row of stopped.run(options));
    },
    Error,
    "told to stop",
  );
  assert(stopped.step >= 13 && stopped.step < 40, `${stopped.step}`);
  for await (const _row of stopped.run());
  assertEquals(await stopped.state(), await whole.state());
  whole.destroy();
  stopped.destroy();
});

for (const ahead of [false, true]) {
  Deno.test(`Training.restore() gives the rows of an unbroken run, ${ahead ? "ahead" : "one by one"}`, async () => {
    const { rows: expected, training: whole } = await train(OPTIONS);
    const wholeState = await whole.state();
    // After each row, and after a stop in the middle of the steps.
    for (let cut = 0; cut <= expected.length; cut++) {
      const first = await Training.create(await sharedGpu(), data, OPTIONS);
      const rows: MetricRow[][] = [];
      for await (const row of first.run({ ahead })) {
        rows.push(row);
        if (rows.length === cut) break;
      }
      const second = await Training.create(await sharedGpu(), data, OPTIONS);
      second.restore(await first.state());
      for await (const row of second.run({ ahead })) rows.push(row);

      assertEquals(rows, expected, `cut after ${cut} rows`);
      assertEquals(await second.state(), wholeState);
      for (const training of [first, second]) training.destroy();
    }
    whole.destroy();
  });
}

Deno.test("Training.restore() gives a row that was due when the training was told to stop", async () => {
  const { rows: expected, training: whole } = await train(OPTIONS);
  for (const stop of [10, 13, 20]) {
    const first = await Training.create(await sharedGpu(), data, OPTIONS);
    const controller = new AbortController();
    const onStep = (step: number) => {
      if (step >= stop) controller.abort(new Error("told to stop"));
    };
    const rows: MetricRow[][] = [];
    await assertRejects(
      async () => {
        for await (const row of first.run({ signal: controller.signal, onStep })) rows.push(row);
      },
      Error,
      "told to stop",
    );
    const second = await Training.create(await sharedGpu(), data, OPTIONS);
    second.restore(await first.state());
    for await (const row of second.run()) rows.push(row);

    assertEquals(rows, expected, `stopped at ${stop}`);
    for (const training of [first, second]) training.destroy();
  }
  whole.destroy();
});

for (const ahead of [false, true]) {
  Deno.test(`Training.restore() ends where an unbroken run ends when all diverge, ${ahead ? "ahead" : "one by one"}`, async () => {
    const wild = { ...OPTIONS.networks[0], etaMin: 1e30, etaMax: 1e30 };
    const options = { ...OPTIONS, batchNorm: false, networks: [wild] };
    const { rows: expected, training: whole } = await train(options);
    assert(expected.length < 5);
    for (let cut = 0; cut <= expected.length; cut++) {
      const first = await Training.create(await sharedGpu(), data, options);
      const rows: MetricRow[][] = [];
      for await (const row of first.run({ ahead })) {
        rows.push(row);
        if (rows.length === cut) break;
      }
      const second = await Training.create(await sharedGpu(), data, options);
      second.restore(await first.state());
      for await (const row of second.run({ ahead })) rows.push(row);

      assertEquals(rows, expected, `cut after ${cut} rows`);
      assertEquals(await second.diverged(), await whole.diverged());
      for (const training of [first, second]) training.destroy();
    }
    whole.destroy();
  });
}

Deno.test("Training.restore() resumes from a state to the same bytes", async () => {
  const { training: whole } = await train(OPTIONS);
  const first = await Training.create(await sharedGpu(), data, OPTIONS);
  for await (const [{ step }] of first.run()) if (step === 20) break;
  const second = await Training.create(await sharedGpu(), data, OPTIONS);
  const state = await first.state();
  second.restore(state);
  assertEquals(second.step, 20);
  for await (const _row of second.run());
  assertEquals(await second.state(), await whole.state());
  assertThrows(
    () => second.restore({ ...state, parameters: [] }),
    ArgumentError,
  );
  for (const training of [whole, first, second]) training.destroy();
});

Deno.test("Training.state() is the state at the time of the call while run() continues", async () => {
  for (const variant of [undefined, "fused-tail"]) {
    const { rows: expected, training: whole } = await train({ ...OPTIONS, variant });
    const wholeState = await whole.state();
    const training = await Training.create(await sharedGpu(), data, { ...OPTIONS, variant });
    const asked: Promise<TrainingState>[] = [];
    const onStep = () => asked.push(training.state());
    for await (const _row of training.run({ onStep }));
    assertEquals(await training.state(), wholeState);
    for (const state of await Promise.all(asked)) {
      training.restore(state);
      const rows: MetricRow[][] = [];
      for await (const row of training.run()) rows.push(row);

      // Including the row of the step of the state.
      assertEquals(rows, expected.filter(([{ step }]) => step >= state.step), `${state.step}`);
      assertEquals(await training.state(), wholeState);
    }
    for (const other of [whole, training]) other.destroy();
  }
});

Deno.test("Training.run() gives the row of a step whose onStep() threw", async () => {
  const { rows: expected, training } = await train(OPTIONS);
  training.destroy();
  const stopped = await Training.create(await sharedGpu(), data, OPTIONS);
  const rows: MetricRow[][] = [];
  await assertRejects(async () => {
    const onStep = (step: number) => {
      if (step === 10) throw new Error("of the caller's");
    };
    for await (const row of stopped.run({ onStep })) rows.push(row);
  }, "of the caller's");
  for await (const row of stopped.run()) rows.push(row);
  assertEquals(rows, expected);
  stopped.destroy();
});

Deno.test("Training.run() resumes from a state restored between two rows", async () => {
  const { rows: expected, training } = await train(OPTIONS);
  const end = await training.state();
  const other = await Training.create(await sharedGpu(), data, OPTIONS);
  const start = await other.state();
  const found: MetricRow[][] = [];
  for await (const row of other.run()) {
    found.push(row);
    if (found.length === expected.length) other.restore(start);
    if (found.length === expected.length + 2) other.restore(end);
  }
  assertEquals(found, [...expected, ...expected.slice(0, 2)]);
  for (const made of [training, other]) made.destroy();
});

Deno.test("Training refuses to run twice at once, and to be restored while it runs", async () => {
  const { rows: expected, training } = await train(OPTIONS);
  const other = await Training.create(await sharedGpu(), data, OPTIONS);
  const start = await other.state();
  const found: MetricRow[][] = [];
  const [first, second] = [other.run(), other.run()];
  for (let i = 0; i < expected.length; i++) {
    const row = first.next();
    await assertRejects(() => other.run().next(), ArgumentError, "run() is under way");
    assertThrows(() => other.restore(start), ArgumentError, "run() is under way");
    found.push((await row).value!);
    // One after the other is allowed.
    if (++i < expected.length) found.push((await second.next()).value!);
  }
  assertEquals(found, expected);
  assertEquals(await other.state(), await training.state());
  for (const made of [training, other]) made.destroy();
  // No rows are left.
  assertEquals((await first.next()).done, true);
});

for (const name of [undefined, "tiled"]) {
  Deno.test(`Training gives the same results concurrently as one by one (${name ?? "default variant"})`, async () => {
    const gpu = await sharedGpu();
    // So wide that the images are evaluated in parts, as in the test of predict().
    const hidden = [gpu.adapter.software ? 4000 : 50_000];
    const options = { ...OPTIONS, hidden, variant: name };
    const one = await Training.create(gpu, data, options);
    const expected = [
      await one.evaluate("training"),
      await one.evaluate("test"),
      await one.predict("training"),
      await one.evaluate("validation"),
      await one.state(),
    ];
    one.destroy();

    const training = await Training.create(gpu, data, options);
    const found = await Promise.all([
      training.evaluate("training"),
      training.evaluate("test"),
      training.predict("training"),
      training.evaluate("validation"),
      training.state(),
    ]);
    assertEquals(found, expected);
    training.destroy();
  });
}

Deno.test("Training.create() starts a network the same alone and in a population", async () => {
  const [a] = OPTIONS.networks;
  const b = { ...a, identity: "b", lambda: 0.1, initialisation: 0.01 };
  const { training: both } = await train({ ...OPTIONS, networks: [b, a] });
  const { training: alone } = await train(OPTIONS);
  const together = await both.state();
  const single = await alone.state();
  assertEquals(together.parameters[1], single.parameters[0]);
  assertEquals(together.statistics[1], single.statistics[0]);
  both.destroy();
  alone.destroy();
});

Deno.test("Training.predict() finds the classes that evaluate() counts", async () => {
  const [a] = OPTIONS.networks;
  const gpu = await sharedGpu();
  // So wide that 105 images are evaluated in three parts, the last of them smaller: a part has as many images as give
  // 160,000 values, or 2,000,000 on hardware.
  const training = await Training.create(gpu, data, {
    ...OPTIONS,
    hidden: [gpu.adapter.software ? 4000 : 50_000],
    networks: [a, { ...a, identity: "b" }],
  });
  for (const split of ["training", "test"] as const) {
    const { labels, count } = data[split];
    const predictions = await training.predict(split);
    const evaluations = await training.evaluate(split);
    assertEquals(predictions.map(({ length }) => length), [count, count]);
    const correct = predictions.map((own) => own.filter((c, i) => c === labels[i]).length);
    assertEquals(correct.map((n) => n / count), evaluations.map(({ accuracy }) => accuracy));
    assert(predictions.every((own) => new Set(own).size > 1));
    assert(predictions[0].some((c, i) => c !== predictions[1][i]));
  }
  training.destroy();
});

Deno.test("Training.diverged() names the step and run() ends early when all networks diverge", async () => {
  const networks = [{ identity: "a", lambda: 0, etaMin: 1e30, etaMax: 1e30 }];
  const { rows, training } = await train({ ...OPTIONS, batchNorm: false, networks });
  const [step] = await training.diverged();
  assert(step !== null && step >= 1 && step <= 10, `${step}`);
  assertEquals(rows.map(([{ step }]) => step), [0, 10]);
  assert(!Number.isFinite(rows[1][0].training.loss));
  training.destroy();
});

Deno.test("Training.create() refuses options that are not allowed", async () => {
  const gpu = await sharedGpu();
  const [network] = OPTIONS.networks;
  const refused: [Partial<TrainingOptions>, string][] = [
    [{ batch: 1 }, "batches of 1 with batch norm"],
    [{ batch: 106 }, "batches of 106"],
    [{ batch: 1.5 }, "batches of 1.5"],
    [{ hidden: [0] }, "hidden[0]"],
    [{ hidden: [1e9] }, "this adapter holds"],
    [{ networks: [] }, "0 networks"],
    [{ networks: [{ ...network, lambda: -1 }] }, "lambda -1"],
    [{ networks: [{ ...network, lambda: 1e-50 }] }, "lambda 1e-50, expected 0 or a number from"],
    [{ networks: [{ ...network, lambda: 1e39 }] }, "lambda 1e+39"],
    [{ networks: [{ ...network, etaMax: 1e39 }] }, "etaMax 1e+39"],
    [{ networks: [{ ...network, initialisation: 1e-40 }] }, "initialisation is 1e-40"],
    [{ networks: [{ ...network, etaMax: NaN }] }, "etaMax NaN"],
    [{ networks: [{ ...network, initialisation: 0 }] }, "initialisation is 0"],
    [{ halfCycle: 0 }, "halfCycle is 0"],
    [{ seed: -1 }, "-1"],
    [{ evaluateEvery: 0 }, "every 0 steps"],
  ];
  for (const [change, sentence] of refused) {
    await assertRejects(
      () => Training.create(gpu, data, { ...OPTIONS, ...change }),
      ArgumentError,
      sentence,
    );
  }
  gpu.check();
});
