/**
 * Axes on a logarithmic scale, with ticks at round numbers.
 *
 * @module
 */
import { maximum, minimum } from "../lists.ts";

/** The maximum number of ticks: labels of more would have no room. */
const TICKS = 6;

/** Scale and axis of a channel, as Vega-Lite takes them. */
export interface LogAxis {
  /** From which value to which. */
  readonly scale: { readonly type: "log"; readonly domain: number[]; readonly nice: boolean };
  /** The ticks. */
  readonly axis: {
    readonly title: string;
    readonly values: number[];
    readonly labelExpr: string;
  };
}

/** Chooses a logarithmic axis for at least one value; all are positive. */
export function logAxis(values: readonly number[], { title }: { readonly title: string }): LogAxis {
  const domain = domainOf(minimum(values), maximum(values));
  const ticks = ticksBetween(domain[0], domain[1]);
  const [texts, places] = [textsOf(ticks), ticks].map((list) => JSON.stringify(list));
  return {
    scale: { type: "log", domain, nice: false },
    // Vega's own formats have neither superscripts nor just the digits that a tick needs.
    axis: { title, values: ticks, labelExpr: `${texts}[indexof(${places}, datum.value)]` },
  };
}

/** A {@linkcode LogAxis} with plain numbers at all of its ticks. */
export type PlainLogAxis = ReturnType<typeof plainTicks>;

/** Makes an axis draw all of its ticks, which are chosen so that their labels have room, with plain numbers. */
export function plainTicks({ scale, axis }: LogAxis) {
  // Without their number Vega drops every other tick until there are at most five.
  const all = { tickCount: axis.values.length, labelOverlap: false };
  return { scale, axis: { ...axis, ...all, labelExpr: "'' + datum.value" } };
}

/** Widens a range to round numbers, unless its ends are so close that these would be far away. */
function domainOf(min: number, max: number): number[] {
  const ratio = max / min;
  const from = parts(min);
  const to = parts(max);
  if (ratio >= 100) {
    return [decimal(1, from.power), decimal(1, to.digits > 1 ? to.power + 1 : to.power)];
  }
  if (ratio >= 2) {
    return [
      decimal(Math.floor(from.digits), from.power),
      decimal(Math.ceil(to.digits), to.power),
    ];
  }
  const margin = ratio < 1.001 ? 1.5 : ratio ** 0.1;
  return [min / margin, max * margin];
}

/** Finds round numbers: powers of ten where there are enough, otherwise some between them too. */
function ticksBetween(from: number, to: number): number[] {
  for (const digits of [[1], [1, 2, 5], [1, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]]) {
    const ticks: number[] = [];
    for (let { power } = parts(from); power <= parts(to).power; power++) {
      ticks.push(...digits.map((digit) => decimal(digit, power)));
    }
    const inside = ticks.filter((tick) => tick >= from && tick <= to);
    // Of powers of ten some can be left out.
    const stride = digits.length === 1 ? Math.ceil(inside.length / TICKS) : 1;
    if (inside.length >= 3 && inside.length <= TICKS * stride) {
      return inside.filter((_, i) => i % stride === 0);
    }
  }
  return evenTicks(from, to);
}

/** Finds round numbers at equal distances: in a narrow range a logarithmic axis is almost linear. */
function evenTicks(from: number, to: number): number[] {
  const { digits, power } = parts((to - from) / 3);
  const step = digits >= 5 ? 5 : digits >= 2 ? 2 : 1;
  const unit = decimal(step, power);
  const ticks: number[] = [];
  for (let count = Math.ceil(from / unit); count * unit <= to; count++) {
    ticks.push(decimal(count * step, power));
  }
  return ticks;
}

function textsOf(ticks: readonly number[]): string[] {
  return ticks.every((tick) => parts(tick).digits === 1)
    ? ticks.map((tick) => `10${superscript(parts(tick).power)}`)
    : ticks.map(String);
}

function superscript(power: number): string {
  return `${power}`.replace("-", "⁻").replaceAll(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]);
}

/** Splits a positive number into a number from 1 to 10 and a power of ten, without a logarithm's rounding. */
function parts(value: number): { digits: number; power: number } {
  const [digits, power] = value.toExponential().split("e").map(Number);
  return { digits, power };
}

/** Puts a number together again: reading it from text gives the nearest float64, which a product may miss. */
function decimal(digits: number, power: number): number {
  return Number(`${digits}e${power}`);
}
