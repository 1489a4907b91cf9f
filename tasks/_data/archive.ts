/** An archive of known size and digest, and whether a file is that archive. */
import { DataError } from "../../src/errors.ts";
import { statIfThere } from "../_kit/files.ts";
import { sha256OfFile } from "../_kit/sha256.ts";

export interface Archive {
  /** An http, https or file URL. */
  readonly url: string;
  readonly size: number;
  readonly sha256: string;
}

/**
 * Checks that a file is the archive; the file is only read.
 *
 * @throws {DataError} When it is missing, is not a file, or has other bytes.
 */
export async function checkArchive(
  { size, sha256 }: Archive,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const info = await statIfThere(path);
  const problem = info === undefined ? "there is no such file" : !info.isFile // Opening a pipe would wait for a writer.
    ? "it is not a file"
    : info.size !== size
    ? `it has ${info.size} bytes`
    : undefined;
  if (problem !== undefined) {
    throw new DataError(`Cannot unpack ${path}: ${problem}, expected an archive of ${size} bytes`);
  }
  const digest = await sha256OfFile(path, signal);
  if (digest === sha256) return;
  throw new DataError(`Cannot unpack ${path}: its SHA-256 is ${digest}, expected ${sha256}`);
}
