/**
 * A λ search: its options, the names of its stages and its files.
 *
 * @module
 */
import {
  choice,
  COMMON_OPTIONS,
  integer,
  range,
  TRAINING_OPTIONS,
  type Values,
} from "../_kit/options.ts";
import { PUBLISHED_SETTINGS } from "../../src/report/settings.ts";
import type { ResultsOptions } from "../_kit/results.ts";
import { PROFILE_OPTION } from "./profile.ts";

const { lambda: _lambda, batchNorm: _batchNorm, ...TRAINING } = TRAINING_OPTIONS;

const REPORT = PUBLISHED_SETTINGS["lambda-search"];

/** Far more than any adapter trains together, and few enough to be counted before it refuses them. */
const MOST = 1000;

/** The options of the task `lambda-search`. */
export const SEARCH_OPTIONS = {
  ...COMMON_OPTIONS,
  ...PROFILE_OPTION,
  ...TRAINING,
  batchNorm: choice(["on", "off"], { default: REPORT.batchNorm, help: "batch normalisation" }),
  coarse: range({ default: REPORT.coarse, help: "where λ is looked for first" }),
  coarseCount: integer({
    min: 1,
    max: MOST,
    default: REPORT.coarseCount,
    help: "values of λ that are tried first",
  }),
  fine: range({ default: REPORT.fine, help: "where λ is looked for then" }),
  fineCount: integer({
    min: 1,
    max: MOST,
    default: REPORT.fineCount,
    help: "values of λ that are tried then, each round",
  }),
  refine: integer({
    min: 0,
    max: 100,
    default: REPORT.refine,
    help: "rounds between the neighbours of the best λ so far, instead of --fine",
  }),
  repeat: integer({
    min: 1,
    max: MOST,
    default: REPORT.repeat,
    help: "networks with each λ, of other initial weights",
  }),
  finalCycles: integer({
    min: 1,
    default: REPORT.finalCycles,
    help: "cycles of the network with the best λ",
  }),
};

/** The values of the options of the task `lambda-search`. */
export type SearchOptions = Values<typeof SEARCH_OPTIONS>;

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
