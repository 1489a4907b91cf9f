/** What `checkKernels()` finds of the mistakes planted in kernels. */
import { createSynthetic } from "../../src/data/synthetic.ts";
import { cutInputs, subset } from "../../src/data/dataset.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { Gpu } from "../../src/gpu/device.ts";
import { type ShaderTexts, withShaders } from "../../src/gpu/kernels.ts";
import { checkKernels, type KernelCheckRow, passes } from "../../src/train/kernel_check.ts";
import { type Mutant, plant, variantOf } from "./_mutants.ts";

// 70 inputs are no whole number of texels and take several slices; widths of 11 and 6, and 37 rows, are no whole number of
// tiles.
const whole = await createSynthetic({ training: 1400, test: 20 });
const dataset = cutInputs(subset(whole, { training: 200 }), 70);

const NETWORKS = [
  { lambda: 0.5, etaMin: 1e-5, etaMax: 0.1 },
  { lambda: 0.01, etaMin: 0, etaMax: 0.2 },
];

/** What `checkKernels()` finds beyond its bars: with batch norm or, if nothing, without. */
export async function failures(
  gpu: Gpu,
  { shaders, variant }: { shaders: ShaderTexts; variant: string },
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

/** The mistakes that `checkKernels()` does not find, each in the variant that has it. */
export async function missedByCheck(mutants: readonly Mutant[]): Promise<string[]> {
  const gpu = await Gpu.request();
  const missed: string[] = [];
  for (const mutant of mutants) {
    const variant = variantOf(mutant);
    const failed = await failures(gpu, { shaders: plant(mutant), variant });
    if (failed.length === 0) missed.push(`${mutant.mistake} (${variant})`);
  }
  gpu.destroy();
  return missed;
}
