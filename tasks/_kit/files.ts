/** Files: writing them so that a crash leaves the old file or the new one, never half of either. */
import { basename, dirname, join } from "@std/path";
import { DataError } from "../../src/errors.ts";

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
    await namingPath("writefile", path, () => writeAndSync(temporary, bytes));
    await Deno.rename(temporary, path);
  } catch (error) {
    await removeIfThere(temporary);
    throw error;
  }
  await syncFolder(folder);
}

/** The name of the file that a temporary file of {@linkcode writeFileDurably} was to become; undefined for other names. */
export function temporaryFor(name: string): string | undefined {
  return name.match(/^\.(.+)\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/)?.[1];
}

/** Whether a file is one that {@linkcode writeFileDurably} left when its process was killed. */
export function isTemporary(name: string): boolean {
  return temporaryFor(name) !== undefined;
}

/**
 * Does something with a file. An error of the system that does not say which file it is about, such as "no space left",
 * then says so in the way in which the others do.
 */
export async function namingPath<T>(
  operation: string,
  path: string,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof Error && /\(os error \d+\)$/.test(error.message)) {
      error.message += `: ${operation} '${path}'`;
    }
    throw error;
  }
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
 * Reads a text file. Anything but a file is refused before it is opened: a pipe would be waited for, and a device may
 * never end.
 *
 * @throws {Deno.errors.NotFound} When there is nothing by that name.
 * @throws {DataError} When it is not a file; the message names it.
 */
export async function readText(path: string): Promise<string> {
  await checkFile(path);
  return await Deno.readTextFile(path);
}

async function checkFile(path: string): Promise<void> {
  const { isFile, isDirectory } = await Deno.stat(path);
  if (isFile) return;
  throw new DataError(
    `Cannot read ${path}: it is a ${
      isDirectory ? "folder" : "pipe, socket or device"
    }, expected a file`,
  );
}

/** Reads a text file as {@linkcode readText} does; undefined where it does not exist. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  return await ifThere(() => readText(path));
}

/** Reads the bytes of a file as {@linkcode readText} does its text; undefined where it does not exist. */
export async function readIfThere(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return await ifThere(async () => {
    await checkFile(path);
    return await Deno.readFile(path);
  });
}

async function ifThere<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
