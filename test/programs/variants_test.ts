/** Every kernel variant trains as the reference does, and to the same bytes however its work is cut. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { cutInputs, type DataSet, subset } from "../../src/data/dataset.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { ArgumentError } from "../../src/errors.ts";
import { Gpu } from "../../src/gpu/device.ts";
import { checkKernels, passes } from "../../src/train/kernel_check.ts";
import { initialise } from "../../src/model/initialisation.ts";
import { Population, type StepPlan } from "../../src/train/population.ts";
import { PUBLISHED_HIDDEN } from "../../src/model/published.ts";
import { createSynthetic } from "../../src/data/synthetic.ts";
import { Training } from "../../src/train/training.ts";
import {
  candidates,
  checkVariant,
  defaultVariant,
  variantFits,
  VARIANTS,
} from "../../src/programs/variants.ts";
import { sameWords } from "../kernels/_kernel.ts";
import { asFloats, sharedGpu } from "../_gpu.ts";
import { steadyOrder } from "../_steady.ts";

const [THREE_LAYERS, NINE_LAYERS] = PUBLISHED_HIDDEN;
const whole = subset(await createSynthetic({ training: 1400, test: 20 }), {
  training: 220,
  validation: 60,
});

/** Networks that differ in everything that may differ within a population. */
const NETWORKS = [
  { lambda: 0.5, etaMin: 1e-5, etaMax: 0.1 },
  { lambda: 0, etaMin: 0, etaMax: 0.2 },
  { lambda: 0.01, etaMin: 0.05, etaMax: 0.05 },
];

/** The quantities that miss the bars of all kernels. */
async function failures(
  gpu: Gpu,
  dataset: DataSet,
  setting: {
    variant: string;
    hidden: readonly number[];
    batchNorm: boolean;
    batch: number;
    networks: number;
    steps: number;
  },
): Promise<string[]> {
  const data = new DeviceDataSet(gpu, dataset);
  const networks = NETWORKS.slice(0, setting.networks);
  const order = steadyOrder(dataset, { ...setting, networks });
  const rows = await checkKernels(gpu, { ...setting, data, networks, order });
  data.destroy();
  return rows.filter((row) => !passes(row)).map(({ kind, name, error, bar }) =>
    `${
      JSON.stringify(setting)
    }, ${dataset.inputs} inputs: ${kind} of ${name} ${error}, at most ${bar}`
  );
}

/** Depth, batch norm, batch, networks, inputs: every variant meets each value of each of them. */
const SETTINGS = [
  { hidden: THREE_LAYERS, batchNorm: true, batch: 100, networks: 1, inputs: 3072, steps: 1 },
  { hidden: THREE_LAYERS, batchNorm: false, batch: 20, networks: 3, inputs: 10, steps: 3 },
  { hidden: NINE_LAYERS, batchNorm: true, batch: 21, networks: 2, inputs: 70, steps: 2 },
  { hidden: NINE_LAYERS, batchNorm: false, batch: 20, networks: 1, inputs: 70, steps: 2 },
  { hidden: [67, 66], batchNorm: true, batch: 130, networks: 2, inputs: 70, steps: 2 },
  { hidden: [43, 9], batchNorm: true, batch: 91, networks: 2, inputs: 70, steps: 2 },
  { hidden: [5], batchNorm: false, batch: 3, networks: 1, inputs: 3, steps: 2 },
];

/**
 * The settings of a variant: all, but for those with large tiles every other one, since a software driver compiles their
 * kernels for seconds. Everything but the first layer's products they share with others.
 */
function settingsOf(variant: string): typeof SETTINGS {
  return variant.endsWith("x8") && variant.startsWith("fused")
    ? SETTINGS.filter((_, i) => i % 2 === 0)
    : SETTINGS;
}

