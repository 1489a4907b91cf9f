/**
 * Mistakes to plant in the kernels that evaluate for the fused variants: at least one for each term of each formula.
 *
 * @module
 */
import { inFile, type KernelMutant, type Mutant, type Planted } from "./_mutants.ts";

const ENDING: readonly Planted[] = [
  ["without batch norm no bias", "return Ending(bias,", "return Ending(vec4f(0.0),"],
  [
    "gammas without batch norm",
    "if BATCH_NORM == 0u || l == LAYERS - 1u {",
    "if l == LAYERS - 1u {",
  ],
  [
    "batch norm of the logits",
    "if BATCH_NORM == 0u || l == LAYERS - 1u {",
    "if BATCH_NORM == 0u {",
  ],
  ["the mean stays", "bias - mean,", "bias,"],
  ["the variance is the mean", "first + places[l].variance", "first + places[l].mean"],
  ["no root", "1.0 / sqrt(variance + EPSILON)", "1.0 / (variance + EPSILON)"],
  ["another network's averages", "let first = network * layer.statistics;", "let first = 0u;"],
  ["every column has the first one's averages", "let at = first + 4u * column;", "let at = first;"],
  ...[1, 2, 3].map((i): Planted => [
    `average ${i} of four is the first`,
    `statistics[min(at + ${i}u, last)]`,
    "statistics[at]",
  ]),
  ["no gamma", "fma(e.gamma, (product", "fma(vec4f(1.0), (product"],
  ["no beta", "e.inverse, e.beta)", "e.inverse, vec4f(0.0))"],
  ["not divided by the deviation", "(product + e.offset) * e.inverse", "(product + e.offset)"],
  ["no ReLU", "return relu4(fma(e.gamma,", "return (fma(e.gamma,"],
];

const INPUT: readonly Planted[] = [
  ...["first", "second", "third", "fourth", "fifth"].map((image, turn): Planted => [
    `the ${image} image of a thread is not staged`,
    `stage_texel(${turn}u, thread, f.${image}, f.standard);`,
    "",
  ]),
  ["the fifth image of a thread is the first", "k, at.fifth)", "k, at.first)"],
  ["images are not shifted", "fma(pixels, s.scale, s.shift)", "pixels * s.scale"],
  ["every texel is standardised as the first", "standard[k],", "standard[0],"],
  ["all threads read the same texel", "min(texel + thread % CHUNK,", "min(texel,"],
  ["another network's weights", "packed_weight(network, 0u)", "packed_weight(0u, 0u)"],
  ["every column has the first one's weights", "first_column + i % COLUMNS", "first_column"],
  ["every input has the same weights", "4u * texel + i / COLUMNS", "4u * texel"],
  ["the next chunk is this one again", "fetch(network, texel + CHUNK,", "fetch(network, texel,"],
  [
    "only the first chunk counts",
    "texel < layer.texels; texel += CHUNK",
    "texel < CHUNK; texel += CHUNK",
  ],
  ["every second texel is left out", "s = add_texel(s, lane, c, k + 1u);", ""],
  ...["x[first]", "x[first + next]", ...[2, 3, 4, 5, 6, 7].map((i) => `x[first + ${i}u * next]`)]
    .map((image, i): Planted => [
      `image ${i} of a thread is another`,
      `, ${image}, four)`,
      `, x[first + ${i === 0 ? "next" : "0u"}], four)`,
    ]),
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((i): Planted => [
    `image ${i} of a thread has another's result`,
    `, e, s.${"ab"[Math.floor(i / 4)]}[${i % 4}]);`,
    `, e, s.${i === 0 ? "b" : "a"}[0]);`,
  ]),
  [
    "every column has the first one's ending",
    "ending_of(network, 0u, column)",
    "ending_of(network, 0u, 0u)",
  ],
  ["another network's activations", "(network * width + column) * step.rows", "column * step.rows"],
];

const REST: readonly Planted[] = [
  ["every image has the label of the first", "labels[step.first + row]", "labels[step.first]"],
  ["another network's activations", "load_columns(network * width", "load_columns(0u * width"],
  [
    "the second column of activations is the first",
    "activations[at + c1 *",
    "activations[at + c0 *",
  ],
  ["another network's weights", "packed_weight(network, l)", "packed_weight(0u, l)"],
  ["every column has the first one's weights", "min(column + i % 4u, width - 1u)", "column"],
  ["weights of rows of another width", "i / 4u * width", "i / 4u * (width + 1u)"],
  ["another layer's weights", "packed_weight(network, l)", "packed_weight(network, 1u)"],
  ["another network's biases", "ending_of(network, l,", "ending_of(0u, l,"],
  ["every column has the first one's biases", "min(column + thread, width - 1u)", "column"],
  ["the weights of the first inputs alone", "let at = 16u * k + column;", "let at = column;"],
  ...[0, 1, 2].map((i): Planted => [
    `column ${i} of four has another's weights`,
    `x, staged(k, ${i}u));`,
    `x, staged(k, ${i === 0 ? 1 : 0}u));`,
  ]),
  ["the logits have a ReLU", "if l < LAYERS - 1u {", "if l < LAYERS {"],
  ["hidden layers have none", "    value = activation(e, product);\n", ""],
  ["no bias of the logits", "var value = product + e.offset;", "var value = product;"],
  ["every layer reads the first one's inputs", "    inputs = outputs;\n", "    inputs = free;\n"],
  ...["x", "y", "z", "w"].map((lane, i): Planted => [
    `the class ${i} of four is never predicted`,
    i === 0
      ? "best = better(best, four.x, 4u * c);"
      : `best = better(best, four.${lane}, 4u * c + ${i}u);`,
    "",
  ]),
  ["the last class is predicted", "&& is_greater(logit, best.logit)", ""],
  [
    "classes that do not exist count",
    "best.logit), features(c, classes))",
    "best.logit), vec4<bool>(true))",
  ],
  ...["x", "y", "z", "w"].map((lane): Planted => [
    `the sum lacks ${lane} of four`,
    `powers.${lane}`,
    "0.0",
  ]),
  ["the loss of another class", "[label % 4u]", "[0]"],
  ["the loss of another column", "values[logits + label / 4u * WORKGROUP]", "values[logits]"],
  ["the label's own logit counts in full", "(own - best.logit)", "own"],
  ["no image is correct", "f32(best.index == label)", "0.0"],
  ["another network's outcomes", "label, network * step.rows + row)", "label, row)"],
];

/** All of them, each with the kernel whose test finds it. */
export const EVALUATION_MUTANTS: readonly KernelMutant[] = [
  ...inFile("fused/evaluate", ["fused_evaluate_rest"], ENDING),
  ...inFile("fused/evaluate_input", ["fused_evaluate_input"], INPUT),
  ...inFile("fused/evaluate_rest", ["fused_evaluate_rest"], REST),
];

/** Mistakes that no finite number shows. `checkDivergence()` must find every one. */
export const EVALUATION_DIVERGENCE_MUTANTS: readonly Mutant[] = [
  {
    file: "fused/evaluate",
    mistake: "an average of the mean that is infinite hides",
    from: "is_finite4(mean) & is_finite4(variance)",
    to: "is_finite4(variance)",
    variant: "fused-tail",
  },
  {
    file: "fused/evaluate",
    mistake: "an average of the variance that is infinite hides",
    from: "is_finite4(mean) & is_finite4(variance)",
    to: "is_finite4(mean)",
    variant: "fused-tail",
  },
];
