/** A context that keeps what a task writes, for tests that run tasks in process. */
import { StreamContext } from "../tasks/_kit/context.ts";

/** A context together with everything that was written to it. */
export class CapturedContext extends StreamContext {
  readonly #controller: AbortController;
  readonly #captured: { stdout: string; stderr: string };

  /** @param options `isTerminal`: whether standard error passes for a terminal. */
  constructor(options: { isTerminal?: boolean } = {}) {
    const controller = new AbortController();
    const captured = { stdout: "", stderr: "" };
    super(controller.signal, {
      stdout: (text) => captured.stdout += text,
      stderr: (text) => captured.stderr += text,
      isTerminal: options.isTerminal ?? false,
    });
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
