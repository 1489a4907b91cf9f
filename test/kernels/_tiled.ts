/** Tests of the kernels of `tiled`: products in one part or several, and what adds the parts up. */
import { assert } from "@std/assert";
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import type { KernelName } from "../../src/gpu/kernel_table.ts";
import type { Random } from "../../src/model/random.ts";
import { affineBackwardInput, affineForward } from "../../src/model/reference/layers.ts";
import { biasGradient, drawImages, INPUT_BOUND, sumOfSlices, weightGradient } from "./_affine.ts";
import { FIRST, type KernelTest, layerCases, NETWORKS, type Sizes, SUM_BOUND } from "./_cases.ts";
import { Descent } from "./_descent.ts";
import {
  absolute,
  draw,
  errorOfNetworks,
  type Expected,
  FlatVectors,
  type KernelCase,
  ofNetworks,
  part,
} from "./_kernel.ts";
import { NORM_BOUND, normBackwardCase, normForwardCase } from "./_norm.ts";

/** Rows, inputs and outputs: whole tiles of 128 × 64, one more, and small ones. 16 is a whole stage of the depth, 7 is none. */
export const SIZES = [1, 7, 16, 64, 65, 128, 129];

/** Parts of the depth. With five of a depth of 129 the last is shorter, and with little depth most are empty. */
export const PARTS = [1, 2, 3, 5];

/** Sizes, and the parts that the depth is split into. */
export interface TiledSizes extends Sizes {
  readonly parts: number;
}

/** Every number of rows with every number of inputs; each size meets each number of parts and of networks. */
const SQUARE: TiledSizes[] = SIZES.flatMap((rows, i) =>
  SIZES.map((inputs, j) => ({
    rows,
    inputs,
    outputs: SIZES[(i + 3 * j) % SIZES.length],
    networks: NETWORKS[Math.floor((i + j) / 4) % NETWORKS.length],
    parts: PARTS[(i + j) % PARTS.length],
    index: i * SIZES.length + j,
  }))
);

/** Columns that end at each of a thread's eight. */
const EDGES: TiledSizes[] = [5, 13, 21, 29, 37, 45, 53, 61].flatMap((width, i) =>
  [1, 2].map((parts) => {
    const index = SQUARE.length + 2 * i + parts;
    return { rows: 3, inputs: width, outputs: width, networks: NETWORKS[i % 2], parts, index };
  })
);

/** All sizes. */
export const TILED_CASES: readonly TiledSizes[] = [...SQUARE, ...EDGES];

/** Features and batches for batch norm: eight features and 256 rows at a time, more, fewer, and one more. */
export const FEATURES = [1, 7, 8, 9, 50];
export const BATCHES = [2, 31, 32, 33, 256, 257, 520];

const NORM_CASES: readonly TiledSizes[] = layerCases(BATCHES, FEATURES)
  .map((sizes) => ({ ...sizes, parts: 1 }));

/** How a kernel of `tiled` is tested. */
export interface TiledTest extends Pick<KernelTest, "bound"> {
  readonly cases: readonly TiledSizes[];
  /** Draws one of the cases. */
  readonly draw: (sizes: TiledSizes, random: Random) => KernelCase | Promise<KernelCase>;
}

/** Tests by kernel. */
export const TILED_TESTS = {
  tiled_input_forward: { cases: TILED_CASES, bound: INPUT_BOUND, draw: inputForwardCase },
  tiled_input_backward: { cases: TILED_CASES, bound: INPUT_BOUND, draw: inputBackwardCase },
  tiled_affine_forward: { cases: TILED_CASES, bound: SUM_BOUND, draw: forwardCase },
  tiled_affine_backward_input: { cases: TILED_CASES, bound: SUM_BOUND, draw: backwardInputCase },
  tiled_affine_backward_weight: { cases: TILED_CASES, bound: SUM_BOUND, draw: backwardWeightCase },
  tiled_parts_outputs: { cases: TILED_CASES, bound: SUM_BOUND, draw: partsOutputsCase },
  tiled_parts_inputs: { cases: TILED_CASES, bound: SUM_BOUND, draw: partsInputsCase },
  tiled_parts_weights: { cases: TILED_CASES, bound: SUM_BOUND, draw: partsWeightsCase },
  tiled_batch_norm_forward: {
    cases: NORM_CASES,
    bound: NORM_BOUND,
    draw: (...given) => normForwardCase("tiled_batch_norm_forward", ...given),
  },
  tiled_batch_norm_backward: {
    cases: NORM_CASES,
    bound: NORM_BOUND,
    draw: (...given) => normBackwardCase("tiled_batch_norm_backward", ...given),
  },
} as const satisfies Partial<Record<KernelName, TiledTest>>;

/** Some kernels are dispatched for more rows than a step has, as for the last images of an evaluation. */
function dispatchedRows({ rows, index }: Sizes): number {
  return index % 3 === 0 ? rows + 130 : rows;
}

