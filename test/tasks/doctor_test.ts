import { assert, assertEquals, assertMatch } from "@std/assert";
import { withShaders } from "../../src/gpu/kernels.ts";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import { PACKAGE_VERSION } from "../../tasks/_kit/version.ts";
import { main } from "../../tasks/doctor.ts";
import { eventsOf, inDirectory, runInProcess, runWithoutAdapter } from "../_tasks.ts";

const SYNTHETIC = ["--data", "synthetic"];

Deno.test("doctor names adapter, limits, features, data, and the result of its self-test", async () => {
  const { status, output, errors } = await runInProcess(main, SYNTHETIC);
  assertEquals(status, 0, errors);
  assertMatch(errors, /^Adapter: .*, driver .*, (software|hardware)\n$/);
  const lines = output.split("\n");
  for (
    const pattern of [
      /^Versions: +@headless\/mlp .*, Deno .*, /,
      /^Backend: +\S/,
      /^Drivers: +\S/,
      /^Adapter: +.*, driver .*, (software|hardware)/,
      /^Limits: +largest storage binding +\d+ MiB$/,
      /^ +workgroup memory +\d+ KiB$/,
      /^ +texture layers +\d+$/,
      /^ +invocations in a workgroup +\d+$/,
      /^Features: +\S/,
      /^Data: +the built-in synthetic set$/,
      /^Self-test: ok: 3 steps /,
    ]
  ) {
    assert(lines.some((line) => pattern.test(line)), `${pattern} is not in\n${output}`);
  }
  assert(lines.every((line) => line.length <= 92), output);
});

Deno.test("doctor gives programs one result with --json", async () => {
  const ended = await runInProcess(main, [...SYNTHETIC, "--json"]);
  assertEquals(ended.status, 0, ended.errors);
  const [adapter, result, ...others] = eventsOf(ended);
  assertEquals([adapter.event, result.event, others], ["adapter", "result", []]);
  assertEquals(result.package_version, PACKAGE_VERSION);
  assertEquals(result.adapter, adapter.adapter);
  assertEquals(result.data, "synthetic");
  assertMatch(result.self_test as string, /^ok/);
  const { maxStorageBufferBindingSize } = result.limits as Record<string, number>;
  assert(maxStorageBufferBindingSize >= 2 ** 27);
});

const BATCH_NORM = "per_operation/batch_norm";

Deno.test("doctor exits 3 when the adapter computes wrong results", async () => {
  const batchNorm = SHADERS[BATCH_NORM].replace("variance /= rows", "variance /= rows - 1.0");
  assert(batchNorm !== SHADERS[BATCH_NORM]);
  const { status, output } = await withShaders(
    { ...SHADERS, [BATCH_NORM]: batchNorm },
    () => runInProcess(main, [...SYNTHETIC, "--variant", "per-operation"]),
  );
  assertEquals(status, 3);
  assertMatch(output, /^Self-test: FAILED: \w+ of \w+ is off by \S+ from float64, expected/m);
});

Deno.test("doctor exits 1 when a kernel does not compile, and names it", async () => {
  const broken = `${SHADERS[BATCH_NORM]}\nfn broken( {`;
  const { status, errors } = await withShaders(
    { ...SHADERS, [BATCH_NORM]: broken },
    () => runInProcess(main, [...SYNTHETIC, "--variant", "per-operation"]),
  );
  assertEquals(status, 1);
  assertMatch(errors, /^error: Cannot compile shaders\/per_operation\/batch_norm\.wgsl: /m);
});

Deno.test("doctor reports all findings, and exits 2, when the data are invalid", async () => {
  await inDirectory(async (directory) => {
    const { status, output, errors } = await runInProcess(main, ["--data", directory]);
    assertEquals(status, 2);
    assertMatch(output, /^Data: +Cannot read CIFAR-10 from /m);
    assertMatch(output, /^Self-test: ok/m);
    assert(errors.includes(`error: Cannot read CIFAR-10 from ${directory}: `), errors);
  });
});

Deno.test("doctor refuses a software adapter when a GPU is required, and still reports all findings", async () => {
  const { status, output, errors } = await runInProcess(main, [...SYNTHETIC, "--require-gpu"]);
  const software = errors.split("\n")[0].endsWith(", software");
  assertEquals(status, software ? 1 : 0);
  assertEquals(errors.includes("error: --require-gpu expects a hardware adapter"), software);
  assertMatch(output, /^Self-test: ok/m);
});

Deno.test("doctor says what to install where there is no adapter", async () => {
  const { status, output, errors } = await runWithoutAdapter("doctor", SYNTHETIC);
  assertEquals(status, 1);
  assertMatch(output, /^Adapter: +none; to install: /m);
  assertMatch(output.replaceAll(/\s+/g, " "), /apt-get install mesa-vulkan-drivers|Metal|Direct3D/);
  assertMatch(errors, /^error: No GPU adapter was found: install /m);
});

Deno.test("doctor refuses an unknown kernel variant", async () => {
  const { status, errors } = await runInProcess(main, ["--variant", "unrolled"]);
  assertEquals(status, 2);
  assertMatch(errors, /^error: .*"unrolled".*per-operation\n$/);
});
