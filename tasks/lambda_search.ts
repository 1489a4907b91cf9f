/** The task `lambda-search`: a coarse and a fine search for the L2 weight λ, and a network with the best one. */
import { join } from "@std/path";
import type { DataSet } from "../src/data/dataset.ts";
import { ArgumentError } from "../src/errors.ts";
import type { Gpu } from "../src/gpu/device.ts";
import type { DeviceDataSet } from "../src/gpu/device_data.ts";
import { PUBLISHED_FINAL_ACCURACY } from "../src/model/published.ts";
import type { RunConfig } from "../src/records/config.ts";
import {
  RUN_SUMMARY_JSON,
  SEARCH_SUMMARY_JSON,
  type SearchSummary,
} from "../src/records/summary.ts";
import { BEST_CSV } from "../src/records/trials.ts";
import { isComparable } from "../src/report/settings.ts";
import { bestResults, type BestRow } from "../src/train/lambda_search.ts";
import { checkCapacity } from "./_kit/capacity.ts";
import type { TaskContext } from "./_kit/context.ts";
import { DivergedError, doneUnlessDiverged } from "./_kit/diverged.ts";
import { writeEvent } from "./_kit/events.ts";
import { FigureError, runTask, TaskError } from "./_kit/main.ts";
import { checkTraining, type Task } from "./_kit/options.ts";
import { Progress } from "./_kit/progress.ts";
import { openResults, readSummary, type Results, runConfig } from "./_kit/results.ts";
import { percent, printTable, tableHeading } from "./_kit/table.ts";
import { type DataCall, type Rest, restOf, type RunContext, runPlanned } from "./_kit/with_data.ts";
import { readCheckpoint } from "./_run/checkpoint.ts";
import { profileAll, type Profiled } from "./_run/profile.ts";
import { SEARCH_OPTIONS, searchFiles, type SearchOptions, stageNames } from "./_run/search.ts";
import { bestRows, finalInto, openFinal, redrawSearch } from "./_run/search_final.ts";
import { searchInto } from "./_run/search_stages.ts";
import { type VariantChoice, VariantChooser } from "./_run/variant.ts";

export const TASK: Task<SearchOptions> = {
  name: "lambda-search",
  summary:
    "Searches for the weight λ of the L2 term: values drawn log-uniformly from a coarse range, " +
    "then from a fine one. All networks of a stage train together, on the same batches. Then a " +
    "network with the best λ trains for longer, and its predictions for the test images are counted " +
    "by class. Writes trials.csv, a figure for each stage, best.csv, confusion.csv, confusion.svg, " +
    "the folder final with the files of a baseline run, config.json and, when finished, " +
    "summary.json. Running the same command again resumes an interrupted search from its last " +
    "checkpoint. If all networks of the search or the final one diverged, the task ends with " +
    "status 1.",
  options: SEARCH_OPTIONS,
  quick: { halfCycle: 50, cycles: 1, finalCycles: 1, coarseCount: 3, fineCount: 3 },
  check: checkSearch,
  examples: [
    { command: "deno task lambda-search", purpose: "the search of the report" },
    { command: "deno task lambda-search --quick", purpose: "the whole path in seconds" },
    {
      command: "deno task lambda-search --refine 2 --repeat 3 --out out/refined",
      purpose: "two rounds around the best λ, and the spread over three networks",
    },
  ],
};

/** How many of the best are written and printed, as in the report. */
const BEST = 3;

interface SearchPlan extends DataCall<SearchOptions> {
  readonly chooser: VariantChooser;
  readonly choice: VariantChoice;
  readonly results: Results;
  /** The folder of the final network, opened before the best λ is known. */
  readonly final: Results;
  /** How it ended, where it is complete already. */
  readonly finished?: SearchSummary;
}

