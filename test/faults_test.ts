/** What several trainings on one device, and what is left of those that are gone, must not do to each other. */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { DeviceDataSet } from "../src/gpu/device_data.ts";
import { ArgumentError, GpuError } from "../src/errors.ts";
import { Gpu } from "../src/gpu/device.ts";
import { Kernels } from "../src/gpu/kernels.ts";
import { Population } from "../src/train/population.ts";
import { Training } from "../src/train/training.ts";
import { VARIANTS } from "../src/programs/variants.ts";
import { FakeDevice } from "./_fake_device.ts";
import { createRandomData } from "./_gpu.ts";
import { withoutMemory } from "./_no_memory.ts";

const dataset = await createRandomData({ inputs: 10 });

const OPTIONS = {
  hidden: [7],
  batchNorm: true,
  networks: [{ identity: "a", lambda: 0, etaMin: 0.1, etaMax: 0.1 }],
  halfCycle: 6,
  cycles: 1,
  batch: 20,
};

/** Runs something on a device of its own, which must have refused nothing in the end. */
async function withDevice(story: (gpu: Gpu, data: DeviceDataSet) => Promise<void>): Promise<void> {
  const gpu = await Gpu.request();
  try {
    await story(gpu, new DeviceDataSet(gpu, dataset));
    await gpu.done();
  } finally {
    gpu.destroy();
  }
}

/** Trains to the end. */
async function finish(training: Training): Promise<void> {
  for await (const _row of training.run());
  training.destroy();
}

// Errors of others ----------------------------------------------------------------------------------------------------

Deno.test("two trainings that are created at once keep their errors apart", async () => {
  await withDevice(async (gpu, data) => {
    const options = { ...OPTIONS, variant: "per-operation" };
    const restore = withoutMemory(gpu.device, "tensors of a batch");
    const [good, bad, another] = await Promise.allSettled([
      Training.create(gpu, data, options),
      Training.create(gpu, data, { ...options, variant: "fused-tail" }),
      Training.create(gpu, data, options),
    ]);
    restore();

    assertEquals([good.status, bad.status, another.status], ["fulfilled", "rejected", "fulfilled"]);
    assertMatch((bad as PromiseRejectedResult).reason.message, /memory left for the tensors of a/);
    for (const made of [good, another]) {
      await finish((made as PromiseFulfilledResult<Training>).value);
    }
  });
});

Deno.test("create() does not swallow what the device refuses another meanwhile", async () => {
  const gpu = await Gpu.request();
  const creating = Training.create(gpu, new DeviceDataSet(gpu, dataset), OPTIONS);
  creating.catch(() => {});
  await Promise.resolve();
  gpu.device.createBuffer({ label: "refused", size: 4, usage: 0 });

  await assertRejects(() => creating, GpuError, "refused");
  assertThrows(() => gpu.check(), GpuError, "refused");
  gpu.destroy();
});

// Memory --------------------------------------------------------------------------------------------------------------

for (
  const [variant, label] of [
    ["per-operation", "parameters"],
    ["per-operation", "layer 1 outputs"],
    ["texel-12x8", "layer 2 weights"],
    ["fused-tail", "partial sums"],
    ["tiled", "layer 2 output gradients"],
    ["tiled", "identity order"],
  ]
) {
  Deno.test(`a device that has no memory for ${label} (${variant}) trains others all the same`, async () => {
    await withDevice(async (gpu, data) => {
      const options = { ...OPTIONS, variant };
      const first = await Training.create(gpu, data, options);
      const restore = withoutMemory(gpu.device, label);
      const message = `The adapter has no memory left for the ${label}`;
      await assertRejects(() => Training.create(gpu, data, options), ArgumentError, message);
      restore();

      await finish(first);
      await finish(await Training.create(gpu, data, options));
    });
  });
}

