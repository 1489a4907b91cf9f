/**
 * The files of a λ search.
 *
 * @module
 */
import { join } from "@std/path";
import { DataError } from "../../src/errors.ts";
import type { BestRow } from "../../src/records/lambda_search.ts";
import type { Results, ResultsOptions } from "../_kit/results.ts";
import { reviveSummary, type Summary } from "./training_run.ts";

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
