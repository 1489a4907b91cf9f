/**
 * What someone who imports the module may get wrong, beside what the compiler finds: every mistake is one sentence of an
 * `ArgumentError`.
 */
import {
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import * as mlp from "../mod.ts";
import { sharedGpu } from "./_gpu.ts";

// Untyped, as from JavaScript.
// deno-lint-ignore no-explicit-any
const untyped = mlp as any;
const { Classifier, createDataSet, splitRecords, standardise, subset, Training } = untyped;
const { DeviceDataSet, encodeNetwork, encodeSafetensors, encodeState, Gpu } = untyped;
const { ArgumentError, createSynthetic, DataError, decodeNetwork } = mlp;

const gpu = await sharedGpu();
const RECORDS = { images: Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7), labels: [0, 1, 0, 1] };
const OPTIONS = { name: "own", classNames: ["a", "b"], validation: 1 };
const data = await createDataSet(RECORDS, RECORDS, OPTIONS);
const PLAN = { hidden: [3], batchNorm: true, learningRate: 0.1, epochs: 2, batch: 2 };
const training = await Training.create(gpu, data, PLAN);
const network = await training.network(0);
const classifier = await Classifier.create(gpu, network);
const state = await training.state();
const gone = await Training.create(gpu, data, PLAN);
gone.destroy();
const goneClassifier = await Classifier.create(gpu, network);
goneClassifier.destroy();

const set = (images: unknown, labels: unknown = RECORDS.labels, options: object = {}) =>
  createDataSet({ images, labels }, undefined, { ...OPTIONS, ...options });
const split = (options: unknown) => splitRecords(RECORDS, options);
const train = (options: object) => Training.create(gpu, data, { ...PLAN, ...options });
const classify = (change: object) => Classifier.create(gpu, { ...network, ...change });
const shape = (change: object) => ({ architecture: { ...network.architecture, ...change } });
const restore = (change: object) => training.restore({ ...state, ...change });
const bare = Object.create(null);

