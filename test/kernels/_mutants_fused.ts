/**
 * Mistakes to plant in the fused kernels: at least one for each term of each formula, each row and column that is staged, and
 * each place that something is read from or written to. Of lines that are alike but for a number, the last has one.
 *
 * @module
 */
import type { FusedKernel } from "./_fused_tests.ts";
import type { Mutant } from "./_mutants.ts";

/** A mistake of one file: what is wrong, a piece of its text and the replacement. */
type Planted = readonly [mistake: string, from: string, to: string];

function inFile(file: string, planted: readonly Planted[]): Mutant[] {
  return planted.map(([mistake, from, to]) => ({ file, mistake, from, to }));
}

const LAYERS: readonly Planted[] = [
  ["a feature too many exists", "< vec4u(width)", "<= vec4u(width)"],
  ["another network's weights", "network * PACKED + places[l].packed", "places[l].packed"],
  ["another network's vectors", "network * PACKED + places[l].vectors", "places[l].vectors"],
  ["gamma is the bias", "(network, l) + columns(places[l].outputs)", "(network, l)"],
  ["beta is gamma", "+ 2u * columns(places[l].outputs)", "+ columns(places[l].outputs)"],
  ["another network's tensors", "network * ARENA + tensor", "tensor"],
  ["a product lacks input 3 of four", "fma(vec4f(x.w), w[3],", "fma(vec4f(0.0), w[3],"],
  ["a product forgets the sum", "w[0], sum)", "w[0], vec4f(0.0))"],
  ["a gradient forgets the sum of input 3 of four", "fma(vec4f(x.w), g, sum[3])", "(x.w * g)"],
  ["input 2 of four has the gradient of input 1", "fma(vec4f(x.z), g,", "fma(vec4f(x.y), g,"],
];

const AVERAGES: readonly Planted[] = [
  ["four averages are the first one's", "value[i]", "value[0]"],
  ["averages past the last feature", "min(4u, width - 4u * column)", "4u"],
  ["every column has the first one's averages", "at + 4u * column + i", "at + i"],
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
  ["another network's gradients", "network * layer.parameters + at", "at"],
  ["the fourth of four gradients is the first", "gradient.w", "gradient.x"],
];

const UNPACK: readonly Planted[] = [
  ["the output layer stays", "if i >= PACKED {", "if i >= places[LAYERS - 1u].packed {"],
  ["all belongs to the first layer", "var l = LAYERS - 1u;", "var l = 0u;"],
  [
    "rows of another width",
    "(i - places[l].packed) / width",
    "(i - places[l].packed) / (width + 1u)",
  ],
  ["a row has four inputs", "4u * columns(places[l].inputs)", "columns(places[l].inputs)"],
  ["columns of another row", "(i - places[l].packed) % width", "i % width"],
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
  ["every column is the first", "at + 4u * column;", "at;"],
  ["features past the last", "min(4u, outputs - 4u * column)", "4u"],
  ["the first network's parameters for all", "packed[id.z * PACKED + i]", "packed[i]"],
  ["four parameters are the first", "[id.z * PACKED + i][j]", "[id.z * PACKED + i][0]"],
];

