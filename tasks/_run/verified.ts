/** The kernel variants that failed `deno task doctor --verify` on this adapter, and so are not chosen there. */
import { GpuError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import type { PopulationShape } from "../../src/model/shape.ts";
import { candidates } from "../../src/programs/variants.ts";
import type { TaskContext } from "../_kit/context.ts";
import { warn } from "../_kit/events.ts";
import { adapterKey, cachePath, readEntries, writeEntry } from "../_kit/remembered.ts";

/** Earlier verifications. If deleted, every variant counts as sound. */
const MEMORY = cachePath("verified.json");

interface Entry {
  readonly key: string;
  /** The variants that failed and have not passed since. */
  readonly failed: readonly string[];
  readonly date: string;
}

/** The variants that are known to fail on an adapter. */
export async function failedVariants(
  gpu: Pick<Gpu, "adapter">,
  path: string = MEMORY,
): Promise<string[]> {
  const key = adapterKey(gpu.adapter);
  return (await readEntries(path, isEntry)).filter((entry) => entry.key === key)
    .flatMap(({ failed }) => failed);
}

/** Replaces what is remembered about an adapter; returns whether that was possible. */
export async function rememberVerified(
  gpu: Pick<Gpu, "adapter">,
  failed: readonly string[],
  path: string = MEMORY,
): Promise<boolean> {
  const entry = { key: adapterKey(gpu.adapter), failed, date: new Date().toISOString() };
  return await writeEntry(path, entry, isEntry);
}

/**
 * The `candidates` for a shape, the most promising first, without those that are known to fail on the adapter.
 *
 * @throws {GpuError} If every variant that fits is known to fail.
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
      "on this adapter (verify again after a driver update; --variant NAME runs one all the same)",
  );
}

/** The first of {@linkcode soundVariants}. */
export async function soundVariant(
  gpu: Gpu,
  shape: PopulationShape,
  path: string = MEMORY,
): Promise<string> {
  return (await soundVariants(gpu, shape, path))[0];
}

/** Warns where the variant that is asked for is known to fail; it is used all the same. */
export async function warnIfFailed(
  context: TaskContext,
  gpu: Pick<Gpu, "adapter">,
  options: { variant?: string; json?: boolean; memory?: string },
): Promise<void> {
  const { variant, memory } = options;
  if (variant === undefined || !(await failedVariants(gpu, memory)).includes(variant)) return;
  warn(context, `${variant} failed \`deno task doctor --verify\` on this adapter`, options);
}

function isEntry(value: unknown): value is Entry {
  const { key, failed } = Object(value);
  return typeof key === "string" && Array.isArray(failed) &&
    failed.every((name) => typeof name === "string");
}
