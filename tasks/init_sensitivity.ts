/**
 * The task `init-sensitivity`: one network from several initial weights, without and with batch norm.
 *
 * @module
 */
import { join } from "@std/path";
import type { DataSet, SubsetCounts } from "../src/dataset.ts";
import { DeviceDataSet } from "../src/device_data.ts";
import { DataError } from "../src/errors.ts";
import { Gpu } from "../src/gpu.ts";
import { checkVariant } from "../src/kernels.ts";
import type { Evaluation, MetricRow } from "../src/metrics.ts";
import {
  curveRows,
  describeRuns,
  outcomeOf,
  sensitivityNetworks,
  type SensitivityRun,
  sigmaName,
} from "../src/sensitivity.ts";
import { type CurveRow, curvesToCsv } from "../src/sensitivity_records.ts";
import { Training } from "../src/train.ts";
import { announceAdapter } from "./_adapter.ts";
import { checkCapacity } from "./_capacity.ts";
import { alignColumns } from "./_columns.ts";
import type { TaskContext } from "./_context.ts";
import { loadDataSet } from "./_data.ts";
import { drawStudy } from "./_draw.ts";
import { writeEvent } from "./_events.ts";
import { helpText } from "./_help.ts";
import { initialisations, integer } from "./_kinds.ts";
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
import type { TrainingContext } from "./_training_run.ts";

const { init: _init, ...TRAINING_WITHOUT_INIT } = TRAINING_OPTIONS;

const OPTIONS = {
  ...COMMON_OPTIONS,
  ...TRAINING_WITHOUT_INIT,
  inits: initialisations({
    default: [1e-1, 1e-3, 1e-4],
    help: "initial weights to compare; a number is a fixed deviation σ",
  }),
  every: integer({ min: 1, default: 100, help: "steps from one point of a curve to the next" }),
};

/** The values of the task's options. */
type Options = Values<typeof OPTIONS>;

/** The task as its users see it. */
export const TASK: Task<typeof OPTIONS> = {
  name: "init-sensitivity",
  summary: "Trains one network from several initial weights, without and with batch " +
    "normalisation, and says what became of each: it diverged (a loss or a parameter was NaN or " +
    "infinite), stalled (the training loss ended within 1 % of that of guessing, ln of the number " +
    "of classes) or trained. Writes curves.csv, sensitivity.svg, config.json and, when it is " +
    "finished, summary.json into --out. All that differ in their initial weights alone train " +
    "together and see the same batches. Results that are finished are kept when the same command " +
    "is given again.",
  options: OPTIONS,
  defaults: { batchNorm: "both", halfCycle: 900 },
  quick: { halfCycle: 50, cycles: 1, every: 20 },
  check: checkTraining,
  examples: [
    { command: "deno task init-sensitivity", purpose: "the six runs of the report" },
    { command: "deno task init-sensitivity --quick", purpose: "the whole path in seconds" },
    {
      command: "deno task init-sensitivity --inits 1e-2,he,xavier --out out/inits",
      purpose: "other initial weights, He's and Xavier's among them",
    },
  ],
};

/** How many images `--quick` uses. */
const QUICK_COUNTS: Required<SubsetCounts> = { training: 2000, validation: 500, test: 500 };

/** The files of the study, `config.json` aside. */
const FILES = {
  files: ["curves.csv", "sensitivity.svg", "summary.json"],
  finished: "summary.json",
} as const;

/** Least time between two writes of `curves.csv` while training goes on, in milliseconds. */
const SAVE_INTERVAL = 5000;

/** `summary.json`: how every run ended. A number that is null there was NaN or infinite, and reads as NaN. */
export interface SensitivitySummary {
  /** Name of the data set. */
  readonly data: string;
  /** Number of classes. */
  readonly classes: number;
  /** The runs: without batch norm, then with it. */
  readonly runs: readonly SensitivityRun[];
  /** Name of the adapter. */
  readonly adapter: string;
  /** Whether the adapter is a software driver. */
  readonly software: boolean;
  /** Present and true where the study was a quick try. */
  readonly quick?: true;
}

/**
 * Runs the task.
 *
 * @param args The arguments as typed.
 * @param context Where to write, and how to hear of being told to stop.
 * @returns The exit status.
 */
