/**
 * The figure of a study of initial weights: the training loss of each run in a panel of its own.
 *
 * @module
 */

import { distinct, maximum, minimum } from "../lists.ts";
import { type CurveRow, initialWeightsName } from "../train/sensitivity.ts";
import {
  type Chart,
  checkRows,
  dataLine,
  draw,
  type FigureOptions,
  finite,
  heading,
  type Layers,
  PADDING,
  type Panel,
  roomOf,
  short,
  titleOf,
  WIDTH,
  wrap,
  Y_AXIS,
} from "./chart.ts";
import { BLUE, INK, PANEL_BORDER, VERMILION } from "./colours.ts";

/** The maximum number of panels side by side: narrower ones have no room for their texts. */
const COLUMNS = 5;
/** The gap between panels, in pixels. */
const GAP = 18;
/** The height of a panel, in pixels. */
const HEIGHT = 150;
/** The height of a line above a panel, in pixels. */
const HEADER_LINE = 19;
/**
 * The axis ends at this multiple of the loss of guessing, so that a loss that explodes leaves the others readable; losses
 * from large initial weights stay below it.
 */
const CUT = 1.5;

/** How a run ended. */
export interface CurveOutcome {
  /** How the weights started, as in the rows. */
  readonly sigma: string;
  /** Whether the network has batch norm. */
  readonly batchNorm: boolean;
  /** A few words, as in `diverged at step 12`. */
  readonly outcome: string;
}

/** The texts of a figure of a study of initial weights. */
export interface SensitivityFigureOptions extends FigureOptions {
  /** How the runs ended, shown above each. */
  readonly outcomes?: readonly CurveOutcome[];
  /** Number of classes; where given, a dashed line marks the loss of guessing, ln(classes). */
  readonly classes?: number;
}

/** One curve, and how it ended. */
interface Run {
  readonly sigma: string;
  readonly batchNorm: boolean;
  readonly points: readonly Point[];
  readonly outcome: string;
}

interface Point {
  readonly step: number;
  /** Null where it is NaN or infinite. */
  readonly loss: number | null;
  /** Whether it stands alone, or is the last before NaN or infinity. */
  readonly marked: boolean;
}

/**
 * Draws the training loss of each run against steps, in small panels with the same axes: a column for each way to start
 * the weights, in the order of the rows, and a line of panels without batch norm above one with it. Values that are
 * NaN or infinite leave a gap, and a dot marks the last value before. Losses far above that of guessing are cut off,
 * which the figure says.
 *
 * @param rows The curves, each in the order of training.
 * @param options Heading, data set, and what else the figure says.
 * @returns The text of an SVG file, about 830 pixels wide; the same rows and options give the same text.
 * @throws {ArgumentError} If there are no rows.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { sensitivityFigure } from "@headless/mlp/figures";
 *
 * const svg = await sensitivityFigure([
 *   { sigma: "0.001", batchNorm: false, step: 0, trainingLoss: 2.303 },
 *   { sigma: "0.001", batchNorm: false, step: 100, trainingLoss: 2.303 },
 *   { sigma: "0.001", batchNorm: true, step: 0, trainingLoss: 2.303 },
 *   { sigma: "0.001", batchNorm: true, step: 100, trainingLoss: 1.62 },
 * ], { title: "Initial weights", dataSet: "CIFAR-10", classes: 10 });
 *
 * assertStringIncludes(svg, "σ = 0.001");
 * ```
 */
export function sensitivityFigure(
  rows: readonly CurveRow[],
  options: SensitivityFigureOptions,
): Promise<string> {
  checkRows(rows, "study");
  const { outcomes = [], classes } = options;
  const title = titleOf(options);
  const runs = runsOf(rows, outcomes);
  const guessing = classes === undefined ? null : Math.log(classes);
  const limit = CUT * (guessing ?? usualStart(runs));
  const highest = runs.reduce((a, b) => peak(b) > peak(a) ? b : a);

  const lines = [dataLine(options)];
  if (guessing !== null) {
    lines.push(`Dashed: the loss of guessing, ln(${classes}) = ${guessing.toFixed(3)}`);
  }
  if (runs.some(({ points }) => points.slice(0, -1).some(({ marked }) => marked))) {
    lines.push("A dot ends a curve whose next value is NaN or infinite");
  }
  if (peak(highest) > limit) {
    lines.push(`Losses above ${short(limit)} are cut off; the highest is ${short(peak(highest))}`);
  }
  const groups = inGroups(distinct(rows.map(({ sigma }) => sigma)));
  const columns = groups[0].length;
  const width = Math.floor((WIDTH - 2 * PADDING - Y_AXIS - (columns - 1) * GAP) / columns);
  const look = { ...sharedScales(runs, { limit, guessing }), guessing, width };
  const bands = groups.flatMap((sigmas) =>
    [false, true].map((batchNorm) => ({ sigmas, batchNorm }))
      .filter((band) => runs.some((run) => belongs(run, band)))
  );
  const spec: Chart = {
    title: heading(title, lines),
    spacing: 24,
    vconcat: bands.map((band, i) =>
      bandPanel(runs, { ...look, band, last: i === bands.length - 1 })
    ),
  };
  const description = `A small chart for each run, of its training loss in nats against steps. ` +
    `${lines.join(". ")}. ${runs.map(describe).join(" ")} ${describeBest(runs)}`;
  return draw(spec, { title: `${title}: training loss`, description });
}

