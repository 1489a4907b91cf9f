/**
 * Mistakes to plant in the kernels of `tiled`: at least one for each term, each edge, each place in a tile and each sum. The
 * test of one kernel must find each.
 *
 * @module
 */
import type { KernelName } from "../../src/gpu/kernel_table.ts";
import type { Mutant } from "./_mutants.ts";

type TiledKernel = Extract<KernelName, `tiled_${string}`>;

/** A mistake, and the kernel whose test must find it. */
export interface TiledMutant extends Mutant {
  readonly kernel: TiledKernel;
}

const FORWARD: TiledKernel = "tiled_affine_forward";
const INPUT: TiledKernel = "tiled_affine_backward_input";
const WEIGHT: TiledKernel = "tiled_affine_backward_weight";

/** Mistakes in the tile, by the kernel that finds them. Of lines that differ in an index alone, the first and the last have one. */
const TILE: readonly Omit<TiledMutant, "file">[] = [
  // The part and the tile of a workgroup.
  { kernel: FORWARD, mistake: "the first part alone", from: "group.y % PARTS", to: "0u" },
  {
    kernel: FORWARD,
    mistake: "parts too short to hold the depth",
    from: "(stages + PARTS - 1u) / PARTS * DEPTH",
    to: "stages / PARTS * DEPTH",
  },
  {
    kernel: FORWARD,
    mistake: "a depth that is not a whole number of stages ends early",
    from: "(depth + DEPTH - 1u) / DEPTH",
    to: "depth / DEPTH",
  },
  {
    kernel: FORWARD,
    mistake: "parts and tiles of rows are mixed up",
    from: "group.y / PARTS * TILED_ROWS",
    to: "group.y * TILED_ROWS",
  },

  // Operands as they are read and staged.
  {
    kernel: FORWARD,
    mistake: "the last row is another's",
    from: "A_FOURS * vec4u(0u, 1u, 2u, 3u), vec4u(size - 1u)",
    to: "A_FOURS * vec4u(0u, 1u, 2u, 3u), vec4u(max(size, 2u) - 2u)",
  },
  {
    kernel: FORWARD,
    mistake: "the fourth row is the third",
    from: "A_FOURS * vec4u(0u, 1u, 2u, 3u), vec4u(size",
    to: "A_FOURS * vec4u(0u, 1u, 2u, 2u), vec4u(size",
  },
  {
    kernel: FORWARD,
    mistake: "weights past the depth count",
    from: "fn weights_at(at: vec4u, inside: bool) -> vec4f {\n  if !inside {",
    to: "fn weights_at(at: vec4u, inside: bool) -> vec4f {\n  if false {",
  },
  {
    kernel: WEIGHT,
    mistake: "gradients past the last row count",
    from: "fn dy_at(at: vec4u, inside: bool) -> vec4f {\n  if !inside {",
    to: "fn dy_at(at: vec4u, inside: bool) -> vec4f {\n  if false {",
  },
  {
    kernel: FORWARD,
    mistake: "the last input has no weights",
    from: "weights_at(at + k * layer.outputs, k < layer.inputs)",
    to: "weights_at(at + k * layer.outputs, k + 1u < layer.inputs)",
  },
  {
    kernel: WEIGHT,
    mistake: "gradients eight rows on are as far inside as the first",
    from: "k + 8u < step.rows",
    to: "k < step.rows",
  },
  {
    kernel: WEIGHT,
    mistake: "the last row has no gradient",
    from: "dy_at(at + k * layer.outputs, k < step.rows)",
    to: "dy_at(at + k * layer.outputs, k + 1u < step.rows)",
  },
  {
    kernel: FORWARD,
    mistake: "the second four of A is the first",
    from: "a_tile[at + apart] = fours[1];",
    to: "a_tile[at + apart] = fours[0];",
  },
  {
    kernel: FORWARD,
    mistake: "the second four of B is the first",
    from: "b_tile[at + apart] = fours[1];",
    to: "b_tile[at + apart] = fours[0];",
  },

  // Their products.
  ...["x", "y", "z", "w"].map((row, i) => ({
    kernel: FORWARD,
    mistake: `row ${i} of four has another's products`,
    from: `fma(vec4f(a.${row}), b, sums[${i}])`,
    to: `fma(vec4f(a.${"yzwx"[i]}), b, sums[${i}])`,
  } as const)),
  {
    kernel: FORWARD,
    mistake: "the second four rows are the first",
    from: "let c = a_tile[at_a + A_FOURS / 2u];",
    to: "let c = a_tile[at_a];",
  },
  {
    kernel: FORWARD,
    mistake: "the second four columns are the first",
    from: "let d = b_tile[at_b + B_FOURS / 2u];",
    to: "let d = b_tile[at_b];",
  },
  ...[["aa", "a, b", "c, b"], ["ab", "a, d", "a, b"], ["ba", "c, b", "a, b"], [
    "bb",
    "c, d",
    "c, b",
  ]]
    .map(([sums, own, other]) => ({
      kernel: FORWARD,
      mistake: `the sums ${sums} are others`,
      from: `plus_outer((*sums).${sums}, ${own})`,
      to: `plus_outer((*sums).${sums}, ${other})`,
    } as const)),
  {
    kernel: FORWARD,
    mistake: "half of a stage",
    from: "k < DEPTH; k += 8u",
    to: "k < 8u; k += 8u",
  },
  ...["", "4u * ", "7u * "].map((n) => ({
    kernel: FORWARD,
    mistake: `a depth of eight is left out: a + ${n}A_STRIDE`,
    from: `add_depth(sums, a + ${n}A_STRIDE, b + ${n}B_STRIDE);`,
    to: "",
  } as const)),
  {
    kernel: FORWARD,
    mistake: "the first depth of eight is left out",
    from: "add_depth(sums, a, b);",
    to: "",
  },

  // The bias.
  { kernel: FORWARD, mistake: "no bias", from: "if p.part == 0u {", to: "if p.part > PARTS {" },
  {
    kernel: FORWARD,
    mistake: "each part adds the bias",
    from: "if p.part == 0u {",
    to: "if p.part < PARTS {",
  },
  {
    kernel: FORWARD,
    mistake: "another network's bias",
    from: "network * layer.parameters + layer.bias",
    to: "layer.bias",
  },

  // Results as they are stored.
  {
    kernel: FORWARD,
    mistake: "results go to other rows",
    from: "A_FOURS, A_FOURS / 2u);",
    to: "A_FOURS, A_FOURS / 4u);",
  },
  {
    kernel: FORWARD,
    mistake: "a row past the last is stored",
    from: "if row >= c.rows {",
    to: "if row > c.rows {",
  },
  ...["", " + 24u", " + 56u"].map((plus) => ({
    kernel: FORWARD,
    mistake: `a column past the last is stored: column${plus}`,
    from: `if column${plus} < c.columns { product[at${plus}]`,
    to: `if column${plus} <= c.columns { product[at${plus}]`,
  } as const)),
  ...["aa", "ba"].flatMap((four, half) =>
    [0, 3].map((i) => ({
      kernel: FORWARD,
      mistake: `row ${i} of the ${half === 0 ? "first" : "second"} four is another's`,
      from: `, column, s.${four}[${i}],`,
      to: `, column, s.${four}[${(i + 1) % 4}],`,
    } as const))
  ),

  // Weights and biases as they are moved.
  ...["aa", "ba"].flatMap((four, half) =>
    [0, 3].map((i) => ({
      kernel: WEIGHT,
      mistake: `weights of row ${i} of the ${
        half === 0 ? "first" : "second"
      } four move by another's`,
      from: `, output, s.${four}[${i}],`,
      to: `, output, s.${four}[${(i + 1) % 4}],`,
    } as const))
  ),
  {
    kernel: WEIGHT,
    mistake: "an input past the last has weights",
    from: "if input >= layer.inputs || output >= layer.outputs {",
    to: "if output >= layer.outputs {",
  },
  {
    kernel: WEIGHT,
    mistake: "an output past the last has weights",
    from: "inside_a = columns_a < vec4u(layer.outputs)",
    to: "inside_a = columns_a <= vec4u(layer.outputs)",
  },
  {
    kernel: WEIGHT,
    mistake: "another network's weights move",
    from: "let first = d.first + layer.weight + input * layer.outputs;",
    to: "let first = layer.weight + input * layer.outputs;",
  },
  { kernel: WEIGHT, mistake: "no decay", from: "a + d.decay * w_a", to: "a" },
  { kernel: WEIGHT, mistake: "uphill", from: "w - d.eta * g", to: "w + d.eta * g" },
  ...["x", "w"].flatMap((column) =>
    [
      {
        kernel: WEIGHT,
        mistake: `column ${column} of four has another's gradient`,
        from: `gradients[at.${column}] = g.${column};`,
        to: `gradients[at.${column}] = g.y;`,
      },
      {
        kernel: WEIGHT,
        mistake: `the weights of column ${column} of four stay`,
        from: `parameters[at.${column}] = moved.${column};`,
        to: `parameters[at.${column}] = w.${column};`,
      },
    ] as const
  ),
  {
    kernel: WEIGHT,
    mistake: "weights move by each part of their gradient",
    from: "if PARTS == 1u {\n    move_weights",
    to: "if PARTS >= 1u {\n    move_weights",
  },
  {
    kernel: WEIGHT,
    mistake: "parts without room for the biases",
    from: "(layer.inputs + 1u) * layer.outputs",
    to: "layer.inputs * layer.outputs",
  },
  {
    kernel: WEIGHT,
    mistake: "another part's place",
    from: "(network * PARTS + p.part) * (layer",
    to: "(network * PARTS) * (layer",
  },
  {
    kernel: WEIGHT,
    mistake: "biases move by the sum of the first rows of eight",
    from: "var sum = b_tile[thread];",
    to: "var sum = vec4f(0.0);",
  },
  ...["", "7u * "].map((n) => ({
    kernel: WEIGHT,
    mistake: `rows of eight move no bias: thread + ${n}B_FOURS`,
    from: `sum += b_tile[thread + ${n}B_FOURS];`,
    to: "",
  } as const)),
  {
    kernel: WEIGHT,
    mistake: "biases move once for each tile of inputs",
    from: "if p.row > 0u || thread >= B_FOURS {",
    to: "if thread >= B_FOURS {",
  },
  {
    kernel: WEIGHT,
    mistake: "an output past the last has a bias",
    from: "if own < layer.outputs {",
    to: "if own <= layer.outputs {",
  },
];

