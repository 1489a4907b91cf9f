/**
 * The tables that a λ search leaves behind, and the way back from the files to the rows.
 *
 * @module
 */

import { DataError } from "../errors.ts";
import type { CsvOptions } from "./metrics.ts";
import { type Columns, readHeader, readTable, type TextForm, writeTable } from "./table.ts";

/** One row of `trials.csv`: how one network of a search ended. */
export interface TrialRow {
  /** Part of the search: `coarse`, `fine`, or `refine-1`, `refine-2`, … */
  readonly stage: string;
  /** Which λ of the stage, from 1; the rows of a λ that is trained from several initial weights share it. */
  readonly trial: number;
  /** L2 weight λ. */
  readonly lambda: number;
  /** Seed of batches and, with the trial's identity, of initial weights. */
  readonly seed: number;
  /** Mean cross-entropy, in nats, on all validation images. */
  readonly val_loss: number;
  /** Cost on all validation images. */
  readonly val_cost: number;
  /** Share of all validation images whose class is found. */
  readonly val_accuracy: number;
  /** Mean cross-entropy, in nats, on all training images. */
  readonly train_loss: number;
  /** Cost on all training images. */
  readonly train_cost: number;
  /** Share of all training images whose class is found. */
  readonly train_accuracy: number;
  /** Updates made before a loss or a parameter was NaN or infinite; null where none was. */
  readonly diverged_at: number | null;
}

/** One row of `best.csv`: one of the best λ, beside the report's of the same rank. */
export interface BestRow {
  /** From 1. */
  readonly rank: number;
  /** L2 weight λ. */
  readonly lambda: number;
  /** Share of all validation images whose class is found, the mean where a λ is trained several times. */
  readonly val_accuracy: number;
  /** The published λ; null where it cannot be compared. */
  readonly published_lambda: number | null;
  /** Its published validation accuracy; null where it cannot be compared. */
  readonly published_val_accuracy: number | null;
}

/** `confusion.csv`: how many images of each class are taken for each class. */
export interface Confusion {
  /** Names of the classes, [classes]. */
  readonly classNames: readonly string[];
  /** Images of the first index's class taken for the second's, [classes][classes]. */
  readonly counts: readonly (readonly number[])[];
}

/** The stages of a search. */
const STAGE: TextForm = {
  fits: (cell) => /^(coarse|fine|refine-[1-9]\d*)$/.test(cell),
  expected: "coarse, fine, or refine- and a number from 1",
};

const TRIALS: Columns<TrialRow> = {
  stage: STAGE,
  trial: "integer",
  lambda: "positive",
  seed: "integer",
  val_loss: "number",
  val_cost: "number",
  val_accuracy: "share",
  train_loss: "number",
  train_cost: "number",
  train_accuracy: "share",
  diverged_at: "optional integer",
};

const BEST: Columns<BestRow> = {
  rank: "integer",
  lambda: "positive",
  val_accuracy: "share",
  published_lambda: "optional positive",
  published_val_accuracy: "optional share",
};

/** The first column of `confusion.csv`. */
const TRUE_CLASS = "true_class";

/**
 * Prints the trials of a search as CSV.
 *
 * @param rows The trials, stage by stage.
 * @returns The text of `trials.csv`.
 */
export function trialsToCsv(rows: readonly TrialRow[]): string {
  return writeTable(rows, TRIALS);
}

/**
 * Reads the trials of a search.
 *
 * @param text The text of `trials.csv`.
 * @param options The name of the file.
 * @returns The rows, in the order of the lines.
 * @throws {DataError} If the text is not what {@linkcode trialsToCsv} prints; the message names file, line and column.
 */
export function trialsFromCsv(text: string, options: CsvOptions): TrialRow[] {
  const { name } = options;
  const rows = readTable(text, { columns: TRIALS, name });
  rows.forEach(({ stage, trial, lambda }, i) => {
    const first = rows.find((row) => row.stage === stage && row.trial === trial)!;
    if (lambda === first.lambda) return;
    throw new DataError(
      `Cannot read ${name}, line ${i + 2}, column lambda: it is ${lambda}, ` +
        `expected ${first.lambda} as in another line of ${stage} trial ${trial}`,
    );
  });
  return rows;
}

/**
 * Prints the best of a search as CSV.
 *
 * @param rows The best, first rank first.
 * @returns The text of `best.csv`.
 */
export function bestToCsv(rows: readonly BestRow[]): string {
  return writeTable(rows, BEST);
}

/**
 * Reads the best of a search.
 *
 * @param text The text of `best.csv`.
 * @param options The name of the file.
 * @returns The rows, in the order of the lines.
 * @throws {DataError} If the text is not what {@linkcode bestToCsv} prints; the message names file, line and column.
 */
export function bestFromCsv(text: string, options: CsvOptions): BestRow[] {
  return readTable(text, { columns: BEST, name: options.name });
}

/**
 * Prints a confusion matrix as CSV: a row for each true class, a column for each class taken for it.
 *
 * @param confusion The matrix.
 * @returns The text of `confusion.csv`.
 */
export function confusionToCsv({ classNames, counts }: Confusion): string {
  const rows = counts.map((row, i) => ({
    [TRUE_CLASS]: classNames[i],
    ...Object.fromEntries(row.map((count, j) => [classNames[j], count])),
  }));
  return writeTable<Record<string, string | number>>(rows, confusionColumns(classNames));
}

/**
 * Reads a confusion matrix.
 *
 * @param text The text of `confusion.csv`.
 * @param options The name of the file.
 * @returns The matrix.
 * @throws {DataError} If the text is not what {@linkcode confusionToCsv} prints, or counts no images; the message names
 * file and, where it has one, line and column.
 */
export function confusionFromCsv(text: string, options: CsvOptions): Confusion {
  const { name } = options;
  // The classes are those of the first line: other data have others.
  const classNames = readHeader(text, { name }).slice(1);
  const columns = confusionColumns(classNames);
  const rows = readTable<Record<string, string | number>>(text, { columns, name });
  rows.forEach((row, i) => {
    if (row[TRUE_CLASS] === classNames[i]) return;
    throw new DataError(
      `Cannot read ${name}, line ${i + 2}, column ${TRUE_CLASS}: it is ` +
        `${JSON.stringify(row[TRUE_CLASS])}, expected ${JSON.stringify(classNames[i])}`,
    );
  });
  if (rows.length !== classNames.length) {
    throw new DataError(
      `Cannot read ${name}: it has ${rows.length} rows, expected one for each of ${classNames.length} classes`,
    );
  }
  const counts = rows.map((row) => classNames.map((other) => row[other] as number));
  if (!counts.flat().some((count) => count > 0)) {
    throw new DataError(`Cannot read ${name}: it counts no images, expected at least 1`);
  }
  return { classNames, counts };
}

function confusionColumns(classNames: readonly string[]): Columns<Record<string, string | number>> {
  return Object.fromEntries([
    [TRUE_CLASS, "text"],
    ...classNames.map((name) => [name, "integer"]),
  ]);
}
