/** The task `doctor`: what this machine offers the other tasks, and what it lacks. */
import { CIFAR10_NAME, readCifar10 } from "../src/data/cifar10.ts";
import { createSynthetic } from "../src/data/synthetic.ts";
import { GpuUnavailableError } from "../src/errors.ts";
import { Gpu } from "../src/gpu/device.ts";
import { DeviceDataSet } from "../src/gpu/device_data.ts";
import { shapeOf } from "../src/model/shape.ts";
import { checkVariant } from "../src/programs/variants.ts";
import { PACKAGE_NAME } from "../src/records/config.ts";
import { checkKernels, passes } from "../src/train/kernel_check.ts";
import { announceAdapter, describeAdapter, vendorName } from "./_kit/adapter.ts";
import type { TaskContext } from "./_kit/context.ts";
import { exists, loadDataSet, NO_CIFAR10, usualDirectory } from "./_kit/data.ts";
import { writeEvent } from "./_kit/events.ts";
import { withOptions, wrap } from "./_kit/help.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import { COMMON_OPTIONS, flag, type Task, type Values } from "./_kit/options.ts";
import { kindOf } from "./_kit/own_data.ts";
import { alignColumns } from "./_kit/table.ts";
import { DENO_VERSION, PACKAGE_VERSION } from "./_kit/version.ts";
import { measureAdapter, type MeasureRun } from "./_run/measure_run.ts";
import { failedVariants, soundVariant, warnIfFailed } from "./_run/verified.ts";
import { type VerifyRun, verifyVariants } from "./_run/verify_run.ts";

const { help, seed, data, label, json, requireGpu, variant } = COMMON_OPTIONS;
const verify = flag({
  help:
    "check every kernel variant, or that of --variant: gradients, NaN, and the same bytes when " +
    "repeated, alone or in a population, in one piece or several",
});
const measure = flag({
  help:
    "measure what the adapter's operations cost, by its own timestamps: dispatches, barriers, reads " +
    "that wait for one another and reads side by side, multiply-adds, copying",
});
const OPTIONS = { verify, measure, data, label, seed, json, requireGpu, variant, help };

type Options = Values<typeof OPTIONS>;

const TASK: Task<Options> = {
  name: "doctor",
  summary:
    "Reports which adapter and driver are found, software or hardware, with their limits and " +
    "features; whether CIFAR-10 is here and valid; and whether training steps on the adapter agree " +
    "with the float64 reference. If there is no adapter, says what to install. With --verify, checks " +
    "every kernel variant, which takes half a minute on a GPU, and remembers those that failed in " +
    ".cache/verified.json, so that no task chooses them on this adapter. Otherwise writes nothing. " +
    "With --measure, says what operations cost on the adapter, in a few seconds.",
  options: OPTIONS,
  examples: [
    { command: "deno task doctor", purpose: "first thing on a new machine" },
    { command: "deno task doctor --require-gpu", purpose: "fail where there is no hardware" },
    { command: "deno task doctor --verify", purpose: "on an adapter or driver that is new" },
    { command: "deno task doctor --measure", purpose: "before writing kernels for an adapter" },
  ],
};

/** The limits that decide what fits and which kernels can run. */
const LIMITS = {
  maxStorageBufferBindingSize: { name: "largest storage binding", unit: "bytes" },
  maxBufferSize: { name: "largest buffer", unit: "bytes" },
  maxTextureDimension2D: { name: "texture width and height", unit: "" },
  maxTextureArrayLayers: { name: "texture layers", unit: "" },
  maxComputeWorkgroupStorageSize: { name: "workgroup memory", unit: "bytes" },
  maxComputeInvocationsPerWorkgroup: { name: "invocations in a workgroup", unit: "" },
  maxComputeWorkgroupSizeX: { name: "workgroup size along x", unit: "" },
  maxComputeWorkgroupSizeY: { name: "workgroup size along y", unit: "" },
  maxComputeWorkgroupSizeZ: { name: "workgroup size along z", unit: "" },
  maxComputeWorkgroupsPerDimension: { name: "workgroups along an axis", unit: "" },
} as const satisfies Partial<
  Record<keyof GPUSupportedLimits, { name: string; unit: "bytes" | "" }>
