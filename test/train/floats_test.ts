/** Measured numbers train as bytes do, with any offset, and splits without images disturb nothing. */
import { assert, assertEquals } from "@std/assert";
import { createDataSet, type DataSet, subset } from "../../src/data/dataset.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import { Random } from "../../src/model/random.ts";
import { Training, type TrainingOptions } from "../../src/train/training.ts";
import { asFloats, createRandomData, sharedGpu } from "../_gpu.ts";

/** Numbers of 5 values, which are no whole number of texels, far from 0 and from 1. */
const floats = await asFloats(
  await createRandomData({ inputs: 5, training: 60, validation: 25, classes: 4 }),
  { scale: 30, offset: -700 },
);

const OPTIONS: TrainingOptions = {
  hidden: [6],
  batchNorm: true,
  networks: [{ identity: "a", lambda: 1e-3, etaMin: 1e-3, etaMax: 0.2 }],
  halfCycle: 15,
  cycles: 1,
  batch: 10,
};

async function train(data: DataSet): Promise<{ rows: MetricRow[]; training: Training }> {
  const training = await Training.create(await sharedGpu(), data, OPTIONS);
  const rows: MetricRow[] = [];
  for await (const [row] of training.run()) rows.push(row);
  return { rows, training };
}

Deno.test("Training learns from numbers beside a large offset as from those around 0, to the same bytes", async () => {
  const random = new Random(9, "offset");
  // From -1 to 1 in sixteenths, as far apart as float32 numbers are beside 1e6; each is there with its negative.
  const half = Array.from({ length: 3 * 60 }, () => (random.below(33) - 16) / 16);
  const values = [...half, ...half.map((value) => -value)];
  const labels = Array.from({ length: 120 }, (_, i) => values[3 * i] > 0 ? 1 : 0);
  const create = (offset: number) =>
    createDataSet(
      { images: Float32Array.from(values, (value) => offset + value), labels },
      undefined,
      { name: "offset", classNames: ["below", "above"], validation: 0 },
    );
  const [centred, far] = [await train(await create(0)), await train(await create(1e6))];

  assertEquals(far.rows, centred.rows);
  const accuracy = centred.rows.at(-1)!.training.accuracy;
  assert(accuracy > 0.8, String(accuracy));
  // All but the origin, which names other data.
  const { origin: _, ...near } = await centred.training.state();
  const { origin: __, ...offset } = await far.training.state();
  assertEquals(offset, near);
  centred.training.destroy();
  far.training.destroy();
});

Deno.test("Training says nothing of splits without images, and does not take them for a divergence", async () => {
  const whole = await createRandomData({ inputs: 5, classes: 4 });
  const none = { loss: NaN, cost: NaN, accuracy: NaN };
  for (const source of [whole, floats]) {
    const empty = await train(subset(source, { validation: 0, test: 0 }));
    const { rows, training } = empty;
    const usual = await train(source);
    assertEquals(rows.map(({ validation }) => validation), rows.map(() => none));
    assertEquals(
      rows.map(({ training }) => training),
      usual.rows.map(({ training }) => training),
    );
    assertEquals(await training.diverged(), [null]);
    assertEquals(training.knownDivergence, [null]);
    assertEquals(await training.evaluate("test"), [none]);
    assertEquals(await training.predict("validation"), [new Uint16Array()]);
    assertEquals((await training.predict("training"))[0].length, source.training.count);
    training.destroy();
    usual.training.destroy();
  }
});
