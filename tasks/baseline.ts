/** The task `baseline`: 3 and 9 layers, without and with batch norm, trained one after another. */
import { join } from "@std/path";
import type { DataSet } from "../src/data/dataset.ts";
import { PUBLISHED_BASELINE_ACCURACY, PUBLISHED_RUN } from "../src/model/published.ts";
import type { RunConfig } from "../src/records/config.ts";
import { RUN_SUMMARY_JSON, type RunSummary } from "../src/records/summary.ts";
import { isComparable } from "../src/report/settings.ts";
import { checkCapacity } from "./_kit/capacity.ts";
import type { TaskContext } from "./_kit/context.ts";
import { doneUnlessDiverged } from "./_kit/diverged.ts";
import { writeEvent } from "./_kit/events.ts";
import { runTask } from "./_kit/main.ts";
import {
  checkTraining,
  COMMON_OPTIONS,
  FIND_LR_OPTION,
  HIDDEN_DEFAULT,
  hiddensOf,
  normsOf,
  type Parsed,
  PROFILE_OPTION,
  RESUME_OPTIONS,
  type Task,
  TRAINING_OPTIONS,
  type Values,
} from "./_kit/options.ts";
import { Progress } from "./_kit/progress.ts";
import { openResults, readSummary, type Results, runConfig } from "./_kit/results.ts";
import { runName } from "./_kit/run_name.ts";
import { percent, printTable, tableHeading } from "./_kit/table.ts";
import { type DataCall, type Rest, restOf, type RunContext, runPlanned } from "./_kit/with_data.ts";
import { readCheckpoint } from "./_run/checkpoint.ts";
import { checkLength, checkStop, LENGTH_OPTIONS, stepsOf } from "./_kit/length.ts";
import { profileAll } from "./_run/profile.ts";
import {
  BASELINE_IDENTITY,
  describeOutcome,
  redrawRun,
  RUN_FILES,
  trainingOptions,
  type TrainingRun,
  trainInto,
} from "./_run/training_run.ts";
import { type VariantChoice, VariantChooser } from "./_run/variant.ts";
import { main as findLearningRates } from "./find_lr.ts";

const OPTIONS = {
  ...COMMON_OPTIONS,
  ...FIND_LR_OPTION,
  ...PROFILE_OPTION,
  ...RESUME_OPTIONS,
  ...TRAINING_OPTIONS,
  ...LENGTH_OPTIONS,
};

type Options = Values<typeof OPTIONS>;

export const TASK: Task<Options> = {
  name: "baseline",
  summary: "Trains four networks one after another: 3 and 9 layers, without and with batch " +
    "normalisation. Each gets a folder within --out (3-layer, 3-layer-batch-norm, 9-layer, " +
    "9-layer-batch-norm) with metrics.csv, metrics.svg, model.safetensors, config.json and, when " +
    "finished, summary.json. Finished runs are kept when the same command is run again. If one " +
    "diverged, the task ends with status 1. --hidden and --batch-norm restrict the runs.",
  options: OPTIONS,
  defaults: { batchNorm: "both" },
  quick: { halfCycle: 50, cycles: 1 },
  defaultTexts: { hidden: HIDDEN_DEFAULT },
  check: (options, given) => {
    checkTraining(options);
    checkLength(options, given);
  },
  examples: [
    { command: "deno task baseline", purpose: "the four runs of the report" },
    { command: "deno task baseline --quick", purpose: "the whole path in seconds" },
    {
      command: "deno task baseline --hidden 50,50 --batch-norm on --seed 2 --out out/seed-2",
      purpose: "one run, with other initial weights and batches",
    },
    {
      command:
        "deno task baseline --epochs 50 --learning-rate 0.05 --early-stop 5 --keep best --out out/constant",
      purpose: "a constant rate, until the validation loss falls no more",
    },
  ],
};

interface OpenRun {
  readonly run: TrainingRun;
  readonly results: Results;
  readonly choice: VariantChoice;
  /** How it ended, where it is finished already. */
  readonly finished?: RunSummary;
}

interface BaselinePlan extends DataCall<Options> {
  readonly chooser: VariantChooser;
  readonly runs: readonly OpenRun[];
}

export async function plan(call: DataCall<Options>): Promise<BaselinePlan> {
  const { options, gpu, data } = call;
  checkStop(options, data.source);
  const chooser = new VariantChooser(call, options);
  const runs: OpenRun[] = [];
  for (const run of planRuns(call)) {
    const { hidden, batchNorm } = run.training;
    const plan = { hidden, batchNorm, batch: options.batch, networks: 1 };
    const directory = join(options.out, run.name);
    const choice = { plan, steps: stepsOf(options, data.source.training.count), directory };
    const variant = await chooser.expect(choice);
    const own = { ...options, hidden, batchNorm: batchNorm ? "on" : "off" };
    const circumstances = { task: TASK.name, dataset: data.source, adapter: gpu.adapter, variant };
    const config = runConfig(own, circumstances);
    const results = await openResults(directory, config, { ...RUN_FILES, force: options.force });
    const finished = results.state === "finished"
      ? await readSummary(directory, RUN_SUMMARY_JSON)
      : undefined;
    await readCheckpoint(results); // If it is refused, before the runs that come first.
    runs.push({ run, results, choice, finished });
    if (finished === undefined) await checkCapacity(gpu, data, { ...plan, variant });
  }
  return { ...call, chooser, runs };
}

