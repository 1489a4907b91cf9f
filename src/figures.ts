/**
 * Figures as SVG text, drawn from the rows of CSV files alone: no GPU, no screen and no browser is needed.
 *
 * Every figure is described for people who do not see it, and tells its curves apart by colour, dashes and point shapes
 * together. Nothing else of the package imports a chart library.
 *
 * @example Drawing the metrics of a training
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { baselineFigure } from "./figures.ts";
 *
 * const before = { loss: 2.3, cost: 3.5, accuracy: 0.1 };
 * const after = { loss: 1.5, cost: 2.5, accuracy: 0.47 };
 * const svg = await baselineFigure([
 *   { step: 0, epoch: 0, eta: null, train: before, val: before },
 *   { step: 450, epoch: 1, eta: 0.02, train: after, val: after },
 * ], { title: "3 layers, batch norm", dataSet: "CIFAR-10" });
 *
 * assertStringIncludes(svg, "Data: CIFAR-10");
 * ```
 *
 * @module
 */

import { Error as ERROR_LEVEL, logger, parse, View } from "vega";
import { compile, type Config, type TopLevelSpec } from "vega-lite";
import { ArgumentError } from "./errors.ts";
import type { MetricRow } from "./metrics.ts";
import type { BenchRow } from "./records.ts";
import { type Cycle, eta, totalSteps } from "./schedule.ts";

type Concat = Extract<TopLevelSpec, { concat: unknown }>;
type Panel = Concat["concat"][number];
type Layers = Extract<Panel, { layer: unknown }>["layer"];

/** The curves of a training. */
const SETS = ["Training", "Validation"];
/** What stands above the panels of a training; a longer text would push the panels apart. */
const MEASURES = {
  loss: { title: "Loss (mean cross-entropy, nats)", logTitle: "Loss (nats, log scale)" },
  cost: { title: "Cost (loss + λ ∑ ‖W‖²)", logTitle: "Cost (log scale)" },
  accuracy: { title: "Accuracy (% of images)" },
};
/** Dark grey, for text and for a curve that stands alone. */
const INK = "#222222";
/** Okabe and Ito's colours, told apart with any kind of colour vision; black and yellow are left out. */
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"];
const DASHES = [[1, 0], [7, 4], [2, 3], [10, 3, 2, 3], [4, 2], [1, 4]];
const SHAPES = ["circle", "triangle-up", "square", "diamond", "cross", "triangle-down"];

const FONT_SIZE = 15;
/** Left of every panel, for tick labels: the same for all, so that panels of a column stand in line. */
const Y_AXIS = 66;
/** A wider picture would be scaled down in a README. */
const WIDTH = 830;

/** Size of one of four panels, without its axes. */
const PANEL = { width: 316, height: 190 };

/** In milliseconds. */
const DAY = 86_400_000;

/** What all figures look like. */
const THEME: Config = {
  background: "white",
  // The figure is described as a whole. A screen reader would otherwise go through every point.
  aria: false,
  font: "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif",
  padding: 14,
  view: { stroke: null },
  title: {
    anchor: "start",
    frame: "bounds",
    color: INK,
    fontSize: 19,
    lineHeight: 24,
    subtitleColor: INK,
    subtitleFontSize: FONT_SIZE,
    subtitleLineHeight: 20,
    subtitlePadding: 6,
    offset: 16,
  },
  axis: {
    labelColor: INK,
    labelFontSize: FONT_SIZE,
    labelOverlap: true,
    titleColor: INK,
    titleFontSize: FONT_SIZE,
    titleFontWeight: "bold",
    domainColor: "#888888",
    tickColor: "#888888",
    gridColor: "#e4e4e4",
  },
  axisX: { grid: false, tickCount: 5, labelFlush: false, titleFontWeight: "normal" },
  // The title lies above the panel, where it needs no turned head.
  axisY: {
    domain: false,
    ticks: false,
    tickCount: 5,
    labelPadding: 8,
    minExtent: Y_AXIS,
    maxExtent: Y_AXIS,
    titleAngle: 0,
    titleAlign: "left",
    titleBaseline: "bottom",
    titleX: -Y_AXIS,
    titleY: -12,
  },
  line: { strokeWidth: 2, color: INK },
  point: { filled: true, size: 46, opacity: 1, color: INK },
  text: { fontSize: FONT_SIZE, color: INK, align: "left", baseline: "middle" },
};

