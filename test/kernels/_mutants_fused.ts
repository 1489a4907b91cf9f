/**
 * Mistakes to plant in the fused kernels: at least one for each term of each formula and each kind of index. Of those that
 * are alike but for a number or a file, one is planted: a software driver takes a second to compile a kernel.
 *
 * @module
 */
import { inFile, type KernelMutant, type Mutant, type Planted } from "./_mutants.ts";
import { EVALUATION_MUTANTS } from "./_mutants_evaluation.ts";
import { PRODUCT_MUTANTS } from "./_mutants_products.ts";

const LAYERS: readonly Planted[] = [
  ["another network's weights", "network * PACKED + places[l].packed", "places[l].packed"],
  ["another network's vectors", "network * PACKED + places[l].vectors", "places[l].vectors"],
  ["another network's tensors", "network * ARENA + tensor", "tensor"],
  ["input 3 of four has another's weights", "packed[at + 3u * width]", "packed[at]"],
  ["a product lacks input 3 of four", "fma(vec4f(x.w), w[3],", "fma(vec4f(0.0), w[3],"],
  ["a product forgets the sum", "w[0], sum)", "w[0], vec4f(0.0))"],
  ["input 2 of four has the gradient of input 1", "fma(vec4f(x.z), g,", "fma(vec4f(x.y), g,"],
  ["beta is gamma in a column's vectors", "packed[at + 2u * width]);", "packed[at + width]);"],
  ["without batch norm gamma is 0", "vec4f(1.0), vec4f(0.0)", "vec4f(0.0), vec4f(0.0)"],
  [
    "gamma is the bias in the loss",
    "packed_bias(network, l) + columns(places[l].outputs)",
    "packed_bias(network, l)",
  ],
];

const TEN: readonly Planted[] = [
  ["a sum of ten lacks the tenth", "(t.v8 + t.v9)", "t.v8"],
  [
    "a row behind the last has a square",
    "select(vec4f(0.0), difference * difference, there)",
    "(difference * difference)",
  ],
  ["the tenth counts among nine", "count > 9u", "count > 8u"],
  [
    "a second row that is none counts",
    "square_of(t.v1, mean, count > 1u)",
    "square_of(t.v1, mean, true)",
  ],
];

const DESCENT: readonly Planted[] = [
  [
    "the learning rate stays at its lowest",
    "(1.0 - step.rise) * n.eta_min + step.rise * n.eta_max",
    "n.eta_min",
  ],
  ["lambda W instead of 2 lambda W", "2.0 * n.lambda", "n.lambda"],
  ["the first network's settings for all", "let n = networks[network];", "let n = networks[0];"],
  ["uphill", "vec4f(-d.eta)", "vec4f(d.eta)"],
  ["the fourth of four gradients is the first", "gradient.w", "gradient.x"],
];

const UNPACK: readonly Planted[] = [
  ["all belongs to the first layer", "var l = LAYERS - 1u;", "var l = 0u;"],
  ["rows lie on each other", "places[l].weight + row * outputs", "places[l].weight"],
  [
    "gamma where the bias should be",
    ", places[l].bias, row == rows)",
    ", places[l].gamma, row == rows)",
  ],
  ["gamma and beta change places", "row == rows + 1u)", "row == rows + 2u)"],
  ["rows behind the last input", "} else if row >= places[l].inputs {", "} else if row >= rows {"],
  ["a gamma of the output layer", "(BATCH_NORM == 0u || l == LAYERS - 1u)", "BATCH_NORM == 0u"],
  ["gammas without batch norm", "(BATCH_NORM == 0u || l == LAYERS - 1u)", "l == LAYERS - 1u"],
  ["the first network's parameters alone", "id.z * layer.parameters + at", "at"],
  ["features past the last", "min(4u, outputs - 4u * column)", "4u"],
  ["the first network's parameters for all", "packed[id.z * PACKED + i]", "packed[i]"],
  ["four parameters are the first", "[id.z * PACKED + i][j]", "[id.z * PACKED + i][0]"],
];

