/** The checks and tests that the kernels pass find every mistake planted in them. */

import { assert, assertEquals, AssertionError } from "@std/assert";
import { createSynthetic } from "../../src/data/synthetic.ts";
import { cutInputs, subset } from "../../src/data/dataset.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { Gpu } from "../../src/gpu/device.ts";
import { checkKernels, type KernelCheckRow, passes } from "../../src/train/kernel_check.ts";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import { type ShaderTexts, withShaders } from "../../src/gpu/kernels.ts";
import { type Mutant, MUTANTS, plant, VARIANT_OF, variantOf } from "./_mutants.ts";
import { FUSED_KERNEL_MUTANTS } from "./_mutants_fused.ts";
import { EVALUATION_MUTANTS } from "./_mutants_evaluation.ts";
import { PRODUCT_MUTANTS } from "./_mutants_products.ts";
import { TILED_MUTANTS } from "./_mutants_tiled.ts";
import { VARIANT_MUTANTS } from "./_mutants_variants.ts";
import { FUSED_TESTS, type FusedKernel } from "./_fused_tests.ts";
import { measureCases } from "./_kernel.ts";
import { Random } from "../../src/model/random.ts";
import { sharedGpu } from "../_gpu.ts";

// 70 inputs are no whole number of texels and take several slices; widths of 11 and 6, and 37 rows, are no whole number of
// tiles.
const whole = await createSynthetic({ training: 1400, test: 20 });
const dataset = cutInputs(subset(whole, { training: 200 }), 70);

const NETWORKS = [
  { lambda: 0.5, etaMin: 1e-5, etaMax: 0.1 },
  { lambda: 0.01, etaMin: 0, etaMax: 0.2 },
];

async function failures(
  gpu: Gpu,
  shaders: ShaderTexts,
  variant: string,
): Promise<KernelCheckRow[]> {
  const data = new DeviceDataSet(gpu, dataset);
  const failed: KernelCheckRow[] = [];
  for (const batchNorm of [true, false]) {
    const rows = await withShaders(shaders, () =>
      checkKernels(gpu, {
        data,
        hidden: [11, 6],
        batchNorm,
        networks: NETWORKS,
        batch: 37,
        steps: 3,
        variant,
      }));
    failed.push(...rows.filter((row) => !passes(row)));
    if (failed.length > 0) break; // Caught: the other setting cannot change that.
  }
  data.destroy();
  return failed;
}

const ALL = [...MUTANTS, ...VARIANT_MUTANTS, ...EVALUATION_MUTANTS, ...PRODUCT_MUTANTS];
const byFile = Map.groupBy(ALL, ({ file }: Mutant) => file);

Deno.test("checkKernels() passes the project's own kernels", async () => {
  const gpu = await Gpu.request();
  for (const variant of new Set(["per-operation", ...VARIANT_OF.map(([, variant]) => variant)])) {
    assertEquals(await failures(gpu, SHADERS, variant), [], variant);
  }
  gpu.destroy();
});
for (const [file, mutants] of byFile) {
  Deno.test(`checkKernels() finds every mistake planted in ${file}.wgsl`, async () => {
    const gpu = await Gpu.request();
    const missed: string[] = [];
    for (const mutant of mutants) {
      const failed = await failures(gpu, plant(mutant), variantOf(mutant));
      if (failed.length === 0) missed.push(`${mutant.mistake} (${variantOf(mutant)})`);
    }
    assertEquals(missed, []);
    gpu.destroy();
  });
}

/** The cases of kernels, the first of each before the second. */
function casesOf(kernels: readonly FusedKernel[]) {
  const all = kernels.flatMap((kernel) =>
    FUSED_TESTS[kernel].cases.map((sizes, place) => ({ kernel, sizes, place }))
  );
  return all.sort((a, b) => a.place - b.place);
}

/** Whether a case of one of the kernels finds a mistake: an error beyond the bound, or a failed assertion. */
async function isFound(mutant: Mutant, kernels: readonly FusedKernel[]): Promise<boolean> {
  const gpu = await sharedGpu();
  const shaders = plant(mutant); // The same for all cases, so that they share what is compiled.
  for (const { kernel, sizes } of casesOf(kernels)) {
    const { bound, draw } = FUSED_TESTS[kernel];
    const random = new Random(2026, kernel, sizes.index);
    try {
      const [error] = await withShaders(
        shaders,
        () => measureCases(gpu, [() => draw(sizes, random)]),
      );
      if (!(error <= bound)) return true;
    } catch (error) {
      if (!(error instanceof AssertionError)) throw error;
      return true;
    }
  }
  return false;
}

for (
  const [file, planted] of Map.groupBy(FUSED_KERNEL_MUTANTS, ({ mutant }) => mutant.file)
) {
  Deno.test(`the tests of kernels find every mistake planted in ${file}.wgsl`, async () => {
    const missed: string[] = [];
    for (const { mutant, kernels } of planted) {
      if (!await isFound(mutant, kernels)) missed.push(mutant.mistake);
    }
    assertEquals(missed, []);
  });
}

/** Files that compute nothing, or do not train. */
const UNPLANTED = /^(shared\/common|fused\/max_layers|measure\/\w+)$/;

Deno.test("MUTANTS has mistakes for every shader that computes", () => {
  const fused = FUSED_KERNEL_MUTANTS.map(({ mutant }) => mutant);
  const files = new Set([...ALL, ...TILED_MUTANTS, ...fused].map(({ file }) => file));
  for (const file of Object.keys(SHADERS)) {
    assert(UNPLANTED.test(file) || files.has(file), `${file}.wgsl has no mutant`);
  }
});
