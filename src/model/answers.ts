/**
 * What logits say: probabilities and the predicted class, and how good the answers are.
 *
 * @module
 */

import type { Confusion } from "./metrics.ts";

/** Logits, [n, classes]. */
type Logits = Float32Array | Float64Array;

/**
 * The softmax of each row in float64: p = exp(logits) / Σⱼ exp(logitsⱼ).
 *
 * @param logits [n, classes]
 * @param classes The number of classes.
 * @returns Probabilities, [n, classes]; those of a row add up to 1 within rounding.
 */
export function softmax(logits: Logits, classes: number): Float64Array {
  const p = new Float64Array(logits.length);
  for (let at = 0; at < logits.length; at += classes) {
    // Subtracting the largest logit leaves p unchanged and keeps the exponentials from overflowing.
    let max = -Infinity;
    for (let j = 0; j < classes; j++) max = Math.max(max, logits[at + j]);
    let sum = 0;
    for (let j = 0; j < classes; j++) sum += p[at + j] = Math.exp(logits[at + j] - max);
    for (let j = 0; j < classes; j++) p[at + j] /= sum;
  }
  return p;
}

/**
 * The class of each row: that of the largest logit, the first of equal ones.
 *
 * @param logits [n, classes]
 * @param classes The number of classes.
 * @returns Classes counted from 0, [n].
 */
export function largest(logits: Logits, classes: number): Uint16Array {
  return Uint16Array.from({ length: logits.length / classes }, (_, i) => {
    let best = 0;
    for (let j = 1; j < classes; j++) {
      if (logits[i * classes + j] > logits[i * classes + best]) best = j;
    }
    return best;
  });
}

/** Counts how many records of each class are classified as each class. */
export function countConfusion(
  labels: ArrayLike<number>,
  answers: { readonly predicted: ArrayLike<number>; readonly classNames: readonly string[] },
): Confusion {
  const { predicted, classNames } = answers;
  const counts = classNames.map(() => new Array<number>(classNames.length).fill(0));
  for (let i = 0; i < labels.length; i++) counts[labels[i]][predicted[i]]++;
  return { classNames, counts };
}

/** How good the answers are for one class. */
export interface ClassRow {
  /** Its name. */
  readonly className: string;
  /** Records of the class. */
  readonly records: number;
  /** Share of the records predicted as the class that are of it; NaN where none is. */
  readonly precision: number;
  /** Share of the records of the class that are predicted as it; NaN where there is none. */
  readonly recall: number;
  /** Harmonic mean of precision and recall, 2 right / (records + predicted); NaN where there are neither. */
  readonly f1: number;
}

/** Precision and recall of each class, [classes]. */
export function classRows({ classNames, counts }: Confusion): ClassRow[] {
  return classNames.map((className, i) => {
    const right = counts[i][i];
    const records = counts[i].reduce((sum, count) => sum + count, 0);
    const predicted = counts.reduce((sum, row) => sum + row[i], 0);
    const precision = right / predicted;
    return {
      ...{ className, records, precision, recall: right / records },
      f1: 2 * right / (records + predicted),
    };
  });
}

/** One record that was classified. */
export interface PredictionRow {
  /** The split that it is of. */
  readonly split: string;
  /** Its number in the split, counted from 0. */
  readonly record: number;
  /** The name of its class. */
  readonly label: string;
  /** The name of the class that it is taken for. */
  readonly predicted: string;
  /** The probability of that class. */
  readonly probability: number;
  /** Whether both are the same class. */
  readonly correct: boolean;
}
