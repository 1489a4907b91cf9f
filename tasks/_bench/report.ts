/** What the task `bench` prints at the end: a table, or an event for each row. */
import { join } from "@std/path";
import { maximum } from "../../src/lists.ts";
import type { BenchRow } from "../../src/measure/bench.ts";
import { type Comparison, DEVIATIONS, MAX_RUNS, MIN_RUNS } from "../../src/measure/slowdown.ts";
import { BENCH_CSV } from "../../src/records/bench.ts";
import { snakeCase } from "../../src/records/names.ts";
import type { TaskContext } from "../_kit/context.ts";
import { writeEvent } from "../_kit/events.ts";
import type { CommonOptions } from "../_kit/options.ts";
import { count, percent, printTable, short, spread } from "../_kit/table.ts";
import { BENCH_FILES } from "./files.ts";

export function reportBench(
  context: TaskContext,
  rows: readonly BenchRow[],
  options: Pick<CommonOptions, "json" | "quick" | "out">,
): void {
  const { json, quick, out } = options;
  if (json) {
    for (const row of rows) {
      writeEvent(context, "result", {
        ...BENCH_CSV.cells(row),
        ...quick && { quick },
        share_of_peak: shareOfPeak(row),
        out,
      });
    }
    return;
  }
  const [{ data, batch, repeat }] = rows;
  context.stdout(
    `${data}, batch ${batch}; median (min to max) of ${repeat} measurements` +
      (quick ? "; quick run, not a result" : ""),
  );
  printTable(context, table(rows));
  for (const line of circumstances(rows[0])) context.stdout(line);
  context.stdout(`Files: ${join(out, BENCH_FILES.rows)}, ${join(out, BENCH_FILES.figure)}`);
}

/** Prints how the run compares with earlier ones; returns whether anything got worse. */
export function reportComparisons(
  context: TaskContext,
  comparisons: readonly Comparison[],
  options: Pick<CommonOptions, "json">,
): boolean {
  if (options.json) {
    for (const { figure, row, ...comparison } of comparisons) {
      const { networks, hidden, batch_norm, adapter } = BENCH_CSV.cells(row);
      const about = { figure: snakeCase(figure), networks, hidden, batch_norm, adapter };
      writeEvent(context, "regression", { ...about, ...comparison });
    }
  }
  const unknown = comparisons.filter(({ worse }) => worse === null);
  if (unknown.length > 0) {
    const max = maximum(unknown.map(({ runs }) => runs));
    context.stderr(
      `Nothing to compare with yet for ${unknown.length} of ${comparisons.length} times: ` +
        `${MIN_RUNS} earlier runs are needed, and there ${max === 1 ? "is" : "are"} ${max}`,
    );
  }
  const worse = comparisons.filter((comparison) => comparison.worse);
  for (const { figure, row, value, runs, usual, allowed } of worse) {
    const name = figure === "msPerStep" ? "a step" : "an evaluation";
    context.stderr(
      `Worse: ${name} of ${describeNetworks(row)} takes ${short(value)} ms, ` +
        `${percent(value / usual! - 1)} more than the median of the last ${runs} runs, ` +
        `${short(usual!)} ms; ${percent(allowed!)} is allowed`,
    );
  }
  if (worse.length === 0 && unknown.length < comparisons.length) {
    context.stderr(
      `None of ${comparisons.length - unknown.length} times is worse than those of earlier runs`,
    );
  }
  return worse.length > 0;
}

export const COMPARE_RULE =
  `A time is worse when it exceeds the median m of the last ${MAX_RUNS} runs with the same ` +
  `adapter, data, networks, hidden layers, batch norm and batch by more than --worse-by or ` +
  `${DEVIATIONS} · 1.4826 · (median distance of those runs from m), whichever is more, and even ` +
  `the fastest measurement of this run exceeds m. Comparing takes at least ${MIN_RUNS} such runs.`;

function table(rows: readonly BenchRow[]): string[][] {
  return [
    [
      "hidden",
      "networks",
      "batch norm",
      "variant",
      "steps",
      "ms/step",
      "steps/s",
      "GFLOP/s",
      "of peak",
      "evaluation, ms/50,000 images",
    ],
    ...rows.map((row) => [
      row.hidden,
      String(row.networks),
      row.batchNorm ? "on" : "off",
      row.variant,
      String(row.steps),
      spread(row.msPerStep, row.msPerStepMin, row.msPerStepMax),
      short(row.stepsPerS),
      short(row.gflopPerS),
      percent(shareOfPeak(row) ?? NaN),
      spread(row.evaluationMs, row.evaluationMsMin, row.evaluationMsMax),
    ]),
  ];
}

function circumstances(row: BenchRow): string[] {
  const { peakGflopPerS, peakGbPerS, startupMs, dataMs, compileMs } = row;
  const memory = (row.peakMemoryBytes ?? NaN) / 2 ** 20;
  return [
    `Peak of the adapter: ${short(peakGflopPerS)} GFLOP/s computing only, ` +
    `${short(peakGbPerS)} GB/s copying (read and written)`,
    `Start-up: adapter ${short(startupMs)} ms, data ${short(dataMs)} ms, ` +
    `compiling to the end of the first step ${short(compileMs)} ms`,
    `Memory of this process: ${Math.round(memory)} MiB at most`,
  ];
}

/** The share of the adapter's peak that a row reached; null where the peak was not measured. */
function shareOfPeak({ gflopPerS, peakGflopPerS }: BenchRow): number | null {
  return peakGflopPerS === null ? null : gflopPerS / peakGflopPerS;
}

function describeNetworks(
  { networks, hidden, batchNorm }: Pick<BenchRow, "networks" | "hidden" | "batchNorm">,
): string {
  return `${count(networks, "network")} (hidden ${hidden}, ` +
    `batch norm ${batchNorm ? "on" : "off"})`;
}
