/** `checkKernels()` finds every mistake planted in the kernels of the variants in textures. */
import { assertEquals } from "@std/assert";
import { missedByCheck } from "./_missed_by_check.ts";
import { MUTANTS, variantOf } from "./_mutants.ts";
import { VARIANT_MUTANTS } from "./_mutants_variants.ts";

const own = [...MUTANTS, ...VARIANT_MUTANTS]
  .filter((mutant) => variantOf(mutant).startsWith("texel-"));

for (const [file, mutants] of Map.groupBy(own, ({ file }) => file)) {
  Deno.test(`checkKernels() finds every mistake planted in ${file}.wgsl for textures`, async () => {
    assertEquals(await missedByCheck(mutants), []);
  });
}
