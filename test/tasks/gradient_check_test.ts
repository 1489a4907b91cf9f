import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dirname, join } from "@std/path";
import { withShaders } from "../../src/gpu/kernels.ts";
import { EXIT, runMain, StoppedError } from "../../tasks/_kit/main.ts";
import { main } from "../../tasks/gradient_check.ts";
import { GRADIENT_CHECK_CSV } from "../../src/records/gradient_check.ts";
import { CapturedContext } from "../_context.ts";
import { exists, filesIn, inDirectory, runTask } from "../_tasks.ts";
import { MUTANTS, plant, variantOf } from "../kernels/_mutants.ts";
import { VARIANT_MUTANTS } from "../kernels/_mutants_variants.ts";

/** A small setting: the differences of a whole network of the report's take seconds. */
const SMALL = ["--quick", "--data", "synthetic", "--hidden", "6", "--batch", "5", "--inputs", "6"];

Deno.test("gradient-check writes its table and ends with 0 when every check passes", async () => {
  await inDirectory(async (out) => {
    const context = new CapturedContext();
    const args = [...SMALL, "--out", out];
    assertEquals(await runMain(main, { args, context }), 0, context.errors);
    assertStringIncludes(context.output, "Gradient check passed (quick).");
    const name = join(out, "gradient_check.csv");
    const rows = GRADIENT_CHECK_CSV.decode(await Deno.readTextFile(name), { name });
    assertEquals(
      rows.map(({ parameter }) => parameter),
      ["W1", "W2", "b1", "b2", "gamma1", "beta1"],
    );
    assert(rows.every(({ gpuNorm }) => gpuNorm > 0 && gpuNorm < 1e-5));
    // The published figures are of CIFAR-10, which this is not.
    assert(rows.every(({ published }) => published === null));
    const summary = JSON.parse(await Deno.readTextFile(join(out, "summary.json")));
    assertEquals([summary.data, summary.passed, summary.quick], ["synthetic", true, true]);

    const again = new CapturedContext();
    assertEquals(await runMain(main, { args, context: again }), 0);
    assertStringIncludes(again.errors, "nothing to do");
    assertEquals(again.output, "");
  });
});

Deno.test("gradient-check passes where a ReLU is closed for every image, so that gradients are exactly 0", async () => {
  await inDirectory(async (out) => {
    const context = new CapturedContext();
    const tiny = ["--hidden", "1", "--inputs", "1", "--batch", "2", "--batch-norm", "off"];
    const args = ["--quick", "--data", "synthetic", ...tiny, "--out", out];
    assertEquals(await runMain(main, { args, context }), 0, context.errors);
    const rows = GRADIENT_CHECK_CSV.decode(
      await Deno.readTextFile(join(out, "gradient_check.csv")),
      { name: "gradient_check.csv" },
    );
    assertEquals(rows.find(({ parameter }) => parameter === "b1")?.gpuNorm, 0);
  });
});

Deno.test("gradient-check writes and prints the same where another thread compares", async () => {
  await inDirectory(async (out) => {
    const ended: { output: string; files: Map<string, Uint8Array> }[] = [];
    for (const threads of [0, 1]) {
      const context = new CapturedContext({ threads });
      const args = [...SMALL, "--force", "--out", out];
      assertEquals(await runMain(main, { args, context }), 0, context.errors);
      context.workers.destroy();
      ended.push({ output: context.output, files: await filesIn(out) });
    }
    assertEquals(ended[1], ended[0]);
  });
});

Deno.test("gradient-check writes nothing when it is interrupted while another thread compares", async () => {
  await inDirectory(async (out) => {
    const context = new CapturedContext({ threads: 1 });
    const { workers } = context;
    const ask = workers.do.bind(workers);
    let asked = 0;
    workers.do = (name, input) => {
      const answer = ask(name, input);
      // The setting and four trials: the GPU has nothing left to do.
      if (++asked === 5) setTimeout(() => context.abort(new StoppedError("SIGINT")));
      return answer;
    };
    // Differences that take minutes.
    const args = [...SMALL.slice(0, 3), "--hidden", "300,300", "--out", out];
    assertEquals(await runMain(main, { args, context }), EXIT.tryAgain, context.errors);
    assertStringIncludes(context.errors, "error: stopped by SIGINT");
    assertEquals(asked, 5);
    assertEquals(await exists(out), false);
  });
});