>;

type LimitName = keyof typeof LIMITS;

const BACKEND = "DENO_WEBGPU_BACKEND";

/** Where Vulkan's loader on Linux looks for driver manifests. */
const MANIFEST_FOLDERS = [
  "/usr/share/vulkan/icd.d",
  "/usr/local/share/vulkan/icd.d",
  "/etc/vulkan/icd.d",
];

/** What to install if there is no adapter. */
const ADVICE: Readonly<Partial<Record<typeof Deno.build.os, string>>> = {
  linux: "the Vulkan driver of the GPU's maker (NVIDIA: libGLX_nvidia, nvidia_icd.json and " +
    "libglvnd; in a container NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics), or Mesa's " +
    "software driver: apt-get install mesa-vulkan-drivers libvulkan1 (Debian, Ubuntu), dnf install " +
    "mesa-vulkan-drivers vulkan-loader (Fedora), apk add mesa-vulkan-swrast vulkan-loader (Alpine)",
  darwin: "nothing: Metal comes with macOS, so this Mac may be too old for it",
  windows: "the current graphics driver of the GPU's maker, for Direct3D 12 or Vulkan",
};

/** The self-test: the report's network on a few images. */
const SELF_TEST = {
  hidden: [50, 50],
  batchNorm: true,
  networks: [{ lambda: 0.005, etaMin: 1e-5, etaMax: 0.1 }],
  batch: 50,
  steps: 3,
};
const SELF_TEST_IMAGES = { training: 200, test: 1 };

/** A line of the diagnosis: its subject, the text for people, and the fields of the event. */
interface Finding {
  readonly name: string;
  readonly text: string;
  readonly fields: { readonly [name: string]: unknown };
  /** What is wrong; its class decides the exit status. */
  readonly problem?: Error;
  /** Whether a check failed. */
  readonly failed?: boolean;
}

/** What tests set: where failed variants are remembered, and how long operations are measured. */
interface Testing extends Omit<MeasureRun, "json"> {
  readonly memory?: string;
}

/** Runs the task, and returns the exit status. */
export async function main(
  args: readonly string[],
  context: TaskContext,
  testing: Testing = {},
): Promise<number> {
  return await withOptions(
    TASK,
    args,
    context,
    ({ options }) => diagnose(options, context, testing),
  );
}

async function diagnose(
  options: Options,
  context: TaskContext,
  testing: Testing,
): Promise<number> {
  checkVariant(options.variant);
  const setting = { ...testing, ...options };
  const findings = [...describeSystem(), await describeDrivers()];
  const verified: Finding[] = [];
  const gpu = await Gpu.request().catch(refusal);
  try {
    findings.push(...gpu instanceof Gpu ? await examine(gpu, context, options) : [withoutGpu(gpu)]);
    findings.push(await findData(options));
    if (gpu instanceof Gpu && !options.verify) {
      await warnIfFailed(context, gpu, setting);
      findings.push(await describeFailed(gpu, setting), await testGpu(gpu, setting));
    }
    // Before measuring and verifying, which print more lines and take a while.
    if (!options.json) layOut(findings).forEach((line) => context.stdout(line));
    const refused = findings.some(({ problem }) => problem instanceof GpuUnavailableError);
    if (gpu instanceof Gpu && options.measure && !refused) {
      await measureAdapter(context, gpu, setting);
    }
    if (options.verify && !refused) verified.push(await verifyHere(context, setting));
  } finally {
    if (gpu instanceof Gpu) gpu.destroy();
  }

  if (options.json) {
    const fields = [...findings, ...verified].map((finding) => finding.fields);
    writeEvent(context, "result", Object.assign({}, ...fields));
  } else if (verified.length > 0) {
    layOut(verified).forEach((line) => context.stdout(line));
  }
  const problem = findings.find((finding) => finding.problem !== undefined)?.problem;
  if (problem !== undefined) throw problem;
  const failed = [...findings, ...verified].some((finding) => finding.failed);
  return failed ? EXIT.checkFailed : EXIT.done;
}

