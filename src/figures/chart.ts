/**
 * What all figures share: their look, axes and keys, and the rendering of a chart as SVG.
 *
 * No other file imports a chart library.
 *
 * @module
 */

import { Error as ERROR_LEVEL, logger, parse, View } from "vega";
import { compile, type Config, type TopLevelSpec } from "vega-lite";
import { ArgumentError } from "../errors.ts";
import { maximum, minimum } from "../lists.ts";
import { AXIS, GRID, INK, SERIES } from "./colours.ts";

/** What {@linkcode draw} renders. */
export type Chart = TopLevelSpec;
type Concat = Extract<TopLevelSpec, { concat: unknown }>;
export type Panel = Concat["concat"][number];
/** The marks of a panel, the first at the bottom. */
export type Layers = Extract<Panel, { layer: unknown }>["layer"];

/** Dashes of lines: lengths drawn and left out, in turn. */
const DASHES = [[1, 0], [7, 4], [2, 3], [10, 3, 2, 3], [4, 2], [1, 4]];
const SHAPES = ["circle", "triangle-up", "square", "diamond", "cross", "triangle-down"];

/** The smallest text, in pixels: on a phone a figure has half its size. */
export const FONT_SIZE = 15;
/** Room for tick labels left of every panel, in pixels: the same for all, so that panels of a column are aligned. */
export const Y_AXIS = 66;
/** The margin around every figure, in pixels. */
export const PADDING = 14;
/** The width of a figure, in pixels: a README scales a wider one down. */
export const WIDTH = 830;

/** The look of all figures. */
const THEME: Config = {
  background: "white",
  // The figure has one description. Otherwise a screen reader goes through every point.
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
    domainColor: AXIS,
    tickColor: AXIS,
    gridColor: GRID,
  },
  axisX: { grid: false, tickCount: 5, labelFlush: false, titleFontWeight: "normal" },
  // The title is above the panel, where it need not be turned.
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

/** The texts of a figure of a run. */
export interface FigureOptions {
  /** The heading. */
  readonly title: string;
  /** Name of the data set. */
  readonly dataSet: string;
  /** Whether the figure says that the run was quick. */
  readonly quick?: boolean;
  /** More about the run, for instance its settings. */
  readonly subtitle?: string;
}

/** Refuses to draw nothing: `what` names the figure, as in "trend". */
export function checkRows(rows: readonly unknown[], what: string): void {
  if (rows.length > 0) return;
  throw new ArgumentError(`Cannot draw the ${what}: there are no rows, expected at least 1`);
}

/** Makes the heading of a figure, with a word on a quick run. */
export function titleOf({ title, quick = false }: FigureOptions): string {
  return quick ? `${title} (quick run)` : title;
}

/** Makes the first line below the heading of a figure: the data set, and more about the run. */
export function dataLine({ dataSet, subtitle }: FigureOptions): string {
  return `Data: ${dataSet}${subtitle === undefined ? "" : ` · ${subtitle}`}`;
}

/** A figure in words, for people who do not see it: a short title, and what it shows with the numbers that matter. */
interface Words {
  readonly title: string;
  readonly description: string;
}

/** Renders a chart with the look of all figures as SVG text, always the same for the same chart and words. */
export async function draw(spec: Chart, words: Words): Promise<string> {
  // Vega logs an error and draws what it can; here an error fails the figure. Warnings are dropped.
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
  // A page may have several figures, so ids must differ; a digest of the content is the same each time.
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(title + svg));
  const id = `figure-${new Uint8Array(hash, 0, 6).toHex()}`;
  const labels = `role="img" aria-labelledby="${id}-title ${id}-description"`;
  const words = `<title id="${id}-title">${escapeXml(title)}</title>` +
    `<desc id="${id}-description">${escapeXml(description)}</desc>`;
  return svg.replace(/^<svg ([^>]*)>/, (_, attributes) => `<svg ${labels} ${attributes}>${words}`) +
    "\n";
}

