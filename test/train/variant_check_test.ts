/** `doctor --verify`: what it checks, that each check can fail, and that a variant that failed is not chosen. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { cutInputs, standardise } from "../../src/data/dataset.ts";
import { GpuError } from "../../src/errors.ts";
import { Gpu } from "../../src/gpu/device.ts";
import type { ShaderTexts } from "../../src/gpu/kernels.ts";
import { initialise } from "../../src/model/network.ts";
import { Random } from "../../src/model/random.ts";
import { gradients, sgdStep } from "../../src/model/reference.ts";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import { defaultVariant, VARIANTS } from "../../src/programs/variants.ts";
import {
  createVerifyData,
  VERIFY_NETWORKS,
  VERIFY_SETTINGS,
  type VerifyRow,
  verifyVariant,
} from "../../src/train/variant_check.ts";
import {
  failedVariants,
  rememberVerified,
  soundVariant,
  warnIfFailed,
} from "../../tasks/_run/verified.ts";
import { main } from "../../tasks/doctor.ts";
import { CapturedContext } from "../_context.ts";
import { type Mutant, plant } from "../kernels/_mutants.ts";
import { RELU_MUTANTS } from "../kernels/_mutants_divergence.ts";
import { withoutMemory } from "../_no_memory.ts";
import { eventsOf, exists, inDirectory, runInProcess } from "../_tasks.ts";

const dataset = await createVerifyData();
const VARIANT = "per-operation";
const SYNTHETIC = ["--data", "synthetic"];
const CHECKS = [
  "3 layers, batch norm",
  "3 layers",
  "awkward sizes",
  "9 layers, batch norm",
  "NaN, batch norm",
  "NaN",
  "same bytes twice",
  "same bytes alone",
  "same bytes in pieces",
];

async function verify(shaders: ShaderTexts): Promise<VerifyRow[]> {
  const gpu = await Gpu.request();
  try {
    return await Array.fromAsync(verifyVariant(gpu, { variant: VARIANT, dataset, shaders }));
  } finally {
    gpu.destroy();
  }
}

Deno.test("verifyVariant() does not run what the adapter has no memory for, nor what comes behind it", async () => {
  const gpu = await Gpu.request();
  withoutMemory(gpu.device, "layer 1 outputs");
  const rows = await Array.fromAsync(verifyVariant(gpu, { variant: VARIANT, dataset }));
  gpu.destroy();

  assertEquals(rows.map(({ check, outcome }) => [check, outcome]), [[CHECKS[0], "not run"]]);
  assertMatch(rows[0].detail, /no memory left for the layer 1 outputs/);
});

/** Runs the doctor as it is used, but with a mistake planted or with another file to remember in. */
function runDoctor(args: readonly string[], testing: { shaders?: ShaderTexts; memory: string }) {
  return runInProcess((args, context) => main(args, context, testing), [...SYNTHETIC, ...args]);
}

// -------------------------------------------------------------------------------------------------------------------
// The checks

