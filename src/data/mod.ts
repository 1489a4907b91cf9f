/**
 * Readers of data sets from files, beside what makes a data set of records: CIFAR-10, IDX (the format of MNIST), CSV.
 *
 * @example Records of a CSV file, divided at random
 * ```ts
 * import { createDataSet, parseCsv, splitRecords } from "@headless/mlp/data";
 * import { assertEquals } from "@std/assert";
 *
 * const lines = Array.from({ length: 40 }, (_, i) => `${i},${40 - i},${i < 20 ? "low" : "high"}`);
 * const all = parseCsv(lines.join("\n"), { name: "numbers.csv" });
 * const { training, validation, test } = splitRecords(all, { validation: 0.1, test: 0.2 });
 * const { classNames } = all;
 * const data = await createDataSet(training, test, { name: "numbers", classNames, validation });
 * assertEquals(data.classNames, ["high", "low"]);
 * assertEquals([data.training.count, data.validation.count, data.test.count], [28, 4, 8]);
 * ```
 *
 * @module
 */

export { CIFAR10_CLASSES, parseCifar10, readCifar10 } from "./cifar10.ts";
export { type CsvRecords, parseCsv, type ParseCsvOptions, readCsv } from "./csv.ts";
export {
  createDataSet,
  type DataSet,
  type DataSetOptions,
  type LabelledImages,
  type Records,
  type Split,
} from "./dataset.ts";
export { type IdxArray, parseIdx, readIdx, type ReadIdxOptions } from "./idx.ts";
export { type SplitOptions, splitRecords } from "./split.ts";
