/**
 * Which commit of this project runs, read from the repository's files: no git is needed.
 *
 * @module
 */
import { join } from "@std/path";

/**
 * Finds the commit that is checked out.
 *
 * @param repository The folder `.git`.
 * @returns The commit's full hash; empty where there is no repository, or none that is read so simply.
 */
export async function currentCommit(repository: string): Promise<string> {
  const head = await read(join(repository, "HEAD"));
  const branch = head.match(/^ref: (refs\/\S+)$/)?.[1];
  if (branch === undefined) return hash(head);
  const loose = hash(await read(join(repository, branch)));
  if (loose !== "") return loose;
  // A branch that has not changed for a while has no file of its own.
  const packed = await read(join(repository, "packed-refs"));
  const line = packed.split("\n").find((line) => line.endsWith(` ${branch}`)) ?? "";
  return hash(line.split(" ")[0]);
}

/** The text if it is a hash (SHA-1 or SHA-256), otherwise nothing. */
function hash(text: string): string {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text) ? text : "";
}

/** The text of a file; empty where there is no such file. */
async function read(path: string): Promise<string> {
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return "";
    }
    throw error;
  }
}
