/** One writer per folder: a lock that ends with the process that holds it, however that ends. */
import { setTimeout as wait } from "node:timers/promises";
import { dirname, join } from "@std/path";
import type { TaskContext } from "./context.ts";
import { warn } from "./events.ts";
import {
  inOut,
  isThere,
  namingPath,
  readText,
  removeIfThere,
  removeTemporaries,
  statIfThere,
  syncFile,
  writeAll,
} from "./files.ts";
import { BusyError, TaskError } from "./main.ts";

/** The file that is locked. It says who holds it; the lock itself is the operating system's. */
const LOCK = ".lock";

/** How often a folder or its lock is looked for again: their last holder may remove both between two looks. */
const TRIES = 100;

/** Milliseconds to wait for a turn, which takes others a moment; a process that was stopped holds it on. */
const PATIENCE = 5000;

/** Milliseconds between two looks at a lock, in which a new holder has usually said who it is. */
const PAUSE = 10;

/** A folder that only this process writes into. */
export interface Held {
  /** Lets go; removes the folder if it was made here and holds nothing. */
  release(): Promise<void>;
}

/** A folder held by this process, as often as it was asked for. */
interface Holding {
  times: number;
  readonly file: Deno.FsFile | undefined;
  /** The folders that were made for it, the innermost first. */
  readonly made: readonly string[];
}

/** What this process holds, by the folder's real path: a second lock on one file would block the process itself. */
const HELD = new Map<string, Holding>();

/** Settles when no hold is being taken or let go of in this process. */
let quiet: Promise<unknown> = Promise.resolve();

/** Takes or lets go of a hold when nothing else in this process does: {@linkcode HELD} is then what the locks are. */
function alone<T>(action: () => Promise<T>): Promise<T> {
  const mine = quiet.then(action);
  quiet = mine.catch(() => {}); // Thrown to whoever asked for it.
  return mine;
}

/**
 * Makes a folder, tries to write into it, and keeps every other process out of it until it is released. Removes temporary
 * files that killed processes have left in it.
 *
 * @throws {ArgumentError} When it is or goes through a file.
 * @throws {BusyError} When another process holds it; the message says which.
 * @throws {TaskError} When it cannot be written into.
 */
export async function holdFolder(
  folder: string,
  context: TaskContext,
  options: { readonly json?: boolean } = {},
): Promise<Held> {
  return await alone(async () => {
    const made: string[] = [];
    try {
      const take = async () => {
        const path = await Deno.realPath(folder);
        const known = HELD.get(path);
        if (known) known.times++;
        else HELD.set(path, { times: 1, file: await lock(folder, context, options), made });
        return path;
      };
      const path = await inOut(folder, () => whileThere(folder, made, take));
      return { release: () => alone(() => release(path)) };
    } catch (error) {
      await removeEmpty(made);
      throw error;
    }
  });
}

/** Makes a folder and does something in it, again if its last holder has removed it just then; adds the new folders. */
async function whileThere<T>(
  folder: string,
  made: string[],
  action: () => Promise<T>,
): Promise<T> {
  for (let tries = 1;; tries++) {
    made.push(...await makeFolder(folder));
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound) || tries === TRIES) throw error;
    }
  }
}

/**
 * Waits for its turn at a folder, and does something there that no other process does at the same time: read a file, add
 * to it, write it.
 *
 * @throws {BusyError} When its turn does not come for seconds.
 */
export async function inTurn<T>(folder: string, action: () => Promise<T>): Promise<T> {
  const path = join(folder, LOCK);
  const file = await whileThere(folder, [], async () => {
    if (await alone(async () => HELD.has(await Deno.realPath(folder)))) return undefined;
    for (const began = performance.now(); performance.now() - began < PATIENCE;) {
      const file = await openLock(path);
      let kept = false;
      try {
        // Where there are no locks, a single process is right.
        kept = await tryLock(file) !== false && await isStill(path, file);
        if (kept) return file;
      } finally {
        if (!kept) file.close();
      }
      await wait(PAUSE);
    }
    throw new BusyError(folder, await describeHolder(folder));
  });
  try {
    return await action();
  } finally {
    if (file) await unlock(path, file);
  }
}

async function release(path: string): Promise<void> {
  const holding = HELD.get(path)!;
  if (--holding.times > 0) return;
  await unlock(join(path, LOCK), holding.file);
  HELD.delete(path);
  await removeEmpty(holding.made);
}

