/** The task `init-sensitivity`: one network with several initial weights, without and with batch norm. */
import { join } from "@std/path";
import type { DataSet } from "../src/data/dataset.ts";
import { ArgumentError } from "../src/errors.ts";
import { PUBLISHED_SMALL_SIGMAS } from "../src/model/published.ts";
import type { RunConfig } from "../src/records/config.ts";
import { STUDY_SUMMARY_JSON, type StudySummary } from "../src/records/summary.ts";
import { describeRuns } from "../src/report/describe_runs.ts";
import { isComparable, PUBLISHED_SETTINGS } from "../src/report/settings.ts";
import { checkCapacity } from "./_kit/capacity.ts";
import type { TaskContext } from "./_kit/context.ts";
import { DivergedError } from "./_kit/diverged.ts";
import { writeEvent } from "./_kit/events.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import {
  checkTraining,
  COMMON_OPTIONS,
  initialisations,
  integer,
  normsOf,
  PROFILE_OPTION,
  RESUME_OPTIONS,
  type Task,
  TRAINING_OPTIONS,
  type Values,
} from "./_kit/options.ts";
import { Progress } from "./_kit/progress.ts";
import { openResults, readSummary, type Results, runConfig } from "./_kit/results.ts";
import { percent, printTable, tableHeading } from "./_kit/table.ts";
import { type DataCall, type Rest, restOf, type RunContext, runPlanned } from "./_kit/with_data.ts";
import { readCheckpoint } from "./_run/checkpoint.ts";
import { profileAll } from "./_run/profile.ts";
import { populationName, redrawStudy, STUDY_FILES, studyInto } from "./_run/sensitivity_run.ts";
import { type VariantChoice, VariantChooser } from "./_run/variant.ts";

const { init: _init, ...TRAINING_WITHOUT_INIT } = TRAINING_OPTIONS;

const OPTIONS = {
  ...COMMON_OPTIONS,
  ...PROFILE_OPTION,
  ...RESUME_OPTIONS,
  ...TRAINING_WITHOUT_INIT,
  inits: initialisations({
    default: [1e-1, ...PUBLISHED_SMALL_SIGMAS],
    help: "initial weights to compare; a number is a fixed deviation σ",
  }),
  every: integer({ min: 1, default: 100, help: "steps between two points of a curve" }),
};

type Options = Values<typeof OPTIONS>;

/** Far more than any adapter trains together. */
const MAX_INITS = 1000;

/** The most points of all curves: far more than a figure shows, and no more than are read again. */
const MAX_POINTS = 350_000;

export const TASK: Task<Options> = {
  name: "init-sensitivity",
  summary: "Trains one network with several initial weights, without and with batch " +
    "normalisation, and reports the outcome of each: it diverged (a loss, a parameter or a moving " +
    "average was NaN or infinite), stalled (the training loss ended within 1 % of that of guessing, " +
    "ln of the number of classes), ended worse than guessing or trained. Writes curves.csv, sensitivity.svg, config.json and, when finished, " +
    "summary.json into --out. Networks that differ only in their initial weights train together, " +
    "on the same batches. Finished results are kept when the same command is run again. If all " +
    "networks diverged, the task ends with status 1.",
  options: OPTIONS,
  defaults: { batchNorm: "both", halfCycle: PUBLISHED_SETTINGS["init-sensitivity"].halfCycle },
  quick: { halfCycle: 50, cycles: 1, every: 20 },
  check: checkStudy,
  examples: [
    { command: "deno task init-sensitivity", purpose: "the six runs of the report" },
    { command: "deno task init-sensitivity --quick", purpose: "the whole path in seconds" },
    {
      command: "deno task init-sensitivity --inits 1e-2,he,xavier --out out/inits",
      purpose: "other initial weights, including He's and Xavier's",
    },
  ],
};

function checkStudy(options: Options): void {
  checkTraining(options);
  const { inits, halfCycle, cycles, every } = options;
  if (inits.length > MAX_INITS) {
    throw new ArgumentError(`--inits expects at most ${MAX_INITS}, not ${inits.length}`);
  }
  const curves = inits.length * normsOf(options).length;
  const steps = 2 * halfCycle * cycles;
  const points = curves * (Math.ceil(steps / every) + 1);
  if (points <= MAX_POINTS) return;
  throw new ArgumentError(
    `--every ${every} results in ${points} points of ${curves} curves of ${steps} steps, ` +
      `expected at most ${MAX_POINTS}`,
  );
}

interface StudyPlan extends DataCall<Options> {
  readonly chooser: VariantChooser;
  readonly choice: VariantChoice;
  readonly results: Results;
  /** How it ended, where it is finished already. */
  readonly finished?: StudySummary;
}

