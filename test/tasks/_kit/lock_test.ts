import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ArgumentError } from "../../../src/errors.ts";
import { withoutLinkerVariables } from "../../../tasks/_kit/children.ts";
import { type Held, holdFolder, inTurn } from "../../../tasks/_kit/lock.ts";
import { BusyError, TaskError } from "../../../tasks/_kit/main.ts";
import { CapturedContext } from "../../_context.ts";
import { exists, heldElsewhere, inDirectory, runProgram } from "../../_tasks.ts";

const POSIX = Deno.build.os !== "windows";

function hold(folder: string): Promise<Held> {
  return holdFolder(folder, new CapturedContext());
}

/** Whether a folder is locked, which another open file finds out as another process would. */
async function isLocked(folder: string): Promise<boolean> {
  using file = await Deno.open(`${folder}/.lock`, { write: true });
  return !await file.tryLock(true);
}

Deno.test("holdFolder() makes the folder, and release() removes what it made if nothing is in it", async () => {
  await inDirectory(async (out) => {
    const held = await hold(`${out}/a/b`);
    assert(await exists(`${out}/a/b/.lock`));
    await held.release();
    assertEquals(await exists(out), false);
  });
});

Deno.test("release() leaves results where they are, and no lock", async () => {
  await inDirectory(async (out) => {
    const held = await hold(out);
    await Deno.writeTextFile(`${out}/metrics.csv`, "rows");
    await held.release();
    assertEquals((await Array.fromAsync(Deno.readDir(out))).map(({ name }) => name), [
      "metrics.csv",
    ]);
  });
});

Deno.test("holdFolder() holds a folder as often as one process asks for it", async () => {
  await inDirectory(async (out) => {
    const first = await hold(out);
    const second = await hold(`${out}/../out`);
    await second.release();
    assert(await exists(`${out}/.lock`));
    await first.release();
    assertEquals(await exists(out), false);
  });
});

Deno.test("holdFolder() and release() may be called several times at the same moment", async () => {
  await inDirectory(async (out) => {
    const held = await Promise.all([hold(out), hold(out), hold(`${out}/../out`)]);
    assert(await isLocked(out));
    const releases = held.slice(1).map((each) => each.release());
    const [first] = await Promise.all([hold(out), held[0].release(), ...releases]);
    assert(await isLocked(out));
    const [, second] = await Promise.all([first.release(), hold(out)]);
    assert(await isLocked(out));
    await second.release();
    assertEquals(await exists(`${out}/.lock`), false);
  });
});

Deno.test("holdFolder() leaves no lock and no folder where it cannot say who holds it", async () => {
  await inDirectory(async (out) => {
    const { truncate } = Deno.FsFile.prototype;
    // As on a full disk.
    Deno.FsFile.prototype.truncate = () => Promise.reject(new Error("no space left"));
    try {
      await assertRejects(() => hold(out), Error, "no space left");
    } finally {
      Deno.FsFile.prototype.truncate = truncate;
    }
    assertEquals(await exists(out), false);
    await (await hold(out)).release();
  });
});

Deno.test("inTurn() waits some seconds for a process that does not let go, and names it", async () => {
  await inDirectory(async (out) => {
    await heldElsewhere(out, async (pid) => {
      const never = () => Promise.reject(new Error("not its turn"));
      const { holder } = await assertRejects(() => inTurn(out, never), BusyError);
      assertMatch(holder, new RegExp(`^process ${pid} on far since `));
    });
    assertEquals(await inTurn(out, () => Promise.resolve(1)), 1);
  });
});

Deno.test("holdFolder() says which process holds a folder, and takes over from one that is dead", async () => {
  await inDirectory(async (out) => {
    await heldElsewhere(out, async (pid) => {
      const { message } = await assertRejects(() => hold(out), BusyError);
      assertEquals(
        message,
        `--out ${out} is being written by process ${pid} on far since 2026-08-31T09:00:00.000Z: ` +
          "wait until it is done, or choose another directory",
      );
    });
    assert(await exists(`${out}/.lock`));
    const held = await hold(out);
    assertEquals(JSON.parse(await Deno.readTextFile(`${out}/.lock`)).pid, Deno.pid);
    await held.release();
  });
});

