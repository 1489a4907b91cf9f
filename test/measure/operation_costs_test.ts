import { assert, assertEquals, assertRejects } from "@std/assert";
import { GpuUnavailableError } from "../../src/errors.ts";
import { Gpu } from "../../src/gpu/device.ts";
import { measureOperations, type OperationCost } from "../../src/measure/operation_costs.ts";
import { modestGpu, sharedGpu } from "../_gpu.ts";

/** A device of its own with timestamps and the limits that WebGPU promises. */
async function stampedGpu(): Promise<Gpu> {
  const adapter = await navigator.gpu.requestAdapter();
  return new Gpu(await adapter!.requestDevice({ requiredFeatures: ["timestamp-query"] }));
}

const BRIEF = { minMilliseconds: 0, repeat: 1 };

function names(costs: readonly OperationCost[]): string[] {
  return costs.map(({ operation, setting }) => `${operation}, ${setting}`);
}

Deno.test("measureOperations() gives each operation once, with a cost that is positive and finite", async () => {
  const costs = await Array.fromAsync(measureOperations(await sharedGpu(), BRIEF));
  for (const { operation, value } of costs) {
    assert(value > 0 && value < Infinity, `${operation}: ${value}`);
  }
  const all = names(costs);
  assertEquals(new Set(all).size, all.length);
  for (
    const operation of [
      "dependent dispatch, 1 workgroup",
      "recording a dispatch, CPU",
      "onSubmittedWorkDone(), its promise after the call, CPU",
      "exchange, workgroupBarrier(), 256 threads",
      "exchange, storageBarrier() and workgroupBarrier(), 256 threads",
      "dependent read of storage, in 16 MiB",
      "dependent read of workgroup memory, 64 threads",
      "dispatch with a sum of 96 reads, eight reads a turn",
      "multiply-adds out of workgroup memory, tiles of 8 × 8",
    ]
  ) {
    assert(all.includes(operation), `${operation} is not in\n${all.join("\n")}`);
  }
});

Deno.test("measureOperations() leaves out workgroups larger than the adapter allows", async () => {
  const gpu = await stampedGpu();
  const all = names(await Array.fromAsync(measureOperations(gpu, BRIEF)));
  assertEquals(all.filter((name) => /barrier/i.test(name)), [
    "exchange, workgroupBarrier(), 64 threads",
    "exchange, workgroupBarrier(), 256 threads",
    "exchange, storageBarrier() and workgroupBarrier(), 64 threads",
    "exchange, storageBarrier() and workgroupBarrier(), 256 threads",
  ]);
  gpu.destroy();
});

Deno.test("measureOperations() ends between two measurements when it is told to", async () => {
  const gpu = await sharedGpu();
  const controller = new AbortController();
  const costs = measureOperations(gpu, { ...BRIEF, signal: controller.signal });
  assertEquals((await costs.next()).done, false);
  controller.abort(new Error("told to"));
  await assertRejects(() => costs.next(), Error, "told to");
});

Deno.test("measureOperations() refuses a device without timestamps", async () => {
  const gpu = await modestGpu();
  await assertRejects(
    () => measureOperations(gpu).next(),
    GpuUnavailableError,
    "has no timestamps to measure kernels by",
  );
  gpu.destroy();
});

for (
  const [times, message] of [
    [[2n, 1n], "its clock puts the end of work before its beginning"],
    [[1n, 1n], "its clock says that all work takes no time"],
  ] as const
) {
  Deno.test(`measureOperations() refuses an adapter when ${message}`, async () => {
    const gpu = await stampedGpu();
    // Only timestamps are read.
    gpu.read = () => Promise.resolve(BigUint64Array.from(times).buffer);
    await assertRejects(
      () => measureOperations(gpu, BRIEF).next(),
      GpuUnavailableError,
      `has no timestamps to measure by: ${message}`,
    );
    gpu.destroy();
  });
}
