/** The task `predict`: a data set is classified by a network that was trained before. */
import { setTimeout as turn } from "node:timers/promises";
import type { DataSet } from "../src/data/dataset.ts";
import { ArgumentError } from "../src/errors.ts";
import type { AdapterSummary, Gpu } from "../src/gpu/device.ts";
import { classRows } from "../src/model/answers.ts";
import { logits } from "../src/model/reference/trained.ts";
import type { TrainedNetwork } from "../src/model/trained_network.ts";
import { CONFUSION_CSV } from "../src/records/confusion.ts";
import {
  CLASSES_CSV,
  PREDICTION_SUMMARY_JSON,
  PREDICTIONS_CSV,
  type PredictionSummary,
} from "../src/records/predictions.ts";
import { Classifier } from "../src/train/classifier.ts";
import { announceAdapter } from "./_kit/adapter.ts";
import type { TaskContext } from "./_kit/context.ts";
import { announceData, loadDataSet, loadWhole, QUICK_COUNTS } from "./_kit/data.ts";
import { warn, writeEvent } from "./_kit/events.ts";
import { Figures } from "./_kit/figures.ts";
import { withOptions } from "./_kit/help.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import { choice, COMMON_OPTIONS, flag, type Task, text, type Values } from "./_kit/options.ts";
import { kindOf } from "./_kit/own_data.ts";
import { openResults, type Results, runConfig, summaryEnd } from "./_kit/results.ts";
import { withRetries } from "./_kit/retry_lost.ts";
import { count, percent, printTable, short } from "./_kit/table.ts";
import {
  checkFit,
  type ComputeLogits,
  type Predictions,
  predictSplits,
  readModel,
  splitsOf,
} from "./_run/predictions.ts";

const { help, out, data, label, quick, force, json, requireGpu, variant } = COMMON_OPTIONS;

const OPTIONS = {
  model: text({
    placeholder: "FILE",
    expects: "the model.safetensors of a trained network",
    default: undefined,
    help: "model.safetensors of a trained network, which baseline and lambda-search write",
  }),
  split: choice(["test", "validation", "training", "all"], {
    default: "test",
    help: "which records of the data set; all of a CSV file are taken in its order",
  }),
  cpu: flag({ help: "compute in float64 on the CPU, without a GPU" }),
  ...{ help, out, data, label, quick, force, json, requireGpu },
  variant: { ...variant, help: "kernel variant to use, per-operation or tiled" },
};

type Options = Values<typeof OPTIONS>;

export const TASK: Task<Options> = {
  name: "predict",
  summary:
    "Classifies the records of a data set with a trained network, and says how well. Writes " +
    "predictions.csv with a row for each record, classes.csv with the precision and recall of each " +
    "class, confusion.csv, confusion.svg, config.json and summary.json.",
  options: OPTIONS,
  defaultTexts: { variant: "the one for the adapter" },
  check({ model, cpu, requireGpu, variant }) {
    if (model === undefined) throw new ArgumentError(`--model expects ${OPTIONS.model.expects}`);
    if (cpu && (requireGpu || variant !== undefined)) {
      throw new ArgumentError("--cpu expects neither --require-gpu nor --variant: it uses no GPU");
    }
  },
  examples: [
    {
      command: "deno task predict --model out/baseline/3-layer/model.safetensors",
      purpose: "the test images, by a network of deno task baseline",
    },
    {
      command: "deno task predict --model model.safetensors --split all --cpu",
      purpose: "all images, on a machine without a GPU",
    },
  ],
};

/** The files of the task. */
const FILES = ["predictions.csv", "classes.csv", "confusion.csv", "confusion.svg", "summary.json"];

/** More classes make a matrix that is too wide to print. */
const MAX_PRINTED = 20;

/** The CPU in place of an adapter. */
const CPU: AdapterSummary = { description: "CPU, in float64", vendor: "none", software: true };

/** Records that are computed on the CPU between two looks at the signal. */
const CPU_CHUNK = 1000;

export async function main(args: readonly string[], context: TaskContext): Promise<number> {
  return await withOptions(TASK, args, context, async ({ options }) => {
    if (options.cpu) return await predict(options, context);
    return await withRetries({ context, json: options.json }, async (gpu) => {
      announceAdapter(context, gpu.adapter, options);
      return await predict(options, context, gpu);
    });
  });
}

async function predict(options: Options, context: TaskContext, gpu?: Gpu): Promise<number> {
  const path = options.model!;
  const model = await readModel(path);
  const { data, label, quick } = options;
  const { network } = model;
  const counts = quick ? QUICK_COUNTS : {};
  const { classNames: names } = network;
  // A file of which nothing is kept back is read as it is: its rows are found again by their numbers.
  const whole = options.split === "all" && data !== undefined && await kindOf(data) === "csv";
  const loaded =
    await (whole
      ? loadWhole(data, { counts, label, classNames: names })
      : loadDataSet(data, { counts, label }));
  announceData(context, loaded, options);
  const { dataset } = loaded;
  checkFit(network, dataset, path);
  const splits = whole ? ["training" as const] : splitsOf(dataset, options.split);
  warnOfNames(network, dataset, { context, options });
  const computer = await computerOf(network, { gpu, variant: options.variant, context });
  try {
    const { model: _, ...settings } = options;
    const config = runConfig({ ...settings, modelSha256: model.sha256 }, {
      ...{ task: TASK.name, dataset, adapter: gpu?.adapter ?? CPU, variant: computer.variant },
    });
    const { force } = options;
    const results = await openResults(options.out, config, {
      ...{ files: FILES, figures: ["confusion.svg"], force },
    });
    await results.start();
    const { classNames } = dataset;
    const named = { logits: computer.logits, classNames, called: whole ? "all" : undefined };
    const found = await predictSplits(dataset, splits, named);
    const summary: PredictionSummary = {
      ...{ data: dataset.name, split: options.split, records: found.rows.length },
      ...{ loss: found.loss, accuracy: found.accuracy },
      ...summaryEnd({ adapter: gpu?.adapter ?? CPU }, options.quick),
    };
    await save(results, {
      found,
      summary,
      context,
      report: () => print(context, options, { found, summary }),
    });
    return EXIT.done;
  } finally {
    computer.destroy();
  }
}

