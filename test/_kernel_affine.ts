/** Tests of the affine kernels: the first layer, which reads images, and the others. */
import { assert } from "@std/assert";
import { type DataSet, standardise } from "../src/dataset.ts";
import { DeviceDataSet } from "../src/device_data.ts";
import type { KernelName } from "../src/kernel_table.ts";
import type { Random } from "../src/random.ts";
import { affineBackward, affineBackwardInput, affineForward } from "../src/reference.ts";
import { createRandomData, sharedGpu } from "./_gpu.ts";
import {
  absolute,
  draw,
  errorOfNetworks,
  type Expected,
  FlatVectors,
  part,
  runKernel,
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
} from "./_kernel_cases.ts";
import { Descent } from "./_kernel_descent.ts";
import { rowTexels, weightTexels } from "./_texels.ts";

/**
 * Of the first layer: its magnitudes take both parts of a standardised pixel without their signs, which makes the sums'
 * error fewer units.
 */
export const INPUT_BOUND = 5;

/** Tests by kernel. */
export const AFFINE_TESTS = {
  input_affine_forward: { cases: affineCases(), bound: INPUT_BOUND, check: checkInputForward },
  input_affine_backward: { cases: affineCases(), bound: INPUT_BOUND, check: checkInputBackward },
  input_affine_backward_bias: {
    cases: layerCases(ROWS, WIDTHS),
    bound: SUM_BOUND,
    check: checkInputBackwardBias,
  },
  slice_sum: { cases: layerCases(ROWS, WIDTHS), bound: SUM_BOUND, check: checkSliceSum },
  affine_forward: { cases: affineCases(), bound: SUM_BOUND, check: checkForward },
  affine_backward_input: { cases: affineCases(), bound: SUM_BOUND, check: checkBackwardInput },
  affine_backward_weight: { cases: affineCases(), bound: SUM_BOUND, check: checkBackwardWeight },
  affine_backward_bias: {
    cases: layerCases(ROWS, WIDTHS),
    bound: SUM_BOUND,
    check: checkBackwardBias,
  },
} as const satisfies Partial<Record<KernelName, KernelTest>>;

/** Slices of the first layer's sum; with the last of these, slices of few inputs are empty. */
export const SLICES = [1, 2, 5, 24];

const dataSets = new Map<string, Promise<DeviceDataSet>>();

/** Random images of some size, put on the device once. */
export async function deviceData(inputs: number, training: number): Promise<DeviceDataSet> {
  const gpu = await sharedGpu();
  const key = `${inputs} ${training}`;
  const made = dataSets.get(key) ??
    createRandomData({ inputs, training }).then((data) => new DeviceDataSet(gpu, data));
  dataSets.set(key, made);
  return await made;
}

/** A batch of images in random order and all that the kernels need to know of it. */
export async function drawImages(random: Random, sizes: Sizes, training = 150) {
  const data = await deviceData(sizes.inputs, training);
  const { source, texels, imagesPerLayer, standard } = data;
  const order = random.permutation(training);
  const indices = order.subarray(FIRST, FIRST + sizes.rows);
  return {
    order,
    fields: { texels, images_per_layer: imagesPerLayer },
    resources: { images: (await data.part("training")).images, standard },
    x: standardise(source.training.images, source, indices),
    magnitudes: standardisedMagnitudes(source, indices),
  };
}

/** v / 255 / std + mean / std: standardising takes one from the other, and rounds both. */
function standardisedMagnitudes(data: DataSet, indices: ArrayLike<number>): Float64Array {
  const { inputs, mean, std, training } = data;
  const mirrored = { inputs, mean: mean.map((value) => -value), std };
  return standardise(training.images, mirrored, indices);
}

