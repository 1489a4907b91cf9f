/** A λ search: its options, the names of its stages and its files. */
import { PUBLISHED_SETTINGS } from "../../src/report/settings.ts";
import {
  choice,
  COMMON_OPTIONS,
  integer,
  PROFILE_OPTION,
  range,
  RESUME_OPTIONS,
  TRAINING_OPTIONS,
  type Values,
} from "../_kit/options.ts";
import type { ResultsOptions } from "../_kit/results.ts";

const { lambda: _lambda, batchNorm: _batchNorm, ...TRAINING } = TRAINING_OPTIONS;

const REPORT = PUBLISHED_SETTINGS["lambda-search"];

/** Far more than any adapter trains together. */
const MAX_NETWORKS = 1000;

export const SEARCH_OPTIONS = {
  ...COMMON_OPTIONS,
  ...PROFILE_OPTION,
  ...RESUME_OPTIONS,
  ...TRAINING,
  batchNorm: choice(["on", "off"], { default: REPORT.batchNorm, help: "batch normalisation" }),
  coarse: range({ default: REPORT.coarse, help: "range of λ in the first stage" }),
  coarseCount: integer({
    min: 1,
    max: MAX_NETWORKS,
    default: REPORT.coarseCount,
    help: "values of λ in the first stage",
  }),
  fine: range({ default: REPORT.fine, help: "range of λ in the second stage" }),
  fineCount: integer({
    min: 1,
    max: MAX_NETWORKS,
    default: REPORT.fineCount,
    help: "values of λ in the second stage, or in each round",
  }),
  refine: integer({
    min: 0,
    max: 100,
    default: REPORT.refine,
    help: "rounds between the neighbours of the best λ so far, in place of --fine",
  }),
  repeat: integer({
    min: 1,
    max: MAX_NETWORKS,
    default: REPORT.repeat,
    help: "networks with each λ, with different initial weights",
  }),
  finalCycles: integer({
    min: 1,
    default: REPORT.finalCycles,
    help: "cycles of the network with the best λ",
  }),
};

export type SearchOptions = Values<typeof SEARCH_OPTIONS>;

export function stageNames({ refine }: { readonly refine: number }): string[] {
  if (refine === 0) return ["coarse", "fine"];
  return ["coarse", ...Array.from({ length: refine }, (_, i) => `refine-${i + 1}`)];
}

/** The figures and profiles of any stage: a search with other settings may have had other stages. */
const STAGE_FILE = /^((coarse|fine|refine-\d+)\.svg|profile-(coarse|fine|refine-\d+)\.csv)$/;

/** The files of a search, apart from `config.json` and the final network's folder. */
export function searchFiles(options: { readonly refine: number }): ResultsOptions {
  const figures = [...stageNames(options).map((stage) => `${stage}.svg`), "confusion.svg"];
  return {
    files: ["trials.csv", "best.csv", "confusion.csv", "summary.json", ...figures],
    figures,
    otherFiles: STAGE_FILE,
  };
}
