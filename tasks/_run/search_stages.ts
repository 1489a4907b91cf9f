/** The stages of a λ search: each is one population, whose networks train together. */
import type { MetricRow } from "../../src/model/metrics.ts";
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
import type { Results } from "../_kit/results.ts";
import { type SearchOptions, stageNames } from "./search.ts";
import { bestOf, type TrainingContext, trainingOptions } from "./training_run.ts";

export interface SearchContext extends TrainingContext {
  /** Where to write what is not progress. */
  readonly context: TaskContext;
}

/**
 * Trains the networks of every stage, or takes those that an earlier run left in `trials.csv`, and writes that file
 * after each stage. Figures are drawn beside the next stage.
 *
 * @throws {DataError} When `trials.csv` cannot be read.
 */
export async function searchInto(
  results: Results,
  options: SearchOptions,
  context: SearchContext,
): Promise<TrialRow[]> {
  const { coarse, coarseCount, fine, fineCount, refine, seed, repeat, json, quick } = options;
  const kept = await results.read("trials.csv", TRIALS_CSV) ?? [];
  let rows: TrialRow[] = [];
  let changed = false;
  for (const stage of stageNames(options)) {
    const range = stage === "coarse" ? pair(coarse) : refine === 0 ? pair(fine) : refineRange(rows);
    const count = stage === "coarse" ? coarseCount : fineCount;
    const trials = planTrials(range, { stage, count, seed, repeat });
    const old = kept.filter((row) => row.stage === stage);
    if (isWhole(old, trials)) {
      context.context.stderr(`${stage}: kept from an earlier run`);
      rows = rows.concat(old);
    } else {
      rows = rows.concat(await trainStage(trials, options, context));
      changed = true;
    }
    // Also after a stage that was kept: writing an earlier one has removed its rows.
    if (changed) await results.write("trials.csv", TRIALS_CSV.encode(rows));
    const own = rows.filter((row) => row.stage === stage);
    const before = rows.filter((row) => row.stage !== stage);
    const drawn = { rows: own, config: results.config, before };
    context.figures.add(results, `${stage}.svg`, (workers) => workers.draw("drawStage", drawn));
    if (!json) continue;
    for (const row of own) {
      writeEvent(context.context, "trial", { ...TRIALS_CSV.cells(row), ...quick && { quick } });
    }
  }
  return rows;
}

function pair([from, to]: readonly [number, number]): LambdaRange {
  return { from, to };
}

/** Whether rows are those of all trials of a stage. */
function isWhole(rows: readonly TrialRow[], trials: readonly Trial[]): boolean {
  return rows.length === trials.length &&
    trials.every(({ trial, lambda }, i) => rows[i].trial === trial && rows[i].lambda === lambda);
}

async function trainStage(
  trials: readonly Trial[],
  options: SearchOptions,
  { gpu, data, progress, variant, signal }: SearchContext,
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
    progress.start(stage, training.steps, { networks: trials.length });
    let last: MetricRow[] = [];
    const onStep = (done: number) => progress.step(done);
    for await (const rows of training.run({ signal, onStep, ahead: true })) {
      last = rows;
      const best = bestOf(rows);
      const { trial, lambda } = trials[best];
      const divergedAt = training.knownDivergence[best];
      progress.evaluation(rows[best], { trial, lambda, diverged_at: divergedAt }, "best ");
    }
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
