/** The checks that the kernels pass find every mistake planted in them. */

import { assert, assertEquals } from "@std/assert";
import { createSynthetic } from "../../src/data/synthetic.ts";
import { cutInputs, subset } from "../../src/data/dataset.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { Gpu } from "../../src/gpu/device.ts";
import { checkKernels, type KernelCheckRow, passes } from "../../src/train/kernel_check.ts";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import { type ShaderTexts, withShaders } from "../../src/gpu/kernels.ts";
import { type Mutant, MUTANTS, plant, VARIANT_OF, variantOf } from "./_mutants.ts";
import { EVALUATION_MUTANTS } from "./_mutants_evaluation.ts";
import { PRODUCT_MUTANTS } from "./_mutants_products.ts";
import { TILED_MUTANTS } from "./_mutants_tiled.ts";
import { VARIANT_MUTANTS } from "./_mutants_variants.ts";

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

/** Files that compute nothing, or do not train. */
const UNPLANTED = /^(shared\/common|fused\/max_layers|measure\/\w+)$/;

Deno.test("MUTANTS has mistakes for every shader that computes", () => {
  const files = new Set([...ALL, ...TILED_MUTANTS].map(({ file }) => file));
  for (const file of Object.keys(SHADERS)) {
    assert(UNPLANTED.test(file) || files.has(file), `${file}.wgsl has no mutant`);
  }
});
