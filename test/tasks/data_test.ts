import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  fail,
} from "@std/assert";
import { createHash } from "node:crypto";
import { CIFAR10_FILE_SIZE, CIFAR10_FILES, CIFAR10_FOLDER } from "../../src/data/cifar10.ts";
import { DataError } from "../../src/errors.ts";
import { Random } from "../../src/model/random.ts";
import { type Archive, download, DownloadError } from "../../tasks/_data/download.ts";
import { runMain, StoppedError } from "../../tasks/_kit/main.ts";
import { readTar, unpackFiles } from "../../tasks/_data/tar.ts";
import { main } from "../../tasks/data.ts";
import { CapturedContext } from "../_context.ts";

/** What a server makes of a request. */
type Answer = (request: Request) => Response | Promise<Response>;

/** What is asserted about a request: its path, and the range it asks for. */
interface Asked {
  readonly path: string;
  readonly range: string | null;
}

/** Runs an action with a folder and a server that gives the answers in turn, the last one for ever. */
async function withServer(
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

const SIGNAL = new AbortController().signal;
const QUICK = { signal: SIGNAL, pause: 1 };

/** A file of 300,000 random bytes. */
function drawFile(): Uint8Array<ArrayBuffer> {
  const random = new Random(1, "file");
  return Uint8Array.from({ length: 300_000 }, () => random.below(256));
}

const FILE = drawFile();

function archiveOf(url: string, bytes: Uint8Array = FILE): Archive {
  return { url, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Answers as a server does that knows ranges. */
function answerRange(request: Request): Response {
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
function answerCut(start: number, end: number): Response {
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

function rangesOf(requests: readonly Asked[]): (string | null)[] {
  return requests.map(({ range }) => range);
}

async function listNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) names.push(entry.name);
  return names.sort();
}

Deno.test("download() fetches a file and reports its progress", async () => {
  await withServer([answerRange], async (url, folder, requests) => {
    const told: number[] = [];
    const onProgress = (done: number) => told.push(done);
    await download(archiveOf(url), `${folder}/file`, { ...QUICK, onProgress });
    assertEquals(await Deno.readFile(`${folder}/file`), FILE);
    assertEquals(await listNames(folder), ["file"]);
    assertEquals(rangesOf(requests), [null]);
    assertEquals(told[0], 0);
    assertEquals(told.at(-1), FILE.length);
    assertEquals(told, told.toSorted((a, b) => a - b));
  });
});

Deno.test("download() requests nothing when the file exists", async () => {
  await withServer([answerRange], async (url, folder, requests) => {
    await Deno.writeFile(`${folder}/file`, FILE);
    await download(archiveOf(url), `${folder}/file`, QUICK);
    assertEquals(requests.length, 0);
  });
});

Deno.test("download() requests only the missing bytes after an interruption", async () => {
  const answers = [() => answerCut(0, 100_000), () => answerCut(100_000, 250_000), answerRange];
  await withServer(answers, async (url, folder, requests) => {
    const warnings: string[] = [];
    const onRetry = (message: string) => warnings.push(message);
    await download(archiveOf(url), `${folder}/file`, { ...QUICK, onRetry });
    assertEquals(rangesOf(requests), [null, "bytes=100000-", "bytes=250000-"]);
    assertEquals(await Deno.readFile(`${folder}/file`), FILE);
    assertEquals(warnings.length, 2);
    assertStringIncludes(warnings[0], "trying again in 0 s");
  });
});

Deno.test("download() does not give up while bytes arrive", async () => {
  const answers = Array.from(
    { length: 8 },
    (_, i) => () => answerCut(1000 * i, 1000 * (i + 1)),
  );
  await withServer([...answers, answerRange], async (url, folder, requests) => {
    await download(archiveOf(url), `${folder}/file`, QUICK);
    assertEquals(requests.length, 9);
    assertEquals(await Deno.readFile(`${folder}/file`), FILE);
  });
});

Deno.test("download() resumes what an earlier call left", async () => {
  await withServer([answerRange], async (url, folder, requests) => {
    await Deno.writeFile(`${folder}/file.part`, FILE.subarray(0, 123_456));
    const told: number[] = [];
    const onProgress = (done: number) => told.push(done);
    await download(archiveOf(url), `${folder}/file`, { ...QUICK, onProgress });
    assertEquals(rangesOf(requests), ["bytes=123456-"]);
    assertEquals(told[0], 123_456);
    assertEquals(await Deno.readFile(`${folder}/file`), FILE);
    assertEquals(await listNames(folder), ["file"]);
  });
});

Deno.test("download() uses a part that is already complete", async () => {
  await withServer([answerRange], async (url, folder, requests) => {
    await Deno.writeFile(`${folder}/file.part`, FILE);
    await download(archiveOf(url), `${folder}/file`, QUICK);
    assertEquals(requests.length, 0);
    assertEquals(await listNames(folder), ["file"]);
  });
});

Deno.test("download() starts over when the server does not support ranges", async () => {
  await withServer([() => new Response(FILE)], async (url, folder, requests) => {
    await Deno.writeFile(`${folder}/file.part`, new Uint8Array(200_000));
    await download(archiveOf(url), `${folder}/file`, QUICK);
    assertEquals(requests.length, 1);
    assertEquals(await Deno.readFile(`${folder}/file`), FILE);
  });
});

Deno.test("download() starts over when the part is longer than the file", async () => {
  await withServer([answerRange], async (url, folder, requests) => {
    await Deno.writeFile(`${folder}/file.part`, new Uint8Array(400_000));
    await download(archiveOf(url), `${folder}/file`, QUICK);
    assertEquals(rangesOf(requests), ["bytes=400000-", null]);
    assertEquals(await Deno.readFile(`${folder}/file`), FILE);
  });
});

Deno.test("download() follows redirects and keeps the range", async () => {
  const redirect: Answer = (request) => Response.redirect(new URL("/elsewhere", request.url), 302);
  await withServer([redirect, answerRange], async (url, folder, requests) => {
    await Deno.writeFile(`${folder}/file.part`, FILE.subarray(0, 10));
    await download(archiveOf(url), `${folder}/file`, QUICK);
    assertEquals(requests[1].path, "/elsewhere");
    assertEquals(rangesOf(requests), ["bytes=10-", "bytes=10-"]);
    assertEquals(await Deno.readFile(`${folder}/file`), FILE);
  });
});

Deno.test("download() tries again when the server is busy", async () => {
  const busy = () => new Response("busy", { status: 503 });
  await withServer([busy, busy, answerRange], async (url, folder, requests) => {
    await download(archiveOf(url), `${folder}/file`, QUICK);
    assertEquals(requests.length, 3);
    assertEquals(await Deno.readFile(`${folder}/file`), FILE);
  });
});

Deno.test("download() gives up after six failed attempts and keeps the part", async () => {
  const answers = [() => answerCut(0, 5000), () => new Response(null, { status: 500 })];
  await withServer(answers, async (url, folder, requests) => {
    await assertRejects(
      () => download(archiveOf(url), `${folder}/file`, QUICK),
      DownloadError,
      "the server answered with status 500; gave up after 6 attempts, " +
        "the 5000 of 300000 bytes received are kept",
    );
    assertEquals(requests.length, 6);
    assertEquals(await listNames(folder), ["file.part"]);
  });
});

Deno.test("download() says what is wrong with the network", async () => {
  const folder = await Deno.makeTempDir();
  try {
    // A port that was free a moment ago.
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const { message } = await assertRejects(
      () => download(archiveOf(`http://127.0.0.1:${port}/`), `${folder}/file`, QUICK),
      DownloadError,
      "Connection refused",
    );
    assertMatch(message, /; gave up after 6 attempts, nothing was received$/);
  } finally {
    await Deno.remove(folder);
  }
});

Deno.test("download() reconnects after silence", async () => {
  const silent = () => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(FILE.subarray(0, 9)),
    });
    return new Response(body, { headers: { "content-length": `${FILE.length}` } });
  };
  await withServer([silent, answerRange], async (url, folder, requests) => {
    const warnings: string[] = [];
    const onRetry = (message: string) => warnings.push(message);
    await download(archiveOf(url), `${folder}/file`, { ...QUICK, onRetry, silence: 200 });
    assertEquals(rangesOf(requests), [null, "bytes=9-"]);
    assertStringIncludes(warnings[0], "nothing came for");
  });
});

