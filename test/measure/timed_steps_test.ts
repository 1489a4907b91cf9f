import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { layout } from "../../src/model/network.ts";
import { Population } from "../../src/train/population.ts";
import { timedSteps, timingParameters } from "../../src/measure/timed_steps.ts";
import { createRandomData, modestGpu, sharedGpu } from "../_gpu.ts";

const ARCHITECTURE = { inputs: 10, hidden: [6, 5], classes: 4, batchNorm: true };

/** Runs a test with a population on 60 images, so that an epoch has three batches. */
async function withPopulation(
  gpu: Gpu,
  test: (population: Population) => Promise<void>,
): Promise<void> {
  const data = new DeviceDataSet(gpu, await createRandomData({ inputs: 10, classes: 4 }));
  const population = await Population.create(gpu, {
    architecture: ARCHITECTURE,
    networks: [{ lambda: 0, etaMin: 0.01, etaMax: 0.1 }],
    batch: 20,
    data,
  });
  population.write({ parameters: [timingParameters(ARCHITECTURE)] });
  population.setOrder(Uint32Array.from({ length: 60 }, (_, i) => i));
  await test(population);
  population.destroy();
  data.destroy();
}

Deno.test("timedSteps() makes the updates of Population.advance(), each time from where the last one ended", async () => {
  const gpu = await sharedGpu();
  const rise = (number: number) => number / 5;
  const learnt: Float32Array[] = [];
  await withPopulation(gpu, async (population) => {
    const work = timedSteps(gpu, population, { rise });
    for (const units of [1, 3, 1]) assert(await work.time(units) > 0);
    const { parameters } = await population.readState();
    learnt.push(...parameters);
  });
  await withPopulation(gpu, async (population) => {
    await population.advance(Array.from({ length: 5 }, (_, number) => {
      return { first: 20 * (number % 3), rise: rise(number), number };
    }));
    const { parameters } = await population.readState();
    learnt.push(...parameters);
  });
  assertEquals(learnt[0], learnt[1]);
  assertNotEquals(learnt[0], timingParameters(ARCHITECTURE));
});

Deno.test("timedSteps() uses this program's clock where the device has no timestamps", async () => {
  const gpu = await modestGpu();
  await withPopulation(gpu, async (population) => {
    const work = timedSteps(gpu, population);
    assertEquals(work.stamped, false);
    const began = performance.now();
    const milliseconds = await work.time(3);
    assert(milliseconds > 0 && milliseconds <= performance.now() - began);
  });
  gpu.destroy();
});

Deno.test("timingParameters() gives weights the size of He initialisation, no two rows alike", () => {
  const architecture = { inputs: 300, hidden: [64, 64], classes: 10, batchNorm: true };
  const vector = timingParameters(architecture);
  const { parameters, count } = layout(architecture);
  assertEquals(vector.length, count);
  for (const { kind, shape, offset, size } of parameters) {
    const own = vector.subarray(offset, offset + size);
    if (kind !== "weight") {
      assert(own.every((value) => value === (kind === "gamma" ? 1 : 0)), kind);
      continue;
    }
    const [inputs, outputs] = shape;
    const square = own.reduce((sum, value) => sum + value * value, 0) / size;
    // The variance of n normal draws varies by √(2 / n): four times that, for the smallest matrix of 640.
    assertAlmostEquals(square / (2 / inputs), 1, 4 * Math.sqrt(2 / 640));
    const rows = Array.from(
      { length: inputs },
      (_, i) => own.subarray(i * outputs, (i + 1) * outputs).join(),
    );
    assertEquals(new Set(rows).size, inputs);
  }
});