export async function checkInputForward(
  sizes: Sizes,
  random: Random,
  training?: number,
): Promise<number> {
  const { rows, inputs, outputs, networks, index } = sizes;
  const slices = SLICES[index % SLICES.length];
  const { order, fields, resources, x, magnitudes } = await drawImages(random, sizes, training);
  const flat = new FlatVectors(networks, { weight: inputs * outputs })
    .fill("weight", () => random.normal());
  const size = rows * outputs;
  const { slices: found } = await runKernel(await sharedGpu(), "input_affine_forward", {
    shape: { rows, inputs, outputs, slices },
    networks,
    layer: { inputs, outputs, slices, parameters: flat.length, ...flat.offsets, ...fields },
    step: { first: FIRST },
    inputs: { order },
    resources,
    texels: { weight_texels: weightTexels(sizes, (n) => flat.view(n, "weight")) },
    outputs: { slices: networks * slices * size },
  });
  return errorOfSums(sumOfSlices(found, { networks, slices, size }), {
    weights: (n) => flat.tensor(n, "weight"),
    sizes,
    x,
    magnitudes,
  });
}

/** Where the sum is split is the kernel's own business; what the slices, [P, slices, size], add up to is not. */
export function sumOfSlices(
  found: Float32Array,
  { networks, slices, size }: { networks: number; slices: number; size: number },
): Float32Array {
  return Float32Array.from({ length: networks * size }, (_, i) => {
    const network = Math.floor(i / size);
    let sum = 0;
    for (let s = 0; s < slices; s++) sum += found[(network * slices + s) * size + i % size];
    return sum;
  });
}

/** Measures the first layer's sums, [P, rows, outputs], of images that are the same for all networks. */
export function errorOfSums(
  sums: Float32Array,
  options: {
    weights: (network: number) => Float64Array;
    sizes: Sizes;
    x: Float64Array;
    magnitudes: Float64Array;
  },
): number {
  const { weights, sizes: { outputs, networks }, x, magnitudes } = options;
  return errorOfNetworks(sums, networks, (n) => {
    const weight = weights(n);
    const bias = new Float64Array(outputs);
    return {
      values: affineForward(x, { weight, bias }),
      magnitudes: affineForward(magnitudes, { weight: absolute(weight), bias }),
    };
  });
}

export async function checkInputBackward(
  sizes: Sizes,
  random: Random,
  training?: number,
): Promise<number> {
  const { rows, inputs, outputs, networks } = sizes;
  const { order, fields, resources, x, magnitudes } = await drawImages(random, sizes, training);
  const dy = draw(random, networks * rows * outputs);
  const descent = new Descent(sizes, random, { weight: inputs * outputs });
  const [width, height] = [outputs, fields.texels];
  const { gradients, parameters, new_weight_texels } = await descent.run("input_affine_backward", {
    layer: fields,
    first: FIRST,
    inputs: { order },
    resources,
    texels: { gradient_texels: rowTexels(dy, { rows, width: outputs, networks }) },
    newTexels: { new_weight_texels: { width, height, layers: networks } },
  });
  const moved = weightTexels(sizes, (n) => descent.flat.view(n, "weight", parameters));
  assert(sameWords(new_weight_texels, moved.values), "the texels are not the weights");
  return descent.errorOfGradients(gradients, (n) => ({
    weight: weightGradient(part(dy, n, networks), { x, magnitudes, n: rows }),
  }));
}

async function checkInputBackwardBias(sizes: Sizes, random: Random): Promise<number> {
  const { rows, outputs, networks } = sizes;
  const dy = draw(random, networks * rows * outputs);
  const descent = new Descent(sizes, random, { bias: outputs });
  const expected = rowTexels(dy, { rows, width: outputs, networks });
  const { width, height, layers } = expected;
  const { gradients, new_gradient_texels } = await descent.run("input_affine_backward_bias", {
    inputs: { dy },
    newTexels: { new_gradient_texels: { width, height, layers } },
  });
  assert(sameWords(new_gradient_texels, expected.values), "the texels are not the gradients");
  return descent.errorOfGradients(gradients, (n) => biasGradient(part(dy, n, networks), rows));
}

