import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { withShaders } from "../../src/gpu/kernels.ts";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import { PACKAGE_VERSION } from "../../tasks/_kit/version.ts";
import type { TaskMain } from "../../tasks/_kit/context.ts";
import { measureAdapter } from "../../tasks/_run/measure_run.ts";
import { main } from "../../tasks/doctor.ts";
import { CapturedContext } from "../_context.ts";
import { writeBlack } from "../data/_black.ts";
import { modestGpu, sharedGpu } from "../_gpu.ts";
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

const measureBriefly: TaskMain = (args, context) =>
  main(args, context, { minMilliseconds: 0, repeat: 1 });

Deno.test("doctor prints what operations cost with --measure, after its findings", async () => {
  const { status, output, errors } = await runInProcess(measureBriefly, [
    ...SYNTHETIC,
    "--measure",
  ]);
  assertEquals(status, 0, errors);
  const lines = output.split("\n");
  const heading = lines.findIndex((line) => /^operation +setting +cost +unit$/.test(line));
  assert(lines.findIndex((line) => line.startsWith("Self-test: ok")) < heading, output);
  for (
    const pattern of [
      /^dependent dispatch +128 workgroups +[\d.]+ +µs$/,
      /^onSubmittedWorkDone\(\), its promise after the call +CPU +[\d.]+ +ms$/,
      /^exchange, workgroupBarrier\(\) +64 threads +[\d.]+ +µs$/,
      /^dependent read of storage +in 1 MiB +[\d.]+ +µs$/,
      /^multiply-adds in registers +[\d.]+ +GFLOP\/s$/,
      /^copying +[\d.]+ +GB\/s$/,
    ]
  ) {
    assert(lines.slice(heading).some((line) => pattern.test(line)), `${pattern}:\n${output}`);
  }
});

Deno.test("doctor gives an event for each operation with --measure --json, before its result", async () => {
  const ended = await runInProcess(measureBriefly, [...SYNTHETIC, "--measure", "--json"]);
  assertEquals(ended.status, 0, ended.errors);
  const [adapter, ...events] = eventsOf(ended);
  assertEquals([adapter.event, events.pop()?.event], ["adapter", "result"]);
  assert(events.length > 20);
  for (const { event, operation, setting, value, unit, ...others } of events) {
    assertEquals([event, others], ["operation", {}]);
    assertEquals([typeof operation, typeof setting], ["string", "string"]);
    assert(value as number > 0, `${operation}: ${value}`);
    assertMatch(unit as string, /^(us|ms|GFLOP\/s|GB\/s)$/);
  }
});

Deno.test("doctor measures nothing on an adapter that it refuses", async () => {
  const args = [...SYNTHETIC, "--measure", "--require-gpu"];
  const { output, errors } = await runInProcess(measureBriefly, args);
  const software = errors.split("\n")[0].endsWith(", software");
  assertEquals(output.includes("dependent dispatch"), !software);
});

Deno.test("measureAdapter() says that an adapter has no timestamps, and goes on", async () => {
  const gpu = await modestGpu();
  for (const json of [false, true]) {
    const context = new CapturedContext();
    await measureAdapter(context, gpu, { json });
    const message = `Operations are not measured: The adapter ${gpu.adapter.description} has no ` +
      "timestamps to measure kernels by";
    assertEquals(context.errors, `warning: ${message}\n`);
    if (json) assertEquals(context.events, [{ event: "warning", message }]);
    else assertEquals(context.output, "");
  }
  gpu.destroy();
});

Deno.test("measureAdapter() ends when it is told to", async () => {
  const context = new CapturedContext();
  context.abort(new Error("told to"));
  const gpu = await sharedGpu();
  await assertRejects(() => measureAdapter(context, gpu, { json: false }), Error, "told to");
  assertEquals(context.output, "");
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
  const { length } = broken.split("\n");
  const sentence =
    `^error: Cannot compile shaders/per_operation/batch_norm\\.wgsl, line ${length}: .+ in "fn broken\\( {"$`;
  assertMatch(errors, new RegExp(sentence, "m"));
});

Deno.test("doctor reports all findings, and exits 2, when the data are invalid", async () => {
  await inDirectory(async (directory) => {
    const { status, output, errors } = await runInProcess(main, ["--data", directory]);
    assertEquals(status, 2);
    assertMatch(output, /^Data: +Cannot read CIFAR-10 from\s/m);
    assertMatch(output, /^Self-test: ok/m);
    assert(errors.includes(`error: Cannot read CIFAR-10 from ${directory}: `), errors);
  });
});

Deno.test("doctor says so when the data are not the published ones", async () => {
  await inDirectory(async (directory) => {
    await writeBlack(directory);
    const { status, output } = await runInProcess(main, ["--data", directory]);
    assertEquals(status, 0);
    // Lines break where the path of the folder has them break.
    const text = output.replaceAll(/\s+/g, " ");
    assertMatch(text, / Data: CIFAR-10 \(unverified: digest [0-9a-f]{8}…\) in /);
    assertMatch(text, /of the right form but not the published files; /);
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