export async function plan(call: DataCall<SearchOptions>): Promise<SearchPlan> {
  const { options, gpu, data } = call;
  const { force, out, hidden, batch, repeat, halfCycle, cycles } = options;
  checkSplits(data.source);
  const networks = repeat * Math.max(options.coarseCount, options.fineCount);
  const plan = { hidden, batchNorm: options.batchNorm === "on", batch, networks };
  const chooser = new VariantChooser(call, options);
  const choice = { plan, steps: 2 * halfCycle * cycles, directory: out };
  const variant = await chooser.expect(choice);
  const circumstances = { task: TASK.name, dataset: data.source, adapter: gpu.adapter, variant };
  const config = runConfig(options, circumstances);
  const results = await openResults(out, config, { ...searchFiles(options), force });
  const final = await openFinal(results, { lambda: null, force });
  const planned = { ...call, chooser, choice, results, final };
  if (results.state === "finished") {
    const finished = await readSummary(out, SEARCH_SUMMARY_JSON);
    const final = await openFinal(results, { lambda: finished.bestLambda, force });
    if (final.state === "finished") return { ...planned, final, finished };
    throw new TaskError(
      `--out ${out} holds a finished search without its final network, which was removed from ` +
        `${final.directory}: expected it as it was, or --force to search again`,
    );
  }
  await readCheckpoint(results); // If it is refused, before anything is measured.
  await checkCapacity(gpu, data, { ...plan, variant });
  return planned;
}

export async function run(planned: SearchPlan, on: RunContext): Promise<Rest> {
  const { context, figures } = on;
  const { options, data, chooser, choice, results, finished } = planned;
  const variant = await chooser.choose(choice, context);
  results.setVariant(variant);
  let summary = finished;
  // Another task may have it as its own --out.
  await on.hold(planned.final.directory);
  if (summary === undefined) {
    context.signal.throwIfAborted();
    summary = await search(planned, { ...on, variant });
  } else {
    results.sayFinished(context, options);
    await results.removeLeftovers();
    await redrawSearch(results, { final: planned.final, summary, figures });
  }
  reportSearch(context, { options, config: results.config, dataset: data.source, summary });
  if (options.profile && !figures.unsaved) {
    await profileSearch(context, planned, { options, variant });
  }
  const { divergedAt } = summary.final;
  return restOf(
    figures.drawn(context.signal),
    () => doneUnlessDiverged([{ name: "The final network", divergedAt }]),
  );
}

export async function main(args: readonly string[], context: TaskContext): Promise<number> {
  return await runPlanned({ TASK, plan, run }, args, context);
}

/** Trains what is left to train, and writes all files but the figures. */
async function search(
  planned: SearchPlan,
  on: RunContext & { variant: string },
): Promise<SearchSummary> {
  const { options, gpu, data, results } = planned;
  const { context, figures } = on;
  const { json, quick, force, repeat } = options;
  const { signal } = context;
  if (await readCheckpoint(results) === undefined) {
    // A finished search without its final network is refused, and so is one beside the final network of other settings.
    await results.unmark();
    await planned.final.clear();
    await results.start();
  } else await results.resume();
  const training = {
    ...on,
    gpu,
    data,
    signal,
    progress: new Progress(context, { json, quick }),
    checkpoints: { ...options, context },
  };
  if (repeat > 1) {
    context.stderr(
      `Each λ trains ${repeat} networks with different initial weights, all on the same batches`,
    );
  }
  const rows = await searchInto(results, options, training);
  const best = bestRows(bestResults(rows, BEST), isComparable(results.config));
  if (Number.isNaN(best[0].validationAccuracy)) {
    await figures.drawn(signal).catch((error) => {
      if (!(error instanceof FigureError)) throw error;
      context.stderr(error.message); // The error below matters more.
    });
    throw new DivergedError(
      "All networks of the search diverged: expected smaller values of λ or of --eta-max",
    );
  }
  const final = await openFinal(results, { lambda: best[0].lambda, force });
  return await finalInto(results, options, { ...training, final, best, rows });
}

