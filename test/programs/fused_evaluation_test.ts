import { assert, assertEquals } from "@std/assert";
import { cutInputs, subset } from "../../src/data/dataset.ts";
import { createSynthetic } from "../../src/data/synthetic.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { tiles } from "../../src/gpu/kernel_table.ts";
import { evaluateInputSizes, evaluateRestSizes } from "../../src/programs/fused_evaluation.ts";
import { variantFits } from "../../src/programs/variants.ts";
import { checkKernels, passes } from "../../src/train/kernel_check.ts";
import { modestGpu, sharedGpu } from "../_gpu.ts";

Deno.test("evaluateInputSizes() has threads for all columns and for all that is staged", async () => {
  for (const gpu of [await sharedGpu(), await modestGpu()]) {
    for (let outputs = 1; outputs <= 300; outputs++) {
      const sizes = evaluateInputSizes(gpu, outputs);
      if (!sizes) continue;
      const { WORKGROUP, LANES, COLUMNS, CHUNK } = sizes.constants;
      const width = tiles(outputs, 4);
      assert(COLUMNS * tiles(width, COLUMNS) - width < tiles(width, COLUMNS), `${outputs}`);
      assert(LANES * COLUMNS <= WORKGROUP, `${outputs}`);
      assert(8 * LANES <= 5 * Math.floor(WORKGROUP / CHUNK), `${outputs}`);
      assert(4 * CHUNK * COLUMNS <= 2 * WORKGROUP, `${outputs}`);
    }
    // 50 outputs fit into what WebGPU promises, with fewer images a workgroup.
    const { LANES } = evaluateInputSizes(gpu, 50)!.constants;
    const room = gpu.device.limits.maxComputeWorkgroupStorageSize;
    assertEquals(LANES, room >= 2 ** 15 ? 16 : 8);
  }
});

Deno.test("evaluateRestSizes() takes fewer threads for wider layers, and none for the widest", async () => {
  const gpu = await modestGpu();

  const threads = [[3072, 8, 10], [3072, 20, 20, 10], [3072, 50, 10], [3072, 50, 50, 10]].map(
    (widths) => evaluateRestSizes(gpu, widths)?.constants.WORKGROUP,
  );
  assertEquals(threads, [128, 64, 32, undefined]);
  assertEquals(evaluateRestSizes(gpu, [5, 4, 12, 8, 16, 3])?.constants, {
    DEPTH: 4,
    ODD: 2,
    EVEN: 4,
    WORKGROUP: 128,
  });
});

Deno.test("layers too wide for the kernels of the fused evaluation are evaluated all the same", async () => {
  const gpu = await sharedGpu();
  const whole = await createSynthetic({ training: 300, test: 20 });
  const dataset = cutInputs(subset(whole, { training: 60, validation: 30 }), 10);
  const hidden = [1 + gpu.device.limits.maxComputeWorkgroupStorageSize / 4 / 32];
  const architecture = { inputs: 10, hidden, classes: 10, batchNorm: true };
  const variant = "fused-layers";
  assertEquals(evaluateRestSizes(gpu, [10, ...hidden, 10]), undefined);
  assert(variantFits(variant, gpu, { architecture, networks: 1, batch: 20 }));

  const data = new DeviceDataSet(gpu, dataset);
  const networks = [{ lambda: 0.1, etaMin: 0, etaMax: 0.01 }];
  const options = { data, hidden, batchNorm: true, networks, batch: 20, steps: 1, variant };
  const rows = (await checkKernels(gpu, options)).filter(({ kind }) => kind === "evaluation");
  data.destroy();
  assertEquals(rows.map(({ name }) => name), ["loss", "cost", "accuracy"]);
  assertEquals(rows.filter((row) => !passes(row)), []);
});
