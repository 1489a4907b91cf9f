/**
 * How the cost of a step grows with the work: the sizes measured, one axis at a time, and which of them cost far more
 * than the sizes around them suggest.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { maximum } from "../lists.ts";
import type { PopulationPlan } from "../model/shape.ts";

/** What grows: images in a batch, the widths of all hidden layers, affine layers, or networks trained together. */
export type ScalingAxis = "batch" | "width" | "depth" | "networks";

/**
 * The sizes along each axis. Widths alternate between round numbers and powers of two: rows whose length is a power of two
 * may share a few lines of a cache, and then cost more than their neighbours.
 */
export const SCALING_SIZES: Readonly<Record<ScalingAxis, readonly number[]>> = {
  batch: [50, 100, 200, 400, 800, 1600],
  width: [50, 64, 100, 128, 200, 256, 400, 512, 800, 1024],
  depth: [2, 3, 4, 6, 9, 12, 16],
  networks: [1, 2, 4, 8, 16, 32, 64],
};

/** The axes, in the order of tables and figures. */
export const SCALING_AXES = Object.keys(SCALING_SIZES) as readonly ScalingAxis[];

/** A size is a cliff if its cost exceeds the trend of its neighbours by more than this factor. */
export const CLIFF = 2;

/** What a step costs at one size of one axis. */
export interface ScalingRow {
  /** What grows along the axis. */
  readonly axis: ScalingAxis;
  /** The size. */
  readonly value: number;
  /** Milliseconds for a step of all networks together: the median of the measurements. */
  readonly msPerStep: number;
  /** The fastest measurement. */
  readonly min: number;
  /** The slowest measurement. */
  readonly max: number;
  /** Steps in a measurement. */
  readonly steps: number;
  /** 10⁶ floating-point operations in a step of all networks together. */
  readonly mflop: number;
  /** 10⁹ floating-point operations in a second. */
  readonly gflopPerS: number;
  /** Name of the adapter. */
  readonly adapter: string;
  /** Name of the kernel variant. */
  readonly variant: string;
  /** Name of the data set. */
  readonly data: string;
  /** Widths of the hidden layers, separated by commas. */
  readonly hidden: string;
  /** Images in a batch. */
  readonly batch: number;
  /** Networks that train together. */
  readonly networks: number;
  /** The cost of a cliff over the trend of its neighbours; null at any other size. */
  readonly cliff: number | null;
}

/** The size at which the axes cross: the three layers of the report. */
export const SCALING_BASE: PopulationPlan = {
  hidden: [50, 50],
  batchNorm: true,
  batch: 100,
  networks: 1,
};

/**
 * Plans the population at one size of an axis; all else is as in {@linkcode SCALING_BASE}.
 *
 * @param axis What grows.
 * @param size How large it is.
 * @returns The population.
 *
 * @example Nine affine layers have eight hidden ones
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { scalingPlan } from "@headless/mlp/measure";
 *
 * assertEquals(scalingPlan("depth", 9).hidden, [50, 50, 50, 50, 50, 50, 50, 50]);
 * ```
 */
export function scalingPlan(axis: ScalingAxis, size: number): PopulationPlan {
  const { hidden } = SCALING_BASE;
  switch (axis) {
    case "batch":
      return { ...SCALING_BASE, batch: size };
    case "width":
      return { ...SCALING_BASE, hidden: hidden.map(() => size) };
    case "depth":
      return { ...SCALING_BASE, hidden: Array.from({ length: size - 1 }, () => hidden[0]) };
    case "networks":
      return { ...SCALING_BASE, networks: size };
  }
}

/** What a step costs at one size. */
export interface SizedCost {
  /** The size, a positive number. */
  readonly size: number;
  /** The cost, a positive number in any unit. */
  readonly cost: number;
}