Deno.test("a device that has no memory for images says so, and trains others all the same", async () => {
  for (const label of ["training images", "training labels"]) {
    await withDevice(async (gpu, data) => {
      const restore = withoutMemory(gpu.device, label);
      const message = `The adapter has no memory left for the ${label}`;
      await assertRejects(() => Training.create(gpu, data, OPTIONS), ArgumentError, message);
      restore();

      await finish(await Training.create(gpu, data, OPTIONS));
    });
  }
});

Deno.test("513 small networks fit on an adapter whose bindings hold 128 MiB", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const { maxTextureArrayLayers, maxStorageBuffersPerShaderStage } = adapter!.limits;
  const requiredLimits = {
    maxStorageBufferBindingSize: 2 ** 27,
    maxTextureArrayLayers,
    maxStorageBuffersPerShaderStage,
  };
  // Hardware evaluates more images in one go, which must not cost so many networks their place.
  const summary = { description: "any hardware", vendor: "", software: false };
  const gpu = new Gpu(await adapter!.requestDevice({ requiredLimits }), summary);
  const data = new DeviceDataSet(gpu, await createRandomData({ inputs: 10, training: 20_000 }));
  const networks = Array.from({ length: 513 }, (_, identity) => ({
    ...OPTIONS.networks[0],
    identity,
  }));
  for (const variant of ["per-operation", "fused-tail", "tiled"]) {
    (await Training.create(gpu, data, { ...OPTIONS, networks, variant })).destroy();
  }
  gpu.destroy();
});

Deno.test("waiting for the device leaves nothing behind", async () => {
  const device = new FakeDevice({ manner: "returns", cost: () => 0 });
  const { gpu } = device;
  async function wait(times: number): Promise<void> {
    for (let i = 0; i < times; i++) await gpu.orLost(Promise.resolve());
  }
  await wait(20_000);
  const before = Deno.memoryUsage().heapUsed;
  await wait(200_000);

  // Promise.race() with a promise that never settles leaves 0.3 KB each: 60 MB.
  const grown = (Deno.memoryUsage().heapUsed - before) / 1e6;
  assert(grown < 25, `${grown} MB`);
});

// Trying again --------------------------------------------------------------------------------------------------------

Deno.test("a kernel that could not be made is made when it is next asked for", async () => {
  await withDevice(async (gpu, data) => {
    const { device } = gpu;
    const { createComputePipelineAsync } = device;
    device.createComputePipelineAsync = () => Promise.reject(new Error("the compiler crashed"));
    await assertRejects(() => Training.create(gpu, data, OPTIONS), GpuError, "compiler crashed");
    device.createComputePipelineAsync = createComputePipelineAsync;

    await finish(await Training.create(gpu, data, OPTIONS));
  });
});

Deno.test("a shader that could not be compiled is compiled when it is next asked for", async () => {
  await withDevice(async (gpu, data) => {
    const { device } = gpu;
    const { createShaderModule } = device;
    device.createShaderModule = ({ label }) =>
      createShaderModule.call(device, { label, code: "not WGSL" });
    await assertRejects(() => Training.create(gpu, data, OPTIONS), GpuError, "Cannot compile");
    device.createShaderModule = createShaderModule;

    await finish(await Training.create(gpu, data, OPTIONS));
  });
});

// After destroy() -----------------------------------------------------------------------------------------------------

Deno.test("a training says that it was destroyed, and the device trains others all the same", async () => {
  await withDevice(async (gpu, data) => {
    const other = await Training.create(gpu, data, OPTIONS);
    const training = await Training.create(gpu, data, OPTIONS);
    const state = await training.state();
    training.destroy();
    training.destroy();
    const message = "Cannot use the training: it was destroyed";

    await assertRejects(() => training.run().next(), ArgumentError, message);
    await assertRejects(() => training.evaluate("test"), ArgumentError, message);
    await assertRejects(() => training.predict("test"), ArgumentError, message);
    await assertRejects(() => training.state(), ArgumentError, message);
    await assertRejects(() => training.diverged(), ArgumentError, message);
    assertThrows(() => training.restore(state), ArgumentError, message);
    await finish(other);
  });
});

