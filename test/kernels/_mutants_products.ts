/**
 * Mistakes to plant in the kernels that compute the first layer's products for all networks together.
 *
 * @module
 */
import type { FusedKernel } from "./_fused_tests.ts";
import { inFile, type KernelMutant, type Planted } from "./_mutants.ts";

/** A mistake, and the kernel whose test finds it unless that is the file's. */
type Mistake = readonly [...planted: Planted, kernel?: FusedKernel];

/** The kernel whose test finds the mistakes of a file: the one that compiles fastest. */
const KERNEL_OF = {
  tile: "fused_input_forward",
  backward: "fused_input_both",
  forward: "fused_input_forward",
  both: "fused_input_both",
} as const;

/** By file, without `fused/input_`. */
const MISTAKES: Readonly<Record<keyof typeof KERNEL_OF, readonly Mistake[]>> = {
  tile: [
    ["all columns are the first network's", "Column(own / width,", "Column(0u,"],
    ["images in the order of the file", "order[first + min(row, ROWS - 1u)]", "first + row"],
    ["the fourth of a four is the third again", "staged[at][3]", "staged[at][2]"],
    [
      "all pixels are standardised as the first",
      "return standard[min(texel, layer.texels - 1u)];",
      "return standard[0];",
    ],
    ["all pixels are the first texel's", "min(texel, layer.texels - 1u), vec2u", "0u, vec2u"],
  ],
  backward: [
    [
      "only the first rows move weights",
      "row < ROWS; row += CHUNK",
      "row < CHUNK; row += CHUNK",
    ],
    ["the second column has the first one's gradient", "staged[g + HALF][r]", "staged[g][r]"],
    [
      "the third texel is the first",
      "staged[x + 2u * TEXEL_LANES][r]",
      "staged[x][r]",
      "fused_input_backward",
    ],
    ["every fourth row is left out", "    sum = add_row(sum, x, g, 3u);\n", ""],
    ["dS of the first network for all", "in_arena(own.network,", "in_arena(0u,"],
    ["dS of the first column for all", " + own.column * ROWS", ""],
    ["no 2 lambda W", "with_decay(d, old, gradient)", "gradient"],
    ["the first network's eta and lambda for all", "descent_of(own.network)", "descent_of(0u)"],
    [
      "the second input moves by the first's gradient",
      "old[1], gradient[1]",
      "old[1], gradient[0]",
    ],
    ["both columns move by the first's gradients", "sum.low.b, sum.low.d", "sum.low.a, sum.low.c"],
    [
      "only the first network's other layers move",
      "move_later_layers(i / LATER,",
      "move_later_layers(0u,",
    ],
    [
      "nothing moves but the first layer's weights",
      "    move_others(group, thread);",
      "",
      "fused_input_backward",
    ],
  ],
  forward: [
    [
      "images of this step instead of the next",
      "image_at(step.next, row + thread /",
      "image_at(step.first, row + thread /",
    ],
    ["only the first texels count", "texel < first + SLICE;", "texel < first + CHUNK_TEXELS;"],
    [
      "every chunk has the first one's pixels",
      "next_images(x, next + lane)",
      "next_images(x, first + lane)",
    ],
    ["every chunk has the first one's weights", "w.at1, next, thread)", "w.at1, first, thread)"],
    ["pixels are not standardised", "= standardised(raw, s)", "= raw"],
    ["the second column has the first one's weights", "k * COLUMNS + d + HALF", "k * COLUMNS + d"],
    [
      "the second four rows are the first",
      "four_of((2u * k + 1u) * LANES + b)",
      "four_of(2u * k * LANES + b)",
    ],
    ["every fourth row has no product", "add_product(sum[3], x[3], w)", "sum[3]"],
    ["the last row is the one before", "second[3]", "second[2]"],
    ["all sums are the first column's", "let to = (v * SLICES + slice)", "let to = slice"],
  ],
  both: [
    [
      "the first chunk has the next row's images",
      "first_images(group.x, 0u,",
      "first_images(group.x, 1u,",
    ],
    ["nothing moves but the first layer's weights", "      move_others(group, thread);\n", ""],
  ],
};

/** All of them, each with the kernel whose test finds it. */
export const PRODUCT_MUTANTS: readonly KernelMutant[] = Object.entries(MISTAKES).flatMap(
  ([file, mistakes]) =>
    mistakes.flatMap(([mistake, from, to, kernel]) => {
      const finds = kernel ?? KERNEL_OF[file as keyof typeof KERNEL_OF];
      return inFile(`fused/input_${file}`, [finds], [[mistake, from, to]]);
    }),
);
