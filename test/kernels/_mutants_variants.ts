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
  ...["texel-12x8", "fused-16-256"].flatMap((variant) => [
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

  // fused_layers
  {
    file: "fused/layers",
    mistake: "the second of four biases, gammas and betas stays",
    from: "descend(d, first + 1u, gradient.y);",
    to: "",
  },
  {
    file: "fused/layers",
    mistake: "the third of four weights moves by the second's gradient",
    from: "descend_weight(d, first + 2u, gradient.z)",
    to: "descend_weight(d, first + 2u, gradient.y)",
  },
  {
    file: "fused/layers",
    mistake: "every network reads the first one's parameters",
    from: "let first = network * layer.parameters + at + 4u * column;",
    to: "let first = at + 4u * column;",
  },

  // fused_input: dW = X^T dS, W <- W - eta dW, S' = X' W
  {
    file: "shared/images",
    mistake: "images are not shifted",
    from: "s.scale, s.shift)",
    to: "s.scale, vec4f(0.0))",
    variant: "fused-16-256",
  },
  {
    file: "fused/input",
    mistake: "the next step sees this step's images",
    from: "stage_images(step.next, row, slice, thread);",
    to: "stage_images(step.first, row, slice, thread);",
  },
  {
    file: "fused/input",
    mistake: "the gradient sees the next step's images",
    from: "stage_images(step.first, row, slice, thread);",
    to: "stage_images(step.next, row, slice, thread);",
  },
  {
    file: "fused/input",
    mistake: "another network's gradients",
    from: "arena[network * ARENA + places[0].g",
    to: "arena[places[0].g",
  },
  {
    file: "fused/input",
    mistake: "the second input's gradient misses a row in four",
    from: "b += x0.y * g0 + x1.y * g1 + x2.y * g2 + x3.y * g3;",
    to: "b += x0.y * g0 + x1.y * g1 + x2.y * g2;",
  },
  {
    file: "fused/input",
    mistake: "the third and fourth input are the first and second again",
    from: "select(x.xy, x.zw, pair % 2u == 1u)",
    to: "x.xy",
  },
  {
    file: "fused/input",
    mistake: "the second row's product is the first's",
    from: "s1 += w * x_tile[(r + 1u) * SLICE + k];",
    to: "s1 += w * x_tile[r * SLICE + k];",
  },
  {
    file: "fused/input",
    mistake: "only the first rows that are staged have a gradient",
    from: "for (var row = 0u; row < step.rows; row += ROWS) {\n      stage_images(step.first",
    to: "for (var row = 0u; row < 16u; row += ROWS) {\n      stage_images(step.first",
  },

  // fused_norm
  {
    file: "fused/norm",
    mistake: "no bias",
    from: "parts[lane + LANES] + bias",
    to: "parts[lane + LANES]",
  },
  {
    file: "fused/norm",
    mistake: "the first half of the slices alone",
    from: "s = parts[lane] + parts[lane + LANES]",
    to: "s = parts[lane]",
  },
  {
    file: "fused/norm",
    mistake: "no epsilon",
    from: "1.0 / sqrt(variance + EPSILON)",
    to: "1.0 / sqrt(variance + 0.01)",
  },
  {
    file: "fused/norm",
    mistake: "the unbiased variance",
    from: "sum_of_lanes(lane, part, squares) / rows",
    to: "sum_of_lanes(lane, part, squares) / (rows - 1.0)",
  },
  {
    file: "fused/norm",
    mistake: "the mean is not taken away",
    from: "+ at] - mean) * inverse",
    to: "+ at]) * inverse",
  },
  {
    file: "fused/norm",
    mistake: "no beta",
    from: "relu4(scale * n + shift)",
    to: "relu4(scale * n)",
  },
  {
    file: "fused/norm",
    mistake: "no gamma",
    from: "relu4(scale * n + shift)",
    to: "relu4(n + shift)",
  },
  {
    file: "shared/averages",
    mistake: "the averages forget",
    from: "past * statistics[to] + (1.0 - past) * value",
    to: "value",
    variant: "fused-16-256",
  },
  {
    file: "fused/averages",
    mistake: "four averages are the first one's",
    from: "value[i]",
    to: "value[0]",
  },
  {
    file: "fused/norm",
    mistake: "the average of the mean is never updated",
    from: "keep_averages(group.z, layer.mean, column, layer.outputs, mean);",
    to: "",
  },
  {
    file: "shared/averages",
    mistake: "the first batch does not set the averages",
    from: "select(MOMENTUM, 0.0, step.fresh == 1u)",
    to: "MOMENTUM",
    variant: "fused-16-256",
  },

  // fused_tail
  { file: "fused/tail", mistake: "no bias", from: "var s1 = bias;", to: "var s1 = vec4f(0.0);" },
  {
    file: "fused/tail",
    mistake: "the second row has the first's activations",
    from: "s1 += four * arena[x + next * depth + k];",
    to: "s1 += four * arena[x + row * depth + k];",
  },
  {
    file: "fused/tail",
    mistake: "the mean is not taken away",
    from: "(arena[n + row * width] - mean) * inverse",
    to: "arena[n + row * width] * inverse",
  },
  {
    file: "fused/tail",
    mistake: "the unbiased variance",
    from: "sum_of_lanes(thread, squares) / f32(step.rows)",
    to: "sum_of_lanes(thread, squares) / (f32(step.rows) - 1.0)",
  },
  {
    file: "fused/tail",
    mistake: "no gamma",
    from: "relu4(scale * normalised + shift)",
    to: "relu4(normalised + shift)",
  },
  {
    file: "fused/tail",
    mistake: "no beta",
    from: "relu4(scale * normalised + shift)",
    to: "relu4(scale * normalised)",
  },
  {
    file: "fused/tail",
    mistake: "the average of the variance is never updated",
    from: "keep_averages(network, places[l].variance, c, outputs, variance);",
    to: "",
  },
  {
    file: "fused/tail",
    mistake: "the gradient without the label",
    from: "(p - onehot) / f32(step.rows)",
    to: "p / f32(step.rows)",
  },
  {
    file: "fused/tail",
    mistake: "the logits that are read back are the first row's",
    from: "y[(network * step.rows + row) * classes + c] = logit;",
    to: "y[network * step.rows * classes + c] = logit;",
  },
  {
    file: "fused/tail",
    mistake: "the second row gives back what the first does",
    from: "h1 += arena[g + next * width + c] * four;",
    to: "h1 += arena[g + row * width + c] * four;",
  },
  {
    file: "fused/tail",
    mistake: "odd rows move no weight",
    from: "even + odd);\n    }\n  }",
    to: "even);\n    }\n  }",
  },
  {
    file: "fused/tail",
    mistake: "the last of an odd number of rows moves no weight",
    from: "if step.rows % 2u == 1u {",
    to: "if step.rows % 2u == 2u {",
  },
  {
    file: "fused/tail",
    mistake: "biases behind the first layer stay",
    from: "descend_four(d, places[l].bias, c, outputs, even + odd);",
    to: "",
  },
  {
    file: "fused/tail",
    mistake: "the batch norm gradient without dbeta",
    from: "- dbeta / rows - arena",
    to: "- arena",
  },
  {
    file: "fused/tail",
    mistake: "the batch norm gradient without dgamma",
    from: "- arena[n + row * width] * dgamma / rows",
    to: "",
  },
  {
    file: "fused/tail",
    mistake: "the batch norm gradient without 1 / sqrt(var + eps)",
    from: "scale = gamma * arena[base + places[l].inverse + c];",
    to: "scale = gamma;",
  },
  {
    file: "fused/tail",
    mistake: "gradients pass a closed ReLU",
    from: "var ds = relu_gradient4(arena[g + row * width], arena[h + row * width]);",
    to: "var ds = arena[g + row * width];",
  },
  {
    file: "fused/tail",
    mistake: "gamma goes where beta should",
    from: "descend_four(d, places[l].gamma, c, outputs, dgamma);",
    to: "descend_four(d, places[l].gamma, c, outputs, dbeta);",
  },
  {
    file: "fused/tail",
    mistake: "beta stays",
    from: "descend_four(d, places[l].beta, c, outputs, dbeta);",
    to: "",
  },
  {
    file: "fused/tail",
    mistake: "the first layer's bias stays",
    from: "descend_four(d, places[l].bias, c, outputs, dbias);",
    to: "",
  },

  // tiled; _mutants_tiled.ts has the mistakes in its own files
  {
    file: "shared/images",
    mistake: "images are not shifted",
    from: "s.scale, s.shift)",
    to: "s.scale, vec4f(0.0))",
    variant: "tiled",
  },
];
