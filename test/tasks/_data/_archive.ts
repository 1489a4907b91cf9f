/** Servers and archives for the tests of downloading and unpacking. */
import { createHash } from "node:crypto";
import { Random } from "../../../src/model/random.ts";
import type { Archive } from "../../../tasks/_data/archive.ts";

/** What a server makes of a request. */
export type Answer = (request: Request) => Response | Promise<Response>;

/** What is asserted about a request: its path, and the range it asks for. */
interface Asked {
  readonly path: string;
  readonly range: string | null;
}

/** Runs an action with a folder and a server that gives the answers in turn, the last one for ever. */
export async function withServer(
  answers: readonly Answer[],
  action: (url: string, folder: string, requests: readonly Asked[]) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const requests: Asked[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError: () => new Response(null) },
    (request) => {
      requests.push({
        path: new URL(request.url).pathname,
        range: request.headers.get("range"),
      });
      return answers[Math.min(requests.length, answers.length) - 1](request);
    },
  );
  try {
    await action(`http://127.0.0.1:${server.addr.port}/archive`, folder, requests);
  } finally {
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
}

export const SIGNAL = new AbortController().signal;
export const QUICK = { signal: SIGNAL, pause: 1 };

/** A file of 300,000 random bytes. */
function drawFile(): Uint8Array<ArrayBuffer> {
  const random = new Random(1, "file");
  return Uint8Array.from({ length: 300_000 }, () => random.below(256));
}

export const FILE = drawFile();

export function archiveOf(url: string, bytes: Uint8Array = FILE): Archive {
  return { url, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Answers as a server does that knows ranges. */
export function answerRange(request: Request): Response {
  const range = request.headers.get("range")?.match(/^bytes=(\d+)-$/);
  if (!range) return new Response(FILE);
  const start = Number(range[1]);
  if (start >= FILE.length) return new Response(null, { status: 416 });
  return new Response(FILE.subarray(start), {
    status: 206,
    headers: { "content-range": `bytes ${start}-${FILE.length - 1}/${FILE.length}` },
  });
}

/** Sends the file from `start` to `end`, then breaks the connection. */
export function answerCut(start: number, end: number): Response {
  const rest = FILE.length - start;
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(FILE.subarray(start, end));
      // Time for the bytes to leave before the connection goes.
      await new Promise((resolve) => setTimeout(resolve, 50));
      controller.error(new Error("cut"));
    },
  });
  const headers = new Headers({ "content-length": `${rest}` });
  if (start === 0) return new Response(body, { headers });
  headers.set("content-range", `bytes ${start}-${FILE.length - 1}/${FILE.length}`);
  return new Response(body, { status: 206, headers });
}

export function rangesOf(requests: readonly Asked[]): (string | null)[] {
  return requests.map(({ range }) => range);
}

export async function listNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) names.push(entry.name);
  return names.sort();
}

/** Where a header of POSIX ustar has its fields, and how long they are. */
const FIELDS = { name: [0, 100], size: [124, 12], checksum: [148, 8], type: [156, 1] } as const;

/** Changes a field of a header, and the checksum with it; a character is a byte. */
export function setField(header: Uint8Array, field: keyof typeof FIELDS, text: string): void {
  const put = (name: keyof typeof FIELDS, text: string) => {
    const [at, length] = FIELDS[name];
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    header.fill(0, at, at + length).set(bytes, at);
  };
  put(field, text);
  put("checksum", " ".repeat(8));
  const sum = header.reduce((total, byte) => total + byte, 0);
  put("checksum", sum.toString(8).padStart(6, "0") + "\0 ");
}

/** A tar member: a header of POSIX ustar, then the content in whole blocks. */
export function tarMember(
  name: string,
  content: Uint8Array,
  type = "0",
): Uint8Array<ArrayBuffer>[] {
  const header = new Uint8Array(512);
  header.set(new TextEncoder().encode("ustar\x0000"), 257);
  setField(header, "name", name);
  setField(header, "size", content.length.toString(8).padStart(11, "0"));
  setField(header, "type", type);
  return [header, Uint8Array.from(content), new Uint8Array(-content.length & 511)];
}

export const END = new Uint8Array(1024);

/** The bytes of a gzipped tar archive. */
export async function gzip(
  parts: readonly Uint8Array<ArrayBuffer>[],
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = ReadableStream.from(parts).pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