const NORM: readonly Planted[] = [
  ["the last slice counts for those behind it", "select(vec4f(0.0), value, i < end)", "value"],
  ["no gamma", "fma(vectors.scale, n, vectors.shift)", "n + vectors.shift"],
  ["slice 11 of twelve is left out", "+ s11;", ";"],
  ["a turn forgets the slices before", "sum += s0", "sum = s0"],
  ["a part goes on to the last slice", "min((part + 1u) * SLICES_OF_PART, SLICES)", "SLICES"],
  [
    "a part without slices adds the last one",
    "select(sum, vec4f(0.0), part * SLICES_OF_PART >= SLICES)",
    "sum",
  ],
  [
    "column 3 of four has the first one's weights",
    "w + 4u * min(k + 3u, end - 1u) * width",
    "w + 4u * k * width",
  ],
  ["no beta", "fma(vectors.scale, n, vectors.shift)", "vectors.scale * n"],
  ["the mean is not taken away", "(rows_of_column[row] - mean)", "rows_of_column[row]"],
  [
    "the deviation is left out",
    "(rows_of_column[row] - mean) * inverse",
    "(rows_of_column[row] - mean)",
  ],
  ["another epsilon", "found.variance + EPSILON", "found.variance + 0.01"],
  [
    "no ReLU",
    "relu4(fma(vectors.scale, n, vectors.shift))",
    "fma(vectors.scale, n, vectors.shift)",
  ],
  ["another network's slices", "(group.z * columns(places[0].outputs) + group.x)", "group.x"],
  [
    "only the first rows of a part have slices",
    "sum_of_slices(first + min(row, ROWS - 1u)",
    "sum_of_slices(first + min(thread % LANES, ROWS - 1u)",
  ],
  ["the mean is not stored", "arena[at] = mean;", ""],
  [
    "the variance is stored as the mean",
    "arena[at + columns(outputs)] = found.variance;",
    "arena[at + columns(outputs)] = mean;",
  ],
  [
    "the first column's vectors in a later layer",
    "vectors_of(group.z, layer.index, group.x)",
    "vectors_of(group.z, layer.index, 0u)",
  ],
];

const COLUMN: readonly Planted[] = [
  ["the mean is a sum", "let mean = found.first / f32(ROWS);", "let mean = found.first;"],
  ["the unbiased variance", "squares / f32(ROWS))", "squares / (f32(ROWS) - 1.0))"],
  ["the last part is left out", "(p6 + p7)", "p6"],
  ["part 7 is part 6", "part_at(lane, 7u)", "part_at(lane, 6u)"],
  [
    "a row behind the last counts",
    "select(vec4f(0.0), rows_of_column[min(row, ROWS - 1u)], row < ROWS)",
    "rows_of_column[min(row, ROWS - 1u)]",
  ],
  ["row 9 of ten is the first", "row_of_column(first + 9u)", "row_of_column(first)"],
  [
    "a group behind the last counts",
    "select(vec4f(0.0), groups[min(group, GROUPS - 1u)], group < GROUPS)",
    "groups[min(group, GROUPS - 1u)]",
  ],
  ["group 9 of ten is the first", "group_of_ten(first + 9u)", "group_of_ten(first)"],
  ["the last group has ten rows, too", "min(10u, max(ROWS, 10u * group) - 10u * group)", "10u"],
  [
    "the first sum forgets the tens before",
    "all.first += sum_of_ten(ten_groups(g));",
    "all.first = sum_of_ten(ten_groups(g));",
  ],
  [
    "the second sum is the first",
    "sum_of_ten(ten_other_rows(10u * g))",
    "sum_of_ten(ten_rows_of_column(10u * g))",
  ],
  [
    "only as many groups as threads",
    "for (var g = thread; g < GROUPS; g += WORKGROUP) {\n    let ten",
    "for (var g = thread; g < min(GROUPS, 1u); g += WORKGROUP) {\n    let ten",
  ],
  [
    "the variance within groups alone",
    "var squares = found.second;\n  for (var g = 0u; g < GROUPS;",
    "var squares = found.second;\n  for (var g = GROUPS; g < GROUPS;",
  ],
  ["the variance between groups alone", "var squares = found.second;", "var squares = vec4f(0.0);"],
  ["group 9 of ten does not count", "group_square(g + 9u, t.v9, mean)", "vec4f(0.0)"],
  [
    "the last column counts for those behind it",
    "select(vec4f(0.0), value, column < end)",
    "value",
  ],
];

