import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DataError } from "../../../src/errors.ts";
import { readText, readTextIfThere, writeFileDurably } from "../../../tasks/_kit/files.ts";
import { putPipe } from "../../_tasks.ts";

/** Runs a test in a folder of its own, and tells what the folder holds afterwards. */
async function inFolder(body: (folder: string) => Promise<void>): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
    return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("writeFileDurably() writes bytes and text, and replaces what was there", async () => {
  const names = await inFolder(async (folder) => {
    const path = join(folder, "a.bin");
    await writeFileDurably(path, new Uint8Array([1, 2, 3]));
    assertEquals(await Deno.readFile(path), new Uint8Array([1, 2, 3]));
    await writeFileDurably(path, "λ\n");
    assertEquals(await Deno.readTextFile(path), "λ\n");
    await writeFileDurably(path, "");
    assertEquals(await Deno.readTextFile(path), "");
  });
  assertEquals(names, ["a.bin"]);
});

Deno.test("writeFileDurably() takes a path without a folder", async () => {
  const before = Deno.cwd();
  const names = await inFolder(async (folder) => {
    Deno.chdir(folder);
    try {
      await writeFileDurably("here.txt", "x");
    } finally {
      Deno.chdir(before);
    }
  });
  assertEquals(names, ["here.txt"]);
});

Deno.test("writeFileDurably() leaves the old file whole when the disk is full half way", async () => {
  const names = await inFolder(async (folder) => {
    const path = join(folder, "model.bin");
    await Deno.writeTextFile(path, "the old file");
    const write = Deno.FsFile.prototype.write;
    let calls = 0;
    Deno.FsFile.prototype.write = function (bytes: Uint8Array): Promise<number> {
      if (calls++ > 0) return Promise.reject(new Error("no space left on device"));
      return write.call(this, bytes.subarray(0, 5));
    };
    try {
      await assertRejects(
        () => writeFileDurably(path, "the new and longer file"),
        Error,
        "no space left on device",
      );
    } finally {
      Deno.FsFile.prototype.write = write;
    }
    assertEquals(calls, 2);
    assertEquals(await Deno.readTextFile(path), "the old file");
  });
  assertEquals(names, ["model.bin"]);
});

Deno.test("writeFileDurably() syncs the file before it takes the old one's place", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "model.bin");
    await Deno.writeTextFile(path, "old");
    const sync = Deno.FsFile.prototype.sync;
    const seen: string[] = [];
    Deno.FsFile.prototype.sync = async function (): Promise<void> {
      seen.push(await Deno.readTextFile(path));
      await sync.call(this);
    };
    try {
      await writeFileDurably(path, "new");
    } finally {
      Deno.FsFile.prototype.sync = sync;
    }
    assertEquals(seen[0], "old");
  });
});

Deno.test("writeFileDurably() removes its temporary file when the path is a folder", async () => {
  const names = await inFolder(async (folder) => {
    const path = join(folder, "taken");
    await Deno.mkdir(path);
    await assertRejects(() => writeFileDurably(path, "x"));
  });
  assertEquals(names, ["taken"]);
});

Deno.test("writeFileDurably() rejects when the folder is missing", async () => {
  await inFolder(async (folder) => {
    await assertRejects(
      () => writeFileDurably(join(folder, "no", "a.txt"), "x"),
      Deno.errors.NotFound,
    );
  });
});

Deno.test("writeFileDurably() replaces a link, and leaves alone what it points to", async () => {
  const names = await inFolder(async (folder) => {
    const [elsewhere, path] = [join(folder, "elsewhere"), join(folder, "metrics.csv")];
    await Deno.writeTextFile(elsewhere, "precious");
    for (const target of [elsewhere, join(folder, "nowhere")]) {
      await Deno.symlink(target, path);
      await writeFileDurably(path, "x");
      assertEquals(await Deno.readTextFile(path), "x");
      assertEquals((await Deno.lstat(path)).isFile, true);
      assertEquals(await Deno.readTextFile(elsewhere), "precious");
      await Deno.remove(path);
    }
  });
  assertEquals(names, ["elsewhere"]);
});

Deno.test("writeFileDurably() replaces a pipe, and waits for nobody", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "metrics.csv");
    await putPipe(path);
    await writeFileDurably(path, "x");
    assertEquals(await Deno.readTextFile(path), "x");
  });
});

Deno.test("readText() refuses what is not a file, and opens nothing", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "config.json");
    const refuses = (what: string) =>
      assertRejects(
        () => readTextIfThere(path),
        DataError,
        `Cannot read ${path}: it is a ${what}, expected a file`,
      );
    assertEquals(await readTextIfThere(path), undefined);
    await putPipe(path);
    await refuses("pipe, socket or device");
    await Deno.remove(path);
    await Deno.symlink("/dev/zero", path);
    await refuses("pipe, socket or device");
    await Deno.remove(path);
    await Deno.mkdir(path);
    await refuses("folder");
    await Deno.remove(path);
    await Deno.writeTextFile(path, "{}");
    assertEquals(await readText(path), "{}");
  });
});

Deno.test("readText() refuses a file that is larger than any it is for, and opens nothing", async () => {
  await inFolder(async (folder) => {
    for (const [name, max] of [["config.json", 2 ** 21], ["metrics.csv", 2 ** 24]] as const) {
      const path = join(folder, name);
      await Deno.writeTextFile(path, "");
      await Deno.truncate(path, max);
      assertEquals((await readText(path)).length, max);
      await Deno.truncate(path, 2 ** 31);
      await assertRejects(
        () => readTextIfThere(path),
        DataError,
        `Cannot read ${path}: it has 2147483648 bytes, expected at most ${max}`,
      );
    }
  });
});