Deno.test("holdFolder() removes what a killed process left half written, and nothing else", async () => {
  await inDirectory(async (out) => {
    await Deno.mkdir(out);
    const temporary = `.report.html.${crypto.randomUUID()}.tmp`;
    for (const name of [temporary, ".hidden", "x.tmp"]) {
      await Deno.writeTextFile(`${out}/${name}`, "");
    }
    const held = await hold(out);
    await held.release();
    const names = (await Array.fromAsync(Deno.readDir(out))).map(({ name }) => name).sort();
    assertEquals(names, [".hidden", "x.tmp"]);
  });
});

Deno.test("holdFolder() refuses a file in place of a folder, or on the way to it", async () => {
  await inDirectory(async (out) => {
    await Deno.writeTextFile(out, "mine");
    for (const folder of [out, `${out}/a/b`]) {
      const { message } = await assertRejects(() => hold(folder), ArgumentError);
      assertEquals(message, `--out expects a directory, and ${folder} is or goes through a file`);
    }
    assertEquals(await Deno.readTextFile(out), "mine");
  });
});

Deno.test({
  name: "holdFolder() follows no link and waits for no pipe in place of its lock",
  ignore: !POSIX,
  async fn() {
    await inDirectory(async (out) => {
      await Deno.mkdir(out);
      await Deno.writeTextFile(`${out}/mine`, "mine");
      await Deno.symlink(`${out}/mine`, `${out}/.lock`);
      await assertRejects(() => hold(out), TaskError, "not a regular file");
      assertEquals(await Deno.readTextFile(`${out}/mine`), "mine");
      await Deno.remove(`${out}/.lock`);
      const made = await new Deno.Command("sh", {
        args: ["-c", 'mkfifo "$0"', `${out}/.lock`],
        env: withoutLinkerVariables(),
      }).output();
      assert(made.success);
      await assertRejects(() => hold(out), TaskError, "not a regular file");
    });
  },
});

Deno.test("holdFolder() finds a folder again that its last holder removes meanwhile", async () => {
  await inDirectory(async (out) => {
    let busy = 0;
    await Promise.all(Array.from({ length: 2 }, async () => {
      const worker = new Worker(new URL("_lock_worker.ts", import.meta.url), { type: "module" });
      const answer = new Promise<string>((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
      });
      worker.postMessage(`${out}/a/b`);
      const said = await answer;
      worker.terminate();
      assertMatch(said, /^\d+ busy$/);
      busy += parseInt(said);
    }));
    assert(busy < 400);
    // An empty folder may stay: it is removed only by who has made it.
    assertEquals(await exists(`${out}/a/b/.lock`), false);
  });
});

Deno.test("of several processes at one folder one gets it, and the others end with 75", async () => {
  await inDirectory(async (out) => {
    const kit = new URL("../../../tasks/_kit/", import.meta.url);
    const task = `
      import { holdFolder } from "${new URL("lock.ts", kit)}";
      import { runTask } from "${new URL("main.ts", kit)}";
      await runTask(async ([out, number], context) => {
        // All of them at once, however long each took to start.
        await Deno.writeTextFile(out + "-ready-" + number, "");
        const there = async () => {
          const entries = await Array.fromAsync(Deno.readDir(out + "/.."));
          return entries.filter(({ name }) => name.includes("-ready-")).length;
        };
        const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
        while (await there() < 4) await pause(5);
        const held = await holdFolder(out, context);
        await pause(3000);
        await held.release();
        return 0;
      });`;
    const ended = await Promise.all(
      Array.from({ length: 4 }, (_, i) => runProgram(task, [out, String(i)])),
    );
    for (const { status, errors } of ended) {
      if (status === 75) assertMatch(errors, /^error: .* is being written by process \d+/);
    }
    assertEquals(ended.map(({ status }) => status).sort(), [0, 75, 75, 75]);
    // An empty folder may stay: it is removed only by who has made it.
    assertEquals(await exists(`${out}/.lock`), false);
  });
});