const SOFTMAX: readonly Planted[] = [
  ["labels in file order", "labels[order[step.first + row]]", "labels[step.first + row]"],
  ["another network's logits", "(network * ROWS + row) * classes", "row * classes"],
  ["the gradient without the label", "(p - onehot)", "p"],
  [
    "the label in every column",
    "vec4u(4u * c) + vec4u(0u, 1u, 2u, 3u) == vec4u(label)",
    "vec4u(0u, 1u, 2u, 3u) == vec4u(label % 4u)",
  ],
  ["the gradient is a sum", "(p - onehot) / f32(ROWS)", "(p - onehot)"],
  ["probabilities that are not normalised", "largest) / sum;", "largest);"],
  ["dS stays out of workgroup memory", "tile[c * ROWS + row] = ds;", ""],
  ["dS stays out of the arena", "* ROWS + row] = ds;\n    }", "* ROWS + row] = vec4f(0.0);\n    }"],
  ["the fourth of four logits is the first", "+ 3u] = four.w;", "+ 3u] = four.x;"],
  ["a fourth class that is none is stored", "if there.w {", "if true {"],
  ["the sum forgets the columns before", "powers += (powers_of(", "powers = (powers_of("],
  [
    "the sum has classes past the last",
    "select(vec4f(0.0), exp(four - largest), there)",
    "exp(four - largest)",
  ],
  [
    "the sum lacks the fourth column",
    "+ powers_of(s[3], largest, features(c + 3u, classes))",
    "+ vec4f(0.0)",
  ],
  [
    "the largest of every fourth logit does not count",
    "largest = select(largest, most.w, is_greater(most.w, largest));",
    "",
  ],
];

const LOSS: readonly Planted[] = [
  [
    "no bias",
    "var sum = packed[packed_bias(network, LAYERS - 1u) + column];",
    "var sum = vec4f(0.0);",
  ],
  [
    "the weights are not turned",
    "transpose(weights_at(w + min(column, width - 1u), width))",
    "weights_at(w + min(column, width - 1u), width)",
  ],
  [
    "column 3 of four has the first one's weights",
    "w + 4u * min(k + 3u, depth - 1u) * width",
    "w + 4u * k * width",
  ],
  [
    "column 3 of four has the first one's weights backward",
    "turned_weights(w, m + 3u, width)",
    "turned_weights(w, m, width)",
  ],
  [
    "gradients pass a closed ReLU without batch norm",
    "arena[to + row] = relu_gradient4(rows_of_column[row], arena[h + row]);",
    "arena[to + row] = rows_of_column[row];",
  ],
  [
    "gradients pass a closed ReLU",
    "let own = relu_gradient4(rows_of_column[row], arena[h + row]);",
    "let own = rows_of_column[row];",
  ],
  ["no deviation", " * arena[in_arena(network, places[layer.index].inverse) + column]", ""],
  ["G stays ungated in dS", "rows_of_column[row] = own;", ""],
  ["dgamma is a sum of G", "more_rows[row] = own * arena[n + row];", "more_rows[row] = own;"],
  [
    "no mean of G",
    "rows_of_column[row] - dbeta / f32(ROWS) - arena",
    "rows_of_column[row] - arena",
  ],
  ["no mean of G N", " - arena[n + row] * dgamma / f32(ROWS)", ""],
  ["the logits are not read back", "group.x == 0u)", "false)"],
  [
    "dH forgets the columns before",
    "sum = add_product(sum, tile[m * ROWS + row]",
    "sum = add_product(vec4f(0.0), tile[m * ROWS + row]",
  ],
  [
    "dS of the same layer",
    "in_arena(group.z, places[layer.index + 1u].g)",
    "in_arena(group.z, places[LAYERS - 1u].g)",
  ],
  [
    "no gamma",
    "let scale = packed[packed_gamma(network, layer.index) + column] * ",
    "let scale = ",
  ],
  ["dgamma is dbeta", "arena[at] = dgamma;", "arena[at] = dbeta;"],
  [
    "dbeta is dgamma",
    "arena[at + columns(places[layer.index].outputs)] = dbeta;",
    "arena[at + columns(places[layer.index].outputs)] = dgamma;",
  ],
];

const BLOCK: readonly Planted[] = [
  ["no bias", "var s = mat4x4f(bias, bias, bias, bias);", "var s = mat4x4f();"],
  ["dgamma is dbeta", "arena[at] = dgamma;", "arena[at] = dbeta;"],
  [
    "a lane's rows lie beside each other",
    "vec4u(lane) + vec4u(0u, 1u, 2u, 3u) * LANES",
    "vec4u(4u * lane) + vec4u(0u, 1u, 2u, 3u)",
  ],
  ["number 3 of a thread's weights is not staged", "w[thread + 3u * WORKGROUP] = fetched[3];", ""],
  ["row 3 of four stays out of the tile", "tile[at + p.rows.w] = value[3];", ""],
  ["row 3 of a lane does not count", "counts.w;", "0u;"],
  ["a group behind the last counts", ", group < GROUPS);", ", true);"],
  ["the first sum lacks the groups before", "all.first += sum_of_five", "all.first = sum_of_five"],
  ["the second sum is the first", "sum_of_four(p, second)", "sum_of_four(p, first)"],
  [
    "row 3 of four has another's activations",
    "tile[k * ROWS + p.rows.w]",
    "tile[k * ROWS + p.rows.x]",
  ],
  [
    "the weights are not turned",
    "transpose(mat4x4f(w[at], w[at + width], w[at + 2u * width], w[at + 3u * width]))",
    "mat4x4f(w[at], w[at + width], w[at + 2u * width], w[at + 3u * width])",
  ],
  ["gradients pass a closed ReLU in row 3 of four", "relu_gradient4(dh[3], h[3])", "dh[3]"],
  ["no gamma in dS", "activated.gamma * activated.inverse", "activated.inverse"],
  ["no mean of G in row 3 of four", "g[3] - dbeta / rows - n", "g[3] - n"],
  ["no mean of G N in row 3 of four", " - n[3] * dgamma / rows)", ")"],
];

