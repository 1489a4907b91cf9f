import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { subset } from "../../src/data/dataset.ts";
import { ArgumentError } from "../../src/errors.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { initialise } from "../../src/model/initialisation.ts";
import { Random } from "../../src/model/random.ts";
import { planSteps } from "../../src/programs/steps.ts";
import { Population } from "../../src/train/population.ts";
import { Training, type TrainingOptions } from "../../src/train/training.ts";
import { planTraining, riseAt } from "../../src/train/training_plan.ts";
import { createRandomData, sharedGpu } from "../_gpu.ts";

const data = await createRandomData({ inputs: 6, training: 45, validation: 10, test: 10 });

const SHAPE = { hidden: [5], batchNorm: true, batch: 4 };
const CONSTANT = { ...SHAPE, epochs: 2, learningRate: 0.1 };
const CYCLE = { ...SHAPE, cycles: 1, halfCycle: 10, etaMin: 0.01, etaMax: 0.1 };

/** The plan reads its counts alone. */
const larger = { ...data, training: { ...data.training, count: 250 } };

Deno.test("planTraining() trains one network at a constant rate unless told otherwise", () => {
  const plan = planTraining({ ...CONSTANT, batch: undefined, epochs: 3 }, larger);
  assertEquals(plan.networks, [
    { identity: 0, lambda: 0, etaMin: 0.1, etaMax: 0.1, initialisation: "he" },
  ]);
  assertEquals([plan.seed, plan.batch, plan.steps, plan.evaluateEvery], [1, 100, 6, 2]);
  assertEquals(plan.halfCycle, undefined);
  // At any other rise the GPU would compute a mean of two equal rates, which may be another rate by rounding.
  for (const step of [0, 1, 2, 1000]) assertEquals(riseAt(plan, step), 0);
  assertEquals(plan.stopAfter, undefined);
});

Deno.test("planTraining() takes what a network leaves out from the options, and 0, 1, … as identities", () => {
  const networks = [{}, { lambda: 0.5, etaMax: 0.2 }, { identity: "a", lambda: undefined }];
  const options = { ...CYCLE, lambda: 0.1, initialisation: "xavier", networks } as const;
  const shared = { lambda: 0.1, etaMin: 0.01, etaMax: 0.1, initialisation: "xavier" } as const;
  assertEquals(planTraining(options, data).networks, [
    { ...shared, identity: 0 },
    { ...shared, identity: 1, lambda: 0.5, etaMax: 0.2 },
    { ...shared, identity: "a" },
  ]);
});

Deno.test("planTraining() counts the steps of epochs and cycles, also of parts if they are whole", () => {
  // 45 images are 11 batches of 4 and 1 left out.
  const count = (options: TrainingOptions) => planTraining(options, data).steps;
  assertEquals(count({ ...CONSTANT, epochs: 2 }), 22);
  assertEquals(count({ ...CONSTANT, epochs: 1 / 11 }), 1);
  assertEquals(count({ ...CONSTANT, epochs: 7 / 11 }), 7);
  assertEquals(count({ ...CONSTANT, batch: 5, epochs: 1 / 3 }), 3);
  assertEquals(count(CYCLE), 20);
  assertEquals(count({ ...CYCLE, cycles: 1.5 }), 30);
  assertEquals(count({ ...CYCLE, cycles: undefined, epochs: 3 }), 33);
});

