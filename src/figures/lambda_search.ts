/**
 * The figure of one stage of a λ search: the trials on the validation images.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { maximum, minimum } from "../lists.ts";
import {
  bestResults,
  type LambdaResult,
  summariseTrials,
  type TrialRow,
} from "../train/lambda_search.ts";
import {
  type Chart,
  checkRows,
  dataLine,
  draw,
  type FigureOptions,
  heading,
  KEY_LINE,
  keyText,
  type Layers,
  type Panel,
  short,
  sideBySide,
  titleOf,
  verticalAxis,
  Y_AXIS,
} from "./chart.ts";
import { AXIS, BLUE, VERMILION } from "./colours.ts";
import { type LogAxis, logAxis } from "./log_axis.ts";

/** Size of each of the two panels, without its axes. */
const PANEL = { width: 306, height: 260 };
/** The vertical axes; longer titles would push the panels apart. */
const MEASURES = {
  validationAccuracy: { title: "Validation accuracy (%)" },
  validationCost: {
    title: "Validation cost (loss + λ ∑ ‖W‖²)",
    logTitle: "Validation cost (log scale)",
    logAbove: 1000,
  },
};
/** How the trials and the best of them are drawn. */
const TRIAL = { color: BLUE, shape: "circle", size: 64 };
const BEST = { color: VERMILION, shape: "diamond", size: 190 };

/**
 * Draws the trials of one stage of a search: validation accuracy and validation cost against λ. Where a λ is trained
 * from several initial weights, the mean is drawn, with a bar from min to max. The best λ, by
 * {@linkcode bestResults}, is marked and named. Networks that diverged are named and not drawn.
 *
 * @param rows The trials of one stage.
 * @param options Heading, data set, and what else the figure says.
 * @returns The text of an SVG file, about 830 pixels wide; the same rows and options give the same text.
 * @throws {ArgumentError} If there are no rows, or a λ is not positive.
 *
 * @example Two values of λ
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { searchFigure } from "@headless/mlp/figures";
 *
 * const rows = [{ lambda: 1e-3, accuracy: 0.52 }, { lambda: 1e-2, accuracy: 0.49 }];
 * const svg = await searchFigure(
 *   rows.map(({ lambda, accuracy }, i) => {
 *     const result = { loss: 1.4, cost: 1.5, accuracy };
 *     const trial = { stage: "coarse", trial: i + 1, lambda, seed: 1, divergedAt: null };
 *     return { ...trial, training: result, validation: result };
 *   }),
 *   { title: "3 layers, batch norm", dataSet: "CIFAR-10" },
 * );
 *
 * assertStringIncludes(svg, "Best: λ = 1.00e-3, accuracy 52.00 %");
 * ```
 */
export function searchFigure(
  rows: readonly TrialRow[],
  options: FigureOptions,
): Promise<string> {
  checkRows(rows, "search");
  const odd = rows.find(({ lambda }) => !(lambda > 0 && lambda < Infinity));
  if (odd !== undefined) {
    throw new ArgumentError(
      `Cannot draw the search: lambda is ${odd.lambda}, expected a positive number`,
    );
  }
  const title = titleOf(options);
  const results = summariseTrials(rows);
  const [first] = bestResults(rows, 1);
  // Where all networks of the first diverged, all others did too.
  const best = first.diverged < first.runs ? first : null;
  const lines = [dataLine(options)];
  const diverged = results.filter(({ diverged }) => diverged > 0);
  if (diverged.length > 0) {
    lines.push(`Diverged and not drawn: ${diverged.map(divergedText).join(", ")}`);
  }
  const axis = logAxis(results.map(({ lambda }) => lambda), { title: "L2 weight λ (log scale)" });
  const panels = (["validationAccuracy", "validationCost"] as const).map((measure) =>
    measurePanel(results, { measure, best, axis })
  );
  const spec: Chart = {
    title: heading(title, lines),
    spacing: 26,
    vconcat: [
      keyPanel(results, best),
      sideBySide(panels),
    ],
  };
  const description = "Two charts against λ on a logarithmic axis: validation accuracy and " +
    `validation cost. ${lines.join(". ")}. ${bestText(best)}. ` +
    `All: ${results.map(describe).join("; ")}.`;
  return draw(spec, { title: `${title}: search for λ`, description });
}

