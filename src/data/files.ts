/**
 * Looking at files: errors of the system become ones that name the file.
 *
 * @module
 */

import { DataError } from "../errors.ts";

/** Looks at a file or folder; null where there is none. */
export function stat(name: string): Promise<Deno.FileInfo | null> {
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

/** Turns errors of the system, such as a denied permission, into ones that name the file. */
export async function attempt<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`Cannot read ${name}: ${(error as Error).message}`, { cause: error });
  }
}
