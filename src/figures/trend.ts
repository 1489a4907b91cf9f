/**
 * The figure of speed over time.
 *
 * @module
 */

import { distinct, maximum, minimum } from "../lists.ts";
import type { BenchRow } from "../measure/bench.ts";
import {
  type Chart,
  checkRows,
  curveLayers,
  draw,
  finite,
  heading,
  keyPanel,
  type Panel,
  short,
  verticalAxis,
  WIDTH,
  Y_AXIS,
} from "./chart.ts";
import { logAxis, plainTicks } from "./log_axis.ts";

/** In milliseconds. */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** Size of each panel, without its axes. */
const PANEL_WIDTH = WIDTH - Y_AXIS - 32;
const PANEL_HEIGHT = 300;

/** The axis is logarithmic where the longest time is more than this many times the shortest. */
const LOG_ABOVE = 5;

/** The texts of a figure of measurements. */
export interface TrendFigureOptions {
  /** The heading. */
  readonly title?: string;
}

/**
 * Draws the time of a step over the dates of the measurements: a panel for each adapter, in it a curve for each number of
 * networks and whatever else differs between the measurements, kernels aside: it is their time that counts.
 *
 * @param rows The measurements.
 * @param options The heading.
 * @returns The text of an SVG file, about 830 pixels wide; the same rows and options give the same text.
 * @throws {ArgumentError} If there are no rows.
 *
 * @example Two measurements, a month apart
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { trendFigure } from "@headless/mlp/figures";
 * import type { BenchRow } from "@headless/mlp/measure";
 *
 * const first: BenchRow = {
 *   ...{ date: "2026-08-31T09:00:00Z", commit: "", packageVersion: "0.1.0", denoVersion: "2.9.6" },
 *   ...{ adapter: "llvmpipe", software: true, variant: "texel-20x10", data: "CIFAR-10" },
 *   ...{ networks: 1, hidden: "50,50", batchNorm: true, batch: 100 },
 *   ...{ steps: 1000, msPerStep: 0.5, stepsPerS: 2000, gflopPerS: 185 },
 *   ...{ repeat: null, msPerStepMin: null, msPerStepMax: null, peakMemoryBytes: null },
 *   ...{ evaluationMs: null, evaluationMsMin: null, evaluationMsMax: null },
 *   ...{ peakGflopPerS: null, peakGbPerS: null, startupMs: null, dataMs: null, compileMs: null },
 * };
 * const svg = await trendFigure([first, { ...first, date: "2026-09-30T09:00:00Z", msPerStep: 0.25 }]);
 *
 * assertStringIncludes(svg, "The last took 0.25 ms");
 * ```
 */
export function trendFigure(
  rows: readonly BenchRow[],
  options: TrendFigureOptions = {},
): Promise<string> {
  checkRows(rows, "trend");
  const { title = "Time of a training step" } = options;
  const measurements = rows.map((row) => ({
    adapter: row.adapter,
    date: Date.parse(row.date),
    time: finite(row.msPerStep),
    series: seriesName(row, rows),
  }));
  const series = distinct(measurements.map((measurement) => measurement.series));
  const adapters = distinct(measurements.map(({ adapter }) => adapter));
  const lines = [`Data: ${distinct(rows.map(({ data }) => data)).join(", ")}`];
  const dates = dateTicks(measurements.map(({ date }) => date));
  const panels = adapters.map((adapter): Panel => {
    const values = measurements.filter((measurement) => measurement.adapter === adapter);
    return {
      width: PANEL_WIDTH,
      height: PANEL_HEIGHT,
      data: { values },
      layer: curveLayers(series),
      encoding: {
        x: {
          field: "date",
          type: "temporal",
          scale: { type: "utc", domain: domainOf(measurements.map(({ date }) => date)) },
          axis: { title: "Date (UTC)", ...dates },
        },
        y: { field: "time", ...timeAxis(values.map(({ time }) => time), adapter) },
      },
    };
  });
  const spec: Chart = {
    title: heading(title, lines),
    spacing: 30,
    vconcat: [keyPanel(series, { width: PANEL_WIDTH, vertical: true }), ...panels],
  };
  const last = measurements[measurements.length - 1];
  const description = `Milliseconds per step against the date, ${rows.length} measurements on ` +
    `${adapters.join("; ")}: ${series.join("; ")}. ${lines[0]}. ` +
    `The last took ${short(last.time)} ms (${last.series}, ${last.adapter}).`;
  return draw(spec, { title, description });
}

/** Makes an axis from 0 where times are similar, and a logarithmic one where the short ones would look alike. */
function timeAxis(times: readonly (number | null)[], adapter: string) {
  const known = times.filter((time) => time !== null);
  const title = `${adapter}: milliseconds per step`;
  const min = minimum(known);
  if (!(min > 0) || maximum(known) <= LOG_ABOVE * min) {
    return verticalAxis(times, { title, zero: true });
  }
  const type = "quantitative" as const;
  return { type, ...plainTicks(logAxis(known, { title: `${title} (log scale)` })) };
}

/** The same for all panels. */
function domainOf(dates: readonly number[]): number[] | undefined {
  const [first, last] = [minimum(dates), maximum(dates)];
  return first === last ? undefined : [first, last];
}

/** Chooses ticks whose labels all differ: none are closer than their format shows. */
function dateTicks(dates: readonly number[]) {
  const first = minimum(dates);
  const last = maximum(dates);
  const span = last - first;
  // By default ticks are about a fifth of the span apart.
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
  const parts = [`${row.networks} ${row.networks === 1 ? "network" : "networks"}`];
  const others: [key: keyof BenchRow, text: string][] = [
    ["data", row.data],
    ["hidden", describeHidden(row, rows)],
    ["batchNorm", `batch norm ${row.batchNorm ? "on" : "off"}`],
    ["batch", `batch ${row.batch}`],
  ];
  for (const [key, text] of others) {
    if (rows.some((other) => other[key] !== row[key])) parts.push(text);
  }
  return parts.join(", ");
}

/** The number of layers, which is short, or the widths where another row has as many layers. */
function describeHidden({ hidden }: BenchRow, rows: readonly BenchRow[]): string {
  const depth = hidden.split(",").length;
  const ambiguous = rows.some((other) =>
    other.hidden !== hidden && other.hidden.split(",").length === depth
  );
  return ambiguous ? `hidden ${hidden}` : `${depth + 1} layers`;
}