/** What a figure of a training says beside its curves. */
export interface BaselineFigureOptions {
  /** The heading, for instance the network. */
  readonly title: string;
  /** Name of the data set. */
  readonly dataSet: string;
  /** Whether the run was a quick try, which the figure says then. */
  readonly quick?: boolean;
  /** More about the run, for instance its settings. */
  readonly subtitle?: string;
  /** The cycle of the learning rate, which is then drawn exactly; otherwise from the values in the rows. */
  readonly cycle?: Cycle;
}

/**
 * Draws a training in four parts: learning rate, loss, cost and accuracy against steps. Values that are NaN or
 * infinite leave a gap, and the figure says at which step the first of them came.
 *
 * @param rows The metrics, in the order of training.
 * @param options Heading, data set, and what else the figure says.
 * @returns The text of an SVG file, 830 pixels wide; the same rows and options give the same text.
 * @throws {ArgumentError} If there are no rows, or the cycle is not allowed.
 */
export function baselineFigure(
  rows: readonly MetricRow[],
  options: BaselineFigureOptions,
): Promise<string> {
  if (rows.length === 0) {
    throw new ArgumentError("Cannot draw the training: there are no rows, expected at least 1");
  }
  const { title, dataSet, quick = false, subtitle, cycle } = options;
  // Only for its checks: the corners of a half cycle of 0 would have no end.
  if (cycle !== undefined) totalSteps(cycle, 1);
  const { step: steps, epoch: epochs } = rows[rows.length - 1];
  const perEpoch = epochs > 0 ? steps / epochs : NaN;
  const xTitle = Number.isInteger(perEpoch) ? `Steps (1 epoch = ${perEpoch})` : "Steps";
  const bad = firstBad(rows);

  const named = quick ? `${title} (quick run)` : title;
  const lines = [`Data: ${dataSet}${subtitle === undefined ? "" : ` · ${subtitle}`}`];
  if (bad !== null) lines.push(`Diverged: the first NaN or infinity is at step ${bad.step}`);
  const spec: TopLevelSpec = {
    title: heading(named, lines),
    spacing: 26,
    vconcat: [
      keyPanel(SETS, { width: 280 }),
      {
        columns: 2,
        spacing: { row: 30, column: 26 },
        concat: [
          learningRatePanel(rows, { cycle, xTitle }),
          curvesPanel(rows, { measure: "loss", xTitle }),
          curvesPanel(rows, { measure: "cost", xTitle }),
          curvesPanel(rows, { measure: "accuracy", xTitle }),
        ],
      },
    ],
  };
  return draw(spec, { title: `${named}: training`, description: describe(rows, lines) });
}

/** What a figure of measurements says beside its curves. */
export interface TrendFigureOptions {
  /** The heading. */
  readonly title?: string;
}

/**
 * Draws the time of a step over the dates of the measurements, one curve for each adapter, number of networks and
 * whatever else differs between the measurements.
 *
 * @param rows The measurements.
 * @param options The heading.
 * @returns The text of an SVG file; the same rows and options give the same text.
 * @throws {ArgumentError} If there are no rows.
 */
