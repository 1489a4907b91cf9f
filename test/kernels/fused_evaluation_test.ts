/** What the kernels of the fused evaluation make of NaN, infinities, ties, and of images in several layers of a texture. */
import { assert, assertEquals } from "@std/assert";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { Random } from "../../src/model/random.ts";
import { createRandomData, modestGpu, sharedGpu } from "../_gpu.ts";
import { sharedData } from "./_affine.ts";
import { EvaluatedNetworks, inputCase, inputRun, restRun } from "./_fused_evaluation.ts";
import { measureCases, part, runKernel, words } from "./_kernel.ts";
import { FIRST } from "./_cases.ts";
import { NORM_BOUND } from "./_norm.ts";

const ROWS = 3;

/** Runs the last layer of a network for each of some logits, which are its biases, on images whose labels are 0, 1 and 2. */
async function outcomesOf(logits: readonly (readonly number[])[]) {
  const widths = [5, 2, logits[0].length];
  const networks = logits.length;
  const random = new Random(1, "outcomes");
  const own = new EvaluatedNetworks(widths, { networks, random, batchNorm: false });
  own.layers.forEach((layers, n) => {
    layers[1].weight.fill(0);
    layers[1].bias.set(logits[n]);
  });
  const run = await restRun(own, {
    widths,
    h: logits.map(() => new Float64Array(ROWS * 2)),
    rows: ROWS,
    labels: Uint32Array.from({ length: FIRST + ROWS }, (_, i) => Math.max(0, i - FIRST)),
  });
  const { outcomes, predictions } = await runKernel(
    await sharedGpu(),
    "fused_evaluate_rest",
    run,
  );
  return logits.map((_, n) => ({
    losses: [...part(outcomes, n, networks)].filter((_, i) => i % 2 === 0),
    correct: [...part(outcomes, n, networks)].filter((_, i) => i % 2 === 1),
    predictions: words(part(predictions, n, networks)),
  }));
}

Deno.test("fused_evaluate_rest predicts the first of equal logits", async () => {
  const found = await outcomesOf([
    [80, 80, 80, 80, 80, 80],
    [1, 2, 2, 2, 2, 2],
    [0, 0, 3, 3, 0, 3],
    [0, 0, 0, -1, 7, 7],
    [0, -1, 0, -1, 0, 7],
  ]);

  assertEquals(found.map(({ predictions }) => predictions), [0, 1, 2, 4, 5].map((c) => [c, c, c]));
  assertEquals(found.map(({ correct }) => correct), [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
    [0, 0, 0],
    [0, 0, 0],
  ]);
});

Deno.test("fused_evaluate_rest has no loss where a logit is NaN or infinite, or the label has no chance", async () => {
  const [low, high] = [-Infinity, Infinity];
  const cases: [logits: number[], finite: boolean[], predicted: number][] = [
    [[0, NaN, 1, 0, 0], [false, false, false], 2],
    [[NaN, 0, 1, 0, 0], [false, false, false], 0],
    [[0, 0, 1, 0, NaN], [false, false, false], 2],
    [[0, high, 1, 0, 0], [false, false, false], 1],
    [[0, 0, 1, 0, high], [false, false, false], 4],
    [[low, 0, 1, 0, 0], [false, true, true], 2],
    [[low, low, low, low, low], [false, false, false], 0],
    [[-3e38, 3e38, 0, 0, 0], [false, true, true], 1],
    [[-3e38, -3e38, -3e38, -3e38, -3e38], [true, true, true], 0],
    [[0, 1, 0, 0, low], [true, true, true], 1],
  ];
  const found = await outcomesOf(cases.map(([logits]) => logits));

  for (const [i, [logits, finite, predicted]] of cases.entries()) {
    const { losses, predictions } = found[i];
    assertEquals(losses.map(Number.isFinite), finite, `losses of ${logits}`);
    assertEquals(predictions, [predicted, predicted, predicted], `predictions of ${logits}`);
  }
});

Deno.test("fused_evaluate_rest does not make NaN of a hidden layer a number", async () => {
  const widths = [5, 2, 6, 3];
  const planted = [
    ["weight", NaN],
    ["bias", NaN],
    ["gamma", NaN],
    ["beta", NaN],
    ["mean", NaN],
    ["mean", Infinity],
    ["variance", NaN],
    ["variance", Infinity],
  ] as const;
  const random = new Random(1, "planted");
  const networks = planted.length + 1;
  const own = new EvaluatedNetworks(widths, { networks, random, batchNorm: true });
  for (const [n, [kind, value]] of planted.entries()) own.layers[n][1][kind][5] = value;
  const run = await restRun(own, {
    widths,
    h: own.layers.map(() => new Float64Array(ROWS * 2).fill(1)),
    rows: ROWS,
    labels: new Uint32Array(FIRST + ROWS),
  });
  const { outcomes } = await runKernel(await sharedGpu(), "fused_evaluate_rest", run);

  for (let n = 0; n < networks; n++) {
    const losses = part(outcomes, n, networks).filter((_, i) => i % 2 === 0);
    const finite = n === planted.length;
    assert(losses.every((loss) => Number.isFinite(loss) === finite), `${planted[n]}: ${losses}`);
  }
});

Deno.test("fused_evaluate_input keeps NaN where a parameter or an average is NaN, or an average is infinite", async () => {
  const planted = [
    ["bias", NaN],
    ["gamma", NaN],
    ["beta", NaN],
    ["mean", NaN],
    ["mean", -Infinity],
    ["variance", NaN],
    ["variance", Infinity],
  ] as const;
  const widths = [3, planted.length + 1, 2]; // Each feature has one of them; the last has none.
  const random = new Random(1, "planted");
  const own = new EvaluatedNetworks(widths, { networks: 1, random, batchNorm: true });
  const [first] = own.layers[0];
  for (const [feature, [kind, value]] of planted.entries()) first[kind][feature] = value;
  const gpu = await sharedGpu();
  const data = await sharedData(widths[0]);
  const run = await inputRun(own, { widths, rows: ROWS, gpu, data, first: FIRST });
  const { activations } = await runKernel(gpu, "fused_evaluate_input", run);

  const features = Array.from({ length: widths[1] }, (_, feature) => {
    const at = Math.floor(feature / 4) * 4 * ROWS + feature % 4;
    return [0, 1, 2].map((row) => activations[at + 4 * row]);
  });
  for (const [feature, values] of features.entries()) {
    const isNaN = feature < planted.length;
    assertEquals(values.map(Number.isNaN), [isNaN, isNaN, isNaN], `${planted[feature]}`);
  }
});

Deno.test("fused_evaluate_input finds images in every layer of the texture", async () => {
  const gpu = await modestGpu(); // Its textures are 8192 high, whatever the adapter.
  const data = new DeviceDataSet(
    gpu,
    await createRandomData({ inputs: 3, training: 8225, validation: 1, test: 1 }),
  );
  const { imagesPerLayer } = data;
  assertEquals(Math.ceil(data.source.training.count / imagesPerLayer), 2);

  const sizes = { rows: 50, inputs: 3, outputs: 7, networks: 2, index: 1 };
  const [error] = await measureCases(gpu, [
    () =>
      inputCase(sizes, new Random(1, "texture layers"), { gpu, data, first: imagesPerLayer - 20 }),
  ]);
  assert(error <= NORM_BOUND, `${error} units`);
  data.destroy();
  gpu.destroy();
});
