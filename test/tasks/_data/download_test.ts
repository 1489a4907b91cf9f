import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  fail,
} from "@std/assert";
import { download, DownloadError } from "../../../tasks/_data/download.ts";
import { StoppedError } from "../../../tasks/_kit/main.ts";
import {
  type Answer,
  answerCut,
  answerRange,
  archiveOf,
  FILE,
  gzip,
  listNames,
  QUICK,
  rangesOf,
  withServer,
} from "./_archive.ts";

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
    await Deno.writeFile(`${folder}/file`, FILE.subarray(0, 123_456));
    const told: number[] = [];
    const onProgress = (done: number) => told.push(done);
    await download(archiveOf(url), `${folder}/file`, { ...QUICK, onProgress });
    assertEquals(rangesOf(requests), ["bytes=123456-"]);
    assertEquals(told[0], 123_456);
    assertEquals(await Deno.readFile(`${folder}/file`), FILE);
    assertEquals(await listNames(folder), ["file"]);
  });
});

Deno.test("download() requests nothing when the part is already complete", async () => {
  await withServer([answerRange], async (url, folder, requests) => {
    await Deno.writeFile(`${folder}/file`, FILE);
    await download(archiveOf(url), `${folder}/file`, QUICK);
    assertEquals(requests.length, 0);
    assertEquals(await listNames(folder), ["file"]);
  });
});

Deno.test("download() starts over when the server does not support ranges", async () => {
  await withServer([() => new Response(FILE)], async (url, folder, requests) => {
    await Deno.writeFile(`${folder}/file`, new Uint8Array(200_000));
    await download(archiveOf(url), `${folder}/file`, QUICK);
    assertEquals(requests.length, 1);
    assertEquals(await Deno.readFile(`${folder}/file`), FILE);
  });
});

Deno.test("download() starts over when the part is longer than the file", async () => {
  await withServer([answerRange], async (url, folder, requests) => {
    await Deno.writeFile(`${folder}/file`, new Uint8Array(400_000));
    await download(archiveOf(url), `${folder}/file`, QUICK);
    assertEquals(rangesOf(requests), ["bytes=400000-", null]);
    assertEquals(await Deno.readFile(`${folder}/file`), FILE);
  });
});

Deno.test("download() follows redirects and keeps the range", async () => {
  const redirect: Answer = (request) => Response.redirect(new URL("/elsewhere", request.url), 302);
  await withServer([redirect, answerRange], async (url, folder, requests) => {
    await Deno.writeFile(`${folder}/file`, FILE.subarray(0, 10));
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
    assertEquals(await listNames(folder), ["file"]);
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
      await Deno.writeFile(`${folder}/file`, FILE.subarray(0, 1000));
      await assertRejects(
        () => download(archiveOf(url), `${folder}/file`, QUICK),
        DownloadError,
        message,
      );
      assertEquals(requests.length, 1);
      assertEquals(await Deno.readFile(`${folder}/file`), FILE.subarray(0, 1000));
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
    const { size } = await Deno.stat(`${folder}/file`);
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
      `Cannot copy file://${folder}/none: there is no such file`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "download() writes through no link and into no pipe, and copies none",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await withServer([answerRange], async (url, folder, requests) => {
      const [part, outside, pipe] = ["part", "outside", "pipe"].map((name) => `${folder}/${name}`);
      const refuses = (archive: string, message: string) =>
        assertRejects(() => download(archiveOf(archive), part, QUICK), DownloadError, message);
      const makePipe = async (path: string) => {
        await new Deno.Command("sh", { args: ["-c", 'mkfifo "$0"', path] }).output();
        assert((await Deno.stat(path)).isFifo);
      };
      await Deno.writeTextFile(outside, "another's");
      for (const target of [outside, `${folder}/nothing`, "/dev/zero"]) {
        await Deno.symlink(target, part);
        await refuses(url, `Cannot download into ${part}: it is a symbolic link, expected a file`);
        await Deno.remove(part);
      }
      await makePipe(part);
      await refuses(url, `Cannot download into ${part}: it is not a file, expected a file`);
      await Deno.remove(part);
      await Deno.mkdir(part);
      await refuses(url, `Cannot download into ${part}: it is a folder, expected a file`);
      await Deno.remove(part);

      await makePipe(pipe);
      for (const source of [pipe, "/dev/zero", folder]) {
        await refuses(`file://${source}`, `Cannot copy file://${source}: it is not a file`);
      }
      assertEquals(await Deno.readTextFile(outside), "another's");
      assertEquals(await listNames(folder), ["outside", "pipe"]);
      assertEquals(requests.length, 0);
    });
  },
});

Deno.test("download() prints no character of a server that controls a terminal", async () => {
  const headers = { "content-range": "bytes \x9b2J-\x85/1" };
  await withServer([() => new Response("x", { status: 206, headers })], async (url, folder) => {
    const { message } = await assertRejects(
      () => download(archiveOf(url), `${folder}/file`, QUICK),
      DownloadError,
      'the server sent "bytes \\u{9b}2J-\\u{85}/1"',
    );
    assertMatch(message, /^\P{Cc}+$/u);
  });
});