/** Returns an error of the expected class, and throws any other. */
function refusal(error: unknown): GpuUnavailableError {
  if (error instanceof GpuUnavailableError) return error;
  throw error;
}

function describeSystem(): Finding[] {
  const { os, arch } = Deno.build;
  const variable = { name: "env", variable: BACKEND } as const;
  // Reading it without permission would prompt on a terminal.
  const readable = Deno.permissions.querySync(variable).state === "granted";
  const backend = readable ? Deno.env.get(BACKEND) : undefined;
  const unset = readable
    ? `chosen by Deno; on Linux, ${BACKEND}=vulkan keeps it from falling back to GL`
    : `unknown; --allow-env=${BACKEND} lets this task say`;
  return [
    {
      name: "Versions",
      text: `${PACKAGE_NAME} ${PACKAGE_VERSION}, Deno ${DENO_VERSION}, ${os} ${arch}`,
      fields: { package_version: PACKAGE_VERSION, deno_version: DENO_VERSION, os, arch },
    },
    {
      name: "Backend",
      text: backend === undefined ? unset : `${BACKEND}=${backend}`,
      fields: { backend: backend ?? null },
    },
  ];
}

/** The Vulkan drivers that are installed, working or not. */
async function describeDrivers(): Promise<Finding> {
  const drivers: string[] = [];
  for (const folder of Deno.build.os === "linux" ? MANIFEST_FOLDERS : []) {
    try {
      for await (const { name } of Deno.readDir(folder)) {
        if (name.endsWith(".json")) drivers.push(`${folder}/${name}`);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  const none = Deno.build.os === "linux" ? "none installed" : "part of the system";
  const text = drivers.length === 0 ? none : drivers.sort().join("\n");
  return { name: "Drivers", text, fields: { drivers } };
}

function withoutGpu(problem: GpuUnavailableError): Finding {
  const advice = ADVICE[Deno.build.os] ?? "a Vulkan driver";
  return {
    name: "Adapter",
    text: `none; to install: ${advice}`,
    fields: { adapter: null, install: advice },
    problem,
  };
}

async function examine(
  gpu: Gpu,
  context: TaskContext,
  options: Options,
): Promise<Finding[]> {
  const { description, vendor, software } = gpu.adapter;
  let problem: GpuUnavailableError | undefined;
  try {
    announceAdapter(context, gpu.adapter, options);
  } catch (error) {
    problem = refusal(error);
  }
  // A device has the limits and features that were requested; only the adapter knows the others.
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  const limits = Object.keys(LIMITS).map((key) => {
    const { name, unit } = LIMITS[key as LimitName];
    return { key, name, unit, value: adapter?.limits[key as LimitName] ?? 0 };
  });
  const features = [...adapter?.features ?? []].sort();
  const amounts = limits.map(({ name, unit, value }) => [
    name,
    unit === "bytes" ? mebibytes(value) : String(value),
  ]);
  return [
    {
      name: "Adapter",
      text: describeAdapter(gpu.adapter) +
        (software ? "; for speed, install the Vulkan driver of a GPU" : ""),
      fields: { adapter: description, vendor: vendorName(vendor), software },
      problem,
    },
    {
      name: "Limits",
      text: alignColumns(amounts).join("\n"),
      fields: { limits: Object.fromEntries(limits.map(({ key, value }) => [key, value])) },
    },
    { name: "Features", text: features.join(", ") || "none", fields: { features } },
  ];
}

function mebibytes(bytes: number): string {
  const kibibytes = bytes / 1024;
  return kibibytes < 1024 ? `${Math.floor(kibibytes)} KiB` : `${Math.floor(kibibytes / 1024)} MiB`;
}

/** Reads all of CIFAR-10, if it is here, or the data that are asked for. */
async function findData(
  { data: asked, label }: { readonly data?: string; readonly label?: string },
): Promise<Finding> {
  const name = "Data";
  const folder = asked ?? usualDirectory();
  if (folder === "synthetic") {
    return { name, text: "the built-in synthetic set", fields: { data: "synthetic" } };
  }
  if (asked === undefined && !await exists(folder)) {
    return { name, text: NO_CIFAR10, fields: { data: "synthetic" } };
  }
  try {
    if (label !== undefined || await kindOf(folder) !== "cifar10") {
      const { dataset: { name: data, sha256 }, description } = await loadDataSet(folder, { label });
      const fields = { data, data_sha256: sha256, data_folder: folder };
      return { name, text: `${description}, valid`, fields };
    }
    const { name: data, sha256 } = await readCifar10(folder);
    const text = data === CIFAR10_NAME
      ? `${data} in ${folder}, valid`
      : `${data} in ${folder}, of the right form but not the published files; ` +
        '"deno task data --force" downloads those';
    return { name, text, fields: { data, data_sha256: sha256, data_folder: folder } };
  } catch (error) {
    const problem = error as Error;
    return { name, text: problem.message, fields: { data: null }, problem };
  }
}

/** The kernel variants that are not chosen on this adapter. */
async function describeFailed(gpu: Gpu, { memory }: { memory?: string }): Promise<Finding> {
  const failed = await failedVariants(gpu, memory);
  const text = failed.length === 0
    ? "none failed --verify on this adapter"
    : `${failed.join(", ")} failed --verify on this adapter and will not be chosen`;
  return { name: "Variants", text, fields: { failed_variants: failed } };
}

/** Runs every kernel variant, or the one asked for, through all checks. */
async function verifyHere(context: TaskContext, run: VerifyRun): Promise<Finding> {
  const { ran, failed } = await verifyVariants(context, run);
  const text = failed.length === 0
    ? `ok: ${ran.join(", ") || "none can run here"}`
    : `FAILED: ${failed.join(", ")}; not chosen on this adapter until they pass`;
  return {
    name: "Variants",
    text,
    fields: { verified_variants: ran, failed_variants: failed },
    failed: failed.length > 0,
  };
}

async function testGpu(
  gpu: Gpu,
  options: { seed: number; variant?: string; memory?: string },
): Promise<Finding> {
  const name = "Self-test";
  const { seed, memory } = options;
  const dataset = await createSynthetic({ seed, ...SELF_TEST_IMAGES });
  let data: DeviceDataSet | undefined;
  try {
    data = new DeviceDataSet(gpu, dataset);
    const { networks: { length: networks } } = SELF_TEST;
    const shape = shapeOf({ ...SELF_TEST, networks }, dataset);
    const variant = options.variant ?? await soundVariant(gpu, shape, memory);
    const rows = await checkKernels(gpu, { ...SELF_TEST, data, seed, variant });
    const bad = rows.find((row) => !passes(row));
    const text = bad === undefined
      ? `ok: ${SELF_TEST.steps} steps of 3 layers with batch norm agree with float64`
      : `FAILED: ${bad.kind} of ${bad.name} is off by ${
        bad.error.toExponential(2)
      } from float64, ` +
        `expected at most ${bad.bar}`;
    return { name, text, fields: { self_test: text }, failed: bad !== undefined };
  } catch (error) {
    const problem = error as Error;
    const text = `FAILED: ${problem.message}`;
    return { name, text, fields: { self_test: text }, problem };
  } finally {
    data?.destroy();
  }
}

function layOut(findings: readonly Finding[]): string[] {
  const width = Math.max(...findings.map(({ name }) => name.length)) + 2;
  return findings.flatMap(({ name, text }) => {
    const [first, ...others] = text.split("\n").flatMap((line) => wrap(line, width));
    return [`${name}:`.padEnd(width) + first.slice(width), ...others];
  });
}

if (import.meta.main) await runTask(main);
