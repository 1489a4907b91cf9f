/** The commit of this project, read from the repository's files without git. */
import { join } from "@std/path";
import { DataError } from "../../src/errors.ts";
import { readText } from "../_kit/files.ts";

/** The hash of the commit that is checked out; "" where the folder `.git` is missing or stored otherwise. */
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

/** The text if it is a hash (SHA-1 or SHA-256), otherwise "". */
function hash(text: string): string {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text) ? text : "";
}

/** The text of a file; "" where it is missing or not a file. */
async function read(path: string): Promise<string> {
  try {
    return (await readText(path)).trim();
  } catch (error) {
    const { NotFound, NotADirectory } = Deno.errors;
    if ([NotFound, NotADirectory, DataError].some((known) => error instanceof known)) return "";
    throw error;
  }
}
