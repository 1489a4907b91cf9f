/**
 * The figure of a confusion matrix.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { maximum, minimum } from "../lists.ts";
import type { Confusion } from "../model/metrics.ts";
import {
  type Chart,
  constant,
  dataLine,
  draw,
  type FigureOptions,
  FONT_SIZE,
  heading,
  type Layers,
  PADDING,
  type Panel,
  printable,
  roomOf,
  titleOf,
  WIDTH,
  widthOf,
} from "./chart.ts";
import { CELL_BORDER, FULL_CELL } from "./colours.ts";

/** Characters of a class's name; longer ones are cut. */
const NAME_LENGTH = 20;
/** The maximum height of a cell, in pixels: a matrix that is lower than wide fits on a page. */
const CELL_HEIGHT = 52;
/** The minimum width of columns with room for names that lean, in pixels. */
const LEANING_WIDTH = 24;
const ROW_TITLE = "True class";

interface Cell {
  readonly row: number;
  readonly column: number;
  readonly count: number;
  /** The share of the images of the row's class; null where there are none. */
  readonly share: number | null;
}

/**
 * Draws a confusion matrix: a row for each true class, a column for each predicted class, and in every cell the number
 * of images and their share of the row. The darker a cell, the larger the share. Cells that are too small have no text.
 *
 * @param confusion The matrix.
 * @param options Heading, data set, and what else the figure says.
 * @returns The text of an SVG file, about 830 pixels wide; the same matrix and options give the same text.
 * @throws {ArgumentError} If the matrix has no images.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { confusionFigure } from "@headless/mlp/figures";
 *
 * const confusion = { classNames: ["cat", "dog"], counts: [[70, 30], [20, 80]] };
 * const svg = await confusionFigure(confusion, { title: "Test images", dataSet: "pets" });
 *
 * assertStringIncludes(svg, "Overall accuracy: 75.0 % (150 of 200 images)");
 * ```
 */
