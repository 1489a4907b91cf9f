/** What tasks do on an adapter that offers less: they work, or say in one sentence which limit is too low. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Gpu } from "../../src/gpu/device.ts";
import { main as baseline } from "../../tasks/baseline.ts";
import { main as doctor } from "../../tasks/doctor.ts";
import { type Limits, PROMISED, withLimits } from "../_limits.ts";
import { exists, inDirectory, runInProcess } from "../_tasks.ts";

Deno.test("request() asks for no more than an adapter with the promised limits has", async () => {
  const gpu = await withLimits(PROMISED, () => Gpu.request());
  for (const [name, value] of Object.entries(PROMISED)) {
    // The device's own, behind those that the test shows.
    const { get } = Object.getOwnPropertyDescriptor(GPUDevice.prototype, "limits")!;
    assertEquals(get!.call(gpu.device)[name], value, name);
  }
  gpu.destroy();
});

Deno.test("doctor and baseline work on an adapter with the promised limits", async () => {
  await withLimits(PROMISED, async () => {
    const { status, output, errors } = await runInProcess(doctor, ["--data", "synthetic"]);
    assertEquals(status, 0, errors);
    assertMatch(output, /^Self-test: ok/m);
    assertMatch(output, /^ +invocations in a workgroup +256$/m);
    await inDirectory(async (out) => {
      const args = ["--quick", "--data", "synthetic", "--half-cycle", "1", "--hidden", "6"];
      const trained = await runInProcess(baseline, [...args, "--out", out]);
      assertEquals(trained.status, 0, trained.errors);
    });
  });
});

/** A limit that is too low, for which task, and what that says. */
interface Case {
  readonly lower: Limits;
  readonly args: readonly string[];
  readonly status: number;
  readonly sentence: RegExp;
}

const REFUSALS: readonly Case[] = [
  {
    lower: { maxStorageBufferBindingSize: 2 ** 20 },
    args: ["--hidden", "100"], // 309410 parameters of 4 bytes
    status: 2,
    sentence:
      /^error: --hidden 100 with --batch 100: The parameters need 1\.\d+ MiB \(\d+ bytes\), and this adapter holds at most 1 MiB \(1048576 bytes\) in one buffer \(maxStorageBufferBindingSize\): use smaller layers, smaller batches or fewer networks$/,
  },
  {
    lower: { maxBufferSize: 2 ** 20 },
    args: ["--hidden", "100"],
    status: 2,
    sentence: /holds at most 1 MiB \(1048576 bytes\) in one buffer \(maxBufferSize\): use smaller/,
  },
  {
    lower: { maxTextureDimension2D: 767 }, // An image is 768 texels.
    args: ["--hidden", "6"],
    status: 2,
    sentence:
      /^error: Cannot hold 2000 images of 3072 values: this adapter holds at most \d+ of at most 3068 \(maxTextureArrayLayers, maxTextureDimension2D\)$/,
  },
  {
    lower: { maxTextureArrayLayers: 1, maxTextureDimension2D: 1999 },
    args: ["--hidden", "6"],
    status: 2,
    sentence:
      /^error: Cannot hold 2000 images of 3072 values: this adapter holds at most 1999 of at/,
  },
  {
    lower: { maxStorageBuffersPerShaderStage: 2 },
    args: ["--hidden", "6", "--variant", "per-operation"],
    status: 1,
    sentence:
      /^error: Cannot make the kernel \w+ of shaders\/\w+\/\w+\.wgsl: it needs \d storage buffers, and this adapter allows at most 2 \(maxStorageBuffersPerShaderStage\)$/,
  },
  ...(["maxComputeInvocationsPerWorkgroup", "maxComputeWorkgroupSizeX"] as const).map((limit) => ({
    lower: { [limit]: 63 },
    args: ["--hidden", "6", "--variant", "per-operation"],
    status: 1,
    sentence: new RegExp(
      "^error: Cannot make the kernel \\w+ of shaders/\\w+/\\w+\\.wgsl: it needs 64 threads in a " +
        `workgroup, and this adapter allows at most 63 \\(${limit}\\)$`,
    ),
  })),
];

for (const { lower, args, status, sentence } of REFUSALS) {
  const limits = Object.entries(lower).map(([name, value]) => `${name} ${value}`).join(", ");
  Deno.test(`baseline says that ${limits} is too low, and writes nothing`, async () => {
    await inDirectory(async (out) => {
      const all = ["--quick", "--data", "synthetic", ...args, "--batch-norm", "on", "--out", out];
      const ended = await withLimits(lower, () => runInProcess(baseline, all));
      const said = ended.errors.trim().split("\n").filter((line) =>
        !/^(Adapter|Data): /.test(line)
      );
      assertEquals([ended.status, said.length], [status, 1], ended.errors);
      assertMatch(said[0], sentence);
      assert(!await exists(out));
    });
  });
}
