/** What a task knows of the process around it, passed in so that tests can run tasks without one. */
import { Workers } from "./workers.ts";

/** Where a task writes, and what interrupts it. */
export interface TaskContext {
  /** Writes one line of results to standard output, as {@linkcode visible}. */
  stdout(line: string): void;
  /** Writes one line for people to standard error, as {@linkcode visible}. */
  stderr(line: string): void;
  /** Shows a text in place of the previous one, without a line break; "" removes it. Does nothing off a terminal. */
  progress(text: string): void;
  /** Whether standard error is a terminal whose last line can be rewritten. */
  readonly isTerminal: boolean;
  /** Width of the terminal in characters, as it is now. */
  readonly columns: number;
  /** Aborted when the process is interrupted. */
  readonly signal: AbortSignal;
  /** Other threads, for work that the GPU need not wait for. */
  readonly workers: Workers;
}

/** A task: arguments as typed, without the task's own name, to an exit status. */
export type TaskMain = (args: readonly string[], context: TaskContext) => Promise<number>;

/** Carriage return, then "erase the whole line" (ECMA-48). */
const ERASE_LINE = "\r\x1b[2K";

/** Control characters (C0, DEL and C1 of ISO 6429), but for tabs and line breaks. */
// deno-lint-ignore no-control-regex
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/**
 * Spells out what would direct a terminal, as in "\x1b[2J": names of folders, settings in files and what other programs
 * print may hold anything.
 */
export function visible(text: string): string {
  return text.replace(
    CONTROLS,
    (character) => "\\x" + character.charCodeAt(0).toString(16).padStart(2, "0"),
  );
}

/** More threads would finish no sooner: the GPU trains for longer. */
const MAX_THREADS = 4;

export interface Streams {
  stdout(text: string): void;
  stderr(text: string): void;
  readonly isTerminal: boolean;
}

/** A context that writes to streams, those of this process unless others are given. */
export class StreamContext implements TaskContext {
  readonly signal: AbortSignal;
  readonly workers: Workers;
  readonly #streams: Streams;
  #shown = "";

  constructor(
    signal: AbortSignal,
    streams: Streams = processStreams(),
    threads: number = processThreads(),
  ) {
    this.signal = signal;
    this.workers = new Workers({ threads, signal });
    this.#streams = streams;
  }

  get isTerminal(): boolean {
    return this.#streams.isTerminal;
  }

  get columns(): number {
    try {
      return Deno.consoleSize().columns || 80; // Some terminals say 0.
    } catch {
      return 80; // There is no terminal.
    }
  }

  stdout(line: string): void {
    this.#aside(() => this.#streams.stdout(visible(line) + "\n"));
  }

  stderr(line: string): void {
    this.#aside(() => this.#streams.stderr(visible(line) + "\n"));
  }

  progress(text: string): void {
    if (!this.isTerminal || text === this.#shown) return;
    this.#shown = text;
    // Spelling out makes it longer, and a line as wide as the terminal would wrap and could not be removed.
    const line = visible(text).replaceAll("\n", "\\x0a");
    this.#streams.stderr(ERASE_LINE + (line === text ? line : line.slice(0, this.columns - 1)));
  }

  /** Removes the progress line while something else is written, since both may be on the same terminal. */
  #aside(write: () => void): void {
    const shown = this.#shown;
    this.progress("");
    write();
    this.progress(shown);
  }
}

/** One processor is for this thread, which feeds the GPU. */
function processThreads(): number {
  return Math.max(1, Math.min(navigator.hardwareConcurrency - 1, MAX_THREADS));
}

function processStreams(): Streams {
  return {
    stdout: untilBroken(
      (text) => writeAll(Deno.stdout, text),
      (error) => error instanceof Deno.errors.BrokenPipe,
    ),
    // A terminal that is gone, or a log on a full disk, is no reason to lose results.
    stderr: untilBroken((text) => writeAll(Deno.stderr, text), () => true),
    isTerminal: Deno.stderr.isTerminal(),
  };
}

/** Writes until nobody reads any longer, as behind `| head`: the task goes on for the sake of its files. */
function untilBroken(
  write: (text: string) => void,
  isBroken: (error: unknown) => boolean,
): (text: string) => void {
  let broken = false;
  return (text) => {
    if (broken) return;
    try {
      write(text);
    } catch (error) {
      if (!isBroken(error)) throw error;
      broken = true;
    }
  };
}

/** Writes until everything is written: a pipe may take less than it is given. */
function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}
