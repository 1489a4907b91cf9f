/**
 * `confusion.csv`: a confusion matrix, a row for each true class, a column for each predicted class.
 *
 * @module
 */

import { DataError, shown } from "../errors.ts";
import type { Confusion } from "../model/metrics.ts";
import type { FileName, TextFormat } from "./names.ts";
import { type Columns, CsvTable, readHeader } from "./table.ts";

type Line = Record<string, string | number>;

/** The table for some classes, whose names are those of columns; the fields have numbers, which cannot clash. */
function tableOf(classNames: readonly string[]): CsvTable<Line> {
  const counts = classNames.map((name, i) => [fieldOf(i), { name, kind: "integer" }]);
  return new CsvTable(Object.fromEntries([["trueClass", "text"], ...counts]) as Columns<Line>);
}

function fieldOf(index: number): string {
  return `class${index}`;
}

/** The format of `confusion.csv`, which counts at least one image. */
export const CONFUSION_CSV: TextFormat<Confusion> = {
  encode({ classNames, counts }: Confusion): string {
    const lines = counts.map((row, i) => ({
      trueClass: classNames[i],
      ...Object.fromEntries(row.map((count, j) => [fieldOf(j), count])),
    }));
    return tableOf(classNames).encode(lines);
  },

  decode(text: string, file: FileName): Confusion {
    const { name } = file;
    const classNames = readHeader(text, file);
    classNames.shift(); // Not a copy: a damaged file may have millions.
    // Before a table of as many columns is made: a row for each class has a count for each.
    if (classNames.length ** 2 > text.length) {
      throw new DataError(
        `Cannot read ${name}: it has ${text.length} characters, expected ${classNames.length} rows of as many counts`,
      );
    }
    const lines = tableOf(classNames).decode(text, file);
    lines.forEach(({ trueClass }, i) => {
      if (trueClass === classNames[i]) return;
      throw new DataError(
        `Cannot read ${name}, line ${i + 2}, column true_class: it is ${shown(trueClass)}, ` +
          `expected ${i < classNames.length ? shown(classNames[i]) : "no more rows"}`,
      );
    });
    if (lines.length !== classNames.length) {
      throw new DataError(
        `Cannot read ${name}: it has ${lines.length} rows, expected one for each of ${classNames.length} classes`,
      );
    }
    const counts = lines.map((line) => classNames.map((_, i) => line[fieldOf(i)] as number));
    if (!counts.flat().some((count) => count > 0)) {
      throw new DataError(`Cannot read ${name}: it counts no images, expected at least 1`);
    }
    return { classNames, counts };
  },
};
