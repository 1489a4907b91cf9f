/**
 * Looking at files: errors of the system become ones that name the file.
 *
 * @module
 */

import { ArgumentError, DataError, nameOf } from "../errors.ts";

/** Looks at a file or folder; null where there is none. */
export function stat(name: string): Promise<Deno.FileInfo | null> {
  checkPath(name);
  return attempt(name, async () => {
    try {
      return await Deno.stat(name);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return null;
      }
      throw error;
    }
  });
}

/** Refuses what is not the name of a file, as a URL that was not made a path. */
export function checkPath(name: unknown): asserts name is string {
  if (typeof name === "string") return;
  throw new ArgumentError(`Cannot read a file: its path is ${nameOf(name)}, expected a text`);
}

/** Turns errors of the system, such as a denied permission, into ones that name the file. */
export async function attempt<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`Cannot read ${name}: ${(error as Error).message}`, { cause: error });
  }
}
