/**
 * Mistakes to plant in the kernels of the variants beside the plain one: at least one for each term of each formula.
 *
 * @module
 */
import type { Mutant } from "./_mutants.ts";

/** All of them. */
export const VARIANT_MUTANTS: readonly Mutant[] = [
  // texel_descent: theta <- theta - eta g, g + 2 lambda W
  {
    file: "texel_descent",
    mistake: "no 2 lambda W",
    from: "let g = gradient + d.decay * w;",
    to: "let g = gradient;",
  },
  { file: "texel_descent", mistake: "uphill", from: "w - d.eta * g", to: "w + d.eta * g" },
  {
    file: "texel_descent",
    mistake: "the first network's weights for all",
    from: "textureLoad(weight_texels, at, network, 0)",
    to: "textureLoad(weight_texels, at, 0u, 0)",
  },
  {
    file: "texel_descent",
    mistake: "the gradient is kept without L2",
    from: "textureStore(new_gradient_texels, at, network, g);",
    to: "textureStore(new_gradient_texels, at, network, gradient);",
  },
  {
    file: "texel_descent",
    mistake: "a bias misses every fourth row",
    from: "sums.x + sums.y + sums.z + sums.w",
    to: "sums.x + sums.y + sums.z",
  },

  // texel_input: S = X W, dW = X^T dS
  {
    file: "texel_input",
    mistake: "images are not shifted",
    from: "s.scale, s.shift)",
    to: "s.scale, vec4f(0.0))",
  },
  {
    file: "texel_input",
    mistake: "images are not scaled",
    from: "s.scale, s.shift)",
    to: "vec4f(1.0), s.shift)",
  },
  {
    file: "texel_input",
    mistake: "the first images in place of the batch",
    from: "order[step.first + min(row, step.rows - 1u)]",
    to: "order[min(row, step.rows - 1u)]",
  },
  {
    file: "texel_input",
    mistake: "the last slice is short by a texel",
    from: "let end = min((slice + 1u) * per_slice, TEXELS);",
    to: "let end = min((slice + 1u) * per_slice, TEXELS - 1u);",
  },
  {
    file: "texel_input",
    mistake: "every network has the first one's weights",
    from: "vec2u(min(output, FEATURES - 1u), k), network, 0",
    to: "vec2u(min(output, FEATURES - 1u), k), 0u, 0",
  },
  {
    file: "texel_input",
    mistake: "the last rows' gradients are left out",
    from: "block < row_blocks(); block++",
    to: "block < row_blocks() - 1u; block++",
  },
  {
    file: "texel_input",
    mistake: "another network's gradients",
    from: "vec2u(min(output, FEATURES - 1u), block), network, 0",
    to: "vec2u(min(output, FEATURES - 1u), block), 0u, 0",
  },

  // the loops that are written out
  {
    file: "tile_12x8_outputs",
    mistake: "the second output is added to the first's sum",
    from: "sums.o1 + w.o1 * x,",
    to: "sums.o0 + w.o1 * x,",
  },
  {
    file: "tile_12x8_outputs",
    mistake: "the third output has the second's weights",
    from: "weight_at(network, k, output + 2u)",
    to: "weight_at(network, k, output + 1u)",
  },
  {
    file: "tile_12x8_outputs",
    mistake: "an output's gradient is forgotten",
    from: "sums.o3 + x * w.o3,",
    to: "sums.o3,",
  },
  {
    file: "tile_12x8_blocks",
    mistake: "the second block of rows is the first again",
    from: "pixels_of(k, at.b1, s)",
    to: "pixels_of(k, at.b0, s)",
  },
  {
    file: "tile_12x8_blocks",
    mistake: "the second four inputs are moved by the gradient of the first",
    from: "case 1u: { return tile.b1; }",
    to: "case 1u: { return tile.b0; }",
  },
  {
    file: "tile_12x8_blocks",
    mistake: "the second four inputs are standardised as the first",
    from: "at, s.b1)",
    to: "at, s.b0)",
  },

  // texel_affine: S = H W, dH = dS W^T, dW = H^T dS, db = sum of dS
  {
    file: "texel_affine",
    mistake: "the last inputs are left out",
    from: "k < (INPUTS + 3u) / 4u; k++",
    to: "k < INPUTS / 4u; k++",
  },
  {
    file: "texel_affine",
    mistake: "another network's activations",
    from: "vec2u(min(input, INPUTS - 1u), block), network, 0",
    to: "vec2u(min(input, INPUTS - 1u), block), 0u, 0",
  },
  {
    file: "texel_affine",
    mistake: "the last output gives nothing back",
    from: "output < FEATURES; output++",
    to: "output < FEATURES - 1u; output++",
  },
  {
    file: "texel_affine",
    mistake: "a second four inputs' gradient is the first's",
    from: "store_inputs(id.z, block, next, b);",
    to: "store_inputs(id.z, block, next, a);",
  },
  {
    file: "texel_affine",
    mistake: "the second of four inputs is forgotten",
    from: "textureStore(new_dx_texels, vec2u(input + 1u, block), network, sums[1]);",
    to: "",
  },
  {
    file: "texel_affine",
    mistake: "the last rows' weight gradients are left out",
    from: "for (var block = 0u; block < row_blocks(); block++) {",
    to: "for (var block = 0u; block < row_blocks() - 1u; block++) {",
  },
  {
    file: "texel_affine",
    mistake: "the last layer's bias stays",
    from: "if LAST == 1u && k == 0u {",
    to: "if LAST == 2u && k == 0u {",
  },

  // texel_norm
  {
    file: "texel_norm",
    mistake: "no bias",
    from: "return sum + bias;",
    to: "return sum;",
  },
  {
    file: "texel_norm",
    mistake: "the last slice is left out",
    from: "slice < SLICES; slice++",
    to: "slice < max(1u, SLICES - 1u); slice++",
  },
  {
    file: "texel_norm",
    mistake: "means are merged with half the weight",
    from: "mean += shift * count / (before + count);",
    to: "mean += 0.5 * shift * count / (before + count);",
  },
  {
    file: "texel_norm",
    mistake: "the variance within the blocks alone",
    from: "dot(difference, difference) + shift * shift * before * count / (before + count)",
    to: "dot(difference, difference)",
  },
  {
    file: "texel_norm",
    mistake: "the variance between the blocks alone",
    from: "dot(difference, difference) + shift * shift",
    to: "shift * shift",
  },
  {
    file: "texel_norm",
    mistake: "the unbiased variance",
    from: "let variance = squares / f32(step.rows);",
    to: "let variance = squares / (f32(step.rows) - 1.0);",
  },
  {
    file: "texel_norm",
    mistake: "no epsilon in training",
    from: "let inverse = 1.0 / sqrt(variance + EPSILON);",
    to: "let inverse = 1.0 / sqrt(variance + 0.01);",
  },
  {
    file: "texel_norm",
    mistake: "beta is not added in training",
    from: "only(relu(gamma * n + beta), rows)",
    to: "only(relu(gamma * n), rows)",
  },
  {
    file: "texel_norm",
    mistake: "gamma does not scale in training",
    from: "only(relu(gamma * n + beta), rows)",
    to: "only(relu(n + beta), rows)",
  },
  {
    file: "texel_norm",
    mistake: "the moving average of the mean forgets",
    from: "past * statistics[mean_at] + (1.0 - past) * mean",
    to: "mean",
  },
  {
    file: "texel_norm",
    mistake: "the moving average of the variance forgets",
    from: "past * statistics[variance_at] + (1.0 - past) * variance",
    to: "variance",
  },
  {
    file: "texel_norm",
    mistake: "the first batch does not set the averages",
    from: "select(MOMENTUM, 0.0, step.fresh == 1u)",
    to: "MOMENTUM",
  },
  {
    file: "texel_norm",
    mistake: "evaluation takes no mean away",
    from: "let n = (s - mean) * (1.0 / sqrt(variance + EPSILON));",
    to: "let n = s * (1.0 / sqrt(variance + EPSILON));",
  },
  {
    file: "texel_norm",
    mistake: "evaluation leaves gamma and beta out",
    from: "only(relu(gamma * n + beta), present(block))",
    to: "only(relu(n), present(block))",
  },
  {
    file: "texel_norm",
    mistake: "the ReLU lets everything through without batch norm",
    from: "only(relu(s), present(block))",
    to: "only(s, present(block))",
  },
  {
    file: "texel_norm",
    mistake: "gradients pass a closed ReLU",
    from: "select(vec4f(0.0), textureLoad(dy_texels, at, network, 0), h > vec4f(0.0))",
    to: "textureLoad(dy_texels, at, network, 0)",
  },
  {
    file: "texel_norm",
    mistake: "the batch norm gradient without dbeta",
    from: "- dbeta / rows - n",
    to: "- n",
  },
  {
    file: "texel_norm",
    mistake: "the batch norm gradient without dgamma",
    from: "- n * dgamma / rows",
    to: "",
  },
  {
    file: "texel_norm",
    mistake: "the batch norm gradient without 1 / sqrt(var + eps)",
    from: "layer.gamma + feature] *\n    inverse_deviation[id.z * FEATURES + feature]",
    to: "layer.gamma + feature]",
  },
  {
    file: "texel_norm",
    mistake: "gamma goes where beta should",
    from: "descend(d, layer.gamma + feature, dgamma);",
    to: "descend(d, layer.gamma + feature, dbeta);",
  },
  {
    file: "texel_norm",
    mistake: "beta stays",
    from: "descend(d, layer.beta + feature, dbeta);",
    to: "",
  },
  {
    file: "texel_norm",
    mistake: "a bias in front of a ReLU stays",
    from: "descend(descent_of(id.z), layer.bias + feature, total(bias_sum));",
    to: "",
  },

  // texel_softmax
  {
    file: "texel_softmax",
    mistake: "no bias",
    from: "network, 0) + bias;",
    to: "network, 0);",
  },
  {
    file: "texel_softmax",
    mistake: "the gradient without the label",
    from: "(p - onehot) / f32(step.rows)",
    to: "p / f32(step.rows)",
  },
  {
    file: "texel_softmax",
    mistake: "the gradient is not a mean",
    from: "(p - onehot) / f32(step.rows)",
    to: "p - onehot",
  },
  {
    file: "texel_softmax",
    mistake: "exponentials are not divided by their sum",
    from: "- s.largest) / s.sum;",
    to: "- s.largest);",
  },
  {
    file: "texel_softmax",
    mistake: "rows past the last count",
    from: "select(vec4f(0.0), (p - onehot) / f32(step.rows), inside)",
    to: "(p - onehot) / f32(step.rows)",
  },
  {
    file: "texel_softmax",
    mistake: "the loss without the label's logit",
    from: "s.loss = log(s.sum) - of_label;",
    to: "s.loss = log(s.sum);",
  },
  {
    file: "texel_softmax",
    mistake: "nothing is ever correct",
    from: "s.predicted == label",
    to: "s.predicted == label + 1u",
  },

  // texel_weights
  {
    file: "texel_weights",
    mistake: "weights are left behind in their texels",
    from: "parameters[first + j * layer.outputs] = w[j];",
    to: "",
  },
  {
    file: "texel_weights",
    mistake: "gradients are left behind in their texels",
    from: "gradients[first + j * layer.outputs] = g[j];",
    to: "",
  },

  // fused_layers
  {
    file: "fused_layers",
    mistake: "the ReLU lets everything through",
    from: "select(value, vec4f(0.0), value < vec4f(0.0))",
    to: "value",
  },
  {
    file: "fused_layers",
    mistake: "the second of four biases, gammas and betas stays",
    from: "descend(d, first + 1u, gradient.y);",
    to: "",
  },
  {
    file: "fused_layers",
    mistake: "the third of four weights moves by the second's gradient",
    from: "descend_weight(d, first + 2u, gradient.z)",
    to: "descend_weight(d, first + 2u, gradient.y)",
  },
  {
    file: "fused_layers",
    mistake: "every network reads the first one's parameters",
    from: "let first = network * layer.parameters + at + 4u * column;",
    to: "let first = at + 4u * column;",
  },

  // fused_input: dW = X^T dS, W <- W - eta dW, S' = X' W
  {
    file: "fused_input",
    mistake: "images are not shifted",
    from: "s.scale, s.shift)",
    to: "s.scale, vec4f(0.0))",
  },
  {
    file: "fused_input",
    mistake: "the next step sees this step's images",
    from: "stage_images(step.next, row, slice, thread);",
    to: "stage_images(step.first, row, slice, thread);",
  },
  {
    file: "fused_input",
    mistake: "the gradient sees the next step's images",
    from: "stage_images(step.first, row, slice, thread);",
    to: "stage_images(step.next, row, slice, thread);",
  },
  {
    file: "fused_input",
    mistake: "another network's gradients",
    from: "arena[network * ARENA + places[0].g",
    to: "arena[places[0].g",
  },
  {
    file: "fused_input",
    mistake: "the second input's gradient misses a row in four",
    from: "b += x0.y * g0 + x1.y * g1 + x2.y * g2 + x3.y * g3;",
    to: "b += x0.y * g0 + x1.y * g1 + x2.y * g2;",
  },
  {
    file: "fused_input",
    mistake: "the third and fourth input are the first and second again",
    from: "select(x.xy, x.zw, pair % 2u == 1u)",
    to: "x.xy",
  },
  {
    file: "fused_input",
    mistake: "the second row's product is the first's",
    from: "s1 += w * x_tile[(r + 1u) * SLICE + k];",
    to: "s1 += w * x_tile[r * SLICE + k];",
  },
  {
    file: "fused_input",
    mistake: "only the first rows that are staged have a gradient",
    from: "for (var row = 0u; row < step.rows; row += ROWS) {\n      stage_images(step.first",
    to: "for (var row = 0u; row < 16u; row += ROWS) {\n      stage_images(step.first",
  },

  // fused_norm
  {
    file: "fused_norm",
    mistake: "no bias",
    from: "parts[lane + LANES] + bias",
    to: "parts[lane + LANES]",
  },
  {
    file: "fused_norm",
    mistake: "the first half of the slices alone",
    from: "s = parts[lane] + parts[lane + LANES]",
    to: "s = parts[lane]",
  },
  {
    file: "fused_norm",
    mistake: "no epsilon",
    from: "1.0 / sqrt(variance + EPSILON)",
    to: "1.0 / sqrt(variance + 0.01)",
  },
  {
    file: "fused_norm",
    mistake: "the unbiased variance",
    from: "sum_of_lanes(lane, part, squares) / rows",
    to: "sum_of_lanes(lane, part, squares) / (rows - 1.0)",
  },
  {
    file: "fused_norm",
    mistake: "the mean is not taken away",
    from: "+ at] - mean) * inverse",
    to: "+ at]) * inverse",
  },
  {
    file: "fused_norm",
    mistake: "no beta",
    from: "relu(scale * n + shift)",
    to: "relu(scale * n)",
  },
  {
    file: "fused_norm",
    mistake: "no gamma",
    from: "relu(scale * n + shift)",
    to: "relu(n + shift)",
  },
  {
    file: "fused_norm",
    mistake: "the averages forget",
    from: "past * statistics[to] + (1.0 - past) * value[i]",
    to: "value[i]",
  },
  {
    file: "fused_norm",
    mistake: "the first batch does not set the averages",
    from: "select(MOMENTUM, 0.0, step.fresh == 1u)",
    to: "MOMENTUM",
  },

  // fused_tail
  { file: "fused_tail", mistake: "no bias", from: "var s1 = bias;", to: "var s1 = vec4f(0.0);" },
  {
    file: "fused_tail",
    mistake: "the second row has the first's activations",
    from: "s1 += four * arena[x + next * depth + k];",
    to: "s1 += four * arena[x + row * depth + k];",
  },
  {
    file: "fused_tail",
    mistake: "the mean is not taken away",
    from: "(arena[n + row * width] - mean) * inverse",
    to: "arena[n + row * width] * inverse",
  },
  {
    file: "fused_tail",
    mistake: "the unbiased variance",
    from: "sum_of_lanes(thread, squares) / f32(step.rows)",
    to: "sum_of_lanes(thread, squares) / (f32(step.rows) - 1.0)",
  },
  {
    file: "fused_tail",
    mistake: "no gamma",
    from: "relu(scale * normalised + shift)",
    to: "relu(normalised + shift)",
  },
  {
    file: "fused_tail",
    mistake: "no beta",
    from: "relu(scale * normalised + shift)",
    to: "relu(scale * normalised)",
  },
  {
    file: "fused_tail",
    mistake: "the averages forget",
    from: "past * statistics[to] + (1.0 - past) * value[i]",
    to: "value[i]",
  },
  {
    file: "fused_tail",
    mistake: "the gradient without the label",
    from: "(p - onehot) / f32(step.rows)",
    to: "p / f32(step.rows)",
  },
  {
    file: "fused_tail",
    mistake: "the logits that are read back are the first row's",
    from: "y[(network * step.rows + row) * classes + c] = logit;",
    to: "y[network * step.rows * classes + c] = logit;",
  },
  {
    file: "fused_tail",
    mistake: "the second row gives back what the first does",
    from: "h1 += arena[g + next * width + c] * four;",
    to: "h1 += arena[g + row * width + c] * four;",
  },
  {
    file: "fused_tail",
    mistake: "odd rows move no weight",
    from: "even + odd);\n    }\n  }",
    to: "even);\n    }\n  }",
  },
  {
    file: "fused_tail",
    mistake: "the last of an odd number of rows moves no weight",
    from: "if step.rows % 2u == 1u {",
    to: "if step.rows % 2u == 2u {",
  },
  {
    file: "fused_tail",
    mistake: "biases behind the first layer stay",
    from: "descend_four(d, places[l].bias, c, outputs, even + odd);",
    to: "",
  },
  {
    file: "fused_tail",
    mistake: "the batch norm gradient without dbeta",
    from: "- dbeta / rows - arena",
    to: "- arena",
  },
  {
    file: "fused_tail",
    mistake: "the batch norm gradient without dgamma",
    from: "- arena[n + row * width] * dgamma / rows",
    to: "",
  },
  {
    file: "fused_tail",
    mistake: "the batch norm gradient without 1 / sqrt(var + eps)",
    from: "scale = gamma * arena[base + places[l].inverse + c];",
    to: "scale = gamma;",
  },
  {
    file: "fused_tail",
    mistake: "gradients pass a closed ReLU",
    from:
      "var ds = select(vec4f(0.0), arena[g + row * width], arena[h + row * width] > vec4f(0.0));",
    to: "var ds = arena[g + row * width];",
  },
  {
    file: "fused_tail",
    mistake: "gamma goes where beta should",
    from: "descend_four(d, places[l].gamma, c, outputs, dgamma);",
    to: "descend_four(d, places[l].gamma, c, outputs, dbeta);",
  },
  {
    file: "fused_tail",
    mistake: "beta stays",
    from: "descend_four(d, places[l].beta, c, outputs, dbeta);",
    to: "",
  },
  {
    file: "fused_tail",
    mistake: "the first layer's bias stays",
    from: "descend_four(d, places[l].bias, c, outputs, dbias);",
    to: "",
  },

  // tiled_input: S = X W + b, dW = X^T dS
  {
    file: "tiled_input",
    mistake: "images are not shifted",
    from: "s.scale, s.shift)",
    to: "s.scale, vec4f(0.0))",
  },
  { file: "tiled_input", mistake: "no bias", from: "sums[i] + weights[bias + i]", to: "sums[i]" },
  {
    file: "tiled_input",
    mistake: "the fourth row is the third again",
    from: "s3 += w * left[(r + 3u) * DEPTH + q];",
    to: "s3 += w * left[(r + 2u) * DEPTH + q];",
  },
  {
    file: "tiled_input",
    mistake: "only the first inputs that are staged count",
    from: "k < layer.texels; k += DEPTH",
    to: "k < DEPTH; k += DEPTH",
  },
  {
    file: "tiled_input",
    mistake: "another network's weights",
    from: "network * layer.parameters + layer.weight + input * layer.outputs + output",
    to: "layer.weight + input * layer.outputs + output",
  },
  {
    file: "tiled_input",
    mistake: "the second input moves by the first's gradient",
    from: "w1 += x.y * g;",
    to: "w1 += x.x * g;",
  },
  {
    file: "tiled_input",
    mistake: "only the first rows that are staged move weights",
    from: "row < step.rows; row += ROWS",
    to: "row < ROWS; row += ROWS",
  },

  // tiled_affine: Y = X W + b, dX = dY W^T, dW = X^T dY
  {
    file: "tiled_affine",
    mistake: "no bias",
    from: "sums[r][c] + weights[bias + p.j + c]",
    to: "sums[r][c]",
  },
  {
    file: "tiled_affine",
    mistake: "the weights are not turned for the gradient of what went in",
    from: "let b = transposed(weight_matrix(group.z));",
    to: "let b = weight_matrix(group.z);",
  },
  {
    file: "tiled_affine",
    mistake: "the last of the depth is left out",
    from: "d < DEPTH; d++",
    to: "d < 5u; d++",
  },
  {
    file: "tiled_affine",
    mistake: "another network's activations",
    from: "Matrix(network * step.rows * layer.inputs, layer.inputs",
    to: "Matrix(0u, layer.inputs",
  },
  {
    file: "tiled_affine",
    mistake: "another network's gradients",
    from: "Matrix(network * step.rows * layer.outputs, layer.outputs",
    to: "Matrix(0u, layer.outputs",
  },
  {
    file: "tiled_affine",
    mistake: "only the first rows that are staged move weights",
    from: "k < step.rows; k += DEPTH",
    to: "k < DEPTH; k += DEPTH",
  },
];