const NORM: readonly Planted[] = [
  ["the last slice counts for those behind it", "select(vec4f(0.0), value, i < end)", "value"],
  ["no gamma", "fma(scale, n, shift)", "n + shift"],
  ["a row of another slice", "min(i, end - 1u) * ROWS", "min(i, end - 1u)"],
  ["slice 11 of twelve is left out", "+ s11;", ";"],
  ["a turn forgets the slices before", "sum += s0", "sum = s0"],
  ["every part adds all slices", "min(part * SLICES_OF_PART, SLICES - 1u)", "0u"],
  ["a part goes on to the last slice", "min((part + 1u) * SLICES_OF_PART, SLICES)", "SLICES"],
  [
    "a part without slices adds the last one",
    "select(sum, vec4f(0.0), part * SLICES_OF_PART >= SLICES)",
    "sum",
  ],
  ["input 3 of four has another's weights", "packed[at + 3u * width]", "packed[at]"],
  [
    "the last column counts for those behind it",
    "select(vec4f(0.0), value, column < end)",
    "value",
  ],
  ["a column of another row", "min(column, end - 1u) * ROWS", "min(column, end - 1u)"],
  ["every part adds all columns", "let begin = part * each;", "let begin = 0u;"],
  ["a part goes on to the last column", "min(begin + each, depth)", "depth"],
  [
    "column 3 of four has the first one's activations",
    "activations_at(x, k + 3u, end)",
    "activations_at(x, k, end)",
  ],
  [
    "column 3 of four has the first one's weights",
    "w + 4u * min(k + 3u, end - 1u) * width",
    "w + 4u * k * width",
  ],
  [
    "only four columns have weights",
    "weights_at(w + 4u * k * width, width)",
    "weights_at(w, width)",
  ],
  ["no beta", "fma(scale, n, shift)", "scale * n"],
  [
    "the first column's beta",
    "packed_beta(network, LAYER) + column",
    "packed_beta(network, LAYER)",
  ],
  ["the mean is not taken away", "(rows_of_column[row] - mean)", "rows_of_column[row]"],
  [
    "the deviation is left out",
    "(rows_of_column[row] - mean) * inverse",
    "(rows_of_column[row] - mean)",
  ],
  ["another epsilon", "found.variance + EPSILON", "found.variance + 0.01"],
  [
    "the average of the mean stays",
    "keep_averages(network, places[LAYER].mean, column, outputs, mean);",
    "",
  ],
  [
    "the average of the variance stays",
    "keep_averages(network, places[LAYER].variance, column, outputs, found.variance);",
    "",
  ],
  [
    "N is stored with the first row's",
    "places[LAYER].n) + column * ROWS + row] = n",
    "places[LAYER].n) + column * ROWS] = n",
  ],
  [
    "H without batch norm's N",
    "let h = select(vec4f(0.0), relu4(fma(scale, n, shift))",
    "let h = select(vec4f(0.0), relu4(fma(scale, rows_of_column[row], shift))",
  ],
  ["no ReLU", "relu4(fma(scale, n, shift))", "fma(scale, n, shift)"],
  ["another network's slices", "(group.z * columns(places[0].outputs) + group.x)", "group.x"],
  [
    "no bias in the first layer",
    "let bias = packed[packed_bias(group.z, 0u) + group.x];",
    "let bias = vec4f(0.0);",
  ],
  [
    "every row has the first one's slices",
    "first + min(row, ROWS - 1u), thread / LANES",
    "first, thread / LANES",
  ],
  [
    "only the first rows of a part have slices",
    "sum_of_slices(first + min(row, ROWS - 1u)",
    "sum_of_slices(first + min(thread % LANES, ROWS - 1u)",
  ],
  [
    "every part adds the first one's slices",
    "ROWS - 1u), thread / LANES));\n    if thread < LANES && row < ROWS {\n      rows_of_column[row] = bias + sum;\n    }\n  }\n  workgroupBarrier();\n  finish(group.z, group.x, thread);\n}\n\n@compute",
    "ROWS - 1u), 0u));\n    if thread < LANES && row < ROWS {\n      rows_of_column[row] = bias + sum;\n    }\n  }\n  workgroupBarrier();\n  finish(group.z, group.x, thread);\n}\n\n@compute",
  ],
  ["another layer's activations", "places[LAYER - 1u].h", "places[0].n"],
  [
    "no bias in a later layer",
    "let bias = packed[packed_bias(group.z, LAYER) + group.x];",
    "let bias = vec4f(0.0);",
  ],
  [
    "every row has the first one's activations",
    "x + min(row, ROWS - 1u), group.x, thread / LANES",
    "x, group.x, thread / LANES",
  ],
  ["every part adds the first one's columns", "group.x, thread / LANES)", "group.x, 0u)"],
  ["the first column's product", "ROWS - 1u), group.x, thread", "ROWS - 1u), 0u, thread"],
];

