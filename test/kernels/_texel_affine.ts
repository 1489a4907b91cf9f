/** Tests of the affine kernels whose tensors are texels. */
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import type { KernelName, TileName } from "../../src/gpu/kernel_table.ts";
import type { Random } from "../../src/model/random.ts";
import { affineBackwardInput, affineForward } from "../../src/model/reference/layers.ts";
import {
  absolute,
  draw,
  errorOfFlat,
  errorOfNetworks,
  exactly,
  type Expected,
  FlatVectors,
  type KernelCase,
  ofNetworks,
  part,
} from "./_kernel.ts";
import {
  biasGradient,
  drawImages,
  expectedSums,
  INPUT_BOUND,
  SLICES,
  sumOfSlices,
  weightGradient,
} from "./_affine.ts";
import { affineCases, FIRST, type KernelTest, type Sizes, SUM_BOUND } from "./_cases.ts";
import { Descent } from "./_descent.ts";
import { newRowTexels, rowsOfTexels, rowTexels, weightTexels } from "./_texels.ts";

/** Tests by kernel. */
export const TEXEL_AFFINE_TESTS = {
  texel_input_forward: {
    cases: affineCases(),
    bound: INPUT_BOUND,
    draw: texelInputForwardCase,
  },
  texel_input_backward: {
    cases: affineCases(),
    bound: INPUT_BOUND,
    draw: texelInputBackwardCase,
  },
  texel_affine_forward: { cases: affineCases(), bound: SUM_BOUND, draw: forwardCase },
  texel_affine_backward_input: {
    cases: affineCases(),
    bound: SUM_BOUND,
    draw: backwardInputCase,
  },
  texel_affine_backward_weight: {
    cases: affineCases(),
    bound: SUM_BOUND,
    draw: backwardWeightCase,
  },
  texel_weights: { cases: affineCases(), bound: 0, draw: weightsCase },
} as const satisfies Partial<Record<KernelName, KernelTest>>;

/** The tile that a case is run with: each of `affineCases` in turn, so that every size meets both. */
export function tileOf({ index }: Pick<Sizes, "index">): TileName {
  return (index + Math.floor(index / 12)) % 2 === 0 ? "tile_20x10" : "tile_12x8";
}

/** @param data The images; those that the tests share unless given. */
export async function texelInputForwardCase(
  sizes: Sizes,
  random: Random,
  data?: DeviceDataSet,
): Promise<KernelCase> {
  const { rows, inputs, outputs, networks, index } = sizes;
  const slices = SLICES[index % SLICES.length];
  const { order, fields, resources, x, magnitudes } = await drawImages(random, sizes, data);
  const flat = new FlatVectors(networks, { weight: inputs * outputs })
    .fill("weight", () => random.normal());
  const sums = { rows, width: outputs, networks, slices };
  const weights = ofNetworks(networks, (n) => flat.tensor(n, "weight"));
  const expected = expectedSums(weights, { outputs, x, magnitudes });
  return {
    kernel: "texel_input_forward",
    run: {
      shape: { rows, inputs, outputs, slices },
      networks,
      layer: { imagesPerLayer: fields.imagesPerLayer },
      constants: { FEATURES: outputs, TEXELS: fields.texels, SLICES: slices },
      tile: tileOf(sizes),
      step: { first: FIRST },
      inputs: { order },
      resources,
      texels: { weight_texels: weightTexels(sizes, (n) => flat.view(n, "weight")) },
      newTexels: { new_y_texels: newRowTexels(sums) },
      outputs: {},
    },
    measure: ({ new_y_texels }) => {
      const found = rowsOfTexels(new_y_texels, sums);
      const size = rows * outputs;
      return errorOfNetworks(sumOfSlices(found, { networks, slices, size }), expected);
    },
  };
}

/** @param data The images; those that the tests share unless given. */
export async function texelInputBackwardCase(
  sizes: Sizes,
  random: Random,
  data?: DeviceDataSet,
): Promise<KernelCase> {
  const { rows, inputs, outputs, networks } = sizes;
  const { order, fields, resources, x, magnitudes } = await drawImages(random, sizes, data);
  const dy = draw(random, networks * rows * outputs);
  const descent = new Descent(sizes, random, { weight: inputs * outputs });
  const expected = ofNetworks(networks, (n) => ({
    weight: weightGradient(part(dy, n, networks), { x, magnitudes, n: rows }),
  }));
  return descent.case("texel_input_backward", {
    layer: { imagesPerLayer: fields.imagesPerLayer },
    constants: { FEATURES: outputs, TEXELS: fields.texels, SLICES: 1 },
    tile: tileOf(sizes),
    first: FIRST,
    inputs: { order },
    resources,
    texels: { dy_texels: rowTexels(dy, { rows, width: outputs, networks }) },
    weightTexels: true,
    measure: ({ gradients }) => descent.errorOfGradients(gradients, expected),
  });
}

function forwardCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, inputs, outputs, networks } = sizes;
  const flat = new FlatVectors(networks, { weight: inputs * outputs })
    .fill("weight", () => random.normal());
  const x = draw(random, networks * rows * inputs);
  const result = { rows, width: outputs, networks };
  const expected = ofNetworks(networks, (n) => {
    const own = new Float64Array(part(x, n, networks));
    const weight = flat.tensor(n, "weight");
    const bias = new Float64Array(outputs);
    return {
      values: affineForward(own, { weight, bias }),
      magnitudes: affineForward(absolute(own), { weight: absolute(weight), bias }),
    };
  });
  return {
    kernel: "texel_affine_forward",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: {},
      constants: { FEATURES: outputs, INPUTS: inputs },
      tile: tileOf(sizes),
      inputs: {},
      texels: {
        // A row past the last may be anything, but must not affect another row.
        x_texels: rowTexels(x, { rows, width: inputs, networks }, NaN),
        weight_texels: weightTexels(sizes, (n) => flat.view(n, "weight")),
      },
      newTexels: { new_y_texels: newRowTexels(result) },
      outputs: {},
    },
    measure: ({ new_y_texels }) => errorOfNetworks(rowsOfTexels(new_y_texels, result), expected),
  };
}

function backwardInputCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, inputs, outputs, networks } = sizes;
  const flat = new FlatVectors(networks, { weight: inputs * outputs })
    .fill("weight", () => random.normal());
  const dy = draw(random, networks * rows * outputs);
  const result = { rows, width: inputs, networks };
  const expected = ofNetworks(networks, (n) => {
    const own = new Float64Array(part(dy, n, networks));
    const weight = flat.tensor(n, "weight");
    return {
      values: affineBackwardInput(own, { weight, n: rows }),
      magnitudes: affineBackwardInput(absolute(own), { weight: absolute(weight), n: rows }),
    };
  });
  return {
    kernel: "texel_affine_backward_input",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: {},
      constants: { FEATURES: outputs, INPUTS: inputs },
      tile: tileOf(sizes),
      inputs: {},
      texels: {
        dy_texels: rowTexels(dy, { rows, width: outputs, networks }),
        weight_texels: weightTexels(sizes, (n) => flat.view(n, "weight")),
      },
      newTexels: { new_dx_texels: newRowTexels(result) },
      outputs: {},
    },
    measure: ({ new_dx_texels }) =>
      errorOfNetworks(rowsOfTexels(new_dx_texels, result, 0), expected),
  };
}

function backwardWeightCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, inputs, outputs, networks, index } = sizes;
  const last = Math.floor(index / 5) % 2 === 1; // Not in step with tiles, networks or any size.
  const x = draw(random, networks * rows * inputs);
  const dy = draw(random, networks * rows * outputs);
  const tensors: Record<string, number> = { weight: inputs * outputs };
  if (last) tensors.bias = outputs;
  const descent = new Descent(sizes, random, tensors);
  const expected = ofNetworks(networks, (n): Record<string, Expected> => {
    const own = new Float64Array(part(x, n, networks));
    const cache = { x: own, magnitudes: absolute(own), n: rows };
    const ds = part(dy, n, networks);
    return { weight: weightGradient(ds, cache), ...biasGradient(ds, rows) };
  });
  return descent.case("texel_affine_backward_weight", {
    // In any layer but the last, an update of the bias would hit the gap and the weights.
    layer: last ? {} : { bias: 0 },
    constants: { FEATURES: outputs, INPUTS: inputs, LAST: Number(last) },
    tile: tileOf(sizes),
    inputs: {},
    texels: {
      x_texels: rowTexels(x, { rows, width: inputs, networks }),
      dy_texels: rowTexels(dy, { rows, width: outputs, networks }),
    },
    weightTexels: true,
    measure: ({ gradients }) => descent.errorOfGradients(gradients, expected),
  });
}

function weightsCase(sizes: Sizes, random: Random): KernelCase {
  const { inputs, outputs, networks } = sizes;
  const [weights, gradients] = [1, 2].map(() =>
    new FlatVectors(networks, { weight: inputs * outputs }).fill("weight", () => random.normal())
  );
  const before = new FlatVectors(networks, { weight: inputs * outputs }).values;
  return {
    kernel: "texel_weights",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: { inputs, outputs, parameters: weights.length, ...weights.offsets },
      inputs: {},
      texels: {
        weight_texels: weightTexels(sizes, (n) => weights.view(n, "weight"), NaN),
        gradient_texels: weightTexels(sizes, (n) => gradients.view(n, "weight"), NaN),
      },
      outputs: { parameters: before, gradients: before },
    },
    measure: (found) => {
      const errors = ([["parameters", weights], ["gradients", gradients]] as const)
        .map(([name, flat]) => {
          const expected = ofNetworks(networks, (n) => ({
            weight: exactly(flat.tensor(n, "weight")),
          }));
          return errorOfFlat(found[name], flat, { before, expected });
        });
      return Math.max(...errors);
    },
  };
}
