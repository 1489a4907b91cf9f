/**
 * Mistakes to plant in the shaders: at least one for each term of each formula. The checks that the
 * real kernels pass must find every one.
 *
 * @module
 */

import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import type { ShaderTexts } from "../../src/gpu/kernels.ts";
import type { FusedKernel } from "./_fused_tests.ts";

/** A mistake: a piece of a shader's text and its replacement. */
export interface Mutant {
  /** The path of the shader file, without its extension. */
  readonly file: string;
  /** What is wrong. */
  readonly mistake: string;
  /** The piece: it occurs in the file once, or as often as `times` says. */
  readonly from: string;
  /** The replacement. */
  readonly to: string;
  /** How often `from` occurs in the file. */
  readonly times?: number;
  /** The variant to check, where that is not the one of the file's path. */
  readonly variant?: string;
}

/** A mistake, and the kernels whose tests may find it: a case of each in turn. */
export interface KernelMutant {
  readonly mutant: Mutant;
  readonly kernels: readonly FusedKernel[];
}

/** A mistake of one file: what is wrong, a piece of its text and the replacement. */
export type Planted = readonly [mistake: string, from: string, to: string];

/** The mistakes of a file, and the kernels whose tests may find them. */
export function inFile(
  file: string,
  kernels: readonly FusedKernel[],
  planted: readonly Planted[],
): KernelMutant[] {
  return planted.map(([mistake, from, to]) => ({ mutant: { file, mistake, from, to }, kernels }));
}

/** The variant to check for a file, by how the paths begin; the first that fits counts. */
export const VARIANT_OF: readonly (readonly [beginning: string, variant: string])[] = [
  ["texel/tile_20x10", "texel-20x10"],
  ["shared/tile_20x10", "texel-20x10"],
  ["shared/tile_12x8", "texel-12x8"],
  ["texel/", "texel-12x8"],
  ["fused/column", "fused-layers"],
  ["fused/loss", "fused-layers"],
  ["fused/pair", "fused-layers"],
  ["fused/norm", "fused-layers"],
  ["fused/input_forward", "fused-tail-16x8"],
  ["fused/input_", "fused-tail-8x8"],
  ["fused/", "fused-tail"],
  ["tiled/", "tiled"],
];

/** The variant to check for a mistake. */
export function variantOf({ file, variant }: Pick<Mutant, "file" | "variant">): string {
  const own = VARIANT_OF.find(([beginning]) => file.startsWith(beginning))?.[1];
  return variant ?? own ?? "per-operation";
}

