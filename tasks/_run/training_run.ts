/**
 * One training and the files that it leaves behind: a baseline run, or the last part of a search.
 *
 * @module
 */
import { join } from "@std/path";
import { networkTensors } from "../../src/model/checkpoint.ts";
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { DataError } from "../../src/errors.ts";
import { maximum } from "../../src/lists.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import type { Evaluation, MetricRow } from "../../src/model/metrics.ts";
import { metricsFromCsv, metricsToCsv } from "../../src/records/metrics.ts";
import { encodeSafetensors } from "../../src/model/safetensors.ts";
import { outcomeOf } from "../../src/train/sensitivity.ts";
import { Training, type TrainingNetwork, type TrainingOptions } from "../../src/train/training.ts";
import { drawRun } from "./draw.ts";
import type { Figures } from "../_kit/figures.ts";
import type { Progress } from "../_kit/progress.ts";
import type { Results } from "../_kit/results.ts";

/** The files of a run: what {@linkcode openResults} is to be given for {@linkcode trainInto}. */
export const RUN_FILES = {
  files: ["metrics.csv", "metrics.svg", "model.safetensors", "summary.json"],
  finished: "summary.json",
  figures: ["metrics.svg"],
  otherFiles: /^profile\.csv$/,
} as const;

/** `summary.json`: how a training ended. A number that is null there was NaN or infinite, and reads as NaN. */
export interface Summary {
  /** Name of the data set. */
  readonly data: string;
  /** On all training images. */
  readonly train: Evaluation;
  /** On all validation images. */
  readonly val: Evaluation;
  /** On all test images. */
  readonly test: Evaluation;
  /** Updates made. */
  readonly steps: number;
  /** Epochs done. */
  readonly epochs: number;
  /** Updates made before a loss or a parameter was NaN or infinite; null where none was. */
  readonly diverged_at: number | null;
  /** Name of the adapter. */
  readonly adapter: string;
  /** Whether the adapter is a software driver. */
  readonly software: boolean;
  /** Present and true where the run was a quick try. */
  readonly quick?: true;
}

/** A training of one network. */
export interface TrainingRun {
  /** What progress lines call it. */
  readonly name: string;
  /** What to train; the task has checked it. */
  readonly training: TrainingOptions & { readonly networks: readonly [TrainingNetwork] };
  /** Whether it is a quick try, which every file says then. */
  readonly quick: boolean;
}

/** Where a training takes place. */
export interface TrainingContext {
  readonly gpu: Gpu;
  readonly data: DeviceDataSet;
  readonly progress: Progress;
  /** The kernel variant to train with. */
  readonly variant: string;
  /** Ends the training between two submits. */
  readonly signal: AbortSignal;
  /** The figures that the task draws in the end. */
  readonly figures: Figures;
  /** Is given the trained networks before the run counts as finished. */
  readonly onTrained?: (training: Training) => Promise<void>;
}

/** Least time between two writes of curves that are there to look at while training goes on, in milliseconds. */
export const SAVE_INTERVAL = 5000;

/**
 * Trains a network and writes the files of its run. `summary.json` comes last, so that a run that is cut off does not
 * look finished; `metrics.csv` is there to look at while the training goes on. The figure is planned only.
 *
 * @param results The run's directory, opened with {@linkcode RUN_FILES}.
 * @param run What to train.
 * @param context Where.
 * @returns What `summary.json` says.
 * @throws {GpuError} When the device refused an operation.
 * @throws {DeviceLostError} When the device went away.
 */