/** What is wrong, how it is done, and a word of the sentence. */
const MISTAKES: readonly (readonly [name: string, () => unknown, word: RegExp])[] = [
  // Records.
  ["images as a list", () => set([0, 1, 2, 3, 4, 5, 6, 7]), /Uint8Array or a Float32Array/],
  ["images as float64", () => set(new Float64Array(8)), /Float64Array/],
  ["images as int16", () => set(new Int16Array(8)), /Int16Array/],
  ["no images", () => set(undefined), /missing/],
  ["records that are null", () => createDataSet(null, undefined, OPTIONS), /null/],
  ["too few values", () => set(new Float32Array(7)), /7 values/],
  ["no values", () => set(new Float32Array(0)), /0 values/],
  ["NaN", () => set(Float32Array.of(0, 1, 2, NaN, 4, 5, 6, 7)), /NaN/],
  ["infinity", () => set(Float32Array.of(0, 1, 2, -Infinity, 4, 5, 6, 7)), /-Infinity/],
  ["labels as texts", () => set(RECORDS.images, ["a", "b", "a", "b"]), /label/],
  ["a fraction as label", () => set(RECORDS.images, [0, 0.5, 0, 1]), /0\.5/],
  ["a label below 0", () => set(RECORDS.images, [0, -1, 0, 1]), /-1/],
  ["a label too large", () => set(RECORDS.images, [0, 2, 0, 1]), /label 2/],
  ["labels that are no list", () => set(RECORDS.images, 4), /label/],
  [
    "a count that does not fit",
    () => createDataSet({ ...RECORDS, count: 3 }, undefined, OPTIONS),
    /3/,
  ],
  [
    "bytes to test floats with",
    () => createDataSet(RECORDS, { images: new Uint8Array(2), labels: [0] }, OPTIONS),
    /Float32Array as/,
  ],
  [
    "test records of other lengths",
    () => createDataSet(RECORDS, { images: new Float32Array(3), labels: [0] }, OPTIONS),
    /3 values/,
  ],
  // Options of a data set.
  ["an unknown option", () => set(RECORDS.images, RECORDS.labels, { validaton: 1 }), /validaton/],
  [
    "no class names",
    () => set(RECORDS.images, RECORDS.labels, { classNames: undefined }),
    /class names/,
  ],
  ["one class twice", () => set(RECORDS.images, RECORDS.labels, { classNames: ["a", "a"] }), /"a"/],
  ["one class", () => set(RECORDS.images, [0, 0, 0, 0], { classNames: ["a"] }), /1 classes/],
  [
    "all records for validation",
    () => set(RECORDS.images, RECORDS.labels, { validation: 4 }),
    /4 validation/,
  ],
  [
    "a fraction of a record",
    () => set(RECORDS.images, RECORDS.labels, { validation: 1.5 }),
    /1\.5/,
  ],
  ["a name that is no text", () => set(RECORDS.images, RECORDS.labels, { name: 3 }), /name is 3/],
  [
    "a hole among the class names",
    () => set(RECORDS.images, [0, 1, 0, 1], { classNames: [, "b"] }),
    /class 0 is missing/,
  ],
  ["an unknown option of the synthetic set", () => untyped.createSynthetic({ tests: 5 }), /tests/],
  ["a symbol as a count", () => untyped.createSynthetic({ test: Symbol("ten") }), /Symbol\(ten\)/],
  // Splits.
  ["a symbol as share", () => split({ test: Symbol("half") }), /Symbol\(half\)/],
  ["an object of nothing as seed", () => split({ seed: bare }), /\{\}/],
  ["an unknown part", () => subset(data, { train: 1 }), /train/],
  ["parts that are null", () => subset(data, null), /null/],
  ["a part of a promise", () => subset(Promise.resolve(data), {}), /a Promise/],
  ["images as a list to standardise", () => standardise([1, 2], data), /an Array/],
  ["images standardised by nothing", () => standardise(data.test.images, undefined), /missing/],
  ["shares above 1", () => split({ validation: 0.7, test: 0.7 }), /0\.7|test/],
  ["a share below 0", () => split({ validation: -0.1 }), /-0\.1/],
  ["a share as text", () => split({ test: "0.2" }), /"0\.2"/],
  ["a fraction as seed", () => split({ test: 0.2, seed: 1.5 }), /1\.5/],
  ["an unknown option of a split", () => split({ train: 0.5 }), /train/],
  ["too many images of a part", () => subset(data, { training: 9 }), /9 training/],
  ["an image that is not there", () => standardise(data.test.images, data, [4]), /image 4/],
  // What was not awaited, and other devices and data.
  [
    "a promise of a GPU to train on",
    () => Training.create(Promise.resolve(gpu), data, PLAN),
    /gpu is a Promise/,
  ],
  ["no GPU to train on", () => Training.create(undefined, data, PLAN), /gpu is missing/],
  ["a GPUDevice as Gpu", () => Training.create(gpu.device, data, PLAN), /gpu is a GPUDevice/],
  [
    "a promise of data",
    () => Training.create(gpu, Promise.resolve(data), PLAN),
    /data are a Promise/,
  ],
  ["records as data", () => Training.create(gpu, RECORDS, PLAN), /data are an Object/],
  ["records to put on the GPU", () => new DeviceDataSet(gpu, RECORDS), /data are an Object/],
  ["no GPU to put data on", () => new DeviceDataSet(null, data), /gpu is null/],
  ["an adapter as device", () => new Gpu({ limits: {} }), /an Object/],
  ["no GPU to classify on", () => Classifier.create({}, network), /gpu is an Object/],
  ["a promise of a network", () => Classifier.create(gpu, training.network()), /a Promise/],
  // Options of a training.
  ["a hole among the widths", () => train({ hidden: [, 3] }), /hidden/],
  ["a hole among the networks", () => train({ networks: [, {}] }), /networks\[0\]/],
  ["a large integer as variant", () => train({ variant: 3n }), /3n/],
  ["a symbol as batch", () => train({ batch: Symbol("all") }), /Symbol\(all\)/],
  ["an object of nothing as initialisation", () => train({ initialisation: bare }), /\{\}/],
  ["an option misspelt", () => train({ learningrate: 0.1 }), /did you mean learningRate\?/],
  ["no learning rate", () => train({ learningRate: undefined }), /learning rate/],
  ["a rate as text", () => train({ learningRate: "0.1" }), /"0\.1"/],
  ["a rate below 0", () => train({ learningRate: -0.1 }), /-0\.1/],
  ["no length", () => train({ epochs: undefined }), /without a length/],
  ["two lengths", () => train({ cycles: 1 }), /one of them/],
  ["half a step", () => train({ epochs: 0.25 }), /0\.25/],
  ["hidden as a number", () => train({ hidden: 50 }), /hidden 50/],
  ["a width of 0", () => train({ hidden: [0] }), /hidden\[0\]/],
  ["batch norm as text", () => train({ batchNorm: "on" }), /batchNorm "on"/],
  ["a batch larger than the set", () => train({ batch: 100 }), /batches of 100/],
  ["a batch of 1 with batch norm", () => train({ batch: 1 }), /batches of 1/],
  ["no networks", () => train({ networks: [] }), /0 networks/],
  ["an unknown variant", () => train({ variant: "fast" }), /"fast"/],
  ["a seed out of range", () => train({ seed: -1 }), /seed -1/],
  ["an initialisation out of range", () => train({ initialisation: 0 }), /initialisation/],
  ["no patience", () => train({ stopAfter: {} }), /patience/],
  ["an unknown metric", () => train({ stopAfter: { patience: 1, metric: "f1" } }), /metric/],
  // Use.
  ["a split misspelt", () => training.evaluate("tets"), /"tets"/],
  ["a split that is no text", () => training.predict(1), /1/],
  ["a network that is not there", () => training.network(1), /network 1/],
  ["options of run misspelt", () => training.run({ ahed: true }).next(), /ahed/],
  ["the best without stopAfter", () => training.bestNetwork(), /stopAfter/],
  [
    "a state of another training",
    () => training.restore({ ...state, step: 1e6 }),
    /restore|resume/,
  ],
  [
    "a state with another batch",
    () => Training.resume(gpu, data, { ...PLAN, batch: 3 }, encodeState(state)),
    /with batch 2, and this has 3/,
  ],
  ["values as a list", () => classifier.predict([1, 2]), /Uint8Array or a Float32Array/],
  ["bytes for floats", () => classifier.predict(new Uint8Array(2)), /trained on numbers/],
  ["half a record", () => classifier.logits(new Float32Array(3)), /3 values/],
  ["no record", () => classifier.probabilities(new Float32Array(0)), /0 values/],
  ["NaN in a record", () => classifier.predict(Float32Array.of(0, NaN)), /NaN/],
  [
    "a network with NaN",
    () => Classifier.create(gpu, { ...network, mean: Float32Array.of(0, NaN) }),
    /NaN/,
  ],
  [
    "a network without its weights",
    () => encodeNetwork({ ...network, parameters: new Float32Array(1) }),
    /1 entries/,
  ],
  ["no network to encode", () => encodeNetwork(undefined), /it is missing/],
  [
    "a network without architecture",
    () => classify({ architecture: null }),
    /architecture is null/,
  ],
  ["a network without widths", () => classify(shape({ hidden: 3 })), /hidden is a number/],
  [
    "batch norm of a network as text",
    () => encodeNetwork({ ...network, ...shape({ batchNorm: "off" }) }),
    /"off"/,
  ],
  ["a network without means", () => classify({ mean: undefined }), /mean is missing/],
  [
    "weights as float64",
    () => encodeNetwork({ ...network, parameters: new Float64Array(network.parameters.length) }),
    /a Float64Array/,
  ],
  [
    "class names of a network as a text",
    () => encodeNetwork({ ...network, classNames: "ab" }),
    /a string/,
  ],
  [
    "an option of a classifier misspelt",
    () => Classifier.create(gpu, network, { varaint: "tiled" }),
    /variant\?/,
  ],
  [
    "an option of a file misspelt",
    () => Classifier.load(gpu, encodeNetwork(network), { nam: "x" }),
    /nam/,
  ],
  [
    "a signal that is none",
    () => classifier.logits(Float32Array.of(0, 1), { signal: 5 }),
    /signal 5/,
  ],
  [
    "an option of a call misspelt",
    () => classifier.predict(Float32Array.of(0, 1), { sgnal: 5 }),
    /sgnal/,
  ],
  ["no state to encode", () => encodeState(undefined), /it is missing/],
  ["a state that was not awaited", () => encodeState(training.state()), /a Promise/],
  ["a state without its rows", () => encodeState({ ...state, pending: undefined }), /state/],
  ["no state to restore", () => training.restore(null), /state/],
  ["a state whose divergence is a large integer", () => restore({ diverged: [1n] }), /state/],
  ["a state whose divergence is a text", () => restore({ diverged: ["1"] }), /state/],
  [
    "a state with a row of nothing",
    () => restore({ pending: [{ rows: [{}], diverged: [null] }] }),
    /state/,
  ],
  ["a state with vectors of lists", () => restore({ parameters: [[1]] }), /state/],
  ["a state whose origin is a list", () => restore({ origin: [] }), /state|saved/],
  ["tensors as an object", () => encodeSafetensors({ x: [1] }), /an Object/],
  [
    "a tensor of a list",
    () => encodeSafetensors(new Map([["x", { shape: [1], data: [1] }]])),
    /an Array/,
  ],
  [
    "sizes below 0",
    () => encodeSafetensors(new Map([["x", { shape: [-1, -1], data: Float32Array.of(1) }]])),
    /\[-1,-1\]/,
  ],
  [
    "metadata that are numbers",
    () => encodeSafetensors(new Map(), { step: 5 }),
    /"step" is a number/,
  ],
  ["training after destroy()", () => gone.run().next(), /destroyed/],
  ["evaluating after destroy()", () => gone.evaluate("test"), /destroyed/],
  ["a state after destroy()", () => gone.state(), /destroyed/],
  ["a network after destroy()", () => gone.network(), /destroyed/],
  ["a classifier after destroy()", () => goneClassifier.predict(new Float32Array(2)), /destroyed/],
];