export function confusionFigure(
  confusion: Confusion,
  options: FigureOptions,
): Promise<string> {
  const { classNames } = confusion;
  const cells = cellsOf(confusion);
  const all = images(cells);
  if (all === 0) {
    throw new ArgumentError(
      "Cannot draw the confusion matrix: it counts no images, expected at least 1",
    );
  }
  const title = titleOf(options);
  const right = images(cells.filter(({ row, column }) => row === column));
  const lines = [
    dataLine(options),
    `Overall accuracy: ${percent(right / all)} (${right} of ${all} images)`,
  ];
  const names = classNames.map(printable).map((name) =>
    name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH - 1)}…` : constant(name)
  );
  const layout = layOut(cells, names);
  const meaning = layout.texts
    ? "In each cell: images, and their share of the true class"
    : "Colour: share of the true class, white is none, dark blue is all";
  const spec: Chart = {
    title: heading(title, [...lines, meaning]),
    vconcat: [matrixPanel(cells, { names, layout })],
  };
  const description =
    `A table of ${classNames.length} true classes in rows and the predicted classes ` +
    `in columns. ${lines.join(". ")}. ${describe(cells, classNames)}`;
  return draw(spec, { title: `${title}: confusion matrix`, description });
}

function cellsOf({ counts }: Confusion): Cell[] {
  return counts.flatMap((counted, row) => {
    const total = counted.reduce((sum, count) => sum + count, 0);
    return counted.map((count, column) => ({
      row,
      column,
      count,
      share: total === 0 ? null : count / total,
    }));
  });
}

function images(cells: readonly Cell[]): number {
  return cells.reduce((sum, { count }) => sum + count, 0);
}

/** The layout of the figure, in pixels. */
interface Layout {
  /** Left of the matrix, for the names of its rows. */
  readonly left: number;
  /** Above the matrix, for the names of its columns. */
  readonly top: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** The angle of the names of columns, in degrees. */
  readonly angle: 0 | -45 | -90;
  /** Whether the cells have room for their texts. */
  readonly texts: boolean;
}

function layOut(cells: readonly Cell[], names: readonly string[]): Layout {
  const longest = maximum(names.map(roomOf));
  const left = Math.ceil(Math.max(longest, roomOf(ROW_TITLE))) + 8;
  const room = WIDTH - 2 * PADDING - left - 2;
  const columns = turnNames(names, room);
  const { angle, cellWidth } = columns;
  const cellHeight = Math.min(cellWidth, CELL_HEIGHT);
  const top = angle === 0 ? FONT_SIZE : longest * (angle === -45 ? Math.SQRT1_2 : 1);
  const widest = maximum(
    cells.map(({ count, share }) => Math.max(widthOf(`${count}`), widthOf(percent(share)))),
  );
  const texts = widest + 2 <= cellWidth && cellHeight >= 2.6 * FONT_SIZE;
  return { left, top: Math.ceil(top) + 12, cellWidth, cellHeight, angle, texts };
}

/** Turns the names of columns as little as their width allows. */
function turnNames(
  names: readonly string[],
  room: number,
): Pick<Layout, "angle" | "cellWidth"> {
  const widest = Math.max(Math.floor(room / names.length), 1);
  if (maximum(names.map(roomOf)) + 6 <= widest) return { angle: 0, cellWidth: widest };
  // A name that leans may reach over the edge of the matrix.
  const leaning = Math.floor(
    Math.min(
      widest,
      minimum(names.map((name, i) => (room - Math.SQRT1_2 * roomOf(name)) / (i + 0.5))),
    ),
  );
  return leaning >= LEANING_WIDTH
    ? { angle: -45, cellWidth: leaning }
    : { angle: -90, cellWidth: widest };
}

interface MatrixOptions {
  readonly names: readonly string[];
  readonly layout: Layout;
}

function matrixPanel(cells: readonly Cell[], options: MatrixOptions): Panel {
  const { names, layout: { cellWidth, cellHeight, texts } } = options;
  return {
    width: cellWidth * names.length,
    height: cellHeight * names.length,
    data: { values: cells.map(coloured) },
    encoding: {
      x: { field: "column", type: "ordinal", ...columnAxis(options) },
      y: { field: "row", type: "ordinal", ...rowAxis(options) },
    },
    layer: [
      {
        mark: { type: "rect", stroke: CELL_BORDER, strokeWidth: 1 },
        encoding: { fill: { field: "ground", type: "nominal", scale: null } },
      },
      ...texts ? [cellText("count", -0.6), cellText("percent", 0.7)] : [],
    ],
  };
}

/** A cell with the colours of its ground and its text. */
function coloured(cell: Cell) {
  const ground = FULL_CELL.map((full) => Math.round(255 + (full - 255) * (cell.share ?? 0)));
  return {
    ...cell,
    ground: `rgb(${ground.join(",")})`,
    ink: readableOn(ground),
    percent: percent(cell.share),
  };
}

/** A text in every cell, so many lines below its middle. */
function cellText(field: "count" | "percent", lines: number): Layers[number] {
  return {
    mark: { type: "text", align: "center", dy: lines * FONT_SIZE },
    encoding: { text: { field }, color: { field: "ink", type: "nominal", scale: null } },
  };
}

function columnAxis({ names, layout: { top, angle } }: MatrixOptions) {
  const turned = angle === 0
    ? { labelAngle: 0 }
    : { labelAngle: angle, labelAlign: "left" as const, labelBaseline: "middle" as const };
  const { scale, axis } = classAxis(names);
  return {
    scale,
    axis: {
      ...axis,
      ...turned,
      orient: "top" as const,
      title: "Predicted class",
      // Vega takes names that lean to overlap.
      labelOverlap: angle !== -45,
      labelPadding: 6,
      minExtent: top,
      maxExtent: top,
    },
  };
}

function rowAxis({ names, layout: { left } }: MatrixOptions) {
  const { scale, axis } = classAxis(names);
  const title = { title: ROW_TITLE, titleAlign: "right" as const, titleX: -8 };
  return { scale, axis: { ...axis, ...title, minExtent: left, maxExtent: left } };
}

/** An axis with a class at each place. */
function classAxis(names: readonly string[]) {
  return {
    scale: { domain: names.map((_, i) => i), paddingInner: 0, paddingOuter: 0 },
    axis: {
      // By place: two classes may have the same name.
      labelExpr: `${JSON.stringify(names)}[datum.value]`,
      labelLimit: 0,
      titleFontWeight: "bold" as const,
      ticks: false,
      domain: false,
      grid: false,
    },
  };
}

/** Chooses black or white by the greater contrast, which is at least 4.5 on any ground. */
function readableOn(ground: readonly number[]): string {
  const [red, green, blue] = ground.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return (luminance + 0.05) ** 2 > 1.05 * 0.05 ? "black" : "white";
}

function percent(share: number | null): string {
  // A narrow cell has no room for the decimals of 100.
  return share === null ? "–" : `${(100 * share).toFixed(1).replace("100.0", "100")} %`;
}

function describe(cells: readonly Cell[], classNames: readonly string[]): string {
  const correct = cells.filter(({ row, column, share }) => row === column && share !== null)
    .map(({ row, share }) => `${classNames[row]} ${percent(share)}`);
  const wrong = cells.filter(({ row, column }) => row !== column);
  const most = wrong.reduce<Cell | null>((a, b) => b.count > (a?.count ?? 0) ? b : a, null);
  const confused = most === null
    ? "No image is taken for another class."
    : `Most often confused: ${classNames[most.row]} taken for ${classNames[most.column]}, ` +
      `${most.count} images.`;
  return `Correct in each class: ${correct.join(", ")}. ${confused}`;
}