const PAIR: readonly Planted[] = [
  [
    "the earlier layer's column is the first",
    "own_part(thread, group.x, 1u)",
    "own_part(thread, 0u, 1u)",
  ],
  ["the logits are not read back", "let keep = group.x == 0u;", "let keep = false;"],
  [
    "weights of another network",
    "packed[packed_weight(network, later)",
    "packed[packed_weight(0u, later)",
  ],
  [
    "column 3 of four is column 2",
    "part_at(column + 3u, width, row)",
    "part_at(column + 2u, width, row)",
  ],
  ["no bias", "vectors_of(network, last, logits.column).bias", "vec4f(0.0)"],
  [
    "dS of the later layer is not stored",
    "store_arena(p, in_arena(network, places[later].g) + p.column * ROWS, ds);",
    "",
  ],
  [
    "the column's weights are not turned",
    "transpose(mat4x4f(\n    column_weights[p.column], column_weights[width + p.column],\n    column_weights[2u * width + p.column], column_weights[3u * width + p.column],\n  ))",
    "mat4x4f(\n    column_weights[p.column], column_weights[width + p.column],\n    column_weights[2u * width + p.column], column_weights[3u * width + p.column],\n  )",
  ],
  [
    "row 3 of four has another's product",
    "add_product(none, ds[3], four)",
    "add_product(none, ds[2], four)",
  ],
  ["the sum forgets the columns before", "sum[3] += four_parts", "sum[3] = four_parts"],
  [
    "the earlier layer is gated by the later one",
    "let before = load_activated(network, layer.index, one);",
    "let before = load_activated(network, later, one);",
  ],
  [
    "the earlier layer's gradients are stored by one workgroup",
    "one, thread, true, before, sum",
    "one, thread, keep, before, sum",
  ],
  [
    "dS of the earlier layer is that of the first column",
    "places[layer.index].g) + one.column * ROWS",
    "places[layer.index].g)",
  ],
];

const TAIL: readonly Planted[] = [
  ["the mean is a sum", "let mean = found.first / f32(ROWS);", "let mean = found.first;"],
  ["a lane's row 3 has no square", "differences[3] * differences[3]", "vec4f(0.0)"],
  ["another epsilon", "found.variance + EPSILON", "found.variance + 0.01"],
  [
    "the deviations of layers lie on each other",
    "inverses[l * COLUMNS + p.column] = inverse;",
    "inverses[p.column] = inverse;",
  ],
  ["the mean is not taken from row 3 of four", "(s[3] - mean) * inverse", "s[3] * inverse"],
  [
    "the gradients have the weights of the first layer behind",
    "packed_weight(network, max(before, 1u))",
    "packed_weight(network, 1u)",
  ],
  [
    "the weights of a layer before are not staged",
    "store_tile(p, ds);\n      stage_weights(fetched, weights_of(before), thread);",
    "store_tile(p, ds);",
  ],
  ["the unbiased variance", "squares / f32(ROWS))", "squares / (f32(ROWS) - 1.0))"],
  [
    "squares within lanes alone",
    "squares + sum_of_five(five_lanes(1u, slot, lane))",
    "sum_of_five(five_lanes(1u, slot, lane))",
  ],
  ["squares between groups alone", "var squares = found.second;", "var squares = vec4f(0.0);"],
  [
    "lane 4 of five has no square between lanes",
    "square_of(rows_of_lane(lane + 4u), five.v4, mean)",
    "vec4f(0.0)",
  ],
  ["the mean is not stored", "arena[at] = mean;", ""],
  [
    "no ReLU in row 3 of four",
    "relu4(fma(vectors.scale, n[3], vectors.shift))",
    "fma(vectors.scale, n[3], vectors.shift)",
  ],
  [
    "H stays out of the arena",
    "store_arena(p, in_arena(network, places[l].h) + p.column * ROWS, h);",
    "",
  ],
  [
    "the first layer's deviation in dS",
    "activated.inverse = inverses[before * COLUMNS + p.column];",
    "activated.inverse = inverses[p.column];",
  ],
];

