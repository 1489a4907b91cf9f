/**
 * The stages of a λ search: each is one population, whose networks train together.
 *
 * @module
 */
import { join } from "@std/path";
import { readTextIfThere } from "../_kit/files.ts";
import type { MetricRow } from "../../src/model/metrics.ts";
import {
  type LambdaRange,
  planTrials,
  refineRange,
  type Trial,
  type TrialRow,
} from "../../src/train/lambda_search.ts";
import { TRIALS_CSV } from "../../src/records/trials.ts";
import { Training } from "../../src/train/training.ts";
import { bestOf, type TrainingContext } from "./training_run.ts";
import type { TaskContext } from "../_kit/context.ts";
import { drawStage } from "./draw.ts";
import { writeEvent } from "../_kit/events.ts";
import type { Results } from "../_kit/results.ts";
import { type SearchOptions, stageNames } from "./search.ts";

/** Where a search takes place. */
export interface SearchContext extends TrainingContext {
  /** Where to write what is not progress. */
  readonly context: TaskContext;
}

/**
 * Trains the networks of every stage, or takes those that `trials.csv` has from before, and writes `trials.csv` after
 * each stage. Its figure is planned only.
 *
 * @param results The search's directory, opened.
 * @param options The task's options.
 * @param context Where.
 * @returns The trials of all stages.
 * @throws {DataError} When there is a `trials.csv` that is not one.
 * @throws {GpuError} When the device refused an operation.
 * @throws {DeviceLostError} When the device went away.
 */
export async function searchInto(
  results: Results,
  options: SearchOptions,
  context: SearchContext,
): Promise<TrialRow[]> {
  const { coarse, coarseCount, fine, fineCount, refine, seed, repeat, json, quick } = options;
  const kept = await readTrials(results);
  let rows: TrialRow[] = [];
  let changed = false;
  for (const stage of stageNames(options)) {
    const range = stage === "coarse" ? pair(coarse) : refine === 0 ? pair(fine) : refineRange(rows);
    const count = stage === "coarse" ? coarseCount : fineCount;
    const trials = planTrials(range, { stage, count, seed, repeat });
    const old = kept.filter((row) => row.stage === stage);
    if (isWhole(old, trials)) {
      context.context.stderr(`${stage}: kept from before`);
      rows = rows.concat(old);
    } else {
      rows = rows.concat(await trainStage(trials, options, context));
      changed = true;
    }
    // Also after a stage that was kept: writing an earlier one has left its rows out.
    if (changed) await results.write("trials.csv", TRIALS_CSV.encode(rows));
    const own = rows.filter((row) => row.stage === stage);
    const before = rows.filter((row) => row.stage !== stage);
    const { config } = results;
    context.figures.add(results, `${stage}.svg`, () => drawStage(own, { config, before }));
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

/** The trials of a search that was cut off; none where there was none. */
async function readTrials({ directory }: Results): Promise<TrialRow[]> {
  const name = join(directory, "trials.csv");
  const text = await readTextIfThere(name);
  return text === undefined ? [] : TRIALS_CSV.decode(text, { name });
}

/** Whether rows are those of all trials of a stage. */
function isWhole(rows: readonly TrialRow[], trials: readonly Trial[]): boolean {
  return rows.length === trials.length &&
    trials.every(({ trial, lambda }, i) => rows[i].trial === trial && rows[i].lambda === lambda);
}

/** Trains the networks of a stage together. */
async function trainStage(
  trials: readonly Trial[],
  options: SearchOptions,
  { gpu, data, progress, variant, signal }: SearchContext,
): Promise<TrialRow[]> {
  const { hidden, batchNorm, etaMin, etaMax, init, halfCycle, cycles, seed, batch } = options;
  signal.throwIfAborted();
  const training = await Training.create(gpu, data, {
    hidden,
    variant,
    batchNorm: batchNorm === "on",
    networks: trials.map(({ identity, lambda }) => ({
      identity,
      lambda,
      etaMin,
      etaMax,
      initialisation: init,
    })),
    halfCycle,
    cycles,
    seed,
    batch,
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
      progress.evaluation(
        rows[best],
        { trial: trials[best].trial, lambda: trials[best].lambda },
        "best ",
      );
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