const COLUMN: readonly Planted[] = [
  ["the mean is a sum", "mean /= f32(ROWS);", ""],
  [
    "the variance within groups alone",
    "squares += fma(f32(rows_in(g)) * difference, difference, more_groups[g]);",
    "squares += more_groups[g];",
  ],
  ["the last part is left out", "part < PARTS; part++", "part + 1u < PARTS; part++"],
  ["parts of another row", "parts[part * LANES + thread % LANES]", "parts[part * LANES]"],
  ["the last group has as many rows as the others", "min(GROUP, ROWS - group * GROUP)", "GROUP"],
  ["a group's mean is its sum", "let mean = sum / f32(count);", "let mean = sum;"],
  [
    "a group's squares are about 0",
    "rows_of_column[first + i] - mean;",
    "rows_of_column[first + i];",
  ],
  [
    "a group's squares lack those before",
    "squares = fma(difference, difference, squares);",
    "squares = difference * difference;",
  ],
  [
    "groups without their rows' number in the mean",
    "mean += f32(rows_in(g)) * groups[g];",
    "mean += f32(GROUP) * groups[g];",
  ],
  [
    "the variance between groups alone",
    "fma(f32(rows_in(g)) * difference, difference, more_groups[g])",
    "(f32(rows_in(g)) * difference * difference)",
  ],
  [
    "groups without their rows' number in the variance",
    "fma(f32(rows_in(g)) * difference,",
    "fma(difference,",
  ],
  ["groups about 0", "groups[g] - mean;", "groups[g];"],
  ["the unbiased variance", "squares / f32(ROWS))", "squares / (f32(ROWS) - 1.0))"],
  [
    "the first sum lacks the rows before",
    "first += rows_of_column[i];",
    "first = rows_of_column[i];",
  ],
  ["the second sum lacks the rows before", "second += more_rows[i];", "second = more_rows[i];"],
  ["the second sum is the first", "more_groups[thread] = second;", "more_groups[thread] = first;"],
  ["the first sum lacks the groups before", "all.first += groups[g];", "all.first = groups[g];"],
  [
    "the second sum lacks the groups before",
    "all.second += more_groups[g];",
    "all.second = more_groups[g];",
  ],
];