export async function plan(call: DataCall<Options>): Promise<StudyPlan> {
  const { options, gpu, data } = call;
  const { hidden, batch, inits: { length: networks }, halfCycle, cycles, out, force } = options;
  const norms = normsOf(options);
  const chooser = new VariantChooser(call, options);
  // The same for both, so that they can be compared: that of the larger step.
  const plan = { hidden, batchNorm: norms.includes(true), batch, networks };
  const choice = { plan, steps: 2 * halfCycle * cycles, directory: out };
  const variant = await chooser.expect(choice);
  const circumstances = { task: TASK.name, dataset: data.source, adapter: gpu.adapter, variant };
  const config = runConfig(options, circumstances);
  const results = await openResults(out, config, { ...STUDY_FILES, force });
  const planned = { ...call, chooser, choice, results };
  if (results.state === "finished") {
    return { ...planned, finished: await readSummary(out, STUDY_SUMMARY_JSON) };
  }
  await readCheckpoint(results); // If it is refused, before anything is measured.
  for (const batchNorm of norms) {
    await checkCapacity(gpu, data, { ...plan, batchNorm, variant });
  }
  return planned;
}

/** Does what was planned; `testing` is a clock in milliseconds. */
export async function run(
  planned: StudyPlan,
  { context, figures }: RunContext,
  testing: { now?: () => number } = {},
): Promise<Rest> {
  const { options, gpu, data, chooser, choice, results, finished } = planned;
  const { json, quick, out } = options;
  const { signal } = context;
  const variant = await chooser.choose(choice, context);
  results.setVariant(variant);
  if (finished === undefined) signal.throwIfAborted();
  else {
    results.sayFinished(context, options);
    await results.removeLeftovers();
    redrawStudy(results, finished, figures);
  }
  const progress = new Progress(context, { json, quick });
  const checkpoints = { ...options, ...testing, context };
  const training = { gpu, data, progress, variant, signal, figures, checkpoints };
  const summary = finished ?? await studyInto(results, options, { ...training, ...testing });
  reportStudy(context, { options, config: results.config, dataset: data.source, summary });
  if (options.profile && !figures.unsaved) {
    const populations = normsOf(options).map((batchNorm) => {
      const name = populationName(batchNorm);
      const path = join(out, `profile-${name}.csv`);
      return { plan: { ...choice.plan, batchNorm, variant }, name, path };
    });
    await profileAll(context, planned, { populations, json, quick });
  }
  return restOf(figures.drawn(signal), () => {
    // Some may well diverge, which is what the study is about.
    if (summary.runs.some(({ divergedAt }) => divergedAt === null)) return EXIT.done;
    throw new DivergedError(
      "All networks of the study diverged: expected a smaller --eta-max or other initial weights",
    );
  });
}

/** Runs the task, and returns the exit status; `testing` is handed to {@linkcode run}. */
export async function main(
  args: readonly string[],
  context: TaskContext,
  testing: { now?: () => number } = {},
): Promise<number> {
  const task = {
    TASK,
    plan,
    run: (planned: StudyPlan, on: RunContext) => run(planned, on, testing),
  };
  return await runPlanned(task, args, context);
}

interface FinishedStudy {
  readonly options: Options;
  readonly config: RunConfig;
  readonly dataset: Pick<DataSet, "name" | "classes" | "training">;
  readonly summary: StudySummary;
}

/** Prints the table at the end and a summary, or with `--json` an event for each run. */
export function reportStudy(context: TaskContext, study: FinishedStudy): void {
  const { options, config, dataset, summary: { runs, quick } } = study;
  const { out } = options;
  if (options.json) {
    for (const run of STUDY_SUMMARY_JSON.fields(study.summary).runs as object[]) {
      writeEvent(context, "result", { ...run, ...quick && { quick }, out });
    }
    return;
  }
  const { classes } = dataset;
  context.stdout(tableHeading(dataset, options));
  const heading = ["σ", "batch norm", "training loss", "validation accuracy", "test accuracy", ""];
  const lines = runs.map(({ sigma, batchNorm, training, validation, test, outcome }) => [
    sigma,
    batchNorm ? "on" : "off",
    training.loss.toFixed(3),
    percent(validation.accuracy),
    percent(test.accuracy),
    outcome,
  ]);
  printTable(context, [heading, ...lines]);
  context.stdout(describeRuns(runs, { classes, comparable: isComparable(config) }));
  context.stdout(`Files: ${out}`);
}

if (import.meta.main) await runTask(main);
