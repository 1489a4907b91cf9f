/** Tests of softmax with cross-entropy, and of the sums that are read back. */
import { assertEquals } from "@std/assert";
import { NEVER } from "../src/buffers.ts";
import { type KernelName, SUM_PARTS, tiles } from "../src/kernel_table.ts";
import type { Random } from "../src/random.ts";
import { softmaxCrossEntropy } from "../src/reference.ts";
import { sharedGpu } from "./_gpu.ts";
import {
  draw,
  errorOf,
  errorOfNetworks,
  type Expected,
  type KernelRun,
  part,
  runKernel,
  UNIT,
  words,
} from "./_kernel.ts";
import {
  affineCases,
  FIRST,
  type KernelTest,
  layerCases,
  ROWS,
  type Sizes,
  WIDTHS,
} from "./_kernel_cases.ts";

/** A softmax has at least two classes. */
export const SOFTMAX_CASES = layerCases(ROWS, [2, 10, ...WIDTHS.filter((width) => width > 1)]);

/** Sums are taken over a batch or over a part of an evaluation; the width does not matter to them. */
const OUTCOME_CASES = layerCases([...ROWS, 2600], [1, 2]);

/**
 * With d the distance to the largest logit, WGSL lets exp be off by 6 + 4 |d| units and d itself is off by |d|, log by 8
 * where it is small and by 6 of its value elsewhere. The sum of exponentials is off by some 6, so a loss by 15, times
 * 1 + log of the sum + |d|. A share is off by twice the 6 and the |d|'s, and by 5 for each of two quotients: 22 (1 + |d|).
 */
export const LOSS_BOUND = 15;
export const SHARE_BOUND = 22;

/** Terms of one sign: up to √n units, which the magnitude counts as one. */
const POSITIVE_SUM_BOUND = 3;

/** Tests by kernel. */
export const LOSS_TESTS = {
  softmax_cross_entropy_forward: {
    cases: SOFTMAX_CASES,
    bound: LOSS_BOUND,
    check: checkSoftmaxForward,
  },
  softmax_cross_entropy_backward: {
    cases: SOFTMAX_CASES,
    bound: SHARE_BOUND,
    check: checkSoftmaxBackward,
  },
  sum_outcomes: { cases: OUTCOME_CASES, bound: POSITIVE_SUM_BOUND, check: checkSumOutcomes },
  sum_squares: { cases: affineCases(), bound: POSITIVE_SUM_BOUND, check: checkSumSquares },
} as const satisfies Partial<Record<KernelName, KernelTest>>;

/** The smallest normal number of float32, in units: exponentials below it may be taken for 0. */
const TINY = 2 ** -126 / UNIT;

/** How large the logits are; beyond 88 an exponential overflows. */
const LOGITS = [1, 80, 1e4];

/** Labels in the order that the kernels find them in, and logits some of which are alike. */
export function drawLogits(random: Random, sizes: Sizes) {
  const { rows, outputs, networks, index } = sizes;
  const images = 150;
  const labels = Uint32Array.from({ length: images }, () => random.below(outputs));
  const order = random.permutation(images);
  const size = LOGITS[index % LOGITS.length];
  const logits = draw(random, networks * rows * outputs)
    .map((value) => value + (random.below(2) === 0 ? size : -size));
  for (let row = 0; row < networks * rows; row += 7) {
    logits.fill(logits[row * outputs], row * outputs, (row + 1) * outputs);
  }
  return {
    labels,
    order,
    logits,
    ofBatch: Array.from(order.subarray(FIRST, FIRST + rows), (image) => labels[image]),
  };
}

async function checkSoftmaxForward(sizes: Sizes, random: Random): Promise<number> {
  const { rows, outputs, networks } = sizes;
  const { labels, order, logits, ofBatch } = drawLogits(random, sizes);
  const { outcomes, predictions } = await runKernel(
    await sharedGpu(),
    "softmax_cross_entropy_forward",
    {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: { outputs },
      step: { first: FIRST },
      inputs: { order, labels, x: logits },
      outputs: { outcomes: networks * rows * 2, predictions: networks * rows },
    },
  );
  return errorOfOutcomes({ outcomes, predictions }, { sizes, logits, ofBatch });
}

/** Logits, [P, rows, classes], and the label of each row. */
interface LabelledLogits {
  readonly sizes: Sizes;
  readonly logits: Float32Array;
  readonly ofBatch: readonly number[];
}

/** Measures losses and what was found correct; predictions must be exact. */
export function errorOfOutcomes(
  { outcomes, predictions }: Record<"outcomes" | "predictions", Float32Array>,
  { sizes: { rows, outputs, networks }, logits, ofBatch }: LabelledLogits,
): number {
  const found = words(predictions);
  const values = new Float64Array(outcomes.length);
  const magnitudes = new Float64Array(outcomes.length);
  for (let i = 0; i < networks * rows; i++) {
    const row = Float64Array.from(logits.subarray(i * outputs, (i + 1) * outputs));
    const label = ofBatch[i % rows];
    const greatest = Math.max(...row);
    const sum = row.reduce((total, logit) => total + Math.exp(logit - greatest), 0);
    values[2 * i] = softmaxCrossEntropy(row, [label]).loss;
    magnitudes[2 * i] = 1 + Math.log(sum) + Math.abs(row[label] - greatest);
    values[2 * i + 1] = Number(row.indexOf(greatest) === label);
    assertEquals(found[i], row.indexOf(greatest));
  }
  return errorOf(outcomes, { values, magnitudes });
}