/** Warns where the classes of model and data have other names: their numbers decide. */
function warnOfNames(
  { classNames }: TrainedNetwork,
  dataset: DataSet,
  { context, options }: { context: TaskContext; options: Pick<Options, "json"> },
): void {
  const other = classNames.findIndex((name, i) => name !== dataset.classNames[i]);
  // A file without names has numbers.
  if (other < 0 || classNames.every((name, i) => name === String(i))) return;
  warn(
    context,
    `class ${other} is called ${JSON.stringify(classNames[other])} in the model and ` +
      `${JSON.stringify(dataset.classNames[other])} in the data; the data's names are used`,
    options,
  );
}

/** What computes logits. */
interface Computer {
  readonly logits: ComputeLogits;
  readonly variant: string;
  destroy(): void;
}

async function computerOf(
  network: TrainedNetwork,
  { gpu, variant, context: { signal } }: { gpu?: Gpu; variant?: string; context: TaskContext },
): Promise<Computer> {
  if (gpu === undefined) {
    return { logits: (x) => onCpu(network, x, signal), variant: "reference", destroy() {} };
  }
  const classifier = await Classifier.create(gpu, network, { variant });
  return {
    logits: (x) => classifier.logits(x, { signal }),
    variant: classifier.variant,
    destroy: () => classifier.destroy(),
  };
}

async function onCpu(
  network: TrainedNetwork,
  x: Parameters<ComputeLogits>[0],
  signal: AbortSignal,
): Promise<Float64Array> {
  const { inputs, classes } = network.architecture;
  const result = new Float64Array(x.length / inputs * classes);
  for (let first = 0; first * inputs < x.length; first += CPU_CHUNK) {
    signal.throwIfAborted();
    const own = x.subarray(first * inputs, (first + CPU_CHUNK) * inputs);
    result.set(logits(network, own), first * classes);
    await turn(0); // Signals are handled between turns of the event loop.
  }
  return result;
}

/** Writes all files, the figure last, and reports before the figure is waited for. */
async function save(
  results: Results,
  made: {
    found: Predictions;
    summary: PredictionSummary;
    context: TaskContext;
    report(): void;
  },
): Promise<void> {
  const { found: { rows, confusion }, summary, context, report } = made;
  const figures = new Figures(context.workers);
  try {
    const saved = await figures.saving(async () => {
      await results.write("predictions.csv", PREDICTIONS_CSV.encode(rows));
      await results.write("classes.csv", CLASSES_CSV.encode(classRows(confusion)));
      await results.write("confusion.csv", CONFUSION_CSV.encode(confusion));
      await results.write("summary.json", PREDICTION_SUMMARY_JSON.encode(summary));
      await results.finish();
    });
    const drawn = { confusion, config: results.config };
    if (saved) {
      figures.add(results, "confusion.svg", (workers) => workers.draw("drawPredictions", drawn));
    }
    report();
    await figures.drawn(context.signal);
  } finally {
    await figures.settled();
  }
}

/** Prints the results, or with `--json` an event for each class and one for all. */
function print(
  context: TaskContext,
  { json, out }: Options,
  { found, summary }: { found: Predictions; summary: PredictionSummary },
): void {
  const { confusion } = found;
  const rows = classRows(confusion);
  if (json) {
    for (const row of rows) writeEvent(context, "class", CLASSES_CSV.cells(row));
    writeEvent(context, "result", {
      ...PREDICTION_SUMMARY_JSON.fields(summary),
      ...{ confusion: confusion.counts, out },
    });
    return;
  }
  const { data, split, records, loss, accuracy, quick } = summary;
  context.stdout(`${data}, ${split}: ${count(records, "record")}${quick ? " (quick)" : ""}`);
  context.stdout(`Accuracy ${percent(accuracy)}, loss ${short(loss)}`);
  printTable(context, [
    ["class", "records", "precision", "recall", "F1"],
    ...rows.map(({ className, records, precision, recall, f1 }) => [
      ...[className, String(records), percent(precision), percent(recall), percent(f1)],
    ]),
  ]);
  if (rows.length <= MAX_PRINTED) {
    context.stdout("Confusion matrix: a row for each true class, a column for each predicted one");
    printTable(context, [
      ["", ...confusion.classNames],
      ...confusion.counts.map((row, i) => [confusion.classNames[i], ...row.map(String)]),
    ]);
  }
  context.stdout(`Files: ${out}`);
}

if (import.meta.main) await runTask(main);
