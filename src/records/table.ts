/**
 * Tables as CSV text. The kind of every column is checked as a table is read: these files are for people too, and people
 * edit them.
 *
 * @module
 */

import { parse, stringify } from "@std/csv";
import { ArgumentError, DataError, shown } from "../errors.ts";
import { type FileName, snakeCase } from "./names.ts";

/**
 * What the cells of a column hold: `"integer"` is a whole number from 0, `"positive"` a number above 0, `"amount"` a number
 * from 0, `"share"` a number between 0 and 1, `"date"` an ISO 8601 date with or without a time, and `"boolean"` is true or
 * false. An optional cell may be empty, which reads as null. Numbers may also be NaN, Infinity and -Infinity. A share may be
 * NaN, which is an empty cell: there is none. `"measured"` is a number whose cell may be empty, too, which reads as NaN:
 * nothing was measured; a NaN that was is written as such.
 */
export type Kind = NamedKind | TextForm;

/** A kind of column that has a name. */
export type NamedKind =
  | "text"
  | "date"
  | "boolean"
  | "integer"
  | "number"
  | "measured"
  | "positive"
  | "amount"
  | "share"
  | "optional integer"
  | "optional number"
  | "optional positive"
  | "optional amount"
  | "optional share";

/** A column of texts of a certain form. */
export interface TextForm {
  /** Whether a cell has that form. */
  readonly fits: (cell: string) => boolean;
  /** The form in words, for error messages. */
  readonly expected: string;
}

/** A value that a cell can hold; null is an empty cell. */
export type Value = string | boolean | number | null;

/** The cells of a row by the names of their columns. */
export type Cells = Readonly<Record<string, Value>>;

/** The kinds of column that can hold a type of value. */
export type KindOf<Type> = [null] extends [Type] ? Extract<Kind, `optional ${string}`>
  : Type extends string ? "text" | "date" | TextForm
  : Type extends boolean ? "boolean"
  : "integer" | "number" | "measured" | "positive" | "amount" | "share";

/** A column whose name is not that of its field in snake_case. */
export interface NamedColumn<Type> {
  /** The name of the column. */
  readonly name: string;
  /** What its cells hold. */
  readonly kind: KindOf<Type>;
}

/** The columns of a field that is an object. */
export interface ColumnGroup<Type> {
  /** What the names of its columns begin with, before an underscore. */
  readonly prefix: string;
  /** A column for each of its fields. */
  readonly columns: Columns<Type>;
}

/** The columns of a table, in order: for each field of a row its kind, with a name or in a group where it needs one. */
export type Columns<Row> = {
  readonly [Field in keyof Row]-?: Row[Field] extends Value
    ? KindOf<Row[Field]> | NamedColumn<Row[Field]>
    : ColumnGroup<Row[Field]>;
};

/** A column, and where its values are in a row. */
interface Column {
  readonly name: string;
  readonly kind: Kind;
  /** Field of the row, and field of that. */
  readonly path: readonly string[];
}

/**
 * The format of a table: rows as CSV text and back.
 *
 * @example A small table
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { CsvTable } from "@headless/mlp/records";
 *
 * const table = new CsvTable<{ step: number; maxEta: number | null }>({
 *   step: "integer",
 *   maxEta: "optional number",
 * });
 * const rows = [{ step: 0, maxEta: null }, { step: 1, maxEta: 1e-5 }];
 *
 * assertEquals(table.encode(rows), "step,max_eta\n0,\n1,0.00001\n");
 * assertEquals(table.decode("step,max_eta\n0,\n1,0.00001\n", { name: "etas.csv" }), rows);
 * ```
 */
export class CsvTable<Row extends object> {
  readonly #columns: readonly Column[];
  readonly #first: number;
  readonly #earlier: Cells;

  /**
   * Describes the format.
   *
   * @param columns The columns, in the order of the cells.
   * @param options `first`: how many columns files of earlier versions have, where the later ones may be missing; they read
   * as the cell of that name in `earlier` then, or else as null, and must be optional.
   */
  constructor(
    columns: Columns<Row>,
    options: { readonly first?: number; readonly earlier?: Cells } = {},
  ) {
    this.#columns = listColumns(columns);
    this.#first = options.first ?? this.#columns.length;
    this.#earlier = options.earlier ?? {};
  }

