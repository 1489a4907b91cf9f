/** The end of a λ search: the network with the best λ, its confusion matrix, and the search's summary. */
import { basename, join } from "@std/path";
import type { DataSet } from "../../src/data/dataset.ts";
import { countConfusion } from "../../src/model/answers.ts";
import type { Confusion } from "../../src/model/metrics.ts";
import { PUBLISHED_BEST } from "../../src/model/published.ts";
import type { RunConfig } from "../../src/records/config.ts";
import { CONFUSION_CSV } from "../../src/records/confusion.ts";
import {
  RUN_SUMMARY_JSON,
  type RunSummary,
  SEARCH_SUMMARY_JSON,
  type SearchSummary,
} from "../../src/records/summary.ts";
import { BEST_CSV, TRIALS_CSV } from "../../src/records/trials.ts";
import {
  bestResults,
  type BestRow,
  type LambdaResult,
  type TrialRow,
} from "../../src/train/lambda_search.ts";
import type { Training } from "../../src/train/training.ts";
import type { Figures } from "../_kit/figures.ts";
import { openResults, readSummary, type Results, summaryEnd } from "../_kit/results.ts";
import type { SearchOptions } from "./search.ts";
import { addStageFigure, type SearchContext } from "./search_stages.ts";
import { redrawRun, RUN_FILES, trainingOptions, trainInto } from "./training_run.ts";

/** The identity of the final network: a constant, so that its initial weights depend on the seed alone. */
const IDENTITY = "final";

/** Settings of a search that its final network does not have. */
const SEARCH_ONLY = [
  "coarse",
  "coarseCount",
  "fine",
  "fineCount",
  "refine",
  "repeat",
  "finalCycles",
];

/**
 * Looks at the final network's folder without touching it. `lambda` is null while the best one is not known.
 *
 * The folder belongs to the search: results that differ in λ alone count as unfinished and are replaced.
 *
 * @throws {ArgumentError} When the folder holds results of something else.
 */
export function openFinal(
  search: Results,
  options: { lambda: number | null; force: boolean },
): Promise<Results> {
  const { lambda, force } = options;
  const shared = Object.entries(search.config.settings).filter(([name]) =>
    !SEARCH_ONLY.includes(name)
  );
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

/** The rows of `best.csv`: the best of a search beside the report's where they are comparable. */
export function bestRows(best: readonly LambdaResult[], comparable: boolean): BestRow[] {
  return best.map(({ lambda, validationAccuracy }, i) => ({
    rank: i + 1,
    lambda,
    validationAccuracy: validationAccuracy.mean,
    publishedLambda: comparable ? PUBLISHED_BEST[i]?.lambda ?? null : null,
    publishedValidationAccuracy: comparable ? PUBLISHED_BEST[i]?.accuracy ?? null : null,
  }));
}

interface FinalContext extends SearchContext {
  readonly final: Results;
  /** The best of the search, first rank first. */
  readonly best: readonly BestRow[];
  readonly rows: readonly TrialRow[];
}

/**
 * Trains the network with the best λ unless that was done before, and writes the rest of the search's files.
 * `summary.json` is written last, so that an interrupted search does not look finished.
 */
export async function finalInto(
  results: Results,
  options: SearchOptions,
  context: FinalContext,
): Promise<SearchSummary> {
  const { final, best, rows, gpu, data, figures } = context;
  const { quick } = options;
  const [{ lambda, validationAccuracy }] = best;
  await results.write("best.csv", BEST_CSV.encode(best));

  // The matrix is written before the final network counts as finished.
  let confusion = final.state === "finished"
    ? await results.read("confusion.csv", CONFUSION_CSV)
    : undefined;
  let ended: RunSummary;
  if (confusion === undefined) {
    const network = {
      ...options,
      batchNorm: options.batchNorm === "on",
      cycles: options.finalCycles,
    };
    const training = trainingOptions(network, [{ identity: IDENTITY, lambda }]);
    ended = await trainInto(final, { name: "final", training, quick }, {
      ...context,
      onTrained: async (training) => {
        confusion = await confusionOf(training, data.source);
        await results.write("confusion.csv", CONFUSION_CSV.encode(confusion));
      },
    });
  } else {
    context.context.stderr("final: kept from an earlier run");
    // Again, so that it is among the digests of this search.
    await results.write("confusion.csv", CONFUSION_CSV.encode(confusion));
    redrawRun(final, figures);
    ended = await readSummary(final.directory, RUN_SUMMARY_JSON);
  }
  const [coarse] = bestResults(rows.filter(({ stage }) => stage === "coarse"), 1);
  const summary: SearchSummary = {
    data: data.source.name,
    classes: data.source.classes,
    bestLambda: lambda,
    coarseBestLambda: coarse.diverged < coarse.runs ? coarse.lambda : NaN,
    validationAccuracy,
    best,
    final: ended,
    ...summaryEnd(gpu, quick),
  };
  const saved = await figures.saving(async () => {
    await results.write("summary.json", SEARCH_SUMMARY_JSON.encode(summary));
    await results.finish();
  });
  if (saved) {
    const drawn = { confusion: confusion!, config: final.config, steps: ended.steps };
    figures.add(results, "confusion.svg", (workers) => workers.draw("drawConfusion", drawn));
  }
  return summary;
}

/** Draws the figures of a finished search that are missing. */
export async function redrawSearch(
  results: Results,
  { final, summary, figures }: { final: Results; summary: SearchSummary; figures: Figures },
): Promise<void> {
  await final.removeLeftovers();
  redrawRun(final, figures);
  const rows = await results.read("trials.csv", TRIALS_CSV) ?? [];
  for (const name of results.undrawn) {
    if (name !== "confusion.svg") {
      addStageFigure(results, { stage: basename(name, ".svg"), rows, figures });
      continue;
    }
    figures.add(results, name, async (workers) => {
      const confusion = (await results.read("confusion.csv", CONFUSION_CSV))!;
      const { steps } = summary.final;
      return await workers.draw("drawConfusion", { confusion, config: final.config, steps });
    });
  }
}

/** Counts the classes that the network predicts for the test images. */
async function confusionOf(
  training: Training,
  { classNames, test }: DataSet,
): Promise<Confusion> {
  const [predicted] = await training.predict("test");
  return countConfusion(test.labels, { predicted, classNames });
}
