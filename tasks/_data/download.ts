/** Downloads a large file of known size and digest over unreliable connections. */
import { setTimeout as sleep } from "node:timers/promises";
import { fromFileUrl } from "@std/path";
import { TaskError } from "../_kit/main.ts";
import type { Archive } from "./archive.ts";
import { statIfThere, writeAll } from "../_kit/files.ts";
import { sha256OfFile } from "../_kit/sha256.ts";

interface DownloadOptions {
  /** Stops the download; what was received is kept. */
  readonly signal: AbortSignal;
  /** Called with the number of bytes received, at the start of each attempt and after each piece. */
  readonly onProgress?: (done: number) => void;
  /** Called with a sentence that says why and when the connection is retried. */
  readonly onRetry?: (message: string) => void;
  /** Milliseconds before the second attempt, doubled after each attempt that brought nothing. */
  readonly pause?: number;
  /** Milliseconds that a connection may stay silent before it is retried. */
  readonly silence?: number;
}

/** A download cannot succeed, or was retried often enough. The message says which URL and why. */
export class DownloadError extends TaskError {
  override name = "DownloadError";
}

/** A broken connection, which is worth another attempt. */
class BrokenError extends Error {}

const MAX_VAIN_ATTEMPTS = 6;
const MAX_PAUSE = 60_000;

/**
 * Downloads a file into `part`. What was received stays there, so that the next attempt or the next call requests only
 * the rest, and nothing once it is complete.
 *
 * @throws {DownloadError} When the server has something else or refuses, when too many attempts in a row brought
 * nothing, when `part` is not a file, or when the digest is wrong, in which case the part is removed.
 */
export async function download(
  archive: Archive,
  part: string,
  options: DownloadOptions,
): Promise<void> {
  const { size, url } = archive;
  await checkPart(part);
  if (url.startsWith("file:")) await checkSource(url);

  let done = await sizeOf(part);
  for (let attempts = 1; done !== size; attempts++) {
    const before = done;
    try {
      await fetchRest(archive, part, options);
    } catch (error) {
      if (!(error instanceof BrokenError)) throw error;
      done = await sizeOf(part);
      if (done > before) attempts = 1;
      if (url.startsWith("file:")) throw new DownloadError(`Cannot copy ${url}: ${error.message}`);
      if (attempts >= MAX_VAIN_ATTEMPTS) {
        throw new DownloadError(
          `Cannot download ${url}: ${error.message}; gave up after ${attempts} attempts, ` +
            (done > 0 ? `the ${done} of ${size} bytes received are kept` : "nothing was received"),
        );
      }
      const pause = Math.min((options.pause ?? 1000) * 2 ** (attempts - 1), MAX_PAUSE);
      options.onRetry?.(`${error.message}; trying again in ${Math.round(pause / 1000)} s`);
      await sleep(pause, undefined, { signal: options.signal })
        .catch(() => options.signal.throwIfAborted());
    }
    done = await sizeOf(part);
  }

  const digest = await sha256OfFile(part, options.signal);
  if (digest !== archive.sha256) {
    await Deno.remove(part);
    throw new DownloadError(
      `Cannot use ${url}: its SHA-256 is ${digest}, expected ${archive.sha256}; the download was removed`,
    );
  }
}

/** Refuses to write through a link, whose target is another's, or into a pipe, which would wait for a reader. */
async function checkPart(part: string): Promise<void> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.lstat(part);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (info.isFile) return;
  const what = info.isSymlink ? "a symbolic link" : info.isDirectory ? "a folder" : "not a file";
  throw new DownloadError(
    `Cannot download into ${part}: it is ${what}, expected a file or nothing`,
  );
}

/** Refuses a pipe, whose reader would wait for a writer, and a device, which may not end. */
async function checkSource(url: string): Promise<void> {
  const info = await statIfThere(fromFileUrl(url));
  if (info?.isFile) return;
  const problem = info === undefined ? "there is no such file" : "it is not a file";
  throw new DownloadError(`Cannot copy ${url}: ${problem}`);
}

