/**
 * What a report shows: the parts of a reproduction, as far as they exist.
 *
 * @module
 */

import type { Confusion, Ending } from "../model/metrics.ts";
import type { RunConfig } from "../records/config.ts";
import type { GradientCheckRow, GradientTrial } from "../train/gradient_check.ts";
import type { BestRow, TrialRow } from "../train/lambda_search.ts";
import type { SensitivityRun } from "../train/sensitivity.ts";

/** The results of one task for one seed. */
export interface Part {
  /** The seed. */
  readonly seed: number;
  /** How it was made. */
  readonly config: RunConfig;
  /** The folder of its files, as in `baseline/seed-2`. */
  readonly folder: string;
}

/** A gradient check. */
export interface GradientCheckPart extends Part {
  /** A row for each parameter. */
  readonly rows: readonly GradientCheckRow[];
  /** Whether every error is within its bar; false also where the check was interrupted. */
  readonly passed: boolean;
  /** Comparisons at further settings; none unless the check passed. */
  readonly trials: readonly GradientTrial[];
}

/** The training of one network. */
export interface RunPart extends Part {
  /** Its name, as in `3-layer-batch-norm`. */
  readonly name: string;
  /** How it ended. */
  readonly ending: Ending;
  /** Its figure, the text of an SVG file. */
  readonly figure: string;
}

/** A λ search, as far as it went. */
export interface SearchPart extends Part {
  /** All trials, stage by stage. */
  readonly trials: readonly TrialRow[];
  /** A figure for each stage, each the text of an SVG file. */
  readonly figures: readonly { readonly stage: string; readonly svg: string }[];
  /** The best λ; null where they are missing. */
  readonly best: readonly BestRow[] | null;
  /** The network that was trained with the best λ; null where it is missing. */
  readonly final: RunPart | null;
  /** The confusion matrix of that network on the test images, with its figure; null where it is missing. */
  readonly confusion: { readonly matrix: Confusion; readonly svg: string } | null;
}

/** A study of initial weights. */
export interface SensitivityPart extends Part {
  /** How its networks ended. */
  readonly runs: readonly SensitivityRun[];
  /** Number of classes. */
  readonly classes: number;
  /** Its figure, the text of an SVG file. */
  readonly figure: string;
}

/** The commands that repeat a reproduction, as typed. */
export interface ReportCommands {
  /** All of it. */
  readonly all: string;
  /** One part after another, of one seed. */
  readonly parts: readonly string[];
  /** The figures and the page alone. */
  readonly page: string;
}

/** All that a report shows; each list in the order of the seeds. */
export interface ReportData {
  /** Gradient checks, one for each seed. */
  readonly gradientChecks: readonly GradientCheckPart[];
  /** Baseline runs, some for each seed. */
  readonly baselines: readonly RunPart[];
  /** Searches, one for each seed. */
  readonly searches: readonly SearchPart[];
  /** Studies of initial weights, one for each seed. */
  readonly sensitivities: readonly SensitivityPart[];
  /** Parts that are missing, as in `baseline/seed-2`. */
  readonly missing: readonly string[];
  /** Files that are not what they were when their part was finished, as in `baseline/seed-1/3-layer/metrics.csv`. */
  readonly edited: readonly string[];
  /** How to repeat it; null where there are no parts. */
  readonly commands: ReportCommands | null;
}

/** Lists all parts of a report, in its order. */
export function allParts(data: Omit<ReportData, "commands">): Part[] {
  const { gradientChecks, baselines, searches, sensitivities } = data;
  return [...gradientChecks, ...baselines, ...searches, ...sensitivities];
}
