/**
 * One training and the files that it leaves behind: a baseline run, or the last part of a search.
 *
 * @module
 */
import { join } from "@std/path";
import { networkTensors } from "../../src/model/checkpoint.ts";
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { maximum } from "../../src/lists.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";
import { RUN_SUMMARY_JSON, type RunSummary } from "../../src/records/summary.ts";
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
): Promise<RunSummary> {
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
      await results.write("metrics.csv", METRICS_CSV.encode(rows));
      saved = performance.now();
    }
    const { step: steps, epoch: epochs, training: trained, validation } = rows[rows.length - 1];
    const [test] = await training.evaluate("test", { signal });
    const state = await training.state();
    const { parameters: [parameters], statistics: [statistics], diverged: [divergedAt] } = state;
    const summary: RunSummary = {
      data: data.source.name,
      training: trained,
      validation,
      test,
      steps,
      epochs,
      divergedAt,
      adapter: gpu.adapter.description,
      software: gpu.adapter.software,
      ...quick && { quick },
    };

    const { mean, std } = data.source;
    const { architecture } = training;
    const network = networkTensors({ architecture, parameters, statistics, mean, std });
    await results.write("metrics.csv", METRICS_CSV.encode(rows));
    await results.write(
      "model.safetensors",
      encodeSafetensors(network.tensors, network.metadata),
    );
    await onTrained?.(training);
    await results.write("summary.json", RUN_SUMMARY_JSON.encode(summary));
    figures.add(results, "metrics.svg", () => drawRun(rows, results.config));
    progress.done({ val_accuracy: validation.accuracy, test_accuracy: test.accuracy });
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
      const rows = METRICS_CSV.decode(await Deno.readTextFile(name), { name });
      return await drawRun(rows, results.config);
    });
  }
}

/**
 * Says what became of a training, where something did that its accuracy alone does not tell.
 *
 * @param summary How it ended.
 * @param classes Number of classes.
 * @returns As in "diverged at step 12", or "stalled" where it ended no better than by guessing; otherwise "".
 */
export function describeOutcome(
  summary: Pick<RunSummary, "divergedAt" | "training">,
  classes: number,
): string {
  const outcome = outcomeOf(summary, classes);
  return outcome === "trained" ? "" : outcome;
}

/**
 * Finds the network that gives most validation images their class.
 *
 * @param rows An evaluation of networks that train together, [networks].
 * @returns The index of the best; of one whose training loss or accuracy is NaN or infinite only where all are.
 */
export function bestOf(rows: readonly MetricRow[]): number {
  const scores = rows.map(({ training, validation }) =>
    Number.isFinite(training.loss) && Number.isFinite(validation.accuracy)
      ? validation.accuracy
      : -1
  );
  return scores.indexOf(maximum(scores));
}
