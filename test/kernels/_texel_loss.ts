/** Tests of softmax with cross-entropy whose logits are texels. */
import { assertEquals } from "@std/assert";
import { NEVER } from "../../src/programs/buffers.ts";
import type { KernelName } from "../../src/gpu/kernel_table.ts";
import type { Random } from "../../src/model/random.ts";
import { errorOfNetworks, FlatVectors, type KernelCase, words } from "./_kernel.ts";
import { FIRST, type KernelTest, type Sizes } from "./_cases.ts";
import {
  drawLogits,
  errorOfOutcomes,
  expectedLogitGradients,
  expectedOutcomes,
  LOSS_BOUND,
  SHARE_BOUND,
  SOFTMAX_CASES,
} from "./_loss.ts";
import { onGrid } from "./_texel_norm.ts";
import { newRowTexels, rowsOfTexels, rowTexels } from "./_texels.ts";

/** Tests by kernel. */
export const TEXEL_LOSS_TESTS = {
  texel_softmax_forward: { cases: SOFTMAX_CASES, bound: LOSS_BOUND, draw: forwardCase },
  texel_softmax_backward: { cases: SOFTMAX_CASES, bound: SHARE_BOUND, draw: backwardCase },
} as const satisfies Partial<Record<KernelName, KernelTest>>;

/** Logits on the grid, and what makes them up: sums without the bias, [P, rows, classes], and the bias. */
function drawParts(random: Random, sizes: Sizes) {
  const { rows, outputs, networks } = sizes;
  const { logits: drawn, ...labelled } = drawLogits(random, sizes);
  const logits = drawn.map(onGrid);
  const flat = new FlatVectors(networks, { weight: 5, bias: outputs })
    .fill("bias", () => onGrid(random.normal()));
  const x = logits.map((value, i) =>
    value - flat.view(Math.floor(i / (rows * outputs)), "bias")[i % outputs]
  );
  return { ...labelled, logits, flat, x };
}

function forwardCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const { labels, order, logits, ofBatch, flat, x } = drawParts(random, sizes);
  const expected = expectedOutcomes({ sizes, logits, ofBatch });
  return {
    kernel: "texel_softmax_forward",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: { parameters: flat.length, ...flat.offsets },
      constants: { FEATURES: outputs },
      step: { first: FIRST },
      inputs: { order, labels, weights: flat.values },
      texels: { x_texels: rowTexels(x, { rows, width: outputs, networks }, NaN) },
      outputs: { outcomes: networks * rows * 2, predictions: networks * rows },
    },
    measure: (found) => errorOfOutcomes(found, expected),
  };
}

function backwardCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const { labels, order, logits, ofBatch, flat, x } = drawParts(random, sizes);
  const result = { rows, width: outputs, networks };
  const before = new Uint32Array(networks).fill(NEVER);
  const expected = expectedLogitGradients({ sizes, logits, ofBatch });
  return {
    kernel: "texel_softmax_backward",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: { parameters: flat.length, ...flat.offsets },
      constants: { FEATURES: outputs },
      step: { first: FIRST, number: 3 },
      inputs: { order, labels, weights: flat.values },
      texels: { x_texels: rowTexels(x, result) },
      newTexels: { new_dx_texels: newRowTexels(result) },
      outputs: { diverged: before },
    },
    measure: ({ new_dx_texels, diverged }) => {
      assertEquals(words(diverged), [...before]);
      return errorOfNetworks(rowsOfTexels(new_dx_texels, result, 0), expected);
    },
  };
}
