/** The tests of the fused kernels find every mistake planted in them. */
import { assertEquals } from "@std/assert";
import { withShaders } from "../../src/gpu/kernels.ts";
import { Random } from "../../src/model/random.ts";
import { sharedGpu } from "../_gpu.ts";
import { FUSED_TESTS, type FusedKernel } from "./_fused_tests.ts";
import { casesFail } from "./_kernel.ts";
import { type KernelMutant, plant } from "./_mutants.ts";
import { FUSED_KERNEL_MUTANTS } from "./_mutants_fused.ts";

for (const [file, planted] of Map.groupBy(FUSED_KERNEL_MUTANTS, ({ mutant }) => mutant.file)) {
  Deno.test(`the tests of kernels find every mistake planted in ${file}.wgsl`, async () => {
    const missed: string[] = [];
    for (const mistake of planted) {
      if (!await isFound(mistake)) missed.push(mistake.mutant.mistake);
    }
    assertEquals(missed, []);
  });
}

/** The cases of kernels, the first of each before the second. */
function casesInTurn(kernels: readonly FusedKernel[]) {
  const all = kernels.flatMap((kernel) =>
    FUSED_TESTS[kernel].cases.map((sizes, place) => ({ kernel, sizes, place }))
  );
  return all.sort((a, b) => a.place - b.place);
}

/** Whether a case of one of the kernels finds a mistake: an error beyond the bound, or a failed assertion. */
async function isFound({ mutant, kernels }: KernelMutant): Promise<boolean> {
  const gpu = await sharedGpu();
  const shaders = plant(mutant); // The same for all cases, so that they share what is compiled.
  for (const { kernel, sizes } of casesInTurn(kernels)) {
    const { bound, draw } = FUSED_TESTS[kernel];
    const random = new Random(2026, kernel, sizes.index);
    const draws = [() => draw(sizes, random)];
    if (await withShaders(shaders, () => casesFail(gpu, draws, bound))) return true;
  }
  return false;
}
