import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { ArgumentError, DeviceLostError, GpuError, GpuUnavailableError } from "../../src/errors.ts";
import { Gpu } from "../../src/gpu/device.ts";
import { Memory } from "../../src/gpu/memory.ts";
import { explainNoAdapter, explainNoWebGpu, runtimeOf } from "../../src/gpu/runtime.ts";
import { initialise } from "../../src/model/initialisation.ts";
import { Population } from "../../src/train/population.ts";
import { createRandomData, sharedGpu } from "../_gpu.ts";
import { withoutMemory } from "../_no_memory.ts";

/** Asks the device for something that it must refuse. */
function refuse(device: GPUDevice): void {
  device.createBuffer({ label: "refused", size: 4, usage: 0 });
}

async function requestDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  return await adapter!.requestDevice();
}

/** Runs something with another `navigator.gpu`. */
async function withNavigatorGpu(gpu: unknown, story: () => Promise<void>): Promise<void> {
  Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  try {
    await story();
  } finally {
    delete (navigator as { gpu?: unknown }).gpu;
  }
}

Deno.test("request() gives a device with the limits of its adapter", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const gpu = await Gpu.request();

  const { maxBufferSize, maxStorageBufferBindingSize, maxTextureDimension2D } = adapter!.limits;
  assertEquals(gpu.device.limits.maxBufferSize, maxBufferSize);
  assertEquals(gpu.device.limits.maxStorageBufferBindingSize, maxStorageBufferBindingSize);
  assertEquals(gpu.device.limits.maxTextureDimension2D, maxTextureDimension2D);
  assert(gpu.adapter.description.length > 0);
  gpu.destroy();
});

Deno.test("request() tells a runtime without WebGPU from one without an adapter", async () => {
  const none = { requestAdapter: () => Promise.resolve(null) };
  for (
    const [gpu, sentence] of [
      [undefined, explainNoWebGpu(runtimeOf(globalThis))],
      [none, explainNoAdapter(runtimeOf(globalThis))],
    ] as const
  ) {
    await withNavigatorGpu(gpu, async () => {
      await assertRejects(() => Gpu.request(), GpuUnavailableError, sentence);
    });
  }
});

Deno.test("request() tells why when the adapter gives no device", async () => {
  const requestDevice = () => Promise.reject(new TypeError("too many"));
  const adapter = { limits: {}, features: new Set(), requestDevice };
  await withNavigatorGpu({ requestAdapter: () => Promise.resolve(adapter) }, async () => {
    await assertRejects(
      () => Gpu.request(),
      GpuUnavailableError,
      "The GPU adapter gave no device: too many",
    );
  });
});

Deno.test("adapter tells software from hardware, and always has a name", () => {
  function summary(info: Partial<GPUAdapterInfo>) {
    const adapterInfo = { vendor: "", architecture: "", device: "", description: "", ...info };
    const device = { adapterInfo, addEventListener() {}, lost: new Promise(() => {}) };
    return new Gpu(device as unknown as GPUDevice).adapter;
  }
  assert(summary({ description: "llvmpipe (LLVM 15.0.6, 256 bits)" }).software);
  assert(summary({ description: "SwiftShader Device (Subzero)" }).software);
  assert(summary({ description: "anything", isFallbackAdapter: true }).software);
  assert(summary({ vendor: "google", architecture: "swiftshader" }).software);
  assert(!summary({ description: "NVIDIA H100 80GB HBM3", isFallbackAdapter: false }).software);
  assertEquals(summary({ vendor: "4318", device: "9000" }).description, "9000");
  assertEquals(summary({ vendor: "4318" }).description, "4318");
  assertEquals(summary({}).description, "unnamed adapter");
});

Deno.test("check() throws the first error of the device, again and again", async () => {
  const gpu = await Gpu.request();
  gpu.check();
  refuse(gpu.device);
  await gpu.device.queue.onSubmittedWorkDone();

  const error = assertThrows(() => gpu.check(), GpuError, "The GPU refused an operation: ");
  gpu.device.createBuffer({ label: "another", size: 2 ** 50, usage: GPUBufferUsage.STORAGE });
  await gpu.device.queue.onSubmittedWorkDone();
  assertStrictEquals(assertThrows(() => gpu.check()), error);
  gpu.destroy();
});

Deno.test("done() and read() reject when the device refused an operation", async () => {
  const gpu = await Gpu.request();
  const buffer = gpu.buffer("numbers", 4);
  refuse(gpu.device);

  await assertRejects(() => gpu.read(buffer), GpuError);
  await assertRejects(() => gpu.done(), GpuError);
  gpu.destroy();
});