Deno.test("planTraining() refuses what is missing, contradictory, unknown or of the wrong type", () => {
  const { epochs: _, ...endless } = CONSTANT;
  const { learningRate: _rate, ...still } = CONSTANT;
  const { hidden: _hidden, ...shapeless } = CONSTANT;
  const { batchNorm: _norm, ...undecided } = CONSTANT;
  const cases: [unknown, string][] = [
    [endless, "Cannot train without a length, expected epochs"],
    [{ ...CYCLE, cycles: undefined }, "Cannot train without a length, expected epochs or cycles"],
    [still, "Cannot train without a learning rate: expected learningRate"],
    [shapeless, "Cannot train without hidden, expected a list of widths, as in [50, 50]"],
    [undecided, "Cannot train without batchNorm, expected true or false"],
    [{ ...CYCLE, etaMin: undefined }, "Cannot train without etaMin, expected 0 or a number"],
    [{ ...CYCLE, epochs: 1 }, "Cannot train for 1 epochs and 1 cycles, expected one of them"],
    [{ ...CONSTANT, epochs: undefined, cycles: 2 }, "Cannot train for 2 cycles without halfCycle"],
    [{ ...CONSTANT, etaMax: 1 }, "Cannot train with etaMax without halfCycle: expected"],
    [{ ...CYCLE, learningRate: 1 }, "Cannot train with learningRate and halfCycle: "],
    [{ ...CYCLE, networks: [{ learningRate: 1 }] }, "with learningRate and halfCycle"],
    [{ ...CONSTANT, learningrate: 1 }, "no option learningrate, did you mean learningRate?"],
    [{ ...CONSTANT, momentum: 1 }, "no option momentum, expected some of hidden, batchNorm, "],
    [{ ...CONSTANT, networks: [{ lamda: 1 }] }, "networks[0].lamda, did you mean lambda?"],
    [{ ...CONSTANT, networks: [{}, 5] }, "with networks[1] 5, expected an object"],
    [{ ...CONSTANT, networks: { lambda: 1 } }, 'networks {"lambda":1}, expected a list of'],
    [{ ...CONSTANT, networks: [{ identity: {} }] }, "networks[0].identity {}, expected a text or"],
    [{ ...CONSTANT, epochs: 0.3 }, "for 0.3 epochs of 11 steps, expected a whole number of steps"],
    [{ ...CONSTANT, epochs: 0 }, "for 0 epochs"],
    [{ ...CONSTANT, epochs: "2" }, 'for "2" epochs'],
    [{ ...CYCLE, cycles: "2" }, 'cycles "2", expected a number above 0'],
    [{ ...CYCLE, halfCycle: "20" }, "halfCycle is 20"],
    [{ ...CYCLE, etaMin: "0.1" }, 'etaMin "0.1", expected 0 or a number from'],
    [{ ...CONSTANT, learningRate: "0.1" }, 'learningRate "0.1", expected 0 or a number from'],
    [{ ...CONSTANT, learningRate: -1 }, "learningRate -1, expected 0 or a number from"],
    [{ ...CONSTANT, learningRate: 1e39 }, "learningRate 1e+39, expected 0 or a number from"],
    [{ ...CONSTANT, lambda: "0" }, 'lambda "0", expected 0 or a number from'],
    [{ ...CONSTANT, hidden: "50,50" }, 'hidden "50,50", expected a list of widths'],
    [{ ...CONSTANT, hidden: ["50"] }, 'hidden ["50"], expected a list of widths'],
    [{ ...CONSTANT, batchNorm: "on" }, 'batchNorm "on", expected true or false'],
    [{ ...CONSTANT, seed: 1.5 }, "seed 1.5, expected an integer from 0 to 4294967295"],
    [{ ...CONSTANT, seed: "1" }, 'seed "1", expected an integer'],
    [{ ...CONSTANT, batch: "10" }, 'batches of "10": expected'],
    [{ ...CONSTANT, evaluateEvery: "2" }, 'every "2" steps, expected an integer'],
    [{ ...CONSTANT, variant: "quick" }, 'no kernel variant "quick"'],
    [{ ...CONSTANT, variant: 5 }, "no kernel variant 5"],
    [{ ...CONSTANT, stopAfter: 3 }, "with stopAfter 3, expected an object"],
    [{ ...CONSTANT, stopAfter: {} }, "without stopAfter.patience, expected an integer of at least"],
    [{ ...CONSTANT, stopAfter: { patience: 0 } }, "stopAfter.patience 0, expected an integer of"],
    [{ ...CONSTANT, stopAfter: { patience: 1, metric: "f1" } }, 'metric "f1", expected "loss", '],
    [{ ...CONSTANT, stopAfter: { patience: 1, restoreBest: 1 } }, "restoreBest 1, expected true"],
    [{ ...CONSTANT, stopAfter: { patience: 1, mode: "min" } }, "there is no option stopAfter.mode"],
    [{ ...CONSTANT, seed: Math.abs }, "seed function abs() { [native code] }, expected an"],
    [undefined, "Cannot train without options, expected an object"],
    [[], "Cannot train with options [], expected an object"],
  ];
  for (const [options, message] of cases) {
    assertThrows(() => planTraining(options as TrainingOptions, data), ArgumentError, message);
  }
});