function escapeXml(text: string): string {
  return printable(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Prints a number with four digits for a description; "no" for null. */
export function short(value: number | null): string {
  return value === null ? "no" : String(Number(value.toPrecision(4)));
}

/** Estimates the width of a text in pixels, by the widest of the usual fonts. */
export function widthOf(text: string): number {
  return 0.62 * FONT_SIZE * text.length;
}

/** Tells how many pixels to keep for a text on an axis: more than any font takes. */
export function roomOf(text: string): number {
  return 0.8 * FONT_SIZE * text.length;
}

/**
 * Makes the text above a figure: a title, and lines below it. Without a screen widths are only estimated, at 0.8 of the
 * font size per character.
 */
export function heading(
  title: string,
  lines: readonly string[],
): { text: string[]; subtitle: string[] } {
  return { text: wrap(title, 54), subtitle: lines.flatMap((line) => wrap(line, 67)) };
}

/** Breaks a text between words into lines of at most `max` characters, or one longer word. */
export function wrap(text: string, max: number): string[] {
  const lines = [""];
  for (const word of printable(text).split(" ")) {
    const line = lines[lines.length - 1];
    if (line !== "" && line.length + 1 + word.length > max) {
      // No dot to separate parts at the end of a line.
      lines.push(...word === "·" ? [""] : [word]);
    } else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.map((line) => constant(line.replace(/ ·$/, "")));
}

/** Puts blanks in place of signs that Vega takes for the end of a line, or that an SVG file may not have. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- These are what is looked for.
  return text.replace(/[\u0000-\u001f\u007f\u2028\u2029\ufffe\uffff]/g, " ");
}

/**
 * Makes a text that Vega takes for nothing else: it looks constants up among its signals, in an object that has
 * inherited `constructor` and others. A blank of no width makes another text of these.
 */
export function constant(text: string): string {
  return text in Object.prototype ? `${text}\u200b` : text;
}

/**
 * Draws each series as a line with points. Values name their series in `series`; one with `marked: false` gets no point.
 */
export function curveLayers(series: readonly string[]): Layers {
  const color = look(series, SERIES);
  // Dashes are shifted where colours repeat, so that 36 series all look different.
  const dashes = series.map((_, i) => DASHES[(i + Math.floor(i / SERIES.length)) % DASHES.length]);
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

/**
 * Puts panels of equal height side by side, aligned by themselves alone: labels below their ends would push them apart.
 */
export function sideBySide(panels: readonly Panel[]) {
  return { spacing: Y_AXIS + 26, bounds: "flush" as const, hconcat: [...panels] };
}

/** The height of a line in a key that explains marks, in pixels. */
export const KEY_LINE = 24;

/** Makes a text of such a key, on a line counted from 0. */
export function keyText(text: string, { x, line }: { x: number; line: number }): Layers[number] {
  return {
    data: { values: [{}] },
    mark: { type: "text", text },
    encoding: { x: { value: x }, y: { value: KEY_LINE * line } },
  };
}

/** The layout of a key: its width in pixels, and whether the series stand below each other. */
interface KeyOptions {
  readonly width: number;
  readonly vertical?: boolean;
}

/** Makes the key of curves, a panel to go above theirs: Vega's legends leave the dashes out. */
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

/** Titles and scale of a vertical axis. */
interface VerticalAxisOptions {
  /** Its title, above it. */
  readonly title: string;
  /** Its title where it is logarithmic. */
  readonly logTitle?: string;
  /** Whether a linear axis begins at 0. */
  readonly zero: boolean;
  /** It is logarithmic where the largest value is more than this many times the smallest. */
  readonly logAbove?: number;
}

/** Chooses type, scale and axis of the channel `y` for values, of which null stands for none. */
export function verticalAxis(values: readonly (number | null)[], options: VerticalAxisOptions) {
  const { title, logTitle = title, zero, logAbove = Infinity } = options;
  const type = "quantitative" as const;
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return { type, scale: { domain: [0, 1] }, axis: { title, values: [] } };
  const [min, max] = [minimum(known), maximum(known)];
  if (min <= 0 || max <= logAbove * min) return { type, scale: { zero }, axis: { title } };

  const from = Math.floor(Math.log10(min));
  const to = Math.ceil(Math.log10(max));
  const stride = Math.ceil((to - from) / 5);
  const powers: number[] = [];
  for (let power = from; power <= to; power += stride) powers.push(10 ** power);
  return {
    type,
    scale: { type: "log" as const, domain: [10 ** from, 10 ** to], nice: false },
    axis: { title: logTitle, values: powers, tickCount: powers.length, format: ".3~g" },
  };
}

/** Gives null for NaN and infinity, which have no place on an axis. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