/** Mistakes in the first layer's kernels. */
const IMAGES: readonly Omit<TiledMutant, "file">[] = [
  {
    kernel: "tiled_input_forward",
    mistake: "batches always begin with the first image",
    from: "step.first + min(rows",
    to: "min(rows",
  },
  {
    kernel: "tiled_input_forward",
    mistake: "the last image is another one",
    from: "vec4u(step.rows - 1u)",
    to: "vec4u(max(step.rows, 2u) - 2u)",
  },
  {
    kernel: "tiled_input_forward",
    mistake: "images in file order",
    from: "vec4u(order[at.x], order[at.y], order[at.z], order[at.w])",
    to: "at",
  },
  ...["x", "y", "z", "w"].map((image, i) => ({
    kernel: "tiled_input_forward",
    mistake: `image ${i} of four is another one`,
    from: `pixels(k, place(images.${image}), s)`,
    to: `pixels(k, place(images.${"yzwx"[i]}), s)`,
  } as const)),
  {
    kernel: "tiled_input_forward",
    mistake: "the last texel of an image is left out",
    from: "if k >= layer.texels {",
    to: "if k + 1u >= layer.texels {",
  },
  {
    kernel: "tiled_input_forward",
    mistake: "pixels and rows are mixed up",
    from: "transpose(a)",
    to: "a",
  },
  {
    kernel: "tiled_input_forward",
    mistake: "every part begins with the first pixels",
    from: "var a = four_pixels(p.begin / 4u + texel, images);",
    to: "var a = four_pixels(texel, images);",
  },
  {
    kernel: "tiled_input_forward",
    mistake: "each stage has the same pixels",
    from: "(k + DEPTH) / 4u + texel",
    to: "p.begin / 4u + texel",
  },
  {
    kernel: "tiled_input_forward",
    mistake: "another network's weights",
    from: "group.z * layer.parameters + layer.weight",
    to: "layer.weight",
  },
  {
    kernel: "tiled_input_forward",
    mistake: "another part's place",
    from: "(group.z * PARTS + p.part) * step.rows",
    to: "(group.z * PARTS) * step.rows",
  },
  {
    kernel: "tiled_input_forward",
    mistake: "the first weights come again",
    from: "b = weights_across(at_b, k + DEPTH + k_b);",
    to: "b = weights_across(at_b, k + k_b);",
  },
  {
    kernel: "tiled_input_backward",
    mistake: "the images twelve rows on are those eight rows on",
    from: "vec4u(0u, 4u, 8u, 12u)",
    to: "vec4u(0u, 4u, 8u, 8u)",
  },
  {
    kernel: "tiled_input_backward",
    mistake: "the second stage has the first one's images",
    from: "var images = four_images(four_depths(p.begin + DEPTH + k_a));",
    to: "var images = four_images(four_depths(p.begin + k_a));",
  },
  {
    kernel: "tiled_input_backward",
    mistake: "images come a stage late",
    from: "k + 2u * DEPTH + k_a",
    to: "k + DEPTH + k_a",
  },
  {
    kernel: "tiled_input_backward",
    mistake: "another network's gradients",
    from: "group.z * step.rows * layer.outputs",
    to: "0u",
  },
  {
    kernel: "tiled_input_backward",
    mistake: "half of the rows move no bias",
    from: "bias += b[0] + b[1];",
    to: "bias += b[0];",
  },
  {
    kernel: "tiled_input_backward",
    mistake: "the inputs of a texel lie apart",
    from: "OwnRows(p.row + 4u * (thread / 8u), 1u, 2u * A_FOURS)",
    to: "own_rows(p, thread)",
  },
  {
    kernel: "tiled_input_backward",
    mistake: "the first tile of inputs alone",
    from: "p.row / 4u + thread % A_FOURS",
    to: "thread % A_FOURS",
  },
];