const SOFTMAX: readonly Planted[] = [
  ["labels in file order", "labels[order[step.first + row]]", "labels[step.first + row]"],
  ["batches always begin with the first label", "order[step.first + row]", "order[row]"],
  ["another network's logits", "(network * ROWS + row) * classes", "row * classes"],
  ["the first row's logits", "(network * ROWS + row) * classes", "network * ROWS * classes"],
  ["the first column's logits", "* classes + 4u * c + i]", "* classes + i]"],
  ["four logits are the first", "= four[i];", "= four[0];"],
  ["the sum forgets the columns before", "powers += select", "powers = select"],
  [
    "the sum has classes past the last",
    "powers += select(vec4f(0.0), exp(tile[c * ROWS + row] - largest), features(c, classes));",
    "powers += exp(tile[c * ROWS + row] - largest);",
  ],
  ["the sum lacks class 3 of four", "powers.w;", "0.0;"],
  ["the gradient without the label", "(p - onehot)", "p"],
  ["the gradient without the probabilities", "(p - onehot)", "(0.0 * p - onehot)"],
  [
    "the label in every column",
    "vec4u(4u * c) + vec4u(0u, 1u, 2u, 3u) == vec4u(label)",
    "vec4u(0u, 1u, 2u, 3u) == vec4u(label % 4u)",
  ],
  ["the gradient is a sum", "(p - onehot) / f32(ROWS)", "(p - onehot)"],
  ["probabilities that are not normalised", "largest) / sum;", "largest);"],
  ["dS stays out of workgroup memory", "tile[c * ROWS + row] = ds;", ""],
  ["dS stays out of the arena", "* ROWS + row] = ds;\n    }", "* ROWS + row] = vec4f(0.0);\n    }"],
  [
    "every row stores the first one's dS",
    "places[LAYERS - 1u].g) + c * ROWS + row] = ds",
    "places[LAYERS - 1u].g) + c * ROWS] = ds",
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
  ["input 3 of four has another's weights", "packed[at + 3u * width]", "packed[at]"],
  [
    "the last column counts for those behind it",
    "select(vec4f(0.0), value, column < end)",
    "value",
  ],
  ["a column of another row", "min(column, end - 1u) * ROWS", "min(column, end - 1u)"],
  ["logits of every row are the first one's", "places[LAYER].h) + row;", "places[LAYER].h);"],
  [
    "column 3 of four has the first one's activations",
    "tensor_at(x, k + 3u, depth)",
    "tensor_at(x, k, depth)",
  ],
  [
    "column 3 of four has the first one's weights",
    "w + 4u * min(k + 3u, depth - 1u) * width",
    "w + 4u * k * width",
  ],
  [
    "the weights of the first column alone are turned",
    "weights_at(w + min(column, width - 1u), width)",
    "weights_at(w, width)",
  ],
  ["every part adds all columns", "let begin = part * each;", "let begin = 0u;"],
  ["a part goes on to the last column", "min(begin + each, width)", "width"],
  [
    "the first column's weights backward",
    "packed_weight(network, LAYER + 1u) + 4u * column * width",
    "packed_weight(network, LAYER + 1u)",
  ],
  [
    "column 3 of four has the first one's gradients",
    "tensor_at(g, m + 3u, end)",
    "tensor_at(g, m, end)",
  ],
  [
    "column 3 of four has the first one's weights backward",
    "turned_weights(w, m + 3u, width)",
    "turned_weights(w, m, width)",
  ],
  ["H of the first column opens all gates", "places[LAYER].h) + column * ROWS", "places[LAYER].h)"],
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
  ["no gamma", "packed[packed_gamma(network, LAYER) + column] * ", ""],
  ["no deviation", " * arena[in_arena(network, places[LAYER].inverse) + column]", ""],
  ["G stays ungated in dS", "rows_of_column[row] = own;", ""],
  ["dgamma is a sum of G", "more_rows[row] = own * arena[n + row];", "more_rows[row] = own;"],
  [
    "no mean of G",
    "rows_of_column[row] - dbeta / f32(ROWS) - arena",
    "rows_of_column[row] - arena",
  ],
  ["no mean of G N", " - arena[n + row] * dgamma / f32(ROWS)", ""],
  [
    "dgamma is dbeta",
    "places[LAYER].dgamma) + column] = dgamma",
    "places[LAYER].dgamma) + column] = dbeta",
  ],
  [
    "dbeta is dgamma",
    "places[LAYER].dbeta) + column] = dbeta",
    "places[LAYER].dbeta) + column] = dgamma",
  ],
  ["dbeta goes to the first column", "places[LAYER].dbeta) + column]", "places[LAYER].dbeta)]"],
  ["logits of another row", "i % ROWS, i / ROWS)", "i / ROWS, i % ROWS)"],
  ["the logits are not read back", "group.x == 0u)", "false)"],
  [
    "the first column's weights in the loss",
    "packed_weight(group.z, LAYERS - 1u) + 4u * group.x * width",
    "packed_weight(group.z, LAYERS - 1u)",
  ],
  [
    "dH forgets the columns before",
    "sum = add_product(sum, tile[m * ROWS + row]",
    "sum = add_product(vec4f(0.0), tile[m * ROWS + row]",
  ],
  ["dH of the first column of dS", "tile[m * ROWS + row], turned", "tile[row], turned"],
  [
    "dS of the same layer",
    "in_arena(group.z, places[LAYER + 1u].g)",
    "in_arena(group.z, places[LAYERS - 1u].g)",
  ],
  ["every row has the first one's dS", "g + min(row, ROWS - 1u), group.x", "g, group.x"],
  ["every part adds the first one's columns", "group.x, thread / LANES)", "group.x, 0u)"],
  ["the first column's product", "ROWS - 1u), group.x, thread", "ROWS - 1u), 0u, thread"],
];

const INPUT: readonly Planted[] = [
  [
    "batches always begin with the first image",
    "order[images_from + min(r, ROWS - 1u)]",
    "order[min(r, ROWS - 1u)]",
  ],
  ["no L2", "with_decay(d, weights, gradient)", "gradient"],
  ["only the first rows that are staged", "let r = row + i / SLICE;", "let r = i / SLICE;"],
  [
    "the second pixel of a thread is not staged",
    "staged[i / SLICE * X_STRIDE + i % SLICE] = fetched.second;",
    "",
  ],
  ["only the first rows of dS", "let r = row + i % STAGED_ROWS;", "let r = i % STAGED_ROWS;"],
  ["dS of another network", "in_arena(network, places[0].g)", "in_arena(0u, places[0].g)"],
  ["dS number 3 of a thread is not staged", "staged[DS + thread + 3u * WORKGROUP] = g3;", ""],
  [
    "a part has five rows",
    "row < (part + 1u) * (STAGED_ROWS / PARTS)",
    "row < part * (STAGED_ROWS / PARTS) + 5u",
  ],
  [
    "row 4 of five is the first",
    "add_row(total, q, column, row + 4u)",
    "add_row(total, q, column, row)",
  ],
  [
    "input 3 lacks other parts' sums",
    "staged[waiting(part, 3u, own)] = sum[3];",
    "staged[waiting(part, 3u, own)] = vec4f(0.0);",
  ],
  [
    "a thread's own sum is that of input 2 for input 3",
    "select(sum[2], sum[3], part == 3u)",
    "sum[2]",
  ],
  ["the last texel of a slice is left out", "k < SLICE; k++", "k + 1u < SLICE; k++"],
  [
    "row 3 of four is another",
    "staged[(lane + 3u * LANES) * X_STRIDE + k]",
    "staged[lane * X_STRIDE + k]",
  ],
  ["rows behind the last are stored", "if row < ROWS {\n    slices", "if true {\n    slices"],
  [
    "every group of columns moves the later layers",
    "if group.y == 0u && (step.parts",
    "if (step.parts",
  ],
  [
    "the product sees this step's images later",
    "fetch_images(step.next, row + STAGED_ROWS, slice, thread)",
    "fetch_images(step.first, row + STAGED_ROWS, slice, thread)",
  ],
  [
    "the gradient sees the next step's images",
    "fetch_images(step.first, row, slice, thread)",
    "fetch_images(step.next, row, slice, thread)",
  ],
  [
    "inputs past the last",
    "let exists = input < layer.inputs && column < width;",
    "let exists = column < width;",
  ],
  [
    "the product has the weights before the update",
    "weights = moved(d, weights, g);\n      packed[at] = weights;",
    "packed[at] = moved(d, weights, g);",
  ],
  ["a product is always made", "if (step.parts & FORWARD) == 0u {", "if false {"],
  [
    "the first columns' sums",
    "((network * width + first_column + own_column)",
    "((network * width + own_column)",
  ],
];

const WEIGHTS: readonly Planted[] = [
  ["biases stay", "packed[at] = moved(d, old, sum);", ""],
  ["weights stay", "packed[at] = moved(d, old, g);", ""],
  [
    "the last row counts for those behind it",
    "select(vec4f(0.0), arena[column + min(row, ROWS - 1u)], row < ROWS)",
    "arena[column + min(row, ROWS - 1u)]",
  ],
  ["row 9 of ten is the first", "row_at(column, row + 9u)", "row_at(column, row)"],
  ["row 9 of ten moves no bias", "t.r9", "vec4f(0.0)"],
  ["row 9 of ten moves no weight", "h.r9, g.r9", "vec4f(0.0), g.r9"],
  ["a gamma of the output layer", "BATCH_NORM == 0u || l == LAYERS - 1u", "BATCH_NORM == 0u"],
  [
    "gamma moves by dbeta",
    "arena[in_arena(network, places[l].dgamma) + column]",
    "arena[in_arena(network, places[l].dbeta) + column]",
  ],
  ["beta stays", "packed[beta] = moved(d, packed[beta], dbeta);", ""],
  [
    "gradients of betas are not stored",
    "keep_gradients(network, places[l].beta, column, outputs, dbeta);",
    "",
  ],
  ["no L2", "let g = with_decay(d, old, gradient);", "let g = gradient;"],
  [
    "gradients of weights are stored as the first input's",
    "places[l].weight + input * places[l].outputs, column",
    "places[l].weight, column",
  ],
  ["H of the same layer", "places[l - 1u].h", "places[max(l, 2u) - 2u].h"],
  [
    "input 3 of four stays",
    "move_weights(network, l, 4u * k + 3u, column, at + 3u * width, sum[3]);",
    "",
  ],
  ["a layer's workgroups do the same", "left * WORKGROUP + thread", "thread"],
  ["the first layer alone moves", "left -= groups;", ""],
];

const TAIL: readonly Planted[] = [
  ["no bias", "var s = mat4x4f(bias, bias, bias, bias);", "var s = mat4x4f();"],
  [
    "dgamma is dbeta",
    "places[l].dgamma) + p.column] = dgamma",
    "places[l].dgamma) + p.column] = dbeta",
  ],
  [
    "a lane's rows lie beside each other",
    "vec4u(lane) + vec4u(0u, 1u, 2u, 3u) * LANES",
    "vec4u(4u * lane) + vec4u(0u, 1u, 2u, 3u)",
  ],
  ["number 3 of a thread's weights is not staged", "w[thread + 3u * WORKGROUP] = fetched[3];", ""],
  ["row 3 of four stays out of the tile", "tile[at + p.rows.w] = value[3];", ""],
  ["row 3 of four is read as another", "arena[at + p.rows.w])", "arena[at + p.rows.x])"],
  ["row 3 of a lane does not count", "counts.w;", "0u;"],
  ["a third row that is none counts", "select(none, v[2], p.there.z)", "v[2]"],
  ["a lane's row 3 has no square", "differences[3] * differences[3]", "vec4f(0.0)"],
  ["a group goes on to the last lane", "let end = min(first + GROUP, LANES);", "let end = LANES;"],
  [
    "squares within lanes alone",
    "fma(f32(rows_of(lane, lane + 1u)) * difference, difference, tile[lane_at(1u, column, lane)])",
    "tile[lane_at(1u, column, lane)]",
  ],
  ["the mean is a sum", "mean /= f32(ROWS);", ""],
  [
    "squares within groups alone",
    "fma(count * difference, difference, tile[group_at(1u, p.column, group)])",
    "tile[group_at(1u, p.column, group)]",
  ],
  ["the second sum is the first", "sum_of_four(p, second)", "sum_of_four(p, first)"],
  ["the first sum lacks the lanes before", "own.first += tile", "own.first = tile"],
  ["the second sum lacks the groups before", "all.second += tile", "all.second = tile"],
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
  ["another epsilon", "found.variance + EPSILON", "found.variance + 0.01"],
  [
    "the deviations of layers lie on each other",
    "inverses[l * COLUMNS + p.column] = inverse;",
    "inverses[p.column] = inverse;",
  ],
  [
    "the average of the mean stays",
    "keep_averages(network, places[l].mean, p.column, outputs, mean);",
    "",
  ],
  ["the mean is not taken from row 3 of four", "(s[3] - mean) * inverse", "s[3] * inverse"],
  ["no ReLU in row 3 of four", "relu4(fma(scale, n[3], shift))", "fma(scale, n[3], shift)"],
  ["no gamma in row 3 of four", "fma(scale, n[3], shift)", "n[3] + shift"],
  ["no beta in row 3 of four", "fma(scale, n[3], shift)", "scale * n[3]"],
  ["N of the first column", "places[l].n) + p.column * ROWS, n);", "places[l].n), n);"],
  [
    "H stays out of the arena",
    "store_arena(p, in_arena(network, places[l].h) + p.column * ROWS, h);",
    "",
  ],
  ["gradients pass a closed ReLU in row 3 of four", "relu_gradient4(dh[3], h[3])", "dh[3]"],
  ["no deviation in dS", " * inverses[l * COLUMNS + p.column];", ";"],
  ["no mean of G in row 3 of four", "g[3] - dbeta / rows - n", "g[3] - n"],
  ["no mean of G N in row 3 of four", " - n[3] * dgamma / rows)", ")"],
  ["every row has the first one's label", "label_of(row)", "label_of(0u)"],
  ["another network's first layer", "in_arena(network, places[0].h)", "in_arena(0u, places[0].h)"],
  ["the logits stay out of the tile", "store_tile(p, s);", ""],
  [
    "the gradients have the weights of the first layer behind",
    "packed_weight(network, max(before, 1u))",
    "packed_weight(network, 1u)",
  ],
  ["dS stays out of the tile", "store_tile(p, ds);", ""],
  [
    "the weights of a layer before are not staged",
    "store_tile(p, ds);\n      stage_weights(fetched, weights_of(before), thread);",
    "store_tile(p, ds);",
  ],
];

/** A file: its mistakes, and the kernels whose tests find them. */
interface PlantedFile {
  readonly file: string;
  readonly planted: readonly Planted[];
  readonly kernels: readonly FusedKernel[];
}

const FILES: readonly PlantedFile[] = [
  {
    file: "fused/layers",
    planted: LAYERS,
    kernels: ["fused_forward", "fused_loss", "fused_input"],
  },
  { file: "fused/averages", planted: AVERAGES, kernels: ["fused_norm"] },
  { file: "fused/descent", planted: DESCENT, kernels: ["fused_input"] },
  { file: "fused/unpack", planted: UNPACK, kernels: ["fused_unpack"] },
  { file: "fused/norm", planted: NORM, kernels: ["fused_norm", "fused_forward"] },
  { file: "fused/column", planted: COLUMN, kernels: ["fused_norm", "fused_backward"] },
  { file: "fused/softmax", planted: SOFTMAX, kernels: ["fused_loss"] },
  { file: "fused/loss", planted: LOSS, kernels: ["fused_loss", "fused_backward"] },
  { file: "fused/input", planted: INPUT, kernels: ["fused_input"] },
  { file: "fused/weights", planted: WEIGHTS, kernels: ["fused_input"] },
  { file: "fused/tail", planted: TAIL, kernels: ["fused_tail"] },
];

/** The first of each file, which `checkKernels()` has to find: a mistake takes it seconds, all kernels being compiled. */
export const FUSED_MUTANTS: readonly Mutant[] = FILES.flatMap(({ file, planted }) =>
  inFile(file, planted.slice(0, 1))
);

/**
 * All of them, each with the kernels whose tests find it. Those of `checkKernels()` are among them: it has few slices, rows and
 * columns, never an update together with the next product, and sees no padding.
 */
export const FUSED_KERNEL_MUTANTS: readonly { mutant: Mutant; kernels: readonly FusedKernel[] }[] =
  FILES.flatMap(({ file, planted, kernels }) =>
    inFile(file, planted).map((mutant) => ({ mutant, kernels }))
  );
