/** The tests of the fused kernels that train one network in each workgroup. */
import { FUSED_HIDDEN_TESTS } from "./_fused_hidden.ts";
import { FUSED_INPUT_TESTS } from "./_fused_input.ts";

/** Tests by kernel. */
export const FUSED_TESTS = { ...FUSED_HIDDEN_TESTS, ...FUSED_INPUT_TESTS };

/** The name of such a kernel. */
export type FusedKernel = keyof typeof FUSED_TESTS;
