/**
 * `summary.json`: how a training, a study of initial weights, a λ search, a test of learning rates or a gradient check ended.
 * Results with a summary are finished.
 *
 * @module
 */

import type { Ending, Evaluation } from "../model/metrics.ts";
import type { GradientTrial } from "../train/gradient_check.ts";
import type { BestRow } from "../train/lambda_search.ts";
import type { RateTest, SuggestedRange } from "../train/learning_rates.ts";
import type { SensitivityRun } from "../train/sensitivity.ts";
import {
  BOOLEAN,
  COUNT,
  type JsonFields,
  JsonFile,
  type JsonValue,
  list,
  MEASURED,
  nullable,
  NUMBER,
  object,
  optional,
  SHARE,
  TEXT,
} from "./json.ts";

/** What every summary says. */
export interface Summary {
  /** Name of the data set. */
  readonly data: string;
  /** Name of the adapter. */
  readonly adapter: string;
  /** Whether the adapter is a software driver. */
  readonly software: boolean;
  /** Present and true for a quick run. */
  readonly quick?: boolean;
}

/** How the training of one network ended. */
export interface RunSummary extends Summary, Ending {
  /** Epochs done. */
  readonly epochs: number;
  /** Updates before the row with the smallest validation loss, where that was kept; null where no row has one. */
  readonly bestStep?: number | null;
  /** On all validation images at that step. */
  readonly bestValidation?: Evaluation | null;
}

/** How a study of initial weights ended. */
export interface StudySummary extends Summary {
  /** Number of classes. */
  readonly classes: number;
  /** The runs: without batch norm, then with it. */
  readonly runs: readonly SensitivityRun[];
}

/** How a λ search ended. */
export interface SearchSummary extends Summary {
  /** Number of classes. */
  readonly classes: number;
  /** The best λ of all stages. */
  readonly bestLambda: number;
  /** The best λ of the first stage; NaN if all its networks diverged. */
  readonly coarseBestLambda: number;
  /** Validation accuracy of the best λ. */
  readonly validationAccuracy: number;
  /** What `best.csv` says. */
  readonly best: readonly BestRow[];
  /** How the final network ended. */
  readonly final: RunSummary;
}

/** How a test of learning rates ended; its rows are in `learning_rates.csv`. */
export interface RateTestSummary extends Summary, Omit<RateTest, "rows"> {}

/** How a gradient check that passed ended. */
export interface GradientCheckSummary extends Summary {
  /** Whether every error is within its bar. */
  readonly passed: boolean;
  /** What was compared on the GPU. */
  readonly trials: readonly GradientTrial[];
}

const EVALUATION: JsonValue<Evaluation> = object<Evaluation>({
  loss: MEASURED,
  cost: MEASURED,
  accuracy: SHARE,
});

const EVALUATIONS: JsonFields<Pick<Ending, "training" | "validation" | "test">> = {
  training: { name: "train", value: EVALUATION },
  validation: { name: "val", value: EVALUATION },
  test: EVALUATION,
};

/** What every summary says of the machine. */
export const MACHINE: JsonFields<Pick<Summary, "adapter" | "software" | "quick">> = {
  adapter: TEXT,
  software: BOOLEAN,
  quick: optional(BOOLEAN),
};

const RUN: JsonValue<RunSummary> = object<RunSummary>({
  data: TEXT,
  ...EVALUATIONS,
  steps: COUNT,
  epochs: NUMBER,
  divergedAt: nullable(COUNT),
  bestStep: optional(nullable(COUNT)),
  bestValidation: { name: "best_val", value: optional(nullable(EVALUATION)) },
  ...MACHINE,
});

/** The format of the `summary.json` of one training. */
export const RUN_SUMMARY_JSON: JsonFile<RunSummary> = new JsonFile(RUN);

const SENSITIVITY_RUN: JsonValue<SensitivityRun> = object<SensitivityRun>({
  sigma: TEXT,
  batchNorm: BOOLEAN,
  ...EVALUATIONS,
  steps: COUNT,
  divergedAt: nullable(COUNT),
  outcome: TEXT,
});

/** The format of the `summary.json` of a study of initial weights. */
export const STUDY_SUMMARY_JSON: JsonFile<StudySummary> = new JsonFile(object<StudySummary>({
  data: TEXT,
  classes: COUNT,
  runs: list(SENSITIVITY_RUN),
  ...MACHINE,
}));

const BEST: JsonValue<BestRow> = object<BestRow>({
  rank: COUNT,
  lambda: NUMBER,
  validationAccuracy: { name: "val_accuracy", value: SHARE },
  publishedLambda: nullable(NUMBER),
  publishedValidationAccuracy: { name: "published_val_accuracy", value: nullable(SHARE) },
});

/** The format of the `summary.json` of a λ search. */
export const SEARCH_SUMMARY_JSON: JsonFile<SearchSummary> = new JsonFile(object<SearchSummary>({
  data: TEXT,
  classes: COUNT,
  bestLambda: NUMBER,
  coarseBestLambda: MEASURED,
  validationAccuracy: { name: "val_accuracy", value: SHARE },
  best: list(BEST),
  final: RUN,
  ...MACHINE,
}));

/** The format of the `summary.json` of a test of learning rates. */
export const RATE_TEST_SUMMARY_JSON: JsonFile<RateTestSummary> = new JsonFile(
  object<RateTestSummary>({
    data: TEXT,
    classes: COUNT,
    steps: COUNT,
    initialLoss: MEASURED,
    range: nullable(object<SuggestedRange>({ etaMin: NUMBER, etaMax: NUMBER, best: NUMBER })),
    reason: nullable(TEXT),
    ...MACHINE,
  }),
);

const TRIAL: JsonValue<GradientTrial> = object<GradientTrial>({
  hidden: list(COUNT),
  batchNorm: BOOLEAN,
  inputs: COUNT,
  batch: COUNT,
  worst: object({ name: TEXT, kind: TEXT, error: MEASURED, bar: NUMBER }),
  failures: list(TEXT),
});

/** The format of a trial of a gradient check alone. */
export const GRADIENT_TRIAL_JSON: JsonFile<GradientTrial> = new JsonFile(TRIAL);

/** The format of the `summary.json` of a gradient check. */
export const GRADIENT_CHECK_SUMMARY_JSON: JsonFile<GradientCheckSummary> = new JsonFile(
  object<GradientCheckSummary>({
    data: TEXT,
    passed: BOOLEAN,
    trials: list(TRIAL),
    ...MACHINE,
  }),
);
