/**
 * Divides records at random into those to train, to validate and to test with.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { Random } from "../model/random.ts";
import { checkNames, checkValue, isBoolean, refused } from "../options.ts";
import type { Split } from "./dataset.ts";
import { checkRecords, type LabelledImages, pick, type Records } from "./records.ts";

/** Options for {@linkcode splitRecords}. */
export interface SplitOptions {
  /**
   * The records to validate with: a share of all between 0 and 1, or an integer from 1, their number; 0 for none.
   *
   * @default {0.15}
   */
  validation?: number;
  /**
   * The records to test with: a share of all between 0 and 1, or an integer from 1, their number; 0 for none.
   *
   * @default {0.15}
   */
  test?: number;
  /**
   * The seed of the draw, an integer in [0, 2³²).
   *
   * @default {1}
   */
  seed?: number;
  /**
   * Whether to divide each class in proportion, rather than all records together.
   *
   * @default {true}
   */
  stratify?: boolean;
}

const ACTION = "split records";

const OPTIONS = ["validation", "test", "seed", "stratify"] satisfies (keyof SplitOptions)[];

/** The parts, in the order of the columns of a table of counts. */
const SPLITS = ["test", "validation", "training"] as const;

/**
 * Divides records at random into three parts. Every record is in exactly one, and the sizes are exact; a share of all
 * records is rounded to the nearest whole number.
 *
 * Stratified, the number of records of a class in a part differs by at most 1 from its share, records of the class ×
 * records of the part ÷ all records, and every class with a share of at least one record is in every part. A smaller class
 * is in every part, too, where it has a record for each and sizes and other classes leave room; its number of training
 * records may then differ from its share by less than 2.
 *
 * The same records, options and seed give the same parts in the same order, in which the first records of a part are as
 * random as all of them.
 *
 * @param all The records.
 * @param options The sizes, the seed, and whether to stratify.
 * @returns Copies of the records, part by part.
 * @throws {ArgumentError} If records or options are not allowed, or no record would be left to train with.
 *
 * @example Usage
 * ```ts
 * import { createDataSet, splitRecords } from "@headless/mlp";
 * import { assertEquals } from "@std/assert";
 *
 * const images = Float32Array.from({ length: 40 }, (_, i) => i);
 * const labels = Array.from({ length: 20 }, (_, i) => i < 10 ? 0 : 1);
 * const { training, validation, test } = splitRecords({ images, labels }, {
 *   validation: 0.2,
 *   test: 6,
 * });
 * assertEquals([training.count, validation.count, test.count], [10, 4, 6]);
 * assertEquals(test.labels.filter((label) => label === 1).length, 3);
 *
 * await createDataSet(training, test, { name: "halves", classNames: ["low", "high"], validation });
 * ```
 */
export function splitRecords(
  all: Records,
  options: SplitOptions = {},
): Record<Split, LabelledImages> {
  checkNames(options, { action: ACTION, known: OPTIONS });
  const { validation = 0.15, test = 0.15, seed = 1, stratify = true } = options;
  checkValue("stratify", stratify, {
    action: ACTION,
    accepts: isBoolean,
    expected: "true or false",
  });
  const records = checkRecords(all, { what: "records to split" });
  const { count, labels } = records;
  const held = [sizeOf("test", test, count), sizeOf("validation", validation, count)];
  const left = count - held[0] - held[1];
  if (left < 1) {
    throw new ArgumentError(
      `Cannot split ${count} records: test takes ${held[0]} and validation ${held[1]}, ` +
        `expected at most ${count - 1} together`,
    );
  }
  const sizes = [...held, left];
  const order = new Random(seed, "split").permutation(count);
  const indices = stratify
    ? stratified(order, labels, sizes)
    : sizes.map((_, part) =>
      order.subarray(sumOf(sizes.slice(0, part)), sumOf(sizes.slice(0, part + 1)))
    );
  const inputs = records.images.length / count;
  const [tested, validated, trained] = indices.map((own) => pick(records, inputs, own));
  return { training: trained, validation: validated, test: tested };
}

function sizeOf(what: string, size: number, count: number): number {
  if (typeof size === "number") {
    if (size >= 0 && size < 1) return Math.round(size * count);
    if (Number.isSafeInteger(size) && size >= 1) return size;
  }
  throw refused(what, size, {
    action: ACTION,
    expected: "a share from 0 to less than 1, or an integer from 1",
  });
}

