import { assert, assertEquals, assertRejects } from "@std/assert";
import { DeviceDataSet } from "../src/device_data.ts";
import { ArgumentError } from "../src/errors.ts";
import { Gpu } from "../src/gpu.ts";
import { checkOnGpu, passes } from "../src/gradient_check.ts";
import { StoppedError } from "../tasks/_main.ts";
import { StepTimer } from "../tasks/_step_timer.ts";
import { createRandomData } from "./_gpu.ts";
import { steadyOrder } from "./_steady.ts";

/** Runs a test with some small images on the GPU. */
async function onGpu(test: (gpu: Gpu, data: DeviceDataSet) => Promise<void>): Promise<void> {
  const gpu = await Gpu.request();
  const data = new DeviceDataSet(gpu, await createRandomData({ inputs: 12, training: 60 }));
  try {
    await test(gpu, data);
  } finally {
    data.destroy();
    gpu.destroy();
  }
}

const PLAN = { hidden: [6, 5], batchNorm: true, batch: 20, networks: 2, seed: 1 };

Deno.test("StepTimer.time() takes the time of a step, also over several epochs", async () => {
  await onGpu(async (gpu, data) => {
    const { signal } = new AbortController();
    const timer = await StepTimer.create(gpu, data, { ...PLAN, signal });
    for (const milliseconds of [await timer.warmUp(20), await timer.time(7)]) {
      assert(milliseconds > 0 && Number.isFinite(milliseconds), `${milliseconds}`);
    }
    timer.destroy();
  });
});

Deno.test("StepTimer.time() gives up when it is told to stop", async () => {
  await onGpu(async (gpu, data) => {
    const stop = new AbortController();
    const timer = await StepTimer.create(gpu, data, { ...PLAN, signal: stop.signal });
    stop.abort(new StoppedError("SIGINT"));
    await assertRejects(() => timer.time(7), StoppedError);
    timer.destroy();
  });
});

Deno.test("StepTimer.create() refuses a batch that is larger than the data", async () => {
  await onGpu(async (gpu, data) => {
    const { signal } = new AbortController();
    await assertRejects(
      () => StepTimer.create(gpu, data, { ...PLAN, batch: 61, signal }),
      ArgumentError,
      "--batch expects at most 60",
    );
  });
});

Deno.test("a network trains as the reference does at the largest width that is measured", async () => {
  await onGpu(async (gpu, data) => {
    const setting = {
      hidden: [1024, 1024],
      batchNorm: true,
      networks: [{ lambda: 0.005, etaMin: 0.1, etaMax: 0.1 }],
      batch: 20,
      steps: 2,
    };
    const order = steadyOrder(data.source, setting);
    const rows = await checkOnGpu(gpu, { ...setting, data, order });
    assert(rows.length > 0);
    assertEquals(rows.filter((row) => !passes(row)), []);
  });
});
