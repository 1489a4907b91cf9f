/** Tests of the affine kernels: the first layer, which reads images, and the others. */
import { assert } from "@std/assert";
import { type DataSet, standardise } from "../../src/data/dataset.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import type { KernelName } from "../../src/gpu/kernel_table.ts";
import type { Random } from "../../src/model/random.ts";
import {
  affineBackward,
  affineBackwardInput,
  affineForward,
} from "../../src/model/reference/layers.ts";
import { createRandomData, sharedGpu } from "../_gpu.ts";
import {
  absolute,
  draw,
  errorOfNetworks,
  type Expected,
  FlatVectors,
  type KernelCase,
  ofNetworks,
  part,
  sameWords,
} from "./_kernel.ts";
import {
  affineCases,
  FIRST,
  type KernelTest,
  layerCases,
  ROWS,
  type Sizes,
  SUM_BOUND,
  WIDTHS,
} from "./_cases.ts";
import { Descent } from "./_descent.ts";
import { rowTexels, weightTexels } from "./_texels.ts";

/**
 * Of the first layer: its magnitudes take both parts of a standardised pixel without their signs, which makes the sums'
 * error fewer units.
 */
export const INPUT_BOUND = 5;

/** Tests by kernel. */
export const AFFINE_TESTS = {
  input_affine_forward: { cases: affineCases(), bound: INPUT_BOUND, draw: inputForwardCase },
  input_affine_backward: { cases: affineCases(), bound: INPUT_BOUND, draw: inputBackwardCase },
  input_affine_backward_bias: {
    cases: layerCases(ROWS, WIDTHS),
    bound: SUM_BOUND,
    draw: inputBackwardBiasCase,
  },
  slice_sum: { cases: layerCases(ROWS, WIDTHS), bound: SUM_BOUND, draw: sliceSumCase },
  affine_forward: { cases: affineCases(), bound: SUM_BOUND, draw: forwardCase },
  affine_backward_input: { cases: affineCases(), bound: SUM_BOUND, draw: backwardInputCase },
  affine_backward_weight: { cases: affineCases(), bound: SUM_BOUND, draw: backwardWeightCase },
  affine_backward_bias: {
    cases: layerCases(ROWS, WIDTHS),
    bound: SUM_BOUND,
    draw: backwardBiasCase,
  },
} as const satisfies Partial<Record<KernelName, KernelTest>>;

/** Slices of the first layer's sum; with the last of these, slices of few inputs are empty. */
export const SLICES = [1, 2, 5, 24];

const dataSets = new Map<number, Promise<DeviceDataSet>>();

/** Random images of some size, uploaded once to the device that the tests share. */
export function sharedData(inputs: number): Promise<DeviceDataSet> {
  async function make(): Promise<DeviceDataSet> {
    return new DeviceDataSet(await sharedGpu(), await createRandomData({ inputs, training: 150 }));
  }
  const made = dataSets.get(inputs) ?? make();
  dataSets.set(inputs, made);
  return made;
}

/** A batch of images in random order, and what the kernels need to read it. */
export async function drawImages(random: Random, sizes: Sizes, own?: DeviceDataSet) {
  const data = own ?? await sharedData(sizes.inputs);
  const { source, texels, imagesPerLayer, standard } = data;
  const order = random.permutation(source.training.count);
  return {
    order,
    fields: { texels, imagesPerLayer },
    resources: { images: (await data.part("training")).images, standard },
    ...imagesFrom(source, order.subarray(FIRST, FIRST + sizes.rows)),
    /** The images from another place in `order` on. */
    from: (first: number) => imagesFrom(source, order.subarray(first, first + sizes.rows)),
  };
}

function imagesFrom(source: DataSet, indices: ArrayLike<number>) {
  const x = standardise(source.training.images, source, indices);
  return { x, magnitudes: standardisedMagnitudes(source, indices) };
}

/** v / 255 / std + mean / std: standardising subtracts one from the other, and rounds both. */
export function standardisedMagnitudes(data: DataSet, indices: ArrayLike<number>): Float64Array {
  const { inputs, mean, std, training } = data;
  const mirrored = { inputs, mean: mean.map((value) => -value), std };
  return standardise(training.images, mirrored, indices);
}

