/** Who destroys what: devices that were requested and devices of the caller's, and memory on both. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/errors.ts";
import { Gpu } from "../../src/gpu/device.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { Training } from "../../src/train/training.ts";
import { createRandomData } from "../_gpu.ts";
import { LiveMemory } from "../_live_memory.ts";

const DESTROYED = "Cannot use the GPU: it was destroyed";

const source = await createRandomData({ inputs: 5 });

const OPTIONS = {
  hidden: [4],
  batchNorm: true,
  networks: [{ identity: "a", lambda: 0, etaMin: 0.1, etaMax: 0.1 }],
  batch: 20,
  halfCycle: 3,
  cycles: 1,
};

async function requestDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  return await adapter!.requestDevice();
}

async function train(training: Training): Promise<void> {
  for await (const _rows of training.run());
}

/** Whether the device was lost by now. */
async function isLost(device: GPUDevice): Promise<boolean> {
  const wait = new Promise((resolve) => setTimeout(resolve, 50, false));
  return await Promise.race([device.lost.then(() => true), wait]) === true;
}

Deno.test("destroy() destroys a device that request() made, and no device of the caller's", async () => {
  const own = await Gpu.request();
  const device = await requestDevice();
  const wrapped = new Gpu(device);
  for (const gpu of [own, wrapped]) {
    gpu.destroy();
    gpu.destroy();
  }

  assertEquals(await isLost(own.device), true);
  assertEquals(await isLost(device), false);
  const buffer = device.createBuffer({ size: 4, usage: GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(buffer, 0, Uint32Array.of(7));
  await device.queue.onSubmittedWorkDone();
  device.destroy();
});

Deno.test("destroy() leaves no listener on a device of the caller's, and hears nothing more of it", async () => {
  const heard: ((event: unknown) => void)[] = [];
  const { promise: lost, resolve: lose } = Promise.withResolvers<unknown>();
  const device = {
    adapterInfo: { description: "deaf" },
    lost,
    addEventListener: (_type: string, listener: () => void) => heard.push(listener),
    removeEventListener: (_type: string, listener: () => void) =>
      heard.splice(heard.indexOf(listener), 1),
  };
  const gpu = new Gpu(device as unknown as GPUDevice);
  const [hear] = heard;
  gpu.destroy();
  assertEquals(heard, []);
  hear({ error: { message: "refused" } });
  lose({ reason: "unknown", message: "Xid 79" });
  await lost;
  await Promise.resolve();

  assertThrows(() => gpu.check(), ArgumentError, DESTROYED);
});

Deno.test("a destroyed Gpu of the caller's device refuses use, and what is on it frees its memory later", async () => {
  const device = await requestDevice();
  const memory = new LiveMemory(device);
  const gpu = new Gpu(device);
  const data = new DeviceDataSet(gpu, source);
  const training = await Training.create(gpu, data, OPTIONS);
  await train(training);
  const buffer = gpu.buffer("numbers", 4);
  gpu.destroy();

  await assertRejects(() => Training.create(gpu, source, OPTIONS), ArgumentError, DESTROYED);
  await assertRejects(() => training.evaluate("test"), ArgumentError, DESTROYED);
  await assertRejects(() => training.state(), ArgumentError, DESTROYED);
  await assertRejects(() => data.part("test"), ArgumentError, DESTROYED);
  await assertRejects(() => gpu.read(buffer), ArgumentError, DESTROYED);
  assertThrows(() => gpu.buffer("numbers", 4), ArgumentError, DESTROYED);
  buffer.destroy();
  training.destroy();
  data.destroy();
  assertEquals(memory.live, 0);
  device.destroy();
});

Deno.test("destroy() ends the waits of a training on a device of the caller's", async () => {
  const device = await requestDevice();
  const gpu = new Gpu(device);
  using training = await Training.create(gpu, source, OPTIONS);
  const rows = training.run();
  await rows.next();
  const next = rows.next();
  gpu.destroy();
  await assertRejects(() => next, ArgumentError, DESTROYED);
  device.destroy();
});

Deno.test("another Gpu of the same device trains on when the first is destroyed", async () => {
  const device = await requestDevice();
  const [first, second] = [new Gpu(device), new Gpu(device)];
  {
    using training = await Training.create(first, source, OPTIONS);
    await train(training);
  }
  first.destroy();
  using training = await Training.create(second, source, OPTIONS);
  await train(training);
  second.destroy();
  device.destroy();
});

for (const order of ["the Gpu first", "the Gpu last"]) {
  Deno.test(`using disposes of Gpu, data and training, ${order}`, async () => {
    const device = await requestDevice();
    const memory = new LiveMemory(device);
    for (const gpu of [await Gpu.request(), new Gpu(device)]) {
      const data = new DeviceDataSet(gpu, source);
      const training = await Training.create(gpu, data, OPTIONS);
      await train(training);
      const all: Disposable[] = order === "the Gpu first"
        ? [training, data, gpu]
        : [gpu, data, training];
      // Disposed of from the last to the first, twice.
      for (let times = 0; times < 2; times++) {
        using stack = new DisposableStack();
        for (const each of all) stack.use(each);
      }
      assertThrows(() => gpu.check(), ArgumentError, DESTROYED);
    }
    assertEquals(memory.live, 0);
    assertEquals(await isLost(device), false);
    device.destroy();
  });
}
