import { assert, assertEquals, assertRejects } from "@std/assert";
import { cutInputs, subset } from "../src/dataset.ts";
import { DeviceDataSet } from "../src/device_data.ts";
import { ArgumentError } from "../src/errors.ts";
import { createSynthetic } from "../src/synthetic.ts";
import { measureVariants } from "../src/tuning.ts";
import { candidates, defaultVariant } from "../src/variants.ts";
import { runConfig } from "../tasks/_results.ts";
import { VariantChooser } from "../tasks/_variant.ts";
import { main } from "../tasks/baseline.ts";
import { CapturedContext } from "./_context.ts";
import { sharedGpu } from "./_gpu.ts";
import { exists, inDirectory, runInProcess } from "./_tasks.ts";

const gpu = await sharedGpu();
const whole = subset(await createSynthetic({ training: 300, test: 20 }), { training: 200 });
const data = new DeviceDataSet(gpu, cutInputs(whole, 8));
const PLAN = { hidden: [4], batchNorm: true, batch: 20, networks: 2 };
const SHAPE = {
  architecture: { inputs: 8, hidden: [4], classes: 10, batchNorm: true },
  batch: 20,
  networks: 2,
};
const LONG = 9000;

Deno.test("measureVariants() measures all candidates, the fastest first", async () => {
  const times = await measureVariants(gpu, data, { ...SHAPE, budget: 60_000 });

  const names = times.map(({ variant }) => variant);
  assertEquals(names.toSorted(), candidates(gpu, SHAPE).toSorted());
  for (const [i, { msPerStep }] of times.entries()) {
    assert(msPerStep > 0 && msPerStep >= (times[i - 1]?.msPerStep ?? 0));
  }
});

Deno.test("measureVariants() takes the first candidate when there is no time to measure", async () => {
  const [first, ...others] = await measureVariants(gpu, data, { ...SHAPE, budget: 0 });

  assertEquals([first.variant, others], [candidates(gpu, SHAPE)[0], []]);
});

Deno.test("measureVariants() passes over a variant that cannot run the shape", async () => {
  const architecture = { ...SHAPE.architecture, hidden: [] };
  const shape = { ...SHAPE, architecture, variants: ["texel-20x10", "per-operation"] };
  const found = await measureVariants(gpu, data, shape);
  assertEquals(found.map(({ variant }) => variant), ["per-operation"]);
  await assertRejects(
    () => measureVariants(gpu, data, { ...shape, variants: ["texel-20x10"] }),
    ArgumentError,
    "cannot run this shape",
  );
});

Deno.test("choose() measures once, remembers, and measures again when what it remembers is gone or damaged", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/kept/variants.json`;
    async function choose(): Promise<[variant: string, measured: boolean]> {
      const context = new CapturedContext();
      const chooser = new VariantChooser(context, { gpu, data }, { memory });
      const variant = await chooser.choose({ plan: PLAN, steps: LONG });
      return [variant, context.errors.includes("Measuring kernel variants for 2 networks")];
    }
    const [variant, measured] = await choose();
    assert(measured);
    assertEquals(await choose(), [variant, false]);

    // It is believed: another variant there is taken.
    const text = await Deno.readTextFile(memory);
    const entries = JSON.parse(text);
    const other = entries[0].candidates.find((name: string) => name !== variant);
    entries[0].measured = [{ variant: other, msPerStep: 1 }];
    await Deno.writeTextFile(memory, JSON.stringify(entries));
    assertEquals(await choose(), [other, false]);

    entries[0].candidates.pop(); // Measured when there were others to choose from.
    await Deno.writeTextFile(memory, JSON.stringify(entries));
    assert((await choose())[1]);
    await Deno.writeTextFile(memory, text.slice(1));
    assert((await choose())[1]);
    await Deno.remove(memory);
    assert((await choose())[1]);
  });
});

Deno.test("choose() takes the variant that is asked for, and without measuring the default of a short training", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/variants.json`;
    const context = new CapturedContext();
    const on = { gpu, data };
    const asked = new VariantChooser(context, on, { memory, variant: "tiled" });
    assertEquals(await asked.choose({ plan: PLAN, steps: LONG }), "tiled");
    const free = new VariantChooser(context, on, { memory });
    assertEquals(await free.choose({ plan: PLAN, steps: 100 }), defaultVariant(gpu, SHAPE));
    assertEquals([context.errors, await exists(memory)], ["", false]);
    const unknown = new VariantChooser(context, on, { memory, variant: "fast" });
    await assertRejects(() => unknown.choose({ plan: PLAN, steps: LONG }), ArgumentError);
  });
});

Deno.test("choose() goes on with the variant that results were begun with on the same adapter", async () => {
  await inDirectory(async (directory) => {
    await Deno.mkdir(directory, { recursive: true });
    const choice = { plan: PLAN, steps: 100, directory };
    async function begunOn(adapter: string): Promise<string> {
      const config = runConfig({} as Parameters<typeof runConfig>[0], {
        task: "baseline",
        dataset: whole,
        adapter: { ...gpu.adapter, description: adapter },
        variant: "per-operation",
      });
      await Deno.writeTextFile(`${directory}/config.json`, JSON.stringify(config));
      return await new VariantChooser(new CapturedContext(), { gpu, data }, {}).choose(choice);
    }
    const usual = defaultVariant(gpu, SHAPE);
    assert(usual !== "per-operation");
    assertEquals(await begunOn(gpu.adapter.description), "per-operation");
    assertEquals(await begunOn("another adapter"), usual);
    const forced = new VariantChooser(new CapturedContext(), { gpu, data }, { force: true });
    assertEquals(await forced.choose(choice), usual);
  });
});

Deno.test("baseline writes the variant into config.json, and trains to the same bytes with it", async () => {
  await inDirectory(async (parent) => {
    const small = ["--quick", "--data", "synthetic", "--hidden", "4,3", "--batch-norm", "on"];
    async function train(out: string, args: readonly string[]): Promise<Uint8Array> {
      const ended = await runInProcess(main, [...small, ...args, "--out", out]);
      assertEquals(ended.status, 0, ended.errors);
      return await Deno.readFile(`${out}/hidden-4-3-batch-norm/model.safetensors`);
    }
    const free = await train(`${parent}/free`, []);
    const path = `${parent}/free/hidden-4-3-batch-norm/config.json`;
    const { settings, made_with } = JSON.parse(await Deno.readTextFile(path));
    assertEquals(settings.variant, null);
    assertEquals(await train(`${parent}/pinned`, ["--variant", made_with.variant]), free);
    const other = await train(`${parent}/other`, ["--variant", "per-operation"]);
    assertEquals(other.length, free.length);
    assert(other.some((byte, i) => byte !== free[i]));
  });
});