/** @param data The images; those that the tests share unless given. */
export async function inputForwardCase(
  sizes: Sizes,
  random: Random,
  data?: DeviceDataSet,
): Promise<KernelCase> {
  const { rows, inputs, outputs, networks, index } = sizes;
  const slices = SLICES[index % SLICES.length];
  const { order, fields, resources, x, magnitudes } = await drawImages(random, sizes, data);
  const flat = new FlatVectors(networks, { weight: inputs * outputs })
    .fill("weight", () => random.normal());
  const size = rows * outputs;
  const weights = ofNetworks(networks, (n) => flat.tensor(n, "weight"));
  const expected = expectedSums(weights, { outputs, x, magnitudes });
  return {
    kernel: "input_affine_forward",
    run: {
      shape: { rows, inputs, outputs, slices },
      networks,
      layer: { inputs, outputs, slices, parameters: flat.length, ...flat.offsets, ...fields },
      step: { first: FIRST },
      inputs: { order },
      resources,
      texels: { weight_texels: weightTexels(sizes, (n) => flat.view(n, "weight")) },
      outputs: { slices: networks * slices * size },
    },
    measure: (found) =>
      errorOfNetworks(sumOfSlices(found.slices, { networks, slices, size }), expected),
  };
}

/** Checks what the slices, [P, slices, size], add up to: where the sum is split is up to the kernel. */
export function sumOfSlices(
  found: Float32Array,
  { networks, slices, size }: { networks: number; slices: number; size: number },
): Float32Array {
  const sums = new Float64Array(networks * size);
  for (let slice = 0; slice < networks * slices; slice++) {
    const to = Math.floor(slice / slices) * size;
    for (let i = 0; i < size; i++) sums[to + i] += found[slice * size + i];
  }
  return new Float32Array(sums);
}

/** The first layer's sums, [P, rows, outputs], of images that are the same for all networks. */
export function expectedSums(
  weights: readonly Float64Array[],
  options: { outputs: number; x: Float64Array; magnitudes: Float64Array },
): Expected[] {
  const { outputs, x, magnitudes } = options;
  const bias = new Float64Array(outputs);
  return weights.map((weight) => ({
    values: affineForward(x, { weight, bias }),
    magnitudes: affineForward(magnitudes, { weight: absolute(weight), bias }),
  }));
}

/** @param data The images; those that the tests share unless given. */
export async function inputBackwardCase(
  sizes: Sizes,
  random: Random,
  data?: DeviceDataSet,
): Promise<KernelCase> {
  const { rows, inputs, outputs, networks } = sizes;
  const { order, fields, resources, x, magnitudes } = await drawImages(random, sizes, data);
  const dy = draw(random, networks * rows * outputs);
  const descent = new Descent(sizes, random, { weight: inputs * outputs });
  const [width, height] = [outputs, fields.texels];
  const expected = ofNetworks(networks, (n) => ({
    weight: weightGradient(part(dy, n, networks), { x, magnitudes, n: rows }),
  }));
  return descent.case("input_affine_backward", {
    layer: fields,
    first: FIRST,
    inputs: { order },
    resources,
    texels: { gradient_texels: rowTexels(dy, { rows, width: outputs, networks }) },
    newTexels: { new_weight_texels: { width, height, layers: networks } },
    measure: ({ gradients, parameters, new_weight_texels }) => {
      const moved = weightTexels(sizes, (n) => descent.flat.view(n, "weight", parameters));
      assert(sameWords(new_weight_texels, moved.values), "the texels are not the weights");
      return descent.errorOfGradients(gradients, expected);
    },
  });
}

function inputBackwardBiasCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const dy = draw(random, networks * rows * outputs);
  const descent = new Descent(sizes, random, { bias: outputs });
  const texels = rowTexels(dy, { rows, width: outputs, networks });
  const { width, height, layers } = texels;
  const expected = ofNetworks(networks, (n) => biasGradient(part(dy, n, networks), rows));
  return descent.case("input_affine_backward_bias", {
    inputs: { dy },
    newTexels: { new_gradient_texels: { width, height, layers } },
    measure: ({ gradients, new_gradient_texels }) => {
      assert(sameWords(new_gradient_texels, texels.values), "the texels are not the gradients");
      return descent.errorOfGradients(gradients, expected);
    },
  });
}

function sliceSumCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks, index } = sizes;
  const slices = SLICES[index % SLICES.length];
  const size = rows * outputs;
  const flat = new FlatVectors(networks, { weight: 5, bias: outputs })
    .fill("bias", () => random.normal());
  const parts = draw(random, networks * slices * size);
  const expected = ofNetworks(networks, (n) => {
    const own = part(parts, n, networks);
    const bias = flat.view(n, "bias");
    const values = Float64Array.from({ length: size }, (_, i) => bias[i % outputs]);
    const magnitudes = absolute(values);
    own.forEach((value, i) => {
      values[i % size] += value;
      magnitudes[i % size] += Math.abs(value);
    });
    return { values, magnitudes };
  });
  return {
    kernel: "slice_sum",
    run: {
      shape: { ...sizes, slices },
      networks,
      layer: { outputs, slices, parameters: flat.length, ...flat.offsets },
      inputs: { weights: flat.values, slices: parts },
      outputs: { y: networks * size },
    },
    measure: ({ y }) => errorOfNetworks(y, expected),
  };
}

/** xᵀ dy, measured by |x|ᵀ |dy|. */
export function weightGradient(
  dy: Float32Array,
  cache: { x: Float64Array; magnitudes: Float64Array; n: number },
): Expected {
  const { x, magnitudes, n } = cache;
  const ds = new Float64Array(dy);
  return {
    values: affineBackward(ds, { x, n }).dWeight,
    magnitudes: affineBackward(absolute(ds), { x: magnitudes, n }).dWeight,
  };
}

function forwardCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, inputs, outputs, networks } = sizes;
  const flat = new FlatVectors(networks, { weight: inputs * outputs, bias: outputs })
    .fill("weight", () => random.normal())
    .fill("bias", () => random.normal());
  const x = draw(random, networks * rows * inputs);
  const expected = ofNetworks(networks, (n) => {
    const own = new Float64Array(part(x, n, networks));
    const weight = flat.tensor(n, "weight");
    const bias = flat.tensor(n, "bias");
    return {
      values: affineForward(own, { weight, bias }),
      magnitudes: affineForward(absolute(own), { weight: absolute(weight), bias: absolute(bias) }),
    };
  });
  return {
    kernel: "affine_forward",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: { inputs, outputs, parameters: flat.length, ...flat.offsets },
      inputs: { weights: flat.values, x },
      outputs: { y: networks * rows * outputs },
    },
    measure: ({ y }) => errorOfNetworks(y, expected),
  };
}

function backwardInputCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, inputs, outputs, networks } = sizes;
  const flat = new FlatVectors(networks, { bias: 5, weight: inputs * outputs })
    .fill("weight", () => random.normal());
  const dy = draw(random, networks * rows * outputs);
  const expected = ofNetworks(networks, (n) => {
    const own = new Float64Array(part(dy, n, networks));
    const weight = flat.tensor(n, "weight");
    return {
      values: affineBackwardInput(own, { weight, n: rows }),
      magnitudes: affineBackwardInput(absolute(own), { weight: absolute(weight), n: rows }),
    };
  });
  return {
    kernel: "affine_backward_input",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: { inputs, outputs, parameters: flat.length, ...flat.offsets },
      inputs: { weights: flat.values, dy },
      outputs: { dx: networks * rows * inputs },
    },
    measure: ({ dx }) => errorOfNetworks(dx, expected),
  };
}

function backwardWeightCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, inputs, outputs, networks } = sizes;
  const x = draw(random, networks * rows * inputs);
  const dy = draw(random, networks * rows * outputs);
  const descent = new Descent(sizes, random, { weight: inputs * outputs });
  const expected = ofNetworks(networks, (n) => {
    const own = new Float64Array(part(x, n, networks));
    const cache = { x: own, magnitudes: absolute(own), n: rows };
    return { weight: weightGradient(part(dy, n, networks), cache) };
  });
  return descent.case("affine_backward_weight", {
    inputs: { x, dy },
    measure: ({ gradients }) => descent.errorOfGradients(gradients, expected),
  });
}

function backwardBiasCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const dy = draw(random, networks * rows * outputs);
  const descent = new Descent(sizes, random, { bias: outputs });
  const expected = ofNetworks(networks, (n) => biasGradient(part(dy, n, networks), rows));
  return descent.case("affine_backward_bias", {
    inputs: { dy },
    measure: ({ gradients }) => descent.errorOfGradients(gradients, expected),
  });
}

/** The sum of dy over rows, measured by that of |dy|. */
export function biasGradient(dy: Float32Array, rows: number): { bias: Expected } {
  const ds = new Float64Array(dy);
  const cache = { x: new Float64Array(rows), n: rows };
  return {
    bias: {
      values: affineBackward(ds, cache).dBias,
      magnitudes: affineBackward(absolute(ds), cache).dBias,
    },
  };
}
