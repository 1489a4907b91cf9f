/**
 * The figures of a task, and the files that are written before them. Figures are drawn from results that are written, and
 * can be redrawn from the files.
 */
import { join } from "@std/path";
import { explainSystem, FigureError, isSystemError, TaskError } from "./main.ts";
import type { Results } from "./results.ts";
import type { Workers } from "./workers.ts";

type FigureDirectory = Pick<Results, "directory" | "write">;

/** Draws a figure, preferably in another thread. */
type Draw = (workers: Workers) => Promise<string>;

export class Figures {
  readonly #workers: Workers;
  /** For each figure, why it could not be drawn. */
  #drawings: Promise<string | undefined>[] = [];
  /** Why results could not be written. */
  #unsaved: string | undefined;

  constructor(workers: Workers) {
    this.#workers = workers;
  }

  /** Whether results could not be written: nothing more is to be computed, only printed. */
  get unsaved(): boolean {
    return this.#unsaved !== undefined;
  }

  /**
   * Writes the last files of some results; returns whether that was possible. If the system refuses, as on a full disk, the
   * task can still print its numbers, and {@linkcode Figures.drawn} fails.
   */
  async saving(write: () => Promise<void>): Promise<boolean> {
    if (this.unsaved) return false;
    try {
      await write();
      return true;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#unsaved = explainSystem(error);
      return false;
    }
  }

  /** Begins to draw and write a figure, while the task goes on. */
  add(results: FigureDirectory, name: string, draw: Draw): void {
    this.#drawings.push(this.#draw(results, name, draw));
  }

  /** Adds the figures that finished results lack. */
  addUndrawn(results: Results, draw: Draw): void {
    for (const name of results.undrawn) this.add(results, name, draw);
  }

  /**
   * Waits until all figures are drawn and written, also where one fails.
   *
   * @throws {TaskError} When results could not be written.
   * @throws {FigureError} When some could not be drawn or written; the message names each with its reason.
   */
  async drawn(signal: AbortSignal): Promise<void> {
    const failures = await Promise.all(this.#drawings);
    this.#drawings = [];
    signal.throwIfAborted();
    if (this.#unsaved !== undefined) {
      throw new TaskError(
        `${this.#unsaved}. Some of what was printed is not in the files; run the same command again ` +
          "when they can be written",
      );
    }
    const described = failures.filter((failure) => failure !== undefined);
    if (described.length === 0) return;
    throw new FigureError(
      `${
        described.join("; ")
      }. The results are written, and the same command draws what is missing`,
    );
  }

  /** Waits until no figure is being drawn or written any more, whatever became of them. */
  async settled(): Promise<void> {
    await Promise.all(this.#drawings);
  }

  async #draw(results: FigureDirectory, name: string, draw: Draw): Promise<string | undefined> {
    try {
      await results.write(name, await draw(this.#workers));
      return undefined;
    } catch (error) {
      return describeFailure(join(results.directory, name), error);
    }
  }
}

/** As in "Cannot draw out/metrics.svg: no space left on device". */
export function describeFailure(path: string, error: unknown): string {
  const reason = error instanceof Error ? explainSystem(error) : String(error);
  return `Cannot draw ${path}: ${reason}`;
}