/** A product [P, parts, size]: what is written of it, and its error when the parts are added up. */
function productOf(
  sizes: TiledSizes,
  { size, expected }: { size: number; expected: readonly Expected[] },
) {
  const { networks, parts: slices } = sizes;
  return {
    outputs: { product: networks * slices * size },
    measure: ({ product }: Readonly<Record<string, Float32Array>>) =>
      errorOfNetworks(sumOfSlices(product, { networks, slices, size }), expected),
  };
}

/** @param data The images; those that the tests share unless given. */
export async function inputForwardCase(
  sizes: TiledSizes,
  random: Random,
  data?: DeviceDataSet,
): Promise<KernelCase> {
  const { rows, inputs, outputs, networks } = sizes;
  const { order, fields, resources, x, magnitudes } = await drawImages(random, sizes, data);
  const flat = drawWeights(random, sizes);
  const expected = ofNetworks(networks, (n) => forward(flat, n, { x, magnitudes }));
  const product = productOf(sizes, { size: rows * outputs, expected });
  return {
    kernel: "tiled_input_forward",
    run: {
      shape: { ...sizes, slices: 1 },
      dispatchedRows: dispatchedRows(sizes),
      networks,
      constants: { PARTS: sizes.parts },
      layer: { inputs, outputs, parameters: flat.length, ...flat.offsets, ...fields },
      step: { first: FIRST },
      inputs: { order, weights: flat.values },
      resources,
      outputs: product.outputs,
    },
    measure: product.measure,
  };
}

function drawWeights(
  random: Random,
  { inputs, outputs, networks }: Sizes,
): FlatVectors<"bias" | "weight"> {
  return new FlatVectors(networks, { bias: outputs, weight: inputs * outputs })
    .fill("weight", () => random.normal())
    .fill("bias", () => random.normal());
}

function forward(
  flat: FlatVectors<"bias" | "weight">,
  network: number,
  { x, magnitudes }: { x: Float64Array; magnitudes: Float64Array },
): Expected {
  const weight = flat.tensor(network, "weight");
  const bias = flat.tensor(network, "bias");
  return {
    values: affineForward(x, { weight, bias }),
    magnitudes: affineForward(magnitudes, { weight: absolute(weight), bias: absolute(bias) }),
  };
}

/** @param data The images; those that the tests share unless given. */
export async function inputBackwardCase(
  sizes: TiledSizes,
  random: Random,
  data?: DeviceDataSet,
): Promise<KernelCase> {
  const { rows, outputs, networks } = sizes;
  const { order, fields, resources, x, magnitudes } = await drawImages(random, sizes, data);
  const dy = draw(random, networks * rows * outputs);
  return weightCase("tiled_input_backward", sizes, {
    random,
    run: { layer: fields, first: FIRST, inputs: { order, dy }, resources },
    expected: ofNetworks(
      networks,
      (n) => gradients(part(dy, n, networks), { x, magnitudes, rows }),
    ),
  });
}

/** The gradients of a map, without L2. */
function gradients(
  dy: Float32Array,
  { x, magnitudes, rows }: { x: Float64Array; magnitudes: Float64Array; rows: number },
): Record<"weight" | "bias", Expected> {
  return { weight: weightGradient(dy, { x, magnitudes, n: rows }), ...biasGradient(dy, rows) };
}

/** In one part a kernel updates the parameters; several are stored, and the parameters stay as they are. */
function weightCase(
  kernel: KernelName,
  sizes: TiledSizes,
  options: {
    random: Random;
    run: Pick<
      Parameters<Descent<"weight" | "bias">["case"]>[1],
      "layer" | "first" | "inputs" | "resources"
    >;
    expected: readonly Record<"weight" | "bias", Expected>[];
  },
): KernelCase {
  const { inputs, outputs } = sizes;
  const { random, expected } = options;
  const constants = { PARTS: sizes.parts };
  const descent = new Descent(sizes, random, { bias: outputs, weight: inputs * outputs });
  const whole = descent.case(kernel, {
    ...options.run,
    constants,
    outputs: { product: 1 },
    measure({ gradients, product }) {
      assert(Number.isNaN(product[0]), "a part was stored");
      return descent.errorOfGradients(gradients, expected);
    },
  });
  if (constants.PARTS === 1) return whole;
  const product = productOf(sizes, {
    size: (inputs + 1) * outputs,
    expected: expected.map(({ weight, bias }) => ({
      values: Float64Array.from([...weight.values, ...bias.values]),
      magnitudes: Float64Array.from([...weight.magnitudes, ...bias.magnitudes]),
    })),
  });
  const unchanged = { parameters: descent.flat.values, gradients: descent.flat.values };
  return {
    kernel,
    run: {
      ...whole.run,
      inputs: { ...whole.run.inputs, ...unchanged },
      outputs: product.outputs,
    },
    measure: product.measure,
  };
}

