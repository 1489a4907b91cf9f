/** A study of initial weights: its trainings and its files. */
import type { Initialisation } from "../../src/model/initialisation.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import { CURVES_CSV } from "../../src/records/curves.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";
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
import type { Progress } from "../_kit/progress.ts";
import { CHECKPOINT, type Results, summaryEnd } from "../_kit/results.ts";
import type { Workers } from "../_kit/workers.ts";
import { Checkpoints, type Kept, readCheckpoint, type Texts } from "./checkpoint.ts";
import { bestOf, SAVE_INTERVAL, type TrainingContext } from "./training_run.ts";

/** The files of a study, for {@linkcode openResults}. */
export const STUDY_FILES = {
  files: ["curves.csv", "sensitivity.svg", "summary.json"],
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

/** The names of what is finished and of what is under way in the checkpoint of a study. */
const DONE = { curves: "curves.csv", summary: "summary.json" } as const;

/**
 * Trains all networks and writes the files: `curves.csv` from the first rows on, `summary.json` last, so that an
 * interrupted study does not look finished; it is resumed from its checkpoint. The figure is drawn beside what follows.
 */
export async function studyInto(
  results: Results,
  options: StudyOptions,
  context: StudyContext,
): Promise<StudySummary> {
  const { gpu, data, signal, figures, now = () => performance.now() } = context;
  const { inits: initialisations, quick } = options;
  const checkpoints = new Checkpoints(results, context.checkpoints);
  let kept = await readCheckpoint(results);
  await (kept ? results.resume() : results.start());
  const before = kept && decodeFinished(kept.texts);
  let curves: readonly CurveRow[] = before?.curves ?? [];
  let runs: readonly SensitivityRun[] = before?.runs ?? [];
  const summary = (): StudySummary => ({
    data: data.source.name,
    classes: data.source.classes,
    runs,
    ...summaryEnd(gpu, quick),
  });
  const finished = () => ({
    [DONE.curves]: CURVES_CSV.encode(curves),
    [DONE.summary]: STUDY_SUMMARY_JSON.encode(summary()),
  });
  let saved = -Infinity;
  for (const batchNorm of normsOf(options)) {
    signal.throwIfAborted();
    if (runs.some((run) => run.batchNorm === batchNorm)) {
      context.checkpoints.context.stderr(`${populationName(batchNorm)}: kept from an earlier run`);
      continue;
    }
    const networks = { initialisations, batchNorm };
    const population = await trainPopulation(options, {
      ...context,
      batchNorm,
      checkpoints,
      kept,
      done: finished(),
      onRows: async (rows) => {
        if (now() - saved < SAVE_INTERVAL) return;
        const all = [...curves, ...curveRows(rows, networks)];
        await results.write("curves.csv", CURVES_CSV.encode(all));
        saved = now();
      },
    });
    kept = undefined; // It was of this population.
    curves = curves.concat(curveRows(population.rows, networks));
    runs = runs.concat(population.runs);
    await checkpoints.write(finished());
  }
  const whole = await figures.saving(async () => {
    await results.write("curves.csv", CURVES_CSV.encode(curves));
    await results.write("summary.json", STUDY_SUMMARY_JSON.encode(summary()));
    await results.finish();
  });
  const study = { rows: curves, config: results.config, ...summary() };
  const draw = (workers: Workers) => workers.draw("drawStudy", study);
  if (whole) figures.add(results, "sensitivity.svg", draw);
  return summary();
}

/** The populations that an interrupted study has finished. */
function decodeFinished(texts: Texts): {
  curves: readonly CurveRow[];
  runs: readonly SensitivityRun[];
} {
  const file = { name: CHECKPOINT };
  return {
    curves: CURVES_CSV.decode(texts[DONE.curves], file),
    runs: STUDY_SUMMARY_JSON.decode(texts[DONE.summary], file).runs,
  };
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

interface PopulationContext extends Omit<TrainingContext, "checkpoints"> {
  readonly batchNorm: boolean;
  readonly checkpoints: Checkpoints;
  /** What an interrupted study has left of this population, or of the one before. */
  readonly kept?: Kept;
  /** The populations before. */
  readonly done: Texts;
  /** Called after each evaluation with all rows so far, [evaluations][networks]. */
  onRows(rows: readonly (readonly MetricRow[])[]): Promise<void>;
}

async function trainPopulation(
  options: StudyOptions,
  context: PopulationContext,
): Promise<{ rows: MetricRow[][]; runs: SensitivityRun[] }> {
  const { hidden, inits, lambda, etaMin, etaMax, every } = options;
  const { batch, seed, halfCycle, cycles } = options;
  const { gpu, data, progress, variant, signal, batchNorm, onRows, checkpoints, kept } = context;
  const training = await Training.create(gpu, data, {
    ...{ hidden, batchNorm, batch, seed, halfCycle, cycles, variant },
    networks: sensitivityNetworks(inits, { lambda, etaMin, etaMax }),
    evaluateEvery: every,
  });
  try {
    const sigmas = inits.map(sigmaName);
    const name = populationName(batchNorm);
    const rows: MetricRow[][] = [];
    if (kept?.state) {
      rows.push(...decodeRows(kept.texts, inits.length));
      training.restore(kept.state);
      checkpoints.sayResumed(name, training);
    }
    const about = { hidden, batch_norm: batchNorm, sigmas };
    progress.start(name, training.steps, about, training.step);
    const texts = () => ({ ...context.done, ...encodeRows(rows) });
    const [tests, divergences] = await checkpoints.keeping(training, texts, async () => {
      const onStep = (done: number) => progress.step(done);
      for await (const row of training.run({ signal, onStep, ahead: true })) {
        rows.push(row);
        sayRow(progress, row, { sigmas, known: training.knownDivergence });
        await checkpoints.ifDue(training, texts);
        await onRows(rows);
      }
      return [await training.evaluate("test", { signal }), await training.diverged()];
    });
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

/** Reports an evaluation of all networks: the best one, and with `--json` each of them. */
function sayRow(
  progress: Progress,
  row: readonly MetricRow[],
  { sigmas, known }: {
    readonly sigmas: readonly string[];
    readonly known: readonly (number | null)[];
  },
): void {
  const best = bestOf(row);
  const networks = row.map(({ training: { loss }, validation: { accuracy } }, i) => ({
    sigma: sigmas[i],
    train_loss: loss,
    val_accuracy: accuracy,
    diverged_at: known[i],
  }));
  const fields = { sigma: sigmas[best], diverged_at: known[best], networks };
  progress.evaluation(row[best], fields, "best ");
}

/** The rows of each network under a name of its own; `rows` is [evaluations][networks]. */
function encodeRows(rows: readonly (readonly MetricRow[])[]): Texts {
  const networks = rows[0] ?? [];
  return Object.fromEntries(
    networks.map((_, i) => [rowsName(i), METRICS_CSV.encode(rows.map((row) => row[i]))]),
  );
}

function decodeRows(texts: Texts, networks: number): MetricRow[][] {
  if (texts[rowsName(0)] === undefined) return []; // Interrupted before the first rows.
  const each = Array.from(
    { length: networks },
    (_, i) => METRICS_CSV.decode(texts[rowsName(i)], { name: CHECKPOINT }),
  );
  return each[0].map((_, at) => each.map((rows) => rows[at]));
}

/** The name of the rows of a network in the checkpoint of a study. */
function rowsName(network: number): string {
  return `rows-${network}.csv`;
}