Deno.test("planTraining() refuses to stop early where there are no validation images", () => {
  const bare = { ...data, validation: { ...data.validation, count: 0 } };
  planTraining(CONSTANT, bare);
  assertThrows(
    () => planTraining({ ...CONSTANT, stopAfter: { patience: 1 } }, bare),
    ArgumentError,
    "Cannot train with stopAfter: the data have no validation images",
  );
});

Deno.test("Training computes with a constant rate as it is, at every step", async () => {
  const gpu = await sharedGpu();
  const device = new DeviceDataSet(gpu, data);
  const training = await Training.create(gpu, device, CONSTANT);
  const etas: (number | null)[] = [];
  for await (const [{ eta }] of training.run()) etas.push(eta);
  assertEquals(etas, [null, 0.1, 0.1]);
  const architecture = { inputs: 6, hidden: [5], classes: 10, batchNorm: true };
  const { variant } = training;
  const population = await Population.create(gpu, {
    ...{ architecture, batch: 4, data: device, variant },
    // Any part of etaMax would show.
    networks: [{ lambda: 0, etaMin: 0.1, etaMax: 1000 }],
  });
  population.write({ parameters: [initialise(architecture, { seed: 1, identity: 0 })] });
  for (const epoch of [0, 1]) {
    population.setOrder(new Random(1, "batches", epoch).permutation(45));
    await population.advance(planSteps(population, { first: 11 * epoch, count: 11 }));
  }
  const { parameters } = await training.state();
  assertEquals(parameters, (await population.readState()).parameters);
  for (const made of [training, population, device]) made.destroy();
});

Deno.test("Training.run() goes on with cycles for so many epochs", async () => {
  const gpu = await sharedGpu();
  const options = { ...CYCLE, cycles: undefined, epochs: 2, evaluateEvery: 5 };
  const training = await Training.create(gpu, data, options);
  const etas: [number, number | null][] = [];
  for await (const [{ step, eta }] of training.run()) {
    etas.push([step, eta === null ? null : Math.round(1e6 * eta) / 1e6]);
  }
  training.destroy();
  // 0.01 + 0.09 k / 10, where k is the distance of the step just done from the end of a cycle.
  assertEquals(etas, [[0, null], [5, 0.046], [10, 0.091], [15, 0.064], [20, 0.019], [22, 0.019]]);
});

Deno.test("Training refuses wrong arguments and any use after destroy() in one sentence", async () => {
  const small = subset(data, { training: 20 });
  const training = await Training.create(await sharedGpu(), small, CONSTANT);
  // Wrong types, as a caller without a compiler may give them.
  const any = training as unknown as {
    evaluate(...args: unknown[]): Promise<unknown>;
    predict(...args: unknown[]): Promise<unknown>;
    run(...args: unknown[]): AsyncGenerator<unknown>;
  };
  const wrong: [() => Promise<unknown>, string][] = [
    [() => any.evaluate("train"), 'split "train", expected "training", "validation" or "test"'],
    [() => any.evaluate(), "Cannot evaluate the networks without split, expected"],
    [() => any.predict("all"), 'Cannot predict classes with split "all", expected'],
    [() => any.evaluate("test", { abort: 1 }), "no option abort, expected some of signal"],
    [() => any.predict("test", { signal: 1 }), "with signal 1, expected an AbortSignal"],
    [() => any.run({ ahaed: true }).next(), "no option ahaed, did you mean ahead?"],
    [() => any.run({ ahead: 1 }).next(), "with ahead 1, expected true or false"],
    [() => any.run({ onStep: 1 }).next(), "with onStep 1, expected a function"],
  ];
  for (const [use, message] of wrong) await assertRejects(use, ArgumentError, message);
  const state = await training.state();
  for await (const _ of training.run());
  training.destroy();
  const uses = [
    () => training.run().next(), // though no row is left
    () => training.evaluate("test"),
    () => training.predict("test"),
    () => training.diverged(),
    () => training.state(),
    () => training.network(),
    () => training.bestNetwork(),
  ];
  for (const use of uses) await assertRejects(use, ArgumentError, "it was destroyed");
  assertThrows(() => training.restore(state), ArgumentError, "it was destroyed");
});
