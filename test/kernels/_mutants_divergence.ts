/**
 * Mistakes that no finite number shows: what compilers may make of NaN and infinities, and what is left out that reports
 * them. `checkDivergence()` must find every one.
 *
 * @module
 */
import type { Mutant } from "./_mutants.ts";
import { EVALUATION_DIVERGENCE_MUTANTS } from "./_mutants_evaluation.ts";

/** A ReLU that takes NaN for 0, as a maximum of floats may, and one that is a maximum of floats. */
export const RELU_MUTANTS: readonly (readonly Mutant[])[] = [
  [
    {
      file: "shared/bits",
      mistake: "the ReLU takes what is not above 0 for 0",
      from: "select(bits, 0u, bits - 0x80000001u < INFINITY_BITS)",
      to: "bitcast<u32>(select(0.0, value, value > 0.0))",
    },
    {
      file: "shared/bits",
      mistake: "the ReLU of four takes what is not above 0 for 0",
      from: "select(bits, vec4u(0u), bits - vec4u(0x80000001u) < vec4u(INFINITY_BITS))",
      to: "bitcast<vec4u>(select(vec4f(0.0), value, value > vec4f(0.0)))",
    },
  ],
  [
    {
      file: "shared/bits",
      mistake: "the ReLU is a maximum of floats",
      from: "select(bits, 0u, bits - 0x80000001u < INFINITY_BITS)",
      to: "bitcast<u32>(max(value, 0.0))",
    },
    {
      file: "shared/bits",
      mistake: "the ReLU of four is a maximum of floats",
      from: "select(bits, vec4u(0u), bits - vec4u(0x80000001u) < vec4u(INFINITY_BITS))",
      to: "bitcast<vec4u>(max(value, vec4f(0.0)))",
    },
  ],
];

/** A compiler to which arithmetic with NaN comes to a number: the loss is then 0. What is decided by the bits stands. */
export const CARELESS: readonly Mutant[] = [
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "a loss that is NaN is 0",
    from: "log(s.sum) - (x[at + label] - s.largest), valid",
    to: "careless(log(s.sum) - (x[at + label] - s.largest)), valid",
  },
  {
    file: "texel/softmax",
    mistake: "a loss that is NaN is 0",
    from: "log(s.sum) - of_label, valid",
    to: "careless4(log(s.sum) - of_label), valid",
  },
  {
    file: "fused/softmax",
    mistake: "a loss that is NaN is 0",
    from: "log(sum) - (own - largest), valid",
    to: "careless(log(sum) - (own - largest)), valid",
  },
  {
    file: "fused/evaluate_rest",
    mistake: "a loss that is NaN is 0",
    from: "or_nan(loss, valid",
    to: "or_nan(careless(loss), valid",
  },
  {
    file: "shared/bits",
    mistake: "what the others call",
    from: "fn is_nan(",
    to: `fn careless(value: f32) -> f32 {
  return select(value, 0.0, is_nan(value));
}

fn careless4(value: vec4f) -> vec4f {
  return select(value, vec4f(0.0), is_nan4(value));
}

fn is_nan(`,
  },
];

/** Where the logits are looked at. A careless compiler shows that nobody does. */
export const UNCHECKED_LOGITS: readonly Mutant[] = [
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "nobody looks at the logits",
    from: "valid = valid && !has_no_softmax(x[at + c]);",
    to: "",
    variant: "per-operation",
  },
  {
    file: "texel/softmax",
    mistake: "nobody looks at the logits",
    from: "valid = valid & !has_no_softmax4(logit) & ",
    to: "valid = valid & ",
    variant: "texel-12x8",
  },
  ...["fused-tail", "fused-layers"].map((variant) => ({
    file: "fused/softmax",
    mistake: "nobody looks at the logits",
    from: "return !any(has_no_softmax4(four) & there);",
    to: "return true;",
    variant,
  })),
];