Deno.test("gradient-check ends with 3 and names the failed checks when a kernel has a mistake", async () => {
  // One for a variant of each kind: that every mistake is found is what kernels/mutants_test.ts tests.
  const byVariant = Map.groupBy([...MUTANTS, ...VARIANT_MUTANTS], variantOf);
  for (const variant of ["per-operation", "texel-12x8", "fused-tail"]) {
    const mutants = byVariant.get(variant)!;
    await inDirectory(async (out) => {
      const context = new CapturedContext();
      const args = [...SMALL, "--variant", variantOf(mutants[0]), "--out", out];
      const status = await withShaders(
        plant(mutants[0]),
        () => runMain(main, { args, context }),
      );
      assertEquals(status, 3, mutants[0].mistake);
      assertStringIncludes(context.errors, "Check failed: GPU ");
      assertStringIncludes(context.output, "Gradient check failed");
      // Not finished: the same command checks again.
      const left = [...Deno.readDirSync(out)].map(({ name }) => name).sort();
      assertEquals(left, ["config.json", "gradient_check.csv"]);
    });
  }
});

Deno.test("gradient-check reports its comparisons as events with --json, and that it was quick", async () => {
  await inDirectory(async (out) => {
    const context = new CapturedContext();
    const args = [...SMALL, "--json", "--out", out];
    assertEquals(await runMain(main, { args, context }), 0, context.errors);
    const [adapter, data, ...events] = context.events;
    assertEquals([adapter.event, data.event], ["adapter", "data"]);
    const counts = Map.groupBy(events, ({ event }) => event);
    assertEquals(
      [...counts].map(([event, some]) => [event, some.length]),
      [["gradient", 6], ["comparison", 4], ["done", 1]],
    );
    for (const { event, quick } of events) assertEquals(quick, true, event);
    const { trials } = JSON.parse(await Deno.readTextFile(join(out, "summary.json")));
    assertEquals(
      counts.get("comparison"),
      trials.map((trial: object) => ({ event: "comparison", ...trial, quick: true })),
    );
  });
});

Deno.test("gradient-check refuses invalid options and writes nothing", async () => {
  const refused: [string[], string][] = [
    [["--batch", "1"], "--batch expects at least 2 with batch norm"],
    [["--batch", "99999"], "--batch expects at most the"],
    [["--inputs", "4000"], "--inputs expects at most the 3072 values"],
    [["--variant", "magic"], "magic"],
    [["--batch-norm", "both"], "--batch-norm expects"],
  ];
  for (const [more, sentence] of refused) {
    await inDirectory(async (out) => {
      const context = new CapturedContext();
      const args = ["--quick", "--data", "synthetic", "--out", out, ...more];
      assertEquals(await runMain(main, { args, context }), 2, more.join(" "));
      assertStringIncludes(context.errors, sentence);
      assert(!context.errors.includes("    at "), context.errors);
      assertEquals([...Deno.readDirSync(dirname(out))], []);
    });
  }
});

Deno.test("gradient-check takes any name for --data, and no part of it reaches a shell", async () => {
  await inDirectory(async (out) => {
    const touch = `touch ${out}-evil`;
    const names = [`$(${touch})`, `\`${touch}\``, `; ${touch};`, `"' ${touch} '"`, `\n${touch}\n`];
    const { status, errors } = await runTask("gradient-check", [
      ...["--quick", "--data", names.join(" "), "--out", out],
    ]);
    assertEquals(status, 2, errors);
    assertStringIncludes(
      errors,
      `Cannot read CIFAR-10 from ${names.join(" ")}: there is no such folder`,
    );
    assertEquals([await exists(`${out}-evil`), await exists(out)], [false, false]);
  });
});
