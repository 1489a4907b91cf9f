/** The tests of the fused kernels, each by itself. */
import { FUSED_EVALUATION_TESTS } from "./_fused_evaluation.ts";
import { FUSED_HIDDEN_TESTS } from "./_fused_hidden.ts";
import { FUSED_INPUT_TESTS } from "./_fused_input.ts";
import { FUSED_PRODUCTS_TESTS } from "./_fused_products.ts";

/** Of the kernels that train one network in each workgroup, by kernel. */
export const FUSED_TRAINING_TESTS = { ...FUSED_HIDDEN_TESTS, ...FUSED_INPUT_TESTS };

/** All of them, by kernel. */
export const FUSED_TESTS = {
  ...FUSED_TRAINING_TESTS,
  ...FUSED_PRODUCTS_TESTS,
  ...FUSED_EVALUATION_TESTS,
};

/** The name of such a kernel. */
export type FusedKernel = keyof typeof FUSED_TESTS;