/** Removes a lock while it is held: whoever opened the file before finds that it is no longer the folder's. */
async function unlock(path: string, file: Deno.FsFile | undefined): Promise<void> {
  await removeIfThere(path).catch(() => {}); // The next process overwrites it.
  file?.close();
}

/** Makes a folder and those above it; returns the new ones, the innermost first. */
async function makeFolder(folder: string): Promise<string[]> {
  const made: string[] = [];
  for (let path = folder; !await isThere(path); path = dirname(path)) made.push(path);
  await namingPath("mkdir", folder, () => Deno.mkdir(folder, { recursive: true }));
  return made;
}

/** Removes folders as long as they are empty. */
async function removeEmpty(folders: readonly string[]): Promise<void> {
  try {
    for (const folder of folders) await Deno.remove(folder);
  } catch {
    // It holds results, and so do those above it.
  }
}

/** Locks a folder and says in it who holds it; undefined, with a warning, where the file system has no locks. */
async function lock(
  folder: string,
  context: TaskContext,
  options: { readonly json?: boolean },
): Promise<Deno.FsFile | undefined> {
  const path = join(folder, LOCK);
  for (let i = 0; i < TRIES; i++) {
    const file = await openLock(path);
    let ours = false;
    let kept = false;
    try {
      const locked = await tryLock(file);
      if (locked === false) throw new BusyError(folder, await describeHolder(folder));
      ours = await isStill(path, file);
      if (!ours) continue;
      await writeHolder(file, path);
      await removeTemporaries(folder, () => true);
      kept = locked === true;
      if (kept) return file;
      warn(
        context,
        `Cannot lock ${folder}: its file system has no locks, so a second process that writes there ` +
          "goes unnoticed",
        options,
      );
      return undefined;
    } catch (error) {
      if (ours) await removeIfThere(path).catch(() => {}); // The error above matters more.
      throw error;
    } finally {
      if (!kept) file.close();
    }
  }
  throw new BusyError(folder, await describeHolder(folder));
}

async function openLock(path: string): Promise<Deno.FsFile> {
  try {
    // Opened as it is, a link would lead to somebody's file, and a pipe to no end.
    if (!(await Deno.lstat(path)).isFile) {
      throw new TaskError(`Cannot lock ${path}: it is not a regular file, expected none or a file`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return await Deno.open(path, { read: true, write: true, create: true });
}

/** Whether the lock was free; undefined where there are no locks, as on some network file systems. */
async function tryLock(file: Deno.FsFile): Promise<boolean | undefined> {
  try {
    return await file.tryLock(true);
  } catch {
    return undefined;
  }
}

/** Whether a path still names an open file: its holder may have removed it meanwhile. */
async function isStill(path: string, file: Deno.FsFile): Promise<boolean> {
  const { ino, dev } = await file.stat();
  const there = await statIfThere(path);
  return there?.ino === ino && there.dev === dev;
}

async function writeHolder(file: Deno.FsFile, path: string): Promise<void> {
  const holder = { pid: Deno.pid, host: hostName(), since: new Date().toISOString() };
  await file.truncate();
  await writeAll(file, path, new TextEncoder().encode(JSON.stringify(holder) + "\n"));
  await syncFile(file, path);
}

function hostName(): string | null {
  try {
    return Deno.hostname();
  } catch {
    return null; // Without the permission.
  }
}

/** As in "process 123 on gpu-1 since 2026-08-31T09:00:00.000Z". */
async function describeHolder(folder: string): Promise<string> {
  const { pid, host, since } = await readHolder(join(folder, LOCK));
  const who = Number.isSafeInteger(pid) ? `process ${pid}` : "another process";
  // Only the start of a text: anybody may have written it.
  return who + (typeof host === "string" ? ` on ${host.slice(0, 64)}` : "") +
    (typeof since === "string" ? ` since ${since.slice(0, 64)}` : "");
}

/** Who holds the lock. It may have only just got it, and the file still name the holder before, or nobody. */
async function readHolder(
  path: string,
): Promise<{ pid?: unknown; host?: unknown; since?: unknown }> {
  for (let tries = 0; tries < TRIES; tries++) {
    await wait(PAUSE);
    try {
      return Object(JSON.parse(await readText(path)));
    } catch {
      // It is just writing that.
    }
  }
  return {}; // It says nothing that can be read.
}