/** Profiles a step of each stage, and of the final network. */
async function profileSearch(
  context: TaskContext,
  on: { gpu: Gpu; data: DeviceDataSet },
  search: { options: SearchOptions; variant: string },
): Promise<void> {
  const { options, variant } = search;
  const { out, hidden, batch, repeat, coarseCount, fineCount, json, quick } = options;
  const plan = { hidden, batchNorm: options.batchNorm === "on", batch, variant };
  const stages = stageNames(options).map((name): Profiled => {
    const networks = repeat * (name === "coarse" ? coarseCount : fineCount);
    return { plan: { ...plan, networks }, name, path: join(out, `profile-${name}.csv`) };
  });
  const path = join(out, "final", "profile.csv");
  const final: Profiled = { plan: { ...plan, networks: 1 }, name: "final", path };
  await profileAll(context, on, { populations: [...stages, final], json, quick });
}

/** Refuses data without images to compare networks on, or to count the errors of the final one on. */
function checkSplits({ name, validation, test }: DataSet): void {
  if (validation.count > 0 && test.count > 0) return;
  throw new ArgumentError(
    `--data expects validation and test images for a search, and ${name} has ${validation.count} and ${test.count}`,
  );
}

function checkSearch(options: SearchOptions): void {
  checkTraining(options);
  checkTraining({ ...options, cycles: options.finalCycles });
  if (options.refine > 0 && options.coarseCount < 2) {
    throw new ArgumentError(
      `--coarse-count expects at least 2 with --refine, not ${options.coarseCount}: ` +
        "one value has no neighbours",
    );
  }
}

interface FinishedSearch {
  readonly options: SearchOptions;
  readonly config: RunConfig;
  readonly dataset: Pick<DataSet, "name" | "classes" | "training">;
  readonly summary: SearchSummary;
}

/** Prints the best of the search and the final network, or with `--json` an event for each. */
export function reportSearch(context: TaskContext, search: FinishedSearch): void {
  const { options, config, dataset, summary } = search;
  const { out, repeat } = options;
  const { best, final, quick } = summary;
  const comparable = isComparable(config);
  if (options.json) {
    for (const row of best) {
      writeEvent(context, "result", { ...BEST_CSV.cells(row), ...quick && { quick }, out });
    }
    writeEvent(context, "result", {
      run: "final",
      lambda: summary.bestLambda,
      ...RUN_SUMMARY_JSON.fields(final),
      published_test_accuracy: comparable ? PUBLISHED_FINAL_ACCURACY : null,
      out: join(out, "final"),
    });
    return;
  }
  context.stdout(tableHeading(dataset, options));
  const mean = repeat > 1 ? `, mean of ${repeat}` : "";
  const heading = ["rank", "λ", `validation accuracy${mean}`];
  const others = comparable ? ["report's λ", "report's validation accuracy"] : [];
  const table = [[...heading, ...others], ...best.map((row) => bestLine(row, comparable))];
  printTable(context, table);
  const published = comparable ? ` (report: ${percent(PUBLISHED_FINAL_ACCURACY)})` : "";
  const result = final.divergedAt === null
    ? `validation accuracy ${percent(final.validation.accuracy)}, ` +
      `test accuracy ${percent(final.test.accuracy)}${published}`
    : `diverged at step ${final.divergedAt}`;
  context.stdout(
    `Final network${quick ? " (quick)" : ""}, λ = ${lambdaText(summary.bestLambda)}, ` +
      `${final.steps} steps: ${result}`,
  );
  context.stdout(`Files: ${out}`);
}

function bestLine(row: BestRow, comparable: boolean): string[] {
  const accuracy = row.validationAccuracy;
  const result = Number.isNaN(accuracy) ? "diverged" : percent(accuracy);
  const own = [String(row.rank), lambdaText(row.lambda), result];
  if (!comparable) return own;
  const { publishedLambda, publishedValidationAccuracy } = row;
  return [
    ...own,
    publishedLambda === null ? "" : lambdaText(publishedLambda),
    publishedValidationAccuracy === null ? "" : percent(publishedValidationAccuracy),
  ];
}

/** As in "3.51e-3". */
function lambdaText(lambda: number): string {
  return lambda.toExponential(2);
}

if (import.meta.main) await runTask(main);
