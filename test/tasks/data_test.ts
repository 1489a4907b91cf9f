import { assertEquals, assertStringIncludes } from "@std/assert";
import { CIFAR10_FILE_SIZE, CIFAR10_FILES, CIFAR10_FOLDER } from "../../src/data/cifar10.ts";
import { runMain, StoppedError } from "../../tasks/_kit/main.ts";
import { main } from "../../tasks/data.ts";
import { CapturedContext } from "../_context.ts";
import { archiveOf, END, FILE, gzip, listNames, tarMember, withServer } from "./_data/_archive.ts";

/** An archive of black images, which are not the published ones. */
async function blackArchive(): Promise<Uint8Array<ArrayBuffer>> {
  const black = new Uint8Array(CIFAR10_FILE_SIZE);
  const members = CIFAR10_FILES.flatMap((name) => tarMember(`${CIFAR10_FOLDER}/${name}`, black));
  return await gzip([...members, END]);
}

const BLACK = "CIFAR-10 (unverified: digest 215a0b05…)";

function sourceOf(url: string, archive?: Uint8Array, dataSet = BLACK) {
  return { ...archiveOf(url, archive), dataSet };
}

/** Runs the task as a process would. */
async function run(args: readonly string[], source: ReturnType<typeof sourceOf>) {
  const context = new CapturedContext();
  const status = await runMain((args, context) => main(args, context, source), { args, context });
  return { status, errors: context.errors, events: context.events };
}

Deno.test("data downloads CIFAR-10, and leaves a valid copy alone", async () => {
  const archive = await blackArchive();
  await withServer([() => new Response(archive)], async (url, folder, requests) => {
    const source = sourceOf(url, archive);
    const args = ["--out", folder, "--json"];
    const first = await run(args, source);
    assertEquals(first.status, 0);
    assertEquals(await listNames(folder), [CIFAR10_FOLDER]);
    assertEquals(await listNames(`${folder}/${CIFAR10_FOLDER}`), CIFAR10_FILES);
    assertStringIncludes(
      first.errors,
      `Downloading ${url} (--archive takes a copy that is here)\n`,
    );
    assertStringIncludes(first.errors, `: ${BLACK}, 50000 training and 10000 test images\n`);
    assertEquals(first.events.map(({ event }) => event), ["start", "done"]);

    await Deno.writeTextFile(
      `${folder}/cifar-10-binary.tar.gz.part`,
      "of a --force that was killed",
    );
    const again = await run(args, source);
    assertEquals(again.status, 0);
    assertStringIncludes(again.errors, "is complete, nothing to do");
    assertEquals(again.events.map(({ event }) => event), ["finished_before"]);
    assertEquals(again.events[0].data_sha256, first.events[1].data_sha256);
    assertEquals(await listNames(folder), [CIFAR10_FOLDER]);
    assertEquals(requests.length, 1);

    await Deno.truncate(`${folder}/${CIFAR10_FOLDER}/data_batch_3.bin`, 5);
    const mended = await run(args, source);
    assertEquals(mended.status, 0);
    assertStringIncludes(mended.errors, "data_batch_3.bin: it is cut short with 5 bytes");
    assertEquals(requests.length, 2);
    const { size } = await Deno.stat(`${folder}/${CIFAR10_FOLDER}/data_batch_3.bin`);
    assertEquals(size, CIFAR10_FILE_SIZE);
  });
});

Deno.test("data --archive unpacks a file that is here, and only reads it", async () => {
  const archive = await blackArchive();
  const parent = await Deno.makeTempDir();
  const file = `${parent}/cifar-10-binary.tar.gz`;
  const folder = `${parent}/${CIFAR10_FOLDER}`;
  // No server is there: the file is taken where it lies, even where the download would go.
  const source = sourceOf("http://127.0.0.1:1/", archive);
  const args = ["--out", parent, "--archive", file];
  const refuses = async (status: number, problem: string) => {
    const refused = await run(args, source);
    assertEquals(refused.status, status);
    assertStringIncludes(refused.errors, `error: Cannot unpack ${file}: ${problem}`);
  };
  try {
    await refuses(2, "there is no such file, expected an archive of ");
    await Deno.mkdir(file);
    await refuses(2, "it is not a file, expected an archive of ");
    await Deno.remove(file);
    await Deno.writeTextFile(file, "short");
    await refuses(2, `it has 5 bytes, expected an archive of ${archive.length} bytes`);
    await Deno.writeFile(file, new Uint8Array(archive.length));
    await refuses(2, "its SHA-256 is ");
    assertEquals(await listNames(parent), ["cifar-10-binary.tar.gz"]);

    await Deno.writeFile(file, archive);
    await Deno.chmod(file, 0o400);
    const done = await run(args, source);
    assertEquals([done.status, done.errors.includes("Downloading")], [0, false]);
    assertEquals(await listNames(folder), CIFAR10_FILES);
    assertEquals((await run(args, source)).status, 0);
    assertEquals(await Deno.readFile(file), archive);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

Deno.test("data replaces other images than the published ones with --force only", async () => {
  const archive = await blackArchive();
  await withServer([() => new Response(archive)], async (url, folder, requests) => {
    const source = sourceOf(url, archive);
    assertEquals((await run(["--out", folder], source)).status, 0);
    const published = { ...source, dataSet: "CIFAR-10" };
    const refused = await run(["--out", folder], published);
    assertEquals(refused.status, 2);
    assertStringIncludes(
      refused.errors,
      `error: Cannot put CIFAR-10 into ${folder}/${CIFAR10_FOLDER}: it is ${BLACK}, ` +
        "expected the published files or none; --force replaces it",
    );
    assertEquals(requests.length, 1);
    assertEquals((await run(["--out", folder, "--force"], published)).status, 0);
    assertEquals(requests.length, 2);
  });
});

Deno.test("data removes what a killed process left, and nothing else", async () => {
  const archive = await blackArchive();
  await withServer([() => new Response(archive)], async (url, out) => {
    const folder = `${out}/${CIFAR10_FOLDER}`;
    const uuid = crypto.randomUUID();
    await Deno.mkdir(folder);
    for (const place of [out, folder]) {
      await Deno.writeTextFile(`${place}/.data_batch_2.bin.${uuid}.tmp`, "left");
      await Deno.writeTextFile(`${place}/.other.${uuid}.tmp`, "another's");
      await Deno.writeTextFile(`${place}/data_batch_2.bin.tmp`, "another's");
    }
    assertEquals((await run(["--out", out], sourceOf(url, archive))).status, 0);
    const others = [`.other.${uuid}.tmp`, "data_batch_2.bin.tmp"];
    // In --out itself, all of them are those of processes that were killed.
    assertEquals(await listNames(out), [others[1], CIFAR10_FOLDER].sort());
    assertEquals(await listNames(folder), [...others, ...CIFAR10_FILES].sort());
  });
});

Deno.test("data exits with 1 and a sentence when the digest is wrong", async () => {
  await withServer([() => new Response(FILE)], async (url, folder) => {
    const source = { ...sourceOf("http://127.0.0.1:1/"), sha256: "0".repeat(64) };
    const args = ["--out", folder, "--from", url, "--json"];
    const { status, errors, events } = await run(args, source);
    assertEquals(status, 1);
    assertStringIncludes(errors, `error: Cannot use ${url}: its SHA-256 is `);
    assertEquals(events.at(-1)?.exit_status, 1);
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
    const task = runMain((args, context) => main(args, context, sourceOf(url)), {
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
      [
        ["--archive", "x.tar.gz", "--from", "https://127.0.0.1/x"],
        "--archive and --from exclude each other: expected one of them",
      ],
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
