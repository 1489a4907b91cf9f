/**
 * Which kernel variants failed their check on this adapter: they are not chosen there.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import type { Gpu } from "../src/gpu.ts";
import { vendorName } from "./_adapter.ts";
import { DENO_VERSION, PACKAGE_VERSION } from "./_version.ts";

/** What was verified before, which is safe to delete: every variant counts as sound then. */
const MEMORY = fromFileUrl(new URL("../.cache/verified.json", import.meta.url));

/**
 * Tells which variants are known to fail on an adapter.
 *
 * @param gpu A device of the adapter.
 * @param path The file they are remembered in.
 * @returns Their names; none where the file is missing or damaged.
 */
export async function failedVariants(gpu: Gpu, path: string = MEMORY): Promise<string[]> {
  const key = keyOf(gpu);
  try {
    const entries: { key: string; failed: string[] }[] = JSON.parse(await Deno.readTextFile(path));
    return entries.filter((entry) => entry.key === key).flatMap(({ failed }) => failed);
  } catch {
    return [];
  }
}

function keyOf({ adapter }: Gpu): string {
  return [
    adapter.description,
    `driver ${vendorName(adapter.vendor)}`,
    `deno ${DENO_VERSION}`,
    `version ${PACKAGE_VERSION}`,
  ].join(", ");
}
