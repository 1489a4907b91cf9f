/**
 * Which kernel variants failed `deno task doctor --verify` on this adapter: they are not chosen there.
 *
 * @module
 */
import { dirname, fromFileUrl } from "@std/path";
import { GpuError } from "../src/errors.ts";
import { writeFileDurably } from "../src/files.ts";
import type { Gpu } from "../src/gpu.ts";
import { candidates, variantFits, VARIANTS, type VariantShape } from "../src/variants.ts";
import { vendorName } from "./_adapter.ts";
import type { TaskContext } from "./_context.ts";
import { writeEvent } from "./_events.ts";
import { DENO_VERSION, PACKAGE_VERSION } from "./_version.ts";

/** What was verified before, which is safe to delete: every variant counts as sound then. */
const MEMORY = fromFileUrl(new URL("../.cache/verified.json", import.meta.url));

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
  const key = keyOf(gpu);
  return (await readEntries(path)).filter((entry) => entry.key === key)
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
  const key = keyOf(gpu);
  const entry: Entry = { key, failed, date: new Date().toISOString() };
  const others = (await readEntries(path)).filter((other) => other.key !== key);
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    await writeFileDurably(path, JSON.stringify([...others, entry], null, 2) + "\n");
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable || error instanceof Error && "code" in error) {
      return false;
    }
    throw error;
  }
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
  shape: VariantShape,
  path: string = MEMORY,
): Promise<string> {
  const failed = await failedVariants(gpu, path);
  // Those that are not worth trying may still be sound.
  const fitting = VARIANTS.filter((name) => variantFits(name, gpu, shape));
  const sound = [...candidates(gpu, shape), ...fitting].find((name) => !failed.includes(name));
  if (sound !== undefined) return sound;
  throw new GpuError(
    "Cannot choose a kernel variant: every one that can run this failed `deno task doctor --verify` " +
      "on this adapter (verify again after a driver update; --variant NAME runs one nevertheless)",
  );
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

/** What an adapter is remembered by. WebGPU does not tell the driver's version. */
function keyOf({ adapter }: Pick<Gpu, "adapter">): string {
  return [
    adapter.description,
    `driver ${vendorName(adapter.vendor)}`,
    `deno ${DENO_VERSION}`,
    `version ${PACKAGE_VERSION}`,
  ].join(", ");
}

async function readEntries(path: string): Promise<Entry[]> {
  try {
    const entries: unknown = JSON.parse(await Deno.readTextFile(path));
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(value: unknown): value is Entry {
  const { key, failed } = Object(value);
  return typeof key === "string" && Array.isArray(failed) &&
    failed.every((name) => typeof name === "string");
}
