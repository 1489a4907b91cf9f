import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import { Random } from "../../src/model/random.ts";
import {
  MAX_TEST_STEPS,
  type RateRow,
  type RateTestOptions,
  spreadRates,
  suggestRange,
  testLearningRates,
  testSteps,
} from "../../src/train/learning_rates.ts";
import { Training } from "../../src/train/training.ts";
import { createRandomData, sharedGpu } from "../_gpu.ts";

/** A row for each loss, at rates a factor of ten apart from 1e-4 on; null is one that diverged. */
function rowsOf(losses: readonly (number | null)[]): RateRow[] {
  return losses.map((loss, i) => ({
    eta: Number(`1e${i - 4}`),
    trainingLoss: loss ?? NaN,
    trainingAccuracy: loss === null ? NaN : 0.3,
    divergedAt: loss === null ? 5 : null,
  }));
}

const UNTRAINED = { classes: 10, initialLoss: 2 };

Deno.test("spreadRates() includes both ends exactly, and has equal ratios between them", () => {
  const rates = spreadRates({ from: 1e-5, to: 10 }, 24);
  assertEquals([rates.length, rates[0], rates[23]], [24, 1e-5, 10]);
  for (let i = 1; i < 24; i++) {
    // Six decades in 23 steps; a float64 has 16 digits.
    assert(Math.abs(rates[i] / rates[i - 1] / 10 ** (6 / 23) - 1) < 1e-13, `${rates[i]}`);
  }
  assertEquals(spreadRates({ from: 0.1, to: 0.3 }, 2), [0.1, 0.3]);
});

Deno.test("spreadRates() refuses a range or a count that makes no rates", () => {
  for (const [from, to] of [[1, 1], [1, 0.1], [0, 1], [-1, 1], [NaN, 1], [1, Infinity]]) {
    assertThrows(
      () => spreadRates({ from, to }, 3),
      ArgumentError,
      `Cannot try learning rates from ${from} to ${to}, expected two numbers`,
    );
  }
  for (const count of [1, 0, 2.5, NaN]) {
    assertThrows(
      () => spreadRates({ from: 1, to: 2 }, count),
      ArgumentError,
      `Cannot try ${count} learning rates, expected an integer of at least 2`,
    );
  }
});

Deno.test("suggestRange() reaches from where the loss has begun to fall to where it has not risen yet", () => {
  const cases: [losses: (number | null)[], range: [number, number, number]][] = [
    // The largest fall is 1, so that the bounds are 1.9 and 1.1.
    [[2, 1.95, 1.9, 1.5, 1, 1.1, 1.2], [1e-2, 10, 1]],
    [[2, 1.91, 1.89, 1.5, 1, 1.11, 1.05], [1e-2, 1, 1]],
    // A diverged network ends the range, and so does an infinite loss.
    [[1.99, 1.5, 1.05, 1, null], [1e-3, 0.1, 0.1]],
    [[1.99, 1.5, 1.05, 1, Infinity], [1e-3, 0.1, 0.1]],
    [[1.99, 1, null, 1, 1.5], [1e-3, 1e-3, 1e-3]],
    // A ragged part ends it on both sides; of equal losses the smaller rate is the best.
    [[2, 1.5, 1.95, 1, 1, 1.2, 1], [0.1, 1, 0.1]],
  ];
  for (const [losses, [etaMin, etaMax, best]] of cases) {
    const found = suggestRange(rowsOf(losses), UNTRAINED);
    assertEquals(found, { range: { etaMin, etaMax, best }, reason: null }, `${losses}`);
  }
});