export async function run(planned: BaselinePlan, on: RunContext): Promise<Rest> {
  const { context, figures } = on;
  const { options, gpu, data, chooser, runs } = planned;
  const { json, quick } = options;
  const { signal } = context;
  const variants: string[] = [];
  for (const { choice } of runs) variants.push(await chooser.choose(choice, context));

  const progress = new Progress(context, { json, quick });
  const checkpoints = { ...options, context };
  const ended: FinishedRun[] = [];
  const training = { gpu, data, progress, signal, figures, checkpoints };
  for (const [i, { run, results, finished }] of runs.entries()) {
    signal.throwIfAborted();
    // Another task may have it as its own --out.
    await on.hold(results.directory);
    const variant = variants[i];
    results.setVariant(variant);
    if (finished !== undefined) {
      results.sayFinished(context, options);
      await results.removeLeftovers();
      redrawRun(results, figures);
    }
    const summary = finished ??
      await trainInto(results, run, { ...training, variant });
    ended.push({ name: run.name, config: results.config, summary });
    if (figures.unsaved) break; // The next would find no room, either.
  }
  reportRuns(context, { options, dataset: data.source, runs: ended });
  if (options.profile && !figures.unsaved) {
    const populations = runs.map(({ run: { name }, results, choice }, i) => ({
      plan: { ...choice.plan, variant: variants[i] },
      name,
      path: join(results.directory, "profile.csv"),
    }));
    await profileAll(context, planned, { populations, json, quick });
  }
  return restOf(
    figures.drawn(signal),
    () => doneUnlessDiverged(ended.map(({ name, summary }) => ({ ...summary, name })), options),
  );
}

export async function main(args: readonly string[], context: TaskContext): Promise<number> {
  const others = args.filter((arg) => !/^--find-lr=?$/.test(arg));
  if (others.length < args.length) return await findLearningRates(others, context);
  return await runPlanned({ TASK, plan, run }, args, context);
}

/** Each depth, without and with batch norm where both are asked for. */
function planRuns(call: Parsed<Options>): TrainingRun[] {
  return hiddensOf(call).flatMap((hidden) =>
    normsOf(call.options).map((batchNorm) => planRun(call.options, { hidden, batchNorm }))
  );
}

function planRun(
  options: Options,
  network: { hidden: readonly number[]; batchNorm: boolean },
): TrainingRun {
  return {
    name: runName(network),
    training: trainingOptions({ ...options, ...network }, [{
      identity: BASELINE_IDENTITY,
      lambda: options.lambda,
    }]),
    keepBest: options.keep === "best",
    quick: options.quick,
  };
}

export interface FinishedRun {
  /** Its name, which is also that of its folder. */
  readonly name: string;
  readonly config: RunConfig;
  readonly summary: RunSummary;
}

interface FinishedRuns {
  readonly options: Options;
  readonly dataset: Pick<DataSet, "name" | "classes" | "training">;
  readonly runs: readonly FinishedRun[];
}

/** Prints the table at the end, or with `--json` an event for each row. */
export function reportRuns(context: TaskContext, ended: FinishedRuns): void {
  const { options, dataset, runs } = ended;
  const comparable = runs.some(({ config }) => isComparable(config));
  const heading = ["run", "validation accuracy", "test accuracy"];
  const table = [[...heading, ...comparable ? ["report's test accuracy"] : [], ""]];
  for (const { name, config, summary } of runs) {
    const { validation, test } = summary;
    const published = name === PUBLISHED_RUN && isComparable(config)
      ? PUBLISHED_BASELINE_ACCURACY
      : null;
    const outcome = describeOutcome(summary, dataset.classes);
    if (options.json) {
      writeEvent(context, "result", {
        run: name,
        ...RUN_SUMMARY_JSON.fields(summary),
        outcome,
        published_test_accuracy: published,
        out: join(options.out, name),
      });
    }
    const accuracies = [percent(validation.accuracy), percent(test.accuracy)];
    const other = published === null ? "none" : `about ${percent(published)}`;
    const remark = [outcome, describeBest(summary)].filter((text) => text !== "").join("; ");
    table.push([name, ...accuracies, ...comparable ? [other] : [], remark]);
  }
  if (options.json) return;
  context.stdout(tableHeading(dataset, options));
  printTable(context, table);
  context.stdout(`Files: ${options.out}`);
}

/** As in "best 91.3 % at step 220", of the validation images, where the best row was kept; otherwise "". */
function describeBest({ bestStep, bestValidation }: RunSummary): string {
  if (bestStep === undefined || bestStep === null || !bestValidation) return "";
  return `best ${percent(bestValidation.accuracy)} at step ${bestStep}`;
}

if (import.meta.main) await runTask(main);
