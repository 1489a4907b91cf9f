/** What tasks remember about an adapter between runs: lists of entries in files under `.cache/`. */
import { dirname, fromFileUrl } from "@std/path";
import type { AdapterSummary } from "../../src/gpu/device.ts";
import { vendorName } from "./adapter.ts";
import { readText, writeFileDurably } from "./files.ts";
import { inTurn } from "./lock.ts";
import { BusyError, isSystemError } from "./main.ts";
import { DENO_VERSION, PACKAGE_VERSION } from "./version.ts";

/** The path of a file under `.cache/` of this checkout, which is safe to delete. */
export function cachePath(name: string): string {
  return fromFileUrl(new URL(`../../.cache/${name}`, import.meta.url));
}

/** The key of an adapter: adapter, driver, and the versions of Deno and this package; WebGPU hides the driver's version. */
export function adapterKey({ description, vendor }: AdapterSummary): string {
  return [
    description,
    `driver ${vendorName(vendor)}`,
    `deno ${DENO_VERSION}`,
    `version ${PACKAGE_VERSION}`,
  ].join(", ");
}

/** Reads the valid entries of a file; none where it is missing, damaged or not a file. */
export async function readEntries<Entry>(
  path: string,
  isEntry: (value: unknown) => value is Entry,
): Promise<Entry[]> {
  try {
    const entries: unknown = JSON.parse(await readText(path));
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch {
    return [];
  }
}

/** Adds an entry to a file in place of those with its key; returns whether this process may write it. */
export async function writeEntry<Entry extends { readonly key: string }>(
  path: string,
  entry: Entry,
  isEntry: (value: unknown) => value is Entry,
): Promise<boolean> {
  try {
    await inTurn(dirname(path), async () => {
      const others = (await readEntries(path, isEntry)).filter(({ key }) => key !== entry.key);
      await writeFileDurably(path, JSON.stringify([...others, entry], null, 2) + "\n");
    });
    return true;
  } catch (error) {
    if (isSystemError(error) || error instanceof BusyError) return false;
    throw error;
  }
}