Deno.test("done() and read() reject when the device is lost", async () => {
  const gpu = await Gpu.request();
  const buffer = gpu.buffer("numbers", 4);
  const reading = gpu.read(buffer);
  gpu.device.destroy();

  await assertRejects(() => reading, DeviceLostError, "The GPU device was lost: ");
  await assertRejects(() => gpu.done(), DeviceLostError);
  await assertRejects(() => gpu.read(buffer), DeviceLostError);
  assertThrows(() => gpu.check(), DeviceLostError);
});

/** A device of which only the loss and the errors are real. */
function hearing(): { gpu: Gpu; lose(message: string): void; refuse(error: GPUError): void } {
  const events = new EventTarget();
  const { promise: lost, resolve } = Promise.withResolvers<unknown>();
  const device = Object.assign(events, { adapterInfo: { description: "deaf" }, lost });
  return {
    gpu: new Gpu(device as unknown as GPUDevice),
    lose: (message) => resolve({ reason: "unknown", message }),
    refuse: (error) => events.dispatchEvent(Object.assign(new Event("uncapturederror"), { error })),
  };
}

Deno.test("check() tells a device that was lost from one that ran out of memory", async () => {
  const advice = "use smaller layers, smaller batches or fewer networks";
  for (
    const [reason, sentence, kind] of [
      ["Xid 79", "The GPU device was lost: Xid 79", DeviceLostError],
      ["", "The GPU device was lost: no reason given", DeviceLostError],
      ["device was lost", "The GPU device was lost: no reason given", DeviceLostError],
      [
        "Not enough memory left.",
        `The GPU ran out of memory and was lost (Not enough memory left.): ${advice}`,
        GpuError,
      ],
      [
        "vkQueueSubmit failed with VK_ERROR_OUT_OF_DEVICE_MEMORY",
        "The GPU ran out of memory and was lost (vkQueueSubmit failed with " +
        `VK_ERROR_OUT_OF_DEVICE_MEMORY): ${advice}`,
        GpuError,
      ],
    ] as const
  ) {
    const { gpu, lose } = hearing();
    const waiting = gpu.orLost(new Promise(() => {}));
    lose(reason);
    const error = await assertRejects(() => waiting, kind);
    assertEquals(error.message, sentence);
    assertStrictEquals(assertThrows(() => gpu.check()), error);
  }
});

Deno.test("check() says what to do when the device ran out of memory", () => {
  const { gpu, refuse } = hearing();
  refuse(new GPUOutOfMemoryError("Not enough memory left."));
  refuse(new GPUValidationError("Buffer with 'sums' label is invalid"));
  const { message } = assertThrows(() => gpu.check(), GpuError);
  assertEquals(
    message,
    "The GPU ran out of memory (Not enough memory left.): " +
      "use smaller layers, smaller batches or fewer networks",
  );
});

Deno.test("read() says how much memory was missing to read what", async () => {
  const gpu = await Gpu.request();
  const buffer = gpu.buffer("parameters", 6 * 2 ** 20);
  const restore = withoutMemory(gpu.device, "parameters, read back");
  const { message } = await assertRejects(() => gpu.read(buffer), GpuError);
  assertEquals(
    message,
    "Cannot read the parameters back: the adapter has no memory left for 6 MiB (Not enough memory " +
      "left.); use smaller layers, smaller batches or fewer networks",
  );
  restore();
  gpu.destroy();
});

Deno.test("Memory.ready() says how much memory was missing for what", async () => {
  const gpu = await Gpu.request();
  const restore = withoutMemory(gpu.device, "");
  for (
    const [make, sentence] of [
      [(memory: Memory) => memory.buffer("sums", 2 ** 18), "sums, 1 MiB"],
      [(memory: Memory) => memory.texels("weights", [256, 64, 3]), "weights, 768 KiB"],
    ] as const
  ) {
    const memory = new Memory(gpu);
    make(memory);
    const { message } = await assertRejects(() => memory.ready(), ArgumentError);
    const reason =
      "(Not enough memory left.): use smaller layers, smaller batches or fewer networks";
    assertEquals(message, `The adapter has no memory left for the ${sentence} ${reason}`);
    memory.destroy();
  }
  restore();
  gpu.destroy();
});

Deno.test("destroy() is not a loss, and later calls say so", async () => {
  const gpu = await Gpu.request();
  gpu.destroy();
  await gpu.device.lost;
  await new Promise((resolve) => setTimeout(resolve, 10));

  const message = "Cannot use the GPU: it was destroyed";
  assertThrows(() => gpu.check(), ArgumentError, message);
});

