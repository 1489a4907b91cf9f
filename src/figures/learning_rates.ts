/**
 * The figure of a learning-rate range test: the training loss that each rate reached, and the suggested range.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { minimum } from "../lists.ts";
import {
  type RangeSuggestion,
  type RateRow,
  type SuggestedRange,
  suggestRange,
  type Untrained,
} from "../train/learning_rates.ts";
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
  titleOf,
  Y_AXIS,
} from "./chart.ts";
import { AXIS, BLUE, INK, VERMILION } from "./colours.ts";
import { logAxis } from "./log_axis.ts";

/** Size of the panel, without its axes. */
const PANEL = { width: 710, height: 300 };
/** How far below the top edge stand the networks that have no place in the panel, in pixels. */
const EDGE = 10;
/** The room above the initial loss and below the smallest, as shares of the fall between them. */
const ROOM = { above: 0.35, below: 0.1 };
/** How everything is drawn. */
const TRAINED = { color: BLUE, shape: "circle", size: 64 };
const BEST = { color: VERMILION, shape: "diamond", size: 190 };
const HIGH = { color: BLUE, shape: "triangle-up", size: 90 };
const DIVERGED = { color: INK, shape: "cross", size: 90, angle: 45 };
const RANGE = { color: BLUE, opacity: 0.15 };
const INITIAL = { color: AXIS, strokeDash: [4, 4], strokeWidth: 2 };

/** Texts of the figure, and what its networks are compared with. */
export interface LearningRatesOptions extends FigureOptions, Untrained {}

/**
 * Draws the training loss of each network of a test against its learning rate. The range that `suggestRange` suggests is
 * shaded, or the figure says why there is none. Networks that diverged stand at the upper edge, and so do those that ended
 * far above the loss of the initial weights.
 *
 * @param rows The networks of one test, in any order.
 * @param options Heading, data set, what else the figure says, and what the networks are compared with.
 * @returns The text of an SVG file, about 830 pixels wide; the same rows and options give the same text.
 * @throws {ArgumentError} If there are no rows, or a learning rate is not positive.
 *
 * @example Five rates, of which two are suggested
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { learningRatesFigure } from "@headless/mlp/figures";
 *
 * const losses = new Map([[1e-4, 2.3], [1e-3, 2.1], [1e-2, 1.7], [1e-1, 1.5], [1, 1.8]]);
 * const svg = await learningRatesFigure(
 *   Array.from(losses, ([eta, trainingLoss]) => (
 *     { eta, trainingLoss, trainingAccuracy: 0.4, divergedAt: null }
 *   )),
 *   { title: "Learning rates", dataSet: "CIFAR-10", classes: 10, initialLoss: 2.3 },
 * );
 *
 * assertStringIncludes(svg, "Suggested range: η from 0.001 to 0.1");
 * ```
 */
export function learningRatesFigure(
  rows: readonly RateRow[],
  options: LearningRatesOptions,
): Promise<string> {
  checkRows(rows, "learning rates");
  const odd = rows.find(({ eta }) => !(eta > 0 && eta < Infinity));
  if (odd !== undefined) {
    throw new ArgumentError(
      `Cannot draw the learning rates: eta is ${odd.eta}, expected a positive number`,
    );
  }
  const { initialLoss } = options;
  const suggestion = suggestRange(rows, options);
  const test = { points: pointsOf(rows, options), suggestion, initialLoss };
  const title = titleOf(options);
  const lines = [dataLine(options)];
  if (suggestion.reason !== null) lines.push(`No range is suggested. ${suggestion.reason}`);
  const key = keyOf(test);
  const spec: Chart = {
    title: heading(title, lines),
    spacing: 26,
    vconcat: [keyPanel(key), lossPanel(test, domainOf(rows, options))],
  };
  const description =
    "A chart of the training loss against the learning rate, on a logarithmic axis. " +
    `${lines.join(". ")}. ${key.map(({ text }) => text).join(". ")}. ` +
    `All: ${test.points.map(describe).join("; ")}.`;
  return draw(spec, { title: `${title}: test of learning rates`, description });
}

/** A network in the figure. */
interface Point {
  readonly eta: number;
  readonly loss: number;
  /** Whether its loss has a place in the panel. */
  readonly place: "inside" | "high" | "diverged";
}

interface Test {
  readonly points: readonly Point[];
  readonly suggestion: RangeSuggestion;
  readonly initialLoss: number;
}

/** The losses that the panel shows: large ones would press the others together. */
function domainOf(
  rows: readonly RateRow[],
  { initialLoss }: Pick<Untrained, "initialLoss">,
): [number, number] {
  const losses = rows.filter(isWhole).map(({ trainingLoss }) => trainingLoss);
  const all = [...losses, initialLoss].filter(Number.isFinite);
  if (all.length === 0) return [0, 1];
  const smallest = minimum(all);
  const start = Number.isFinite(initialLoss) ? initialLoss : smallest;
  // Where no loss fell, a tenth of it stands for the fall.
  const fall = Math.max(start - smallest, 0.1 * Math.abs(start), Number.MIN_VALUE);
  return [smallest - ROOM.below * fall, start + ROOM.above * fall];
}

function isWhole({ trainingLoss, divergedAt }: RateRow): boolean {
  return divergedAt === null && Number.isFinite(trainingLoss);
}