Deno.test("suggestRange() says why there is no range, and what to try", () => {
  const smaller = "has already fallen at the smallest rate, 0.0001";
  const cases: [losses: (number | null)[], reason: string][] = [
    [[], "All networks diverged: expected smaller rates"],
    [[null, null, null], "All networks diverged: expected smaller rates"],
    [[2, 2, 2], "The loss fell by less than 1 % at every rate: expected more steps or other rates"],
    [[2.1, 3, null], "The loss fell by less than 1 % at every rate: expected more steps or other"],
    [
      [2, 1.8, 1.5, 1],
      "The loss has not risen again at the largest rate, 0.1: expected larger rates",
    ],
    [[1, 1.5, 1.8, 3], `The loss ${smaller}: expected smaller rates`],
    [[1.5, 1, null], `The loss ${smaller}: expected smaller rates`],
    [
      [1],
      `The loss ${smaller}, and has not risen again at the largest rate, 0.0001: ` +
      "expected smaller and larger rates",
    ],
  ];
  for (const [losses, reason] of cases) {
    const found = suggestRange(rowsOf(losses), UNTRAINED);
    assertEquals(found.range, null, `${losses}`);
    assert(found.reason!.startsWith(reason), found.reason!);
  }
  for (const initial of [NaN, Infinity]) {
    assertEquals(
      suggestRange(rowsOf([2, 1, 2]), { ...UNTRAINED, initialLoss: initial }).reason,
      "The loss is not finite before training: expected smaller initial weights",
    );
  }
});

Deno.test("suggestRange() tells learning from a loss that falls to that of guessing", () => {
  for (const [smallest, learnt] of [[2.29, false], [2.28, false], [2.279, true]] as const) {
    // 0.99 ln 10 is 2.2796.
    const found = suggestRange(rowsOf([2.98, 2.5, smallest, 2.6]), { classes: 10, initialLoss: 3 });
    assertEquals(found.range !== null, learnt, `${found.reason}`);
    const reason =
      "No loss fell below that of guessing: expected more steps or other initial weights";
    assertEquals(found.reason, learnt ? null : reason);
  }
});

Deno.test("suggestRange() keeps what it promises for 2000 random curves, in any order and unit", () => {
  const random = new Random(1, "curves");
  let ranges = 0;
  for (let trial = 0; trial < 2000; trial++) {
    const losses = Array.from({ length: 1 + random.below(9) }, (_, i) => {
      if (random.below(12) === 0) return null;
      // A valley with noise, so that many of the curves have a range.
      return Math.abs(i - 4) * random.uniform() / 2 + random.uniform() / 4;
    });
    const rows = rowsOf(losses);
    const initial = 2 * random.uniform();
    // Whatever the unit, no loss is above that of guessing.
    const untrained = { classes: Infinity, initialLoss: initial };
    const found = suggestRange(rows, untrained);
    assertEquals(found.range === null, found.reason !== null);
    const order = random.permutation(rows.length);
    assertEquals(suggestRange([...order].map((i) => rows[i]), untrained), found);
    const scaled = rows.map((row) => ({ ...row, trainingLoss: 8 * row.trainingLoss }));
    assertEquals(suggestRange(scaled, { ...untrained, initialLoss: 8 * initial }), found);
    if (found.range === null) continue;
    ranges++;
    const { etaMin, etaMax, best } = found.range;
    const inside = rows.filter(({ eta }) => eta >= etaMin && eta <= etaMax);
    assert(rows[0].eta < etaMin && etaMin <= best && best <= etaMax && etaMax < rows.at(-1)!.eta);
    const smallest = Math.min(
      ...rows.flatMap((row) => row.divergedAt === null ? [row.trainingLoss] : []),
    );
    const fall = initial - smallest;
    for (const { eta, trainingLoss, divergedAt } of inside) {
      assertEquals(divergedAt, null);
      const bound = eta < best ? initial - fall / 10 : smallest + fall / 10;
      assert(trainingLoss <= bound + 1e-12, `${eta} in ${JSON.stringify(rows)}`);
    }
  }
  assert(ranges > 200, `${ranges} ranges`);
});

Deno.test("testSteps() is an epoch, but at least 100 steps and at most 450", () => {
  assertEquals(MAX_TEST_STEPS, 450);
  const cases = [[45_000, 100, 450], [90_000, 100, 450], [20_000, 100, 200], [20_099, 100, 200]];
  for (const [images, batch, steps] of [...cases, [2000, 100, 100], [5, 10, 100]]) {
    assertEquals(testSteps(images, { batch }), steps);
  }
  assertEquals(testSteps(30_000, {}), 300);
});

const SMALL = { hidden: [8], batchNorm: true, batch: 10, seed: 3, identity: "a", lambda: 1e-3 };

