/** A study of initial weights: its trainings and its files. */
import type { Initialisation } from "../../src/model/initialisation.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import { CURVES_CSV } from "../../src/records/curves.ts";
import { STUDY_SUMMARY_JSON, type StudySummary } from "../../src/records/summary.ts";
import {
  type CurveRow,
  curveRows,
  outcomeOf,
  sensitivityNetworks,
  type SensitivityRun,
  sigmaName,
} from "../../src/train/sensitivity.ts";
import { Training } from "../../src/train/training.ts";
import type { Figures } from "../_kit/figures.ts";
import { type CommonOptions, normsOf, type TrainingOptions } from "../_kit/options.ts";
import { type Results, summaryEnd } from "../_kit/results.ts";
import { bestOf, SAVE_INTERVAL, type TrainingContext } from "./training_run.ts";

/** The files of a study, for {@linkcode openResults}. */
export const STUDY_FILES = {
  files: ["curves.csv", "sensitivity.svg", "summary.json"],
  finished: "summary.json",
  figures: ["sensitivity.svg"],
  otherFiles: /^profile-with(out)?-batch-norm\.csv$/,
} as const;

/** What a study trains; the task has checked it. */
interface StudyOptions
  extends Omit<TrainingOptions, "init">, Pick<CommonOptions, "seed" | "quick"> {
  readonly inits: readonly Initialisation[];
  /** Steps from one point of a curve to the next. */
  readonly every: number;
}

interface StudyContext extends TrainingContext {
  /** A clock in milliseconds, for tests. */
  readonly now?: () => number;
}

/** As in "with-batch-norm". */
export function populationName(batchNorm: boolean): string {
  return batchNorm ? "with-batch-norm" : "without-batch-norm";
}

/**
 * Trains all networks and writes the files: `curves.csv` also during the training, `summary.json` last, so that an
 * interrupted study does not look finished. The figure is drawn beside what follows.
 */
export async function studyInto(
  results: Results,
  options: StudyOptions,
  context: StudyContext,
): Promise<StudySummary> {
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
        await results.write(
          "curves.csv",
          CURVES_CSV.encode([...curves, ...curveRows(rows, networks)]),
        );
        saved = now();
      },
    });
    curves = curves.concat(curveRows(population.rows, networks));
    runs.push(...population.runs);
  }
  const summary: StudySummary = {
    data: data.source.name,
    classes: data.source.classes,
    runs,
    ...summaryEnd(gpu, quick),
  };
  await results.write("curves.csv", CURVES_CSV.encode(curves));
  await results.write("summary.json", STUDY_SUMMARY_JSON.encode(summary));
  const study = { rows: curves, config: results.config, ...summary };
  figures.add(results, "sensitivity.svg", (workers) => workers.draw("drawStudy", study));
  return summary;
}

/** Draws the figure of a finished study where it is missing. */
export function redrawStudy(
  results: Results,
  summary: StudySummary,
  figures: Figures,
): void {
  figures.addUndrawn(results, async (workers) => {
    const rows = (await results.read("curves.csv", CURVES_CSV))!;
    return await workers.draw("drawStudy", { rows, config: results.config, ...summary });
  });
}

interface PopulationContext extends TrainingContext {
  readonly batchNorm: boolean;
  /** Called after each evaluation with all rows so far, [evaluations][networks]. */
  onRows(rows: readonly (readonly MetricRow[])[]): Promise<void>;
}

async function trainPopulation(
  options: StudyOptions,
  context: PopulationContext,
): Promise<{ rows: MetricRow[][]; runs: SensitivityRun[] }> {
  const { hidden, inits, lambda, etaMin, etaMax, every } = options;
  const { gpu, data, progress, variant, signal, batchNorm, onRows } = context;
  const training = await Training.create(gpu, data, {
    ...options,
    variant,
    batchNorm,
    networks: sensitivityNetworks(inits, { lambda, etaMin, etaMax }),
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
      const known = training.knownDivergence;
      progress.evaluation(row[best], {
        sigma: sigmas[best],
        diverged_at: known[best],
        networks: row.map(({ training: { loss }, validation: { accuracy } }, i) => ({
          sigma: sigmas[i],
          train_loss: loss,
          val_accuracy: accuracy,
          diverged_at: known[i],
        })),
      }, "best ");
      await onRows(rows);
    }
    const tests = await training.evaluate("test", { signal });
    const divergences = await training.diverged();
    const { classes } = data.source;
    const runs = rows[rows.length - 1].map(({ step, training, validation }, i): SensitivityRun => ({
      sigma: sigmas[i],
      batchNorm,
      training,
      validation,
      test: tests[i],
      steps: step,
      divergedAt: divergences[i],
      outcome: outcomeOf({ divergedAt: divergences[i], training }, classes),
    }));
    progress.done({ outcomes: runs.map(({ sigma, outcome }) => ({ sigma, outcome })) });
    return { rows, runs };
  } finally {
    training.destroy();
  }
}
