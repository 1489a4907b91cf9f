/** Files: writing them so that a crash leaves the old file or the new one, never half of either. */
import { basename, dirname, join } from "@std/path";
import { ArgumentError } from "../../src/errors.ts";

/**
 * Writes a file durably: into a temporary file in the same folder, through to the disk, and then renamed over the old
 * one. Readers of the path see the old file until then.
 *
 * The folder must exist. If a call of `Deno` fails, the temporary file is removed and the old file remains.
 */
export async function writeFileDurably(path: string, data: Uint8Array | string): Promise<void> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const folder = dirname(path);
  // In the same folder, because a rename is atomic only within one file system.
  const temporary = join(folder, `.${basename(path)}.${crypto.randomUUID()}.tmp`);
  try {
    await writeAndSync(temporary, bytes);
    await Deno.rename(temporary, path);
  } catch (error) {
    await removeIfThere(temporary);
    throw error;
  }
  await syncFolder(folder);
}

async function writeAndSync(path: string, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
  await file.sync();
}

export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  try {
    using folder = await Deno.open(path);
    await folder.sync();
  } catch {
    // The file is whole and in its place. Windows and some network file systems cannot sync a folder, and there the
    // rename becomes durable in its own time.
  }
}

/**
 * Does something in the directory of `--out`.
 *
 * @throws {ArgumentError} When the directory is or goes through a file.
 */
export async function inOut<Result>(
  directory: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const { AlreadyExists, NotADirectory } = Deno.errors;
    if (!(error instanceof NotADirectory || error instanceof AlreadyExists)) throw error;
    throw new ArgumentError(
      `--out expects a directory, and ${directory} is or goes through a file`,
    );
  }
}

/** Reads a text file; undefined where it does not exist. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