/** Mistakes in the other layers' kernels. */
const AFFINE: readonly Omit<TiledMutant, "file">[] = [
  {
    kernel: FORWARD,
    mistake: "activations past the depth count",
    from: "if !inside {",
    to: "if false {",
  },
  ...[8, 16, 24].map((n) => ({
    kernel: FORWARD,
    mistake: `the rows ${n} on are the first`,
    from: `four_rows(first + ${n}u, rows)`,
    to: "four_rows(first, rows)",
  } as const)),
  ...["a", "b", "c", "d"].map((four, i) => ({
    kernel: FORWARD,
    mistake: `the rows of four ${i} are another's`,
    from: `base + stride * s.${four}`,
    to: `base + stride * s.${"bcda"[i]}`,
  } as const)),
  ...["a", "b", "c", "d"].map((four, i) => ({
    kernel: FORWARD,
    mistake: `the activations of four ${i} are another's`,
    from: `x_at(at.${four} + k, inside)`,
    to: `x_at(at.${"bcda"[i]} + k, inside)`,
  } as const)),
  ...["a", "b", "c", "d"].map((four, i) => ({
    kernel: INPUT,
    mistake: `the gradients of four ${i} are another's`,
    from: `dy_at(at.${four} + k, inside)`,
    to: `dy_at(at.${"bcda"[i]} + k, inside)`,
  } as const)),
  {
    kernel: FORWARD,
    mistake: "the last input is left out",
    from: "let inside = k < layer.inputs;",
    to: "let inside = k + 1u < layer.inputs;",
  },
  {
    kernel: INPUT,
    mistake: "the last output gives nothing back",
    from: "let inside = k < layer.outputs;",
    to: "let inside = k + 1u < layer.outputs;",
    times: 2,
  },
  {
    kernel: INPUT,
    mistake: "the weights of the second four inputs are the first's",
    from: "weights_at(b + k, inside)",
    to: "weights_at(a + k, inside)",
  },
  ...[4, 8, 12].flatMap((n) =>
    [
      {
        kernel: WEIGHT,
        mistake: `the activations ${n} rows on are the same`,
        from: `x_at(at + (k + ${n}u) * layer.inputs`,
        to: "x_at(at + k * layer.inputs",
      },
      {
        kernel: WEIGHT,
        mistake: `activations ${n} rows on are as far inside as the first`,
        from: `k + ${n}u < step.rows`,
        to: "k < step.rows",
      },
    ] as const
  ),
  {
    kernel: WEIGHT,
    mistake: "the last row moves no weight",
    from: "x_at(at + k * layer.inputs, k < step.rows)",
    to: "x_at(at + k * layer.inputs, k + 1u < step.rows)",
  },
  {
    kernel: FORWARD,
    mistake: "another network's activations",
    from: "times(rows, layer.inputs, group.z * step.rows * layer.inputs)",
    to: "times(rows, layer.inputs, 0u)",
  },
  {
    kernel: INPUT,
    mistake: "another network's gradients",
    from: "times(rows, layer.outputs, group.z * step.rows * layer.outputs)",
    to: "times(rows, layer.outputs, 0u)",
  },
  ...[FORWARD, INPUT].map((kernel) => ({
    kernel,
    mistake: "another network's weights",
    from: "group.z * layer.parameters + layer.weight",
    to: "layer.weight",
    times: 2,
  } as const)),
  {
    kernel: WEIGHT,
    mistake: "another network's activations",
    from: "let first_a = group.z * step.rows * layer.inputs;",
    to: "let first_a = 0u;",
  },
  {
    kernel: WEIGHT,
    mistake: "another network's gradients",
    from: "let first_b = group.z * step.rows * layer.outputs;",
    to: "let first_b = 0u;",
  },
  {
    kernel: INPUT,
    mistake: "the weights are not turned",
    from: "first + layer.outputs * four_columns(column, layer.inputs)",
    to: "first + layer.inputs * four_columns(column, layer.inputs)",
  },
  {
    kernel: INPUT,
    mistake: "the second four inputs are the first",
    from: "four_columns(column + 8u, layer.inputs)",
    to: "four_columns(column, layer.inputs)",
  },
  ...([
    [FORWARD, "a = x_along(at_a, k + DEPTH + k_a);"],
    [FORWARD, "b = weights_across(at_b, k + DEPTH + k_b);"],
    [INPUT, "a = dy_along(at_a, k + DEPTH + k_own);"],
    [INPUT, "b = weights_along(at_b0, at_b1, k + DEPTH + k_own);"],
    [WEIGHT, "a = x_across(at_a, k + DEPTH + k_a);"],
    [WEIGHT, "b = dy_across(at_b, k + DEPTH + k_b);"],
  ] as const).map(([kernel, from]) => ({
    kernel,
    mistake: `each stage is the first: ${from}`,
    from,
    to: from.replace("k + DEPTH", "p.begin"),
  })),
  ...([
    [FORWARD, "var a = x_along(at_a, p.begin + k_a);"],
    [FORWARD, "var b = weights_across(at_b, p.begin + k_b);"],
    [INPUT, "var a = dy_along(at_a, p.begin + k_own);"],
    [INPUT, "var b = weights_along(at_b0, at_b1, p.begin + k_own);"],
    [WEIGHT, "var a = x_across(at_a, p.begin + k_a);"],
    [WEIGHT, "var b = dy_across(at_b, p.begin + k_b);"],
  ] as const).map(([kernel, from]) => ({
    kernel,
    mistake: `every part begins as the first does: ${from}`,
    from,
    to: from.replace("p.begin + ", ""),
  })),
  {
    kernel: FORWARD,
    mistake: "another part's place",
    from: "(group.z * PARTS + p.part) * step.rows * layer.outputs",
    to: "(group.z * PARTS) * step.rows * layer.outputs",
  },
  {
    kernel: INPUT,
    mistake: "another part's place",
    from: "(group.z * PARTS + p.part) * step.rows * layer.inputs",
    to: "(group.z * PARTS) * step.rows * layer.inputs",
  },
  {
    kernel: WEIGHT,
    mistake: "half of the rows move no bias",
    from: "bias += b[0] + b[1];",
    to: "bias += b[1];",
  },
];

