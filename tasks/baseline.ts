/**
 * The task `baseline`: 3 and 9 layers, without and with batch norm, trained one after another.
 *
 * @module
 */
import { join } from "@std/path";
import type { DataSet, SubsetCounts } from "../src/dataset.ts";
import { DeviceDataSet } from "../src/device_data.ts";
import { Gpu } from "../src/gpu.ts";
import { checkVariant } from "../src/kernels.ts";
import { PUBLISHED_BASELINE_ACCURACY, PUBLISHED_HIDDEN } from "../src/published.ts";
import { announceAdapter } from "./_adapter.ts";
import { checkCapacity } from "./_capacity.ts";
import { alignColumns } from "./_columns.ts";
import type { TaskContext } from "./_context.ts";
import { loadDataSet } from "./_data.ts";
import { writeEvent } from "./_events.ts";
import { helpText } from "./_help.ts";
import { EXIT, runTask } from "./_main.ts";
import {
  checkTraining,
  COMMON_OPTIONS,
  defaultOf,
  parseOptions,
  type Task,
  TRAINING_OPTIONS,
  type Values,
} from "./_options.ts";
import { Progress } from "./_progress.ts";
import { openResults, type Results, runConfig } from "./_results.ts";
import {
  describeOutcome,
  readSummary,
  RUN_FILES,
  type Summary,
  type TrainingRun,
  trainInto,
} from "./_training_run.ts";

const OPTIONS = { ...COMMON_OPTIONS, ...TRAINING_OPTIONS };

/** The values of the task's options. */
type Options = Values<typeof OPTIONS>;

const TASK: Task<typeof OPTIONS> = {
  name: "baseline",
  summary: "Trains four networks one after another: 3 and 9 layers, without and with batch " +
    "normalisation. Each gets a folder within --out (3-layer, 3-layer-batch-norm, 9-layer, " +
    "9-layer-batch-norm) with metrics.csv, metrics.svg, model.safetensors, config.json and, when " +
    "it is finished, summary.json. A run that is finished is kept when the same command is given " +
    "again. --hidden and --batch-norm restrict the runs.",
  options: OPTIONS,
  defaults: { batchNorm: "both" },
  quick: { halfCycle: 50, cycles: 1 },
  defaultTexts: { hidden: PUBLISHED_HIDDEN.map((hidden) => hidden.join(",")).join(" and ") },
  check: checkTraining,
  examples: [
    { command: "deno task baseline", purpose: "the four runs of the report" },
    { command: "deno task baseline --quick", purpose: "the whole path in seconds" },
    {
      command: "deno task baseline --hidden 50,50 --batch-norm on --seed 2 --out out/seed-2",
      purpose: "one run, other initial weights and batches",
    },
  ],
};

/** How many images `--quick` uses. */
const QUICK_COUNTS: Required<SubsetCounts> = { training: 2000, validation: 500, test: 500 };

/** The networks' identity: with it initial weights come from the seed alone, whichever runs there are. */
const IDENTITY = "baseline";

/** The run that the report gives a test accuracy for. */
const PUBLISHED_RUN = "3-layer-batch-norm";

/** A run, and the directory that it goes to. */
interface OpenRun {
  readonly run: TrainingRun;
  readonly results: Results;
  /** How it ended, where it is there already. */
  readonly finished?: Summary;
}

/**
 * Runs the task.
 *
 * @param args The arguments as typed.
 * @param context Where to write, and how to hear of being told to stop.
 * @returns The exit status.
 */
export async function main(args: readonly string[], context: TaskContext): Promise<number> {
  const { options, given } = parseOptions(TASK, args);
  if (options.help) {
    context.stdout(helpText(TASK));
    return EXIT.done;
  }
  const variant = checkVariant(options.variant);
  const gpu = await Gpu.request();
  let data: DeviceDataSet | undefined;
  try {
    announceAdapter(context, gpu.adapter, options);
    const { json, quick } = options;
    const counts = quick ? QUICK_COUNTS : undefined;
    const dataset = await loadDataSet(options.data, context, { json, counts });
    data = new DeviceDataSet(gpu, dataset);

    // Everything that can be refused is refused before anything is written.
    const hiddens = given.has("hidden") ? [options.hidden] : PUBLISHED_HIDDEN;
    const runs: OpenRun[] = [];
    for (const run of planRuns(options, hiddens)) {
      runs.push(await openRun(run, { options, dataset, gpu, variant }));
    }
    for (const { run: { training }, finished } of runs) {
      if (finished !== undefined) continue;
      const { hidden, batchNorm } = training;
      await checkCapacity(gpu, data, { hidden, batchNorm, batch: options.batch, networks: 1 });
    }

    const progress = new Progress(context, { json });
    const { signal } = context;
    const summaries: Summary[] = [];
    for (const { run, results, finished } of runs) {
      signal.throwIfAborted();
      if (finished !== undefined) results.sayFinished(context, options);
      summaries.push(finished ?? await trainInto(results, run, { gpu, data, progress, signal }));
    }
    const names = runs.map(({ run }) => run.name);
    reportRuns(context, { options, dataset, names, summaries });
    return EXIT.done;
  } finally {
    data?.destroy();
    gpu.destroy();
  }
}

