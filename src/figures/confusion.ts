/**
 * The figure of a confusion matrix.
 *
 * @module
 */

import {
  type Chart,
  dataLine,
  draw,
  type FigureOptions,
  FONT_SIZE,
  heading,
  PADDING,
  type Panel,
  roomOf,
  titleOf,
  WIDTH,
  widthOf,
} from "./chart.ts";
import { ArgumentError } from "../errors.ts";
import { maximum, minimum } from "../lists.ts";
import type { Confusion } from "../model/metrics.ts";

/** The colour of a share of 1, in red, green and blue; from white, that of 0, the others lie on a straight line to it. */
const DARK = [0, 63, 125];
/** Characters of a class's name; a longer one is cut. */
const NAME_LENGTH = 20;
/** The largest height of a cell, in pixels: lower than wide, the matrix fits on a page. */
const CELL_HEIGHT = 52;
/** Columns that are narrower, in pixels, have no room for names that lean. */
const LEANING_WIDTH = 24;
const ROW_TITLE = "True class";

interface Cell {
  readonly row: number;
  readonly column: number;
  readonly count: number;
  /** Of the images of the row's class; null where there are none. */
  readonly share: number | null;
}

/**
 * Draws a confusion matrix: a row for each true class, a column for each class found, and in every cell the number of
 * images and their share of the row. The darker a cell, the larger the share. Where there are so many classes that
 * the text has no room, it is left out.
 *
 * @param confusion The matrix.
 * @param options Heading, data set, and what else the figure says.
 * @returns The text of an SVG file, 830 pixels wide; the same matrix and options give the same text.
 * @throws {ArgumentError} If the matrix has no images.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { confusionFigure } from "./confusion.ts";
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
  const names = classNames.map((name) =>
    name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH - 1)}…` : name
  );
  const layout = layOut(cells, names);
  const meaning = layout.texts
    ? "In each cell: images, and their share of the true class"
    : "Colour: share of the true class, white is none, dark blue is all";
  const spec: Chart = {
    title: heading(title, [...lines, meaning]),
    vconcat: [matrixPanel(cells, { names, layout })],
  };
  const description = `A table of ${classNames.length} true classes in rows and the classes ` +
    `found in columns. ${lines.join(". ")}. ${describe(cells, classNames)}`;
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

/** How the room of the figure is shared out, in pixels. */
interface Layout {
  /** Left of the matrix, for the names of its rows. */
  readonly left: number;
  /** Above the matrix, for the names of its columns. */
  readonly top: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** How the names of columns are turned, in degrees. */
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
  const most = Math.max(Math.floor(room / names.length), 1);
  if (maximum(names.map(roomOf)) + 6 <= most) return { angle: 0, cellWidth: most };
  // A name that leans may reach over the edge of the matrix.
  const leaning = Math.floor(
    Math.min(
      most,
      minimum(names.map((name, i) => (room - Math.SQRT1_2 * roomOf(name)) / (i + 0.5))),
    ),
  );
  return leaning >= LEANING_WIDTH
    ? { angle: -45, cellWidth: leaning }
    : { angle: -90, cellWidth: most };
}

interface MatrixOptions {
  readonly names: readonly string[];
  readonly layout: Layout;
}

function matrixPanel(cells: readonly Cell[], { names, layout }: MatrixOptions): Panel {
  const { left, top, cellWidth, cellHeight, angle, texts } = layout;
  const values = cells.map((cell) => {
    const ground = DARK.map((dark) => Math.round(255 + (dark - 255) * (cell.share ?? 0)));
    return {
      ...cell,
      ground: `rgb(${ground.join(",")})`,
      ink: readableOn(ground),
      percent: percent(cell.share),
    };
  });
  const scale = { domain: names.map((_, i) => i), paddingInner: 0, paddingOuter: 0 };
  const axis = {
    // By place: two classes may have the same name.
    labelExpr: `${JSON.stringify(names)}[datum.value]`,
    labelLimit: 0,
    titleFontWeight: "bold" as const,
    ticks: false,
    domain: false,
    grid: false,
  };
  const turned = angle === 0
    ? { labelAngle: 0 }
    : { labelAngle: angle, labelAlign: "left" as const, labelBaseline: "middle" as const };
  const text = { type: "text" as const, align: "center" as const };
  const color = { field: "ink", type: "nominal" as const, scale: null };
  return {
    width: cellWidth * names.length,
    height: cellHeight * names.length,
    data: { values },
    encoding: {
      x: {
        field: "column",
        type: "ordinal",
        scale,
        axis: {
          ...axis,
          ...turned,
          orient: "top",
          title: "Class found",
          // Vega takes names that lean to overlap.
          labelOverlap: angle !== -45,
          labelPadding: 6,
          minExtent: top,
          maxExtent: top,
        },
      },
      y: {
        field: "row",
        type: "ordinal",
        scale,
        axis: {
          ...axis,
          title: ROW_TITLE,
          titleAlign: "right",
          titleX: -8,
          minExtent: left,
          maxExtent: left,
        },
      },
    },
    layer: [
      {
        mark: { type: "rect", stroke: "#bbbbbb", strokeWidth: 1 },
        encoding: { fill: { field: "ground", type: "nominal", scale: null } },
      },
      ...texts
        ? [
          {
            mark: { ...text, dy: -0.6 * FONT_SIZE },
            encoding: { text: { field: "count" }, color },
          },
          {
            mark: { ...text, dy: 0.7 * FONT_SIZE },
            encoding: { text: { field: "percent" }, color },
          },
        ]
        : [],
    ],
  };
}

/** Chooses black or white, whichever has the greater contrast; it is 4.5 or more on any ground. */
function readableOn(ground: readonly number[]): string {
  const [red, green, blue] = ground.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return (luminance + 0.05) ** 2 > 1.05 * 0.05 ? "black" : "white";
}

function percent(share: number | null): string {
  // A whole row needs no decimals, for which a narrow cell has no room.
  return share === null ? "–" : `${(100 * share).toFixed(1).replace("100.0", "100")} %`;
}

function describe(cells: readonly Cell[], classNames: readonly string[]): string {
  const found = cells.filter(({ row, column, share }) => row === column && share !== null)
    .map(({ row, share }) => `${classNames[row]} ${percent(share)}`);
  const wrong = cells.filter(({ row, column }) => row !== column);
  const most = wrong.reduce<Cell | null>((a, b) => b.count > (a?.count ?? 0) ? b : a, null);
  const confused = most === null
    ? "No image is taken for another class."
    : `Most often confused: ${classNames[most.row]} taken for ${classNames[most.column]}, ` +
      `${most.count} images.`;
  return `Found of each class: ${found.join(", ")}. ${confused}`;
}
