/**
 * The figure of how the cost of a step grows: a panel for each axis, with the growth of the arithmetic alone.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { distinct } from "../lists.ts";
import type { ScalingAxis, ScalingRow } from "../measure/scaling.ts";
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
  roomOf,
  short,
  sideBySide,
  titleOf,
  Y_AXIS,
} from "./chart.ts";
import { BLUE, INK, VERMILION } from "./colours.ts";
import { logAxis, type PlainLogAxis, plainTicks } from "./log_axis.ts";

/** Size of each panel, without its axes. */
const PANEL = { width: 306, height: 230 };
/** Panels in a row. */
const COLUMNS = 2;
/** The minimum gap between the labels of two ticks, in pixels. */
const LABEL_GAP = 4;
/** Titles of the horizontal axes. */
const AXIS_TITLES: Readonly<Record<ScalingAxis, string>> = {
  batch: "Images in a batch",
  width: "Width of the hidden layers",
  depth: "Affine layers",
  networks: "Networks trained together",
};
/** How measurements, the arithmetic and cliffs are drawn. */
const MEASURED = { color: BLUE };
const ARITHMETIC = { color: INK, strokeDash: [7, 4] };
const CLIFFS = { color: VERMILION, shape: "diamond", size: 190 };
/** What the key says where there is no cliff; `CLIFF` of measure/scaling.ts in words. */
const NO_CLIFF = "No cliff: no size costs more than twice the trend of its neighbours";
/** The length of a line in the key, in pixels. */
const SAMPLE = 44;

interface Point {
  readonly size: number;
  readonly time: number;
  readonly min: number;
  readonly max: number;
  /** The time in proportion to the arithmetic, from the first size of the axis on. */
  readonly expected: number;
  readonly cliff: number | null;
}

/**
 * Draws the time of a step against the size of each axis, all logarithmic and with the same vertical axis. A dashed line
 * begins at the first size and grows in proportion to the floating-point operations of a step. Cliffs are marked and say
 * how many times the trend of their neighbours they cost.
 *
 * @param rows The rows, axis by axis, sizes ascending.
 * @param options Heading, data set, and what else the figure says.
 * @returns The text of an SVG file, about 830 pixels wide; the same rows and options give the same text.
 * @throws {ArgumentError} If there are no rows, or a number has no place on a logarithmic axis.
 *
 * @example Two sizes of a batch
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { scalingFigure } from "@headless/mlp/figures";
 *
 * const svg = await scalingFigure(
 *   [{ batch: 50, msPerStep: 0.2 }, { batch: 100, msPerStep: 0.3 }].map(({ batch, msPerStep }) => ({
 *     ...{ axis: "batch", value: batch, batch, msPerStep, min: msPerStep, max: msPerStep, cliff: null },
 *     ...{ steps: 1000, mflop: batch, gflopPerS: batch / msPerStep, networks: 1, hidden: "50,50" },
 *     ...{ adapter: "llvmpipe", variant: "texel-20x10", data: "CIFAR-10" },
 *   })),
 *   { title: "How a step scales", dataSet: "CIFAR-10" },
 * );
 *
 * assertStringIncludes(svg, "Images in a batch");
 * ```
 */
export function scalingFigure(
  rows: readonly ScalingRow[],
  options: FigureOptions,
): Promise<string> {
  checkRows(rows, "scaling");
  rows.forEach(checkRow);
  const title = titleOf(options);
  const axes = distinct(rows.map(({ axis }) => axis));
  const points = new Map(axes.map((axis) => [axis, pointsOf(rows, axis)]));
  const all = [...points.values()].flat();
  const y = plainTicks(logAxis(
    all.flatMap(({ min, max, expected }) => [min, max, expected]),
    { title: "Milliseconds per step" },
  ));
  const panels = axes.map((axis) => axisPanel(points.get(axis)!, { axis, y }));
  const lines = [dataLine(options), "All axes are logarithmic"];
  const cliffs = all.some(({ cliff }) => cliff !== null);
  const spec: Chart = {
    title: heading(title, lines),
    spacing: 26,
    vconcat: [
      keyPanel(cliffs),
      ...Array.from(
        { length: Math.ceil(panels.length / COLUMNS) },
        (_, i) => sideBySide(panels.slice(COLUMNS * i, COLUMNS * (i + 1))),
      ),
    ],
  };
  const description = "Milliseconds per step, a chart for each axis: " +
    `${axes.join(", ")}. ${lines.join(". ")}. ` +
    axes.map((axis) => describe(axis, points.get(axis)!)).join(" ") +
    ` ${cliffs ? "" : `${NO_CLIFF}.`}`.trimEnd();
  return draw(spec, { title: `${title}: time of a step against its size`, description });
}

function checkRow(row: ScalingRow): void {
  for (const name of ["value", "msPerStep", "min", "max", "mflop"] as const) {
    if (row[name] > 0 && row[name] < Infinity) continue;
    throw new ArgumentError(
      `Cannot draw the scaling: ${name} is ${row[name]}, expected a positive number`,
    );
  }
}

