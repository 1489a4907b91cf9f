/**
 * What tasks remember of an adapter from one run to the next, as a list of entries in a file under `.cache/`.
 *
 * @module
 */
import { dirname, fromFileUrl } from "@std/path";
import { writeFileDurably } from "./files.ts";
import type { AdapterSummary } from "../../src/gpu/device.ts";
import { vendorName } from "./adapter.ts";
import { DENO_VERSION, PACKAGE_VERSION } from "./version.ts";

/**
 * Gives the path of a file that is safe to delete.
 *
 * @param name Its name.
 * @returns The path under `.cache/` of this checkout.
 */
export function cachePath(name: string): string {
  return fromFileUrl(new URL(`../../.cache/${name}`, import.meta.url));
}

/**
 * Gives the key that an adapter is remembered by. WebGPU does not tell the driver's version.
 *
 * @param adapter The adapter.
 * @returns Adapter, driver, and the versions of Deno and of this package.
 */
export function adapterKey({ description, vendor }: AdapterSummary): string {
  return [
    description,
    `driver ${vendorName(vendor)}`,
    `deno ${DENO_VERSION}`,
    `version ${PACKAGE_VERSION}`,
  ].join(", ");
}

/**
 * Reads what is remembered.
 *
 * @param path The file.
 * @param isEntry Whether a value is an entry that was written here; any other is left out.
 * @returns The entries; none where the file is missing or damaged.
 */
export async function readEntries<Entry>(
  path: string,
  isEntry: (value: unknown) => value is Entry,
): Promise<Entry[]> {
  try {
    const entries: unknown = JSON.parse(await Deno.readTextFile(path));
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch {
    return [];
  }
}

/**
 * Writes what is to be remembered, in place of all that was.
 *
 * @param path The file.
 * @param entries The entries.
 * @returns Whether that was possible: the file may be one that this process cannot write.
 */
export async function writeEntries(path: string, entries: readonly unknown[]): Promise<boolean> {
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    await writeFileDurably(path, JSON.stringify(entries, null, 2) + "\n");
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable || error instanceof Error && "code" in error) {
      return false;
    }
    throw error;
  }
}