function runsOf(rows: readonly CurveRow[], outcomes: readonly CurveOutcome[]): Run[] {
  const byRun = Map.groupBy(rows, ({ sigma, batchNorm }) => `${batchNorm} ${sigma}`);
  return [...byRun.values()].map((rowsOfRun) => {
    const [{ sigma, batchNorm }] = rowsOfRun;
    const losses = rowsOfRun.map(({ trainingLoss }) => finite(trainingLoss));
    return {
      sigma,
      batchNorm,
      points: rowsOfRun.map(({ step }, i) => ({
        step,
        loss: losses[i],
        marked: losses[i] !== null && (losses.length === 1 || losses[i + 1] === null),
      })),
      outcome: outcomes.find((one) =>
        one.sigma === sigma && one.batchNorm === batchNorm
      )?.outcome ?? "",
    };
  });
}

/** The largest value of a curve. */
function peak({ points }: Run): number {
  return maximum(points.map(({ loss }) => loss ?? -Infinity));
}

/** The median of the losses before training, which are near that of guessing unless initial weights are large. */
function usualStart(runs: readonly Run[]): number {
  const starts = runs.map(({ points }) => points[0].loss).filter((loss) => loss !== null)
    .sort((a, b) => a - b);
  return starts.length === 0 ? 1 : starts[starts.length >> 1];
}

/** Splits σ into bands of about the same length. */
function inGroups(sigmas: readonly string[]): string[][] {
  const groups = Math.ceil(sigmas.length / COLUMNS);
  const length = Math.ceil(sigmas.length / groups);
  return Array.from({ length: groups }, (_, i) => sigmas.slice(i * length, (i + 1) * length));
}

interface Band {
  readonly sigmas: readonly string[];
  readonly batchNorm: boolean;
}

function belongs(run: Run, { sigmas, batchNorm }: Band): boolean {
  return run.batchNorm === batchNorm && sigmas.includes(run.sigma);
}

interface Scales {
  readonly x: { readonly domain: number[]; readonly nice: boolean };
  readonly y: { readonly domain: number[]; readonly nice: boolean };
  /** Where curves are cut off. */
  readonly limit: number;
  /** Whether the vertical axis has ticks: not where all losses are NaN or infinite. */
  readonly ticks: boolean;
}

function sharedScales(
  runs: readonly Run[],
  { limit, guessing }: { readonly limit: number; readonly guessing: number | null },
): Scales {
  const points = runs.flatMap(({ points }) => points);
  const known = points.map(({ loss }) => loss).filter((loss) => loss !== null);
  if (guessing !== null) known.push(guessing);
  const x = { domain: [0, Math.max(1, maximum(points.map(({ step }) => step)))], nice: false };
  if (known.length === 0) return { x, y: { domain: [0, 1], nice: false }, limit, ticks: false };
  const top = maximum(known);
  // An axis of no length would have no ticks.
  const bottom = Math.min(minimum(known), 0.9 * top, limit);
  return {
    x,
    y: { domain: [bottom, Math.min(top, limit)], nice: top <= limit },
    limit,
    ticks: true,
  };
}

interface BandOptions extends Scales {
  readonly band: Band;
  /** The width of each panel, in pixels. */
  readonly width: number;
  /** The loss of guessing, where it is known. */
  readonly guessing: number | null;
  /** Whether no other band follows. */
  readonly last: boolean;
}

