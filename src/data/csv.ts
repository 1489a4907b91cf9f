/**
 * Reads records from CSV files: a line each, numbers and a class.
 *
 * @module
 */

import { parse } from "@std/csv";
import { ArgumentError, DataError, nameOf, shown } from "../errors.ts";
import { checkNames } from "../options.ts";
import { attempt, stat } from "./files.ts";
import { type LabelledImages, MAX_CLASSES } from "./records.ts";

/** Options for {@linkcode parseCsv}. */
export interface ParseCsvOptions {
  /** The name of the file, for error messages. */
  readonly name: string;
  /** The name of the column of classes; the last column unless given. */
  readonly label?: string;
  /** Whether the first line names the columns; unless given, it does if no cell of it but the class is a number. */
  readonly header?: boolean;
  /** Records read before, as of training, whose columns, where they are given, and classes these must have. */
  readonly like?: Pick<CsvRecords, "classNames"> & Partial<Pick<CsvRecords, "columns">>;
}

/** The records of a CSV file. */
export interface CsvRecords extends LabelledImages<Float32Array> {
  /** The classes: all different cells of their column, numbers in ascending order, others sorted as texts. */
  readonly classNames: readonly string[];
  /** Names of the columns of numbers, [inputs]; "column 1" and so on without a line of names. */
  readonly columns: readonly string[];
}

/** The largest file that is read: its text must fit into one string. */
const MAX_BYTES = 2 ** 28;

/** Decimal notation with an optional exponent, as CSV files of other programs have it. */
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** What separates cells where commas are part of numbers. */
const SEPARATORS = [[";", "semicolons"], ["\t", "tabs"]] as const;

/**
 * Reads records from the text of a CSV file: a line of names or none, then a line for each record, all numbers but its
 * class. A byte order mark, carriage returns, blanks around cells and empty lines do no harm.
 *
 * @param text The text.
 * @param options The name of the file, and where the classes are.
 * @returns Numbers as float32, [count, inputs], labels, and the names of classes and columns.
 * @throws {DataError} If a cell is not a finite number, a class is missing, unknown or one of more than 256, or lines do not
 * have the same number of cells; the message names file, line and column.
 *
 * @example Usage
 * ```ts
 * import { parseCsv } from "@headless/mlp/data";
 * import { assertEquals } from "@std/assert";
 *
 * const text = "petal,sepal,species\n1.5,5,setosa\n4.5,6.25,versicolor\n";
 * const { images, labels, classNames } = parseCsv(text, { name: "flowers.csv" });
 * assertEquals(images, Float32Array.of(1.5, 5, 4.5, 6.25));
 * assertEquals([...labels].map((label) => classNames[label]), ["setosa", "versicolor"]);
 * ```
 */
export function parseCsv(text: string, options: ParseCsvOptions): CsvRecords {
  checkNames(options, { action: "read CSV", known: ["name", "label", "header", "like"] });
  const { name, like } = options;
  if (typeof text !== "string") {
    throw new ArgumentError(`Cannot read ${shown(name)}: it is ${nameOf(text)}, expected a text`);
  }
  const lines = linesOf(text);
  const first = lines.next().value;
  if (first === undefined) {
    throw new DataError(`Cannot read ${name}: it is empty, expected a line for each record`);
  }
  const table = layoutOf(first, options);
  const { columns, at } = table;
  const values = new Growing();
  const classes: string[] = [];
  const known = new Set(like?.classNames);
  const rest = table.named ? [] : [first];
  for (const line of chain(rest, lines)) {
    const where = `${name}, line ${line.number}`;
    const cells = cellsOf(line.text, where);
    if (cells.length !== columns.length + 1) {
      throw new DataError(
        `Cannot read ${where}: it has ${cells.length} cells, expected ${
          columns.length + 1
        } as in line ${first.number}`,
      );
    }
    cells.forEach((cell, i) => {
      if (i !== at) values.add(numberOf(cell, () => `${where}, column ${nameOfColumn(table, i)}`));
    });
    classes.push(
      classOf(cells[at], { where: `${where}, column ${nameOfColumn(table, at)}`, like, known }),
    );
  }
  if (classes.length === 0) {
    throw new DataError(`Cannot read ${name}: it has names of columns alone, expected records`);
  }
  const classNames = like?.classNames ?? sorted(known);
  const numbers = new Map(classNames.map((className, label) => [className, label]));
  const labels = Uint8Array.from(classes, (className) => numbers.get(className)!);
  return { images: values.all(), labels, count: classes.length, classNames, columns };
}