const INPUT: readonly Planted[] = [
  ["no L2", "with_decay(d, weights, gradient)", "gradient"],
  ["dS of another network", "in_arena(network, places[0].g)", "in_arena(0u, places[0].g)"],
  [
    "input 3 lacks other parts' sums",
    "staged[waiting(part, 3u, own)] = sum[3];",
    "staged[waiting(part, 3u, own)] = vec4f(0.0);",
  ],
  ["the last texel of a slice is left out", "k < SLICE; k++", "k + 1u < SLICE; k++"],
  ["rows behind the last are stored", "if row < ROWS {\n    slices", "if true {\n    slices"],
  [
    "every group of columns moves the later layers",
    "if group.y == 0u && (step.parts",
    "if (step.parts",
  ],
  [
    "the gradient sees the next step's images",
    "fetch_images(step.first, row, slice, thread)",
    "fetch_images(step.next, row, slice, thread)",
  ],
  [
    "the product has the weights before the update",
    "weights = moved(d, weights, g);\n      packed[at] = weights;",
    "packed[at] = moved(d, weights, g);",
  ],
];

const WEIGHTS: readonly Planted[] = [
  ["weights stay", "packed[at] = moved(d, old, g);", ""],
  ["row 9 of ten is the first", "row_at(column, row + 9u)", "row_at(column, row)"],
  ["no L2", "let g = with_decay(d, old, gradient);", "let g = gradient;"],
  ["biases stay", "packed[bias_at] = moved(d, bias, dbias);", ""],
  [
    "gamma moves by dbeta",
    "packed[gamma_at] = moved(d, gamma, dgamma);",
    "packed[gamma_at] = moved(d, gamma, dbeta);",
  ],
  ["beta stays", "packed[beta_at] = moved(d, beta, dbeta);", ""],
  [
    "the average of the mean stays",
    "keep_averages(network, places[l].mean, column, outputs, old_mean, mean);",
    "",
  ],
  ["a fourth average that is none is kept", "if left > 3u {", "if left > 2u {"],
  [
    "input 3 of four stays",
    "move_weights(network, l, 4u * k + 3u, column, at + 3u * width, old[3], sum[3]);",
    "",
  ],
];

/**
 * All mistakes in fused kernels, each with the kernels whose tests find it. Those of `checkKernels()` are among them: it has few
 * slices, rows and columns, never an update together with the next product, and sees no padding.
 */
export const FUSED_KERNEL_MUTANTS: readonly KernelMutant[] = [
  ...inFile("fused/layers", ["fused_forward", "fused_loss", "fused_input"], LAYERS),
  ...inFile("fused/ten", ["fused_norm", "fused_backward"], TEN),
  ...inFile("fused/descent", ["fused_input"], DESCENT),
  ...inFile("fused/unpack", ["fused_unpack"], UNPACK),
  ...inFile("fused/norm", ["fused_norm", "fused_forward"], NORM),
  ...inFile("fused/column", ["fused_norm", "fused_backward"], COLUMN),
  ...inFile("fused/softmax", ["fused_loss"], SOFTMAX),
  ...inFile("fused/loss", ["fused_loss", "fused_backward"], LOSS),
  ...inFile("fused/block", ["fused_pair", "fused_tail"], BLOCK),
  ...inFile("fused/pair", ["fused_pair"], PAIR),
  ...inFile("fused/input", ["fused_input"], INPUT),
  ...inFile("fused/weights", ["fused_input"], WEIGHTS),
  ...inFile("fused/tail", ["fused_tail"], TAIL),
  ...PRODUCT_MUTANTS,
  ...EVALUATION_MUTANTS,
];

/** A file that `checkKernels()` does not run: with the widths that it has here, `fused_pair` takes its place. */
const UNCHECKED = "fused/loss";

/** The first of each file, which `checkKernels()` has to find: a mistake takes it seconds, all kernels being compiled. */
export const FUSED_MUTANTS: readonly Mutant[] = [
  ...Map.groupBy(FUSED_KERNEL_MUTANTS.map(({ mutant }) => mutant), ({ file }) => file).values(),
].map(([first]) => first).filter(({ file }) => file !== UNCHECKED);