/** What is not the bytes of a file. */
const NO_BYTES: readonly (readonly [name: string, value: unknown])[] = [
  ["nothing", undefined],
  ["a text", "bytes"],
  ["a buffer", encodeNetwork(network).buffer],
  ["a Response", new Response()],
];

for (const [name, value] of NO_BYTES) {
  Deno.test(`the module refuses ${name} as the bytes of a file in one sentence`, () => {
    for (const decode of [untyped.decodeNetwork, untyped.decodeState, untyped.decodeSafetensors]) {
      const refused = assertThrows(() => decode(value), DataError);
      assertMatch(refused.message, /^Cannot read .*: it is .*, expected a Uint8Array$/);
    }
    const file = value === undefined ? value : { tensors: value };
    const refused = assertThrows(() => untyped.networkFromTensors(file, { name: "x" }), DataError);
    assertMatch(refused.message, /^Cannot read a network from x: it is /);
  });
}

Deno.test("a data set keeps the labels that it was made with", async () => {
  const labels = Uint8Array.of(0, 1, 0, 1);
  const { training } = await set(RECORDS.images, labels);
  labels.fill(9);
  assertEquals(training.labels, Uint8Array.of(0, 1, 0));
});

Deno.test("a classifier that is destroyed while it takes a first record of bytes says so", async () => {
  const own = { ...network, input: "bytes", mean: Float32Array.of(0.5, 0.5) };
  const classifier = await Classifier.create(gpu, own);
  const logits = classifier.logits(Float32Array.of(0, 1));
  classifier.destroy();
  await assertRejects(() => logits, ArgumentError, "classifier: it was destroyed");
});

for (const [name, mistake, word] of MISTAKES) {
  Deno.test(`the module refuses ${name} in one sentence`, async () => {
    let refused = new Error("nothing was refused");
    try {
      await mistake();
    } catch (error) {
      refused = error as Error;
    }
    assertInstanceOf(refused, ArgumentError);
    assertMatch(refused.message, word);
    // One line, that of a sentence: what cannot be done, and mostly what is expected.
    assertMatch(refused.message, /^(Cannot|There is no) [^\n]+$/);
  });
}

Deno.test("the mistakes leave training and classifier as they were", async () => {
  assertEquals((await training.state()).parameters, state.parameters);
  const probabilities = await classifier.probabilities(Float32Array.of(0, 1));
  assertEquals(probabilities.length, 2);
  assertEquals(decodeNetwork(encodeNetwork(network)).classNames, ["a", "b"]);
  for (const made of [training, classifier]) made.destroy();
  assertEquals((await createSynthetic({ training: 20, test: 10 })).input, "bytes");
});