/** All of them. */
export const MUTANTS: readonly Mutant[] = [
  // descent: theta <- theta - eta g, g + 2 lambda W
  {
    file: "shared/descent",
    mistake: "no 2 lambda W",
    from: "let g = gradient + d.decay * w;",
    to: "let g = gradient;",
  },
  {
    file: "shared/descent",
    mistake: "lambda W instead of 2 lambda W",
    from: "2.0 * n.lambda",
    to: "n.lambda",
  },
  {
    file: "shared/descent",
    mistake: "the first network's lambda for all",
    from: "2.0 * n.lambda",
    to: "2.0 * networks[0].lambda",
  },
  {
    file: "shared/descent",
    mistake: "uphill",
    from: "w - d.eta * g",
    to: "w + d.eta * g",
  },
  {
    file: "shared/descent",
    mistake: "biases, gammas and betas go uphill",
    from: "parameters[d.first + at] -= d.eta * gradient;",
    to: "parameters[d.first + at] += d.eta * gradient;",
  },
  {
    file: "shared/descent",
    mistake: "the first network's learning rate for all",
    from: "return Descent(network * layer.parameters, eta,",
    to: "return Descent(network * layer.parameters, networks[0].eta_max * step.rise,",
  },
  {
    file: "shared/descent",
    mistake: "the learning rate stays at its lowest",
    from: "(1.0 - step.rise) * n.eta_min + step.rise * n.eta_max",
    to: "n.eta_min",
  },
  {
    file: "shared/descent",
    mistake: "every network moves the first one's parameters",
    from: "Descent(network * layer.parameters, eta",
    to: "Descent(0u, eta",
  },
  {
    file: "shared/descent",
    mistake: "L2 of another network's weight",
    from: "let w = parameters[d.first + at];",
    to: "let w = parameters[at];",
  },
  // input_affine: S = X W, dW = X^T dS
  {
    file: "shared/images",
    mistake: "pixels are not scaled",
    from: "s.scale, s.shift)",
    to: "vec4f(1.0), s.shift)",
    variant: "per-operation",
  },
  {
    file: "shared/images",
    mistake: "pixels are not shifted",
    from: "s.scale, s.shift)",
    to: "s.scale, vec4f(0.0))",
    variant: "per-operation",
  },
  {
    file: "shared/image_blocks",
    mistake: "batches always begin with the first image",
    from: "order[step.first + min(row, step.rows - 1u)]",
    to: "order[min(row, step.rows - 1u)]",
    variant: "per-operation",
  },
  {
    file: "shared/image_blocks",
    mistake: "images in file order",
    from: "order[step.first + min(row, step.rows - 1u)]",
    to: "(step.first + min(row, step.rows - 1u))",
    variant: "per-operation",
  },
  {
    file: "per_operation/input",
    mistake: "W transposed within four inputs",
    from:
      "return textureLoad(weight_texels, vec2u(min(output, layer.outputs - 1u), k), network, 0);",
    to:
      "return textureLoad(weight_texels, vec2u(min(output, layer.outputs - 1u), k), network, 0).yxzw;",
  },
  {
    file: "shared/image_blocks",
    mistake: "a row of the tile is another row",
    from: "place_of(row + 2u), place_of(row + 3u)",
    to: "place_of(row + 3u), place_of(row + 2u)",
    variant: "per-operation",
  },
  {
    file: "shared/tile_20x10_outputs",
    mistake: "an output of the tile is another output",
    from: "weight_at(network, k, output + 3u)",
    to: "weight_at(network, k, output + 2u)",
    variant: "per-operation",
  },
  {
    file: "per_operation/input",
    mistake: "weights of another network",
    from: "vec2u(min(output, layer.outputs - 1u), k), network, 0)",
    to: "vec2u(min(output, layer.outputs - 1u), k), 0u, 0)",
  },
  {
    file: "per_operation/input",
    mistake: "the slices lie on each other",
    from: "layer.slices + slice) * step.rows",
    to: "layer.slices) * step.rows",
  },
  {
    file: "per_operation/input",
    mistake: "a slice ends one texel early",
    from: "let end = min((slice + 1u) * per_slice, layer.texels);",
    to: "let end = min((slice + 1u) * per_slice, layer.texels) - 1u;",
  },
  {
    file: "per_operation/input",
    mistake: "dW past the last input is stored",
    from: "if inputs > 2u {\n    moved.z",
    to: "if inputs > 0u {\n    moved.z",
  },
  {
    file: "per_operation/input",
    mistake: "dW lacks the first images",
    from: "for (var block = 0u; block < row_blocks(); block++) {",
    to: "for (var block = 1u; block < row_blocks(); block++) {",
  },
  {
    file: "per_operation/input",
    mistake: "dW lacks one image of four",
    from: " + x[3] * w.w",
    to: "",
  },
  {
    file: "per_operation/input",
    mistake: "dW of another network's dS",
    from: "min(output, layer.outputs - 1u), block), network, 0)",
    to: "min(output, layer.outputs - 1u), block), 0u, 0)",
  },
  {
    file: "per_operation/input",
    mistake: "db of the first layer lacks one image of four",
    from: "sum + four.x + four.y + four.z + four.w",
    to: "sum + four.x + four.y + four.z",
  },
  {
    file: "per_operation/input",
    mistake: "dS past the last image is not 0",
    from: "if row >= step.rows {\n    return 0.0;",
    to: "if row >= step.rows {\n    return 1e-3;",
  },
  {
    file: "per_operation/input",
    mistake: "one weight of four stays as it was in the texels",
    from: "moved.y = descend_weight(d, at + layer.outputs, gradient.y);",
    to:
      "moved.y = parameters[d.first + at + layer.outputs]; _ = descend_weight(d, at + layer.outputs, gradient.y);",
  },
  // slice_sum: S = b + sum over s
  {
    file: "per_operation/slice_sum",
    mistake: "no bias in the first layer",
    from: "sum + weights[id.z * layer.parameters + layer.bias + i % layer.outputs]",
    to: "sum",
  },
  {
    file: "per_operation/slice_sum",
    mistake: "the first slice is left out",
    from: "for (var s = 0u;",
    to: "for (var s = 1u;",
  },
  // affine: Y = X W + b, dX = dY W^T, dW = X^T dY, db = sum of dY
  {
    file: "per_operation/affine",
    mistake: "no bias",
    from: "value_at(values, c) + weights[bias + c]",
    to: "value_at(values, c)",
  },
  {
    file: "per_operation/affine",
    mistake: "Y lacks the last input",
    from: "i < inputs; i++",
    to: "i + 1u < inputs; i++",
  },
  {
    file: "per_operation/affine",
    mistake: "W transposed in dX",
    from: "weights_at(w + o, inputs)",
    to: "weights_at(w + o, neighbours(input, layer.inputs, 1u))",
  },
  {
    file: "per_operation/affine",
    mistake: "a row of the tile is another row",
    from: "return Values(tile.ba[2], tile.bb[2]);",
    to: "return Values(tile.ba[1], tile.bb[1]);",
  },
  {
    file: "per_operation/affine",
    mistake: "a quarter of the tile is another quarter",
    from: "outer(rows.a, columns.b)",
    to: "outer(rows.a, columns.a)",
  },
  {
    file: "per_operation/affine",
    mistake: "dX lacks the last output",
    from: "o < outputs; o++",
    to: "o + 1u < outputs; o++",
  },
  {
    file: "per_operation/affine",
    mistake: "dW transposed",
    from: "descend_weight(d, to + r * layer.outputs + c, value_at(values, c));",
    to: "descend_weight(d, to + r * layer.outputs + c, value_at(tile_row(tile, c), r));",
  },
  {
    file: "per_operation/affine",
    mistake: "dW without L2",
    from: "descend_weight(d, to",
    to: "descend(d, to",
  },
  {
    file: "per_operation/affine",
    mistake: "dW lacks the last image",
    from: "r < (id.z + 1u) * step.rows; r++",
    to: "r + 1u < (id.z + 1u) * step.rows; r++",
  },
  {
    file: "per_operation/affine",
    mistake: "db is a mean",
    from: "layer.bias + output, sum);",
    to: "layer.bias + output, sum / f32(step.rows));",
  },
  {
    file: "per_operation/affine",
    mistake: "b is never updated",
    from: "descend(descent_of(id.z), layer.bias + output, sum);",
    to: "gradients[descent_of(id.z).first + layer.bias + output] = sum;",
  },
  // batch_norm, forward
  {
    file: "per_operation/batch_norm",
    mistake: "the mean is not subtracted",
    from: "let n = (x[at] - mean) * inverse;",
    to: "let n = x[at] * inverse;",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "the mean is a sum",
    from: "  mean /= rows;",
    to: "",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "the variance is divided by n - 1",
    from: "  variance /= rows;",
    to: "  variance /= rows - 1.0;",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "the variance is not about the mean",
    from: "let difference = x[first + row * layer.outputs] - mean;",
    to: "let difference = x[first + row * layer.outputs];",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "no epsilon in training",
    from: "let inverse = or_nan(1.0 / sqrt(variance + EPSILON),",
    to: "let inverse = or_nan(1.0 / sqrt(variance),",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "epsilon outside of the root",
    from: "let inverse = or_nan(1.0 / sqrt(variance + EPSILON),",
    to: "let inverse = or_nan(1.0 / (sqrt(variance) + EPSILON),",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "gamma is not used in training",
    from: "    y[at] = relu(gamma * n + beta);",
    to: "    y[at] = relu(n + beta);",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "beta is not used in training",
    from: "    y[at] = relu(gamma * n + beta);",
    to: "    y[at] = relu(gamma * n);",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "no ReLU in training",
    from: "    y[at] = relu(gamma * n + beta);",
    to: "    y[at] = gamma * n + beta;",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "no ReLU in evaluation",
    from: "  y[id.z * size + i] = relu(gamma * n + beta);",
    to: "  y[id.z * size + i] = gamma * n + beta;",
  },
  {
    file: "shared/averages",
    mistake: "the averages forget",
    from: "past * average + (1.0 - past) * value",
    to: "value",
    variant: "per-operation",
  },
  {
    file: "shared/averages",
    mistake: "the first batch does not set the averages",
    from: "select(MOMENTUM, 0.0, step.fresh == 1u)",
    to: "MOMENTUM",
    variant: "per-operation",
  },
  {
    file: "shared/averages",
    mistake: "every batch sets the averages",
    from: "select(MOMENTUM, 0.0, step.fresh == 1u)",
    to: "0.0",
    variant: "per-operation",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "the average of the mean is never updated",
    from: "keep_average(id.z, layer.mean + feature, mean);",
    to: "",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "the average of the variance is unbiased",
    from: "layer.variance + feature, variance);",
    to: "layer.variance + feature, variance * rows / (rows - 1.0));",
  },
  // batch_norm, evaluation
  {
    file: "per_operation/batch_norm",
    mistake: "evaluation without the average mean",
    from: "let n = (x[id.z * size + i] - mean)",
    to: "let n = (x[id.z * size + i] - 0.0 * mean)",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "evaluation without the average variance",
    from: "* or_nan(1.0 / sqrt(variance + EPSILON),",
    to: "* or_nan(1.0 / sqrt(1.0 + 0.0 * variance + EPSILON),",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "evaluation without gamma",
    from: "  y[id.z * size + i] = relu(gamma * n + beta);",
    to: "  y[id.z * size + i] = relu(n + beta);",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "evaluation without beta",
    from: "  y[id.z * size + i] = relu(gamma * n + beta);",
    to: "  y[id.z * size + i] = relu(gamma * n);",
  },
  // batch_norm, backward
  {
    file: "per_operation/batch_norm",
    mistake: "no ReLU mask in dgamma and dbeta",
    from: "    let g = relu_gradient(dy[at], y[at]);\n    dbeta += g;",
    to: "    let g = dy[at];\n    dbeta += g;",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "no ReLU mask in dS",
    from: "    let g = relu_gradient(dy[at], y[at]);\n    dx[at]",
    to: "    let g = dy[at];\n    dx[at]",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "no mean term in dS",
    from: "(g - dbeta / rows - normalised",
    to: "(g - normalised",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "no variance term in dS",
    from: " - normalised[at] * dgamma / rows);",
    to: ");",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "no gamma in dS",
    from: "let scale = gamma * inverse_deviation",
    to: "let scale = inverse_deviation",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "no deviation in dS",
    from: "let scale = gamma * inverse_deviation[id.z * layer.outputs + feature];",
    to: "let scale = gamma;",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "dgamma of S instead of N",
    from: "dgamma += g * normalised[at];",
    to: "dgamma += g * y[at];",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "gamma is never updated",
    from: "descend(d, layer.gamma + feature, dgamma);",
    to: "gradients[d.first + layer.gamma + feature] = dgamma;",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "beta is never updated",
    from: "descend(d, layer.beta + feature, dbeta);",
    to: "gradients[d.first + layer.beta + feature] = dbeta;",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "the first network's gamma for all",
    from: "let gamma = parameters[id.z * layer.parameters + layer.gamma + feature];",
    to: "let gamma = parameters[layer.gamma + feature];",
  },
  // relu
  {
    file: "per_operation/relu",
    mistake: "no ReLU",
    from: "relu(x[id.z * size + i])",
    to: "x[id.z * size + i]",
  },
  {
    file: "per_operation/relu",
    mistake: "no ReLU mask",
    from: "relu_gradient(dy[at], y[at])",
    to: "dy[at]",
  },
  {
    file: "per_operation/relu",
    mistake: "the mask lets only the negative through",
    from: "relu_gradient(dy[at], y[at])",
    to: "(dy[at] - relu_gradient(dy[at], y[at]))",
  },
  // bits
  {
    file: "shared/bits",
    mistake: "the ReLU lets everything through",
    from: "select(bits, 0u, bits - 0x80000001u < INFINITY_BITS)",
    to: "bits",
  },
  {
    file: "shared/bits",
    mistake: "gradients pass a closed ReLU",
    from: "select(bitcast<u32>(dh), 0u, (bitcast<u32>(h) & MAGNITUDE_BITS) == 0u)",
    to: "bitcast<u32>(dh)",
  },
  // softmax_cross_entropy
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "dS is a sum",
    from: " / f32(step.rows);",
    to: ";",
  },
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "dS without the label",
    from: "(p - f32(c == label))",
    to: "p",
  },
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "dS without the probabilities",
    from: "(p - f32(c == label))",
    to: "(0.0 * p - f32(c == label))",
  },
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "probabilities are not normalised",
    from: "exp(x[at + c] - s.largest) / s.sum",
    to: "exp(x[at + c] - s.largest)",
  },
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "the loss lacks the label's logit",
    from: "log(s.sum) - (x[at + label] - s.largest)",
    to: "log(s.sum)",
  },
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "the loss lacks the sum",
    from: "log(s.sum) - (x[at + label] - s.largest)",
    to: "-(x[at + label] - s.largest)",
  },
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "labels in file order",
    from: "labels[order[step.first + row]]",
    to: "labels[step.first + row]",
    times: 2,
  },
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "predicted is the second of the largest",
    from: "s.predicted = c;",
    to: "s.predicted = c - 1u;",
  },
  // sums
  {
    file: "shared/sums",
    mistake: "outcomes of every second row of a part only",
    from: "row < step.rows; row += SUM_PARTS",
    to: "row < step.rows; row += 2u * SUM_PARTS",
  },
  {
    file: "shared/sums",
    mistake: "the cost has the sum of |W|",
    from: "s.sum + w * w, s.valid",
    to: "s.sum + abs(w), s.valid",
  },
  {
    file: "shared/sums",
    mistake: "L2 of all parameters",
    from: "i < layer.weights;",
    to: "i < layer.parameters;",
  },
];

/**
 * Plants a mistake.
 *
 * @param mutant The mistake.
 * @param texts The texts to plant it in, which may have other mistakes already; the project's own unless given.
 * @returns The shader texts with it.
 * @throws {Error} If `from` does not occur in the file as often as it should.
 */
export function plant(mutant: Mutant, texts: ShaderTexts = SHADERS): ShaderTexts {
  const { file, from, to, times = 1 } = mutant;
  const parts = texts[file].split(from);
  if (parts.length !== times + 1) {
    throw new Error(`${file}.wgsl has ${JSON.stringify(from)} ${parts.length - 1} times`);
  }
  return { ...texts, [file]: parts.join(to) };
}
