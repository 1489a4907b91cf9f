import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { DeviceDataSet } from "../../../src/gpu/device_data.ts";
import { ArgumentError } from "../../../src/errors.ts";
import { Gpu } from "../../../src/gpu/device.ts";
import { checkKernels, passes } from "../../../src/train/kernel_check.ts";
import { SCALING_SIZES } from "../../../src/measure/scaling.ts";
import { timeUnit } from "../../../src/measure/timing.ts";
import { StoppedError } from "../../../tasks/_kit/main.ts";
import { CHOICE_BUDGET } from "../../../tasks/_bench/scaling_run.ts";
import { Runner } from "../../../tasks/_bench/measure.ts";
import { paceOf, TIMER_PACE, warmUp } from "../../../tasks/_bench/warm_up.ts";
import { createRandomData } from "../../_gpu.ts";
import { SimulatedGpu } from "../../_simulated.ts";
import { steadyOrder } from "../../_steady.ts";

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

const PLAN = { hidden: [6, 5], batchNorm: true, batch: 20, networks: 2 };
const ALIKE = { plan: PLAN, seed: 1, alike: true };

Deno.test("warmUp() and timeUnit() take the time of a step, also over several epochs", async () => {
  await onGpu(async (gpu, data) => {
    const { signal } = new AbortController();
    const runner = await Runner.create(gpu, data, { ...ALIKE, signal });
    const pace = paceOf(gpu, runner.steps);
    assertEquals(pace, gpu.adapter.software ? TIMER_PACE.software : pace);
    const steps = await warmUp(runner.steps, { max: 20, pace });
    assert(steps >= 5 && steps <= 20, `${steps} steps`);
    const milliseconds = await timeUnit(runner.steps, steps);
    assert(milliseconds > 0 && Number.isFinite(milliseconds), `${milliseconds}`);
    assertEquals(await warmUp(runner.steps, { max: 20, steps, pace }), steps);
    runner.destroy();
  });
});

Deno.test("warmUp() finds steps for a measurement that is right to 1 %", async () => {
  for (const stamped of [false, true]) {
    for (const each of [0.03, 0.5, 60]) {
      for (let seed = 1; seed <= 50; seed++) {
        const work = new SimulatedGpu({ seed, stamped }).work(each);
        const pace = TIMER_PACE[stamped ? "stamped" : "unstamped"];
        const steps = await warmUp(work, { max: 20_000, pace });
        assert(steps >= 5, `${steps} steps`);
        // The noise of the timestamps, 0.5 % in the mean, is not its doing.
        assertAlmostEquals(await timeUnit(work, steps), each, (stamped ? 0.02 : 0.012) * each);
      }
    }
  }
});

Deno.test("all sizes of all axes are measured within 90 s where steps take 30 to 500 µs", async () => {
  const sizes = Object.values(SCALING_SIZES).flat().length;
  const rounds = 5;
  /** Making a population on a fast GPU: two waits, and filling its parameters. */
  const creating = 60;
  for (const stamped of [false, true]) {
    let total = 0;
    for (const each of [0.03, 0.133, 0.5]) {
      const gpu = new SimulatedGpu({ seed: 1, stamped });
      const work = gpu.work(each);
      let steps: number | undefined;
      for (let round = 0; round < rounds; round++) {
        const pace = TIMER_PACE[stamped ? "stamped" : "unstamped"];
        steps = await warmUp(work, { max: 20_000, steps, pace });
        await timeUnit(work, steps);
      }
      total = Math.max(total, sizes * (CHOICE_BUDGET + rounds * creating + gpu.clock));
    }
    assert(total < 90_000, `${Math.round(total / 1000)} s`);
  }
});

Deno.test("timing a Runner's steps ends when it is aborted", async () => {
  await onGpu(async (gpu, data) => {
    const stop = new AbortController();
    const runner = await Runner.create(gpu, data, { ...ALIKE, signal: stop.signal });
    stop.abort(new StoppedError("SIGINT"));
    await assertRejects(() => timeUnit(runner.steps, 7), StoppedError);
    runner.destroy();
  });
});

Deno.test("Runner.create() refuses a batch that is larger than the data", async () => {
  await onGpu(async (gpu, data) => {
    const { signal } = new AbortController();
    await assertRejects(
      () => Runner.create(gpu, data, { ...ALIKE, plan: { ...PLAN, batch: 61 }, signal }),
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
    const rows = await checkKernels(gpu, { ...setting, data, order });
    assert(rows.length > 0);
    assertEquals(rows.filter((row) => !passes(row)), []);
  });
});
