/**
 * The figure of a training: learning rate, loss, cost and accuracy.
 *
 * @module
 */

import { type Evaluation, hasValidation, type MetricRow } from "../model/metrics.ts";
import { type Cycle, eta, totalSteps } from "../model/schedule.ts";
import {
  type Chart,
  checkRows,
  curveLayers,
  dataLine,
  draw,
  type FigureOptions,
  finite,
  heading,
  keyPanel,
  type Panel,
  short,
  titleOf,
  verticalAxis,
} from "./chart.ts";

/** The curves of a training, and what they are of. */
const SETS = [{ name: "Training", split: "training" }, {
  name: "Validation",
  split: "validation",
}] as const;
type Sets = readonly (typeof SETS)[number][];
/** Titles of the panels; longer ones would push the panels apart. */
const MEASURES = {
  loss: { title: "Loss (mean cross-entropy, nats)", logTitle: "Loss (nats, log scale)" },
  cost: { title: "Cost (loss + λ ∑ ‖W‖²)", logTitle: "Cost (log scale)" },
  accuracy: { title: "Accuracy (% of images)" },
};

/** Size of one of four panels, without its axes. */
const PANEL = { width: 316, height: 190 };

/** The texts of a figure of a training. */
export interface BaselineFigureOptions extends FigureOptions {
  /** The cycle of the learning rate, to draw it exactly rather than from the values in the rows. */
  readonly cycle?: Cycle;
}

/**
 * Draws a training in four parts: learning rate, loss, cost and accuracy against steps. Values that are NaN or
 * infinite leave a gap, and the figure says at which step the first of them came. Without validation images there is no
 * curve of them.
 *
 * @param rows The metrics, in the order of training.
 * @param options Heading, data set, and what else the figure says.
 * @returns The text of an SVG file, about 830 pixels wide; the same rows and options give the same text.
 * @throws {ArgumentError} If there are no rows, or the cycle is not allowed.
 *
 * @example The exact cycle of the learning rate, and a network that diverges
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { baselineFigure } from "@headless/mlp/figures";
 *
 * const before = { loss: 2.3, cost: 3.5, accuracy: 0.1 };
 * const after = { loss: NaN, cost: NaN, accuracy: NaN };
 * const svg = await baselineFigure([
 *   { step: 0, epoch: 0, eta: null, training: before, validation: before },
 *   { step: 450, epoch: 1, eta: 5, training: after, validation: after },
 * ], {
 *   title: "3 layers",
 *   dataSet: "CIFAR-10",
 *   cycle: { etaMin: 1e-5, etaMax: 5, halfCycle: 450 },
 * });
 *
 * assertStringIncludes(svg, "Diverged: the first NaN or infinity is at step 450");
 * ```
 */
export function baselineFigure(
  rows: readonly MetricRow[],
  options: BaselineFigureOptions,
): Promise<string> {
  checkRows(rows, "training");
  const { cycle } = options;
  // For its checks alone: with a half cycle of 0, corners would never end.
  if (cycle !== undefined) totalSteps(cycle, 1);
  const { step: steps, epoch: epochs } = rows[rows.length - 1];
  const perEpoch = epochs > 0 ? steps / epochs : NaN;
  const xTitle = Number.isInteger(perEpoch) ? `Steps (1 epoch = ${perEpoch})` : "Steps";
  const sets: Sets = hasValidation(rows) ? SETS : SETS.slice(0, 1);
  const bad = firstBad(rows, sets);

  const title = titleOf(options);
  const lines = [dataLine(options)];
  if (bad !== null) lines.push(`Diverged: the first NaN or infinity is at step ${bad.step}`);
  const spec: Chart = {
    title: heading(title, lines),
    spacing: 26,
    vconcat: [
      keyPanel(sets.map(({ name }) => name), { width: 280 }),
      {
        columns: 2,
        spacing: { row: 30, column: 26 },
        concat: [
          learningRatePanel(rows, { cycle, xTitle }),
          curvesPanel(rows, { measure: "loss", xTitle, sets }),
          curvesPanel(rows, { measure: "cost", xTitle, sets }),
          curvesPanel(rows, { measure: "accuracy", xTitle, sets }),
        ],
      },
    ],
  };
  return draw(spec, { title: `${title}: training`, description: describe(rows, lines, sets) });
}