function bandPanel(runs: readonly Run[], options: BandOptions): Panel {
  const { band, width } = options;
  const ofBand = band.sigmas.map((sigma) =>
    runs.find((run) => run.sigma === sigma && run.batchNorm === band.batchNorm) ??
      { sigma, batchNorm: band.batchNorm, points: [], outcome: "no run" }
  );
  const outcomes = ofBand.map(({ outcome }) =>
    outcome === "" ? [] : wrap(outcome, Math.floor(width / roomOf("x")))
  );
  const lines = maximum(outcomes.map(({ length }) => length));
  return {
    title: {
      text: `Training loss (nats), batch norm ${band.batchNorm ? "on" : "off"}`,
      fontSize: 16,
      offset: 8,
    },
    spacing: GAP,
    // Otherwise a dot on the edge of a panel pushes the next one out of its column.
    bounds: "flush",
    hconcat: ofBand.map((run, i) =>
      runPanel(run, {
        ...options,
        first: i === 0,
        header: [initialWeightsName(run.sigma), ...outcomes[i]],
        headerLines: 1 + lines,
      })
    ),
  };
}

interface RunPanelOptions extends BandOptions {
  /** Whether it shows the labels of the vertical axis. */
  readonly first: boolean;
  /** The lines above the panel: how the weights started, and how the run ended. */
  readonly header: readonly string[];
  /** The maximum number of lines above a panel of the band: all begin at the same height. */
  readonly headerLines: number;
}

function runPanel(run: Run, options: RunPanelOptions): Panel {
  const { x, y, limit, ticks, width, guessing, first, last, header, headerLines } = options;
  const color = run.batchNorm ? BLUE : VERMILION;
  const quantitative = { type: "quantitative" as const };
  const layer: Layers = [
    { mark: { type: "line", color } },
    { transform: [{ filter: "datum.marked" }], mark: { type: "point", color } },
    // Not as a title, whose height changes above a curve that reaches the top.
    ...header.map((text, i) => ({
      data: { values: [{}] },
      mark: {
        type: "text" as const,
        text,
        fontWeight: i === 0 ? "bold" as const : "normal" as const,
      },
      encoding: { x: { value: 0 }, y: { value: HEADER_LINE * (i - headerLines + 0.3) } },
    })),
  ];
  return {
    width,
    height: HEIGHT,
    view: { stroke: PANEL_BORDER },
    data: { values: cutAbove(run.points, limit) },
    encoding: {
      x: {
        field: "step",
        ...quantitative,
        scale: x,
        axis: {
          title: last ? "Steps" : null,
          tickMinStep: 1,
          tickCount: width < 180 ? 2 : 4,
          labelFlush: true,
        },
      },
      y: {
        field: "loss",
        ...quantitative,
        scale: y,
        axis: {
          title: null,
          ...ticks ? {} : { values: [] },
          ...first ? {} : { labels: false, minExtent: 0, maxExtent: 0 },
        },
      },
    },
    layer: guessing === null ? layer : [...layer, {
      // Above the curve, which otherwise covers it where a run stalled.
      data: { values: [{ loss: guessing }] },
      mark: { type: "rule", color: INK, strokeDash: [5, 4] },
      encoding: { x: { value: 0 }, x2: { value: width } },
    }],
  };
}

/** Ends a curve at a limit. Vega would use a clip path, whose name changes and may clash with another figure's. */
function cutAbove(points: readonly Point[], limit: number): Point[] {
  return points.flatMap((point, i) => {
    const { step, loss } = point;
    const kept = loss !== null && loss > limit ? { step, loss: null, marked: false } : point;
    const next = points[i + 1] ?? point;
    if (loss === null || next.loss === null || loss > limit === next.loss > limit) return [kept];
    const share = (limit - loss) / (next.loss - loss);
    return [kept, { step: step + share * (next.step - step), loss: limit, marked: false }];
  });
}

function describe({ sigma, batchNorm, points, outcome }: Run): string {
  const ending = outcome === "" ? "" : `, ${outcome}`;
  return `${initialWeightsName(sigma)}, batch norm ${batchNorm ? "on" : "off"}: ` +
    `${lossText(points[0])} at first, ${lossText(points[points.length - 1])} after ` +
    `${points[points.length - 1].step} steps${ending}.`;
}

function lossText({ loss }: Point): string {
  return loss === null ? "not a finite number" : short(loss);
}

function describeBest(runs: readonly Run[]): string {
  const last = ({ points }: Run) => points[points.length - 1].loss ?? Infinity;
  const best = runs.reduce((a, b) => last(b) < last(a) ? b : a);
  return last(best) === Infinity
    ? "No run ended with a finite loss."
    : `The lowest at the end is ${short(last(best))}: ${
      initialWeightsName(best.sigma)
    }, batch norm ` +
      `${best.batchNorm ? "on" : "off"}.`;
}
