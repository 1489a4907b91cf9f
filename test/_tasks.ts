/** What tests of tasks share: running one in process or as a process, and looking at the files that it leaves. */
import { fromFileUrl } from "@std/path";
import { withoutLinkerVariables } from "../tasks/_kit/children.ts";
import type { TaskContext, TaskMain } from "../tasks/_kit/context.ts";
import { runMain } from "../tasks/_kit/main.ts";
import { CapturedContext } from "./_context.ts";

export { isThere as exists } from "../tasks/_kit/files.ts";

/** How a task ended, and all that it wrote to the standard streams. */
export interface Ended {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs a task in this process, as the command line would. */
export async function runInProcess(
  main: (args: readonly string[], context: TaskContext) => Promise<number>,
  args: readonly string[],
): Promise<Ended> {
  const context = new CapturedContext();
  const status = await runMain(main as TaskMain, { args, context });
  return { status, output: context.output, errors: context.errors };
}

/** The objects of `--json`, parsed. */
export function eventsOf(
  { output }: Ended,
): { readonly event: string; readonly [name: string]: unknown }[] {
  return output.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** Runs a task as a process of its own where Vulkan has no driver. */
export async function runWithoutAdapter(
  task: string,
  args: readonly string[],
): Promise<Ended> {
  // Through a shell, which splits $STD_MAP as `deno task` does; this process may not read the variable.
  const script = `exec "$0" run --quiet $STD_MAP --allow-read --allow-write "$@"`;
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, Deno.execPath(), `tasks/${task}.ts`, ...args],
    cwd: fromFileUrl(new URL("..", import.meta.url)),
    env: {
      ...withoutLinkerVariables(),
      DENO_WEBGPU_BACKEND: "vulkan",
      VK_DRIVER_FILES: "/nonexistent",
      VK_ICD_FILENAMES: "/nonexistent", // What it was called before Vulkan 1.3.207.
    },
  }).output();
  const decoder = new TextDecoder();
  return { status: code, output: decoder.decode(stdout), errors: decoder.decode(stderr) };
}

/**
 * Runs a program in a process of its own that may read and write; it imports by absolute addresses. With `files`, it may
 * have only so many open at a time.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { files }: { readonly files?: number } = {},
): Promise<Ended> {
  const limit = files === undefined ? "" : `ulimit -n ${files} && `;
  // Through a shell, which splits $STD_MAP as `deno task` does; this process may not read the variable.
  const script =
    `${limit}exec "$0" run --quiet $STD_MAP --no-lock --no-check --allow-read --allow-write - "$@"`;
  const child = new Deno.Command("sh", {
    args: ["-c", script, Deno.execPath(), ...args],
    cwd: fromFileUrl(new URL("..", import.meta.url)),
    env: withoutLinkerVariables(),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdin = child.stdin.getWriter();
  await stdin.write(new TextEncoder().encode(program));
  await stdin.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { status: code, output: decoder.decode(stdout), errors: decoder.decode(stderr) };
}

/** Runs a task as a user does, with its command and its permissions in deno.json. */
export async function runTask(task: string, args: readonly string[]): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", task, ...args],
    cwd: fromFileUrl(new URL("..", import.meta.url)),
    env: withoutLinkerVariables(),
  }).output();
  const decoder = new TextDecoder();
  return { status: code, output: decoder.decode(stdout), errors: decoder.decode(stderr) };
}

/** Runs a test with the name of a directory that does not exist yet. */
export async function inDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const parent = await Deno.makeTempDir();
  try {
    await test(`${parent}/out`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

/** Puts a named pipe in place of a file: whoever opens it to read waits for a writer. */
export async function putPipe(path: string): Promise<void> {
  const { success } = await new Deno.Command("sh", {
    args: ["-c", 'rm -rf -- "$0" && mkfifo -- "$0"', path],
    env: withoutLinkerVariables(),
  }).output();
  if (!success) throw new Error(`expected mkfifo to make ${path}`);
}

/** The bytes of all files in a directory and below, by their paths within it. */
export async function filesIn(directory: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const entry of await Array.fromAsync(Deno.readDir(directory))) {
    const path = `${directory}/${entry.name}`;
    if (!entry.isDirectory) files.set(entry.name, await Deno.readFile(path));
    else for (const [name, bytes] of await filesIn(path)) files.set(`${entry.name}/${name}`, bytes);
  }
  return new Map([...files].sort(([a], [b]) => a < b ? -1 : 1));
}

/** Holds a folder in another process while a function runs. */
export async function heldElsewhere(
  folder: string,
  run: (pid: number) => Promise<void>,
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const script = `
    const file = await Deno.open(${
    JSON.stringify(`${folder}/.lock`)
  }, { write: true, create: true });
    await file.tryLock(true);
    const holder = { pid: Deno.pid, host: "far", since: "2026-08-31T09:00:00.000Z" };
    await file.write(new TextEncoder().encode(JSON.stringify(holder)));
    console.log("held");
    await new Promise((resolve) => setTimeout(resolve, 60_000));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-config", "--allow-write", "--ext=ts", "-"],
    stdin: "piped",
    stdout: "piped",
    env: withoutLinkerVariables(),
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(script));
  await writer.close();
  const reader = child.stdout.getReader();
  await reader.read();
  try {
    await run(child.pid);
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
  }
}
