/** One training and its files: a baseline run, or the last part of a search. */
import type { Gpu } from "../../src/gpu/device.ts";
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { maximum } from "../../src/lists.ts";
import { encodeNetwork } from "../../src/model/checkpoint.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";
import { RUN_SUMMARY_JSON, type RunSummary } from "../../src/records/summary.ts";
import { outcomeOf } from "../../src/train/sensitivity.ts";
import { Training, type TrainingNetwork, type TrainingOptions } from "../../src/train/training.ts";
import type { Figures } from "../_kit/figures.ts";
import { type LengthOptions, scheduleOf, stopOf } from "../_kit/length.ts";
import type { TrainingOptions as TaskOptions } from "../_kit/options.ts";
import type { Progress } from "../_kit/progress.ts";
import { CHECKPOINT, type Results, summaryEnd } from "../_kit/results.ts";
import type { Workers } from "../_kit/workers.ts";
import { type CheckpointOptions, Checkpoints, readCheckpoint } from "./checkpoint.ts";

/** The files of a run, for {@linkcode openResults}. */
export const RUN_FILES = {
  files: ["metrics.csv", "metrics.svg", "model.safetensors", "best.safetensors", "summary.json"],
  figures: ["metrics.svg"],
  otherFiles: /^profile\.csv$/,
} as const;

/** The identity of all networks of `baseline`: a constant, so that initial weights depend on the seed alone, whichever runs there are. */
export const BASELINE_IDENTITY = "baseline";

export interface TrainingRun {
  readonly name: string;
  /** What to train; the task has checked it. */
  readonly training: TrainingOptions;
  /** Whether the network at its best row is written, too. */
  readonly keepBest?: boolean;
  /** Whether it is a quick run, as every file then says. */
  readonly quick: boolean;
}

export interface TrainingContext {
  readonly gpu: Gpu;
  readonly data: DeviceDataSet;
  readonly progress: Progress;
  readonly variant: string;
  readonly signal: AbortSignal;
  readonly figures: Figures;
  readonly checkpoints: CheckpointOptions;
  /** Called with the trained networks before the run counts as finished. */
  readonly onTrained?: (training: Training) => Promise<void>;
}

/** Minimum time between two writes of curves during a training, in milliseconds. */
export const SAVE_INTERVAL = 5000;

/** The options of a task as those of a training. */
export function trainingOptions(
  options:
    & Omit<TaskOptions, "batchNorm" | "lambda">
    & Partial<LengthOptions>
    & { batchNorm: boolean; seed: number },
  networks: readonly Pick<TrainingNetwork, "identity" | "lambda">[],
): TrainingOptions {
  const { hidden, batchNorm, batch, seed, init: initialisation } = options;
  return {
    ...{ hidden, batchNorm, batch, seed, initialisation },
    ...scheduleOf(options),
    ...stopOf(options),
    networks: networks.map(({ identity, lambda }) => ({ identity, lambda })),
  };
}

/** What has been trained so far, in the checkpoint of a run. */
const ROWS = "metrics.csv";

/**
 * Trains a network and writes the files of its run: `metrics.csv` from the first row on, `summary.json` last, so that an
 * interrupted run does not look finished; it is resumed from its checkpoint. The figure is drawn beside what follows.
 */
