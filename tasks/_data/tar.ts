/** Unpacks known files from a gzipped tar archive, and nothing else that may be in it. */
import { dirname, join } from "@std/path";
import { DataError } from "../../src/errors.ts";
import { removeIfThere, statIfThere, syncFile, temporaryName, writeAll } from "../_kit/files.ts";

interface UnpackOptions {
  /** The names of the files, in the archive without their folder. */
  readonly names: readonly string[];
  readonly folder: string;
  /** The length of each, in bytes. */
  readonly size: number;
  /** Stops the unpacking, which then leaves nothing behind. */
  readonly signal: AbortSignal;
}

interface TarMember {
  /** Its path in the archive, which may be anything: never write to it. */
  readonly name: string;
  readonly size: number;
  /** Its bytes, to be read before the next member; otherwise they are skipped. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** How much else an archive may hold, in bytes: some text for readers. A small archive may unpack to anything. */
const MAX_OTHERS = 2 ** 24;

/**
 * Unpacks known files; the archive is only read. They are moved into `directory`, which is created if necessary, once all
 * of them are complete.
 *
 * @throws {DataError} When a file is missing or has another length, or the archive is damaged or unpacks to much more.
 */
export async function unpackFiles(
  archive: string,
  directory: string,
  options: UnpackOptions,
): Promise<void> {
  const { names, folder, size, signal } = options;
  // A folder that is there may be a link or lie on a disk of its own, and files move only within one file system.
  const beside = await statIfThere(directory) === undefined ? dirname(directory) : directory;
  const limit = names.length * (size + BLOCK) + MAX_OTHERS;
  const unpacked = new Map<string, string>();
  try {
    using file = await Deno.open(archive);
    const tar = file.readable.pipeThrough(new DecompressionStream("gzip"));
    for await (const member of readTar(tar, { archive, limit })) {
      const name = names.find((name) => member.name === `${folder}/${name}`);
      if (name === undefined || unpacked.has(name)) continue;
      if (member.size !== size) {
        throw new DataError(
          `Cannot unpack ${archive}: ${member.name} has ${member.size} bytes, expected ${size}`,
        );
      }
      const temporary = join(beside, temporaryName(name));
      unpacked.set(name, temporary);
      await write(temporary, member.content, signal);
    }
    const missing = names.find((name) => !unpacked.has(name));
    if (missing !== undefined) {
      throw new DataError(`Cannot unpack ${archive}: ${folder}/${missing} is not in it`);
    }
    await Deno.mkdir(directory, { recursive: true });
    for (const [name, temporary] of unpacked) await Deno.rename(temporary, join(directory, name));
  } finally {
    for (const temporary of unpacked.values()) await removeIfThere(temporary);
  }
}

interface ReadOptions {
  /** What the archive is called in messages. */
  readonly archive: string;
  /** How many bytes are read at most; any number unless given. */
  readonly limit?: number;
}

/**
 * Reads the regular files of a tar archive in order. Links, folders, devices and extension headers are skipped, so
 * a name longer than the header holds comes out shortened. What follows the last member is read too: a compressed
 * stream has its checksum at its end.
 *
 * @throws {DataError} When a header or the compressed stream is damaged, the archive ends within a member, or there is more
 * than the limit.
 */
export async function* readTar(
  stream: ReadableStream<Uint8Array>,
  options: ReadOptions,
): AsyncGenerator<TarMember> {
  const { archive } = options;
  await using bytes = new ByteReader(stream, options);
  while (true) {
    const header = await bytes.header();
    if (header === null) return;
    if (header.every((byte) => byte === 0)) return await bytes.skipRest();
    const { name, size, regular } = parseHeader(header, archive);
    const content = bytes.take(size);
    if (regular) yield { name, size, content };
    for await (const _ of content) { /* Skips what has not been read. */ }
    for await (const _ of bytes.take(-size & (BLOCK - 1))) { /* Skips up to a whole block. */ }
  }
}

const BLOCK = 512;

/** Reads some fields of a header (POSIX ustar). */
function parseHeader(
  header: Uint8Array,
  archive: string,
): { name: string; size: number; regular: boolean } {
  const text = (start: number, length: number): string =>
    new TextDecoder().decode(header.subarray(start, start + length)).split("\0")[0];
  const octal = (start: number, length: number): number => {
    const digits = text(start, length).trim();
    return /^[0-7]+$/.test(digits) ? parseInt(digits, 8) : NaN;
  };
  // The checksum counts its own eight bytes as blanks.
  let sum = 8 * " ".charCodeAt(0);
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i];
  const size = octal(124, 12);
  if (octal(148, 8) !== sum || Number.isNaN(size)) {
    throw new DataError(`Cannot unpack ${archive}: a header in it is damaged`);
  }
  const prefix = text(257, 5) === "ustar" ? text(345, 155) : "";
  const name = text(0, 100);
  const type = text(156, 1);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    size,
    regular: type === "0" || type === "",
  };
}

/** Reads a stream in pieces of given sizes. */
class ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #archive: string;
  readonly #limit: number;
  #read = 0;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(stream: ReadableStream<Uint8Array>, { archive, limit = Infinity }: ReadOptions) {
    this.#reader = stream.getReader();
    this.#archive = archive;
    this.#limit = limit;
  }

  /** The next block; null at the end of the stream. */
  async header(): Promise<Uint8Array | null> {
    if (!await this.#fill()) return null;
    const block = new Uint8Array(BLOCK);
    let at = 0;
    for await (const piece of this.take(BLOCK)) {
      block.set(piece, at);
      at += piece.length;
    }
    return block;
  }

  /** The next `length` bytes, in pieces. */
  async *take(length: number): AsyncGenerator<Uint8Array> {
    while (length > 0) {
      if (!await this.#fill()) {
        throw new DataError(`Cannot unpack ${this.#archive}: it is cut short`);
      }
      const piece = this.#rest.subarray(0, length);
      this.#rest = this.#rest.subarray(piece.length);
      length -= piece.length;
      yield piece;
    }
  }

  /** Reads to the end of the stream. */
  async skipRest(): Promise<void> {
    while (await this.#fill()) this.#rest = new Uint8Array(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A stream that failed says so again.
    await this.#reader.cancel().catch(() => {});
  }

  /** Waits for a byte; false at the end of the stream. */
  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#reader.read().catch((error) => this.#refuse(error));
      if (done) return false;
      this.#read += value.length;
      if (this.#read > this.#limit) {
        throw new DataError(
          `Cannot unpack ${this.#archive}: it has more than ${this.#limit} bytes, expected less`,
        );
      }
      this.#rest = value;
    }
    return true;
  }

  /** A stream that cannot be decompressed fails with a `TypeError`. */
  #refuse(error: unknown): never {
    if (!(error instanceof TypeError)) throw error;
    const message = `Cannot unpack ${this.#archive}: it is damaged or not compressed with gzip`;
    throw new DataError(message, { cause: error });
  }
}

async function write(
  path: string,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  for await (const piece of content) {
    signal.throwIfAborted();
    await writeAll(file, path, piece);
  }
  await syncFile(file, path);
}
