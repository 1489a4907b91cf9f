/**
 * A study of initial weights: its trainings, and the files that it leaves behind.
 *
 * @module
 */
import { join } from "@std/path";
import { DataError } from "../../src/errors.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import type { Initialisation } from "../../src/model/initialisation.ts";
import {
  curveRows,
  outcomeOf,
  sensitivityNetworks,
  type SensitivityRun,
  sigmaName,
} from "../../src/train/sensitivity.ts";
import { type CurveRow, curvesFromCsv, curvesToCsv } from "../../src/records/sensitivity.ts";
import { Training } from "../../src/train/training.ts";
import { bestOf } from "./best.ts";
import { drawStudy } from "./draw.ts";
import type { Figures } from "../_kit/figures.ts";
import type { CommonOptions, TrainingOptions } from "../_kit/options.ts";
import type { Results } from "../_kit/results.ts";
import { reviveEvaluation, SAVE_INTERVAL, type TrainingContext } from "./training_run.ts";

/** The files of a study: what {@linkcode openResults} is to be given for {@linkcode studyInto}. */
export const STUDY_FILES = {
  files: ["curves.csv", "sensitivity.svg", "summary.json"],
  finished: "summary.json",
  figures: ["sensitivity.svg"],
  otherFiles: /^profile-with(out)?-batch-norm\.csv$/,
} as const;

/** What a study trains; the task has checked it. */
export interface StudyOptions
  extends Omit<TrainingOptions, "init">, Pick<CommonOptions, "seed" | "quick"> {
  /** How the weights of each network start. */
  readonly inits: readonly Initialisation[];
  /** Steps from one point of a curve to the next. */
  readonly every: number;
}

/** Where a study takes place. */
export interface StudyContext extends TrainingContext {
  /** A clock in milliseconds, for tests. */
  readonly now?: () => number;
}

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
 * Tells with and without batch norm what is trained.
 *
 * @param options What was asked for.
 * @returns Off before on, as in files and figure.
 */
export function normsOf({ batchNorm }: Pick<StudyOptions, "batchNorm">): boolean[] {
  return batchNorm === "both" ? [false, true] : [batchNorm === "on"];
}

/**
 * Names the networks that train together.
 *
 * @param batchNorm Whether they have batch norm.
 * @returns As in "with-batch-norm".
 */
export function populationName(batchNorm: boolean): string {
  return batchNorm ? "with-batch-norm" : "without-batch-norm";
}

/**
 * Trains all networks and writes the files. `summary.json` comes last, so that a study that is cut off does not look
 * finished; `curves.csv` is there to look at while the training goes on. The figure is planned only.
 *
 * @param results The study's directory, opened with {@linkcode STUDY_FILES}.
 * @param options What to train.
 * @param context Where.
 * @returns What `summary.json` says.
 * @throws {GpuError} When the device refused an operation.
 * @throws {DeviceLostError} When the device went away.
 */
export async function studyInto(
  results: Results,
  options: StudyOptions,
  context: StudyContext,
): Promise<SensitivitySummary> {
  const { gpu, data, signal, figures, now = () => performance.now() } = context;
  const { inits: initialisations, quick } = options;
  await results.start();
  let curves: CurveRow[] = [];
  const runs: SensitivityRun[] = [];
  let saved = now();
  for (const batchNorm of normsOf(options)) {
    signal.throwIfAborted();
    const networks = { initialisations, batchNorm };
    const population = await trainPopulation(options, {
      ...context,
      batchNorm,
      onRows: async (rows) => {
        if (now() - saved < SAVE_INTERVAL) return;
        await results.write("curves.csv", curvesToCsv([...curves, ...curveRows(rows, networks)]));
        saved = now();
      },
    });
    curves = curves.concat(curveRows(population.rows, networks));
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
  await results.write("summary.json", JSON.stringify(summary, null, 2) + "\n");
  figures.add(results, "sensitivity.svg", () => {
    return drawStudy(curves, { config: results.config, ...summary });
  });
  return summary;
}

/**
 * Plans the figure of a study that is finished, where it is missing.
 *
 * @param results The study's directory.
 * @param summary How the study ended.
 * @param figures Where to plan it.
 */
export function redrawStudy(
  results: Results,
  summary: SensitivitySummary,
  figures: Figures,
): void {
  for (const figure of results.undrawn) {
    figures.add(results, figure, async () => {
      const name = join(results.directory, "curves.csv");
      const curves = curvesFromCsv(await Deno.readTextFile(name), { name });
      return await drawStudy(curves, { config: results.config, ...summary });
    });
  }
}

/** Where a population is trained, and who is to see its curves grow. */
interface PopulationContext extends TrainingContext {
  readonly batchNorm: boolean;
  /** Is given all rows so far after each evaluation, [evaluations][networks]. */
  onRows(rows: readonly (readonly MetricRow[])[]): Promise<void>;
}

/** Trains the networks of all initial weights together. */
async function trainPopulation(
  options: StudyOptions,
  context: PopulationContext,
): Promise<{ rows: MetricRow[][]; runs: SensitivityRun[] }> {
  const { hidden, inits, lambda, etaMin, etaMax, halfCycle, cycles, seed, batch, every } = options;
  const { gpu, data, progress, variant, signal, batchNorm, onRows } = context;
  const training = await Training.create(gpu, data, {
    hidden,
    variant,
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
    progress.start(populationName(batchNorm), training.steps, {
      hidden,
      batch_norm: batchNorm,
      sigmas,
    });
    const rows: MetricRow[][] = [];
    const onStep = (done: number) => progress.step(done);
    for await (const row of training.run({ signal, onStep, ahead: true })) {
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

/**
 * Reads how a finished study ended.
 *
 * @param directory The directory that the study was written into.
 * @returns What its `summary.json` says.
 * @throws {DataError} When the file is not what this program writes.
 */
export async function readSensitivity(directory: string): Promise<SensitivitySummary> {
  const path = join(directory, STUDY_FILES.finished);
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
  const [train, val, test] = [run.train, run.val, run.test].map(reviveEvaluation);
  return { ...run, train, val, test };
}
