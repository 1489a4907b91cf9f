import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import {
  ArgumentError,
  DataError,
  DeviceLostError,
  GpuError,
  GpuUnavailableError,
} from "../../../src/errors.ts";
import { announceAdapter } from "../../../tasks/_kit/adapter.ts";
import { withoutLinkerVariables } from "../../../tasks/_kit/children.ts";
import { explainSystem, runMain, StoppedError } from "../../../tasks/_kit/main.ts";
import { CapturedContext } from "../../_context.ts";

/** Runs a task that throws, and gives its exit status and what it wrote to standard error. */
async function fail(error: unknown): Promise<{ status: number; errors: string }> {
  const context = new CapturedContext();
  const status = await runMain(() => Promise.reject(error), { args: [], context });
  return { status, errors: context.errors };
}

Deno.test({
  name: "runTask() ends the process within two seconds of a signal, whatever the task is doing",
  ignore: Deno.build.os === "windows",
  async fn() {
    const child = start(`
      context.stdout("ready");
      await new Promise((resolve) => setTimeout(resolve, 60_000));`);
    await untilHeard(child);
    const told = performance.now();
    child.kill("SIGUSR1");
    const { code } = await child.output();
    assertEquals(code, 75);
    const took = performance.now() - told;
    assert(took < 5000, `${took} ms`); // 1800 and what a busy machine adds: far less than the minute.
  },
});

Deno.test({
  name: "runTask() goes on when nobody reads its output any longer",
  ignore: Deno.build.os === "windows",
  async fn() {
    const child = start(`
      for (let i = 0; i < 50; i++) {
        context.stdout("line " + i);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      context.stderr("written");
      return 0;`);
    await untilHeard(child);
    await child.stdout.cancel();
    const errors = await new Response(child.stderr).text();
    assertEquals([(await child.status).code, errors], [0, "written\n"]);
  },
});

Deno.test("runMain() returns the task's exit status when it does not throw", async () => {
  const context = new CapturedContext();
  const status = await runMain((args, { stdout }) => {
    assertEquals(args, ["--quick"]);
    assertEquals(typeof stdout, "function");
    return Promise.resolve(3);
  }, { args: ["--quick"], context });
  assertEquals(status, 3);
  assertEquals(context.output + context.errors, "");
});

Deno.test("runMain() writes one sentence when nobody reads the events any longer", async () => {
  class BrokenContext extends CapturedContext {
    override stdout(): void {
      const error = new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
      throw Object.assign(error, { code: "EPIPE" });
    }
  }
  const context = new BrokenContext();
  const status = await runMain((_, { stdout }) => {
    stdout("{}");
    return Promise.resolve(0);
  }, { args: ["--json"], context });
  assertEquals(status, 1);
  assertEquals(context.errors, "error: broken pipe\n");
});

Deno.test("runMain() writes one sentence and no stack for each error that users can meet", async () => {
  const cases: [error: Error, status: number][] = [
    [new ArgumentError("--seed expects a number"), 2],
    [new DataError("cannot read data_batch_1.bin"), 2],
    [new GpuUnavailableError("no adapter"), 1],
    [new GpuError("out of memory"), 1],
    [new DeviceLostError("the device was lost"), 75],
  ];
  for (const [error, status] of cases) {
    assertEquals(await fail(error), { status, errors: `error: ${error.message}\n` });
  }
});

