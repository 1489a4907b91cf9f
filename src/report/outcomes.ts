/**
 * What a report says of trainings that came to nothing: which they are, and how they count.
 *
 * @module
 */

import { CIFAR10_CLASSES } from "../data/cifar10.ts";
import { type Html, markup } from "./html.ts";
import type { Ending, Evaluation } from "../model/metrics.ts";
import type { RunConfig } from "../records/config.ts";
import type { ReportData } from "./data.ts";
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
export function classesOf(config: RunConfig, data: ReportData): number | null {
  const name = dataOf(config);
  if (name === PUBLISHED_DATA) return CIFAR10_CLASSES.length;
  const ofSame = (part: { config: RunConfig }) => dataOf(part.config) === name;
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
  ending: Pick<Ending, "divergedAt" | "training">,
  classes: number | null,
): string {
  return outcomeOf(ending, classes ?? NaN);
}

/**
 * Tells with what accuracy a network counts, by {@linkcode DIVERGED_RULE}.
 *
 * @param ending When its training diverged, if it did.
 * @param evaluation How it ended on the images in question.
 * @returns A share between 0 and 1.
 */
export function countedAccuracy(
  ending: Pick<Ending, "divergedAt">,
  evaluation: Pick<Evaluation, "accuracy">,
): number {
  const { accuracy } = evaluation;
  // The network of a training that diverged takes every image for the same class, which is right now and then.
  return ending.divergedAt === null && Number.isFinite(accuracy) ? accuracy : 0;
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
export function divergedNote(endings: readonly Pick<Ending, "divergedAt">[]): Html | null {
  return endings.some(({ divergedAt }) => divergedAt !== null)
    ? markup`<p>${DIVERGED_RULE}</p>\n`
    : null;
}
