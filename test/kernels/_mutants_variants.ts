/**
 * Mistakes that `checkKernels()` has to find in the kernels of the variants beside the plain one. For `texel` that is at
 * least one for each term of each formula; for `fused` and `tiled`, whose kernels' own tests find those, one of most files.
 *
 * @module
 */
import type { Mutant } from "./_mutants.ts";
import { FUSED_MUTANTS } from "./_mutants_fused.ts";
import { TEXEL_MUTANTS } from "./_mutants_texel.ts";

/** All of them; few of those that the tests of kernels find, since `checkKernels()` compiles all kernels for each. */
export const VARIANT_MUTANTS: readonly Mutant[] = [
  ...TEXEL_MUTANTS,
  ...FUSED_MUTANTS,

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
    from: "past * average + (1.0 - past) * value",
    to: "value",
    variant: "fused-tail",
  },
  {
    file: "shared/averages",
    mistake: "the first batch does not set the averages",
    from: "select(MOMENTUM, 0.0, step.fresh == 1u)",
    to: "MOMENTUM",
    variant: "fused-tail",
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