for (const setting of VERIFY_SETTINGS) {
  Deno.test(`VERIFY_SETTINGS keep the inputs of ReLUs off 0: ${setting.check}`, () => {
    const { inputs, hidden, batchNorm, batch, networks, steps, seed } = setting;
    const source = cutInputs(dataset, inputs);
    const { images, labels, count } = source.training;
    const architecture = { inputs, hidden, classes: source.classes, batchNorm };
    const order = new Random(seed, "batches", 0).permutation(count);
    assert(steps * batch <= count, "the same images twice would hardly move the averages");
    for (const [identity, { lambda, etaMax }] of VERIFY_NETWORKS.slice(0, networks).entries()) {
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
  Deno.test(`verifyVariant() finds the bytes to differ, and nothing else: ${check}`, async () => {
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

Deno.test("verifyVariant() finds that NaN is hidden, and nothing else", async () => {
  const rows = await verify(plant(RELU_MUTANTS[1][0]));
  const failed = rows.filter(({ outcome }) => outcome !== "passed");
  assertEquals(failed.map(({ check }) => check), ["NaN, batch norm", "NaN"]);
  for (const { detail } of failed) assertMatch(detail, /^\d+ of \d+ cases, the first: W1 is NaN: /);
});

Deno.test("verifyVariant() ends with the check that the device refused", async () => {
  const broken = `${SHADERS["per_operation/batch_norm"]}\nfn broken( {`;
  const rows = await verify({ ...SHADERS, "per_operation/batch_norm": broken });
  assertEquals(rows.map(({ check, outcome }) => [check, outcome]), [[CHECKS[0], "failed"]]);
  assertMatch(rows[0].detail, /^Cannot compile shaders\/per_operation\/batch_norm\.wgsl: /);
});

// -------------------------------------------------------------------------------------------------------------------
// The task

Deno.test("doctor --verify exits 3 when a check fails, and remembers the variant until it passes", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/verified.json`;
    const args = ["--verify", "--variant", VARIANT];
    const shaders = plant({
      file: "per_operation/batch_norm",
      mistake: "the variance is divided by n - 1",
      from: "  variance /= rows;",
      to: "  variance /= rows - 1.0;",
    });
    const failed = await runDoctor(args, { shaders, memory });
    assertEquals(failed.status, 3, failed.errors);
    const lines = failed.output.split("\n");
    assertMatch(
      lines.find((line) => line.includes("awkward sizes"))!,
      /^per-operation +awkward sizes +FAILED +\w+ of \w+ is off by \S+, at most \S+$/,
    );
    assert(lines.some((line) => /^per-operation +same bytes twice +ok +21 steps$/.test(line)));
    assertMatch(failed.output, /^Variants: FAILED: per-operation; not chosen on this adapter /m);
    const gpu = await Gpu.request();
    try {
      assertEquals(await failedVariants(gpu, memory), [VARIANT]);
    } finally {
      gpu.destroy();
    }

    const passed = await runDoctor([...args, "--json"], { memory });
    assertEquals(passed.status, 0, passed.output);
    const events = eventsOf(passed);
    const rows = events.filter(({ event }) => event === "verification");
    assertEquals(
      rows.map(({ variant, check, outcome }) => [variant, check, outcome]),
      CHECKS.map((check) => [VARIANT, check, "passed"]),
    );
    const { event, verified_variants, failed_variants } = events[events.length - 1];
    assertEquals([event, verified_variants, failed_variants], ["result", [VARIANT], []]);
    assertEquals(JSON.parse(await Deno.readTextFile(memory))[0].failed, []);
  });
});

Deno.test("doctor tests itself on a variant that has not failed, and writes nothing", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/verified.json`;
    const gpu = await Gpu.request();
    const { architecture, networks, batch } = SHAPE;
    const first = defaultVariant(gpu, { architecture, networks, batch });
    assert(first !== VARIANT);
    const others = VARIANTS.filter((name) => name !== VARIANT);
    await rememberVerified(gpu, others, memory);
    gpu.destroy();
    const before = await Deno.readTextFile(memory);

    // Broken kernels of a variant that is not chosen do no harm.
    const broken = "fn broken( {";
    const { status, output, errors } = await runDoctor([], {
      shaders: { ...SHADERS, "texel/norm": broken, "fused/norm": broken },
      memory,
    });
    assertEquals(status, 0, output + errors);
    const words = output.replaceAll(/\s+/g, " ");
    assert(
      words.includes(`Variants: ${others.join(", ")} failed --verify on this adapter`),
      output,
    );
    assertEquals(await Deno.readTextFile(memory), before);
    await Deno.remove(directory, { recursive: true });
    await runDoctor([], { memory });
    assert(!await exists(directory));
  });
});

Deno.test("doctor --verify verifies nothing on an adapter that is refused", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/verified.json`;
    const args = ["--verify", "--require-gpu", "--variant", VARIANT];
    const { status, output, errors } = await runDoctor(args, { memory });
    const software = errors.split("\n")[0].endsWith(", software");
    assertEquals(status, software ? 1 : 0, output);
    assertEquals(output.includes("same bytes"), !software, output);
    assertEquals(await exists(memory), !software);
  });
});

// -------------------------------------------------------------------------------------------------------------------
// What is remembered

const SHAPE = {
  architecture: { inputs: 8, hidden: [4], classes: 10, batchNorm: true },
  batch: 20,
  networks: 2,
};

/** An adapter, which is all that is looked at. */
function adapterNamed(description: string) {
  return { adapter: { description, vendor: "4098", software: false } };
}

Deno.test("failedVariants() gives what was last remembered of the adapter", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/kept/verified.json`;
    const [one, other] = [adapterNamed("one"), adapterNamed("other")];
    assertEquals(await failedVariants(one, memory), []);
    assert(await rememberVerified(one, ["tiled"], memory));
    assert(await rememberVerified(other, ["fused-32-256"], memory));
    assert(await rememberVerified(one, ["tiled", "per-operation"], memory));
    assertEquals(await failedVariants(one, memory), ["tiled", "per-operation"]);
    assertEquals(await failedVariants(other, memory), ["fused-32-256"]);
    assert(await rememberVerified(one, [], memory));
    assertEquals(await failedVariants(one, memory), []);
    assertEquals(await failedVariants(other, memory), ["fused-32-256"]);
  });
});

