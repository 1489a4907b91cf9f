/**
 * Checks that files of a reproduction agree. Where they do not, someone has edited one.
 *
 * Each throws a `DataError` that names the file and, where there is one, the line and column.
 */
import { DataError } from "../../src/errors.ts";
import type { Confusion, Ending, MetricRow } from "../../src/model/metrics.ts";
import type { RunConfig } from "../../src/records/config.ts";
import { CURVES_CSV } from "../../src/records/curves.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";
import type { CsvTable } from "../../src/records/table.ts";
import { BEST_CSV } from "../../src/records/trials.ts";
import { bestResults, type BestRow, type TrialRow } from "../../src/train/lambda_search.ts";
import type { CurveRow, SensitivityRun } from "../../src/train/sensitivity.ts";

/** Checks that the curves of a training end as its summary says. */
export function checkMetrics(
  rows: readonly MetricRow[],
  { name, ending }: { name: string; ending: Ending },
): void {
  const last = rows[rows.length - 1];
  const { steps: step, training, validation } = ending;
  const expected = { ...last, step, training, validation };
  checkLine(METRICS_CSV, [last, expected], { name, line: rows.length + 1, other: "summary.json" });
}

/** Checks that the best λ of a search are those of its trials. */
export function checkBest(
  best: readonly BestRow[],
  { name, trials }: { name: string; trials: readonly TrialRow[] },
): void {
  const results = bestResults(trials, best.length);
  if (best.length > results.length) {
    throw new DataError(
      `Cannot read ${name}, line ${results.length + 2}: it is one row too many, ` +
        `expected at most one for each of the ${results.length} values of λ in trials.csv`,
    );
  }
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

/** Checks that the curves of a study are of the runs in its summary, and end as it says. */
export function checkCurves(
  rows: readonly CurveRow[],
  { name, runs }: { name: string; runs: readonly SensitivityRun[] },
): void {
  const other = "summary.json";
  const known = new Set(runs.map(runName));
  const odd = rows.findIndex((row) => !known.has(runName(row)));
  if (odd >= 0) {
    throw new DataError(
      `Cannot read ${name}, line ${odd + 2}, column sigma: it is of a run with ` +
        `${runName(rows[odd])}, expected one of those in ${other}`,
    );
  }
  for (const run of runs) {
    const last = rows.findLastIndex((row) => runName(row) === runName(run));
    if (last < 0) {
      throw new DataError(
        `Cannot read ${name}: it has no row of the run with ${runName(run)}, ` +
          `expected some of each run in ${other}`,
      );
    }
    const expected = { ...rows[last], step: run.steps, trainingLoss: run.training.loss };
    checkLine(CURVES_CSV, [rows[last], expected], { name, line: last + 2, other });
  }
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