function pointsOf(
  rows: readonly RateRow[],
  options: Pick<Untrained, "initialLoss">,
): Point[] {
  const [, highest] = domainOf(rows, options);
  return rows.toSorted((a, b) => a.eta - b.eta).map((row) => ({
    eta: row.eta,
    loss: row.trainingLoss,
    place: !isWhole(row) ? "diverged" : row.trainingLoss > highest ? "high" : "inside",
  }));
}

function lossPanel({ points, suggestion, initialLoss }: Test, domain: number[]): Panel {
  const { range } = suggestion;
  const x = { field: "eta", type: "quantitative" as const };
  const y = { field: "loss", type: "quantitative" as const };
  const axis = logAxis(points.map(({ eta }) => eta), { title: "Learning rate η (log scale)" });
  // Null breaks the line.
  const values = points.map(({ eta, loss, place }) => ({
    eta,
    loss: place === "inside" ? loss : null,
    place,
    best: eta === range?.best,
  }));
  const edge = (["high", "diverged"] as const).map((place) => ({
    transform: [{ filter: `datum.place === '${place}'` }],
    mark: { type: "point" as const, ...place === "high" ? HIGH : DIVERGED },
    encoding: { x, y: { value: EDGE } },
  }));
  const inside = "datum.place === 'inside'";
  return {
    ...PANEL,
    data: { values },
    encoding: {
      x: { ...x, ...axis },
      y: {
        ...y,
        scale: { domain, nice: false, zero: false },
        axis: { title: "Training loss (mean cross-entropy)" },
      },
    },
    layer: [
      ...shadeLayers(range),
      ...Number.isFinite(initialLoss)
        ? [{
          data: { values: [{ loss: initialLoss }] },
          mark: { type: "rule" as const, ...INITIAL },
          encoding: { x: { value: 0 }, x2: { value: PANEL.width }, y },
        }]
        : [],
      { mark: { type: "line", color: BLUE } },
      { transform: [{ filter: `${inside} && !datum.best` }], mark: { type: "point", ...TRAINED } },
      { transform: [{ filter: `${inside} && datum.best` }], mark: { type: "point", ...BEST } },
      ...edge,
    ],
  };
}

/** Shades a range, or rules it where its ends are one rate. */
function shadeLayers(range: SuggestedRange | null): Layers {
  if (range === null) return [];
  const { etaMin, etaMax } = range;
  const x = { field: "etaMin", type: "quantitative" as const };
  const [top, bottom] = [{ value: 0 }, { value: PANEL.height }];
  if (etaMin === etaMax) {
    return [{
      data: { values: [range] },
      mark: { type: "rule", strokeWidth: 8, ...RANGE },
      encoding: { x, y: top, y2: bottom },
    }];
  }
  return [{
    data: { values: [range] },
    mark: { type: "rect", ...RANGE },
    encoding: { x, x2: { field: "etaMax" }, y: top, y2: bottom },
  }];
}

interface KeyLine {
  readonly text: string;
  readonly mark: Layers[number];
}

/** Explains what is in the panel, a line for each kind. */
function keyOf({ points, suggestion: { range }, initialLoss }: Test): KeyLine[] {
  const lines: KeyLine[] = [];
  const add = (text: string, mark: Layers[number]) => void lines.push({ text, mark });
  const counted = (place: Point["place"]) => points.filter((point) => point.place === place).length;
  if (counted("inside") > 0) {
    add("One network for each constant learning rate", { mark: { type: "point", ...TRAINED } });
  }
  if (range !== null) {
    const { loss } = points.find(({ eta }) => eta === range.best)!;
    add(`Smallest loss: η = ${short(range.best)}, loss ${short(loss)}`, {
      mark: { type: "point", ...BEST },
    });
    add(`Suggested range: η from ${short(range.etaMin)} to ${short(range.etaMax)}`, {
      mark: { type: "point", shape: "square", size: 380, ...RANGE },
    });
  }
  if (Number.isFinite(initialLoss)) {
    add(`With the initial weights: loss ${short(initialLoss)}`, {
      mark: { type: "rule", ...INITIAL },
      encoding: { x: { value: -Y_AXIS }, x2: { value: 20 - Y_AXIS } },
    });
  }
  if (counted("high") > 0) {
    add("Above the panel: far worse than the initial weights", {
      mark: { type: "point", ...HIGH },
    });
  }
  if (counted("diverged") > 0) {
    add(`Diverged: ${counted("diverged")} of ${points.length}`, {
      mark: { type: "point", ...DIVERGED },
    });
  }
  return lines;
}

function keyPanel(lines: readonly KeyLine[]): Panel {
  return {
    // From the left of the axes, in line with the heading.
    width: PANEL.width,
    // At least 1: a height of 0 counts as none given.
    height: Math.max(KEY_LINE * (lines.length - 1), 1),
    layer: lines.flatMap(({ text, mark }, line) => [
      {
        ...mark,
        data: { values: [{}] },
        encoding: {
          x: { value: 10 - Y_AXIS },
          y: { value: KEY_LINE * line },
          ...mark.encoding,
        },
      } as Layers[number],
      keyText(text, { x: 28 - Y_AXIS, line }),
    ]),
  };
}

function describe({ eta, loss, place }: Point): string {
  return `η = ${short(eta)}, ${place === "diverged" ? "diverged" : `loss ${short(loss)}`}`;
}