/** The runs in order: each depth, without and with batch norm where both are asked for. */
function planRuns(options: Options, hiddens: readonly (readonly number[])[]): TrainingRun[] {
  const { batchNorm } = options;
  const norms = batchNorm === "both" ? [false, true] : [batchNorm === "on"];
  return hiddens.flatMap((hidden) =>
    norms.map((batchNorm) => planRun(options, { hidden, batchNorm }))
  );
}

function planRun(
  options: Options,
  network: { hidden: readonly number[]; batchNorm: boolean },
): TrainingRun {
  const { lambda, etaMin, etaMax, init, halfCycle, cycles, seed, batch, quick } = options;
  const { hidden, batchNorm } = network;
  const known = PUBLISHED_HIDDEN.some((depth) => depth.join() === hidden.join());
  const name = known ? `${hidden.length + 1}-layer` : `hidden-${hidden.join("-")}`;
  return {
    name: batchNorm ? `${name}-batch-norm` : name,
    training: {
      hidden,
      batchNorm,
      networks: [{ identity: IDENTITY, lambda, etaMin, etaMax, initialisation: init }],
      halfCycle,
      cycles,
      seed,
      batch,
    },
    quick,
  };
}

/** Looks at a run's directory without touching it. */
async function openRun(
  run: TrainingRun,
  circumstances: { options: Options; dataset: DataSet; gpu: Gpu; variant: string },
): Promise<OpenRun> {
  const { options, dataset, gpu: { adapter }, variant } = circumstances;
  const { hidden, batchNorm } = run.training;
  const own = { ...options, hidden, batchNorm: batchNorm ? "on" : "off" };
  const config = runConfig(own, { task: TASK.name, dataset, adapter, variant });
  const { force, out } = options;
  const results = await openResults(join(out, run.name), config, { ...RUN_FILES, force });
  const finished = results.state === "finished" ? await readSummary(results) : undefined;
  return { run, results, finished };
}

/** The runs of a call when they are over. */
export interface FinishedRuns {
  /** The values of the task's options. */
  readonly options: Options;
  /** The data set, or what the table says of it. */
  readonly dataset: Pick<DataSet, "name" | "classes" | "training">;
  /** The names of the runs. */
  readonly names: readonly string[];
  /** How each of them ended. */
  readonly summaries: readonly Summary[];
}

/**
 * Writes the table at the end, or with `--json` an event for each of its rows.
 *
 * @param context Where to write.
 * @param runs The runs.
 */
export function reportRuns(context: TaskContext, runs: FinishedRuns): void {
  const { options, dataset, names, summaries } = runs;
  const comparable = dataset.name === "CIFAR-10" && isReports(options);
  const heading = ["run", "validation accuracy", "test accuracy"];
  const table = [[...heading, ...comparable ? ["report's test accuracy"] : [], ""]];
  for (const [i, name] of names.entries()) {
    const { val, test } = summaries[i];
    const published = comparable && name === PUBLISHED_RUN ? PUBLISHED_BASELINE_ACCURACY : null;
    const outcome = describeOutcome(summaries[i], dataset.classes);
    if (options.json) {
      writeEvent(context, "result", {
        run: name,
        ...summaries[i],
        outcome,
        published_test_accuracy: published,
        out: join(options.out, name),
      });
    }
    const accuracies = [percent(val.accuracy), percent(test.accuracy)];
    const other = published === null ? "none" : `about ${percent(published)}`;
    table.push([name, ...accuracies, ...comparable ? [other] : [], outcome]);
  }
  if (options.json) return;
  const { training } = dataset;
  context.stdout(
    options.quick
      ? `${dataset.name}, quick run on ${training.count} training images: not a result`
      : `${dataset.name}, seed ${options.seed}`,
  );
  for (const line of alignColumns(table)) context.stdout(line);
  context.stdout(`Files: ${options.out}`);
}

/** Whether the settings of training, seed aside, are those of the report. */
function isReports(options: Options): boolean {
  if (options.quick) return false;
  const names = ["lambda", "batch", "etaMin", "etaMax", "halfCycle", "cycles", "init"] as const;
  return names.every((name) => options[name] === defaultOf(TASK, { name, quick: false }));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

if (import.meta.main) await runTask(main);
