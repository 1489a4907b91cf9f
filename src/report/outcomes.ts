/**
 * Trainings that diverged or stalled: which ones did, and how they count.
 *
 * @module
 */

import { CIFAR10_CLASSES, hasCifar10Form } from "../data/cifar10.ts";
import type { Ending, Evaluation } from "../model/metrics.ts";
import type { RunConfig } from "../records/config.ts";
import { outcomeOf } from "../train/sensitivity.ts";
import type { ReportData } from "./data.ts";
import { type Html, markup } from "./html.ts";
import { dataOf } from "./settings.ts";
import { percent } from "./text.ts";

/** How a network whose training diverged counts, everywhere on the page. */
export const DIVERGED_RULE =
  "A network whose training diverged counts with an accuracy of 0 % in every mean over the seeds.";

/**
 * Finds the number of classes of the data of a part; null where neither the part nor another part of the same data tells.
 */
export function classesOf(config: RunConfig, data: ReportData): number | null {
  const name = dataOf(config);
  if (hasCifar10Form(name)) return CIFAR10_CLASSES.length;
  const ofSame = (part: { config: RunConfig }) => dataOf(part.config) === name;
  return data.sensitivities.find(ofSame)?.classes ??
    data.searches.filter(ofSame).find(({ confusion }) => confusion !== null)
      ?.confusion?.matrix.classNames.length ??
    null;
}

/**
 * Says whether a network trained, as {@linkcode outcomeOf} does. Where the number of classes is null, the loss of guessing is unknown,
 * and a training that may have stalled or ended worse than guessing is said to have "trained".
 */
export function outcomeText(
  ending: Pick<Ending, "divergedAt" | "training">,
  classes: number | null,
): string {
  return outcomeOf(ending, classes ?? NaN);
}

/** The accuracy that a network counts with, by {@linkcode DIVERGED_RULE}. */
export function countedAccuracy(
  ending: Pick<Ending, "divergedAt">,
  evaluation: Pick<Evaluation, "accuracy">,
): number {
  const { accuracy } = evaluation;
  // Files of earlier versions have an accuracy for a network that diverged: it assigns every image to one class.
  return ending.divergedAt === null && Number.isFinite(accuracy) ? accuracy : 0;
}

/** Makes the cell of an accuracy, with the outcome of the training unless it is "trained". */
export function accuracyHtml(accuracy: number, outcome: string): Html {
  const note = outcome === "trained" ? null : markup` <small>${outcome}</small>`;
  return markup`${percent(accuracy)}${note}`;
}

/** Says below a table how trainings that diverged count; null where none did. */
export function divergedNote(endings: readonly Pick<Ending, "divergedAt">[]): Html | null {
  return endings.some(({ divergedAt }) => divergedAt !== null)
    ? markup`<p>${DIVERGED_RULE}</p>\n`
    : null;
}
