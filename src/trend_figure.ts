/**
 * The figure of a speed that is measured again and again.
 *
 * @module
 */

import {
  type Chart,
  curveLayers,
  draw,
  finite,
  heading,
  keyPanel,
  short,
  verticalAxis,
  WIDTH,
  Y_AXIS,
} from "./chart.ts";
import { ArgumentError } from "./errors.ts";
import { distinct } from "./lists.ts";
import type { BenchRow } from "./records.ts";

/** In milliseconds. */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

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
  const y = verticalAxis(values.map(({ time }) => time), {
    title: "Milliseconds per step",
    logTitle: "Milliseconds per step (log scale)",
    zero: true,
    logAbove: 30,
  });
  const spec: Chart = {
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
            axis: { title: "Date (UTC)", ...dateTicks(values.map(({ date }) => date)) },
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

/** Chooses ticks whose labels all differ: none are closer than what their format can tell. */
function dateTicks(dates: readonly number[]) {
  const first = Math.min(...dates);
  const last = Math.max(...dates);
  const span = last - first;
  // Without other wishes ticks are about a fifth of the span apart.
  if (span >= 5 * DAY) return { format: "%Y-%m-%d" };
  if (span === 0 || span >= 5 * MINUTE) return { format: "%m-%d %H:%M" };
  const format = "%m-%d %H:%M:%S";
  if (span >= 5 * SECOND) return { format };
  const seconds: number[] = [];
  for (let date = Math.ceil(first / SECOND) * SECOND; date <= last; date += SECOND) {
    seconds.push(date);
  }
  return { format, values: seconds };
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
