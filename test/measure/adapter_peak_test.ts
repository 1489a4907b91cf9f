import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import type { Gpu } from "../../src/gpu/device.ts";
import {
  COEFFICIENTS,
  compilePeakKernel,
  COPIED,
  measureAdapterPeak,
  OPERATIONS,
  WORKGROUP,
} from "../../src/measure/adapter_peak.ts";
import { sharedGpu } from "../_gpu.ts";

/** Runs a kernel in some workgroups, and gives what it wrote into a buffer of so many numbers. */
async function run(
  gpu: Gpu,
  kernel: keyof typeof WORKGROUP,
  options: { x: Float32Array<ArrayBuffer>; workgroups: number; count: number },
): Promise<Float32Array> {
  const x = gpu.upload("x", options.x);
  const y = gpu.buffer("y", 4 * options.count);
  const pipeline = await compilePeakKernel(gpu, kernel);
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    gpu.device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [x, y].map((buffer, i) => ({ binding: 11 + i, resource: { buffer } })),
    }),
  );
  pass.dispatchWorkgroups(options.workgroups);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
  const written = new Float32Array(await gpu.read(y));
  for (const buffer of [x, y]) buffer.destroy();
  return written;
}

Deno.test("measureAdapterPeak() gives rates that are positive and finite", async () => {
  const { gflopPerS, gbPerS } = await measureAdapterPeak(await sharedGpu(), {
    minMilliseconds: 1,
    repeat: 1,
  });
  assert(gflopPerS > 0 && gflopPerS < Infinity, String(gflopPerS));
  assert(gbPerS > 0 && gbPerS < Infinity, String(gbPerS));
});

Deno.test("measureAdapterPeak() stops when it is told to", async () => {
  const signal = AbortSignal.abort(new Error("told to"));
  const gpu = await sharedGpu();
  await assertRejects(() => measureAdapterPeak(gpu, { signal }), Error, "told to");
});

Deno.test("multiply_add does as many operations as are counted", async () => {
  const [a, b] = COEFFICIENTS;
  const threads = 2 * WORKGROUP.multiply_add;
  const sums = await run(await sharedGpu(), "multiply_add", {
    x: Float32Array.of(a, b, 0, 0),
    workgroups: 2,
    count: 4 * threads,
  });
  // s a + b, n times from s, is 1 + (s - 1) aⁿ, as far as b is 1 - a; a thread has twelve sums, and adds up by threes.
  const shrunk = a ** (OPERATIONS / 2 / 12);
  for (const [i, sum] of sums.entries()) {
    const thread = Math.floor(i / 4);
    assertAlmostEquals(sum, 3 + (3 * thread + 3 - 3) * shrunk, 0.01 + 0.001 * sum);
  }
});

Deno.test("copy copies as many bytes as are counted", async () => {
  const workgroups = 3;
  const count = workgroups * WORKGROUP.copy * COPIED / 4;
  const x = Float32Array.from({ length: count }, (_, i) => i + 1);
  const y = await run(await sharedGpu(), "copy", { x, workgroups, count: count + 4 });
  assertEquals(y.subarray(0, count), x);
  assertEquals(y.subarray(count), new Float32Array(4));
});
