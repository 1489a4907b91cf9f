/** The stages of a λ search: each is one population, whose networks train together. */
import type { MetricRow } from "../../src/model/metrics.ts";
import { METRICS_CSV } from "../../src/records/metrics.ts";
import { TRIALS_CSV } from "../../src/records/trials.ts";
import {
  type LambdaRange,
  planTrials,
  refineRange,
  type Trial,
  type TrialRow,
} from "../../src/train/lambda_search.ts";
import { Training } from "../../src/train/training.ts";
import type { TaskContext } from "../_kit/context.ts";
import { writeEvent } from "../_kit/events.ts";
import type { Figures } from "../_kit/figures.ts";
import { CHECKPOINT, type Results } from "../_kit/results.ts";
import { Checkpoints, type Kept, readCheckpoint, type Texts } from "./checkpoint.ts";
import { type SearchOptions, stageNames } from "./search.ts";
import { bestOf, type TrainingContext, trainingOptions } from "./training_run.ts";

export interface SearchContext extends TrainingContext {
  /** Where to write what is not progress. */
  readonly context: TaskContext;
}

/** The last row of each network of the stage under way, in the checkpoint of a search. */
const LAST = "last.csv";

/** The trials of finished stages, in the checkpoint of a search. */
const TRIALS = "trials.csv";

/**
 * Trains the networks of every stage, from the checkpoint of an interrupted search on, and writes `trials.csv` after each
 * stage. Figures are drawn beside the next stage.
 *
 * @throws {DataError} When the checkpoint cannot be read.
 */
export async function searchInto(
  results: Results,
  options: SearchOptions,
  context: SearchContext,
): Promise<TrialRow[]> {
  const { coarse, coarseCount, fine, fineCount, refine, seed, repeat, json, quick } = options;
  const checkpoints = new Checkpoints(results, context.checkpoints);
  let kept = await readCheckpoint(results);
  const before = kept ? TRIALS_CSV.decode(kept.texts[TRIALS], { name: CHECKPOINT }) : [];
  let rows: TrialRow[] = [];
  for (const stage of stageNames(options)) {
    const range = stage === "coarse" ? pair(coarse) : refine === 0 ? pair(fine) : refineRange(rows);
    const count = stage === "coarse" ? coarseCount : fineCount;
    const old = before.filter((row) => row.stage === stage);
    if (old.length > 0) {
      context.context.stderr(`${stage}: kept from an earlier run`);
      rows = rows.concat(old);
    } else {
      const trials = planTrials(range, { stage, count, seed, repeat });
      const done = { [TRIALS]: TRIALS_CSV.encode(rows) };
      rows = rows.concat(
        await trainStage(trials, options, { ...context, checkpoints, kept, done }),
      );
      kept = undefined; // It was of this stage.
      await checkpoints.write({ [TRIALS]: TRIALS_CSV.encode(rows) });
    }
    await results.write("trials.csv", TRIALS_CSV.encode(rows));
    addStageFigure(results, { stage, rows, figures: context.figures });
    if (!json) continue;
    for (const row of rows.filter((row) => row.stage === stage)) {
      writeEvent(context.context, "trial", { ...TRIALS_CSV.cells(row), ...quick && { quick } });
    }
  }
  return rows;
}

/** Begins to draw a stage; `rows` are its trials and those of the stages before, at least. */
export function addStageFigure(
  results: Results,
  { stage, rows, figures }: { stage: string; rows: readonly TrialRow[]; figures: Figures },
): void {
  const first = rows.findIndex((row) => row.stage === stage);
  const drawn = {
    rows: rows.filter((row) => row.stage === stage),
    config: results.config,
    before: rows.slice(0, first),
  };
  figures.add(results, `${stage}.svg`, (workers) => workers.draw("drawStage", drawn));
}

function pair([from, to]: readonly [number, number]): LambdaRange {
  return { from, to };
}

interface StageContext extends Omit<SearchContext, "checkpoints"> {
  readonly checkpoints: Checkpoints;
  /** What an interrupted search has left of this stage, or of the one before. */
  readonly kept?: Kept;
  /** The stages before. */
  readonly done: Texts;
}

async function trainStage(
  trials: readonly Trial[],
  options: SearchOptions,
  { gpu, data, progress, variant, signal, checkpoints, kept, done }: StageContext,
): Promise<TrialRow[]> {
  const { seed, halfCycle } = options;
  signal.throwIfAborted();
  const training = await Training.create(gpu, data, {
    ...trainingOptions({ ...options, batchNorm: options.batchNorm === "on" }, trials),
    variant,
    // At the end of each cycle: an evaluation of all networks takes as long as hundreds of steps.
    evaluateEvery: 2 * halfCycle,
  });
  try {
    const [{ stage }] = trials;
    let last: MetricRow[] = [];
    if (kept?.state) {
      last = METRICS_CSV.decode(kept.texts[LAST], { name: CHECKPOINT });
      training.restore(kept.state);
      checkpoints.sayResumed(stage, training);
    }
    progress.start(stage, training.steps, { networks: trials.length }, training.step);
    const texts = () => ({ ...done, [LAST]: METRICS_CSV.encode(last) });
    await checkpoints.keeping(training, texts, async () => {
      const onStep = (done: number) => progress.step(done);
      for await (const rows of training.run({ signal, onStep, ahead: true })) {
        last = rows;
        const best = bestOf(rows);
        const { trial, lambda } = trials[best];
        const divergedAt = training.knownDivergence[best];
        progress.evaluation(rows[best], { trial, lambda, diverged_at: divergedAt }, "best ");
        await checkpoints.ifDue(training, texts);
      }
    });
    const diverged = await training.diverged();
    progress.done();
    return trials.map(({ trial, lambda }, i) => {
      const { training, validation } = last[i];
      return { stage, trial, lambda, seed, validation, training, divergedAt: diverged[i] };
    });
  } finally {
    training.destroy();
  }
}
