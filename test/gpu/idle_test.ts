/** That the GPU has something to do while this program reads, encodes and waits: on a simulated device. */
import { assert, assertEquals } from "@std/assert";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { Training } from "../../src/train/training.ts";
import { FakeDevice, type Manner } from "../_fake_device.ts";
import { createRandomData } from "../_gpu.ts";

/** 450 steps an epoch, as CIFAR-10 has. */
const dataset = await createRandomData({ inputs: 4, training: 4500, validation: 500 });

/** 9000 steps with 21 evaluations, as a run of the report has. */
const RUN = {
  hidden: [5, 5],
  batchNorm: true,
  networks: [{ identity: "a", lambda: 0, etaMin: 1e-5, etaMax: 0.1 }],
  batch: 10,
  halfCycle: 2250,
  cycles: 2,
  variant: "fused-tail",
};

/** Trains on a device whose steps and evaluations take so many milliseconds. */
async function train(manner: Manner, { step, evaluation }: { step: number; evaluation: number }) {
  const device = new FakeDevice({
    manner,
    // Three kernels a step. Each evaluation has two of its largest kernel: one for each part of the images.
    cost: (kernel) => {
      if (kernel === "fused_evaluate_input") return evaluation / 2;
      return /^fused_(?!evaluate)/.test(kernel) ? step / 3 : 0;
    },
    recording: 0.0025,
  });
  return await device.run(async () => {
    const data = new DeviceDataSet(device.gpu, dataset);
    const training = await Training.create(device.gpu, data, RUN);
    const rows: number[] = [];
    for await (const [row] of training.run({ ahead: true })) rows.push(row.step);
    assertEquals(rows, Array.from({ length: 21 }, (_, i) => 450 * i));
    return device;
  });
}

for (const manner of ["waits", "returns"] as const) {
  for (const step of [0.03, 0.133, 3]) {
    Deno.test(`a run of 9000 steps of ${step} ms leaves the GPU idle for at most 3 % where the call ${manner}`, async () => {
      const device = await train(manner, { step, evaluation: 1 });
      const share = device.idleShare();

      assert(share <= 0.03, `${share}`);
      // Ctrl-C is heard between two submits.
      const longest = Math.max(...device.submits.map(({ begin, end }) => end - begin));
      assert(longest <= 150, `a submit of ${longest} ms`);
    });
  }
}
