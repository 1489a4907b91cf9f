/** Files: writing them so that a crash leaves the old file or the new one, never half of either. */
import { basename, dirname, join } from "@std/path";
import { ArgumentError, DataError } from "../../src/errors.ts";

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
  const temporary = join(folder, temporaryName(basename(path)));
  try {
    await writeAndSync(temporary, bytes, path);
    await Deno.rename(temporary, path);
  } catch (error) {
    await removeIfThere(temporary);
    // Which is the one that was asked for.
    if (error instanceof Error) error.message = error.message.replaceAll(temporary, path);
    throw error;
  }
  await syncFolder(folder);
}

/** A new name for a temporary file that is to become one of this name. */
export function temporaryName(name: string): string {
  return `.${name}.${crypto.randomUUID()}.tmp`;
}

/** The name that a temporary file was to get; undefined where it is no temporary file. */
export function temporaryFor(name: string): string | undefined {
  return name.match(/^\.(.+)\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/)?.[1];
}

/** Removes what killed processes have left half written in a folder, of files whose names are ours; none where it is missing. */
export async function removeTemporaries(
  folder: string,
  isOurs: (name: string) => boolean,
): Promise<void> {
  const left: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const written = temporaryFor(name);
      if (written !== undefined && !isDirectory && isOurs(written)) left.push(join(folder, name));
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return;
    throw error;
  }
  for (const path of left) await removeIfThere(path);
}

/** Writes all bytes at the file's position. An error of the system names the path, as on a full disk. */
export async function writeAll(file: Deno.FsFile, path: string, bytes: Uint8Array): Promise<void> {
  await namingPath("writefile", path, async () => {
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  });
}

/** Brings a file's bytes to the disk, which may find only then that there is no room for them. */
export async function syncFile(file: Deno.FsFile, path: string): Promise<void> {
  await namingPath("writefile", path, () => file.sync());
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

async function writeAndSync(temporary: string, bytes: Uint8Array, path: string): Promise<void> {
  using file = await Deno.open(temporary, { write: true, createNew: true });
  await writeAll(file, path, bytes);
  await syncFile(file, path);
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

/** The most bytes of a JSON text that are read: what they hold may take a hundred times as much memory. */
const MAX_JSON = 2 ** 21;

/** The most bytes of other texts: the most rows of a study's curves have 15 MB, as do those of 100,000 epochs. */
const MAX_TEXT = 2 ** 24;

/**
 * Reads a text file. Anything but a file is refused before it is opened: a pipe would be waited for, and a device may
 * never end. So is a file that is larger than any that this program writes.
 *
 * @throws {Deno.errors.NotFound} When there is nothing by that name.
 * @throws {DataError} When it is not a file, or too large; the message names it.
 */
export async function readText(path: string): Promise<string> {
  const size = await checkFile(path);
  const max = /\.(json|lock)$/.test(path) ? MAX_JSON : MAX_TEXT;
  if (size > max) {
    throw new DataError(`Cannot read ${path}: it has ${size} bytes, expected at most ${max}`);
  }
  return await Deno.readTextFile(path);
}

/** Refuses anything but a file; returns the size of a file. */
async function checkFile(path: string): Promise<number> {
  const { isFile, isDirectory, size } = await Deno.stat(path);
  if (isFile) return size;
  throw new DataError(
    `Cannot read ${path}: it is a ${
      isDirectory ? "folder" : "pipe, socket or device"
    }, expected a file`,
  );
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

/** What a path leads to; undefined where it leads nowhere. */
export async function statIfThere(path: string): Promise<Deno.FileInfo | undefined> {
  return await ifThere(() => Deno.stat(path));
}

/** Whether a path leads to anything. */
export async function isThere(path: string): Promise<boolean> {
  return await statIfThere(path) !== undefined;
}

async function ifThere<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