for (const milliseconds of [0, 1, 10]) {
  Deno.test(`a training that is destroyed ${milliseconds} ms into its work ends it, and the device trains others all the same`, async () => {
    // So wide that the images go through in parts.
    const options = { ...OPTIONS, hidden: [10_000] };
    const works: ((training: Training) => Promise<unknown>)[] = [
      (training) => training.evaluate("training"),
      (training) => training.predict("training"),
      (training) => training.run().next(),
      (training) => training.state(),
    ];
    await withDevice(async (gpu, data) => {
      for (const work of works) {
        const training = await Training.create(gpu, data, options);
        const [result] = await Promise.allSettled([
          work(training),
          new Promise((resolve) => setTimeout(resolve, milliseconds)).then(() =>
            training.destroy()
          ),
        ]);

        if (result.status === "fulfilled") continue; // The work was faster.
        assertMatch(`${result.reason}`, /^ArgumentError: Cannot use the networks: they were destr/);
        gpu.check();
      }
      await finish(await Training.create(gpu, data, OPTIONS));
    });
  });
}

Deno.test("a population says that it was destroyed, and the device trains others all the same", async () => {
  const steps = [{ first: 0, rise: 0, number: 0 }];
  await withDevice(async (gpu, data) => {
    const architecture = { inputs: 10, hidden: [7], classes: 10, batchNorm: true };
    const networks = OPTIONS.networks;
    const other = await Training.create(gpu, data, OPTIONS);
    for (const variant of VARIANTS.slice(-2)) {
      const made = await Population.create(gpu, {
        architecture,
        networks,
        batch: 20,
        data,
        variant,
      });
      const { parameters } = await made.readState();
      const result = await made.startEvaluation(["test"]);
      made.destroy();
      const message = "Cannot use the networks: they were destroyed";

      assertThrows(() => made.write({ parameters }), ArgumentError, message);
      assertThrows(() => made.setOrder(new Uint32Array(60)), ArgumentError, message);
      await assertRejects(() => made.advance(steps), ArgumentError, message);
      await assertRejects(() => made.advanceWithLosses(steps), ArgumentError, message);
      await assertRejects(() => made.time(steps), ArgumentError, message);
      await assertRejects(() => made.profile(steps), ArgumentError, message);
      await assertRejects(() => result(), ArgumentError, message);
      await assertRejects(() => made.evaluate(["test"]), ArgumentError, message);
      await assertRejects(() => made.predict("test"), ArgumentError, message);
      await assertRejects(() => made.readState(), ArgumentError, message);
      await assertRejects(() => made.readGradients(), ArgumentError, message);
      await assertRejects(() => made.readDiverged(), ArgumentError, message);
    }
    await finish(other);
  });
});

Deno.test("a training that is destroyed before its last rows are read says so, and yields none", async () => {
  await withDevice(async (gpu, data) => {
    const training = await Training.create(gpu, data, OPTIONS);
    const rows = training.run({ ahead: true });
    while (training.step < training.steps) await rows.next();
    training.destroy();

    const message = "Cannot use the training: it was destroyed";
    await assertRejects(() => rows.next(), ArgumentError, message);
  });
});

Deno.test("a population that is destroyed while it works says so, and the device trains others all the same", async () => {
  const steps = Array.from({ length: 100 }, (_, number) => ({ first: 0, rise: 0, number }));
  const works: ((made: Population) => Promise<unknown>)[] = [
    (made) => made.advance(steps),
    (made) => made.advanceWithLosses(steps),
    (made) => made.profile(steps),
    (made) => made.predict("training"),
    (made) => made.evaluate(["training", "validation"]),
    (made) => made.evaluate(["test"]), // While its kernels are bound.
  ];
  await withDevice(async (gpu, data) => {
    const other = await Training.create(gpu, data, OPTIONS);
    const architecture = { inputs: 10, hidden: [7], classes: 10, batchNorm: true };
    const shape = { architecture, networks: OPTIONS.networks, batch: 20, data };
    for (const work of works) {
      const made = await Population.create(gpu, shape);
      await made.evaluate(["training", "validation"]); // Now their kernels are there, and work begins at once.
      const working = work(made);
      made.destroy();

      await assertRejects(() => working, ArgumentError, "they were destroyed", `${work}`);
    }
    await finish(other);
  });
});

