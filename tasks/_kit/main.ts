/** The outermost layer of every task: errors become one sentence and an exit status, signals an `AbortSignal`. */
import {
  ArgumentError,
  DataError,
  DeviceLostError,
  GpuError,
  GpuUnavailableError,
} from "../../src/errors.ts";
import { StreamContext, type TaskContext, type TaskMain } from "./context.ts";
import { writeEvent } from "./events.ts";

export const EXIT = {
  done: 0,
  failed: 1,
  /** Bad arguments or bad data: retrying does not help. */
  refused: 2,
  /** A check failed: a gradient error is too large, a step is slower than before. */
  checkFailed: 3,
  /** Retry: the device was lost, the task was interrupted, or its folder is in use (EX_TEMPFAIL of sysexits.h). */
  tryAgain: 75,
} as const;

/**
 * Signals closer together than this, in milliseconds, count as one request: `deno task` forwards what the terminal or a
 * scheduler has already sent to the whole process group, so each arrives twice.
 */
const ONE_REQUEST = 500;

/**
 * What schedulers and terminals send before they kill. At USR1 the runtime also opens a debugger on this machine, until the
 * process has ended.
 */
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;

/**
 * Milliseconds until the process ends after it was told to stop: whoever sent the signal soon sends SIGKILL. Files are
 * whole at any time, and the last checkpoint is at most as old as the time between two. Deno's WebGPU blocks while it waits
 * for a step, so one that takes longer comes to its end first.
 */
const GRACE = 1800;

/** The reason of a context's signal: the process was interrupted. */
export class StoppedError extends Error {
  override name = "StoppedError";

  /** @param signal The name of the signal, as in "SIGTERM". */
  constructor(signal: string) {
    super(`stopped by ${signal} before it was done; the same command can be run again`);
  }
}

/** Another process is writing into the task's folder. */
export class BusyError extends Error {
  override name = "BusyError";
  /** Who that is, as in "process 123 on gpu-1 since 2026-08-31T09:00:00.000Z". */
  readonly holder: string;

  constructor(folder: string, holder: string) {
    super(
      `--out ${folder} is being written by ${holder}: wait until it is done, or choose another directory`,
    );
    this.holder = holder;
  }
}

/** The task failed for a reason that its message explains to users. */
export class TaskError extends Error {
  override name = "TaskError";
}

/** A figure could not be drawn or written; the results that it shows are written. */
export class FigureError extends TaskError {
  override name = "FigureError";
}

/**
 * Runs a task as this process, and ends the process with the task's exit status.
 *
 * A signal that asks it to stop aborts the context's signal, which a training notices between two submits. A second SIGINT
 * or SIGTERM ends the process at once.
 */
export async function runTask(main: TaskMain): Promise<never> {
  const stop = new AbortController();
  const context = new StreamContext(stop.signal);
  let asked = 0;
  for (const name of STOP_SIGNALS) {
    if (Deno.build.os === "windows" && name !== "SIGINT") continue; // Deno has no others there.
    const endsAtOnce = name === "SIGINT" || name === "SIGTERM";
    Deno.addSignalListener(name, () => {
      if (stop.signal.aborted) {
        if (endsAtOnce && performance.now() - asked > ONE_REQUEST) Deno.exit(EXIT.tryAgain);
        return;
      }
      asked = performance.now();
      context.stderr(
        `${name}: stopping soon; a second ${endsAtOnce ? "one" : "SIGINT"} stops at once`,
      );
      stop.abort(new StoppedError(name));
      Deno.unrefTimer(setTimeout(() => Deno.exit(EXIT.tryAgain), GRACE));
    });
  }
  Deno.exit(await runMain(main, { args: Deno.args, context }));
}

/** Runs a task; what it throws becomes a sentence on standard error, with `--json` also an `error` event, and a status. */
export async function runMain(
  main: TaskMain,
  options: { args: readonly string[]; context: TaskContext },
): Promise<number> {
  const { args, context } = options;
  try {
    return await main(args, context);
  } catch (error) {
    const { message, status } = explain(error, context.signal);
    context.progress("");
    context.stderr(`error: ${message}`);
    // Not from the parsed options: parsing may be what failed. Nobody reads a broken pipe, and writing to it fails again.
    if (args.includes("--json") && !(error instanceof Deno.errors.BrokenPipe)) {
      try {
        writeEvent(context, "error", { message, exit_status: status });
      } catch {
        // On a full disk, for instance. The sentence above says it.
      }
    }
    return status;
  }
}

/** The sentence and the exit status for anything that a task may throw. */
function explain(error: unknown, signal: AbortSignal): { message: string; status: number } {
  const stopped = signal.aborted && (error === signal.reason || isAbort(error));
  const { message } = toError(stopped ? signal.reason : error);
  if (stopped || error instanceof DeviceLostError || error instanceof BusyError) {
    return { message, status: EXIT.tryAgain };
  }
  if (error instanceof ArgumentError || error instanceof DataError) {
    return { message, status: EXIT.refused };
  }
  if ([GpuUnavailableError, GpuError, TaskError].some((known) => error instanceof known)) {
    return { message, status: EXIT.failed };
  }
  if (isSystemError(error)) return { message: explainSystem(error), status: EXIT.failed };
  return { message: explainBug(error), status: EXIT.failed };
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Whether the operating system or Deno's permissions refused something: this program is not at fault. */
export function isSystemError(error: unknown): error is Error {
  // Some have no class ("no space left on device"), but all have a code.
  return error instanceof Error &&
    (error instanceof Deno.errors.NotCapable || "code" in error && typeof error.code === "string");
}

/** Deno's operations on files, in English. */
const OPERATIONS: { readonly [name: string]: string | undefined } = {
  readfile: "read",
  readdir: "list",
  stat: "look at",
  writefile: "write",
  mkdir: "create",
};

/** Turns "Permission denied (os error 13): writefile 'a/b'" into "cannot write 'a/b': permission denied". */
export function explainSystem(error: Error): string {
  if (error instanceof Deno.errors.NotCapable) {
    // Without Deno's advice to allow more, which may be what a file or a name is after.
    return error.message.replace(/, run again with the --allow-\S+ flag$/, "")
      .replace(/^Requires (.+)$/, "Deno refuses $1");
  }
  const parts = error.message.match(/^(.+?) \(os error \d+\)(?:: (\S+) (.+))?$/s);
  if (parts === null) return error.message;
  const [, reason, operation, path] = parts;
  const why = reason.charAt(0).toLowerCase() + reason.slice(1);
  return operation === undefined
    ? why
    : `cannot ${OPERATIONS[operation] ?? operation} ${path}: ${why}`;
}

/** Bugs are to be reported, and a report is worth little without the stack. */
function explainBug(error: unknown): string {
  const { stack, message } = toError(error);
  return `a bug in this program, please report it: ${error instanceof Error ? stack : message}`;
}
