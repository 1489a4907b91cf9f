/** Tests of softmax with cross-entropy, and of the sums that are read back. */
import { assertEquals } from "@std/assert";
import { NEVER } from "../../src/programs/buffers.ts";
import { type KernelName, SUM_PARTS, tiles } from "../../src/gpu/kernel_table.ts";
import type { Random } from "../../src/model/random.ts";
import { softmaxCrossEntropy } from "../../src/model/reference/layers.ts";
import {
  draw,
  errorOf,
  errorOfNetworks,
  type Expected,
  type KernelCase,
  type KernelRun,
  ofNetworks,
  part,
  UNIT,
  words,
  type Written,
} from "./_kernel.ts";
import {
  affineCases,
  FIRST,
  type KernelTest,
  layerCases,
  ROWS,
  type Sizes,
  WIDTHS,
} from "./_cases.ts";

/** A softmax has at least two classes. */
export const SOFTMAX_CASES = layerCases(ROWS, [2, 10, ...WIDTHS.filter((width) => width > 1)]);

/**
 * Sums are over a batch or a part of an evaluation: at most 2600 images, on hardware 50,000; the width
 * does not matter to them.
 */
const OUTCOME_CASES = layerCases([...ROWS, 2600, 50_000], [1, 2]);

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
    draw: softmaxForwardCase,
  },
  softmax_cross_entropy_backward: {
    cases: SOFTMAX_CASES,
    bound: SHARE_BOUND,
    draw: softmaxBackwardCase,
  },
  sum_outcomes: { cases: OUTCOME_CASES, bound: POSITIVE_SUM_BOUND, draw: sumOutcomesCase },
  sum_squares: { cases: affineCases(), bound: POSITIVE_SUM_BOUND, draw: sumSquaresCase },
} as const satisfies Partial<Record<KernelName, KernelTest>>;

/** The smallest normal number of float32, in units: exponentials below it may be taken for 0. */
const TINY = 2 ** -126 / UNIT;

/** How large the logits are; beyond 88 an exponential overflows. */
const LOGITS = [1, 80, 1e4];

/** Labels in the order in which kernels read them, and logits, some of which are equal. */
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

function softmaxForwardCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const { labels, order, logits, ofBatch } = drawLogits(random, sizes);
  const expected = expectedOutcomes({ sizes, logits, ofBatch });
  return {
    kernel: "softmax_cross_entropy_forward",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: { outputs },
      step: { first: FIRST },
      inputs: { order, labels, x: logits },
      outputs: { outcomes: networks * rows * 2, predictions: networks * rows },
    },
    measure: (found) => errorOfOutcomes(found, expected),
  };
}

/** Logits, [P, rows, classes], and the label of each row. */
interface LabelledLogits {
  readonly sizes: Sizes;
  readonly logits: Float32Array;
  readonly ofBatch: readonly number[];
}

/** Losses and whether the label was predicted, [P, rows] pairs, and the predictions, [P, rows]. */
export function expectedOutcomes(
  { sizes: { rows, outputs, networks }, logits, ofBatch }: LabelledLogits,
): Expected & { predictions: number[] } {
  const values = new Float64Array(2 * networks * rows);
  const magnitudes = new Float64Array(values.length);
  const predictions: number[] = [];
  for (let i = 0; i < networks * rows; i++) {
    const row = new Float64Array(logits.subarray(i * outputs, (i + 1) * outputs));
    const label = ofBatch[i % rows];
    const greatest = Math.max(...row);
    const sum = row.reduce((total, logit) => total + Math.exp(logit - greatest), 0);
    values[2 * i] = softmaxCrossEntropy(row, [label]).loss;
    magnitudes[2 * i] = 1 + Math.log(sum) + Math.abs(row[label] - greatest);
    predictions.push(row.indexOf(greatest));
    values[2 * i + 1] = Number(predictions[i] === label);
  }
  return { values, magnitudes, predictions };
}

/** Measures losses and correctness; predictions must be exact. */
export function errorOfOutcomes(
  { outcomes, predictions }: Written,
  expected: Expected & { predictions: number[] },
): number {
  assertEquals(words(predictions), expected.predictions);
  return errorOf(outcomes, expected);
}

function softmaxBackwardCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const { labels, order, logits, ofBatch } = drawLogits(random, sizes);
  const before = new Uint32Array(networks).fill(NEVER);
  const expected = expectedLogitGradients({ sizes, logits, ofBatch });
  return {
    kernel: "softmax_cross_entropy_backward",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: { outputs },
      step: { first: FIRST, number: 3 },
      inputs: { order, labels, x: logits },
      outputs: { dx: networks * rows * outputs, diverged: before },
    },
    measure: ({ dx, diverged }) => {
      assertEquals(words(diverged), [...before]);
      return errorOfNetworks(dx, expected);
    },
  };
}

/** The gradients of logits, of each network. */
export function expectedLogitGradients(
  { sizes: { rows, outputs, networks }, logits, ofBatch }: LabelledLogits,
): Expected[] {
  return ofNetworks(networks, (n) => {
    const own = new Float64Array(part(logits, n, networks));
    const { dLogits } = softmaxCrossEntropy(own, ofBatch);
    const greatestOf = Array.from(
      { length: rows },
      (_, row) => Math.max(...own.subarray(row * outputs, (row + 1) * outputs)),
    );
    const magnitudes = dLogits.map((value, i) => {
      const row = Math.floor(i / outputs);
      const greatest = greatestOf[row];
      const target = i % outputs === ofBatch[row] ? 1 / rows : 0;
      const share = value + target;
      return share * (1 + Math.abs(own[i] - greatest)) + target + TINY;
    });
    return { values: dLogits, magnitudes };
  });
}

/** A run of a kernel that writes sums to one of three slots of [P, SUM_PARTS] pairs and must not touch the others. */
function sumCase(
  kernel: KernelName,
  sizes: Sizes,
  options: Pick<KernelRun, "layer" | "inputs"> & { measure: (sums: Float32Array) => number },
): KernelCase {
  const slots = 3;
  const slot = sizes.index % slots;
  const size = sizes.networks * SUM_PARTS * 2;
  return {
    kernel,
    run: {
      shape: { ...sizes, slices: 1 },
      networks: sizes.networks,
      step: { slot },
      outputs: { sums: slots * size },
      layer: options.layer,
      inputs: options.inputs,
    },
    measure: ({ sums }) => {
      const written = sums.findIndex((value, i) =>
        !Number.isNaN(value) && Math.floor(i / size) !== slot
      );
      assertEquals(written, -1, `${kernel} wrote into another slot`);
      return options.measure(sums.subarray(slot * size, (slot + 1) * size));
    },
  };
}

/**
 * The sums of one network: of pairs [n, 2] over every SUM_PARTS-th n. Their terms have one sign, so up to √n units of
 * error are measured as 1.
 */
function partialSums(pairs: Float64Array): Expected {
  const values = new Float64Array(SUM_PARTS * 2);
  for (let i = 0; i < pairs.length; i++) values[i % values.length] += pairs[i];
  const root = Math.sqrt(tiles(pairs.length, values.length));
  return { values, magnitudes: values.map((value) => root * Math.abs(value)) };
}

function sumOutcomesCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, networks } = sizes;
  const outcomes = Float32Array.from(
    { length: networks * rows * 2 },
    (_, i) => i % 2 === 0 ? 5 * random.uniform() : random.below(2),
  );
  const expected = ofNetworks(
    networks,
    (n) => partialSums(new Float64Array(part(outcomes, n, networks))),
  );
  return sumCase("sum_outcomes", sizes, {
    layer: {},
    inputs: { outcomes },
    measure: (sums) => {
      for (let n = 0; n < networks; n++) {
        const correct = part(outcomes, n, networks).reduce((sum, v, i) => sum + v * (i % 2), 0);
        const found = part(sums, n, networks).reduce((sum, v, i) => sum + v * (i % 2), 0);
        assertEquals(found, correct, "the number of correct predictions");
      }
      return errorOfNetworks(sums, expected);
    },
  });
}

function sumSquaresCase(sizes: Sizes, random: Random): KernelCase {
  const { inputs, outputs, networks } = sizes;
  const weights = inputs * outputs;
  // Weights come first in the flat vector of a network; what follows them does not count.
  const length = weights + 5;
  const parameters = draw(random, networks * length);
  const expected = ofNetworks(networks, (n) => {
    const squares = new Float64Array(2 * weights);
    const own = part(parameters, n, networks);
    for (let i = 0; i < weights; i++) squares[2 * i] = own[i] * own[i];
    return partialSums(squares);
  });
  return sumCase("sum_squares", sizes, {
    layer: { parameters: length, weights },
    inputs: { weights: parameters },
    measure: (sums) => errorOfNetworks(sums, expected),
  });
}