Deno.test("what was to be read of destroyed networks is not there", async () => {
  await withDevice(async (gpu, data) => {
    const architecture = { inputs: 10, hidden: [7], classes: 10, batchNorm: true };
    const made = await Population.create(gpu, {
      architecture,
      networks: OPTIONS.networks,
      batch: 20,
      data,
    });
    const result = await made.startEvaluation(["validation"]);
    made.destroy();

    await assertRejects(() => result(), ArgumentError, "they were destroyed");
  });
});

Deno.test("data say that they were destroyed", async () => {
  await withDevice(async (gpu) => {
    const data = new DeviceDataSet(gpu, dataset);
    data.destroy();
    const message = "Cannot use the data on the GPU: it was destroyed";

    await assertRejects(() => data.part("test"), ArgumentError, message);
    await assertRejects(() => Training.create(gpu, data, OPTIONS), ArgumentError, message);
  });
});

Deno.test("a training says that its data were destroyed, keeps what it has learnt, and harms no other", async () => {
  await withDevice(async (gpu, data) => {
    const gone = new DeviceDataSet(gpu, dataset);
    const training = await Training.create(gpu, gone, OPTIONS);
    for await (const [{ step }] of training.run()) if (step === 3) break;
    await training.predict("test");
    const state = await training.state();
    gone.destroy();
    const message = "Cannot use the data on the GPU: it was destroyed";

    await assertRejects(() => training.run().next(), ArgumentError, message);
    await assertRejects(() => training.evaluate("training"), ArgumentError, message);
    await assertRejects(() => training.predict("test"), ArgumentError, message);
    assertEquals(await training.state(), state);
    training.destroy();
    await finish(await Training.create(gpu, data, OPTIONS));
  });
});

Deno.test("data on another device are refused", async () => {
  const [gpu, other] = [await Gpu.request(), await Gpu.request()];
  const data = new DeviceDataSet(other, dataset);

  await assertRejects(() => Training.create(gpu, data, OPTIONS), ArgumentError, "another device");
  await finish(await Training.create(other, data, OPTIONS));
  for (const each of [gpu, other]) each.destroy();
});

Deno.test("a device says that it was destroyed", async () => {
  const gpu = await Gpu.request();
  const data = new DeviceDataSet(gpu, dataset);
  const training = await Training.create(gpu, data, OPTIONS);
  const buffer = gpu.buffer("numbers", 4);
  gpu.destroy();
  const message = "Cannot use the GPU: it was destroyed";

  await assertRejects(() => Training.create(gpu, data, OPTIONS), ArgumentError, message);
  await assertRejects(() => Training.create(gpu, dataset, OPTIONS), ArgumentError, message);
  await assertRejects(() => training.run().next(), ArgumentError, message);
  await assertRejects(() => training.evaluate("test"), ArgumentError, message);
  await assertRejects(() => gpu.done(), ArgumentError, message);
  await assertRejects(() => gpu.read(buffer), ArgumentError, message);
  await assertRejects(() => gpu.orLost(new Promise(() => {})), ArgumentError, message);
  assertThrows(() => gpu.upload("numbers", Float32Array.of(1)), ArgumentError, message);
  assertThrows(() => gpu.check(), ArgumentError, message);
  await assertRejects(() => Kernels.of(gpu).bind("relu_forward", BIND), ArgumentError, message);
});

const BIND = {
  shape: { rows: 1, inputs: 1, outputs: 1, slices: 1 },
  networks: 1,
  resources: {},
};