/** Mistakes in the sums of parts. */
const PARTS: readonly Omit<TiledMutant, "file">[] = [
  {
    kernel: "tiled_parts_outputs",
    mistake: "another network's parts",
    from: "network * PARTS * size + at",
    to: "at",
  },
  ...["x", "y", "z", "w"].map((part, i) => ({
    kernel: "tiled_parts_outputs",
    mistake: `part ${i} of four is left out`,
    from: part === "x" ? "sum += four.x;" : `sum += select(0.0, four.${part}, p + ${i}u < PARTS);`,
    to: "",
  } as const)),
  ...["y", "z", "w"].map((part, i) => ({
    kernel: "tiled_parts_outputs",
    mistake: `part ${i + 1} of four counts where there is none`,
    from: `select(0.0, four.${part}, p + ${i + 1}u < PARTS)`,
    to: `four.${part}`,
  } as const)),
  {
    kernel: "tiled_parts_outputs",
    mistake: "the first four parts alone",
    from: "p < PARTS; p += 4u",
    to: "p < 4u; p += 4u",
  },
  {
    kernel: "tiled_parts_outputs",
    mistake: "the last value is left out",
    from: "let size = step.rows * layer.outputs;\n  if at < size {",
    to: "let size = step.rows * layer.outputs;\n  if at + 1u < size {",
  },
  {
    kernel: "tiled_parts_outputs",
    mistake: "every network's outputs go to the first",
    from: "y[id.z * size + at]",
    to: "y[at]",
  },
  {
    kernel: "tiled_parts_inputs",
    mistake: "every network's gradients go to the first",
    from: "dx[id.z * size + at]",
    to: "dx[at]",
  },
  {
    kernel: "tiled_parts_inputs",
    mistake: "the last value is left out",
    from: "let size = step.rows * layer.inputs;\n  if at < size {",
    to: "let size = step.rows * layer.inputs;\n  if at + 1u < size {",
  },
  {
    kernel: "tiled_parts_weights",
    mistake: "parts without room for the biases",
    from: "let size = count + layer.outputs;",
    to: "let size = count;",
  },
  {
    kernel: "tiled_parts_weights",
    mistake: "the first bias is a weight",
    from: "if at < count {",
    to: "if at <= count {",
  },
  {
    kernel: "tiled_parts_weights",
    mistake: "weights are moved from the first parameter on",
    from: "layer.weight + at",
    to: "at",
  },
  {
    kernel: "tiled_parts_weights",
    mistake: "biases are moved from the first parameter on",
    from: "layer.bias + at - count",
    to: "at - count",
  },
];

