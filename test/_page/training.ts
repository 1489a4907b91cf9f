/** A short training, for pages and for Deno: the same seeds give the same rows but for rounding. */
import { cutInputs } from "../../src/data/dataset.ts";
import { createSynthetic } from "../../src/data/synthetic.ts";
import { Gpu } from "../../src/gpu/device.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import { Training } from "../../src/train/training.ts";

/** Trains two networks on ten values of an image, which is enough to learn something in 30 steps. */
async function train(gpu: Gpu, ahead: boolean): Promise<MetricRow[][]> {
  const data = cutInputs(await createSynthetic({ training: 500, test: 100 }), 10);
  using training = await Training.create(gpu, data, {
    hidden: [20, 12],
    batchNorm: true,
    networks: [
      { identity: "a", lambda: 0.005, etaMin: 1e-5, etaMax: 0.1 },
      { identity: "b", lambda: 0, etaMin: 0.01, etaMax: 0.05 },
    ],
    halfCycle: 15,
    cycles: 1,
    batch: 50,
  });
  return await Array.fromAsync(training.run({ ahead }));
}

/** Trains on a device of its own, first row by row, then ahead of the rows. */
export async function trainTwice(): Promise<MetricRow[][][]> {
  using gpu = await Gpu.request();
  return [await train(gpu, false), await train(gpu, true)];
}

/** Whether work counts as over when a call returns that the system pauses again and again, as under load it does. */
export async function pausedCallsAreOver(): Promise<boolean[]> {
  using gpu = await Gpu.request();
  const { queue } = gpu.device;
  const { onSubmittedWorkDone } = queue;
  queue.onSubmittedWorkDone = () => {
    const until = performance.now() + 3;
    while (performance.now() < until);
    return onSubmittedWorkDone.call(queue);
  };
  const found: boolean[] = [];
  for (let i = 0; i < 4; i++) {
    const { heard, over } = gpu.completion();
    found.push(over);
    await heard;
  }
  return found;
}
