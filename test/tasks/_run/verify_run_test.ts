/** `doctor --verify`: its output, its exit status, and what it remembers. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Gpu } from "../../../src/gpu/device.ts";
import { type ShaderTexts, withShaders } from "../../../src/gpu/kernels.ts";
import { SHADERS } from "../../../src/gpu/shaders.gen.ts";
import { defaultVariant, VARIANTS } from "../../../src/programs/variants.ts";
import type { TaskMain } from "../../../tasks/_kit/context.ts";
import { failedVariants, rememberVerified } from "../../../tasks/_run/verified.ts";
import { main } from "../../../tasks/doctor.ts";
import { plant } from "../../kernels/_mutants.ts";
import { eventsOf, exists, inDirectory, runInProcess } from "../../_tasks.ts";

const VARIANT = "per-operation";
const SYNTHETIC = ["--data", "synthetic"];
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

const SHAPE = {
  architecture: { inputs: 8, hidden: [4], classes: 10, batchNorm: true },
  batch: 20,
  networks: 2,
};

/** Runs the doctor as it is used, but with a mistake planted or with another file to remember in. */
function runDoctor(
  args: readonly string[],
  { shaders = SHADERS, memory }: { shaders?: ShaderTexts; memory: string },
) {
  const run: TaskMain = (args, context) => main(args, context, { memory });
  return withShaders(shaders, () => runInProcess(run, [...SYNTHETIC, ...args]));
}

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