Deno.test("testLearningRates() trains each network with its rate alone, as a training of one does", async () => {
  const [gpu, data] = [await sharedGpu(), await createRandomData({ inputs: 6 })];
  const rates = [1e-3, 0.3, 1e20];
  // An odd number, so that the last cycle is cut in half, and more than an epoch of 6.
  const options: RateTestOptions = { ...SMALL, rates, steps: 7 };
  const found = await testLearningRates(gpu, data, options);
  const { rows, steps, classes, initialLoss, ...suggestion } = found;
  assertEquals([steps, classes, rows.map(({ eta }) => eta)], [7, 10, rates]);
  assertEquals(suggestion, suggestRange(rows, found));
  assertEquals(rows.map(({ divergedAt }) => divergedAt !== null), [false, false, true]);
  assertEquals(rows[2].trainingAccuracy, NaN);
  const untrained = { eta: 0, trainingLoss: initialLoss, trainingAccuracy: null };
  for (const { eta, trainingLoss, trainingAccuracy } of [...rows.slice(0, 2), untrained]) {
    const { hidden, batchNorm, batch, seed, identity, lambda } = SMALL;
    const training = await Training.create(gpu, data, {
      ...{ hidden, batchNorm, batch, seed },
      networks: [{ identity, lambda, etaMin: eta, etaMax: eta }],
      halfCycle: 1,
      cycles: 3.5,
    });
    const [end] = (await Array.fromAsync(training.run())).at(-1)!;
    training.destroy();
    assertEquals([end.step, end.training.loss], [7, trainingLoss]);
    if (trainingAccuracy !== null) assertEquals(end.training.accuracy, trainingAccuracy);
  }
});

Deno.test("testLearningRates() tries 24 rates for 100 steps where an epoch has fewer, unless told otherwise", async () => {
  const [gpu, data] = [await sharedGpu(), await createRandomData({ inputs: 6 })];
  const steps: number[] = [];
  const onStep = (step: number) => void steps.push(step);
  const found = await testLearningRates(gpu, data, { ...SMALL, onStep });
  assertEquals([found.rows.length, found.steps, steps.at(-1)], [24, 100, 100]);
  assertEquals([found.rows[0].eta, found.rows[23].eta], [1e-5, 10]);
  assertEquals(await testLearningRates(gpu, data, SMALL), found);
});

Deno.test("testLearningRates() finds the rates that train", async () => {
  const [gpu, data] = [await sharedGpu(), await createRandomData({ inputs: 6, classes: 2 })];
  const found = await testLearningRates(gpu, data, { ...SMALL, steps: 60 });
  assert(found.range !== null, `${found.reason}, ${found.rows.map((row) => row.trainingLoss)}`);
  const { etaMin, etaMax, best } = found.range!;
  assert(1e-4 < etaMin && etaMin < best && best <= etaMax && etaMax < 10, `${etaMin} to ${etaMax}`);
  // 60 steps of 1e-5 change the loss by about 6e-4 ‖g‖², which the rate 0 does not.
  const change = Math.abs(found.rows[0].trainingLoss - found.initialLoss);
  assert(change > 0 && change < 1e-2, `${change}`);
});

Deno.test("testLearningRates() refuses what it cannot test, and stops when told to", async () => {
  const [gpu, data] = [await sharedGpu(), await createRandomData({ inputs: 6 })];
  const cases: [Partial<RateTestOptions>, string][] = [
    [{ rate: [0.1] } as object, "there is no option rate, did you mean rates?"],
    [
      { epochs: 2 } as object,
      "there is no option epochs, expected some of hidden, batchNorm, seed",
    ],
    [{ steps: 0 }, "Cannot test learning rates in 0 steps, expected 1 or more"],
    [{ steps: 1.5 }, "Cannot test learning rates in 1.5 steps, expected 1 or more"],
    [{ rates: [NaN] }, "etaMin is NaN"],
    [{ rates: [-1] }, "etaMin is -1"],
  ];
  for (const [options, sentence] of cases) {
    await assertRejects(
      () => testLearningRates(gpu, data, { ...SMALL, ...options }),
      ArgumentError,
      sentence,
    );
  }
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  const error = await assertRejects(() => testLearningRates(gpu, data, { ...SMALL, signal }));
  assertEquals(error, reason);
});
