/** Many trainings in one process: each must leave the GPU's memory and the process's files as it found them. */
import { assert, assertEquals } from "@std/assert";
import { Gpu } from "../src/gpu/device.ts";
import { VARIANTS } from "../src/programs/variants.ts";
import { Training, type TrainingOptions } from "../src/train/training.ts";
import { createRandomData } from "./_gpu.ts";
import { LiveMemory } from "./_live_memory.ts";
import { inDirectory, runProgram } from "./_tasks.ts";

const dataset = await createRandomData({ inputs: 10 });

const OPTIONS: TrainingOptions = {
  hidden: [7],
  batchNorm: true,
  networks: [{ identity: "a", lambda: 0, etaMin: 0.1, etaMax: 0.1 }],
  halfCycle: 3,
  cycles: 1,
  batch: 20,
};

Deno.test("15 trainings after one another leave no memory on the device, and compile each kernel once", async () => {
  const gpu = await Gpu.request();
  const memory = new LiveMemory(gpu.device);
  const { createComputePipelineAsync } = gpu.device;
  let compiled = 0;
  gpu.device.createComputePipelineAsync = function (descriptor) {
    compiled++;
    return createComputePipelineAsync.call(this, descriptor);
  };
  const variants = [VARIANTS[0], "texel-12x8", "fused-tail"];
  let kernels = 0;
  for (let run = 0; run < 15; run++) {
    const variant = variants[run % variants.length];
    // Their own copy of the data, too.
    const training = await Training.create(gpu, dataset, { ...OPTIONS, variant });
    for await (const _row of training.run({ ahead: true }));
    await training.evaluate("test");
    await training.predict("test");
    await training.state();
    await training.diverged();
    assert(memory.live > 0);
    training.destroy();
    const own = gpu.buffer("the caller's own", 4);
    await gpu.read(own);
    own.destroy();
    assertEquals(memory.live, 0, `run ${run + 1}, ${variant}`);
    if (run < variants.length) kernels = compiled;
    assertEquals(compiled, kernels, `run ${run + 1}, ${variant}`);
  }
  gpu.destroy();
});

Deno.test("8 tasks after one another leave no memory on their devices, and no file open", async () => {
  await inDirectory(async (out) => {
    const runs = 8;
    const program = `import "${new URL("_soak.ts", import.meta.url)}";`;
    const { status, output, errors } = await runProgram(program, [out, String(runs)], {
      files: 256,
    });
    assertEquals([status, errors], [0, ""]);
    const rows = output.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(rows.length, runs);
    // What the runtime and the driver open once, they have opened by the third.
    const [, , { filesLeft }] = rows;
    for (const [i, row] of rows.entries()) {
      assert(row.made > 20 * (i + 1), `${row.made} made`);
      assertEquals(row.live, 0, `run ${i + 1}`);
      if (i >= 2) assertEquals(row.filesLeft, filesLeft, `run ${i + 1}`);
    }
  });
});