/** All others. */
export const DIVERGENCE_MUTANTS: readonly Mutant[] = [
  ...EVALUATION_DIVERGENCE_MUTANTS,
  {
    file: "shared/bits",
    mistake: "a ReLU that was NaN lets no gradient through",
    from: "(bitcast<u32>(h) & MAGNITUDE_BITS) == 0u",
    to: "!(h > 0.0)",
    variant: "per-operation",
  },
  ...["texel-12x8", "fused-tail"].map((variant) => ({
    file: "shared/bits",
    mistake: "four ReLUs that were NaN let no gradient through",
    from: "(bitcast<vec4u>(h) & vec4u(MAGNITUDE_BITS)) == vec4u(0u)",
    to: "!(h > vec4f(0.0))",
    variant,
  })),
  {
    file: "shared/bits",
    mistake: "NaN is greater than all logits",
    from: "a > b && !is_nan(a) && !is_nan(b)",
    to: "a > b || is_nan(a)",
    variant: "per-operation",
  },
  {
    file: "shared/bits",
    mistake: "NaN is greater than all of four logits",
    from: "(a > b) & !(is_nan4(a) | is_nan4(b))",
    to: "(a > b) | is_nan4(a)",
    variant: "texel-12x8",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "a variance that overflowed hides in training",
    from: "is_finite(variance));",
    to: "true);",
    variant: "per-operation",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "an average of the mean that is infinite hides",
    from: "is_finite(mean) && is_finite(variance)",
    to: "is_finite(variance)",
    variant: "per-operation",
  },
  {
    file: "per_operation/batch_norm",
    mistake: "an average of the variance that is infinite hides",
    from: "is_finite(mean) && is_finite(variance)",
    to: "is_finite(mean)",
    variant: "per-operation",
  },
  {
    file: "texel/norm",
    mistake: "a variance that overflowed hides in training",
    from: "is_finite(variance));",
    to: "true);",
    variant: "texel-12x8",
  },
  {
    file: "texel/norm",
    mistake: "an average of the mean that is infinite hides",
    from: "is_finite(mean) && is_finite(variance)",
    to: "is_finite(variance)",
    variant: "texel-12x8",
  },
  {
    file: "texel/norm",
    mistake: "an average of the variance that is infinite hides",
    from: "is_finite(mean) && is_finite(variance)",
    to: "is_finite(mean)",
    variant: "texel-12x8",
  },
  ...["fused-tail", "fused-layers"].map((variant) => ({
    file: "fused/norm",
    mistake: "a variance that overflowed hides",
    from: "is_finite4(found.variance)",
    to: "vec4<bool>(true)",
    variant,
  })),
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "no loss is ever reported",
    from: "if !is_finite(s.loss) {",
    to: "if false {",
    variant: "per-operation",
  },
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "another network is reported",
    from: "&diverged[id.z]",
    to: "&diverged[0]",
    variant: "per-operation",
  },
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "another step is reported",
    from: "step.number",
    to: "step.number + 1u",
    variant: "per-operation",
  },
  {
    file: "per_operation/softmax_cross_entropy",
    mistake: "the last step is reported, not the first",
    from: "atomicMin(&diverged[id.z], step.number);",
    to: "atomicStore(&diverged[id.z], step.number);",
    variant: "per-operation",
  },
  {
    file: "texel/softmax",
    mistake: "no loss is ever reported",
    from: "if any(inside & !is_finite4(s.loss)) {",
    to: "if false {",
    variant: "texel-12x8",
  },
  {
    file: "texel/softmax",
    mistake: "another network is reported",
    from: "&diverged[id.z]",
    to: "&diverged[0]",
    variant: "texel-12x8",
  },
  ...["fused-tail", "fused-layers"].flatMap((variant) => [
    {
      file: "fused/softmax",
      mistake: "no loss is ever reported",
      from: "if keep && !is_finite(loss) {",
      to: "if false {",
      variant,
    },
    {
      file: "fused/softmax",
      mistake: "another network is reported",
      from: "&diverged[network]",
      to: "&diverged[0]",
      variant,
    },
    {
      file: "fused/softmax",
      mistake: "another step is reported",
      from: "step.number",
      to: "step.number + 1u",
      variant,
    },
    {
      file: "fused/softmax",
      mistake: "the last step is reported, not the first",
      from: "atomicMin(&diverged[network], step.number);",
      to: "atomicStore(&diverged[network], step.number);",
      variant,
    },
  ]),
  {
    file: "shared/sums",
    mistake: "a bias that is infinite hides behind a ReLU",
    from: "i < layer.parameters; i += SUM_PARTS",
    to: "i < layer.weights; i += SUM_PARTS",
    variant: "per-operation",
  },
];
