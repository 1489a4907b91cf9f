/**
 * The option `--profile`: a table and a file that say where the time of a training step goes.
 *
 * @module
 */
import { dirname } from "@std/path";
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { GpuUnavailableError } from "../../src/errors.ts";
import { writeFileDurably } from "../_kit/files.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { type ProfileRow, profileStep } from "../../src/measure/profile.ts";
import { PROFILE_CSV } from "../../src/records/profile.ts";
import type { Plan } from "../_kit/capacity.ts";
import { alignColumns, percent } from "../_kit/table.ts";
import type { TaskContext } from "../_kit/context.ts";
import { writeEvent } from "../_kit/events.ts";
import { flag } from "../_kit/options.ts";

/** The option of tasks that train. */
export const PROFILE_OPTION = {
  profile: flag({
    help: "measure each kernel of a step, too, after the training: a table and profile.csv",
  }),
} as const;

/** A population whose step is profiled. */
export interface Profiled {
  /** The population, as it trains. */
  readonly plan: Plan;
  /** What to call it. */
  readonly name: string;
  /** Where the file goes. */
  readonly path: string;
}

/** How profiles are made. */
export interface ProfilingOptions {
  /** Whether to write events in place of a table. */
  readonly json: boolean;
  /** Whether it is a quick try, which measures for a shorter time. */
  readonly quick?: boolean;
}

/**
 * Profiles a step of several populations, one after another. Where the adapter has no time stamps, a sentence says so.
 *
 * @param context Where to write.
 * @param on The device, and the data on it.
 * @param options `populations`: what is profiled; `json`, `quick`: how.
 * @throws {GpuError} When the device refused an operation.
 * @throws {DeviceLostError} When the device went away.
 */
export async function profileAll(
  context: TaskContext,
  on: { readonly gpu: Gpu; readonly data: DeviceDataSet },
  options: ProfilingOptions & { readonly populations: readonly Profiled[] },
): Promise<void> {
  const { populations, ...how } = options;
  for (const population of populations) {
    if (!await profileInto(context, on, { ...population, ...how })) return;
  }
}

/**
 * Measures the kernels of a step, prints them and writes them down. Where the adapter has no time stamps, a sentence says
 * so.
 *
 * @param context Where to write.
 * @param on The device, and the data on it.
 * @param options What is profiled, and how.
 * @returns Whether the adapter has time stamps.
 * @throws {GpuError} When the device refused an operation.
 * @throws {DeviceLostError} When the device went away.
 */
export async function profileInto(
  context: TaskContext,
  on: { readonly gpu: Gpu; readonly data: DeviceDataSet },
  options: Profiled & ProfilingOptions,
): Promise<boolean> {
  const { plan, name, path, json, quick = false } = options;
  const { hidden, batchNorm, batch, networks, variant } = plan;
  const { inputs, classes } = on.data.source;
  const { signal } = context;
  signal.throwIfAborted();
  context.progress(`Profiling ${name}`);
  let rows: ProfileRow[];
  try {
    rows = await profileStep(on.gpu, on.data, {
      architecture: { inputs, hidden, classes, batchNorm },
      networks,
      batch,
      variant,
      signal,
      ...quick && { minMilliseconds: 0 },
    });
  } catch (error) {
    if (!(error instanceof GpuUnavailableError)) throw error;
    const message = `Nothing is profiled: ${error.message}`;
    context.progress("");
    context.stderr(message);
    if (json) writeEvent(context, "warning", { message });
    return false;
  }
  context.progress("");
  await Deno.mkdir(dirname(path), { recursive: true });
  await writeFileDurably(path, PROFILE_CSV.encode(rows));
  if (json) {
    const population = { run: name, networks, variant, ...quick && { quick } };
    for (const row of rows) {
      writeEvent(context, "profile", { ...population, ...PROFILE_CSV.cells(row) });
    }
  } else {
    const size = `${networks} ${networks === 1 ? "network" : "networks"}`;
    context.stdout(
      `A step of ${name}${quick ? " (quick)" : ""}, ${size}, variant ${variant}:`,
    );
    for (const line of profileLines(rows)) context.stdout(line);
    context.stdout(`File: ${path}`);
  }
  return true;
}

/** The table: a line for each kernel, with its median, least and most. */
function profileLines(rows: readonly ProfileRow[]): string[] {
  const lines = rows.map(({ kernel, layer, ms, msMin, msMax, share }) => [
    kernel,
    layer === null ? "" : String(layer),
    ...[ms, msMin, msMax].map((time) => time === null ? "" : time.toFixed(3)),
    percent(share),
  ]);
  return alignColumns([["kernel", "layer", "ms/step", "least", "most", "share"], ...lines]);
}
