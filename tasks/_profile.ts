/**
 * The option `--profile`: a table and a file that say where the time of a training step goes.
 *
 * @module
 */
import { dirname } from "@std/path";
import type { DeviceDataSet } from "../src/device_data.ts";
import { GpuUnavailableError } from "../src/errors.ts";
import { writeFileDurably } from "../src/files.ts";
import type { Gpu } from "../src/gpu.ts";
import { profileStep } from "../src/profile.ts";
import { profileToCsv } from "../src/profile_records.ts";
import type { Plan } from "./_capacity.ts";
import { alignColumns } from "./_columns.ts";
import type { TaskContext } from "./_context.ts";
import { writeEvent } from "./_events.ts";
import { flag } from "./_kinds.ts";
import { percent } from "./_text.ts";

/** The option of tasks that train. */
export const PROFILE_OPTION = {
  profile: flag({
    help: "measure each kernel of a step after the training, too: a table and profile.csv",
  }),
} as const;

/**
 * Measures the kernels of a step, prints them and writes them down. Where the adapter has no time stamps, a line says so.
 *
 * @param context Where to write.
 * @param on The device, and the data on it.
 * @param options What is profiled, what to call it, where the file goes, and whether to write events.
 * @throws {GpuError} When the device refused an operation.
 * @throws {DeviceLostError} When the device went away.
 */
export async function profileInto(
  context: TaskContext,
  on: { readonly gpu: Gpu; readonly data: DeviceDataSet },
  options: { plan: Plan; name: string; path: string; json: boolean },
): Promise<void> {
  const { plan, name, path, json } = options;
  const { hidden, batchNorm, batch, networks, variant } = plan;
  const { inputs, classes } = on.data.source;
  context.signal.throwIfAborted();
  try {
    const architecture = { inputs, hidden, classes, batchNorm };
    const rows = await profileStep(on.gpu, on.data, { architecture, networks, batch, variant });
    await Deno.mkdir(dirname(path), { recursive: true });
    await writeFileDurably(path, profileToCsv(rows));
    if (json) {
      for (const row of rows) writeEvent(context, "profile", { run: name, variant, ...row });
      return;
    }
    context.stdout(
      `A step of ${name} (${networks} ${
        networks === 1 ? "network" : "networks"
      }, variant ${variant}):`,
    );
    const lines = rows.map(({ kernel, layer, ms, ms_least, ms_most, share }) => [
      kernel,
      layer === null ? "" : String(layer),
      ms.toFixed(3),
      ms_least === null || ms_most === null
        ? ""
        : `${ms_least.toFixed(3)} to ${ms_most.toFixed(3)}`,
      percent(share),
    ]);
    const table = [["kernel", "layer", "ms", "", "of a step"], ...lines];
    for (const line of alignColumns(table)) context.stdout(line);
    context.stdout(`File: ${path}`);
  } catch (error) {
    if (!(error instanceof GpuUnavailableError)) throw error;
    context.stderr(`${name} is not profiled: ${error.message}`);
  }
}
