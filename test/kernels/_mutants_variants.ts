/**
 * Mistakes to plant in the kernels of the variants beside the plain one: at least one for each term of each formula.
 *
 * @module
 */
import type { Mutant } from "./_mutants.ts";
import { TEXEL_MUTANTS } from "./_mutants_texel.ts";

/** All of them. */
export const VARIANT_MUTANTS: readonly Mutant[] = [
  ...TEXEL_MUTANTS,

  // bits
  ...["texel-12x8", "fused-tail"].flatMap((variant) => [
    {
      file: "shared/bits",
      mistake: "the ReLU of four lets everything through",
      from: "select(bits, vec4u(0u), bits - vec4u(0x80000001u) < vec4u(INFINITY_BITS))",
      to: "bits",
      variant,
    },
    {
      file: "shared/bits",
      mistake: "gradients pass four closed ReLUs",
      from: "select(bitcast<vec4u>(dh), vec4u(0u), closed)",
      to: "bitcast<vec4u>(dh)",
      variant,
    },
  ]),

  // fused
  {
    file: "shared/images",
    mistake: "images are not shifted",
    from: "s.scale, s.shift)",
    to: "s.scale, vec4f(0.0))",
    variant: "fused-tail",
  },
  {
    file: "shared/averages",
    mistake: "the averages forget",
    from: "past * statistics[to] + (1.0 - past) * value",
    to: "value",
    variant: "fused-tail",
  },
  {
    file: "fused/averages",
    mistake: "four averages are the first one's",
    from: "value[i]",
    to: "value[0]",
  },
  {
    file: "shared/averages",
    mistake: "the first batch does not set the averages",
    from: "select(MOMENTUM, 0.0, step.fresh == 1u)",
    to: "MOMENTUM",
    variant: "fused-tail",
  },

  // tiled_input: S = X W + b, dW = X^T dS
  {
    file: "shared/images",
    mistake: "images are not shifted",
    from: "s.scale, s.shift)",
    to: "s.scale, vec4f(0.0))",
    variant: "tiled",
  },
  { file: "tiled/input", mistake: "no bias", from: "sums[i] + weights[bias + i]", to: "sums[i]" },
  {
    file: "tiled/input",
    mistake: "the fourth row is the third again",
    from: "s3 += w * left[(r + 3u) * DEPTH + q];",
    to: "s3 += w * left[(r + 2u) * DEPTH + q];",
  },
  {
    file: "tiled/input",
    mistake: "only the first inputs that are staged count",
    from: "k < layer.texels; k += DEPTH",
    to: "k < DEPTH; k += DEPTH",
  },
  {
    file: "tiled/input",
    mistake: "another network's weights",
    from: "network * layer.parameters + layer.weight + input * layer.outputs + output",
    to: "layer.weight + input * layer.outputs + output",
  },
  {
    file: "tiled/input",
    mistake: "the second input moves by the first's gradient",
    from: "w1 += x.y * g;",
    to: "w1 += x.x * g;",
  },
  {
    file: "tiled/input",
    mistake: "only the first rows that are staged move weights",
    from: "row < step.rows; row += ROWS",
    to: "row < ROWS; row += ROWS",
  },

  // tiled_affine: Y = X W + b, dX = dY W^T, dW = X^T dY
  {
    file: "tiled/affine",
    mistake: "no bias",
    from: "sums[r][c] + weights[bias + p.j + c]",
    to: "sums[r][c]",
  },
  {
    file: "tiled/affine",
    mistake: "the weights are not turned for the gradient of what went in",
    from: "let b = transposed(weight_matrix(group.z));",
    to: "let b = weight_matrix(group.z);",
  },
  {
    file: "tiled/affine",
    mistake: "the last of the depth is left out",
    from: "d < DEPTH; d++",
    to: "d < 5u; d++",
  },
  {
    file: "tiled/affine",
    mistake: "another network's activations",
    from: "Matrix(network * step.rows * layer.inputs, layer.inputs",
    to: "Matrix(0u, layer.inputs",
  },
  {
    file: "tiled/affine",
    mistake: "another network's gradients",
    from: "Matrix(network * step.rows * layer.outputs, layer.outputs",
    to: "Matrix(0u, layer.outputs",
  },
  {
    file: "tiled/affine",
    mistake: "only the first rows that are staged move weights",
    from: "k < step.rows; k += DEPTH",
    to: "k < DEPTH; k += DEPTH",
  },
];
