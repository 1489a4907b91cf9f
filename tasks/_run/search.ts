/**
 * A λ search: its options, the names of its stages and its files.
 *
 * @module
 */
import { join } from "@std/path";
import { DataError } from "../../src/errors.ts";
import type { BestRow } from "../../src/records/lambda_search.ts";
import {
  choice,
  COMMON_OPTIONS,
  integer,
  range,
  TRAINING_OPTIONS,
  type Values,
} from "../_kit/options.ts";
import type { Results, ResultsOptions } from "../_kit/results.ts";
import { PROFILE_OPTION } from "./profile.ts";
import { reviveSummary, type Summary } from "./training_run.ts";

const { lambda: _lambda, batchNorm: _batchNorm, ...TRAINING } = TRAINING_OPTIONS;

/** Far more than any adapter trains together, and few enough to be counted before it refuses them. */
const MOST = 1000;

/** The options of the task `lambda-search`. */
export const SEARCH_OPTIONS = {
  ...COMMON_OPTIONS,
  ...PROFILE_OPTION,
  ...TRAINING,
  batchNorm: choice(["on", "off"], { default: "on", help: "batch normalisation" }),
  coarse: range({ default: [1e-5, 1e-1], help: "where λ is looked for first" }),
  coarseCount: integer({
    min: 1,
    max: MOST,
    default: 10,
    help: "values of λ that are tried first",
  }),
  fine: range({ default: [1e-3, 1e-2], help: "where λ is looked for then" }),
  fineCount: integer({
    min: 1,
    max: MOST,
    default: 10,
    help: "values of λ that are tried then, each round",
  }),
  refine: integer({
    min: 0,
    max: 100,
    default: 0,
    help: "rounds between the neighbours of the best λ so far, instead of --fine",
  }),
  repeat: integer({
    min: 1,
    max: MOST,
    default: 1,
    help: "networks with each λ, of other initial weights",
  }),
  finalCycles: integer({ min: 1, default: 3, help: "cycles of the network with the best λ" }),
};

/** The values of the options of the task `lambda-search`. */
export type SearchOptions = Values<typeof SEARCH_OPTIONS>;

/** `summary.json`: how a search ended. */
export interface SearchSummary {
  /** Name of the data set. */
  readonly data: string;
  /** Number of classes. */
  readonly classes: number;
  /** The best λ of all stages. */
  readonly best_lambda: number;
  /** The best λ of the first stage. */
  readonly coarse_best_lambda: number;
  /** Validation accuracy of the best λ. */
  readonly val_accuracy: number;
  /** What `best.csv` says. */
  readonly best: readonly BestRow[];
  /** How the final network ended. */
  readonly final: Summary;
  /** Name of the adapter. */
  readonly adapter: string;
  /** Whether the adapter is a software driver. */
  readonly software: boolean;
  /** Present and true where the search was a quick try. */
  readonly quick?: true;
}

/** The stages of a search, in order. */
export function stageNames({ refine }: { readonly refine: number }): string[] {
  if (refine === 0) return ["coarse", "fine"];
  return ["coarse", ...Array.from({ length: refine }, (_, i) => `refine-${i + 1}`)];
}

/** The figures and profiles of the stages of any search: one of other settings may have had other stages. */
const STAGE_FILE = /^((coarse|fine|refine-\d+)\.svg|profile-(coarse|fine|refine-\d+)\.csv)$/;

/**
 * The files of a search, `config.json` and the final network's folder aside.
 *
 * @param options Which stages there are.
 * @returns What {@linkcode openResults} is to be given.
 */
export function searchFiles(options: { readonly refine: number }): ResultsOptions {
  return {
    files: [
      "trials.csv",
      ...stageNames(options).map((stage) => `${stage}.svg`),
      "best.csv",
      "confusion.csv",
      "confusion.svg",
      "summary.json",
    ],
    finished: "summary.json",
    otherFiles: STAGE_FILE,
  };
}

/**
 * Reads how a search that is finished ended.
 *
 * @param results The search's directory.
 * @returns What its `summary.json` says.
 * @throws {DataError} When the file is not what this program writes.
 */
export async function readSearchSummary({ directory }: Results): Promise<SearchSummary> {
  const path = join(directory, "summary.json");
  const text = await Deno.readTextFile(path);
  try {
    const summary = JSON.parse(text) as SearchSummary;
    // JSON has no NaN.
    const best = summary.best.map((row) => ({ ...row, val_accuracy: row.val_accuracy ?? NaN }));
    return { ...summary, best, final: reviveSummary(summary.final) };
  } catch {
    throw new DataError(
      `Cannot read ${path}: expected the results of a search as this program writes them; --force runs again`,
    );
  }
}
