/**
 * Tables as CSV text, with the kind of every column checked when they are read: these files are for people too, and
 * people edit them.
 *
 * @module
 */

import { parse, stringify } from "@std/csv";
import { ArgumentError, DataError } from "../errors.ts";

/**
 * What the cells of a column hold: `"integer"` is a whole number from 0, `"positive"` a number above 0, `"share"` a number
 * between 0 and 1, `"date"` an ISO 8601 date with or without a time, and `"boolean"` is true or false. An optional cell
 * may be empty, which reads as null. Numbers and shares may be NaN, numbers also Infinity and -Infinity.
 */
export type Kind = NamedKind | TextForm;

/** A kind of column that has a name. */
export type NamedKind =
  | "text"
  | "date"
  | "boolean"
  | "integer"
  | "number"
  | "positive"
  | "share"
  | "optional integer"
  | "optional number"
  | "optional positive"
  | "optional share";

/** A column of texts that are not just any. */
export interface TextForm {
  /** Whether a cell is one of them. */
  readonly fits: (cell: string) => boolean;
  /** What they are, for error messages. */
  readonly expected: string;
}

/** A value that a cell can hold; null is an empty cell. */
export type Value = string | boolean | number | null;

/** The columns of a table in their order: the keys of its rows, each with a kind that fits the type of the key. */
export type Columns<Row> = { readonly [Name in keyof Row]-?: KindOf<Row[Name]> };

/** The kinds of column that a type of value can stand in. */
export type KindOf<Type> = [null] extends [Type] ? Extract<Kind, `optional ${string}`>
  : Type extends string ? "text" | "date" | TextForm
  : Type extends boolean ? "boolean"
  : "integer" | "number" | "positive" | "share";

/**
 * Prints rows as CSV: a line of column names, then one line per row. Numbers have the shortest form that reads back
 * as the same float64.
 *
 * @param rows The rows, in the order of the lines.
 * @param columns The columns, in the order of the cells.
 * @returns The text, every line ended by a line feed.
 * @throws {ArgumentError} If a text has a line break in it: a line of the file is a row.
 *
 * @example Printing a small table
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { writeTable } from "./table.ts";
 *
 * const rows = [{ step: 0, eta: null }, { step: 1, eta: 1e-5 }];
 *
 * assertEquals(writeTable(rows, { step: "integer", eta: "optional number" }), "step,eta\n0,\n1,0.00001\n");
 * ```
 */
export function writeTable<Row extends object>(
  rows: readonly Row[],
  columns: Columns<Row>,
): string {
  const names = columnNames(columns);
  const lines = rows.map((row) => names.map((name) => printValue(row[name] as Value)));
  // The package ends lines with CR LF; a cell holds neither.
  return (stringify([names, ...lines]) as string).replaceAll("\r\n", "\n");
}

/** Where the text of a table came from. */
export interface ReadTableOptions<Row> {
  /** The columns that the text must have, in this order. */
  readonly columns: Columns<Row>;
  /** The name of the file, for error messages. */
  readonly name: string;
}

/**
 * Reads the rows of a CSV text.
 *
 * @param text The text: a line of column names, then one line per row; line feeds may follow carriage returns.
 * @param options The columns, and the name of the file for errors.
 * @returns The rows, in the order of the lines.
 * @throws {DataError} If the columns are others, a line has too few or too many cells, or a cell is not of its column's
 * kind; the message names file, line and column.
 *
 * @example Reading a small table
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readTable } from "./table.ts";
 *
 * const rows = readTable<{ step: number; eta: number | null }>("step,eta\n0,\n1,0.00001\n", {
 *   columns: { step: "integer", eta: "optional number" },
 *   name: "etas.csv",
 * });
 *
 * assertEquals(rows, [{ step: 0, eta: null }, { step: 1, eta: 1e-5 }]);
 * ```
 */
export function readTable<Row extends object>(
  text: string,
  options: ReadTableOptions<Row>,
): Row[] {
  const { columns, name: file } = options;
  const names = columnNames(columns);
  // The package tells no line numbers and skips empty lines, so each line is given to it alone.
  const lines = linesOf(text);
  checkHeader(parseLine(lines[0], `${file}, line 1`), names, file);

  return lines.slice(1).map((line, index) => {
    const where = `${file}, line ${index + 2}`;
    const cells = parseLine(line, where);
    if (cells.length !== names.length) {
      throw new DataError(
        `Cannot read ${where}: it has ${cells.length} cells, expected ${names.length} ` +
          `(${names[0]} to ${names[names.length - 1]})`,
      );
    }
    const row = names.map((name, i) => [
      name,
      parseCell(cells[i], columns[name], `${where}, column ${name}`),
    ]);
    return Object.fromEntries(row) as Row;
  });
}

