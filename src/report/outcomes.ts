/**
 * What a report says of trainings that came to nothing: which they are, and how they count.
 *
 * @module
 */

import { CIFAR10_CLASSES } from "../data/cifar10.ts";
import { type Html, markup } from "./html.ts";
import type { Evaluation } from "../model/metrics.ts";
import type { PartConfig, ReportData, RunEnding } from "./data.ts";
import { dataOf, PUBLISHED_DATA } from "./settings.ts";
import { percent } from "./text.ts";
import { outcomeOf } from "../train/sensitivity.ts";

/** How networks count whose training diverged: the same everywhere on the page. */
export const DIVERGED_RULE =
  "A network whose training diverged counts as finding nothing, 0 %, in every mean over the seeds.";

/**
 * Finds out how many classes the data of a part have.
 *
 * @param config How the part was made.
 * @param data The whole report, other parts of which may tell.
 * @returns The number; null where nothing tells.
 */
export function classesOf(config: PartConfig, data: ReportData): number | null {
  const name = dataOf(config);
  if (name === PUBLISHED_DATA) return CIFAR10_CLASSES.length;
  const ofSame = (part: { config: PartConfig }) => dataOf(part.config) === name;
  return data.sensitivities.find(ofSame)?.classes ??
    data.searches.filter(ofSame).find(({ confusion }) => confusion !== null)
      ?.confusion?.matrix.classNames.length ??
    null;
}

/**
 * Says what became of a training.
 *
 * @param ending When it diverged, if it did, and its training loss at the end.
 * @param classes Number of classes; null where it is not known, and with it not what the loss of guessing is.
 * @returns What {@linkcode outcomeOf} says; "trained" for a training that may have stalled where that is not known.
 */
export function outcomeText(
  ending: { diverged_at: number | null; train_loss: number },
  classes: number | null,
): string {
  return outcomeOf({ ...ending, classes: classes ?? NaN });
}

/**
 * Tells with what accuracy a network counts, by {@linkcode DIVERGED_RULE}.
 *
 * @param ending When its training diverged, if it did.
 * @param evaluation How it ended on the images in question.
 * @returns A share between 0 and 1.
 */
export function countedAccuracy(
  ending: Pick<RunEnding, "diverged_at">,
  evaluation: Pick<Evaluation, "accuracy">,
): number {
  const { accuracy } = evaluation;
  // The network of a training that diverged takes every image for the same class, which is right now and then.
  return ending.diverged_at === null && Number.isFinite(accuracy) ? accuracy : 0;
}

/**
 * Makes the cell of an accuracy.
 *
 * @param accuracy A share between 0 and 1.
 * @param outcome What became of the training, which is said unless it went well.
 * @returns The cell.
 */
export function accuracyHtml(accuracy: number, outcome: string): Html {
  const note = outcome === "trained" ? null : markup` <small>${outcome}</small>`;
  return markup`${percent(accuracy)}${note}`;
}

/**
 * Says how trainings that diverged count, below a table that has some.
 *
 * @param endings How the trainings of the table ended.
 * @returns A sentence; null where none diverged.
 */
export function divergedNote(endings: readonly Pick<RunEnding, "diverged_at">[]): Html | null {
  return endings.some(({ diverged_at }) => diverged_at !== null)
    ? markup`<p>${DIVERGED_RULE}</p>\n`
    : null;
}
