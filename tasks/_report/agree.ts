/**
 * Checks that files of a reproduction agree. Where they do not, someone has edited one.
 *
 * Each throws a `DataError` that names the file and, where there is one, the line and column.
 */
import { DataError } from "../../src/errors.ts";
import type { Confusion, Ending, MetricRow } from "../../src/model/metrics.ts";
import { layout } from "../../src/model/network.ts";
import { PUBLISHED_BEST } from "../../src/model/published.ts";
import type { RunConfig } from "../../src/records/config.ts";
import { CURVES_CSV } from "../../src/records/curves.ts";
import { GRADIENT_CHECK_CSV } from "../../src/records/gradient_check.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";
import type { CsvTable } from "../../src/records/table.ts";
import { BEST_CSV, TRIALS_CSV } from "../../src/records/trials.ts";
import type { GradientCheckRow } from "../../src/train/gradient_check.ts";
import { bestResults, type BestRow, type TrialRow } from "../../src/train/lambda_search.ts";
import type { CurveRow, SensitivityRun } from "../../src/train/sensitivity.ts";

const SUMMARY = "summary.json";

/** Checks that a gradient check has a row for each parameter of its network, in order. */
export function checkParameters(
  rows: readonly GradientCheckRow[],
  { name, config: { settings } }: { name: string; config: RunConfig },
): void {
  const hidden = settings.hidden as readonly number[] | undefined;
  if (hidden === undefined) return;
  // The names depend neither on the number of inputs nor on that of classes.
  const batchNorm = settings.batchNorm === "on";
  const { parameters } = layout({ inputs: 1, hidden, classes: 2, batchNorm });
  checkLength(rows, { name, count: parameters.length, other: "config.json" });
  rows.forEach((row, i) => {
    const expected = { ...row, parameter: parameters[i].name };
    checkLine(GRADIENT_CHECK_CSV, [row, expected], { name, line: i + 2, other: "config.json" });
  });
}

/** Checks that a training has a row for each of its evaluations, in order, and ends as its summary says. */
export function checkMetrics(
  rows: readonly MetricRow[],
  { name, ending }: { name: string; ending: Ending & { readonly epochs: number } },
): void {
  const { steps, epochs, training, validation } = ending;
  // Whole, but for the rounding of the quotients.
  const perEpoch = steps === 0 ? 1 : Math.round(steps / epochs);
  if (!(perEpoch >= 1 && perEpoch < Infinity)) {
    throw new DataError(
      `Cannot read ${name}: it has ${steps} steps in ${epochs} epochs by summary.json, ` +
        "expected at least 1 step in each",
    );
  }
  const count = evaluations(steps, perEpoch);
  rows.forEach((row, i) => {
    const step = Math.min(i * perEpoch, steps);
    const last = i === rows.length - 1;
    const expected = {
      ...row,
      step: last && i < count ? steps : step,
      epoch: (last && i < count ? steps : step) / perEpoch,
      ...last && { training, validation },
    };
    if (i < count) checkLine(METRICS_CSV, [row, expected], { name, line: i + 2, other: SUMMARY });
  });
  checkLength(rows, { name, count, other: SUMMARY });
}

/** Checks that a search has every trial of its stages, in order, as far as it went. */
export function checkTrials(
  rows: readonly TrialRow[],
  { name, config: { settings } }: { name: string; config: RunConfig },
): void {
  const number = (setting: string, usual: number) => (settings[setting] ?? usual) as number;
  const [refine, repeat] = [number("refine", 0), number("repeat", 1)];
  const { coarseCount, fineCount } = settings;
  if (coarseCount === undefined || fineCount === undefined) return;
  const counts = { coarse: number("coarseCount", 1), others: number("fineCount", 1) };
  let [begun, round] = [0, 0];
  rows.forEach((row, i) => {
    const place = { name, line: i + 2, other: "config.json" };
    if (i === begun + repeat * (round === 0 ? counts.coarse : counts.others)) {
      begun = i;
      round += 1;
    }
    if (round > Math.max(refine, 1)) throw tooMany(i, place);
    const stage = round === 0 ? "coarse" : refine === 0 ? "fine" : `refine-${round}`;
    const trial = Math.floor((i - begun) / repeat) + 1;
    const { seed } = settings as { readonly seed: number };
    checkLine(TRIALS_CSV, [row, { ...row, stage, trial, seed }], place);
  });
  const count = begun + repeat * (round === 0 ? counts.coarse : counts.others);
  checkLength(rows, { name, count, other: "config.json" });
}

/** Checks that the best λ of a search are those of its trials. */
export function checkBest(
  best: readonly BestRow[],
  { name, trials }: { name: string; trials: readonly TrialRow[] },
): void {
  // As many as the report gives.
  const results = bestResults(trials, PUBLISHED_BEST.length);
  checkLength(best, { name, count: results.length, other: "trials.csv" });
  results.forEach(({ lambda, validationAccuracy: { mean } }, i) => {
    const expected = { ...best[i], rank: i + 1, lambda, validationAccuracy: mean };
    checkLine(BEST_CSV, [best[i], expected], { name, line: i + 2, other: "trials.csv" });
  });
}

