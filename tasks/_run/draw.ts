/**
 * The figures of all tasks. They are drawn from the rows of CSV files and the settings in config.json alone, so that they
 * can be redrawn to the same bytes.
 */
import { ArgumentError } from "../../src/errors.ts";
import {
  baselineFigure,
  confusionFigure,
  learningRatesFigure,
  scalingFigure,
  searchFigure,
  sensitivityFigure,
} from "../../src/figures/mod.ts";
import { SCALING_BASE, type ScalingRow } from "../../src/measure/scaling.ts";
import type { Confusion, MetricRow } from "../../src/model/metrics.ts";
import type { RunConfig } from "../../src/records/config.ts";
import { dataOf, isQuick } from "../../src/report/settings.ts";
import { refineRange, type TrialRow } from "../../src/train/lambda_search.ts";
import type { RateRow, Untrained } from "../../src/train/learning_rates.ts";
import type { CurveRow, SensitivityRun } from "../../src/train/sensitivity.ts";
import { count, short } from "../_kit/table.ts";

/** What a figure is drawn from: plain data, so that any thread can draw it. */
interface Drawn<Row> {
  readonly rows: readonly Row[];
  readonly config: RunConfig;
}

/** Draws the training of a network: a baseline run, or the final network of a search. */
export function drawRun({ rows, config }: Drawn<MetricRow>): Promise<string> {
  const { etaMin, etaMax, halfCycle } = config.settings;
  return baselineFigure(rows, {
    ...common(config),
    title: config.task === "lambda-search"
      ? `Final network, ${networkOf(config)}`
      : networkOf(config),
    subtitle: trainingSubtitle(config),
    // A constant rate has none.
    cycle: halfCycle === undefined
      ? undefined
      : { etaMin: Number(etaMin), etaMax: Number(etaMax), halfCycle: Number(halfCycle) },
  });
}

/**
 * Draws one stage of a search.
 *
 * @throws {ArgumentError} When the range of the stage is unknown.
 */
export function drawStage(
  { rows, ...search }: Drawn<TrialRow> & { readonly before: readonly TrialRow[] },
): Promise<string> {
  const { config } = search;
  const { hidden, batchNorm, halfCycle, cycles, seed, repeat } = config.settings;
  const [{ stage }] = rows;
  const [from, to] = rangeOf(stage, search).map(short);
  return searchFigure(rows, {
    ...common(config),
    title: `${stage[0].toUpperCase()}${stage.slice(1)} search, λ from ${from} to ${to}`,
    subtitle: joinParts([
      `hidden ${hidden}`,
      `batch norm ${batchNorm}`,
      `${2 * Number(halfCycle) * Number(cycles)} steps`,
      `seed ${seed}`,
      ...Number(repeat) > 1 ? [`${repeat} networks with each λ`] : [],
    ]),
  });
}

/** The range of a stage: its own setting, or around the best of the stages before. */
function rangeOf(
  stage: string,
  { config, before }: { config: RunConfig; before: readonly TrialRow[] },
): number[] {
  if (stage !== "coarse" && stage !== "fine") {
    const { from, to } = refineRange(before);
    return [from, to];
  }
  const range = config.settings[stage];
  if (!Array.isArray(range) || range.length !== 2 || range.some((end) => !Number.isFinite(end))) {
    throw new ArgumentError(
      `Cannot draw the stage ${stage} of a search: its range is ${JSON.stringify(range)}, ` +
        "expected two numbers",
    );
  }
  return range as number[];
}

/** Draws the confusion matrix of the final network of a search. */
export function drawConfusion(
  { confusion, config, steps }: {
    readonly confusion: Confusion;
    readonly config: RunConfig;
    readonly steps?: number;
  },
): Promise<string> {
  const { seed, lambda } = config.settings;
  const training = steps === undefined
    ? []
    : [`λ = ${Number(lambda).toExponential(2)}`, `${steps} steps`];
  return confusionFigure(confusion, {
    ...common(config),
    title: "Final network on the test images",
    subtitle: joinParts([...training, `seed ${seed}`]),
  });
}

/** Draws the confusion matrix of `predict`. */
export function drawPredictions(
  { confusion, config }: { readonly confusion: Confusion; readonly config: RunConfig },
): Promise<string> {
  const { split, modelSha256 } = config.settings;
  return confusionFigure(confusion, {
    ...common(config),
    title: split === "all" ? "Predictions for all records" : `Predictions for the ${split} records`,
    subtitle: joinParts([`model ${String(modelSha256).slice(0, 12)}`]),
  });
}

export function drawStudy(
  { rows, config, runs, classes }: Drawn<CurveRow> & {
    readonly runs: readonly SensitivityRun[];
    readonly classes: number;
  },
): Promise<string> {
  return sensitivityFigure(rows, {
    ...common(config),
    title: "Initial weights and batch norm",
    subtitle: trainingSubtitle(config),
    outcomes: runs,
    classes,
  });
}

/** Draws a test of learning rates. */
export function drawRates(
  { rows, config, ...untrained }: Drawn<RateRow> & Untrained,
): Promise<string> {
  return learningRatesFigure(rows, {
    ...common(config),
    title: `Learning rates, ${networkOf(config)}`,
    subtitle: joinParts([trainingSubtitle(config), `${config.settings.steps} steps`]),
    ...untrained,
  });
}

export function drawScaling(rows: readonly ScalingRow[], config: RunConfig): Promise<string> {
  const { hidden, batchNorm, batch, networks } = SCALING_BASE;
  const { adapter } = config.madeWith;
  return scalingFigure(rows, {
    ...common(config),
    title: "Time of a training step as the work grows",
    subtitle: joinParts([
      `${adapter}`,
      `otherwise hidden ${hidden}`,
      `batch norm ${batchNorm ? "on" : "off"}`,
      `batch ${batch}`,
      count(networks, "network"),
    ]),
  });
}

function common(config: RunConfig): { dataSet: string; quick: boolean } {
  return { dataSet: dataOf(config), quick: isQuick(config) };
}

/** As in "3 layers with batch norm". */
function networkOf({ settings: { hidden, batchNorm } }: RunConfig): string {
  const layers = (Array.isArray(hidden) ? hidden.length : 0) + 1;
  return `${layers} layers ${batchNorm === "on" ? "with" : "without"} batch norm`;
}

function trainingSubtitle({ settings: { hidden, lambda, batch, seed } }: RunConfig): string {
  return joinParts([
    `hidden ${hidden}`,
    `λ = ${short(Number(lambda))}`,
    `batch ${batch}`,
    `seed ${seed}`,
  ]);
}

/** Joins parts, each kept on one line by non-breaking spaces. */
function joinParts(parts: readonly string[]): string {
  return parts.map((part) => part.replaceAll(" ", "\u00a0")).join(" · ");
}
