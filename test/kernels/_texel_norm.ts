/** Tests of batch norm and of the ReLU whose tensors are texels. */
import type { KernelName } from "../../src/gpu/kernel_table.ts";
import type { Random } from "../../src/model/random.ts";
import { reluBackward, reluForward } from "../../src/model/reference/layers.ts";
import {
  draw,
  errorOf,
  errorOfNetworks,
  exactly,
  type Expected,
  FlatVectors,
  type KernelCase,
  ofNetworks,
  part,
} from "./_kernel.ts";
import { biasGradient, SLICES } from "./_affine.ts";
import { type KernelTest, type Sizes, SUM_BOUND } from "./_cases.ts";
import { Descent } from "./_descent.ts";
import {
  CASES,
  drawFeatures,
  drawNormBackward,
  drawWithSpecials,
  errorOfNorm,
  expectedEvaluation,
  expectedNorm,
  NORM_BOUND,
  TRAINING_CASES,
} from "./_norm.ts";
import { newRowTexels, rowsOfTexels, rowTexels, type TexelArray } from "./_texels.ts";

/** Tests by kernel. */
export const TEXEL_NORM_TESTS = {
  texel_batch_norm_forward: { cases: TRAINING_CASES, bound: NORM_BOUND, draw: normForwardCase },
  texel_batch_norm_evaluate: { cases: CASES, bound: NORM_BOUND, draw: normEvaluateCase },
  texel_batch_norm_backward: {
    cases: TRAINING_CASES,
    bound: NORM_BOUND,
    draw: normBackwardCase,
  },
  texel_relu_forward: { cases: CASES, bound: 0, draw: reluForwardCase },
  texel_relu_backward: { cases: CASES, bound: SUM_BOUND, draw: reluBackwardCase },
} as const satisfies Partial<Record<KernelName, KernelTest>>;

/** A multiple of 2^-10: any sum of such numbers is exact in float32 as long as it stays below 2^14. */
export function onGrid(value: number): number {
  return Math.round(value * 1024) / 1024;
}

/** Parameters of a layer, of which the bias is on the grid. */
function drawParameters(random: Random, { networks, outputs }: Sizes) {
  return new FlatVectors(networks, { bias: outputs, gamma: outputs, beta: outputs })
    .fill("bias", () => onGrid(random.normal()))
    .fill("gamma", () => random.normal())
    .fill("beta", () => random.normal());
}

/**
 * Values on the grid, [P, rows, outputs], in parts that add up to them with the bias: exactly, so that all errors
 * arise after the sum.
 */
function inParts(
  random: Random,
  s: Float32Array,
  options: { sizes: Sizes; flat: FlatVectors<"bias" | "gamma" | "beta"> },
): { slices: number; x_texels: TexelArray } {
  const { sizes: { rows, outputs, networks, index }, flat } = options;
  const slices = SLICES[index % SLICES.length];
  const size = rows * outputs;
  const parts = new Float32Array(networks * slices * size);
  s.forEach((value, i) => {
    const network = Math.floor(i / size);
    const first = network * slices * size + i % size;
    let rest = value - flat.view(network, "bias")[i % outputs];
    for (let slice = 1; slice < slices; slice++) {
      const some = onGrid(random.normal());
      parts[first + slice * size] = some;
      rest -= some;
    }
    parts[first] = rest;
  });
  return {
    slices,
    x_texels: rowTexels(parts, { rows, width: outputs, networks, slices }, NaN),
  };
}

function normForwardCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks, index } = sizes;
  // Not in step with the slices, so that each number of them meets both.
  const fresh = Math.floor(index / 4) % 2 === 0;
  const flat = drawParameters(random, sizes);
  const averages = new FlatVectors(networks, { mean: outputs, variance: outputs })
    .fill("mean", () => random.normal())
    .fill("variance", () => random.uniform());
  const s = drawFeatures(random, sizes).map(onGrid);
  const { slices, x_texels } = inParts(random, s, { sizes, flat });
  const result = { rows, width: outputs, networks };
  const expected = expectedNorm({ sizes, s, flat, averages, fresh });
  return {
    kernel: "texel_batch_norm_forward",
    run: {
      shape: { ...sizes, slices },
      networks,
      layer: {
        parameters: flat.length,
        ...flat.offsets,
        statistics: averages.length,
        ...averages.offsets,
      },
      constants: { FEATURES: outputs, SLICES: slices },
      step: { fresh: Number(fresh) },
      inputs: { weights: flat.values },
      texels: { x_texels },
      newTexels: {
        new_y_texels: newRowTexels(result),
        new_normalised_texels: newRowTexels(result),
      },
      outputs: { inverse_deviation: networks * outputs, statistics: averages.values },
    },
    measure: (found) => {
      const tensors = {
        ...found,
        y: rowsOfTexels(found.new_y_texels, result, 0),
        normalised: rowsOfTexels(found.new_normalised_texels, result, 0),
      };
      return errorOfNorm(tensors, { sizes, averages, expected });
    },
  };
}

function normEvaluateCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const flat = drawParameters(random, sizes);
  const averages = new FlatVectors(networks, { mean: outputs, variance: outputs })
    .fill("mean", () => random.normal())
    .fill("variance", () => random.uniform());
  const s = drawFeatures(random, sizes).map(onGrid);
  const { slices, x_texels } = inParts(random, s, { sizes, flat });
  const result = { rows, width: outputs, networks };
  const expected = expectedEvaluation({ sizes, s, flat, averages });
  return {
    kernel: "texel_batch_norm_evaluate",
    run: {
      shape: { ...sizes, slices },
      networks,
      layer: {
        parameters: flat.length,
        ...flat.offsets,
        statistics: averages.length,
        ...averages.offsets,
      },
      constants: { FEATURES: outputs, SLICES: slices },
      // The averages are bound as in training, where they are written.
      inputs: { weights: flat.values, statistics: averages.values },
      texels: { x_texels },
      newTexels: { new_y_texels: newRowTexels(result) },
      outputs: {},
    },
    measure: ({ new_y_texels }) => errorOfNetworks(rowsOfTexels(new_y_texels, result, 0), expected),
  };
}

function normBackwardCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const result = { rows, width: outputs, networks };
  const tensors = { gamma: outputs, beta: outputs, bias: outputs };
  const descent = new Descent(sizes, random, tensors);
  const { tensors: read, expected } = drawNormBackward(random, sizes, descent.flat);
  return descent.case("texel_batch_norm_backward", {
    constants: { FEATURES: outputs, SLICES: 1 },
    inputs: { inverse_deviation: read.inverse_deviation },
    texels: {
      y_texels: rowTexels(read.y, result),
      dy_texels: rowTexels(read.dy, result, NaN), // No row's gradient where there is no row.
      normalised_texels: rowTexels(read.normalised, result),
    },
    newTexels: { new_dx_texels: newRowTexels(result) },
    measure: ({ new_dx_texels, gradients }) =>
      Math.max(
        errorOfNetworks(rowsOfTexels(new_dx_texels, result, 0), expected.map(({ dx }) => dx)),
        descent.errorOfGradients(
          gradients,
          expected.map(({ dx, gamma, beta }) => ({ gamma, beta, bias: sumOfRows(dx, outputs) })),
        ),
      ),
  });
}

function sumOfRows({ values, magnitudes }: Expected, width: number): Expected {
  const sums = [values, magnitudes].map((tensor) => {
    const sum = new Float64Array(width);
    tensor.forEach((value, i) => sum[i % width] += value);
    return sum;
  });
  return { values: sums[0], magnitudes: sums[1] };
}

function reluForwardCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const flat = drawParameters(random, sizes);
  const s = drawWithSpecials(random, networks * rows * outputs).map(onGrid);
  const { slices, x_texels } = inParts(random, s, { sizes, flat });
  const result = { rows, width: outputs, networks };
  const expected = exactly(reluForward(new Float64Array(s)));
  return {
    kernel: "texel_relu_forward",
    run: {
      shape: { ...sizes, slices },
      networks,
      layer: { parameters: flat.length, ...flat.offsets },
      constants: { FEATURES: outputs, SLICES: slices },
      inputs: { weights: flat.values },
      texels: { x_texels },
      newTexels: { new_y_texels: newRowTexels(result) },
      outputs: {},
    },
    measure: ({ new_y_texels }) => errorOf(rowsOfTexels(new_y_texels, result, 0), expected),
  };
}

function reluBackwardCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const result = { rows, width: outputs, networks };
  const descent = new Descent(sizes, random, { bias: outputs });
  const s = Float64Array.from(drawWithSpecials(random, networks * rows * outputs));
  const dy = draw(random, s.length);
  const expected = reluBackward(new Float64Array(dy), s);
  const biases = ofNetworks(
    networks,
    (n) => biasGradient(part(new Float32Array(expected), n, networks), rows),
  );
  return descent.case("texel_relu_backward", {
    constants: { FEATURES: outputs, SLICES: 1 },
    inputs: {},
    texels: {
      y_texels: rowTexels(Float32Array.from(reluForward(s)), result),
      dy_texels: rowTexels(dy, result, NaN),
    },
    newTexels: { new_dx_texels: newRowTexels(result) },
    measure: ({ new_dx_texels, gradients }) =>
      Math.max(
        errorOf(rowsOfTexels(new_dx_texels, result, 0), exactly(expected)),
        descent.errorOfGradients(gradients, biases),
      ),
  });
}