export async function trainInto(
  results: Results,
  run: TrainingRun,
  context: TrainingContext,
): Promise<RunSummary> {
  const { gpu, data, progress, variant, signal, figures, onTrained } = context;
  const { name, training: options, quick } = run;
  const checkpoints = new Checkpoints(results, context.checkpoints);
  const kept = await readCheckpoint(results);
  await (kept ? results.resume() : results.start());
  const training = await Training.create(gpu, data, { ...options, variant });
  const rows: MetricRow[] = [];
  const encoded = () => METRICS_CSV.encode(rows);
  const texts = () => ({ [ROWS]: encoded() });
  try {
    if (kept?.state) {
      rows.push(...METRICS_CSV.decode(kept.texts[ROWS], { name: CHECKPOINT }));
      training.restore(kept.state);
      checkpoints.sayResumed(name, training);
      // As the checkpoint has it: what an interrupted run wrote since is repeated.
      await results.write("metrics.csv", encoded());
    }
    const { hidden, batchNorm } = options;
    progress.start(name, training.steps, { hidden, batch_norm: batchNorm }, training.step);
    const [summary, models] = await checkpoints.keeping(training, texts, async () => {
      let saved = -Infinity;
      const onStep = (done: number) => progress.step(done);
      for await (const [row] of training.run({ signal, onStep, ahead: true })) {
        rows.push(row);
        progress.evaluation(row, { diverged_at: training.knownDivergence[0] });
        await checkpoints.ifDue(training, texts);
        if (performance.now() - saved < SAVE_INTERVAL) continue;
        await results.write("metrics.csv", encoded());
        saved = performance.now();
      }
      const stops = options.stopAfter !== undefined;
      const end = { data, signal, stops, keepBest: run.keepBest, ...summaryEnd(gpu, quick) };
      return await endOf(training, rows, end);
    });
    const whole = await figures.saving(async () => {
      await results.write("metrics.csv", encoded());
      for (const [file, model] of Object.entries(models)) await results.write(file, model);
      await onTrained?.(training);
      await results.write("summary.json", RUN_SUMMARY_JSON.encode(summary));
      await results.finish();
    });
    const { config } = results;
    const draw = (workers: Workers) => workers.draw("drawRun", { rows, config });
    if (whole) figures.add(results, "metrics.svg", draw);
    const { validation, test, divergedAt } = summary;
    const accuracies = { val_accuracy: validation.accuracy, test_accuracy: test.accuracy };
    progress.done({ ...accuracies, diverged_at: divergedAt });
    return summary;
  } finally {
    training.destroy();
  }
}

/** How a training ended, and its networks as files. */
async function endOf(
  training: Training,
  rows: readonly MetricRow[],
  options: ReturnType<typeof summaryEnd> & {
    readonly data: DeviceDataSet;
    readonly signal: AbortSignal;
    /** Whether the training knows its best row. */
    readonly stops: boolean;
    readonly keepBest?: boolean;
  },
): Promise<[RunSummary, Record<string, Uint8Array>]> {
  const { data: { source }, signal, stops, keepBest, ...end } = options;
  const { step: steps, epoch: epochs, training: trained, validation } = rows[rows.length - 1];
  const [test] = await training.evaluate("test", { signal });
  const network = await training.network(0);
  const [divergedAt] = await training.diverged();
  const [row] = training.best;
  const summary: RunSummary = {
    data: source.name,
    training: trained,
    validation,
    test,
    steps,
    epochs,
    divergedAt,
    ...stops && { bestStep: row?.step ?? null, bestValidation: row?.validation ?? null },
    ...end,
  };
  const models: Record<string, Uint8Array> = { "model.safetensors": encodeNetwork(network) };
  // A network whose every row is NaN has no best one.
  const best = keepBest ? await training.bestNetwork() : null;
  if (best) models["best.safetensors"] = encodeNetwork(best);
  return [summary, models];
}

/** Draws the figure of a finished run where it is missing. */
export function redrawRun(results: Results, figures: Figures): void {
  figures.addUndrawn(results, async (workers) => {
    const rows = (await results.read("metrics.csv", METRICS_CSV))!;
    return await workers.draw("drawRun", { rows, config: results.config });
  });
}

/** As in "diverged at step 12", "stalled" or "worse than guessing"; "" where the training ended better than guessing. */
export function describeOutcome(
  summary: Pick<RunSummary, "divergedAt" | "training">,
  classes: number,
): string {
  const outcome = outcomeOf(summary, classes);
  return outcome === "trained" ? "" : outcome;
}

/** The index of the network with the best validation accuracy; one that diverged only where all did. */
export function bestOf(rows: readonly MetricRow[]): number {
  const scores = rows.map(({ training, validation }) =>
    Number.isFinite(training.loss) && Number.isFinite(validation.accuracy)
      ? validation.accuracy
      : -1
  );
  return scores.indexOf(maximum(scores));
}