Deno.test("runMain() names the path when the file system refuses", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const context = new CapturedContext();
    const path = `${directory}/missing/metrics.csv`;
    const status = await runMain(async () => {
      await Deno.writeTextFile(path, "");
      return 0;
    }, { args: [], context });
    assertEquals(status, 1);
    assertEquals(context.errors, `error: cannot write '${path}': no such file or directory\n`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("explainSystem() keeps a message that it cannot parse", () => {
  assertEquals(
    explainSystem(new Error("No space left on device (os error 28): writefile 'a b'")),
    "cannot write 'a b': no space left on device",
  );
  assertEquals(
    explainSystem(new Error("Permission denied (os error 13): rename 'a' -> 'b'")),
    "cannot rename 'a' -> 'b': permission denied",
  );
  assertEquals(explainSystem(new Error("Broken pipe (os error 32)")), "broken pipe");
  assertEquals(explainSystem(new Error("Requires read access")), "Requires read access");
});

Deno.test("runMain() asks for a report, with the stack, when the program itself is wrong", async () => {
  const { status, errors } = await fail(new TypeError("x is not a function"));
  assertEquals(status, 1);
  assertMatch(errors, /^error: a bug in this program, please report it: TypeError: x is not a/);
  assertMatch(errors, /main_test\.ts/);
  assertEquals(
    await fail("a string"),
    { status: 1, errors: "error: a bug in this program, please report it: a string\n" },
  );
});

Deno.test("runMain() exits 75 when the task was aborted", async () => {
  for (const abortError of [false, true]) {
    const context = new CapturedContext();
    const status = await runMain((_, { signal }) => {
      context.abort(new StoppedError("SIGTERM"));
      if (abortError) throw new DOMException("aborted", "AbortError");
      signal.throwIfAborted();
      return Promise.resolve(0);
    }, { args: [], context });
    assertEquals(status, 75);
    assertEquals(
      context.errors,
      "error: stopped by SIGTERM before it was done; the same command can be run again\n",
    );
  }
});

Deno.test("runMain() does not blame the signal when something else went wrong", async () => {
  const context = new CapturedContext();
  const status = await runMain(() => {
    context.abort(new StoppedError("SIGINT"));
    throw new GpuError("out of memory");
  }, { args: [], context });
  assertEquals(status, 1);
  assertEquals(context.errors, "error: out of memory\n");
});

Deno.test("runMain() writes an error event too when --json is among the arguments", async () => {
  const context = new CapturedContext();
  await runMain(() => Promise.reject(new ArgumentError("no")), {
    args: ["--bogus", "--json"],
    context,
  });
  assertEquals(context.events, [{ event: "error", message: "no", exit_status: 2 }]);
  assertEquals(context.errors, "error: no\n");
});

Deno.test("runMain() keeps the status where the error event cannot be written", async () => {
  class FullContext extends CapturedContext {
    override stdout(): void {
      throw new Error("No space left on device (os error 28)");
    }
  }
  const context = new FullContext();
  const refuse = () => Promise.reject(new ArgumentError("--lambda expects a number"));
  assertEquals(await runMain(refuse, { args: ["--json"], context }), 2);
  assertEquals(context.errors, "error: --lambda expects a number\n");
});

Deno.test("explainSystem() does not pass on advice to allow more", () => {
  const { NotCapable } = Deno.errors;
  assertEquals(
    explainSystem(
      new NotCapable(
        'Requires all access to "/proc/version", run again with the --allow-all flag',
      ),
    ),
    'Deno refuses all access to "/proc/version"',
  );
});

Deno.test("runMain() removes the progress line before it writes the error", async () => {
  const context = new CapturedContext({ isTerminal: true });
  await runMain(() => {
    context.progress("half way");
    throw new GpuError("out of memory");
  }, { args: [], context });
  assertEquals(context.errors, "\r\x1b[2Khalf way\r\x1b[2Kerror: out of memory\n");
});

Deno.test("announceAdapter() names adapter and driver, and says software where it is", () => {
  const context = new CapturedContext();
  const llvmpipe = { description: "llvmpipe (256 bits)", vendor: "65541", software: true };
  announceAdapter(context, llvmpipe);
  announceAdapter(context, { description: "NVIDIA H200", vendor: "4318", software: false });
  announceAdapter(context, { description: "A", vendor: "", software: false });
  announceAdapter(context, { description: "GPU", vendor: "Acme", software: false });
  assertEquals(
    context.errors,
    "Adapter: llvmpipe (256 bits), driver Mesa, software\n" +
      "Adapter: NVIDIA H200, driver NVIDIA, hardware\n" +
      "Adapter: A, driver unknown, hardware\n" +
      "Adapter: GPU, driver Acme, hardware\n",
  );
  assertEquals(context.output, "");
});

Deno.test("announceAdapter() refuses a software adapter when a GPU is required", async () => {
  const context = new CapturedContext();
  const adapter = { description: "llvmpipe", vendor: "65541", software: true };
  const status = await runMain(() => {
    announceAdapter(context, { ...adapter, software: false }, { requireGpu: true });
    announceAdapter(context, adapter, { requireGpu: true, json: true });
    return Promise.resolve(0);
  }, { args: [], context });
  assertEquals(status, 1);
  assertMatch(context.errors, /\nerror: --require-gpu expects a hardware adapter, .* llvmpipe, /);
  assertEquals(context.events, [
    { event: "adapter", adapter: "llvmpipe", vendor: "Mesa", software: true },
  ]);
});

/** Starts a task as a process of its own; `body` is the task's, with `args` and `context` in scope. */
function start(body: string): Deno.ChildProcess {
  const main = new URL("../../../tasks/_kit/main.ts", import.meta.url);
  const code = `import { runTask } from ${JSON.stringify(main)};
    await runTask(async (args, context) => { ${body} });`;
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", "--no-lock", "--quiet", code],
    env: withoutLinkerVariables(),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Waits until a process writes something to standard output. */
async function untilHeard(child: Deno.ChildProcess): Promise<void> {
  const reader = child.stdout.getReader();
  await reader.read();
  reader.releaseLock();
}

Deno.test("runTask() ends the process with the task's exit status", async () => {
  const { code, stdout, stderr } = await start(`context.stdout("7"); return 3;`).output();
  const decoder = new TextDecoder();
  assertEquals([code, decoder.decode(stdout), decoder.decode(stderr)], [3, "7\n", ""]);
});

Deno.test({
  name: "runTask() aborts the task's signal when the process is interrupted",
  ignore: Deno.build.os === "windows", // which has no such signals to send
  async fn() {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const) {
      const second = name === "SIGINT" || name === "SIGTERM" ? "one" : "SIGINT";
      const child = start(`
        const stopped = new Promise((resolve) => context.signal.onabort = resolve);
        const timer = setTimeout(() => {}, 60_000);
        context.stdout("ready");
        await stopped;
        context.stdout("aborted");
        await new Promise((resolve) => setTimeout(resolve, 200));
        clearTimeout(timer);
        context.signal.throwIfAborted();`);
      await untilHeard(child);
      // As `deno task` does, which passes on what the child has been sent already.
      child.kill(name);
      await untilHeard(child);
      child.kill(name);
      const { code, stderr } = await child.output();
      assertEquals(code, 75);
      assertEquals(
        new TextDecoder().decode(stderr),
        `${name}: stopping soon; a second ${second} stops at once\n` +
          `error: stopped by ${name} before it was done; the same command can be run again\n`,
      );
    }
  },
});

Deno.test({
  name: "runTask() ends at once when the process is interrupted a second time",
  ignore: Deno.build.os === "windows",
  async fn() {
    const child = start(`
      context.signal.onabort = () => context.stdout("aborted");
      context.stdout("ready");
      await new Promise((resolve) => setTimeout(resolve, 60_000));`);
    await untilHeard(child);
    child.kill("SIGINT");
    await untilHeard(child);
    await new Promise((resolve) => setTimeout(resolve, 600));
    child.kill("SIGINT");
    const { code, stderr } = await child.output();
    assertEquals(code, 75);
    const errors = new TextDecoder().decode(stderr);
    assert(errors.startsWith("SIGINT: stopping soon"), errors);
    assertFalse(errors.includes("error:"), errors);
  },
});