function forwardCase(sizes: TiledSizes, random: Random): KernelCase {
  const { rows, inputs, outputs, networks } = sizes;
  const flat = drawWeights(random, sizes);
  const x = draw(random, networks * rows * inputs);
  const expected = ofNetworks(networks, (n) => {
    const own = new Float64Array(part(x, n, networks));
    return forward(flat, n, { x: own, magnitudes: absolute(own) });
  });
  const product = productOf(sizes, { size: rows * outputs, expected });
  return {
    kernel: "tiled_affine_forward",
    run: {
      shape: { ...sizes, slices: 1 },
      dispatchedRows: dispatchedRows(sizes),
      networks,
      constants: { PARTS: sizes.parts },
      layer: { inputs, outputs, parameters: flat.length, ...flat.offsets },
      inputs: { weights: flat.values, x },
      outputs: product.outputs,
    },
    measure: product.measure,
  };
}

function backwardInputCase(sizes: TiledSizes, random: Random): KernelCase {
  const { rows, inputs, outputs, networks } = sizes;
  const flat = drawWeights(random, sizes);
  const dy = draw(random, networks * rows * outputs);
  const expected = ofNetworks(networks, (n) => {
    const own = new Float64Array(part(dy, n, networks));
    const weight = flat.tensor(n, "weight");
    return {
      values: affineBackwardInput(own, { weight, n: rows }),
      magnitudes: affineBackwardInput(absolute(own), { weight: absolute(weight), n: rows }),
    };
  });
  const product = productOf(sizes, { size: rows * inputs, expected });
  return {
    kernel: "tiled_affine_backward_input",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      constants: { PARTS: sizes.parts },
      layer: { inputs, outputs, parameters: flat.length, ...flat.offsets },
      inputs: { weights: flat.values, dy },
      outputs: product.outputs,
    },
    measure: product.measure,
  };
}

function backwardWeightCase(sizes: TiledSizes, random: Random): KernelCase {
  const { rows, inputs, outputs, networks } = sizes;
  const x = draw(random, networks * rows * inputs);
  const dy = draw(random, networks * rows * outputs);
  const expected = ofNetworks(networks, (n) => {
    const own = new Float64Array(part(x, n, networks));
    return gradients(part(dy, n, networks), { x: own, magnitudes: absolute(own), rows });
  });
  return weightCase("tiled_affine_backward_weight", sizes, {
    random,
    run: { inputs: { x, dy } },
    expected,
  });
}

/** Random parts of a product, and what they add up to, for each network. */
function drawParts(random: Random, sizes: TiledSizes, size: number) {
  const { networks } = sizes;
  const product = draw(random, networks * sizes.parts * size);
  const expected = ofNetworks(networks, (n): Expected => {
    const values = new Float64Array(size);
    const magnitudes = new Float64Array(size);
    part(product, n, networks).forEach((value, i) => {
      values[i % size] += value;
      magnitudes[i % size] += Math.abs(value);
    });
    return { values, magnitudes };
  });
  return { product, expected };
}

function partsOutputsCase(sizes: TiledSizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const { product, expected } = drawParts(random, sizes, rows * outputs);
  return {
    kernel: "tiled_parts_outputs",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      constants: { PARTS: sizes.parts },
      layer: { outputs },
      inputs: { product },
      outputs: { y: networks * rows * outputs },
    },
    measure: ({ y }) => errorOfNetworks(y, expected),
  };
}

function partsInputsCase(sizes: TiledSizes, random: Random): KernelCase {
  const { rows, inputs, networks } = sizes;
  const { product, expected } = drawParts(random, sizes, rows * inputs);
  return {
    kernel: "tiled_parts_inputs",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      constants: { PARTS: sizes.parts },
      layer: { inputs },
      inputs: { product },
      outputs: { dx: networks * rows * inputs },
    },
    measure: ({ dx }) => errorOfNetworks(dx, expected),
  };
}

function partsWeightsCase(sizes: TiledSizes, random: Random): KernelCase {
  const { inputs, outputs } = sizes;
  const { product, expected } = drawParts(random, sizes, (inputs + 1) * outputs);
  const descent = new Descent(sizes, random, { bias: outputs, weight: inputs * outputs });
  const split = inputs * outputs;
  const ofLoss = expected.map(({ values, magnitudes }) => ({
    weight: { values: values.subarray(0, split), magnitudes: magnitudes.subarray(0, split) },
    bias: { values: values.subarray(split), magnitudes: magnitudes.subarray(split) },
  }));
  return descent.case("tiled_parts_weights", {
    constants: { PARTS: sizes.parts },
    inputs: { product },
    measure: ({ gradients }) => descent.errorOfGradients(gradients, ofLoss),
  });
}