/** Deals the records of each class out in a random order; those of a part stay in that order. */
function stratified(
  order: Uint32Array,
  labels: Uint8Array,
  sizes: readonly number[],
): number[][] {
  const totals: number[] = [];
  for (const label of labels) totals[label] = (totals[label] ?? 0) + 1;
  const present = [...totals.keys()].filter((label) => totals[label] > 0);
  const counts = stratifiedCounts(present.map((label) => totals[label]), sizes);
  const left = new Map(present.map((label, row) => [label, [...counts[row]]]));
  const parts: number[][] = SPLITS.map(() => []);
  for (const index of order) {
    const own = left.get(labels[index])!;
    const part = own.findIndex((n) => n > 0);
    own[part]--;
    parts[part].push(index);
  }
  return parts;
}

/**
 * Finds how many records of each class are in each part.
 *
 * @param totals Records of each class, [classes], all above 0.
 * @param sizes Records of each part, [parts], of the same sum; the last part is for training.
 * @returns Counts, [classes][parts], whose sums are exactly those.
 */
export function stratifiedCounts(
  totals: readonly number[],
  sizes: readonly number[],
): number[][] {
  const all = sumOf(sizes);
  // In units of 1 / all, so that everything is an integer.
  const shares = totals.map((total) => sizes.map((size) => total * size));
  const cells = shares.map((row) => [...row]);
  roundCells(cells, all);
  const counts = cells.map((row) => row.map((cell) => cell / all));
  fillEmpty(counts, { sizes, shares, all });
  return counts;
}

/**
 * Rounds a table, whose rows and columns have sums that are multiples of `unit`, to multiples of `unit`: each cell to one
 * of the two next to it, and every sum stays (Cox 1987, "A Constructive Procedure for Unbiased Controlled Rounding", with
 * the smaller of both changes rather than a random one).
 *
 * A row or column that has a cell to round has another, so a walk that changes between rows and columns comes back to
 * where it was. Along such a circle an amount is added and taken away in turn, until one more cell is a multiple.
 */
function roundCells(cells: number[][], unit: number): void {
  for (let circle; (circle = findCircle(cells, unit)) !== undefined;) {
    const rest = ([row, column]: Cell) => cells[row][column] % unit;
    const up = circle.map((cell, i) => i % 2 === 0 ? unit - rest(cell) : rest(cell));
    const down = circle.map((cell, i) => i % 2 === 0 ? rest(cell) : unit - rest(cell));
    const rise = Math.min(...up);
    const fall = Math.min(...down);
    const amount = rise <= fall ? rise : -fall;
    circle.forEach(([row, column], i) => cells[row][column] += i % 2 === 0 ? amount : -amount);
  }
}

type Cell = readonly [row: number, column: number];

/** Cells to round, in a circle: each shares its row with one neighbour and its column with the other. */
function findCircle(cells: readonly (readonly number[])[], unit: number): Cell[] | undefined {
  const isOpen = (row: number, column: number) => cells[row][column] % unit !== 0;
  let row = cells.findIndex((_, r) => cells[r].some((_, c) => isOpen(r, c)));
  if (row < 0) return undefined;
  let column = cells[row].findIndex((_, c) => isOpen(row, c));
  const path: Cell[] = [[row, column]];
  for (;;) {
    // To another cell of the column, then to another cell of that row.
    row = cells.findIndex((_, r) => r !== row && isOpen(r, column));
    path.push([row, column]);
    const sameRow = path.findIndex(([r], i) => r === row && i < path.length - 1);
    if (sameRow >= 0) return path.slice(leaving(sameRow));
    column = cells[row].findIndex((_, c) => c !== column && isOpen(row, c));
    path.push([row, column]);
    const sameColumn = path.findIndex(([, c], i) => c === column && i < path.length - 1);
    if (sameColumn >= 0) return path.slice(leaving(sameColumn, 1));
  }
}

/** Of two cells of the walk in a row, or with `first` 1 in a column, the one by which it was left. */
function leaving(cell: number, first = 0): number {
  return cell % 2 === first ? cell : cell + 1;
}

/** Gives classes a record in parts where they have none, in exchange with other classes, as far as shares allow. */
function fillEmpty(
  counts: number[][],
  { sizes, shares, all }: {
    readonly sizes: readonly number[];
    readonly shares: readonly (readonly number[])[];
    readonly all: number;
  },
): void {
  const parts = [...sizes.keys()].filter((part) => sizes[part] > 0);
  for (const [row, own] of counts.entries()) {
    if (sumOf(own) < parts.length) continue; // Too few for all parts.
    for (const empty of parts.filter((part) => own[part] === 0)) {
      const full = parts.reduce((best, part) => own[part] > own[best] ? part : best);
      // One that has more than its share there, and not more than its share here.
      const other = counts.find((cells, r) =>
        r !== row && cells[empty] >= 2 && cells[empty] * all > shares[r][empty] &&
        cells[full] * all <= shares[r][full]
      );
      if (other === undefined) continue;
      own[empty]++;
      own[full]--;
      other[empty]--;
      other[full]++;
    }
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
