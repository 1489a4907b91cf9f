/** `checkKernels()` finds every mistake planted in the kernels that do one operation each, and some in the fused and tiled ones. */
import { assert, assertEquals } from "@std/assert";
import { Gpu } from "../../src/gpu/device.ts";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import { failures, missedByCheck } from "./_missed_by_check.ts";
import { MUTANTS, VARIANT_OF, variantOf } from "./_mutants.ts";
import { FUSED_KERNEL_MUTANTS } from "./_mutants_fused.ts";
import { TILED_MUTANTS } from "./_mutants_tiled.ts";
import { VARIANT_MUTANTS } from "./_mutants_variants.ts";

const CHECKED = [...MUTANTS, ...VARIANT_MUTANTS];

Deno.test("checkKernels() passes the project's own kernels", async () => {
  const gpu = await Gpu.request();
  for (const variant of new Set(["per-operation", ...VARIANT_OF.map(([, variant]) => variant)])) {
    assertEquals(await failures(gpu, { shaders: SHADERS, variant }), [], variant);
  }
  gpu.destroy();
});

// mutants_texel_test.ts has those of the variants in textures.
const others = CHECKED.filter((mutant) => !variantOf(mutant).startsWith("texel-"));
for (const [file, mutants] of Map.groupBy(others, ({ file }) => file)) {
  Deno.test(`checkKernels() finds the mistakes that it has to find in ${file}.wgsl`, async () => {
    assertEquals(await missedByCheck(mutants), []);
  });
}

/** Files that compute nothing, or do not train. */
const UNPLANTED = /^(shared\/common|fused\/max_layers|measure\/\w+)$/;

Deno.test("every shader that computes has mistakes to find", () => {
  const fused = FUSED_KERNEL_MUTANTS.map(({ mutant }) => mutant);
  const mutants = [...CHECKED, ...TILED_MUTANTS, ...fused];
  const files = new Set(mutants.map(({ file }) => file));
  for (const file of Object.keys(SHADERS)) {
    assert(UNPLANTED.test(file) || files.has(file), `${file}.wgsl has no mutant`);
  }
});