for (const variant of VARIANTS) {
  Deno.test(`checkKernels() finds everything within its bars with the variant ${variant}`, async () => {
    const gpu = await sharedGpu();
    const short: string[] = [];
    let ran = 0;
    const settings = settingsOf(variant);
    for (const { inputs, ...setting } of settings) {
      const dataset = cutInputs(whole, inputs);
      const { hidden, batchNorm, batch, networks } = setting;
      const architecture = { inputs, hidden, classes: dataset.classes, batchNorm };
      if (!variantFits(variant, gpu, { architecture, networks, batch })) continue;
      ran++;
      short.push(...await failures(gpu, dataset, { ...setting, variant }));
      // The same kernels read numbers from other textures.
      if (!settings.slice(-2).some((last) => last.hidden === hidden)) continue;
      const floats = await asFloats(dataset, { scale: 30, offset: -700 });
      short.push(...await failures(gpu, floats, { ...setting, variant }));
    }
    assertEquals(short, []);
    // 130 rows of 67 activations take 53 KiB of workgroup memory, and a software driver has 32.
    const left = /^fused-tail/.test(variant) ? 1 : 0;
    assert(ran >= settings.length - left);
  });

  Deno.test(`Population trains to the same bytes alone, together and in pieces with the variant ${variant}`, async () => {
    const gpu = await sharedGpu();
    const dataset = cutInputs(whole, 70);
    const data = new DeviceDataSet(gpu, dataset);
    const architecture = { inputs: 70, hidden: [11, 6], classes: dataset.classes, batchNorm: true };
    if (!variantFits(variant, gpu, { architecture, networks: 3, batch: 21 })) return;
    const steps = Array.from(
      { length: 7 },
      (_, number): StepPlan => ({ first: number * 21, rise: number / 7, number }),
    );
    const order = Uint32Array.from({ length: dataset.training.count }, (_, i) => i ^ 1);
    async function train(
      identities: readonly number[],
      { count, cuts = [] }: { count: number; cuts?: readonly number[] },
    ) {
      const population = await Population.create(gpu, {
        architecture,
        networks: identities.map((i) => NETWORKS[i]),
        batch: 21,
        data,
        variant,
      });
      population.write({
        parameters: identities.map((identity) => initialise(architecture, { seed: 1, identity })),
      });
      population.setOrder(order);
      for (const [i, from] of [0, ...cuts].entries()) {
        await population.advance(steps.slice(from, cuts[i] ?? count));
        await population.evaluate(["validation"]); // Looks, but changes nothing.
      }
      const { parameters, statistics } = await population.readState();
      const gradients = await population.readGradients();
      population.destroy();
      return identities.map((_, i) => [parameters[i], gradients[i], statistics[i]]);
    }
    // Weights may alternate between two places: an odd number of steps leaves them in the other one.
    for (const count of [6, 7]) {
      const together = await train([0, 1, 2], { count });
      const [alone] = await train([1], { count });
      const [inPieces] = await train([1], { count, cuts: [1, 4] });
      for (const [i, name] of ["parameters", "gradients", "averages"].entries()) {
        assert(together[1][i].every(Number.isFinite), name);
        assert(sameWords(alone[i], together[1][i]), `${name} differ alone and together`);
        assert(sameWords(inPieces[i], alone[i]), `${name} differ in pieces`);
      }
      assert(!sameWords(together[0][0], together[1][0]));
    }
    data.destroy();
  });

  Deno.test(`restore() leads to the same bytes after an odd number of steps with the variant ${variant}`, async () => {
    const gpu = await sharedGpu();
    const dataset = cutInputs(whole, 10);
    const shape = { inputs: 10, hidden: [6], classes: dataset.classes, batchNorm: true };
    if (!variantFits(variant, gpu, { architecture: shape, networks: 1, batch: 20 })) return;
    async function create(): Promise<Training> {
      return await Training.create(gpu, dataset, {
        hidden: [6],
        batchNorm: true,
        networks: [{ identity: "a", ...NETWORKS[0] }],
        halfCycle: 6,
        cycles: 1,
        batch: 20,
        evaluateEvery: 5,
        variant,
      });
    }
    const straight = await create();
    for await (const _ of straight.run());
    const cut = await create();
    for await (const [{ step }] of cut.run()) if (step === 5) break;
    const again = await create();
    again.restore(await cut.state());
    for await (const _ of again.run());
    const [a, b] = [await straight.state(), await again.state()];
    for (const training of [straight, cut, again]) training.destroy();
    assertEquals(a.step, 12);
    assertEquals(b.step, 12);
    assert(sameWords(a.parameters[0], b.parameters[0]));
    assert(sameWords(a.statistics[0], b.statistics[0]));
  });
}

