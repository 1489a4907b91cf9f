/**
 * The outermost layer of every task: errors become one sentence and an exit status, signals an `AbortSignal`.
 *
 * @module
 */
import {
  ArgumentError,
  DataError,
  DeviceLostError,
  GpuError,
  GpuUnavailableError,
} from "../../src/errors.ts";
import { StreamContext, type TaskContext, type TaskMain } from "./context.ts";
import { writeEvent } from "./events.ts";

/** The exit statuses of every task. */
export const EXIT = {
  done: 0,
  failed: 1,
  /** Bad arguments or bad data: trying again does not help. */
  refused: 2,
  /** A check fell short: a gradient error, slower than before. */
  checkFailed: 3,
  /** Try again: the device was lost, or the task was told to stop (EX_TEMPFAIL of sysexits.h). */
  tryAgain: 75,
} as const;

/**
 * Signals closer together than this, in milliseconds, are one request: `deno task` passes on what the
 * terminal or a scheduler has already sent to the whole process group, so that each arrives twice.
 */
const ONE_REQUEST = 500;

/** The reason of a context's signal: the process was told to stop before its work was done. */
export class StoppedError extends Error {
  override name = "StoppedError";

  /** @param signal The name of the signal, as in "SIGTERM". */
  constructor(signal: string) {
    super(`stopped by ${signal} before the end; the same command can be started again`);
  }
}

/** A figure could not be drawn or written; the results that it shows are all there. */
export class FigureError extends Error {
  override name = "FigureError";
}

/**
 * Runs a task as this process, and ends the process with the task's exit status.
 *
 * The first SIGINT or SIGTERM aborts the context's signal, which a training notices between two
 * submits; the second ends the process at once.
 *
 * @param main The task.
 */
export async function runTask(main: TaskMain): Promise<never> {
  const stop = new AbortController();
  const context = new StreamContext(stop.signal);
  let asked = 0;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    if (Deno.build.os === "windows" && name === "SIGTERM") continue; // Not to be had there.
    Deno.addSignalListener(name, () => {
      if (stop.signal.aborted) {
        if (performance.now() - asked > ONE_REQUEST) Deno.exit(EXIT.tryAgain);
        return;
      }
      asked = performance.now();
      context.stderr(`${name}: stopping soon; a second one stops at once`);
      stop.abort(new StoppedError(name));
    });
  }
  Deno.exit(await runMain(main, { args: Deno.args, context }));
}

/**
 * Runs a task and turns what it throws into a sentence on standard error and an exit status.
 *
 * With `--json` among the arguments the sentence is also written as an `error` event.
 *
 * @param main The task.
 * @param options The arguments as typed, and the context to run in.
 * @returns The exit status.
 */
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
    // Looked up by hand: what failed may have been the reading of the options.
    if (args.includes("--json")) writeEvent(context, "error", { message, exit_status: status });
    return status;
  }
}

/** The sentence and the exit status for anything that a task may throw. */
function explain(error: unknown, signal: AbortSignal): { message: string; status: number } {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ArgumentError || error instanceof DataError) {
    return { message, status: EXIT.refused };
  }
  if (
    error instanceof GpuUnavailableError || error instanceof GpuError ||
    error instanceof FigureError
  ) {
    return { message, status: EXIT.failed };
  }
  if (error instanceof DeviceLostError) return { message, status: EXIT.tryAgain };
  if (signal.aborted && (error === signal.reason || isAbort(error))) {
    const { reason } = signal;
    return {
      message: reason instanceof Error ? reason.message : String(reason),
      status: EXIT.tryAgain,
    };
  }
  if (isSystemError(error)) return { message: explainSystem(error), status: EXIT.failed };
  return { message: explainBug(error), status: EXIT.failed };
}

/** Whether this is the error by which web interfaces report that a signal was aborted. */
function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Whether the operating system or Deno's permissions refused something, rather than this program being wrong. */
function isSystemError(error: unknown): error is Error {
  // Some have no class of their own ("no space left on device"), but all have a code.
  return error instanceof Error &&
    (error instanceof Deno.errors.NotCapable || "code" in error && typeof error.code === "string");
}

/** What Deno's operations on files are called in English. */
const OPERATIONS: { readonly [name: string]: string | undefined } = {
  readfile: "read",
  readdir: "list",
  stat: "look at",
  writefile: "write",
  mkdir: "create",
};

/**
 * Turns "Permission denied (os error 13): writefile 'a/b'" into "cannot write 'a/b': permission denied".
 *
 * @param error An error that the operating system gave through Deno.
 * @returns A sentence that names the path, where the error does.
 */
export function explainSystem(error: Error): string {
  const parts = error.message.match(/^(.+?) \(os error \d+\)(?:: (\S+) (.+))?$/s);
  if (parts === null) return error.message;
  const [, reason, operation, path] = parts;
  const why = reason.charAt(0).toLowerCase() + reason.slice(1);
  return operation === undefined
    ? why
    : `cannot ${OPERATIONS[operation] ?? operation} ${path}: ${why}`;
}

/** A mistake of this program is to be reported, and a report is worth little without the stack. */
function explainBug(error: unknown): string {
  const trace = error instanceof Error ? error.stack ?? error.message : String(error);
  return `a mistake in this program, please report it: ${trace}`;
}
