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
 * @param runs How they ended.
 * @param options The learning rate, if it is constant.
 * @throws {DivergedError} When some did; the message names each.
 */
export function doneUnlessDiverged(
  runs: readonly EndedRun[],
  { learningRate }: { readonly learningRate?: number } = {},
): number {
  const diverged = runs.filter(({ divergedAt }) => divergedAt !== null)
    .map(({ name, divergedAt }) => `${name} diverged at step ${divergedAt}`);
  if (diverged.length === 0) return EXIT.done;
  const rate = learningRate === undefined ? "--eta-max" : "--learning-rate";
  throw new DivergedError(
    `${diverged.join(", ")}: expected a smaller ${rate} or smaller initial weights`,
  );
}