Deno.test("orLost() passes on values and errors", async () => {
  const gpu = await sharedGpu();

  assertEquals(await gpu.orLost(Promise.resolve(7)), 7);
  await assertRejects(() => gpu.orLost(Promise.reject(new RangeError("no"))), RangeError, "no");
});

Deno.test("buffer() gives a whole number of words of zeros, at least one", async () => {
  const gpu = await sharedGpu();

  assertEquals(gpu.buffer("empty", 0).size, 4);
  const buffer = gpu.buffer("five bytes", 5);
  assertEquals(new Uint8Array(await gpu.read(buffer)), new Uint8Array(8));
});

Deno.test("buffer() refuses what the adapter cannot bind, and names it", async () => {
  const gpu = await sharedGpu();
  const { maxStorageBufferBindingSize, maxBufferSize } = gpu.device.limits;

  assertThrows(
    () => gpu.buffer("parameters", maxStorageBufferBindingSize + 4),
    ArgumentError,
    `(${maxStorageBufferBindingSize + 4} bytes), and this adapter holds at most`,
  );
  assertThrows(
    // Twice as much, since some adapters allow so much that a number cannot represent 4 bytes more.
    () => gpu.buffer("staging", 2 * maxBufferSize, GPUBufferUsage.COPY_DST),
    ArgumentError,
    `(${maxBufferSize} bytes) in one buffer (maxBufferSize): use smaller layers`,
  );
  gpu.check();
});

Deno.test("read() gives back what upload() wrote, all of it or its beginning", async () => {
  const gpu = await sharedGpu();
  const buffer = gpu.upload("numbers", Float32Array.of(1, 2, 3));

  assertEquals(new Float32Array(await gpu.read(buffer)), Float32Array.of(1, 2, 3));
  assertEquals(new Float32Array(await gpu.read(buffer, 8)), Float32Array.of(1, 2));
});

Deno.test("Gpu takes a device of the caller's, with default limits", async () => {
  const device = await requestDevice();
  const gpu = new Gpu(device);
  const data = new DeviceDataSet(gpu, await createRandomData({ inputs: 10 }));
  const architecture = { inputs: 10, hidden: [7], classes: 10, batchNorm: true };
  const networks = [{ lambda: 0, etaMin: 0.1, etaMax: 0.1 }];
  const population = await Population.create(gpu, { architecture, networks, batch: 20, data });
  population.write({ parameters: [initialise(architecture, { seed: 1, identity: 0 })] });
  const [[before]] = await population.evaluate(["training"]);
  const plans = Array.from({ length: 30 }, (_, number) => ({
    first: number % 3 * 20,
    rise: 0,
    number,
  }));
  population.setOrder(Uint32Array.from({ length: 60 }, (_, i) => i));
  await population.advance(plans);
  const [[after]] = await population.evaluate(["training"]);

  assert(after.loss < before.loss, `${after.loss} after ${before.loss}`);
  gpu.destroy();
  device.destroy();
});

Deno.test("orLost() reports the loss of the device even if something fails before it is known", async () => {
  const gpu = await Gpu.request();
  const buffer = gpu.buffer("numbers", 4, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  lose(gpu.device);

  await assertRejects(() => gpu.orLost(buffer.mapAsync(GPUMapMode.READ)), DeviceLostError);
});

// The default of software adapters, and that of others, which compiles further kernels for its first evaluation.
for (const variant of ["texel-20x10", "fused-tail"]) {
  Deno.test(`a population rejects when the device refuses an operation or is lost, with the variant ${variant}`, async () => {
    for (const [spoil, kind] of [[refuse, GpuError], [lose, DeviceLostError]] as const) {
      const gpu = await Gpu.request();
      const data = new DeviceDataSet(gpu, await createRandomData({ inputs: 10 }));
      const architecture = { inputs: 10, hidden: [7], classes: 10, batchNorm: false };
      const networks = [{ lambda: 0, etaMin: 0.1, etaMax: 0.1 }];
      const options = { architecture, networks, batch: 20, data, variant };
      const population = await Population.create(gpu, options);
      spoil(gpu.device);

      const plans = Array.from({ length: 5 }, (_, number) => ({ first: 0, rise: 0, number }));
      await assertRejects(() => population.advance(plans), kind);
      await assertRejects(() => population.evaluate(["test"]), kind);
      await assertRejects(() => population.readState(), kind);
      await assertRejects(() => Population.create(gpu, options), kind);
    }
  });
}

function lose(device: GPUDevice): void {
  device.destroy();
}
