/** What `doctor --verify` checks, and that each check can fail. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { cutInputs, standardise } from "../../src/data/dataset.ts";
import { Gpu } from "../../src/gpu/device.ts";
import { type ShaderTexts, withShaders } from "../../src/gpu/kernels.ts";
import { initialise } from "../../src/model/initialisation.ts";
import { Random } from "../../src/model/random.ts";
import { gradients, sgdStep } from "../../src/model/reference/network.ts";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import {
  createVariantCheckData,
  VARIANT_CHECK_NETWORKS,
  VARIANT_CHECK_SETTINGS,
  type VariantCheckRow,
  verifyVariant,
} from "../../src/train/variant_check.ts";
import { type Mutant, plant } from "../kernels/_mutants.ts";
import { RELU_MUTANTS } from "../kernels/_mutants_divergence.ts";
import { withoutMemory } from "../_no_memory.ts";

const dataset = await createVariantCheckData();
const VARIANT = "per-operation";
const CHECKS = [
  "3 layers, batch norm",
  "3 layers",
  "awkward sizes",
  "awkward sizes, 4 layers",
  "9 layers, batch norm",
  "NaN, batch norm",
  "NaN",
  "same bytes twice",
  "same bytes alone",
  "same bytes in pieces",
];

async function verify(shaders: ShaderTexts): Promise<VariantCheckRow[]> {
  const gpu = await Gpu.request();
  try {
    return await withShaders(
      shaders,
      () => Array.fromAsync(verifyVariant(gpu, { variant: VARIANT, dataset })),
    );
  } finally {
    gpu.destroy();
  }
}

Deno.test("verifyVariant() stops at a check that the adapter has no memory for, and does not run it", async () => {
  const gpu = await Gpu.request();
  withoutMemory(gpu.device, "layer 1 outputs");
  const rows = await Array.fromAsync(verifyVariant(gpu, { variant: VARIANT, dataset }));
  gpu.destroy();

  assertEquals(rows.map(({ check, outcome }) => [check, outcome]), [[CHECKS[0], "not run"]]);
  assertMatch(rows[0].detail, /no memory left for the layer 1 outputs/);
});

for (const setting of VARIANT_CHECK_SETTINGS) {
  Deno.test(`VARIANT_CHECK_SETTINGS keep the inputs of ReLUs away from 0: ${setting.check}`, () => {
    const { inputs, hidden, batchNorm, batch, networks, steps, seed } = setting;
    const source = cutInputs(dataset, inputs);
    const { images, labels, count } = source.training;
    const architecture = { inputs, hidden, classes: source.classes, batchNorm };
    const order = new Random(seed, "batches", 0).permutation(count);
    assert(steps * batch <= count, "the same images twice would hardly change the averages");
    for (
      const [identity, { lambda, etaMax }] of VARIANT_CHECK_NETWORKS.slice(0, networks).entries()
    ) {
      const parameters = Float64Array.from(initialise(architecture, { seed, identity }));
      for (let step = 0; step < steps; step++) {
        const indices = order.subarray(step * batch, (step + 1) * batch);
        const x = standardise(images, source, indices);
        const seen = { x, labels: Array.from(indices, (i) => labels[i]) };
        const found = gradients({ architecture, parameters }, seen, { lambda });
        for (const values of found.reluInputs) {
          assert(values.every((value) => Math.abs(value) > 1e-4), `network ${identity}`);
        }
        sgdStep(parameters, found.gradients, etaMax);
      }
    }
  });
}

/** Mistakes as small as rounding, each of which only one check can see. */
const SLIGHT: readonly [check: string, mistake: string][] = [
  ["same bytes twice", "1e-5 * gradients[d.first + at]"],
  ["same bytes alone", "select(0.0, 1e-5 * gradient, arrayLength(&networks) > 1u)"],
  ["same bytes in pieces", "select(0.0, 1e-5 * gradient, step.slot > 5u)"],
];

for (const [check, mistake] of SLIGHT) {
  Deno.test(`verifyVariant() finds bytes that differ, and nothing else: ${check}`, async () => {
    const mutant: Mutant = {
      file: "shared/descent",
      mistake,
      from:
        "  gradients[d.first + at] = gradient;\n  parameters[d.first + at] -= d.eta * gradient;",
      to: `  let slight = ${mistake};\n  gradients[d.first + at] = gradient;\n` +
        "  parameters[d.first + at] -= d.eta * (gradient + slight);",
    };
    const rows = await verify(plant(mutant));
    assertEquals(rows.map((row) => row.check), CHECKS);
    assertEquals(rows.filter(({ outcome }) => outcome === "failed").map((row) => row.check), [
      check,
    ]);
    assertEquals(rows.filter(({ outcome }) => outcome === "not run"), []);
    const { detail } = rows.find(({ outcome }) => outcome === "failed")!;
    assertMatch(detail, /^\w+ has \S+ and \S+ after 21 steps$/);
  });
}

Deno.test("verifyVariant() finds a hidden NaN, and nothing else", async () => {
  const rows = await verify(plant(RELU_MUTANTS[1][0]));
  const failed = rows.filter(({ outcome }) => outcome !== "passed");
  assertEquals(failed.map(({ check }) => check), ["NaN, batch norm", "NaN"]);
  for (const { detail } of failed) assertMatch(detail, /^\d+ of \d+ cases, the first: W1 is NaN: /);
});

Deno.test("verifyVariant() stops at a check that the device refuses", async () => {
  const broken = `${SHADERS["per_operation/batch_norm"]}\nfn broken( {`;
  const rows = await verify({ ...SHADERS, "per_operation/batch_norm": broken });
  assertEquals(rows.map(({ check, outcome }) => [check, outcome]), [[CHECKS[0], "failed"]]);
  const place = `shaders/per_operation/batch_norm.wgsl, line ${broken.split("\n").length}`;
  assert(rows[0].detail.startsWith(`Cannot compile ${place}: `), rows[0].detail);
});