/** Checks that the final network of a search was trained with the best λ. */
export function checkLambda(
  { settings }: RunConfig,
  { name, best: [{ lambda }] }: { name: string; best: readonly BestRow[] },
): void {
  if (settings.lambda === lambda) return;
  throw new DataError(
    `Cannot read ${name}: lambda is ${JSON.stringify(settings.lambda)}, ` +
      `expected ${lambda} as in best.csv, line 2, column lambda`,
  );
}

/** Checks that the diagonal of a confusion matrix agrees with the test accuracy of the network. */
export function checkConfusion(
  { counts }: Confusion,
  { name, ending: { test, divergedAt } }: { name: string; ending: Ending },
): void {
  // Which class is found among NaNs depends on the machine.
  if (divergedAt !== null) return;
  const all = counts.flat().reduce((sum, count) => sum + count, 0);
  const right = counts.reduce((sum, row, i) => sum + row[i], 0);
  // Both are quotients of the same integers, and so equal to the last bit.
  if (right / all === test.accuracy) return;
  throw new DataError(
    `Cannot read ${name}: ${right} of ${all} images are on its diagonal, ` +
      `expected a share of ${test.accuracy} as in final/summary.json`,
  );
}

/**
 * Checks that the curves of a study are those of the runs in its summary, each with a row for each of its evaluations, in
 * order, and end as it says.
 */
export function checkCurves(
  rows: readonly CurveRow[],
  options: { name: string; runs: readonly SensitivityRun[]; config: RunConfig },
): void {
  const { name, runs, config: { settings } } = options;
  const known = new Set(runs.map(runName));
  const odd = rows.findIndex((row) => !known.has(runName(row)));
  if (odd >= 0) {
    throw new DataError(
      `Cannot read ${name}, line ${odd + 2}, column sigma: it is of a run with ` +
        `${runName(rows[odd])}, expected one of those in ${SUMMARY}`,
    );
  }
  // Where the setting is missing, the second row has it.
  const every = (settings.every ?? Math.max(rows[1]?.step ?? 1, 1)) as number;
  let i = 0;
  for (const run of runs) {
    const count = evaluations(run.steps, every);
    for (let k = 0; k < count; k++) {
      const step = Math.min(k * every, run.steps);
      const row = rows[i++];
      if (row === undefined) {
        throw new DataError(
          `Cannot read ${name}: it ends after line ${i}, ` +
            `expected step ${step} of the run with ${runName(run)} as in ${SUMMARY}`,
        );
      }
      const line = i + 1;
      if (runName(row) !== runName(run)) {
        throw new DataError(
          `Cannot read ${name}, line ${line}, column sigma: it is of the run with ${
            runName(row)
          }, ` +
            `expected step ${step} of that with ${runName(run)}`,
        );
      }
      const { loss } = run.training;
      const expected = { ...row, step, ...k === count - 1 && { trainingLoss: loss } };
      checkLine(CURVES_CSV, [row, expected], { name, line, other: SUMMARY });
    }
  }
  checkLength(rows, { name, count: i, other: SUMMARY });
}

/** The evaluations of a training: before the first step, after every so many, and after the last. */
function evaluations(steps: number, every: number): number {
  return 1 + Math.ceil(steps / every);
}

/** Refuses a table with fewer or more rows than another file says. */
function checkLength(
  { length }: readonly unknown[],
  { name, count, other }: { name: string; count: number; other: string },
): void {
  if (length === count) return;
  if (length > count) throw tooMany(count, { name, line: count + 2, other });
  throw new DataError(
    `Cannot read ${name}: it ends after line ${length + 1}, expected ${count} rows by ${other}`,
  );
}

function tooMany(count: number, { name, line, other }: Place): DataError {
  return new DataError(
    `Cannot read ${name}, line ${line}: it is one row too many, expected ${count} by ${other}`,
  );
}

/** As in "σ = 0.1 and batch norm off". */
function runName({ sigma, batchNorm }: Pick<CurveRow, "sigma" | "batchNorm">): string {
  return `σ = ${sigma} and batch norm ${batchNorm ? "on" : "off"}`;
}

interface Place {
  readonly name: string;
  readonly line: number;
  readonly other: string;
}

/** Refuses a line that differs from what another file says. */
function checkLine<Row extends object>(
  table: CsvTable<Row>,
  rows: readonly [given: Row, expected: Row],
  { name, line, other }: Place,
): void {
  const [given, expected] = rows.map((row) => table.cells(row));
  for (const column of Object.keys(expected)) {
    if (isSame(given[column], expected[column])) continue;
    throw new DataError(
      `Cannot read ${name}, line ${line}, column ${column}: it is ${given[column]}, ` +
        `expected ${expected[column]} as in ${other}`,
    );
  }
}

/** Whether two values are equal, where JSON has null for NaN and infinity. */
function isSame(a: unknown, b: unknown): boolean {
  return a === b ||
    typeof a === "number" && typeof b === "number" && !Number.isFinite(a) && !Number.isFinite(b);
}