function pointsOf(rows: readonly ScalingRow[], axis: ScalingAxis): Point[] {
  const own = rows.filter((row) => row.axis === axis);
  const [first] = own;
  return own.map(({ value, msPerStep, min, max, mflop, cliff }) => ({
    size: value,
    time: msPerStep,
    min,
    max,
    expected: first.msPerStep * mflop / first.mflop,
    cliff,
  }));
}

/** An axis from the first size to the last, with ticks at the sizes whose labels have room. */
function sizeAxis(sizes: readonly number[], title: string): PlainLogAxis {
  const axis = logAxis(sizes, { title });
  const [first, last] = [sizes[0], sizes[sizes.length - 1]];
  if (first === last) return plainTicks(axis);
  const domain = [first, last];
  return plainTicks({
    scale: { ...axis.scale, domain },
    axis: { ...axis.axis, values: labelled(sizes) },
  });
}

/** The sizes whose labels have room: the first, the last, and those between that keep clear of them and each other. */
function labelled(sizes: readonly number[]): number[] {
  const [first, last] = [sizes[0], sizes[sizes.length - 1]];
  const isClear = (a: number, b: number) =>
    PANEL.width * Math.log(b / a) / Math.log(last / first) >= roomOf(`${a}${b}`) / 2 + LABEL_GAP;
  const chosen = [first];
  for (const size of sizes.slice(1, -1)) {
    if (isClear(chosen[chosen.length - 1], size) && isClear(size, last)) chosen.push(size);
  }
  return [...chosen, last];
}

function axisPanel(
  points: readonly Point[],
  { axis, y }: { readonly axis: ScalingAxis; readonly y: PlainLogAxis },
): Panel {
  const x = sizeAxis(points.map(({ size }) => size), AXIS_TITLES[axis]);
  const quantitative = { type: "quantitative" as const };
  const layer: Layers = [
    { mark: { type: "line", ...ARITHMETIC }, encoding: { y: { field: "expected" } } },
    {
      mark: { type: "rule", ...MEASURED, strokeWidth: 2 },
      encoding: { y: { field: "min" }, y2: { field: "max" } },
    },
    { mark: { type: "line", ...MEASURED } },
    { transform: [{ filter: "datum.cliff === null" }], mark: { type: "point", ...MEASURED } },
    { transform: [{ filter: "datum.cliff !== null" }], mark: { type: "point", ...CLIFFS } },
    // Where the costs rise to the right there is room on the left, but not beside the axis.
    ...([["datum.first", "left", 10], ["!datum.first", "right", -10]] as const).map((
      [filter, align, dx],
    ) => ({
      transform: [{ filter }],
      mark: { type: "text" as const, align, dx, dy: -10, fontWeight: "bold" as const },
      encoding: { text: { field: "label" } },
    })),
  ];
  return {
    ...PANEL,
    data: {
      values: points.map((point, i) => ({ ...point, label: cliffLabel(point), first: i === 0 })),
    },
    encoding: {
      x: { field: "size", ...quantitative, ...x },
      y: { field: "time", ...quantitative, ...y },
    },
    layer,
  };
}

function cliffLabel({ cliff }: Point): string {
  return cliff === null ? "" : `×${cliff.toFixed(1)}`;
}

/** Draws what lines and points stand for, a line for each kind. */
function keyPanel(cliffs: boolean): Panel {
  const left = -Y_AXIS; // In line with the heading.
  const texts = [
    "Measured: the median, with a bar from min to max",
    "In proportion to the arithmetic, from the first size on",
    cliffs ? "Cliff: costs that many times the trend of its neighbours" : NO_CLIFF,
  ];
  const middle = left + SAMPLE / 2;
  return {
    width: COLUMNS * PANEL.width + Y_AXIS,
    height: KEY_LINE * (texts.length - 1),
    data: { values: [{}] },
    layer: [
      ...[MEASURED, ARITHMETIC].map((look, i) => ({
        mark: { type: "rule" as const, ...look, strokeWidth: 2 },
        encoding: {
          x: { value: left },
          x2: { value: left + SAMPLE },
          y: { value: KEY_LINE * i },
        },
      })),
      {
        mark: { type: "point", ...MEASURED },
        encoding: { x: { value: middle }, y: { value: 0 } },
      },
      ...cliffs
        ? [{
          mark: { type: "point" as const, ...CLIFFS },
          encoding: { x: { value: middle }, y: { value: 2 * KEY_LINE } },
        }]
        : [],
      ...texts.map((text, line) =>
        keyText(text, { x: line === 2 && !cliffs ? left : left + SAMPLE + 8, line })
      ),
    ],
  };
}

function describe(axis: ScalingAxis, points: readonly Point[]): string {
  const sizes = points.map(({ size, time, cliff }) =>
    `${size}: ${short(time)} ms${
      cliff === null ? "" : `, a cliff, ${cliff.toFixed(1)} times the trend of its neighbours`
    }`
  );
  const { size, time, expected } = points[points.length - 1];
  return `${axis}: ${sizes.join("; ")}. In proportion to the arithmetic ${size} would take ` +
    `${short(expected)} ms, ${short(expected / time)} times as long as it does.`;
}
