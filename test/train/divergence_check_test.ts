/** No variant hides that a network diverged, and the check finds compilers that would. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { cutInputs, subset } from "../../src/data/dataset.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { checkDivergence, type DivergenceCheckRow } from "../../src/train/divergence_check.ts";
import { ArgumentError } from "../../src/errors.ts";
import { type ShaderTexts, withShaders } from "../../src/gpu/kernels.ts";
import { createSynthetic } from "../../src/data/synthetic.ts";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import { variantFits, VARIANTS } from "../../src/programs/variants.ts";
import { sharedGpu } from "../_gpu.ts";
import { type Mutant, plant } from "../kernels/_mutants.ts";
import {
  CARELESS,
  DIVERGENCE_MUTANTS,
  RELU_MUTANTS,
  UNCHECKED_LOGITS,
} from "../kernels/_mutants_divergence.ts";

const whole = await createSynthetic({ training: 1400, test: 20 });
// The first and last class have different shares of the 25 images, which tells them apart as the predicted class.
const dataset = cutInputs(subset(whole, { training: 60, validation: 25 }), 10);

/** Widths and rows that are not whole numbers of texels or tiles, and so few rows that some classes have none. */
const HIDDEN = [6, 5];
const BATCH = 7;

async function check(
  options: { variant?: string; batchNorm: boolean; shaders?: ShaderTexts; hidden?: number[] },
): Promise<DivergenceCheckRow[]> {
  const gpu = await sharedGpu();
  const data = new DeviceDataSet(gpu, dataset);
  const { shaders = SHADERS, ...setting } = options;
  try {
    return await withShaders(
      shaders,
      () => checkDivergence(gpu, { data, hidden: HIDDEN, batch: BATCH, ...setting }),
    );
  } finally {
    data.destroy();
  }
}

function failures(rows: readonly DivergenceCheckRow[]): string[] {
  return rows.filter(({ passed }) => !passed).map(({ name, detail }) => `${name}: ${detail}`);
}

/** Whether mistakes are found, with or without batch norm. */
async function isFound(mutants: readonly Mutant[], variant: string): Promise<boolean> {
  const shaders = mutants.reduce<ShaderTexts | undefined>((texts, m) => plant(m, texts), undefined);
  const settings = mutants.some(({ file }) => file.endsWith("norm")) ? [true] : [false, true];
  for (const batchNorm of settings) {
    if (failures(await check({ variant, batchNorm, shaders })).length > 0) return true;
  }
  return false;
}

const architecture = { inputs: 10, hidden: HIDDEN, classes: dataset.classes, batchNorm: true };

for (const variant of VARIANTS) {
  Deno.test(`checkDivergence() finds nothing hidden with the variant ${variant}`, async () => {
    const shape = { architecture, networks: 3, batch: BATCH };
    assert(variantFits(variant, await sharedGpu(), shape));
    for (const batchNorm of [false, true]) {
      assertEquals(failures(await check({ variant, batchNorm })), [], `batch norm ${batchNorm}`);
    }
  });

  Deno.test(`checkDivergence() finds a ReLU that hides NaN with the variant ${variant}`, async () => {
    for (const mutants of RELU_MUTANTS) {
      assert(await isFound(mutants, variant), mutants[0].mistake);
    }
  });
}

Deno.test("checkDivergence() finds missing reports of NaN and infinities", async () => {
  const missed: string[] = [];
  for (const mutant of DIVERGENCE_MUTANTS) {
    const { file, mistake, variant } = mutant;
    if (!await isFound([mutant], variant!)) missed.push(`${file}: ${mistake} (${variant})`);
  }
  assertEquals(missed, []);
});

Deno.test("checkDivergence() passes kernels that do not rely on arithmetic with NaN, and finds those that do", async () => {
  for (const unchecked of UNCHECKED_LOGITS) {
    const variant = unchecked.variant!;
    assertEquals(await isFound(CARELESS, variant), false, variant);
    assertEquals(await isFound([...CARELESS, unchecked], variant), true, variant);
  }
});

Deno.test("checkDivergence() has a row for each planted value, named after it", async () => {
  const rows = await check({ batchNorm: true });
  const names = rows.map(({ name }) => name);

  // NaN and both infinities in 10 tensors of parameters and 4 of averages, 5 overflows, and the healthy networks.
  assertEquals(rows.length, 3 * 14 + 5 + 1);
  assertEquals(new Set(names).size, rows.length);
  assertEquals(rows[0], {
    name: "W1 is NaN",
    passed: true,
    detail: "the loss of update 7, cost NaN",
  });
  assert(names.includes("var2 is -Infinity"));
  assertEquals(
    rows.find(({ name }) => name === "beta1 is -Infinity")?.detail,
    "no update's loss, cost NaN",
  );
});

Deno.test("checkDivergence() refuses a network without hidden layers", async () => {
  await assertRejects(
    () => check({ batchNorm: false, hidden: [] }),
    ArgumentError,
    "Cannot check divergence with 0 hidden layers and 60 training images, expected at least 1 and 14",
  );
});
