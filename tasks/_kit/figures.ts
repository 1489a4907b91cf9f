/**
 * The figures of a task. They are drawn after the results are written and printed, and can be redrawn from the files.
 */
import { join } from "@std/path";
import { explainSystem, FigureError } from "./main.ts";
import type { Results } from "./results.ts";

type FigureDirectory = Pick<Results, "directory" | "write">;

interface Drawing {
  readonly results: FigureDirectory;
  readonly name: string;
  draw(): Promise<string>;
}

export class Figures {
  readonly #drawings: Drawing[] = [];

  add(results: FigureDirectory, name: string, draw: () => Promise<string>): void {
    this.#drawings.push({ results, name, draw });
  }

  /** Plans the figures that finished results lack. */
  addUndrawn(results: Results, draw: () => Promise<string>): void {
    for (const name of results.undrawn) this.add(results, name, draw);
  }

  /**
   * Draws and writes all planned figures, also after one that fails.
   *
   * @throws {FigureError} When some could not be drawn or written; the message names each with its reason.
   */
  async draw(signal: AbortSignal): Promise<void> {
    const failures: string[] = [];
    for (const { results, name, draw } of this.#drawings.splice(0)) {
      signal.throwIfAborted();
      try {
        await results.write(name, await draw());
      } catch (error) {
        failures.push(describeFailure(join(results.directory, name), error));
      }
    }
    if (failures.length === 0) return;
    throw new FigureError(
      `${failures.join("; ")}. The results are written, and the same command draws what is missing`,
    );
  }
}

/** As in "Cannot draw out/metrics.svg: no space left on device". */
export function describeFailure(path: string, error: unknown): string {
  const reason = error instanceof Error ? explainSystem(error) : String(error);
  return `Cannot draw ${path}: ${reason}`;
}
