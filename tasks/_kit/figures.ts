/**
 * The figures of a task, drawn when its results are written and told: they can be drawn again from the files.
 *
 * @module
 */
import { join } from "@std/path";
import { explainSystem, FigureError } from "./main.ts";
import type { Results } from "./results.ts";

/** Where a figure goes. */
export type FigureDirectory = Pick<Results, "directory" | "write">;

/** A figure that is still to be drawn. */
interface Drawing {
  readonly results: FigureDirectory;
  readonly name: string;
  draw(): Promise<string>;
}

/** The figures that a task has to draw in the end. */
export class Figures {
  readonly #drawings: Drawing[] = [];

  /**
   * Plans a figure.
   *
   * @param results Where it goes.
   * @param name The name of its file.
   * @param draw Draws it: gives the text of the file.
   */
  add(results: FigureDirectory, name: string, draw: () => Promise<string>): void {
    this.#drawings.push({ results, name, draw });
  }

  /**
   * Draws and writes all figures that were planned, also after one that fails.
   *
   * @param signal Ends the drawing between two figures.
   * @throws {FigureError} When some could not be drawn or written; the message names each with the reason.
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

/**
 * Says that a figure could not be drawn.
 *
 * @param path The figure's file.
 * @param error What was thrown.
 * @returns As in "Cannot draw out/metrics.svg: no space left on device".
 */
export function describeFailure(path: string, error: unknown): string {
  const reason = error instanceof Error ? explainSystem(error) : String(error);
  return `Cannot draw ${path}: ${reason}`;
}
