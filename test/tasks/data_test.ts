import { assertEquals, assertStringIncludes } from "@std/assert";
import { CIFAR10_FILE_SIZE, CIFAR10_FILES, CIFAR10_FOLDER } from "../../src/data/cifar10.ts";
import { runMain, StoppedError } from "../../tasks/_kit/main.ts";
import { main } from "../../tasks/data.ts";
import { CapturedContext } from "../_context.ts";
import { archiveOf, END, FILE, gzip, listNames, tarMember, withServer } from "./_data/_archive.ts";

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
