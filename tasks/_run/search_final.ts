/**
 * The end of a λ search: the network with the best λ, what it takes its test images for, and the search's summary.
 *
 * @module
 */
import type { Confusion } from "../../src/model/metrics.ts";
import { join } from "@std/path";
import type { DataSet } from "../../src/data/dataset.ts";
import { readTextIfThere } from "../_kit/files.ts";
import { PUBLISHED_BEST } from "../../src/model/published.ts";
import { CONFUSION_CSV } from "../../src/records/confusion.ts";
import {
  RUN_SUMMARY_JSON,
  type RunSummary,
  SEARCH_SUMMARY_JSON,
  type SearchSummary,
} from "../../src/records/summary.ts";
import { BEST_CSV } from "../../src/records/trials.ts";
import {
  bestResults,
  type BestRow,
  type LambdaResult,
  type TrialRow,
} from "../../src/train/lambda_search.ts";
import type { Training } from "../../src/train/training.ts";
import { drawConfusion } from "./draw.ts";
import type { RunConfig } from "../../src/records/config.ts";
import { openResults, readSummary, type Results } from "../_kit/results.ts";
import type { SearchOptions } from "./search.ts";
import type { SearchContext } from "./search_stages.ts";
import { redrawRun, RUN_FILES, trainInto } from "./training_run.ts";

/** Names the final network: with it initial weights come from the seed alone, whatever the best λ is. */
const IDENTITY = "final";

/** Settings of a search that its final network does not have. */
const SEARCH_ONLY: ReadonlySet<string> = new Set([
  ...["coarse", "coarseCount", "fine", "fineCount", "refine", "repeat", "finalCycles"],
]);

/**
 * Looks at the final network's folder without touching it.
 *
 * The folder belongs to the search: what it holds of another λ, otherwise made alike, is not finished and is replaced.
 *
 * @param search The search's directory, opened.
 * @param options `lambda`: the best λ, null while it is not known; `force`: whether anything of ours may be replaced.
 * @returns The folder's state, and the means to write into it.
 * @throws {ArgumentError} When the folder holds results of something else.
 */
export function openFinal(
  search: Results,
  options: { lambda: number | null; force: boolean },
): Promise<Results> {
  const { lambda, force } = options;
  const shared = Object.entries(search.config.settings).filter(([name]) => !SEARCH_ONLY.has(name));
  const config: RunConfig = {
    ...search.config,
    settings: {
      ...Object.fromEntries(shared),
      cycles: search.config.settings.finalCycles,
      lambda,
    },
  };
  return openResults(join(search.directory, "final"), config, {
    ...RUN_FILES,
    force,
    mayDiffer: ["lambda"],
  });
}

/**
 * Puts the best of a search beside the report's.
 *
 * @param best The best, first rank first.
 * @param comparable Whether data and settings are those of the report.
 * @returns The rows of `best.csv`.
 */
export function bestRows(best: readonly LambdaResult[], comparable: boolean): BestRow[] {
  return best.map(({ lambda, validationAccuracy }, i) => ({
    rank: i + 1,
    lambda,
    validationAccuracy: validationAccuracy.mean,
    publishedLambda: comparable ? PUBLISHED_BEST[i]?.lambda ?? null : null,
    publishedValidationAccuracy: comparable ? PUBLISHED_BEST[i]?.accuracy ?? null : null,
  }));
}

/** What the end of a search needs to know. */
export interface FinalContext extends SearchContext {
  /** The final network's folder, opened. */
  readonly final: Results;
  /** The best of the search, first rank first. */
  readonly best: readonly BestRow[];
  /** All trials. */
  readonly rows: readonly TrialRow[];
}

/**
 * Trains the network with the best λ, unless that was done before, and writes the rest of the search's files.
 * `summary.json` comes last, so that a search that is cut off does not look finished.
 *
 * @param results The search's directory.
 * @param options The task's options.
 * @param context Where, and what the search has found.
 * @returns What `summary.json` says.
 * @throws {GpuError} When the device refused an operation.
 * @throws {DeviceLostError} When the device went away.
 */
export async function finalInto(
  results: Results,
  options: SearchOptions,
  context: FinalContext,
): Promise<SearchSummary> {
  const { final, best, rows, gpu, data, figures } = context;
  const { quick, seed } = options;
  const [{ lambda, validationAccuracy }] = best;
  await results.write("best.csv", BEST_CSV.encode(best));

  // The matrix is written before the final network counts as finished, and so is there when that does.
  let confusion = final.state === "finished" ? await readConfusion(results) : undefined;
  let ended: RunSummary;
  if (confusion === undefined) {
    const batchNorm = options.batchNorm === "on";
    const { hidden, etaMin, etaMax, init, halfCycle, finalCycles: cycles, batch } = options;
    ended = await trainInto(final, {
      name: "final",
      training: {
        hidden,
        batchNorm,
        networks: [{ identity: IDENTITY, lambda, etaMin, etaMax, initialisation: init }],
        halfCycle,
        cycles,
        seed,
        batch,
      },
      quick,
    }, {
      ...context,
      onTrained: async (training) => {
        confusion = await confusionOf(training, data.source);
        await results.write("confusion.csv", CONFUSION_CSV.encode(confusion));
      },
    });
  } else {
    context.context.stderr("final: kept from before");
    redrawRun(final, figures);
    ended = await readSummary(final.directory, RUN_SUMMARY_JSON);
  }
  const [coarse] = bestResults(rows.filter(({ stage }) => stage === "coarse"), 1);
  const summary: SearchSummary = {
    data: data.source.name,
    classes: data.source.classes,
    bestLambda: lambda,
    coarseBestLambda: coarse.lambda,
    validationAccuracy,
    best,
    final: ended,
    adapter: gpu.adapter.description,
    software: gpu.adapter.software,
    ...quick && { quick },
  };
  await results.write("summary.json", SEARCH_SUMMARY_JSON.encode(summary));
  const [matrix, { steps }] = [confusion!, ended];
  figures.add(results, "confusion.svg", () => {
    return drawConfusion(matrix, { config: final.config, steps });
  });
  return summary;
}

/** Counts what the network takes the test images for. */
async function confusionOf(
  training: Training,
  { classes, classNames, test }: DataSet,
): Promise<Confusion> {
  const [found] = await training.predict("test");
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  test.labels.forEach((label, i) => counts[label][found[i]]++);
  return { classNames, counts };
}

/** The matrix of a final network that was finished before; undefined where it is missing. */
async function readConfusion({ directory }: Results): Promise<Confusion | undefined> {
  const name = join(directory, "confusion.csv");
  const text = await readTextIfThere(name);
  return text === undefined ? undefined : CONFUSION_CSV.decode(text, { name });
}