interface MeasureOptions {
  readonly measure: keyof typeof MEASURES;
  readonly best: LambdaResult | null;
  readonly axis: LogAxis;
}

function measurePanel(results: readonly LambdaResult[], options: MeasureOptions): Panel {
  const { measure, best, axis } = options;
  const unit = measure === "validationAccuracy" ? 100 : 1;
  const values = results.flatMap(({ trial, lambda, [measure]: { mean, min, max } }) => {
    // NaN where all networks diverged; infinity has no place on an axis.
    if (!Number.isFinite(max)) return [];
    const value = { mean: unit * mean, min: unit * min, max: unit * max };
    return [{ lambda, ...value, best: trial === best?.trial }];
  });
  const ends = values.flatMap(({ min, max }) => [min, max]);
  const y = verticalAxis(ends, { ...MEASURES[measure], zero: false });
  const bars: Layers = values.every(({ min, max }) => min === max) ? [] : [
    {
      mark: { type: "rule", color: TRIAL.color, strokeWidth: 2 },
      encoding: { y: { field: "min" }, y2: { field: "max" } },
    },
    ...["min", "max"].map((end) => ({
      mark: {
        type: "tick" as const,
        color: TRIAL.color,
        orient: "horizontal" as const,
        thickness: 2,
        opacity: 1,
        size: 11,
      },
      encoding: { y: { field: end } },
    })),
  ];
  return {
    ...PANEL,
    data: { values },
    encoding: {
      x: { field: "lambda", type: "quantitative", ...axis },
      y: { field: "mean", ...y, scale: wideScale(ends) ?? y.scale },
    },
    layer: [
      {
        transform: [{ filter: "datum.best" }],
        mark: { type: "rule", color: AXIS, strokeDash: [4, 4] },
        encoding: { y: { value: 0 }, y2: { value: PANEL.height } },
      },
      ...bars,
      { transform: [{ filter: "!datum.best" }], mark: { type: "point", ...TRIAL } },
      { transform: [{ filter: "datum.best" }], mark: { type: "point", ...BEST } },
    ],
  };
}

/** Widens the axis of values that are almost equal: otherwise its ticks have many digits. */
function wideScale(values: readonly number[]): { domain: number[] } | null {
  const [min, max] = [minimum(values), maximum(values)];
  const margin = 0.01 * max;
  return margin > 0 && max - min < 2 * margin ? { domain: [min - margin, max + margin] } : null;
}

/** Explains the points, a line for each kind. */
function keyPanel(results: readonly LambdaResult[], best: LambdaResult | null): Panel {
  const networks = maximum(results.map((result) => result.runs));
  const usual = networks === 1
    ? "One network for each λ"
    : `Mean of ${networks} networks for each λ, bar from min to max`;
  const texts = [usual, bestText(best)];
  const marks = best === null ? [TRIAL] : [TRIAL, BEST];
  return {
    // From the left of the axes, in line with the heading.
    width: 2 * PANEL.width + Y_AXIS,
    height: KEY_LINE,
    layer: [
      ...marks.map((mark, i) => ({
        data: { values: [{}] },
        mark: { type: "point" as const, ...mark },
        encoding: { x: { value: 10 - Y_AXIS }, y: { value: KEY_LINE * i } },
      })),
      ...texts.map((text, line) => keyText(text, { x: 28 - Y_AXIS, line })),
    ],
  };
}

function bestText(best: LambdaResult | null): string {
  return best === null
    ? "No best λ: all networks diverged"
    : `Best: λ = ${lambdaText(best.lambda)}, ${valuesText(best)}`;
}

function divergedText({ lambda, diverged, runs }: LambdaResult): string {
  // Blanks that do not break keep each λ on one line.
  return `λ = ${lambdaText(lambda)}` +
    (runs === 1 ? "" : ` (${diverged} of ${runs})`);
}

function describe(result: LambdaResult): string {
  return `λ = ${lambdaText(result.lambda)}, ${valuesText(result)}`;
}

function valuesText({ validationAccuracy, validationCost, diverged, runs }: LambdaResult): string {
  return diverged === runs
    ? "diverged"
    : `accuracy ${(100 * validationAccuracy.mean).toFixed(2)} %, cost ${
      short(validationCost.mean)
    }`;
}

function lambdaText(lambda: number): string {
  return lambda.toExponential(2);
}