export async function trainInto(
  results: Results,
  run: TrainingRun,
  context: TrainingContext,
): Promise<Summary> {
  const { gpu, data, progress, variant, signal, figures, onTrained } = context;
  const { name, training: options, quick } = run;
  await results.start();
  const training = await Training.create(gpu, data, { ...options, variant });
  try {
    const { hidden, batchNorm } = options;
    progress.start(name, training.steps, { hidden, batch_norm: batchNorm });
    const rows: MetricRow[] = [];
    let saved = performance.now();
    const onStep = (done: number) => progress.step(done);
    for await (const [row] of training.run({ signal, onStep, ahead: true })) {
      rows.push(row);
      progress.evaluation(row);
      if (performance.now() - saved < SAVE_INTERVAL) continue;
      await results.write("metrics.csv", metricsToCsv(rows));
      saved = performance.now();
    }
    const { step: steps, epoch: epochs, train, val } = rows[rows.length - 1];
    const [test] = await training.evaluate("test", { signal });
    const state = await training.state();
    const { parameters: [parameters], statistics: [statistics], diverged: [divergedAt] } = state;
    const summary: Summary = {
      data: data.source.name,
      train,
      val,
      test,
      steps,
      epochs,
      diverged_at: divergedAt,
      adapter: gpu.adapter.description,
      software: gpu.adapter.software,
      ...quick && { quick },
    };

    const { mean, std } = data.source;
    const { architecture } = training;
    const network = networkTensors({ architecture, parameters, statistics, mean, std });
    await results.write("metrics.csv", metricsToCsv(rows));
    await results.write(
      "model.safetensors",
      encodeSafetensors(network.tensors, network.metadata),
    );
    await onTrained?.(training);
    await results.write("summary.json", JSON.stringify(summary, null, 2) + "\n");
    figures.add(results, "metrics.svg", () => drawRun(rows, results.config));
    progress.done({ val_accuracy: val.accuracy, test_accuracy: test.accuracy });
    return summary;
  } finally {
    training.destroy();
  }
}

/**
 * Plans the figure of a run that is finished, where it is missing.
 *
 * @param results The run's directory.
 * @param figures Where to plan it.
 */
export function redrawRun(results: Results, figures: Figures): void {
  for (const figure of results.undrawn) {
    figures.add(results, figure, async () => {
      const name = join(results.directory, "metrics.csv");
      const rows = metricsFromCsv(await Deno.readTextFile(name), { name });
      return await drawRun(rows, results.config);
    });
  }
}

/**
 * Reads how a run that is finished ended.
 *
 * @param results The run's directory.
 * @returns What its `summary.json` says.
 * @throws {DataError} When the file is not what this program writes.
 */
export async function readSummary(results: Results): Promise<Summary> {
  const path = join(results.directory, RUN_FILES.finished);
  const text = await Deno.readTextFile(path);
  try {
    return reviveSummary(JSON.parse(text));
  } catch {
    throw new DataError(
      `Cannot read ${path}: expected the results of a run as this program writes them; --force runs again`,
    );
  }
}

/**
 * Puts NaN where JSON had to leave it out.
 *
 * @param summary What was read from `summary.json`.
 * @returns How the training ended.
 * @throws {TypeError} When an evaluation is missing.
 */
export function reviveSummary(summary: Summary): Summary {
  const [train, val, test] = [summary.train, summary.val, summary.test].map(reviveEvaluation);
  return { ...summary, train, val, test };
}

/**
 * Puts NaN where JSON had to leave it out.
 *
 * @param evaluation What was read from a file; a number that is null there was NaN or infinite.
 * @returns The evaluation.
 * @throws {TypeError} When there is none.
 */
export function reviveEvaluation({ loss, cost, accuracy }: Evaluation): Evaluation {
  return { loss: loss ?? NaN, cost: cost ?? NaN, accuracy: accuracy ?? NaN };
}

/**
 * Says what became of a training, where something did that its accuracy alone does not tell.
 *
 * @param summary How it ended.
 * @param classes Number of classes.
 * @returns As in "diverged at step 12", or "stalled" where it ended no better than by guessing; otherwise "".
 */
export function describeOutcome(
  { diverged_at, train }: Pick<Summary, "diverged_at" | "train">,
  classes: number,
): string {
  const outcome = outcomeOf({ diverged_at, train_loss: train.loss, classes });
  return outcome === "trained" ? "" : outcome;
}

/**
 * Finds the network that gives most validation images their class.
 *
 * @param rows An evaluation of networks that train together, [networks].
 * @returns The index of the best; of one whose training loss or accuracy is NaN or infinite only where all are.
 */
export function bestOf(rows: readonly MetricRow[]): number {
  const scores = rows.map(({ train, val }) =>
    Number.isFinite(train.loss) && Number.isFinite(val.accuracy) ? val.accuracy : -1
  );
  return scores.indexOf(maximum(scores));
}
