import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { cutInputs, subset } from "../../../src/data/dataset.ts";
import { DeviceDataSet } from "../../../src/gpu/device_data.ts";
import { ArgumentError, GpuError } from "../../../src/errors.ts";
import { createSynthetic } from "../../../src/data/synthetic.ts";
import { measureVariants } from "../../../src/measure/tuning.ts";
import {
  candidates,
  defaultVariant,
  variantFits,
  VARIANTS,
} from "../../../src/programs/variants.ts";
import { vendorName } from "../../../tasks/_kit/adapter.ts";
import { CONFIG_JSON } from "../../../src/records/config.ts";
import { runConfig } from "../../../tasks/_kit/results.ts";
import { VariantChooser } from "../../../tasks/_run/variant.ts";
import { DENO_VERSION, PACKAGE_VERSION } from "../../../tasks/_kit/version.ts";
import { main } from "../../../tasks/baseline.ts";
import { CapturedContext } from "../../_context.ts";
import { sharedGpu } from "../../_gpu.ts";
import { exists, inDirectory, runInProcess } from "../../_tasks.ts";

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

/** Enough to measure all, once their kernels are compiled, as they are after the first test. */
const BUDGET = 2000;

Deno.test("measureVariants() measures all candidates, and the others after the first by their times", async () => {
  const times = await measureVariants(gpu, data, { ...SHAPE, budget: 60_000 });

  const names = times.map(({ variant }) => variant);
  assertEquals(names.toSorted(), candidates(gpu, SHAPE).toSorted());
  assert(times.every(({ msPerStep }) => msPerStep > 0));
  const others = times.slice(1).map(({ msPerStep }) => msPerStep);
  assertEquals(others, others.toSorted((a, b) => a - b));
  // A tie is the only reason to prefer a slower one.
  assert(times[0].msPerStep <= 1.1 * others[0]);
});

Deno.test("measureVariants() takes the first candidate when there is no time to measure", async () => {
  const [first, ...others] = await measureVariants(gpu, data, { ...SHAPE, budget: 0 });

  assertEquals([first.variant, others], [candidates(gpu, SHAPE)[0], []]);
});