Deno.test("download() does not insist when the server refuses or has another file", async () => {
  const cases: [Answer, string][] = [
    [() => new Response(null, { status: 404 }), "the server answered with status 404"],
    [() => new Response("a login page"), "it has 12 bytes, expected 300000"],
    [
      () => new Response("x", { status: 206, headers: { "content-range": "bytes 0-0/300000" } }),
      'the server sent "bytes 0-0/300000"',
    ],
  ];
  for (const [answer, message] of cases) {
    await withServer([answer], async (url, folder, requests) => {
      await Deno.writeFile(`${folder}/file.part`, FILE.subarray(0, 1000));
      await assertRejects(
        () => download(archiveOf(url), `${folder}/file`, QUICK),
        DownloadError,
        message,
      );
      assertEquals(requests.length, 1);
      assertEquals(await Deno.readFile(`${folder}/file.part`), FILE.subarray(0, 1000));
    });
  }
});

Deno.test("download() stops at the expected size", async () => {
  const endless = () => {
    const body = new ReadableStream({ pull: (controller) => controller.enqueue(FILE) });
    return new Response(body);
  };
  await withServer([endless], async (url, folder) => {
    await assertRejects(
      () => download(archiveOf(url), `${folder}/file`, QUICK),
      DownloadError,
      "it is longer than the expected 300000 bytes",
    );
  });
});