interface LearningRateOptions {
  readonly cycle?: Cycle;
  readonly xTitle: string;
}

function learningRatePanel(
  rows: readonly MetricRow[],
  { cycle, xTitle }: LearningRateOptions,
): Panel {
  const steps = rows[rows.length - 1].step;
  const values = cycle === undefined
    ? rows.map((row) => ({ step: row.step, eta: row.eta }))
    : cornerSteps(steps, cycle).map((step) => ({ step, eta: eta(step, cycle) }));
  const y = verticalAxis(values.map((value) => value.eta), {
    title: "Learning rate η",
    zero: true,
  });
  return {
    ...PANEL,
    data: { values },
    mark: { type: "line", point: cycle === undefined },
    encoding: { x: stepAxis(steps, xTitle), y: { field: "eta", ...y } },
  };
}

/** Lists the steps between which the learning rate is linear. */
function cornerSteps(steps: number, { halfCycle }: Cycle): number[] {
  const corners: number[] = [];
  for (let step = 0; step < steps; step += halfCycle) corners.push(step);
  corners.push(steps);
  return corners;
}

interface CurvesOptions {
  readonly measure: keyof typeof MEASURES;
  readonly xTitle: string;
  readonly sets: Sets;
}

function curvesPanel(rows: readonly MetricRow[], options: CurvesOptions): Panel {
  const { measure, xTitle, sets } = options;
  const share = measure === "accuracy";
  // Points on every row of a long training would hide its curves.
  const every = Math.ceil(rows.length / 30);
  const values = rows.flatMap((row, index) =>
    sets.map(({ name, split }) => ({
      step: row.step,
      value: finite(share ? 100 * row[split][measure] : row[split][measure]),
      series: name,
      marked: index % every === 0,
    }))
  );
  const y = verticalAxis(values.map(({ value }) => value), {
    ...MEASURES[measure],
    zero: share,
    // A run that diverges passes through many powers of ten first.
    logAbove: share ? Infinity : 1000,
  });
  return {
    ...PANEL,
    data: { values },
    layer: curveLayers(sets.map(({ name }) => name)),
    encoding: {
      x: stepAxis(rows[rows.length - 1].step, xTitle),
      y: { field: "value", ...y },
    },
  };
}

function stepAxis(steps: number, title: string) {
  const scale = { domain: [0, Math.max(steps, 1)], nice: false };
  return { field: "step", type: "quantitative" as const, scale, axis: { title, tickMinStep: 1 } };
}

/** The first row of a network that has diverged: its losses may still be finite, but it has no accuracy. */
function firstBad(rows: readonly MetricRow[], sets: Sets): MetricRow | null {
  return rows.find((row) =>
    sets.some(({ split }) => {
      const { loss, cost, accuracy } = row[split];
      return ![loss, cost, accuracy].every(Number.isFinite);
    })
  ) ?? null;
}

function describe(rows: readonly MetricRow[], lines: readonly string[], sets: Sets): string {
  const row = rows[rows.length - 1];
  const of = (text: (evaluation: Evaluation) => string, what: string) =>
    sets.map(({ split }) => `${split} ${what} ${text(row[split])}`).join(", ");
  const curves = sets.length > 1
    ? "with a curve for training and one for validation"
    : "of training";
  return `Four charts against steps: learning rate, loss, cost and accuracy, the last three ${curves}. ` +
    `${lines.join(". ")}. After ${row.step} steps (${short(row.epoch)} epochs): ` +
    `${of(({ loss }) => short(loss), "loss")}; ${of(({ cost }) => short(cost), "cost")}; ` +
    `${of(({ accuracy }) => shareText(accuracy), "accuracy")}.`;
}

/** As in "53.2 %"; "none" for NaN. */
function shareText(share: number): string {
  return Number.isFinite(share) ? `${short(100 * share)} %` : "none";
}
