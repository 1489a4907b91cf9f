/**
 * The files of a λ search.
 *
 * @module
 */
import type { ResultsOptions } from "../_kit/results.ts";

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
