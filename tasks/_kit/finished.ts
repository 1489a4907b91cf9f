/** `finished.json`: written last, it says that results are whole, and what each of their files was. */
import { basename, dirname, join } from "@std/path";
import { DataError } from "../../src/errors.ts";
import { JsonFile, type JsonValue, TEXT, unexpected } from "../../src/records/json.ts";
import { readTextIfThere, statIfThere, writeFileDurably } from "./files.ts";
import { sha256, sha256OfFile } from "./sha256.ts";

export const FINISHED = "finished.json";

/** The SHA-256 of files by their names, as 64 hexadecimal digits. */
export type Digests = Readonly<Record<string, string>>;

const DIGESTS: JsonValue<Digests> = {
  encode: (digests) => ({ sha256: digests }),
  decode: (value) => {
    const entries = Object.entries(Object(Object(value).sha256));
    if (entries.length === 0) throw unexpected(value, "all of it", "digests of files");
    for (const [name] of entries) {
      // Others would be read wherever they are.
      if (basename(name) !== name || /^\.*$/.test(name)) {
        throw unexpected(name, "sha256", "names of files beside it");
      }
    }
    return Object.fromEntries(
      entries.map(([name, digest]) => [name, TEXT.decode(digest, `sha256.${name}`)]),
    );
  },
};

const FINISHED_JSON = new JsonFile(DIGESTS);

/**
 * Reads what the files of finished results were; undefined where they are not finished.
 *
 * @throws {DataError} When it is not what this program writes.
 */
export async function readFinished(directory: string): Promise<Digests | undefined> {
  const name = join(directory, FINISHED);
  const text = await readTextIfThere(name);
  return text === undefined ? undefined : FINISHED_JSON.decode(text, { name });
}

export async function writeFinished(directory: string, digests: Digests): Promise<void> {
  const sorted = Object.entries(digests).sort(([a], [b]) => a < b ? -1 : 1);
  const text = FINISHED_JSON.encode(Object.fromEntries(sorted));
  await writeFileDurably(join(directory, FINISHED), text);
}

/** Says of finished results that a figure of theirs was drawn again. */
export async function noteFigure(path: string, svg: string): Promise<void> {
  const directory = dirname(path);
  const digests = await readFinished(directory).catch((error) => {
    if (!(error instanceof DataError)) throw error;
    return undefined; // Somebody has changed it, and a digest would hide that.
  });
  if (digests === undefined) return;
  await writeFinished(directory, { ...digests, [basename(path)]: await sha256(svg) });
}

/** The files that are no longer what they were, with what happened to them, as in "metrics.csv is missing". */
export async function changedFiles(
  directory: string,
  digests: Digests,
): Promise<{ readonly name: string; readonly missing: boolean }[]> {
  const changes: { name: string; missing: boolean }[] = [];
  for (const [name, digest] of Object.entries(digests)) {
    const path = join(directory, name);
    const missing = !(await statIfThere(path))?.isFile; // A folder or a pipe may be in its place.
    if (missing || await sha256OfFile(path) !== digest) changes.push({ name, missing });
  }
  return changes;
}