Deno.test("Training.run() yields the same rows with `ahead` as without", async () => {
  const gpu = await sharedGpu();
  const dataset = cutInputs(whole, 10);
  async function rows(ahead: boolean) {
    const training = await Training.create(gpu, dataset, {
      hidden: [6],
      batchNorm: true,
      networks: [{ identity: "a", ...NETWORKS[0] }],
      halfCycle: 15,
      cycles: 1,
      batch: 20,
      evaluateEvery: 4,
    });
    const all = [];
    for await (const row of training.run({ ahead })) all.push(row);
    assertEquals(training.step, 30);
    training.destroy();
    return all;
  }
  const found = await rows(true);
  assertEquals(found.map(([{ step }]) => step), [0, 4, 8, 12, 16, 20, 24, 28, 30]);
  assertEquals(found, await rows(false));
});

Deno.test("Training.run() first yields the rows that were being read back when it was left", async () => {
  const gpu = await sharedGpu();
  const training = await Training.create(gpu, cutInputs(whole, 10), {
    hidden: [6],
    batchNorm: false,
    networks: [{ identity: "a", ...NETWORKS[0] }],
    halfCycle: 8,
    cycles: 1,
    batch: 20,
    evaluateEvery: 2,
  });
  const steps: number[] = [];
  for await (const [{ step }] of training.run({ ahead: true })) {
    steps.push(step);
    if (step === 2) break;
  }
  assert(training.step > 2);
  for await (const [{ step }] of training.run({ ahead: true })) steps.push(step);
  training.destroy();
  assertEquals(steps, [0, 2, 4, 6, 8, 10, 12, 14, 16]);
});

Deno.test("a wide layer and a large batch train with the variant tiled", async () => {
  const gpu = await sharedGpu();
  const wide = { hidden: [1024], batchNorm: true, batch: 24, networks: 1, steps: 1 };
  const short = await failures(gpu, cutInputs(whole, 16), { ...wide, variant: "tiled" });
  assertEquals(short, []);
});

Deno.test("Population trains to the same bytes alone and together where tiled splits the depth", async () => {
  const gpu = await sharedGpu();
  const dataset = cutInputs(whole, 260);
  const data = new DeviceDataSet(gpu, dataset);
  const architecture = {
    inputs: 260,
    hidden: [140, 6],
    classes: dataset.classes,
    batchNorm: true,
  };
  async function train(identities: readonly number[]) {
    const population = await Population.create(gpu, {
      architecture,
      networks: identities.map((i) => NETWORKS[i]),
      batch: 150, // 260 inputs, 140 inputs and 150 rows: all but one of the products are split.
      data,
      variant: "tiled",
    });
    population.write({
      parameters: identities.map((identity) => initialise(architecture, { seed: 1, identity })),
    });
    population.setOrder(Uint32Array.from({ length: dataset.training.count }, (_, i) => i ^ 1));
    await population.advance([{ first: 0, rise: 1, number: 0 }, { first: 70, rise: 0, number: 1 }]);
    const { parameters } = await population.readState();
    population.destroy();
    return parameters;
  }
  const together = await train([0, 1, 2]);
  const [alone] = await train([1]);
  assert(alone.every(Number.isFinite));
  assert(sameWords(alone, together[1]));
  data.destroy();
});

Deno.test("variantFits() is false for tiled where the parts of its products exceed a binding", async () => {
  const gpu = await sharedGpu();
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
  const architecture = { inputs: 640, hidden: [], classes: 10, batchNorm: false };
  const bytes = 4 * 10 * 641 * 10; // ten parts of [641, 10], the weights and biases
  const networks = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / bytes);
  assert(variantFits("tiled", gpu, { architecture, networks, batch: 640 }));
  assert(!variantFits("tiled", gpu, { architecture, networks: networks + 1, batch: 640 }));
});

Deno.test("variantFits() is false where all networks side by side exceed the workgroups of a dispatch", async () => {
  const gpu = await sharedGpu();
  const { maxComputeWorkgroupsPerDimension: max } = gpu.device.limits;
  const architecture = { inputs: 4, hidden: [5], classes: 10, batchNorm: false };
  const shape = { architecture, batch: 2 };
  // Two columns and two workgroups of other parameters for each network.
  const networks = Math.floor(max / (2 + 2 / 28));
  assert(variantFits("fused-tail-8x8", gpu, { ...shape, networks: networks - 1 }));
  assert(!variantFits("fused-tail-8x8", gpu, { ...shape, networks: networks + 1 }));
  assert(variantFits("fused-tail", gpu, { ...shape, networks: networks + 1 }));
});

