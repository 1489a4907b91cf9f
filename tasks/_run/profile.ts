/** The option `--profile`: a table and a file of where the time of a training step goes. */
import { dirname } from "@std/path";
import { GpuUnavailableError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { type ProfileRow, profileStep } from "../../src/measure/profile.ts";
import { shapeOf } from "../../src/model/shape.ts";
import { PROFILE_CSV } from "../../src/records/profile.ts";
import type { Plan } from "../_kit/capacity.ts";
import type { TaskContext } from "../_kit/context.ts";
import { warn, writeEvent } from "../_kit/events.ts";
import { writeFileDurably } from "../_kit/files.ts";
import { count, percent, printTable } from "../_kit/table.ts";

export interface Profiled {
  readonly plan: Plan;
  readonly name: string;
  readonly path: string;
}

interface ProfilingOptions {
  readonly json: boolean;
  /** Whether it is a quick run, which measures for a shorter time. */
  readonly quick?: boolean;
}

/** Profiles a step of several populations, one after another. Without timestamps on the adapter, it says so and stops. */
export async function profileAll(
  context: TaskContext,
  on: { readonly gpu: Gpu; readonly data: DeviceDataSet },
  options: ProfilingOptions & { readonly populations: readonly Profiled[] },
): Promise<void> {
  const { populations, ...how } = options;
  // A software driver computes on the processors that other threads would take.
  if (on.gpu.adapter.software) await context.workers.idle();
  for (const population of populations) {
    if (!await profileInto(context, on, { ...population, ...how })) return;
  }
}

/** Measures the kernels of a step, prints and writes them; returns whether the adapter has timestamps. */
async function profileInto(
  context: TaskContext,
  on: { readonly gpu: Gpu; readonly data: DeviceDataSet },
  options: Profiled & ProfilingOptions,
): Promise<boolean> {
  const { plan, name, path, json, quick = false } = options;
  const { networks, variant } = plan;
  const { signal } = context;
  signal.throwIfAborted();
  context.progress(`Profiling ${name}`);
  let rows: ProfileRow[];
  try {
    rows = await profileStep(on.gpu, on.data, {
      ...shapeOf(plan, on.data.source),
      variant,
      signal,
      ...quick && { minMilliseconds: 0 },
    });
  } catch (error) {
    if (!(error instanceof GpuUnavailableError)) throw error;
    context.progress("");
    warn(context, `Nothing is profiled: ${error.message}`, options);
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
    const run = `${name}${quick ? " (quick)" : ""}`;
    context.stdout(`A step of ${run}, ${count(networks, "network")}, variant ${variant}:`);
    printTable(context, profileTable(rows));
    context.stdout(`File: ${path}`);
  }
  return true;
}

/** A line for each kernel, with its median, minimum and maximum. */
function profileTable(rows: readonly ProfileRow[]): string[][] {
  const lines = rows.map(({ kernel, layer, ms, msMin, msMax, share }) => [
    kernel,
    layer === null ? "" : String(layer),
    ...[ms, msMin, msMax].map((time) => time === null ? "" : time.toFixed(3)),
    percent(share),
  ]);
  return [["kernel", "layer", "ms/step", "min", "max", "share"], ...lines];
}