/**
 * Finds the cliffs among the costs along an axis: sizes that cost more than {@linkcode CLIFF} times their trend. A trend
 * is a straight line through two other sizes where size and cost are both logarithmic:
 *
 * - between the ends, the line through the size before and the one after, which finds a peak;
 * - between the ends also the line through the two sizes before, which finds a jump after which the cost stays up. The line
 *   through this size and the one after must put the size before as far below;
 * - at an end, the line through the two nearest sizes or that through the two nearest that are not cliffs, whichever
 *   predicts more; and the first size must cost more than the second.
 *
 * @param costs The costs, sizes ascending.
 * @returns The cost of each cliff over its trend, and null for every other size.
 * @throws {ArgumentError} If sizes do not ascend, or a size or cost is not a positive number.
 *
 * @example A size that sticks out
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { findCliffs } from "@headless/mlp/measure";
 *
 * const costs = [[1, 10], [2, 20], [4, 120], [8, 80]].map(([size, cost]) => ({ size, cost }));
 *
 * assertEquals(findCliffs(costs).map((times) => times?.toFixed(1) ?? null), [null, null, "3.0", null]);
 * ```
 */
export function findCliffs(costs: readonly SizedCost[]): (number | null)[] {
  checkCosts(costs);
  if (costs.length === 0) return [];
  const last = costs.length - 1;
  const excesses = costs.map((_, i) => Math.max(peakAt(costs, i), jumpAt(costs, i)));
  const others = excesses.flatMap((excess, i) => excess > CLIFF ? [] : [i])
    .filter((i) => i !== 0 && i !== last);
  excesses[0] = excessOfEnd(costs, 0, [[1, 2], others.slice(0, 2)]);
  // Otherwise the third size is the cliff, and the line through it and the second predicts too little for the first.
  if (last > 0 && costs[0].cost <= costs[1].cost) excesses[0] = 0;
  excesses[last] = excessOfEnd(costs, last, [[last - 2, last - 1], others.slice(-2)]);
  return excesses.map((excess) => excess > CLIFF ? excess : null);
}

/** A cost over the trend of its two neighbours; 0 where it has only one. */
function peakAt(costs: readonly SizedCost[], i: number): number {
  const [before, here, after] = [costs[i - 1], costs[i], costs[i + 1]];
  if (before === undefined || after === undefined) return 0;
  return here.cost / trend(before, after, here.size);
}

/** How far the cost jumps from the size before and stays up; 0 without two sizes before and one after. */
function jumpAt(costs: readonly SizedCost[], i: number): number {
  if (i < 2 || i + 1 >= costs.length) return 0;
  const [first, before, here, after] = costs.slice(i - 2, i + 2);
  const up = here.cost / trend(first, before, here.size);
  const down = trend(here, after, before.size) / before.cost;
  return Math.min(up, down);
}

/** The cost at an end over the highest prediction of some lines, each through two sizes; 0 where there is none. */
function excessOfEnd(
  costs: readonly SizedCost[],
  end: number,
  lines: readonly (readonly number[])[],
): number {
  const expected = lines.filter((pair) => pair.length === 2 && pair.every((i) => i in costs))
    .map(([a, b]) => trend(costs[a], costs[b], costs[end].size));
  return expected.length === 0 ? 0 : costs[end].cost / maximum(expected);
}

/** The cost at a size by the straight line through two others on logarithmic axes. */
function trend(a: SizedCost, b: SizedCost, size: number): number {
  const slope = Math.log(b.cost / a.cost) / Math.log(b.size / a.size);
  return a.cost * (size / a.size) ** slope;
}

function checkCosts(costs: readonly SizedCost[]): void {
  costs.forEach(({ size, cost }, i) => {
    for (const [name, value] of [["size", size], ["cost", cost]] as const) {
      if (value > 0 && value < Infinity) continue;
      throw new ArgumentError(
        `Cannot look for cliffs: ${name} is ${value}, expected a positive number`,
      );
    }
    if (i > 0 && size <= costs[i - 1].size) {
      throw new ArgumentError(
        `Cannot look for cliffs: size ${size} follows ${
          costs[i - 1].size
        }, expected ascending sizes`,
      );
    }
  });
}
