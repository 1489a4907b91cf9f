/** The tests of the fused kernels find every mistake planted in them. */
import { assertEquals } from "@std/assert";
import { isFound } from "./_finding.ts";
import { EVALUATION_MUTANTS } from "./_mutants_evaluation.ts";
import { FUSED_KERNEL_MUTANTS } from "./_mutants_fused.ts";
import { PRODUCT_MUTANTS } from "./_mutants_products.ts";

const ALL = [...FUSED_KERNEL_MUTANTS, ...PRODUCT_MUTANTS, ...EVALUATION_MUTANTS];

for (const [file, planted] of Map.groupBy(ALL, ({ mutant }) => mutant.file)) {
  Deno.test(`the tests of kernels find every mistake planted in ${file}.wgsl`, async () => {
    const missed: string[] = [];
    for (const mistake of planted) {
      if (!await isFound(mistake)) missed.push(mistake.mutant.mistake);
    }
    assertEquals(missed, []);
  });
}