const NORM_FORWARD: TiledKernel = "tiled_batch_norm_forward";
const NORM_BACKWARD: TiledKernel = "tiled_batch_norm_backward";

/** Mistakes in batch norm. */
const NORM: readonly Omit<TiledMutant, "file">[] = [
  {
    kernel: NORM_FORWARD,
    mistake: "half of the threads of a feature",
    from: "var half = WORKGROUP / 2u;",
    to: "var half = WORKGROUP / 4u;",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "two features have one sum",
    from: "half >= TILED_FEATURES;",
    to: "half >= TILED_FEATURES / 2u;",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "every feature has the first one's sum",
    from: "let sum = partial[thread % TILED_FEATURES];",
    to: "let sum = partial[0];",
  },
  ...["x", "y", "z", "w"].map((row) => ({
    kernel: NORM_FORWARD,
    mistake: `a row of four, ${row}, is not summed`,
    from: "four.x + four.y + four.z + four.w",
    to: "four.x + four.y + four.z + four.w".replace(`four.${row}`, "0.0"),
  })),
  {
    kernel: NORM_FORWARD,
    mistake: "the last row is another's",
    from: "vec4u(step.rows - 1u)",
    to: "vec4u(step.rows - 2u)",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "rows past the last are stored",
    from: "rows < vec4u(step.rows)",
    to: "rows <= vec4u(step.rows)",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "the fourth row is the third",
    from: "LANES * vec4u(0u, 1u, 2u, 3u)",
    to: "LANES * vec4u(0u, 1u, 2u, 2u)",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "four rows are read twice",
    from: "four_rows(first, row + 4u * LANES)",
    to: "four_rows(first, row)",
    times: 5,
  },
  {
    kernel: NORM_FORWARD,
    mistake: "the last feature is another's",
    from: "min(place, layer.outputs - 1u)",
    to: "min(place, max(layer.outputs, 2u) - 2u)",
    times: 2,
  },
  {
    kernel: NORM_FORWARD,
    mistake: "another network's activations",
    from: "group.z * step.rows * layer.outputs + feature",
    to: "feature",
    times: 2,
  },
  {
    kernel: NORM_FORWARD,
    mistake: "four rows are left out of the mean",
    from: "sums += select(vec4f(0.0), a, r.inside) + select(vec4f(0.0), b, q.inside);",
    to: "sums += select(vec4f(0.0), a, r.inside);",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "rows past the last count in the mean",
    from: "select(vec4f(0.0), b, q.inside);",
    to: "b;",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "rows past the last count in the variance",
    from: "let a = select(vec4f(0.0), x_at(r.at) - mean, r.inside);",
    to: "let a = x_at(r.at) - mean;",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "four rows are left out of the variance",
    from: "squares += a * a + b * b;",
    to: "squares += a * a;",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "the unbiased variance",
    from: "vec2f(total(squares), 0.0)).x / rows",
    to: "vec2f(total(squares), 0.0)).x / (rows - 1.0)",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "no epsilon",
    from: "sqrt(variance + EPSILON)",
    to: "sqrt(variance + 0.01)",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "the mean is not taken away",
    from: "(x_at(q.at) - mean) * inverse",
    to: "x_at(q.at) * inverse",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "no gamma",
    from: "relu4(gamma * a + beta)",
    to: "relu4(a + beta)",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "no beta",
    from: "relu4(gamma * b + beta)",
    to: "relu4(gamma * b)",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "another network's gamma",
    from: "weights[group.z * layer.parameters + layer.gamma + feature]",
    to: "weights[layer.gamma + feature]",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "another network's beta",
    from: "weights[group.z * layer.parameters + layer.beta + feature]",
    to: "weights[layer.beta + feature]",
  },
  ...["x", "y", "z", "w"].flatMap((row, i) =>
    [
      {
        kernel: NORM_FORWARD,
        mistake: `row ${i} of four has another's N`,
        from: `normalised[r.at.${row}] = n.${row};`,
        to: `normalised[r.at.${row}] = n.${"yzwx"[i]};`,
      },
      {
        kernel: NORM_FORWARD,
        mistake: `row ${i} of four has another's H`,
        from: `y[r.at.${row}] = h.${row};`,
        to: `y[r.at.${row}] = h.${"yzwx"[i]};`,
      },
      {
        kernel: NORM_BACKWARD,
        mistake: `row ${i} of four has another's dS`,
        from: `dx[r.at.${row}] = ds.${row};`,
        to: `dx[r.at.${row}] = ds.${"yzwx"[i]};`,
      },
    ] as const
  ),
  {
    kernel: NORM_FORWARD,
    mistake: "another network's deviation",
    from: "inverse_deviation[group.z * layer.outputs + feature] = inverse;",
    to: "inverse_deviation[feature] = inverse;",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "the average of the mean is never updated",
    from: "keep_average(group.z, layer.mean + feature, mean);",
    to: "",
  },
  {
    kernel: NORM_FORWARD,
    mistake: "the average of the variance is that of the mean",
    from: "keep_average(group.z, layer.variance + feature, variance);",
    to: "keep_average(group.z, layer.variance + feature, mean);",
  },
  {
    kernel: NORM_BACKWARD,
    mistake: "gradients pass a closed ReLU",
    from: "return relu_gradient4(dh, h);",
    to: "return dh;",
  },
  {
    kernel: NORM_BACKWARD,
    mistake: "rows past the last have a gradient",
    from: "let b = select(vec4f(0.0), gradients_at(q.at), q.inside);",
    to: "let b = gradients_at(q.at);",
  },
  {
    kernel: NORM_BACKWARD,
    mistake: "dbeta without four rows",
    from: "of_beta += a + b;",
    to: "of_beta += a;",
  },
  {
    kernel: NORM_BACKWARD,
    mistake: "dgamma without four rows",
    from: "of_gamma += a * normalised_at(r.at) + b * normalised_at(q.at);",
    to: "of_gamma += a * normalised_at(r.at);",
  },
  {
    kernel: NORM_BACKWARD,
    mistake: "dgamma without N",
    from: "of_gamma += a * normalised_at(r.at) +",
    to: "of_gamma += a +",
  },
  {
    kernel: NORM_BACKWARD,
    mistake: "another network's gamma",
    from: "parameters[group.z * layer.parameters + layer.gamma + feature]",
    to: "parameters[layer.gamma + feature]",
  },
  {
    kernel: NORM_BACKWARD,
    mistake: "no deviation",
    from: "gamma * inverse_deviation[group.z * layer.outputs + feature]",
    to: "gamma",
  },
  {
    kernel: NORM_BACKWARD,
    mistake: "every feature has the first one's scale",
    from: "let scale = scales[thread % TILED_FEATURES];",
    to: "let scale = scales[0];",
  },
  {
    kernel: NORM_BACKWARD,
    mistake: "dS without dbeta",
    from: "gradients_at(r.at) - sums.x / rows",
    to: "gradients_at(r.at)",
  },
  {
    kernel: NORM_BACKWARD,
    mistake: "dS without dgamma",
    from: "- normalised_at(q.at) * sums.y / rows",
    to: "",
  },
  {
    kernel: NORM_BACKWARD,
    mistake: "gamma moves by the gradient of beta",
    from: "layer.gamma + feature, sums.y)",
    to: "layer.gamma + feature, sums.x)",
  },
  {
    kernel: NORM_BACKWARD,
    mistake: "beta stays",
    from: "descend(d, layer.beta + feature, sums.x);",
    to: "",
  },
];

/** All of them. */
export const TILED_MUTANTS: readonly TiledMutant[] = [
  ...TILE.map((mutant) => ({ file: "tiled/tile", ...mutant })),
  ...IMAGES.map((mutant) => ({ file: "tiled/input", ...mutant })),
  ...AFFINE.map((mutant) => ({ file: "tiled/affine", ...mutant })),
  ...PARTS.map((mutant) => ({ file: "tiled/parts", ...mutant })),
  ...NORM.map((mutant) => ({ file: "tiled/norm", ...mutant })),
];
