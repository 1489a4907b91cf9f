/**
 * Which kernel variants failed `deno task doctor --verify` on this adapter: they are not chosen there.
 *
 * @module
 */
import { GpuError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import type { PopulationShape } from "../../src/model/shape.ts";
import { candidates } from "../../src/programs/variants.ts";
import type { TaskContext } from "../_kit/context.ts";
import { writeEvent } from "../_kit/events.ts";
import { adapterKey, cachePath, readEntries, writeEntries } from "../_kit/remembered.ts";

/** What was verified before, which is safe to delete: every variant counts as sound then. */
const MEMORY = cachePath("verified.json");

/** What is remembered of an adapter. */
interface Entry {
  /** Adapter and versions. */
  readonly key: string;
  /** The variants that failed, and did not pass since. */
  readonly failed: readonly string[];
  /** When. */
  readonly date: string;
}

/**
 * Tells which variants are known to fail on an adapter.
 *
 * @param gpu A device of the adapter.
 * @param path The file they are remembered in.
 * @returns Their names; none where the file is missing, or is not one that was written here.
 */
export async function failedVariants(
  gpu: Pick<Gpu, "adapter">,
  path: string = MEMORY,
): Promise<string[]> {
  const key = adapterKey(gpu.adapter);
  return (await readEntries(path, isEntry)).filter((entry) => entry.key === key)
    .flatMap(({ failed }) => failed);
}

/**
 * Remembers which variants failed on an adapter, in place of what was remembered of it before.
 *
 * @param gpu A device of the adapter.
 * @param failed The variants that failed; none when all are sound.
 * @param path The file to remember them in.
 * @returns Whether that was possible: the file may be one that this process cannot write.
 */
export async function rememberVerified(
  gpu: Pick<Gpu, "adapter">,
  failed: readonly string[],
  path: string = MEMORY,
): Promise<boolean> {
  const key = adapterKey(gpu.adapter);
  const entry: Entry = { key, failed, date: new Date().toISOString() };
  const others = (await readEntries(path, isEntry)).filter((other) => other.key !== key);
  return await writeEntries(path, [...others, entry]);
}

/**
 * Lists the variants that are worth trying for a shape, as `candidates` does, without those that are known to fail on the
 * adapter.
 *
 * @param gpu The device.
 * @param shape What is to be trained.
 * @param path The file that failures are remembered in.
 * @returns Their names, the most promising first; at least one.
 * @throws {GpuError} If every one that fits is known to fail.
 */
export async function soundVariants(
  gpu: Gpu,
  shape: PopulationShape,
  path: string = MEMORY,
): Promise<string[]> {
  const sound = candidates(gpu, shape, { without: await failedVariants(gpu, path) });
  if (sound.length > 0) return sound;
  throw new GpuError(
    "Cannot choose a kernel variant: every one that can run this failed `deno task doctor --verify` " +
      "on this adapter (verify again after a driver update; --variant NAME runs one nevertheless)",
  );
}

/**
 * Chooses a variant without measuring, as `defaultVariant` does, but never one that is known to fail on the adapter.
 *
 * @param gpu The device.
 * @param shape What is to be trained.
 * @param path The file that failures are remembered in.
 * @returns The name of one that fits.
 * @throws {GpuError} If every one that fits is known to fail.
 */
export async function soundVariant(
  gpu: Gpu,
  shape: PopulationShape,
  path: string = MEMORY,
): Promise<string> {
  return (await soundVariants(gpu, shape, path))[0];
}

/**
 * Warns of a variant that is asked for by name although it is known to fail: whoever asks gets it.
 *
 * @param context Where to write.
 * @param gpu A device of the adapter.
 * @param options `variant` asked for, and whether events are wanted, as the task has them; `memory` is the file that
 * failures are remembered in.
 */
export async function warnIfFailed(
  context: TaskContext,
  gpu: Pick<Gpu, "adapter">,
  options: { variant?: string; json?: boolean; memory?: string },
): Promise<void> {
  const { variant, memory } = options;
  if (variant === undefined || !(await failedVariants(gpu, memory)).includes(variant)) return;
  warn(context, `${variant} failed \`deno task doctor --verify\` on this adapter`, options);
}

/**
 * Says something that does not stop the task but should be known.
 *
 * @param context Where to write.
 * @param message A sentence.
 * @param options Whether events are wanted.
 */
export function warn(context: TaskContext, message: string, { json }: { json?: boolean }): void {
  context.stderr(`warning: ${message}`);
  if (json) writeEvent(context, "warning", { message });
}

function isEntry(value: unknown): value is Entry {
  const { key, failed } = Object(value);
  return typeof key === "string" && Array.isArray(failed) &&
    failed.every((name) => typeof name === "string");
}