Deno.test("candidates() lists variants without barriers for a software adapter, and at least one for every shape", async () => {
  const gpu = await sharedGpu();
  const linear = { inputs: 5, hidden: [], classes: 2, batchNorm: false };
  const shape = { architecture: linear, networks: 1, batch: 1 };

  assert(candidates(gpu, shape).length > 0);
  assertEquals(defaultVariant(gpu, shape), candidates(gpu, shape)[0]);
  const deep = { ...linear, hidden: [4, 4] };
  if (gpu.adapter.software) {
    const names = candidates(gpu, { ...shape, architecture: deep });
    assertEquals(names.filter((name) => /^(fused|tiled)/.test(name)), []);
  }
  // More networks than a texture has layers: no variant whose tensors are textures.
  const many = gpu.device.limits.maxTextureArrayLayers + 1;
  assert(candidates(gpu, { ...shape, architecture: deep, networks: many }).includes("tiled"));
  const usual = candidates(gpu, { ...shape, architecture: deep });
  const [first, ...others] = usual;
  assertEquals(candidates(gpu, { ...shape, architecture: deep }, { without: [first] }), others);
  assertEquals(candidates(gpu, shape, { without: VARIANTS }), []);
});

Deno.test("candidates() leaves out what is made for software on hardware, if anything else fits", async () => {
  const { device } = await sharedGpu();
  const gpu = new Gpu(device, { description: "a GPU", vendor: "4318", software: false });
  const shape = {
    architecture: { inputs: 5, hidden: [4, 4], classes: 2, batchNorm: true },
    networks: 1,
    batch: 10,
  };
  const names = candidates(gpu, shape);
  assert(names.length > 1);
  assertEquals(names.filter((name) => /^(texel|per-operation)/.test(name)), []);
  const without = VARIANTS.filter((name) => name.startsWith("fused"));
  assertEquals(candidates(gpu, shape, { without }), ["tiled", "texel-12x8", "per-operation"]);
});

Deno.test("candidates() lists at most six variants on hardware, other ones for few networks than for many", async () => {
  const { device } = await sharedGpu();
  const gpu = new Gpu(device, { description: "a GPU", vendor: "4318", software: false });
  const architecture = { inputs: 5, hidden: [4, 4], classes: 2, batchNorm: true };
  const of = (networks: number) => candidates(gpu, { architecture, networks, batch: 10 });
  assertEquals(of(1), ["fused-layers", "fused-tail", "tiled"]);
  assertEquals(of(128), ["fused-tail-8x8", "fused-layers-8x8", "fused-tail-16x8", "tiled"]);
  for (const networks of [1, 3, 10, 20, 128]) assert(of(networks).length <= 6, `${networks}`);
});

Deno.test("checkVariant() lists the variants when there is no such variant", () => {
  assertEquals(checkVariant(undefined), undefined);
  assertEquals(checkVariant("tiled"), "tiled");
  const error = assertThrows(() => checkVariant("fast"), ArgumentError);
  for (const name of VARIANTS) assert(error.message.includes(name));
});

Deno.test("candidates() leaves out variants whose textures would be too large", async () => {
  const gpu = await sharedGpu();
  const { maxTextureDimension2D, maxTextureArrayLayers } = gpu.device.limits;
  const architecture = { inputs: 12, hidden: [7], classes: 10, batchNorm: false };
  const shape = { architecture, networks: 1, batch: 20 };
  const wide = { ...architecture, hidden: [7, maxTextureDimension2D + 1] };
  for (
    const [large, left] of [
      [{ ...shape, networks: maxTextureArrayLayers + 1 }, /^(fused|tiled)/],
      [{ ...shape, batch: 4 * maxTextureDimension2D + 4 }, /^(fused|tiled)/],
      [{ ...shape, architecture: wide }, /^(fused|tiled|per-operation)/],
    ] as const
  ) {
    const names = VARIANTS.filter((name) => variantFits(name, gpu, large));
    assertEquals(names.filter((name) => !left.test(name)), []);
    assert(names.includes("tiled"));
    assert(candidates(gpu, large).every((name) => names.includes(name)));
  }
});