async function checkSliceSum(sizes: Sizes, random: Random): Promise<number> {
  const { rows, outputs, networks, index } = sizes;
  const slices = SLICES[index % SLICES.length];
  const size = rows * outputs;
  const flat = new FlatVectors(networks, { weight: 5, bias: outputs })
    .fill("bias", () => random.normal());
  const parts = draw(random, networks * slices * size);
  const { y } = await runKernel(await sharedGpu(), "slice_sum", {
    shape: { ...sizes, slices },
    networks,
    layer: { outputs, slices, parameters: flat.length, ...flat.offsets },
    inputs: { weights: flat.values, slices: parts },
    outputs: { y: networks * size },
  });
  return errorOfNetworks(y, networks, (n) => {
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
}

/** xᵀ dy, measured by |x|ᵀ |dy|. */
export function weightGradient(
  dy: Float32Array,
  cache: { x: Float64Array; magnitudes: Float64Array; n: number },
): Expected {
  const { x, magnitudes, n } = cache;
  const ds = Float64Array.from(dy);
  return {
    values: affineBackward(ds, { x, n }).dWeight,
    magnitudes: affineBackward(absolute(ds), { x: magnitudes, n }).dWeight,
  };
}

async function checkForward(sizes: Sizes, random: Random): Promise<number> {
  const { rows, inputs, outputs, networks } = sizes;
  const flat = new FlatVectors(networks, { weight: inputs * outputs, bias: outputs })
    .fill("weight", () => random.normal())
    .fill("bias", () => random.normal());
  const x = draw(random, networks * rows * inputs);
  const { y } = await runKernel(await sharedGpu(), "affine_forward", {
    shape: { ...sizes, slices: 1 },
    networks,
    layer: { inputs, outputs, parameters: flat.length, ...flat.offsets },
    inputs: { weights: flat.values, x },
    outputs: { y: networks * rows * outputs },
  });
  return errorOfNetworks(y, networks, (n) => {
    const own = Float64Array.from(part(x, n, networks));
    const weight = flat.tensor(n, "weight");
    const bias = flat.tensor(n, "bias");
    return {
      values: affineForward(own, { weight, bias }),
      magnitudes: affineForward(absolute(own), { weight: absolute(weight), bias: absolute(bias) }),
    };
  });
}

async function checkBackwardInput(sizes: Sizes, random: Random): Promise<number> {
  const { rows, inputs, outputs, networks } = sizes;
  const flat = new FlatVectors(networks, { bias: 5, weight: inputs * outputs })
    .fill("weight", () => random.normal());
  const dy = draw(random, networks * rows * outputs);
  const { dx } = await runKernel(await sharedGpu(), "affine_backward_input", {
    shape: { ...sizes, slices: 1 },
    networks,
    layer: { inputs, outputs, parameters: flat.length, ...flat.offsets },
    inputs: { weights: flat.values, dy },
    outputs: { dx: networks * rows * inputs },
  });
  return errorOfNetworks(dx, networks, (n) => {
    const own = Float64Array.from(part(dy, n, networks));
    const weight = flat.tensor(n, "weight");
    return {
      values: affineBackwardInput(own, { weight, n: rows }),
      magnitudes: affineBackwardInput(absolute(own), { weight: absolute(weight), n: rows }),
    };
  });
}

async function checkBackwardWeight(sizes: Sizes, random: Random): Promise<number> {
  const { rows, inputs, outputs, networks } = sizes;
  const x = draw(random, networks * rows * inputs);
  const dy = draw(random, networks * rows * outputs);
  const descent = new Descent(sizes, random, { weight: inputs * outputs });
  const { gradients } = await descent.run("affine_backward_weight", { inputs: { x, dy } });
  return descent.errorOfGradients(gradients, (n) => {
    const own = Float64Array.from(part(x, n, networks));
    const cache = { x: own, magnitudes: absolute(own), n: rows };
    return { weight: weightGradient(part(dy, n, networks), cache) };
  });
}

async function checkBackwardBias(sizes: Sizes, random: Random): Promise<number> {
  const { rows, outputs, networks } = sizes;
  const dy = draw(random, networks * rows * outputs);
  const descent = new Descent(sizes, random, { bias: outputs });
  const { gradients } = await descent.run("affine_backward_bias", { inputs: { dy } });
  return descent.errorOfGradients(gradients, (n) => biasGradient(part(dy, n, networks), rows));
}

/** The sum of dy over rows, measured by that of |dy|. */
export function biasGradient(dy: Float32Array, rows: number): { bias: Expected } {
  const ds = Float64Array.from(dy);
  const cache = { x: new Float64Array(rows), n: rows };
  return {
    bias: {
      values: affineBackward(ds, cache).dBias,
      magnitudes: affineBackward(absolute(ds), cache).dBias,
    },
  };
}
