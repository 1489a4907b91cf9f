/**
 * What someone who imports the module may get wrong, beside what the compiler finds: every mistake is one sentence of an
 * `ArgumentError`.
 */
import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import * as mlp from "../mod.ts";
import { sharedGpu } from "./_gpu.ts";

// Untyped, as from JavaScript.
// deno-lint-ignore no-explicit-any
const { Classifier, createDataSet, splitRecords, standardise, subset, Training } = mlp as any;
const { ArgumentError, createSynthetic, decodeNetwork, encodeNetwork, encodeState } = mlp;

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
  // Splits.
  ["shares above 1", () => split({ validation: 0.7, test: 0.7 }), /0\.7|test/],
  ["a share below 0", () => split({ validation: -0.1 }), /-0\.1/],
  ["a share as text", () => split({ test: "0.2" }), /"0\.2"/],
  ["a fraction as seed", () => split({ test: 0.2, seed: 1.5 }), /1\.5/],
  ["an unknown option of a split", () => split({ train: 0.5 }), /train/],
  ["too many images of a part", () => subset(data, { training: 9 }), /9 training/],
  ["an image that is not there", () => standardise(data.test.images, data, [4]), /image 4/],
  // Options of a training.
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
  ["training after destroy()", () => gone.run().next(), /destroyed/],
  ["evaluating after destroy()", () => gone.evaluate("test"), /destroyed/],
  ["a state after destroy()", () => gone.state(), /destroyed/],
  ["a network after destroy()", () => gone.network(), /destroyed/],
  ["a classifier after destroy()", () => goneClassifier.predict(new Float32Array(2)), /destroyed/],
];

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
