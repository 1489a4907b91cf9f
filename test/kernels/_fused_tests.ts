/** The tests of all fused kernels. */
import type { KernelName } from "../../src/gpu/kernel_table.ts";
import type { KernelTest } from "./_cases.ts";
import { FUSED_HIDDEN_TESTS } from "./_fused_hidden.ts";
import { FUSED_INPUT_TESTS } from "./_fused_input.ts";

/** The name of a fused kernel. */
export type FusedKernel = Extract<KernelName, `fused_${string}`>;

/** Tests by kernel. */
export const FUSED_TESTS: Record<FusedKernel, KernelTest> = {
  ...FUSED_HIDDEN_TESTS,
  ...FUSED_INPUT_TESTS,
};
