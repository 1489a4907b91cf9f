/** A context that keeps what a task writes, for tests that run tasks in process. */
import { StreamContext } from "../tasks/_kit/context.ts";

/** A context together with everything that was written to it. */
export class CapturedContext extends StreamContext {
  readonly #controller: AbortController;
  readonly #captured: { stdout: string; stderr: string };

  /** @param options `isTerminal`: whether standard error passes for a terminal; `threads`: how many others may work. */
  constructor(options: { isTerminal?: boolean; threads?: number } = {}) {
    const controller = new AbortController();
    const captured = { stdout: "", stderr: "" };
    const streams = {
      stdout: (text: string) => captured.stdout += text,
      stderr: (text: string) => captured.stderr += text,
      isTerminal: options.isTerminal ?? false,
    };
    super(controller.signal, streams, options.threads ?? 0);
    this.#controller = controller;
    this.#captured = captured;
  }

  /** All of standard output so far. */
  get output(): string {
    return this.#captured.stdout;
  }

  /** All of standard error so far. */
  get errors(): string {
    return this.#captured.stderr;
  }

  /** The `--json` lines on standard output, parsed. */
  get events(): { readonly event: string; readonly [name: string]: unknown }[] {
    return this.output.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  /** Tells the task to stop. */
  abort(reason: Error): void {
    this.#controller.abort(reason);
  }
}