export function trendFigure(
  rows: readonly BenchRow[],
  options: TrendFigureOptions = {},
): Promise<string> {
  if (rows.length === 0) {
    throw new ArgumentError("Cannot draw the trend: there are no rows, expected at least 1");
  }
  const { title = "Time of a training step" } = options;
  const values = rows.map((row) => ({
    date: Date.parse(row.date),
    time: finite(row.ms_per_step),
    series: seriesName(row, rows),
  }));
  const series = distinct(values.map((value) => value.series));
  const lines = [`Data: ${distinct(rows.map(({ data }) => data)).join(", ")}`];
  const dates = values.map(({ date }) => date);
  // Within some days the ticks stand closer than a day.
  const format = Math.max(...dates) - Math.min(...dates) < 5 * DAY ? "%m-%d %H:%M" : "%Y-%m-%d";
  const y = verticalAxis(values.map(({ time }) => time), {
    title: "Milliseconds per step",
    logTitle: "Milliseconds per step (log scale)",
    zero: true,
    logAbove: 30,
  });
  const spec: TopLevelSpec = {
    title: heading(title, lines),
    spacing: 26,
    vconcat: [
      keyPanel(series, { width: WIDTH - Y_AXIS - 32, vertical: true }),
      {
        width: WIDTH - Y_AXIS - 32,
        height: 300,
        data: { values },
        layer: curveLayers(series),
        encoding: {
          x: {
            field: "date",
            type: "temporal",
            scale: { type: "utc" },
            axis: { title: "Date (UTC)", format },
          },
          y: { field: "time", ...y },
        },
      },
    ],
  };
  const last = values[values.length - 1];
  const description = `Milliseconds per step against the date, ${rows.length} measurements of ` +
    `${series.join("; ")}. ${lines[0]}. The last took ${short(last.time)} ms (${last.series}).`;
  return draw(spec, { title, description });
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

/** Lists the steps between which the learning rate is a straight line. */
function cornerSteps(steps: number, { halfCycle }: Cycle): number[] {
  const corners: number[] = [];
  for (let step = 0; step < steps; step += halfCycle) corners.push(step);
  corners.push(steps);
  return corners;
}

interface CurvesOptions {
  readonly measure: keyof typeof MEASURES;
  readonly xTitle: string;
}

function curvesPanel(rows: readonly MetricRow[], options: CurvesOptions): Panel {
  const { measure, xTitle } = options;
  const share = measure === "accuracy";
  // Points on every row of a long training would hide its curves.
  const every = Math.ceil(rows.length / 30);
  const values = rows.flatMap(({ step, train, val }, index) =>
    [train[measure], val[measure]].map((value, i) => ({
      step,
      value: finite(share ? 100 * value : value),
      series: SETS[i],
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
    layer: curveLayers(SETS),
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

/** Draws each series as a line with points; a point whose value has `marked: false` is left out. */
function curveLayers(series: readonly string[]): Layers {
  const color = look(series, COLOURS);
  return [
    { mark: "line", encoding: { color, strokeDash: look(series, DASHES) } },
    {
      transform: [{ filter: "datum.marked !== false" }],
      mark: "point",
      encoding: { color, shape: look(series, SHAPES) },
    },
  ];
}

function look<Value>(series: readonly string[], looks: readonly Value[]) {
  const range = series.map((_, i) => looks[i % looks.length]);
  return {
    field: "series",
    type: "nominal" as const,
    scale: { domain: [...series], range },
    legend: null,
  };
}

interface KeyOptions {
  readonly width: number;
  readonly vertical?: boolean;
}

/** Draws what each curve stands for, as the curves themselves are drawn: Vega's legends leave the dashes out. */
function keyPanel(series: readonly string[], { width, vertical = false }: KeyOptions): Panel {
  const sample = 44;
  const places = series.map((name, i) => ({
    series: name,
    left: vertical ? 0 : i * width / series.length,
    y: vertical ? 22 * i : 0,
  }));
  const points = places.flatMap((place) => [
    { ...place, x: place.left, marked: false },
    { ...place, x: place.left + sample / 2 },
    { ...place, x: place.left + sample, marked: false },
  ]);
  // At least 1: a height of 0 counts as none given.
  const height = vertical ? Math.max(22 * (series.length - 1), 1) : 1;
  const position = { type: "quantitative" as const, axis: null };
  // From the left of the axes, in line with the heading.
  const across = { domain: [0, width], range: [-Y_AXIS, width - Y_AXIS], nice: false };
  return {
    width,
    height,
    layer: [
      ...curveLayers(series).map((layer) => ({ ...layer, data: { values: points } })),
      {
        data: { values: places.map((place) => ({ ...place, x: place.left + sample })) },
        mark: { type: "text", dx: 8 },
        encoding: { text: { field: "series" } },
      },
    ],
    encoding: {
      x: { field: "x", ...position, scale: across },
      y: { field: "y", ...position, scale: { domain: [height, 0], nice: false } },
    },
  };
}

interface VerticalAxisOptions {
  readonly title: string;
  /** The title of a logarithmic axis. */
  readonly logTitle?: string;
  /** Whether the axis begins at 0, unless it is logarithmic. */
  readonly zero: boolean;
  /** The axis is logarithmic if the largest value is more than so many times the smallest. */
  readonly logAbove?: number;
}

function verticalAxis(values: readonly (number | null)[], options: VerticalAxisOptions) {
  const { title, logTitle = title, zero, logAbove = Infinity } = options;
  const type = "quantitative" as const;
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return { type, scale: { domain: [0, 1] }, axis: { title, values: [] } };
  const least = Math.min(...known);
  const most = Math.max(...known);
  if (least <= 0 || most <= logAbove * least) return { type, scale: { zero }, axis: { title } };

  const from = Math.floor(Math.log10(least));
  const to = Math.ceil(Math.log10(most));
  const stride = Math.ceil((to - from) / 5);
  const powers: number[] = [];
  for (let power = from; power <= to; power += stride) powers.push(10 ** power);
  return {
    type,
    scale: { type: "log" as const, domain: [10 ** from, 10 ** to], nice: false },
    axis: { title: logTitle, values: powers, tickCount: powers.length, format: ".3~g" },
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function firstBad(rows: readonly MetricRow[]): MetricRow | null {
  return rows.find(({ train, val }) =>
    [train.loss, train.cost, val.loss, val.cost].some((value) => !Number.isFinite(value))
  ) ?? null;
}

function describe(rows: readonly MetricRow[], lines: readonly string[]): string {
  const { step, epoch, train, val } = rows[rows.length - 1];
  return "Four charts against steps: learning rate, loss, cost and accuracy, the last three with a curve for training " +
    `and one for validation. ${lines.join(". ")}. After ${step} steps (${
      short(epoch)
    } epochs): training loss ` +
    `${short(train.loss)}, validation loss ${short(val.loss)}; training cost ${
      short(train.cost)
    }, ` +
    `validation cost ${short(val.cost)}; training accuracy ${short(100 * train.accuracy)} %, ` +
    `validation accuracy ${short(100 * val.accuracy)} %.`;
}

function seriesName(row: BenchRow, rows: readonly BenchRow[]): string {
  const parts = [row.adapter, `${row.networks} ${row.networks === 1 ? "network" : "networks"}`];
  const others: [key: keyof BenchRow, text: string][] = [
    ["data", row.data],
    ["hidden", `hidden ${row.hidden}`],
    ["batch_norm", `batch norm ${row.batch_norm ? "on" : "off"}`],
    ["batch", `batch ${row.batch}`],
    ["variant", row.variant],
  ];
  for (const [key, text] of others) {
    if (rows.some((other) => other[key] !== row[key])) parts.push(text);
  }
  return parts.join(", ");
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

function short(value: number | null): string {
  return value === null ? "no" : String(Number(value.toPrecision(4)));
}

function heading(title: string, lines: readonly string[]) {
  return { text: wrap(title, 54), subtitle: lines.flatMap((line) => wrap(line, 67)) };
}

/** Breaks a text between words: without a screen its width is only estimated, at 0.8 of the font size per character. */
function wrap(text: string, most: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1];
    if (line !== "" && line.length + 1 + word.length > most) {
      // A dot that separates two parts is not needed where the line ends.
      lines.push(...word === "·" ? [""] : [word]);
    } else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.map((line) => line.replace(/ ·$/, ""));
}

/** What tells a figure to people who do not see it. */
interface Words {
  readonly title: string;
  readonly description: string;
}

/** Renders a chart with the theme of all figures, and adds its title and description. */
async function draw(spec: TopLevelSpec, words: Words): Promise<string> {
  // Vega only logs an error, and goes on to draw what it can; here it fails the figure. Its warnings go nowhere.
  const quiet = logger(ERROR_LEVEL, undefined, (_method, _level, [error]) => {
    throw error;
  });
  const { spec: chart } = compile(spec, { config: THEME, logger: quiet });
  const view = new View(parse(chart), { renderer: "none", logger: quiet });
  try {
    return await withWords(await view.toSVG(), words);
  } finally {
    view.finalize();
  }
}

async function withWords(svg: string, { title, description }: Words): Promise<string> {
  // Several figures may stand in one page, so their ids must differ; taken from the content they are the same each time.
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(title + svg));
  const id = `figure-${new Uint8Array(hash, 0, 6).toHex()}`;
  const labels = `role="img" aria-labelledby="${id}-title ${id}-description"`;
  const words = `<title id="${id}-title">${escapeXml(title)}</title>` +
    `<desc id="${id}-description">${escapeXml(description)}</desc>`;
  return svg.replace(/^<svg ([^>]*)>/, (_, attributes) => `<svg ${labels} ${attributes}>${words}`) +
    "\n";
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