/**
 * Reads records from a CSV file, as {@linkcode parseCsv} does.
 *
 * @param path The file, UTF-8 text of at most 256 MiB.
 * @param options Where the classes are, and which records these must fit.
 * @returns The records.
 * @throws {DataError} If there is no such file, or it is not what it should be; the message names the file.
 *
 * @example A data set from a file, and from one that is not there
 * ```ts
 * import { DataError } from "@headless/mlp";
 * import { createDataSet, type DataSet, readCsv, splitRecords } from "@headless/mlp/data";
 * import { assertRejects } from "@std/assert";
 *
 * async function load(path: string): Promise<DataSet> {
 *   const all = await readCsv(path, { label: "species" });
 *   const { training, validation, test } = splitRecords(all);
 *   return await createDataSet(training, test, {
 *     name: "flowers",
 *     classNames: all.classNames,
 *     validation,
 *   });
 * }
 * await assertRejects(() => load("no-such-file.csv"), DataError, "there is no such file");
 * ```
 */
export async function readCsv(
  path: string,
  options: Omit<ParseCsvOptions, "name"> = {},
): Promise<CsvRecords> {
  checkNames(options, { action: "read CSV", known: ["label", "header", "like"] });
  const info = await stat(path);
  if (!info?.isFile) {
    const problem = info === null ? "there is no such file" : "it is not a file";
    throw new DataError(`Cannot read ${path}: ${problem}, expected a CSV file`);
  }
  if (info.size > MAX_BYTES) {
    throw new DataError(
      `Cannot read ${path}: it has ${info.size} bytes, expected at most ${MAX_BYTES}`,
    );
  }
  const bytes = await attempt(path, () => Deno.readFile(path));
  return parseCsv(decoded(bytes, path), { ...options, name: path });
}

function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new DataError(`Cannot read ${path}: it is not UTF-8 text, expected a CSV file`);
  }
}

interface Line {
  /** Counted from 1. */
  readonly number: number;
  readonly text: string;
}

/** Gives the lines that are not empty: a damaged file may have millions before its first error. */
function* linesOf(text: string): Generator<Line, undefined> {
  let number = 0;
  let at = text.startsWith("\uFEFF") ? 1 : 0;
  const breaks = /\r\n|\r|\n/g;
  while (at < text.length) {
    breaks.lastIndex = at;
    const found = breaks.exec(text);
    const line = text.slice(at, found?.index);
    number++;
    if (line.trim() !== "") yield { number, text: line };
    at = found ? breaks.lastIndex : text.length;
  }
  return undefined;
}

function* chain<Type>(...parts: Iterable<Type>[]): Generator<Type> {
  for (const part of parts) yield* part;
}

function cellsOf(line: string, where: string): string[] {
  // The package takes several times as long.
  if (!line.includes('"')) return line.split(",").map((cell) => cell.trim());
  try {
    const [cells] = parse(line, { trimLeadingSpace: true }) as string[][];
    return cells.map((cell) => cell.trim());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new DataError(
      `Cannot read ${where}: it is not CSV, expected the quotes around a cell to be closed`,
    );
  }
}

/** What the first line says about all others. */
interface Layout {
  /** Names of the columns of numbers. */
  readonly columns: readonly string[];
  /** Where the class is. */
  readonly at: number;
  /** Its name. */
  readonly label: string;
  /** Whether the first line has names. */
  readonly named: boolean;
}

function layoutOf(first: Line, options: ParseCsvOptions): Layout {
  const { name, label, header, like } = options;
  const where = `${name}, line ${first.number}`;
  const cells = cellsOf(first.text, where);
  const other = cells.length > 1
    ? undefined
    : SEPARATORS.find(([sign]) => first.text.includes(sign));
  if (other !== undefined) {
    throw new DataError(
      `Cannot read ${where}: it is separated by ${other[1]}, expected commas`,
    );
  }
  if (cells.length < 2) {
    throw new DataError(
      `Cannot read ${where}: it has ${cells.length} cells, expected at least one number and a class`,
    );
  }
  const named = header ?? (label !== undefined || !cells.slice(0, -1).some(isNumber));
  if (label !== undefined && !named) {
    throw new DataError(
      `Cannot read ${name}: it has no names of columns, expected one called ${shown(label)}`,
    );
  }
  const at = label === undefined ? cells.length - 1 : findLabel(label, { cells, where });
  const names = named ? cells : cells.map((_, i) => `column ${i + 1}`);
  const columns = names.filter((_, i) => i !== at);
  if (like?.columns) checkColumns(columns, like.columns, where);
  return { columns, at, label: names[at], named };
}