Deno.test("download() does not decode a file whose gzip the server calls an encoding", async () => {
  const zipped = await gzip([FILE.slice(0, 50_000)]);
  const answer = () => new Response(zipped, { headers: { "content-encoding": "gzip" } });
  await withServer([answer], async (url, folder, requests) => {
    await download(archiveOf(url, zipped), `${folder}/file`, QUICK);
    assertEquals(await Deno.readFile(`${folder}/file`), zipped);
    assertEquals(requests.length, 1);
  });
});

Deno.test("download() removes a file with the wrong digest", async () => {
  await withServer([answerRange], async (url, folder) => {
    const archive = { ...archiveOf(url), sha256: "0".repeat(64) };
    await assertRejects(
      () => download(archive, `${folder}/file`, QUICK),
      DownloadError,
      `its SHA-256 is ${archiveOf(url).sha256}, expected 000`,
    );
    assertEquals(await listNames(folder), []);
  });
});

Deno.test("download() keeps the part when it is aborted", async () => {
  await withServer([answerRange], async (url, folder, requests) => {
    const stop = new AbortController();
    const reason = new StoppedError("SIGINT");
    const onProgress = (done: number) => {
      if (done > 0) stop.abort(reason);
    };
    const onRetry = (message: string) => fail(message);
    const options = { ...QUICK, onProgress, onRetry, signal: stop.signal };
    const error = await assertRejects(() => download(archiveOf(url), `${folder}/file`, options));
    assert(error === reason);
    const { size } = await Deno.stat(`${folder}/file.part`);
    assert(size > 0 && size < FILE.length, `${size} bytes`);

    await download(archiveOf(url), `${folder}/file`, QUICK);
    assertEquals(rangesOf(requests), [null, `bytes=${size}-`]);
    assertEquals(await Deno.readFile(`${folder}/file`), FILE);
  });
});