/**
 * Reads the names of the columns of a CSV text, for tables whose columns depend on what they are about.
 *
 * @param text The text.
 * @param options The name of the file, for error messages.
 * @returns The cells of the first line.
 * @throws {DataError} If the first line is no CSV.
 */
export function readHeader(text: string, options: { readonly name: string }): string[] {
  return parseLine(linesOf(text)[0], `${options.name}, line 1`);
}

function linesOf(text: string): string[] {
  return text.replace(/^\uFEFF/, "").replace(/[\r\n]+$/, "").split(/\r?\n/);
}

function columnNames<Row>(columns: Columns<Row>): (keyof Row & string)[] {
  return Object.keys(columns) as (keyof Row & string)[];
}

function printValue(value: Value): string {
  if (value === null) return "";
  // String(-0) is "0".
  if (Object.is(value, -0)) return "-0";
  const text = String(value);
  if (/[\r\n]/.test(text)) {
    throw new ArgumentError(
      `Cannot write the table: ${JSON.stringify(text)} has a line break, expected one line of text`,
    );
  }
  return text;
}

function parseLine(line: string, where: string): string[] {
  if (line === "") return [];
  try {
    return (parse(line) as string[][])[0];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new DataError(
      `Cannot read ${where}: it is not CSV, expected the quotes around a cell to be closed`,
    );
  }
}

function checkHeader(cells: string[], names: string[], file: string): void {
  const columns = Math.max(cells.length, names.length);
  for (let i = 0; i < columns; i++) {
    if (cells[i] === names[i]) continue;
    const given = cells[i] === undefined ? "missing" : JSON.stringify(cells[i]);
    const expected = names[i] === undefined ? "no more columns" : JSON.stringify(names[i]);
    throw new DataError(
      `Cannot read ${file}, line 1: the name of column ${i + 1} is ${given}, expected ${expected}`,
    );
  }
}

const EXPECTED: Readonly<Record<NamedKind, string>> = {
  "text": "text",
  "date": "a date as in 2026-08-31T09:00:00Z",
  "boolean": "true or false",
  "integer": "a whole number from 0",
  "number": "a number",
  "positive": "a positive number",
  "share": "a number between 0 and 1",
  "optional integer": "a whole number from 0, or nothing",
  "optional number": "a number, or nothing",
  "optional positive": "a positive number, or nothing",
  "optional share": "a number between 0 and 1, or nothing",
};

function parseCell(cell: string, kind: Kind, where: string): Value {
  const value = cellValue(cell, kind);
  if (value === undefined) {
    const expected = typeof kind === "string" ? EXPECTED[kind] : kind.expected;
    throw new DataError(
      `Cannot read ${where}: it is ${JSON.stringify(cell)}, expected ${expected}`,
    );
  }
  return value;
}

/** Gives the value of a cell, or undefined if the cell is not of that kind. */
function cellValue(cell: string, kind: Kind): Value | undefined {
  if (typeof kind !== "string") return kind.fits(cell) ? cell : undefined;
  switch (kind) {
    case "text":
      return cell;
    case "date":
      return /^\d{4}-\d{2}-\d{2}(T|$)/.test(cell) && !Number.isNaN(Date.parse(cell))
        ? cell
        : undefined;
    case "boolean":
      return cell === "true" ? true : cell === "false" ? false : undefined;
    case "integer": {
      const value = /^\d+$/.test(cell) ? Number(cell) : NaN;
      return Number.isSafeInteger(value) ? value : undefined;
    }
    case "number":
      return numberValue(cell);
    case "positive": {
      const value = numberValue(cell);
      return value !== undefined && value > 0 && value < Infinity ? value : undefined;
    }
    case "share": {
      const value = numberValue(cell);
      return value !== undefined && !(value < 0 || value > 1) ? value : undefined;
    }
    case "optional integer":
      return cell === "" ? null : cellValue(cell, "integer");
    case "optional number":
      return cell === "" ? null : cellValue(cell, "number");
    case "optional positive":
      return cell === "" ? null : cellValue(cell, "positive");
    case "optional share":
      return cell === "" ? null : cellValue(cell, "share");
  }
}

function numberValue(cell: string): number | undefined {
  if (cell === "NaN" || /^-?Infinity$/.test(cell)) return Number(cell);
  // Number() alone would take "", " ", "0x10" and 1e999 (as Infinity) too.
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(cell) ? Number(cell) : NaN;
  return Number.isFinite(value) ? value : undefined;
}