export async function main(args: readonly string[], context: TaskContext): Promise<number> {
  const { options } = parseOptions(TASK, args);
  if (options.help) {
    context.stdout(helpText(TASK));
    return EXIT.done;
  }
  const variant = checkVariant(options.variant);
  const gpu = await Gpu.request();
  let data: DeviceDataSet | undefined;
  try {
    announceAdapter(context, gpu.adapter, options);
    const { json, quick, force, out } = options;
    const counts = quick ? QUICK_COUNTS : undefined;
    const dataset = await loadDataSet(options.data, context, { json, counts });
    data = new DeviceDataSet(gpu, dataset);

    const { adapter } = gpu;
    const config = runConfig(options, { task: TASK.name, dataset, adapter, variant });
    const results = await openResults(out, config, { ...FILES, force });
    let summary: SensitivitySummary;
    if (results.state === "finished") {
      summary = await readSensitivity(results.directory);
      results.sayFinished(context, options);
    } else {
      const { hidden, batch, inits: { length: networks } } = options;
      for (const batchNorm of normsOf(options)) {
        await checkCapacity(gpu, data, { hidden, batchNorm, batch, networks });
      }
      context.signal.throwIfAborted();
      const progress = new Progress(context, { json });
      summary = await studyInto(results, options, { gpu, data, progress, signal: context.signal });
    }
    reportStudy(context, { options, dataset, summary });
    return EXIT.done;
  } finally {
    data?.destroy();
    gpu.destroy();
  }
}

/** Off before on, as in files and figure. */
function normsOf({ batchNorm }: Options): boolean[] {
  return batchNorm === "both" ? [false, true] : [batchNorm === "on"];
}

/**
 * Trains all networks and writes the files. `summary.json` comes last, so that a study that is cut off does not look
 * finished; `curves.csv` is there to look at while the training goes on.
 */
async function studyInto(
  results: Results,
  options: Options,
  context: TrainingContext,
): Promise<SensitivitySummary> {
  const { gpu, data, signal } = context;
  const { inits: initialisations, quick } = options;
  await results.start();
  const curves: CurveRow[] = [];
  const runs: SensitivityRun[] = [];
  let saved = performance.now();
  for (const batchNorm of normsOf(options)) {
    signal.throwIfAborted();
    const networks = { initialisations, batchNorm };
    const population = await trainPopulation(options, {
      ...context,
      batchNorm,
      onRows: async (rows) => {
        if (performance.now() - saved < SAVE_INTERVAL) return;
        await results.write("curves.csv", curvesToCsv([...curves, ...curveRows(rows, networks)]));
        saved = performance.now();
      },
    });
    curves.push(...curveRows(population.rows, networks));
    runs.push(...population.runs);
  }
  const summary: SensitivitySummary = {
    data: data.source.name,
    classes: data.source.classes,
    runs,
    adapter: gpu.adapter.description,
    software: gpu.adapter.software,
    ...quick && { quick },
  };
  await results.write("curves.csv", curvesToCsv(curves));
  await results.write(
    "sensitivity.svg",
    await drawStudy(curves, { config: results.config, ...summary }),
  );
  await results.write("summary.json", JSON.stringify(summary, null, 2) + "\n");
  return summary;
}

/** Where a population is trained, and who is to see its curves grow. */
interface PopulationContext extends TrainingContext {
  readonly batchNorm: boolean;
  /** Is given all rows so far after each evaluation, [evaluations][networks]. */
  onRows(rows: readonly (readonly MetricRow[])[]): Promise<void>;
}

/** Trains the networks of all initial weights together. */
async function trainPopulation(
  options: Options,
  context: PopulationContext,
): Promise<{ rows: MetricRow[][]; runs: SensitivityRun[] }> {
  const { hidden, inits, lambda, etaMin, etaMax, halfCycle, cycles, seed, batch, every } = options;
  const { gpu, data, progress, signal, batchNorm, onRows } = context;
  const training = await Training.create(gpu, data, {
    hidden,
    batchNorm,
    networks: sensitivityNetworks(inits, { lambda, etaMin, etaMax }),
    halfCycle,
    cycles,
    seed,
    batch,
    evaluateEvery: every,
  });
  try {
    const sigmas = inits.map(sigmaName);
    progress.start(batchNorm ? "with-batch-norm" : "without-batch-norm", training.steps, {
      hidden,
      batch_norm: batchNorm,
      sigmas,
    });
    const rows: MetricRow[][] = [];
    for await (const row of training.run({ signal, onStep: (done) => progress.step(done) })) {
      rows.push(row);
      const best = bestOf(row);
      progress.evaluation(row[best], {
        sigma: sigmas[best],
        networks: row.map(({ train, val }, i) => ({
          sigma: sigmas[i],
          train_loss: train.loss,
          val_accuracy: val.accuracy,
        })),
      }, "best ");
      await onRows(rows);
    }
    const tests = await training.evaluate("test", { signal });
    const divergences = await training.diverged();
    const { classes } = data.source;
    const runs = rows[rows.length - 1].map(({ step, train, val }, i): SensitivityRun => ({
      sigma: sigmas[i],
      batch_norm: batchNorm,
      train,
      val,
      test: tests[i],
      steps: step,
      diverged_at: divergences[i],
      outcome: outcomeOf({ diverged_at: divergences[i], train_loss: train.loss, classes }),
    }));
    progress.done({ outcomes: runs.map(({ sigma, outcome }) => ({ sigma, outcome })) });
    return { rows, runs };
  } finally {
    training.destroy();
  }
}

