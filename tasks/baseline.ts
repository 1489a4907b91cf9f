/**
 * The task `baseline`: 3 and 9 layers, without and with batch norm, trained one after another.
 *
 * @module
 */
import { join } from "@std/path";
import type { DataSet } from "../src/data/dataset.ts";
import { DeviceDataSet } from "../src/gpu/device_data.ts";
import { Gpu } from "../src/gpu/device.ts";
import { checkVariant } from "../src/programs/variants.ts";
import {
  PUBLISHED_BASELINE_ACCURACY,
  PUBLISHED_HIDDEN,
  PUBLISHED_RUN,
} from "../src/model/published.ts";
import { isComparable } from "../src/report/settings.ts";
import { announceAdapter } from "./_kit/adapter.ts";
import { checkCapacity } from "./_kit/capacity.ts";
import { alignColumns } from "./_kit/columns.ts";
import type { TaskContext } from "./_kit/context.ts";
import { loadDataSet } from "./_kit/data.ts";
import { writeEvent } from "./_kit/events.ts";
import { Figures } from "./_kit/figures.ts";
import { helpText } from "./_kit/help.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import {
  checkTraining,
  COMMON_OPTIONS,
  parseOptions,
  type Task,
  TRAINING_OPTIONS,
  type Values,
} from "./_kit/options.ts";
import { PROFILE_OPTION, profileAll } from "./_run/profile.ts";
import { Progress } from "./_kit/progress.ts";
import { QUICK_COUNTS } from "./_kit/quick.ts";
import type { RunConfig } from "../src/records/config.ts";
import { RUN_SUMMARY_JSON, type RunSummary } from "../src/records/summary.ts";
import { openResults, readSummary, type Results, runConfig } from "./_kit/results.ts";
import { percent, tableHeading } from "./_kit/text.ts";
import {
  describeOutcome,
  redrawRun,
  RUN_FILES,
  type TrainingRun,
  trainInto,
} from "./_run/training_run.ts";
import { VariantChooser } from "./_run/variant.ts";

const OPTIONS = { ...COMMON_OPTIONS, ...PROFILE_OPTION, ...TRAINING_OPTIONS };

/** The values of the task's options. */
type Options = Values<typeof OPTIONS>;

/** The task as its users see it. */
export const TASK: Task<typeof OPTIONS> = {
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

/** The networks' identity: with it initial weights come from the seed alone, whichever runs there are. */
const IDENTITY = "baseline";

/** A run, and the directory that it goes to. */
interface OpenRun {
  readonly run: TrainingRun;
  readonly results: Results;
  /** The kernel variant that it trains with. */
  readonly variant: string;
  /** How it ended, where it is there already. */
  readonly finished?: RunSummary;
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
  checkVariant(options.variant);
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
    const chooser = new VariantChooser(context, { gpu, data }, options);
    const steps = 2 * options.halfCycle * options.cycles;
    const runs: OpenRun[] = [];
    for (const run of planRuns(options, hiddens)) {
      const { hidden, batchNorm } = run.training;
      const plan = { hidden, batchNorm, batch: options.batch, networks: 1 };
      const directory = join(options.out, run.name);
      const variant = await chooser.choose({ plan, steps, directory });
      const open = await openRun(run, { options, dataset, gpu, variant });
      runs.push(open);
      if (open.finished === undefined) await checkCapacity(gpu, data, { ...plan, variant });
    }

    const progress = new Progress(context, { json, quick });
    const { signal } = context;
    const ended: FinishedRun[] = [];
    const figures = new Figures();
    for (const { run, results, variant, finished } of runs) {
      signal.throwIfAborted();
      if (finished !== undefined) {
        results.sayFinished(context, options);
        redrawRun(results, figures);
      }
      const summary = finished ??
        await trainInto(results, run, { gpu, data, progress, variant, signal, figures });
      ended.push({ name: run.name, config: results.config, summary });
    }
    reportRuns(context, { options, dataset, runs: ended });
    if (options.profile) {
      const populations = runs.map(({ run: { name, training }, results, variant }) => {
        const { hidden, batchNorm } = training;
        const plan = { hidden, batchNorm, batch: options.batch, networks: 1, variant };
        return { plan, name, path: join(results.directory, "profile.csv") };
      });
      await profileAll(context, { gpu, data }, { populations, json, quick });
    }
    await figures.draw(signal);
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
  const finished = results.state === "finished"
    ? await readSummary(results.directory, RUN_SUMMARY_JSON)
    : undefined;
  return { run, results, variant, finished };
}

/** A run when it is over. */
export interface FinishedRun {
  /** Its name, which is that of its folder too. */
  readonly name: string;
  /** What its `config.json` says. */
  readonly config: RunConfig;
  /** How it ended. */
  readonly summary: RunSummary;
}

/** The runs of a call when they are over. */
export interface FinishedRuns {
  /** The values of the task's options. */
  readonly options: Options;
  /** The data set, or what the table says of it. */
  readonly dataset: Pick<DataSet, "name" | "classes" | "training">;
  /** The runs, in order. */
  readonly runs: readonly FinishedRun[];
}

/**
 * Writes the table at the end, or with `--json` an event for each of its rows.
 *
 * @param context Where to write.
 * @param ended The runs.
 */
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
    table.push([name, ...accuracies, ...comparable ? [other] : [], outcome]);
  }
  if (options.json) return;
  context.stdout(tableHeading(dataset, options));
  for (const line of alignColumns(table)) context.stdout(line);
  context.stdout(`Files: ${options.out}`);
}

if (import.meta.main) await runTask(main);
