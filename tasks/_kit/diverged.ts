/** Trainings that diverged where they should not have: their results are written, and the task fails all the same. */
import { EXIT, TaskError } from "./main.ts";

/** Networks diverged, which is not what the task is for; everything is written. */
export class DivergedError extends TaskError {
  override name = "DivergedError";
}

/** How a training ended. */
export interface EndedRun {
  /** Its name, as in "3-layer". */
  readonly name: string;
  /** The step at which it diverged, or null. */
  readonly divergedAt: number | null;
}

/**
 * The exit status of trainings that should not diverge.
 *
 * @throws {DivergedError} When some did; the message names each.
 */
export function doneUnlessDiverged(runs: readonly EndedRun[]): number {
  const diverged = runs.filter(({ divergedAt }) => divergedAt !== null)
    .map(({ name, divergedAt }) => `${name} diverged at step ${divergedAt}`);
  if (diverged.length === 0) return EXIT.done;
  throw new DivergedError(
    `${diverged.join(", ")}: expected a smaller --eta-max or smaller initial weights`,
  );
}