/** Appends what one connection brings to the part. */
async function fetchRest(
  { url, size }: Archive,
  part: string,
  options: DownloadOptions,
): Promise<void> {
  let done = await sizeOf(part);
  const connection = new Connection(options.signal, options.silence ?? 60_000);
  try {
    // Some servers call the gzip of a .gz file an encoding, which fetch would decode.
    const headers: Record<string, string> = { "accept-encoding": "identity" };
    if (done > 0) headers.range = `bytes=${done}-`;
    const response = await connection.open(url, headers);
    if (response.status !== 206) done = 0; // The server sends the file from its start.
    await checkResponse(response, { url, size, part, done });

    using file = await Deno.open(part, { write: true, create: true });
    await file.truncate(done);
    await file.seek(0, Deno.SeekMode.End);
    options.onProgress?.(done);
    for await (const chunk of connection.chunks()) {
      if (done + chunk.length > size) {
        throw new DownloadError(
          `Cannot download ${url}: it is longer than the expected ${size} bytes`,
        );
      }
      await writeAll(file, part, chunk);
      done += chunk.length;
      options.onProgress?.(done);
    }
    if (done < size) throw new BrokenError(`the connection ended at byte ${done} of ${size}`);
  } finally {
    connection.close();
  }
}

/** Throws unless the response has the file from byte `done` on. */
async function checkResponse(
  response: Response,
  expected: { url: string; size: number; part: string; done: number },
): Promise<void> {
  const { url, size, part, done } = expected;
  const { status } = response;
  if (status === 416 && await sizeOf(part) > 0) {
    await Deno.remove(part);
    throw new BrokenError("the server does not have the rest of the file");
  }
  if (status >= 500 || status === 408 || status === 429) {
    throw new BrokenError(`the server answered with status ${status}`);
  }
  if (status !== 200 && status !== 206) {
    throw new DownloadError(`Cannot download ${url}: the server answered with status ${status}`);
  }
  if (status === 206) {
    const range = response.headers.get("content-range");
    if (range === `bytes ${done}-${size - 1}/${size}`) return;
    throw new DownloadError(
      `Cannot download ${url}: the server sent "${
        printable(range ?? "")
      }", expected bytes ${done} to ${size - 1} of ${size}`,
    );
  }
  const length = response.headers.get("content-length");
  if (length !== null && Number(length) !== size) {
    throw new DownloadError(
      `Cannot download ${url}: it has ${Number(length)} bytes, expected ${size}`,
    );
  }
}

/** One request, which a signal or its own silence ends. */
class Connection {
  readonly #stop: AbortSignal;
  readonly #silence: number;
  readonly #own = new AbortController();
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(stop: AbortSignal, silence: number) {
    this.#stop = stop;
    this.#silence = silence;
  }

  async open(url: string, headers: Record<string, string>): Promise<Response> {
    const signal = AbortSignal.any([this.#stop, this.#own.signal]);
    const response = await this.#listen(() => fetch(url, { headers, signal }));
    this.#reader = response.body?.getReader();
    return response;
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const reader = this.#reader;
    if (reader === undefined) return;
    while (true) {
      const { done, value } = await this.#listen(() => reader.read());
      if (done) return;
      yield value;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#own.abort();
  }

  /** Waits for the network; a failure here, and only here, is a broken connection. */
  async #listen<T>(action: () => Promise<T>): Promise<T> {
    this.#timer = setTimeout(() => this.#own.abort(), this.#silence);
    try {
      return await action();
    } catch (error) {
      this.#stop.throwIfAborted();
      if (error instanceof Deno.errors.NotCapable) throw error;
      if (this.#own.signal.aborted) {
        throw new BrokenError(`nothing came for ${Math.round(this.#silence / 1000)} s`);
      }
      throw new BrokenError(explain(error));
    } finally {
      clearTimeout(this.#timer);
    }
  }
}

/** The message of the network, which Deno wraps in "fetch failed" and the URL. */
function explain(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const message = inner instanceof Error ? inner.message : String(inner);
  return printable(message.replace(/^error sending request for url \(.*?\): /, ""));
}

/** Spells out the characters that would control a terminal: a server may send any. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

/** The length of a file; 0 where it is missing. */
async function sizeOf(path: string): Promise<number> {
  return (await statIfThere(path))?.size ?? 0;
}