  /**
   * Gives the cells of a row by the names of their columns.
   *
   * @param row The row.
   * @returns The cells, in the order of the columns.
   */
  cells(row: Row): Cells {
    return Object.fromEntries(this.#columns.map(({ name, path }) => [name, valueAt(row, path)]));
  }

  /**
   * Prints rows as CSV: a line of column names, then one line per row. Numbers have the shortest form that reads back as
   * the same float64.
   *
   * @param rows The rows, in the order of the lines.
   * @returns The text; every line ends with a line feed.
   * @throws {ArgumentError} If a text has a line break in it: a line of the file is a row.
   */
  encode(rows: readonly Row[]): string {
    const lines = rows.map((row) =>
      this.#columns.map(({ path, kind }) => printValue(valueAt(row, path), kind))
    );
    // The package ends lines with CR LF; a cell holds neither.
    return (stringify([this.#columns.map(({ name }) => name), ...lines]) as string)
      .replaceAll("\r\n", "\n");
  }

  /**
   * Reads the rows of a CSV text, also as Excel saves it: with a byte order mark, TRUE and FALSE, carriage returns, empty
   * cells and lines at the end, or without the empty cells at the end of a line.
   *
   * @param text The text: a line of column names, then one line per row.
   * @param file The name of the file, for error messages.
   * @returns The rows, in the order of the lines.
   * @throws {DataError} If the text has other columns, a line has too few or too many cells, or a cell is not of its
   * column's kind; the message names file, line and column.
   */
  decode(text: string, file: FileName): Row[] {
    // The package gives no line numbers and skips empty lines, so it parses each line alone.
    const lines = linesOf(text);
    const header = headerOf(lines.next().value!, { ...file, min: this.#first });
    const columns = header.length === this.#first
      ? this.#columns.slice(0, this.#first)
      : this.#columns;
    checkHeader(header, columns.map(({ name }) => name), file.name);
    const rows: Row[] = [];
    for (const line of lines) {
      rows.push(this.#row(line, columns, `${file.name}, line ${rows.length + 2}`));
    }
    return rows;
  }

  #row(line: string, columns: readonly Column[], where: string): Row {
    const cells = withoutEnd(parseLine(line, where), columns.length);
    while (cells.length > 0 && isOptional(columns[cells.length]?.kind)) cells.push("");
    if (cells.length !== columns.length) {
      throw new DataError(
        `Cannot read ${where}: it has ${cells.length} cells, expected ${columns.length} ` +
          `(${columns[0].name} to ${columns[columns.length - 1].name})`,
      );
    }
    const row: Record<string, unknown> = {};
    this.#columns.forEach(({ name, kind, path }, i) => {
      const value = i < cells.length
        ? parseCell(cells[i], kind, `${where}, column ${name}`)
        : this.#earlier[name] ?? null;
      setAt(row, path, value);
    });
    return row as Row;
  }
}

/** Reads the names of the columns of a CSV text that has as many as lines, the first included. */
export function readHeader(text: string, file: FileName): string[] {
  const [first] = linesOf(text);
  let min = 0;
  for (const _line of linesOf(text)) min++;
  return headerOf(first, { ...file, min });
}

/** The cells of the first line, without empty ones after the first `min`. */
function headerOf(line: string, { name, min }: FileName & { readonly min: number }): string[] {
  const header = withoutEnd(parseLine(line, `${name}, line 1`), min);
  // Excel and others write them where a comma is part of numbers.
  const other = header.length > 1 ? undefined : SEPARATORS.find(([sign]) => line.includes(sign));
  if (other === undefined) return header;
  throw new DataError(
    `Cannot read ${name}, line 1: it is separated by ${other[1]}, expected commas`,
  );
}

const SEPARATORS = [[";", "semicolons"], ["\t", "tabs"]] as const;

/** Leaves out the empty cells at the end of a line, down to so many cells. */
function withoutEnd(cells: string[], min: number): string[] {
  let length = cells.length;
  while (length > min && cells[length - 1] === "") length--;
  cells.length = length;
  return cells;
}

function listColumns<Row>(columns: Columns<Row>): Column[] {
  type AnyColumn = Kind | NamedColumn<Value> | ColumnGroup<never>;
  return Object.entries(columns as Record<string, AnyColumn>).flatMap(([field, column]) => {
    if (typeof column === "string" || "fits" in column) {
      return [{ name: snakeCase(field), kind: column, path: [field] }];
    }
    if ("kind" in column) return [{ ...column, path: [field] }];
    return listColumns(column.columns).map(({ name, kind, path }) => ({
      name: `${column.prefix}_${name}`,
      kind,
      path: [field, ...path],
    }));
  });
}

function valueAt(row: object, path: readonly string[]): Value {
  return path.reduce<unknown>(
    (value, field) => (value as Record<string, unknown>)[field],
    row,
  ) as Value;
}

function setAt(row: Record<string, unknown>, [field, ...rest]: readonly string[], value: Value) {
  if (rest.length === 0) row[field] = value;
  else setAt((row[field] ??= {}) as Record<string, unknown>, rest, value);
}

/** Gives the lines one by one, at least one: a damaged file may have millions before its first error. */
function* linesOf(text: string): Generator<string, undefined> {
  let at = text.startsWith("\uFEFF") ? 1 : 0;
  let end = text.length;
  // Excel writes a line of commas for an empty row.
  while (end > at && ",\r\n".includes(text[end - 1])) end--;
  while (text[end] === ",") end++;
  const breaks = /\r\n|\r|\n/g;
  for (breaks.lastIndex = at;; at = breaks.lastIndex) {
    const found = breaks.exec(text);
    if (found === null || found.index >= end) break;
    yield text.slice(at, found.index);
  }
  yield text.slice(at, end);
}

function printValue(value: Value, kind: Kind): string {
  if (value === null || kind === "share" && Number.isNaN(value)) return "";
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
  // The package takes several times as long.
  if (!line.includes('"')) return line.split(",");
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
    const given = shown(cells[i]);
    const expected = names[i] === undefined ? "no more columns" : JSON.stringify(names[i]);
    throw new DataError(
      `Cannot read ${file}, line 1: the name of column ${i + 1} is ${given}, expected ${expected}`,
    );
  }
}

const OPTIONAL = "optional ";

function isOptional(kind: Kind | undefined): boolean {
  return typeof kind === "string" && kind.startsWith(OPTIONAL);
}

type RequiredKind = Exclude<NamedKind, `optional ${string}`>;

const EXPECTED: Readonly<Record<RequiredKind, string>> = {
  text: "text",
  date: "a date as in 2026-08-31T09:00:00Z",
  boolean: "true or false",
  integer: "a whole number from 0",
  number: "a number",
  measured: "a number",
  positive: "a positive number",
  amount: "a number from 0",
  share: "a number between 0 and 1",
};

function parseCell(cell: string, kind: Kind, where: string): Value {
  if (typeof kind !== "string") {
    if (kind.fits(cell)) return cell;
    throw unexpectedCell(cell, kind.expected, where);
  }
  const optional = isOptional(kind);
  if (optional && cell === "") return null;
  const required = (optional ? kind.slice(OPTIONAL.length) : kind) as RequiredKind;
  const value = cellValue(cell, required);
  if (value !== undefined) return value;
  const mayBeEmpty = optional || required === "share" || required === "measured";
  const expected = EXPECTED[required] + (mayBeEmpty ? ", or nothing" : "");
  const point = cell.replace(",", ".");
  const comma = point !== cell && cellValue(point, required) !== undefined;
  throw unexpectedCell(cell, comma ? `${expected}, with a point for the comma` : expected, where);
}

function unexpectedCell(cell: string, expected: string, where: string): DataError {
  return new DataError(`Cannot read ${where}: it is ${shown(cell)}, expected ${expected}`);
}

/** Gives the value of a cell, or undefined if the cell is not of that kind. */
function cellValue(cell: string, kind: RequiredKind): Value | undefined {
  switch (kind) {
    case "text":
      return cell;
    case "date":
      return /^\d{4}-\d{2}-\d{2}(T|$)/.test(cell) && !Number.isNaN(Date.parse(cell))
        ? cell
        : undefined;
    case "boolean":
      // Excel writes them in capitals.
      return /^true$/i.test(cell) ? true : /^false$/i.test(cell) ? false : undefined;
    case "integer": {
      const value = /^\d+$/.test(cell) ? Number(cell) : NaN;
      return Number.isSafeInteger(value) ? value : undefined;
    }
    case "number":
      return numberValue(cell);
    case "measured":
      return cell === "" ? NaN : numberValue(cell);
    case "positive": {
      const value = numberValue(cell);
      return value !== undefined && value > 0 && value < Infinity ? value : undefined;
    }
    case "amount": {
      const value = numberValue(cell);
      return value !== undefined && value >= 0 && value < Infinity ? value : undefined;
    }
    case "share": {
      // Earlier versions have written "NaN".
      const value = cell === "" ? NaN : numberValue(cell);
      return value !== undefined && !(value < 0 || value > 1) ? value : undefined;
    }
  }
}

function numberValue(cell: string): number | undefined {
  if (cell === "NaN" || /^-?Infinity$/.test(cell)) return Number(cell);
  // Number() alone would also accept "", " ", "0x10", and 1e999 as Infinity.
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(cell) ? Number(cell) : NaN;
  return Number.isFinite(value) ? value : undefined;
}