Deno.test("failedVariants() finds none in a damaged file, which is then written anew", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/verified.json`;
    const gpu = adapterNamed("one");
    await rememberVerified(gpu, ["tiled"], memory);
    const text = await Deno.readTextFile(memory);
    const { key } = JSON.parse(text)[0];
    for (
      const damaged of [
        text.slice(1),
        "",
        "null",
        '{"failed": ["tiled"]}',
        JSON.stringify([null, 1, { key }, { key, failed: "tiled" }, { key, failed: [1] }]),
      ]
    ) {
      await Deno.writeTextFile(memory, damaged);
      assertEquals(await failedVariants(gpu, memory), [], damaged);
    }
    await rememberVerified(gpu, ["tiled"], memory);
    assertEquals(await failedVariants(gpu, memory), ["tiled"]);
  });
});

Deno.test("rememberVerified() says when the file cannot be written", async () => {
  await inDirectory(async (directory) => {
    await Deno.writeTextFile(directory, "a file, where a folder has to be");
    assert(!await rememberVerified(adapterNamed("one"), ["tiled"], `${directory}/verified.json`));
  });
});

Deno.test("soundVariant() takes the first candidate that has not failed, and refuses when all have", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/verified.json`;
    const gpu = await Gpu.request();
    try {
      const first = defaultVariant(gpu, SHAPE);
      assertEquals(await soundVariant(gpu, SHAPE, memory), first);
      for (const last of [VARIANT, "tiled"]) { // The second is no candidate on a software driver.
        await rememberVerified(gpu, VARIANTS.filter((name) => name !== last), memory);
        assertEquals(await soundVariant(gpu, SHAPE, memory), last);
      }
      await rememberVerified(gpu, VARIANTS, memory);
      await assertRejects(
        () => soundVariant(gpu, SHAPE, memory),
        GpuError,
        "Cannot choose a kernel variant: every one",
      );
    } finally {
      gpu.destroy();
    }
  });
});

Deno.test("warnIfFailed() warns of a variant that failed and is asked for nevertheless", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/verified.json`;
    const gpu = adapterNamed("one");
    await rememberVerified(gpu, ["tiled"], memory);
    const context = new CapturedContext();
    await warnIfFailed(context, gpu, { variant: undefined, memory });
    await warnIfFailed(context, gpu, { variant: VARIANT, memory });
    assertEquals(context.errors, "");
    await warnIfFailed(context, gpu, { variant: "tiled", json: true, memory });
    const message = "tiled failed `deno task doctor --verify` on this adapter";
    assertEquals(context.errors, `warning: ${message}\n`);
    assertEquals(context.events, [{ event: "warning", message }]);
  });
});