Deno.test("download() reads a file URL, and says at once when there is none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/source`, FILE);
    await download(archiveOf(`file://${folder}/source`), `${folder}/file`, QUICK);
    assertEquals(await Deno.readFile(`${folder}/file`), FILE);
    await assertRejects(
      () => download(archiveOf(`file://${folder}/none`), `${folder}/other`, QUICK),
      DownloadError,
      "No such file or directory",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** A tar member: a header of POSIX ustar, then the content in whole blocks. */
function tarMember(name: string, content: Uint8Array, type = "0"): Uint8Array<ArrayBuffer>[] {
  const header = new Uint8Array(512);
  const put = (at: number, text: string) => header.set(new TextEncoder().encode(text), at);
  put(0, name);
  put(124, content.length.toString(8).padStart(11, "0"));
  put(148, " ".repeat(8));
  put(156, type);
  put(257, "ustar\x0000");
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(148, sum.toString(8).padStart(6, "0") + "\0 ");
  return [header, Uint8Array.from(content), new Uint8Array(-content.length & 511)];
}

const END = new Uint8Array(1024);

/** The bytes of a gzipped tar archive. */
async function gzip(parts: readonly Uint8Array<ArrayBuffer>[]): Promise<Uint8Array<ArrayBuffer>> {
  const stream = ReadableStream.from(parts).pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Unpacks the members "a" and "b" of the folder "known", ten bytes each. */
async function unpackParts(
  parts: readonly Uint8Array<ArrayBuffer>[],
  action: (unpack: () => Promise<void>, folder: string) => Promise<void>,
): Promise<void> {
  const outside = await Deno.makeTempDir();
  try {
    const folder = `${outside}/inside`;
    await Deno.mkdir(folder);
    await Deno.writeFile(`${outside}/x.tar.gz`, await gzip(parts));
    const options = { names: ["a", "b"], folder: "known", size: 10, signal: SIGNAL };
    await action(() => unpackFiles(`${outside}/x.tar.gz`, folder, options), folder);
    assertEquals(await listNames(outside), ["inside", "x.tar.gz"]);
  } finally {
    await Deno.remove(outside, { recursive: true });
  }
}

const A = new Uint8Array(10).fill(1);
const B = new Uint8Array(10).fill(2);

Deno.test("unpackFiles() unpacks the known files and nothing else", async () => {
  const evil = [
    "../evil",
    "../../known/a",
    "/tmp/evil-of-data-test",
    "known/../../evil",
    "known/c",
    "known/a/../b",
    "./known/a",
    "a",
    "inside/a",
  ];
  const parts = [
    ...tarMember("known/", new Uint8Array(0), "5"),
    ...tarMember("known/a", A),
    ...evil.flatMap((name) => tarMember(name, new Uint8Array(700))),
    ...tarMember("known/b", new Uint8Array(0), "2"),
    ...tarMember("known/b", new Uint8Array(10), "1"),
    ...tarMember("known/b", B),
    END,
  ];
  await unpackParts(parts, async (unpack, folder) => {
    await unpack();
    assertEquals(await listNames(folder), ["a", "b"]);
    assertEquals(await Deno.readFile(`${folder}/a`), A);
    assertEquals(await Deno.readFile(`${folder}/b`), B);
  });
});

Deno.test("unpackFiles() leaves the old files when the archive is not what it should be", async () => {
  const cases: [Uint8Array<ArrayBuffer>[], string][] = [
    [[...tarMember("known/a", A), END], "known/b is not in it"],
    [
      [...tarMember("known/a", A), ...tarMember("known/b", B.subarray(1)), END],
      "has 9 bytes, expected 10",
    ],
    [[...tarMember("known/a", A), ...tarMember("known/b", B).slice(0, 1)], "it is cut short"],
    [[...tarMember("known/a", A), new Uint8Array(512).fill(65), END], "a header in it is damaged"],
    [[...tarMember("known/a", A), new Uint8Array(100)], "it is cut short"],
  ];
  for (const [parts, message] of cases) {
    await unpackParts(parts, async (unpack, folder) => {
      await Deno.writeTextFile(`${folder}/a`, "old");
      await assertRejects(unpack, DataError, message);
      assertEquals(await listNames(folder), ["a"]);
      assertEquals(await Deno.readTextFile(`${folder}/a`), "old");
    });
  }
});

Deno.test("readTar() reads members in pieces of any size, and names with a prefix", async () => {
  const content = FILE.slice(0, 1300);
  const parts = [...tarMember("one", content), ...tarMember("two", A), END];
  // "deep/" in the header's field for what does not fit the name, with the checksum moved along.
  const [header] = tarMember("three", B);
  header.set(new TextEncoder().encode("deep"), 345);
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  header.set(new TextEncoder().encode(sum.toString(8).padStart(6, "0")), 148);
  parts.splice(3, 0, header, B, new Uint8Array(502));
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  for (const piece of [1, 7, 512, 100_000]) {
    const pieces = Array.from(
      { length: Math.ceil(bytes.length / piece) },
      (_, i) => bytes.subarray(i * piece, (i + 1) * piece),
    );
    const members: [string, number, number[]][] = [];
    for await (const { name, size, content } of readTar(ReadableStream.from(pieces), "test")) {
      // The second member is left unread, which must not hurt.
      const read: number[] = [];
      if (name !== "deep/three") { for await (const each of content) read.push(...each); }
      members.push([name, size, read]);
    }
    assertEquals(members, [
      ["one", 1300, [...content]],
      ["deep/three", 10, []],
      ["two", 10, [...A]],
    ]);
  }
});

Deno.test("data downloads CIFAR-10, and leaves a valid copy alone", async () => {
  const black = new Uint8Array(CIFAR10_FILE_SIZE);
  const archive = await gzip([
    ...CIFAR10_FILES.flatMap((name) => tarMember(`${CIFAR10_FOLDER}/${name}`, black)),
    END,
  ]);
  await withServer([() => new Response(archive)], async (url, folder, requests) => {
    const context = new CapturedContext();
    const args = ["--out", folder, "--json"];
    assertEquals(await main(args, context, archiveOf(url, archive)), 0);
    assertEquals(await listNames(folder), [CIFAR10_FOLDER]);
    assertEquals(await listNames(`${folder}/${CIFAR10_FOLDER}`), CIFAR10_FILES);
    assertStringIncludes(
      context.errors,
      `Downloading ${url} (--from takes it from a disk: data/README.md)\n`,
    );
    assertStringIncludes(context.errors, "50000 training and 10000 test images, verified\n");
    assertEquals(context.events.map(({ event }) => event), ["start", "done"]);

    const again = new CapturedContext();
    assertEquals(await main(args, again, archiveOf(url, archive)), 0);
    assertStringIncludes(again.errors, "is complete, nothing to do");
    assertEquals(again.events.map(({ event }) => event), ["finished_before"]);
    assertEquals(again.events[0].data_sha256, context.events[1].data_sha256);
    assertEquals(requests.length, 1);

    await Deno.truncate(`${folder}/${CIFAR10_FOLDER}/data_batch_3.bin`, 5);
    const mended = new CapturedContext();
    assertEquals(await main(args, mended, archiveOf(url, archive)), 0);
    assertStringIncludes(mended.errors, "data_batch_3.bin: it is cut short with 5 bytes");
    assertEquals(requests.length, 2);
    const { size } = await Deno.stat(`${folder}/${CIFAR10_FOLDER}/data_batch_3.bin`);
    assertEquals(size, CIFAR10_FILE_SIZE);
  });
});

Deno.test("data exits with 1 and a sentence when the digest is wrong", async () => {
  await withServer([() => new Response(FILE)], async (url, folder) => {
    const context = new CapturedContext();
    const archive = { ...archiveOf("http://127.0.0.1:1/"), sha256: "0".repeat(64) };
    const args = ["--out", folder, "--from", url, "--json"];
    const status = await runMain((args, context) => main(args, context, archive), {
      args,
      context,
    });
    assertEquals(status, 1);
    assertStringIncludes(context.errors, `error: Cannot use ${url}: its SHA-256 is `);
    assertEquals(context.events.at(-1)?.exit_status, 1);
    assertEquals(await listNames(folder), []);
  });
});

Deno.test("data exits with 75 when it is interrupted, and keeps the part", async () => {
  const slow = () => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(FILE.subarray(0, 9)),
    });
    return new Response(body, { headers: { "content-length": `${FILE.length}` } });
  };
  await withServer([slow], async (url, folder) => {
    const context = new CapturedContext();
    const task = runMain((args, context) => main(args, context, archiveOf(url)), {
      args: ["--out", folder],
      context,
    });
    const part = `${folder}/cifar-10-binary.tar.gz.part`;
    while ((await Deno.stat(part).catch(() => undefined))?.size !== 9) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    context.abort(new StoppedError("SIGINT"));
    assertEquals(await task, 75);
    assertStringIncludes(context.errors, "stopped by SIGINT");
    assertEquals((await Deno.stat(part)).size, 9);
  });
});

Deno.test("data exits with 2 for an unknown option or an invalid address", async () => {
  for (
    const [args, message] of [
      [["--form", "x"], "data has no option --form; did you mean --from?"],
      [
        ["--from", "cifar.tar.gz"],
        "--from expects an address that starts with https:, http: or file:",
      ],
      [["--from", "ftp://127.0.0.1/x"], "--from expects an address"],
    ] as const
  ) {
    const context = new CapturedContext();
    assertEquals(await runMain(main, { args, context }), 2);
    assertStringIncludes(context.errors, message);
  }
});

Deno.test("data --help explains itself", async () => {
  const context = new CapturedContext();
  assertEquals(await main(["--help"], context), 0);
  assertStringIncludes(context.output, "Downloads CIFAR-10 (170.1 MB)");
  assertStringIncludes(context.output, "--from URL");
  assertStringIncludes(context.output, "(default data)");
});
