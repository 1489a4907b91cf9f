/** From `--data` to data sets of the caller's own: IDX files as of MNIST, and CSV files. */
import { basename, extname, join, resolve } from "@std/path";
import { type CsvRecords, readCsv } from "../../src/data/csv.ts";
import { CIFAR10_FILES } from "../../src/data/cifar10.ts";
import { createDataSet, type DataSet } from "../../src/data/dataset.ts";
import { stat } from "../../src/data/files.ts";
import { IDX_FILES, readIdx } from "../../src/data/idx.ts";
import { type SplitOptions, splitRecords } from "../../src/data/split.ts";

/** What a path holds. */
export type DataKind = "cifar10" | "idx" | "csv" | "csv folder";

/** Names that text files with commas go by. */
const CSV_EXTENSIONS = [".csv", ".data", ".txt"];

const TRAINING = "train.csv";

/** A constant, so that `--seed` never moves records to test with among those to train with. */
const SPLIT_SEED = 1;

/** The shares of a single file, and of the training records of a folder without `validation.csv`. */
const FILE_SHARES: SplitOptions = { validation: 0.15, test: 0.15 };
const FOLDER_SHARES: SplitOptions = { validation: 0.1, test: 0 };

/**
 * Says what a path holds by its name, or a folder by the names of its files; what is none of the others is read as CIFAR-10,
 * which says why not.
 *
 * @throws {DataError} When the system refuses to look.
 */
export async function kindOf(path: string): Promise<DataKind> {
  if (!(await stat(path))?.isDirectory) {
    return CSV_EXTENSIONS.includes(extname(path).toLowerCase()) ? "csv" : "cifar10";
  }
  const holds = async (names: readonly string[]) => {
    for (const name of names) if (await stat(join(path, name))) return true;
    return false;
  };
  if (await holds(CIFAR10_FILES)) return "cifar10";
  if (await holds(IDX_FILES)) return "idx";
  return await holds([TRAINING]) ? "csv folder" : "cifar10";
}

/**
 * Reads a data set that is not CIFAR-10. Its name never is "CIFAR-10", whatever the files are called.
 *
 * @throws {DataError} When a file is missing or not what it should be; the message names it.
 */
export async function readOwn(
  path: string,
  { kind, label }: { kind: Exclude<DataKind, "cifar10">; label?: string },
): Promise<DataSet> {
  const name = basename(resolve(path));
  if (kind === "idx") return await readIdx(path, { name: `${name} (IDX)` });
  if (kind === "csv") {
    const all = await readCsv(path, { label });
    return await createFrom(all, { ...divide(all, FILE_SHARES), name });
  }
  const all = await readCsv(join(path, TRAINING), { label });
  const like = { label, like: all };
  const test = await readCsv(join(path, "test.csv"), like);
  const other = join(path, "validation.csv");
  const splits = await stat(other)
    ? { training: all, validation: await readCsv(other, like) }
    : divide(all, FOLDER_SHARES);
  return await createFrom(all, { ...splits, test, name: `${name} (CSV)` });
}

/**
 * Reads a CSV file whole, in its order, as records to train with. Where all classes of a trained network have names, these
 * are the classes, of which the file may lack some.
 *
 * @throws {DataError} When the file is missing or not what it should be; the message names it.
 */
export async function readWhole(
  path: string,
  { label, classNames }: { label?: string; classNames: readonly string[] },
): Promise<DataSet> {
  const all = await readAs(path, { label, classNames });
  const named = { name: basename(resolve(path)), classNames: all.classNames, validation: 0 };
  const dataset = await createDataSet(all, undefined, named);
  // Of classes without a record nobody needs to be warned who trains nothing.
  return { ...dataset, warnings: [] };
}

async function readAs(
  path: string,
  { label, classNames }: { label?: string; classNames: readonly string[] },
): Promise<CsvRecords> {
  try {
    return await readCsv(path, { label, like: { classNames } });
  } catch (error) {
    // A network without names of classes has numbers.
    if (!classNames.every((name, i) => name === String(i))) throw error;
    return await readCsv(path, { label });
  }
}

function divide(all: CsvRecords, shares: SplitOptions) {
  return splitRecords(all, { ...shares, seed: SPLIT_SEED });
}

function createFrom(
  { classNames }: CsvRecords,
  splits: ReturnType<typeof splitRecords> & { readonly name: string },
): Promise<DataSet> {
  const { training, validation, test, name } = splits;
  return createDataSet(training, test, { name, classNames, validation });
}