/** The place of the column of classes, of which there must be one. */
function findLabel(
  label: string,
  { cells, where }: { readonly cells: readonly string[]; readonly where: string },
): number {
  const at = cells.indexOf(label);
  if (at < 0) {
    throw new DataError(
      `Cannot read ${where}: no column is called ${shown(label)}, expected it among ` +
        namesText(cells),
    );
  }
  const again = cells.lastIndexOf(label);
  if (again > at) {
    throw new DataError(
      `Cannot read ${where}: columns ${at + 1} and ${again + 1} are called ${
        shown(label)
      }, expected one`,
    );
  }
  return at;
}

/** Columns in another order would be taken for each other. */
function checkColumns(columns: readonly string[], expected: readonly string[], where: string) {
  const wrong = Array.from(
    { length: Math.max(columns.length, expected.length) },
    (_, i) => i,
  ).find((i) => columns[i] !== expected[i]);
  if (wrong === undefined) return;
  throw new DataError(
    `Cannot read ${where}: number ${wrong + 1} of a record is called ${shown(columns[wrong])}, ` +
      `expected ${
        expected[wrong] === undefined ? "no more" : shown(expected[wrong])
      } as in the training records`,
  );
}

/** The first of many names. */
function namesText(names: readonly string[]): string {
  const some = names.slice(0, 10).map((name) => shown(name)).join(", ");
  return names.length > 10 ? `${some}, …` : some;
}

function nameOfColumn({ columns, at, label, named }: Layout, i: number): string {
  return named ? (i === at ? label : columns[i < at ? i : i - 1]) : String(i + 1);
}

function isNumber(cell: string): boolean {
  return DECIMAL.test(cell);
}

function numberOf(cell: string, where: () => string): number {
  const value = isNumber(cell) ? Math.fround(Number(cell)) : NaN;
  if (Number.isFinite(value)) return value;
  throw new DataError(
    `Cannot read ${where()}: it is ${shown(cell)}, expected a number${
      isNumber(cell) ? " between -3.4e38 and 3.4e38" : ""
    }`,
  );
}

/** Checks a class, and adds it to the known ones of training records. */
function classOf(
  cell: string,
  { where, like, known }: {
    where: string;
    like?: ParseCsvOptions["like"];
    known: Set<string>;
  },
): string {
  if (cell === "" || /[\r\n]/.test(cell)) {
    throw new DataError(`Cannot read ${where}: it is ${shown(cell)}, expected the name of a class`);
  }
  if (like && !known.has(cell)) {
    throw new DataError(
      `Cannot read ${where}: it is ${shown(cell)}, expected a class of the training records: ` +
        namesText(like.classNames),
    );
  }
  known.add(cell);
  if (known.size > MAX_CLASSES) {
    throw new DataError(
      `Cannot read ${where}: it is the name of class ${known.size}, expected at most ${MAX_CLASSES} classes`,
    );
  }
  return cell;
}

/** Sorts numbers by value and other texts by their characters, the same on every machine. */
function sorted(names: ReadonlySet<string>): string[] {
  const numeric = [...names].every(isNumber);
  return [...names].sort((a, b) =>
    numeric && Number(a) !== Number(b) ? Number(a) - Number(b) : a < b ? -1 : 1
  );
}

/** Numbers of which it is not known how many will come: eight bytes each in an array would be twice as many. */
class Growing {
  #values = new Float32Array(1024);
  #length = 0;

  add(value: number): void {
    if (this.#length === this.#values.length) {
      const more = new Float32Array(2 * this.#length);
      more.set(this.#values);
      this.#values = more;
    }
    this.#values[this.#length++] = value;
  }

  all(): Float32Array {
    return this.#values.slice(0, this.#length);
  }
}
