/** Writing to a disk that may be full, and clearing what a killed process left on it. */
import { join } from "@std/path";
import { explainSystem, TaskError } from "../_kit/main.ts";

/** Writes all bytes at the file's position. An error of the system names the path, as on a full disk. */
export async function writeAll(file: Deno.FsFile, path: string, bytes: Uint8Array): Promise<void> {
  await namingPath(path, async () => {
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  });
}

/** Brings a file's bytes to the disk, which may find only then that there is no room for them. */
export async function syncFile(file: Deno.FsFile, path: string): Promise<void> {
  await namingPath(path, () => file.sync());
}

async function namingPath(path: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    // An open file does not know its path, and so neither do the errors of Deno.
    throw new TaskError(`Cannot write ${path}: ${explainSystem(error as Error)}`, { cause: error });
  }
}

/** The name of a temporary file for one of that name. */
export function temporaryName(name: string): string {
  return `.${name}.${crypto.randomUUID()}.tmp`;
}

/** Removes the temporary files for these names that a killed process left in a folder, if there is such a folder. */
export async function removeTemporaries(folder: string, names: readonly string[]): Promise<void> {
  const left: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      const [, name] =
        entry.name.match(/^\.(.+)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/) ?? [];
      if (names.includes(name) && !entry.isDirectory) left.push(join(folder, entry.name));
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return;
    throw error;
  }
  for (const path of left) await Deno.remove(path);
}