/** Which network finds most validation images; those that diverged only where all have. */
function bestOf(rows: readonly MetricRow[]): number {
  const scores = rows.map(({ train, val }) => Number.isFinite(train.loss) ? val.accuracy : -1);
  return scores.indexOf(Math.max(...scores));
}

/**
 * Reads how a finished study ended.
 *
 * @param directory The directory that the study was written into.
 * @returns What its `summary.json` says.
 * @throws {DataError} When the file is not what this program writes.
 */
export async function readSensitivity(directory: string): Promise<SensitivitySummary> {
  const path = join(directory, FILES.finished);
  const text = await Deno.readTextFile(path);
  try {
    const summary = JSON.parse(text) as SensitivitySummary;
    return { ...summary, runs: summary.runs.map(reviveRun) };
  } catch {
    throw new DataError(
      `Cannot read ${path}: expected the results of a study as this program writes them; --force runs again`,
    );
  }
}

/** Puts NaN where JSON had to leave it out. */
function reviveRun(run: SensitivityRun): SensitivityRun {
  const { train, val, test } = run;
  return { ...run, train: revive(train), val: revive(val), test: revive(test) };
}

function revive({ loss, cost, accuracy }: Evaluation): Evaluation {
  return { loss: loss ?? NaN, cost: cost ?? NaN, accuracy: accuracy ?? NaN };
}

/** A study when it is over. */
export interface FinishedStudy {
  /** The values of the task's options. */
  readonly options: Options;
  /** The data set, or what the table says of it. */
  readonly dataset: Pick<DataSet, "name" | "classes" | "training">;
  /** How it ended. */
  readonly summary: SensitivitySummary;
}

/**
 * Writes the table at the end and what was seen, or with `--json` an event for each run.
 *
 * @param context Where to write.
 * @param study The study.
 */
export function reportStudy(context: TaskContext, study: FinishedStudy): void {
  const { options, dataset, summary: { runs, quick } } = study;
  const { out } = options;
  if (options.json) {
    for (const run of runs) writeEvent(context, "result", { ...run, ...quick && { quick }, out });
    return;
  }
  const { name, classes, training } = dataset;
  context.stdout(
    quick
      ? `${name}, quick run on ${training.count} training images: not a result`
      : `${name}, seed ${options.seed}`,
  );
  const heading = ["σ", "batch norm", "training loss", "validation accuracy", "test accuracy", ""];
  const lines = runs.map(({ sigma, batch_norm, train, val, test, outcome }) => [
    sigma,
    batch_norm ? "on" : "off",
    train.loss.toFixed(3),
    percent(val.accuracy),
    percent(test.accuracy),
    outcome,
  ]);
  for (const line of alignColumns([heading, ...lines])) context.stdout(line);
  const comparable = name === "CIFAR-10" && isReports(options);
  context.stdout(describeRuns(runs, { classes, comparable }));
  context.stdout(`Files: ${out}`);
}

/** Whether the settings are those of the report; it matters neither which runs there are nor how often one looks. */
function isReports(options: Options): boolean {
  if (options.quick) return false;
  const names = ["hidden", "lambda", "batch", "etaMin", "etaMax", "halfCycle", "cycles"] as const;
  // As text, since widths are an array.
  return names.every((name) =>
    String(options[name]) === String(defaultOf(TASK, { name, quick: false }))
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

if (import.meta.main) await runTask(main);