async function checkSoftmaxBackward(sizes: Sizes, random: Random): Promise<number> {
  const { rows, outputs, networks } = sizes;
  const { labels, order, logits, ofBatch } = drawLogits(random, sizes);
  const before = new Uint32Array(networks).fill(NEVER);
  const { dx, diverged } = await runKernel(
    await sharedGpu(),
    "softmax_cross_entropy_backward",
    {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: { outputs },
      step: { first: FIRST, number: 3 },
      inputs: { order, labels, x: logits },
      outputs: { dx: networks * rows * outputs, diverged: before },
    },
  );
  assertEquals(words(diverged), [...before]);
  return errorOfLogitGradients(dx, { sizes, logits, ofBatch });
}

/** Measures the gradients of logits. */
export function errorOfLogitGradients(
  dx: Float32Array,
  { sizes: { rows, outputs, networks }, logits, ofBatch }: LabelledLogits,
): number {
  return errorOfNetworks(dx, networks, (n) => {
    const own = Float64Array.from(part(logits, n, networks));
    const { dLogits } = softmaxCrossEntropy(own, ofBatch);
    const magnitudes = dLogits.map((value, i) => {
      const row = Math.floor(i / outputs);
      const greatest = Math.max(...own.subarray(row * outputs, (row + 1) * outputs));
      const target = i % outputs === ofBatch[row] ? 1 / rows : 0;
      const share = value + target;
      return share * (1 + Math.abs(own[i] - greatest)) + target + TINY;
    });
    return { values: dLogits, magnitudes };
  });
}

/** Runs a kernel that sums, into one of three slots of [P, SUM_PARTS] pairs, and looks that it leaves the others alone. */
async function runSum(
  name: KernelName,
  sizes: Sizes,
  options: Pick<KernelRun, "layer" | "inputs">,
): Promise<Float32Array> {
  const slots = 3;
  const slot = sizes.index % slots;
  const size = sizes.networks * SUM_PARTS * 2;
  const { sums } = await runKernel(await sharedGpu(), name, {
    shape: { ...sizes, slices: 1 },
    networks: sizes.networks,
    step: { slot },
    outputs: { sums: slots * size },
    ...options,
  });
  const written = sums.findIndex((value, i) =>
    !Number.isNaN(value) && Math.floor(i / size) !== slot
  );
  assertEquals(written, -1, `${name} wrote into another slot`);
  return sums.subarray(slot * size, (slot + 1) * size);
}

/**
 * The sums of one network: of pairs [n, 2] over every SUM_PARTS-th n. Their terms have one sign, so up to √n units of
 * error are measured as 1.
 */
function partialSums(pairs: Float64Array): Expected {
  const values = new Float64Array(SUM_PARTS * 2);
  pairs.forEach((value, i) => values[i % values.length] += value);
  const root = Math.sqrt(tiles(pairs.length, values.length));
  return { values, magnitudes: values.map((value) => root * Math.abs(value)) };
}

async function checkSumOutcomes(sizes: Sizes, random: Random): Promise<number> {
  const { rows, networks } = sizes;
  const outcomes = Float32Array.from(
    { length: networks * rows * 2 },
    (_, i) => i % 2 === 0 ? 5 * random.uniform() : random.below(2),
  );
  const sums = await runSum("sum_outcomes", sizes, { layer: {}, inputs: { outcomes } });
  for (let n = 0; n < networks; n++) {
    const correct = part(outcomes, n, networks).reduce((sum, v, i) => sum + v * (i % 2), 0);
    const found = part(sums, n, networks).reduce((sum, v, i) => sum + v * (i % 2), 0);
    assertEquals(found, correct, "the number of correct predictions");
  }
  return errorOfNetworks(
    sums,
    networks,
    (n) => partialSums(Float64Array.from(part(outcomes, n, networks))),
  );
}

async function checkSumSquares(sizes: Sizes, random: Random): Promise<number> {
  const { inputs, outputs, networks } = sizes;
  const weights = inputs * outputs;
  // Weights come first in the flat vector of a network; what follows them does not count.
  const length = weights + 5;
  const parameters = draw(random, networks * length);
  const sums = await runSum("sum_squares", sizes, {
    layer: { parameters: length, weights },
    inputs: { weights: parameters },
  });
  return errorOfNetworks(sums, networks, (n) => {
    const squares = new Float64Array(2 * weights);
    part(parameters, n, networks).subarray(0, weights)
      .forEach((w, i) => squares[2 * i] = w * w);
    return partialSums(squares);
  });
}