Deno.test("measureVariants() skips a variant that cannot run the shape", async () => {
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

Deno.test("choose() waits for other threads before it measures on a software adapter", async () => {
  await inDirectory(async (directory) => {
    const context = new CapturedContext();
    let waited = false;
    context.workers.idle = () => {
      assertEquals(context.errors, "");
      waited = true;
      return Promise.resolve();
    };
    const chooser = new VariantChooser({ gpu, data }, { memory: `${directory}/variants.json` });
    await chooser.choose({ plan: PLAN, steps: LONG, budget: 1 }, context);
    assertMatch(context.errors, /^Measuring/);
    assertEquals(waited, gpu.adapter.software);
  });
});

Deno.test("choose() measures once, remembers, and measures again when its file is missing or damaged", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/kept/variants.json`;
    async function choose(): Promise<[variant: string, measured: boolean]> {
      const context = new CapturedContext();
      const chooser = new VariantChooser({ gpu, data }, { memory });
      const expected = await chooser.expect({ plan: PLAN, steps: LONG });
      assertEquals(context.errors, "");
      const variant = await chooser.choose({ plan: PLAN, steps: LONG, budget: BUDGET }, context);
      assertEquals(await chooser.expect({ plan: PLAN, steps: LONG }), variant);
      if (!context.errors.includes("Measuring")) assertEquals(expected, variant);
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

    const [entry] = JSON.parse(text);
    const unusable = [
      text.slice(1),
      ...[
        { ...entry, candidates: entry.candidates.slice(0, -1) }, // There were others to choose from.
        { ...entry, method: undefined }, // As it was written when waits counted as work.
        { ...entry, measured: [{ variant: "unrolled", msPerStep: 1 }] },
        { ...entry, measured: [{ variant, msPerStep: null }] },
        // Names that there are none of, though they read the same one after another.
        {
          ...entry,
          candidates: [entry.candidates.join()],
          measured: [{ variant: entry.candidates.join(), msPerStep: 1 }],
        },
        { ...entry, candidates: [{ toString: 1 }] },
      ].map((entry) => JSON.stringify([entry])),
    ];
    for (const text of unusable) {
      await Deno.writeTextFile(memory, text);
      assert((await choose())[1], text);
    }
    await Deno.remove(memory);
    assert((await choose())[1]);
  });
});

Deno.test("choose() never takes a variant that failed its check on this adapter", async () => {
  await inDirectory(async (directory) => {
    await Deno.mkdir(directory, { recursive: true });
    const memory = `${directory}/variants.json`;
    const verified = `${directory}/verified.json`;
    const { description, vendor } = gpu.adapter;
    const key = `${description}, driver ${vendorName(vendor)}, deno ${DENO_VERSION}, ` +
      `version ${PACKAGE_VERSION}`;
    async function choose(failed: readonly string[], steps: number): Promise<string> {
      await Deno.writeTextFile(
        verified,
        JSON.stringify([{ key: "another adapter", failed: VARIANTS }, { key, failed }]),
      );
      const context = new CapturedContext();
      const chooser = new VariantChooser({ gpu, data }, { memory, verified });
      return await chooser.choose({ plan: PLAN, steps, budget: BUDGET }, context);
    }
    const [usual, ...others] = candidates(gpu, SHAPE);
    assertEquals(await choose([], 100), usual);
    assertEquals(await choose([usual], 100), others[0]);
    assert(await choose([usual], LONG) !== usual);
    // What is made for the other kind of adapter runs here, too.
    const rest = await choose([usual, ...others], 100);
    assert(![usual, ...others].includes(rest) && variantFits(rest, gpu, SHAPE), rest);
    const error = await assertRejects(() => choose(VARIANTS, 100), GpuError);
    assertMatch(error.message, /every one that can run this failed `deno task doctor --verify`/);
  });
});

Deno.test("choose() takes the requested variant, and the default of a short training without measuring", async () => {
  await inDirectory(async (directory) => {
    const memory = `${directory}/variants.json`;
    const context = new CapturedContext();
    const on = { gpu, data };
    const asked = new VariantChooser(on, { memory, variant: "tiled" });
    assertEquals(await asked.choose({ plan: PLAN, steps: LONG }, context), "tiled");
    const free = new VariantChooser(on, { memory });
    assertEquals(
      await free.choose({ plan: PLAN, steps: 100 }, context),
      defaultVariant(gpu, SHAPE),
    );
    assertEquals([context.errors, await exists(memory)], ["", false]);
    const unknown = new VariantChooser(on, { memory, variant: "fast" });
    await assertRejects(() => unknown.choose({ plan: PLAN, steps: LONG }, context), ArgumentError);
  });
});

Deno.test("choose() keeps the variant of unfinished results from the same adapter", async () => {
  await inDirectory(async (directory) => {
    await Deno.mkdir(directory, { recursive: true });
    const choice = { plan: PLAN, steps: 100, directory };
    const context = new CapturedContext();
    async function begunOn(adapter: string): Promise<string> {
      const config = runConfig({} as Parameters<typeof runConfig>[0], {
        task: "baseline",
        dataset: whole,
        adapter: { ...gpu.adapter, description: adapter },
        variant: "per-operation",
      });
      await Deno.writeTextFile(`${directory}/config.json`, CONFIG_JSON.encode(config));
      const chooser = new VariantChooser({ gpu, data }, {});
      assertEquals(await chooser.expect(choice), await chooser.choose(choice, context));
      return await chooser.choose(choice, context);
    }
    const usual = defaultVariant(gpu, SHAPE);
    assert(usual !== "per-operation");
    assertEquals(await begunOn(gpu.adapter.description), "per-operation");
    assertEquals(await begunOn("another adapter"), usual);
    const forced = new VariantChooser({ gpu, data }, { force: true });
    assertEquals(await forced.choose(choice, context), usual);
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
