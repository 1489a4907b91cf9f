import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { GpuUnavailableError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { initialise } from "../../src/model/initialisation.ts";
import { Population, type StepPlan } from "../../src/train/population.ts";
import { BETWEEN, profileStep } from "../../src/measure/profile.ts";
import { Training } from "../../src/train/training.ts";
import { createRandomData, modestGpu, sharedGpu } from "../_gpu.ts";

/** Few steps for the kernels, and the shortest time for whole steps. */
const BRIEF = { steps: 3, minMilliseconds: 0 };

/** Variants of every kind: a kernel for each operation, tensors as texels, kernels that span two steps. */
const KINDS = ["per-operation", "texel-20x10", "fused-tail"];

const ARCHITECTURE = { inputs: 10, hidden: [4], classes: 10, batchNorm: false };

async function deviceData(gpu: Gpu): Promise<DeviceDataSet> {
  return new DeviceDataSet(gpu, await createRandomData({ inputs: 10 }));
}

Deno.test("profileStep() gives each kernel of a step in order, and the time between them", async () => {
  const gpu = await sharedGpu();
  const data = await deviceData(gpu);
  const kernels: Record<string, [kernel: string, layer: number][]> = {
    "fused-tail": [["fused_norm", 1], ["fused_tail", 1], ["fused_input", 1]],
    "per-operation": [
      ["input_affine_forward", 1],
      ["slice_sum", 1],
      ["relu_forward", 1],
      ["affine_forward", 2],
      ["softmax_cross_entropy_backward", 2],
      ["affine_backward_input", 2],
      ["affine_backward_weight", 2],
      ["affine_backward_bias", 2],
      ["relu_backward", 1],
      ["input_affine_backward_bias", 1],
      ["input_affine_backward", 1],
    ],
  };
  for (const [variant, expected] of Object.entries(kernels)) {
    const shape = { architecture: ARCHITECTURE, networks: 2, batch: 20, variant };
    const rows = await profileStep(gpu, data, { ...shape, ...BRIEF });
    const found = rows.map(({ kernel, layer }) => [kernel, layer]);
    assertEquals(found, [...expected, [BETWEEN, null]]);
    for (const { ms, msMin, msMax } of rows) {
      assert(ms >= 0 && (msMin ?? ms) <= ms && ms <= (msMax ?? ms));
    }
    const sum = rows.reduce((sum, { ms }) => sum + ms, 0);
    assert(sum > 0);
    for (const { ms, share } of rows) assertAlmostEquals(share, ms / sum, 1e-12);
  }
  data.destroy();
});

Deno.test("profileStep() does not affect a training on the same data", async () => {
  const gpu = await sharedGpu();
  const data = await deviceData(gpu);
  async function train(interrupt: () => Promise<void>): Promise<Float32Array> {
    const training = await Training.create(gpu, data, {
      hidden: [4],
      batchNorm: true,
      networks: [{ identity: "one", lambda: 0.01, etaMin: 0.01, etaMax: 0.1 }],
      halfCycle: 4,
      cycles: 1,
      batch: 20,
    });
    for await (const [{ step }] of training.run()) if (step === 3) await interrupt();
    const { parameters: [parameters] } = await training.state();
    training.destroy();
    return parameters;
  }
  let profiled = 0;
  const shape = { architecture: { ...ARCHITECTURE, batchNorm: true }, networks: 1, batch: 20 };
  const interrupted = await train(async () => {
    profiled += (await profileStep(gpu, data, { ...shape, ...BRIEF })).length;
  });
  assert(profiled > 0);
  assertEquals(interrupted, await train(() => Promise.resolve()));
  data.destroy();
});

Deno.test("profileStep() refuses a device without timestamps", async () => {
  const gpu = await modestGpu();
  const data = await deviceData(gpu);
  await assertRejects(
    () => profileStep(gpu, data, { architecture: ARCHITECTURE, networks: 1, batch: 20 }),
    GpuUnavailableError,
    "has no timestamps to measure kernels by",
  );
  data.destroy();
  gpu.destroy();
});

Deno.test("profileStep() ends when it is told to", async () => {
  const gpu = await sharedGpu();
  const data = await deviceData(gpu);
  const signal = AbortSignal.abort(new Error("told to stop"));
  const shape = { architecture: ARCHITECTURE, networks: 1, batch: 20 };
  await assertRejects(() => profileStep(gpu, data, { ...shape, signal }), Error, "told to stop");
  data.destroy();
});

for (const variant of KINDS) {
  Deno.test(`Population.profile() makes the updates of Population.advance() with ${variant}`, async () => {
    const gpu = await sharedGpu();
    const data = await deviceData(gpu);
    // More than fit a submit, and an odd number.
    const steps = Array.from({ length: 23 }, (_, number): StepPlan => {
      return { first: number % 3 * 20, rise: number / 23, number };
    });
    const networks = [{ lambda: 0.01, etaMin: 0.01, etaMax: 0.1 }];
    const shape = { architecture: ARCHITECTURE, networks, batch: 20, data, variant };
    const population = await Population.create(gpu, shape);
    population.setOrder(Uint32Array.from({ length: population.images }, (_, i) => i));
    const parameters = [initialise(ARCHITECTURE, { seed: 1, identity: 0 })];
    /** Evaluates the network after the steps, and reads it after some more. */
    async function learn(make: () => Promise<unknown>): Promise<unknown> {
      population.write({ parameters });
      await make();
      const evaluations = await population.evaluate(["validation"]);
      await population.advance(steps.slice(0, 2));
      await population.evaluate(["validation"]);
      const { parameters: learnt } = await population.readState();
      assertNotEquals(learnt, parameters);
      return { evaluations, learnt };
    }
    const advanced = await learn(() => population.advance(steps));
    const profiled = await learn(async () => {
      const times = await population.profile(steps);
      for (const { milliseconds } of times) assertEquals(milliseconds.length, steps.length);
    });
    assertEquals(profiled, advanced);
    population.destroy();
    data.destroy();
  });
}

Deno.test("Population.profile() leaves the networks as they are when it is stopped before it begins", async () => {
  const gpu = await sharedGpu();
  const data = await deviceData(gpu);
  const architecture = { ...ARCHITECTURE, batchNorm: true };
  const networks = [{ lambda: 0.01, etaMin: 0.01, etaMax: 0.1 }];
  const population = await Population.create(gpu, { architecture, networks, batch: 20, data });
  population.setOrder(Uint32Array.from({ length: population.images }, (_, i) => i));
  const steps = [{ first: 0, rise: 0, number: 0 }];
  async function learn(before: () => Promise<unknown>): Promise<unknown> {
    population.write({ parameters: [initialise(architecture, { seed: 1, identity: 0 })] });
    await before();
    await population.advance(steps);
    return await population.readState();
  }
  const uninterrupted = await learn(() => Promise.resolve());
  const stopped = AbortSignal.abort(new Error("told to stop"));
  const learnt = await learn(() =>
    assertRejects(() => population.profile(steps, stopped), Error, "told to stop")
  );

  assertEquals(learnt, uninterrupted);
  population.destroy();
  data.destroy();
});
