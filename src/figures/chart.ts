/**
 * What all figures share: how they look, their axes and keys, and the way from a chart to the text of an SVG file.
 *
 * No other file imports a chart library.
 *
 * @module
 */

import { maximum, minimum } from "../lists.ts";
import { Error as ERROR_LEVEL, logger, parse, View } from "vega";
import { compile, type Config, type TopLevelSpec } from "vega-lite";

/** What {@linkcode draw} draws. */
export type Chart = TopLevelSpec;
type Concat = Extract<TopLevelSpec, { concat: unknown }>;
/** One of the parts that a chart is put together from. */
export type Panel = Concat["concat"][number];
/** What is drawn into one panel, the first at the bottom. */
export type Layers = Extract<Panel, { layer: unknown }>["layer"];

/** Dark grey, for text and for a curve that stands alone. */
export const INK = "#222222";
/** Okabe and Ito's colours, told apart with any kind of colour vision; black and yellow are left out. */
export const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"];
/** Of lines: lengths drawn and left out, in turn. */
const DASHES = [[1, 0], [7, 4], [2, 3], [10, 3, 2, 3], [4, 2], [1, 4]];
/** Of points. */
const SHAPES = ["circle", "triangle-up", "square", "diamond", "cross", "triangle-down"];

/** No text is smaller: a figure is scaled to half its size on a phone. */
export const FONT_SIZE = 15;
/** Left of every panel, for tick labels: the same for all, so that panels of a column stand in line. */
export const Y_AXIS = 66;
/** Around every figure. */
export const PADDING = 14;
/** A wider picture would be scaled down in a README. */
export const WIDTH = 830;

/** What all figures look like. */
const THEME: Config = {
  background: "white",
  // The figure is described as a whole. A screen reader would otherwise go through every point.
  aria: false,
  font: "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif",
  padding: PADDING,
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

/** What a figure of a run says beside its data. */
export interface FigureOptions {
  /** The heading. */
  readonly title: string;
  /** Name of the data set. */
  readonly dataSet: string;
  /** Whether the run was a quick try, which the figure says then. */
  readonly quick?: boolean;
  /** More about the run, for instance its settings. */
  readonly subtitle?: string;
}

/**
 * Makes the heading of a figure.
 *
 * @param options What the figure says.
 * @returns Its title, with a word on a quick run.
 */
export function titleOf({ title, quick = false }: FigureOptions): string {
  return quick ? `${title} (quick run)` : title;
}

/**
 * Makes the first line below the heading of a figure.
 *
 * @param options What the figure says.
 * @returns The data set, and more about the run.
 */
export function dataLine({ dataSet, subtitle }: FigureOptions): string {
  return `Data: ${dataSet}${subtitle === undefined ? "" : ` · ${subtitle}`}`;
}

/** What tells a figure to people who do not see it. */
export interface Words {
  /** A few words. */
  readonly title: string;
  /** What is shown, and the numbers that matter. */
  readonly description: string;
}

/**
 * Renders a chart with the theme of all figures, and adds its title and description.
 *
 * @param spec The chart.
 * @param words Its title and description.
 * @returns The text of an SVG file; the same chart and words give the same text.
 */
export async function draw(spec: Chart, words: Words): Promise<string> {
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

/**
 * Prints a number for a description.
 *
 * @param value The number; null where there is none.
 * @returns It with four digits, or `"no"`.
 */
export function short(value: number | null): string {
  return value === null ? "no" : String(Number(value.toPrecision(4)));
}

/**
 * Estimates how much room a text takes at most, which is not known without a screen.
 *
 * @param text The text.
 * @returns Pixels at the usual font size, by the widest of the usual fonts.
 */
export function widthOf(text: string): number {
  return 0.62 * FONT_SIZE * text.length;
}

/**
 * Says how much room Vega keeps for a text on an axis: more than any font takes.
 *
 * @param text The text.
 * @returns Pixels at the usual font size.
 */
export function roomOf(text: string): number {
  return 0.8 * FONT_SIZE * text.length;
}

/**
 * Makes the text above a figure.
 *
 * @param title The heading.
 * @param lines What stands below it; a line that is too long is broken between words.
 * @returns The title of a chart.
 */
export function heading(
  title: string,
  lines: readonly string[],
): { text: string[]; subtitle: string[] } {
  return { text: wrap(title, 54), subtitle: lines.flatMap((line) => wrap(line, 67)) };
}

/**
 * Breaks a text between words: without a screen its width is only estimated, at 0.8 of the font size per character.
 *
 * @param text The text.
 * @param most The most characters of a line.
 * @returns The lines; one with a longer word is longer.
 */
export function wrap(text: string, most: number): string[] {
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

/**
 * Draws each series as a line with points.
 *
 * @param series The names of the series, which the values have in `series`; a value that has `marked: false` gets no point.
 * @returns The layers of lines and of points.
 */
export function curveLayers(series: readonly string[]): Layers {
  const color = look(series, COLOURS);
  // Where colours begin anew, lines do not: of 36 series no two look the same.
  const dashes = series.map((_, i) => DASHES[(i + Math.floor(i / COLOURS.length)) % DASHES.length]);
  return [
    { mark: "line", encoding: { color, strokeDash: look(series, dashes) } },
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

/** How a key is laid out. */
export interface KeyOptions {
  /** In pixels. */
  readonly width: number;
  /** Whether the series stand below each other. */
  readonly vertical?: boolean;
}

/**
 * Draws what each curve stands for, as the curves themselves are drawn: Vega's legends leave the dashes out.
 *
 * @param series The names of the series.
 * @param options How the key is laid out.
 * @returns A panel to be put above those with the curves.
 */
export function keyPanel(
  series: readonly string[],
  { width, vertical = false }: KeyOptions,
): Panel {
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

/** What a vertical axis says, and how it is divided. */
export interface VerticalAxisOptions {
  /** What stands above it. */
  readonly title: string;
  /** The title of a logarithmic axis. */
  readonly logTitle?: string;
  /** Whether the axis begins at 0, unless it is logarithmic. */
  readonly zero: boolean;
  /** The axis is logarithmic if the largest value is more than so many times the smallest. */
  readonly logAbove?: number;
}

/**
 * Chooses a vertical axis on which all values have their place.
 *
 * @param values The values; null where there is none.
 * @param options What the axis says, and how it is divided.
 * @returns Type, scale and axis of the channel `y`.
 */
export function verticalAxis(values: readonly (number | null)[], options: VerticalAxisOptions) {
  const { title, logTitle = title, zero, logAbove = Infinity } = options;
  const type = "quantitative" as const;
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return { type, scale: { domain: [0, 1] }, axis: { title, values: [] } };
  const least = minimum(known);
  const most = maximum(known);
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

/**
 * Leaves out what has no place on an axis.
 *
 * @param value Any number.
 * @returns The number, or null where it is NaN or infinite.
 */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
