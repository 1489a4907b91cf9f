/** From `--data` to a data set. */
import { fromFileUrl } from "@std/path";
import { CIFAR10_FOLDER, readCifar10 } from "../../src/data/cifar10.ts";
import { type DataSet, type Split, subset, type SubsetCounts } from "../../src/data/dataset.ts";
import { IDX_FILES } from "../../src/data/idx.ts";
import { createSynthetic, type SyntheticOptions } from "../../src/data/synthetic.ts";
import { ArgumentError, DataError } from "../../src/errors.ts";
import type { TaskContext } from "./context.ts";
import { warn, writeEvent } from "./events.ts";
import { type DataKind, kindOf, readOwn, readWhole } from "./own_data.ts";

/** How many images of each split `--quick` uses: enough for a few batches and for every evaluation. */
export const QUICK_COUNTS: Required<SubsetCounts> = {
  training: 2000,
  validation: 500,
  test: 500,
};

export interface LoadOptions {
  /** The name of a CSV file's column of classes; the last one unless given. */
  readonly label?: string;
  /** How many images to keep of each split; all of them unless given. */
  readonly counts?: SubsetCounts;
  /** Where CIFAR-10 is looked for without `--data`; `data/cifar-10-batches-bin` of this project unless given. */
  readonly usual?: string;
  /** Whole data sets that were read or created before, by source; new ones are added. */
  readonly read?: Map<string, DataSet>;
}

export interface Loaded {
  readonly dataset: DataSet;
  /** As in "CIFAR-10 from data/cifar-10-batches-bin; 45000 training, 5000 validation, 10000 test". */
  readonly description: string;
}

/**
 * Loads the data set that `--data` names.
 *
 * @throws {DataError} When the folder or a file in it is missing or not what it should be.
 * @throws {ArgumentError} When `label` is given for data that are not CSV files.
 */
export async function loadDataSet(
  data: string | undefined,
  options: LoadOptions = {},
): Promise<Loaded> {
  const { counts = {}, label, usual = usualDirectory(), read } = options;
  const directory = data ?? (await exists(usual) ? usual : undefined);
  const synthetic = directory === undefined || directory === "synthetic";
  const size = syntheticSize(counts);
  const source = synthetic
    ? `synthetic ${JSON.stringify(size)}`
    : `directory ${JSON.stringify([directory, label])}`;
  if (synthetic) checkLabel(label, undefined);
  const whole = read?.get(source) ??
    await (synthetic ? createSynthetic(size) : readData(directory, label));
  read?.set(source, whole);
  const dataset = subset(whole, fitting(counts, whole));
  return { dataset, description: describe(dataset, { data, directory }) };
}

/**
 * Loads a CSV file whole, in its order, as records to train with; see `readWhole`.
 *
 * @throws {DataError} When the file is missing or not what it should be.
 */
export async function loadWhole(
  path: string,
  options: Pick<LoadOptions, "counts" | "label"> & { readonly classNames: readonly string[] },
): Promise<Loaded> {
  const { counts = {}, ...asked } = options;
  const whole = await readWhole(path, asked);
  const dataset = subset(whole, fitting(counts, whole));
  const description = `${dataset.name} from ${path}; ${dataset.training.count} records`;
  return { dataset, description };
}

async function readData(path: string, label: string | undefined): Promise<DataSet> {
  const kind = await kindOf(path);
  checkLabel(label, kind);
  if (kind !== "cifar10") return await readOwn(path, { kind, label });
  try {
    return await readCifar10(path);
  } catch (error) {
    // Where the folder holds nothing known, all that it may hold is worth knowing.
    if (!(error instanceof DataError) || !error.message.endsWith(CIFAR10_FOLDER)) throw error;
    throw new DataError(
      `${error.message}, or IDX files (${IDX_FILES[0]} and others), or train.csv and test.csv`,
    );
  }
}

/** Refuses a column where there are none, rather than ignore it. */
function checkLabel(label: string | undefined, kind: DataKind | undefined): void {
  if (label === undefined || kind === "csv" || kind === "csv folder") return;
  throw new ArgumentError(
    `--label expects a CSV file or a folder with train.csv as --data, not ${
      kind === undefined ? "the synthetic set" : kind === "idx" ? "IDX files" : "CIFAR-10"
    }`,
  );
}

/** No more images than there are. */
function fitting(counts: SubsetCounts, dataset: DataSet): SubsetCounts {
  const entries = (Object.entries(counts) as [Split, number][])
    .map(([split, count]) => [split, Math.min(count, dataset[split].count)]);
  return Object.fromEntries(entries);
}

export function announceData(
  context: TaskContext,
  { dataset, description }: Loaded,
  options: { readonly json?: boolean },
): void {
  context.stderr(`Data: ${description}`);
  if (options.json) {
    writeEvent(context, "data", {
      data: dataset.name,
      data_sha256: dataset.sha256,
      train_records: dataset.training.count,
      val_records: dataset.validation.count,
      test_records: dataset.test.count,
    });
  }
  for (const warning of dataset.warnings) warn(context, warning, options);
}

/** How much to create for these counts: a tenth of the training images is kept for validation. */
function syntheticSize(counts: SubsetCounts): SyntheticOptions {
  const { training, validation, test } = counts;
  if (training === undefined || validation === undefined) return {};
  return { training: 10 * Math.max(validation, Math.ceil(training / 9)), test };
}

/** Where the task `data` puts CIFAR-10, and where it is looked for without `--data`. */
export function usualDirectory(): string {
  return fromFileUrl(new URL(`../../data/${CIFAR10_FOLDER}`, import.meta.url));
}

/** Which data set is used where CIFAR-10 is missing, and why. */
export const NO_CIFAR10 =
  'the built-in synthetic set, since CIFAR-10 is not here ("deno task data" downloads it)';

/** Says which data set it is and why, and how much of it is used. */
function describe(
  dataset: DataSet,
  options: { data: string | undefined; directory: string | undefined },
): string {
  const { data, directory } = options;
  const { training, validation, test } = dataset;
  const counts = `${training.count} training, ${validation.count} validation, ${test.count} test`;
  if (directory === undefined) return `${NO_CIFAR10}; ${counts}`;
  return data === "synthetic"
    ? `the built-in synthetic set; ${counts}`
    : `${dataset.name} from ${directory}; ${counts}`;
}

/** Whether there is anything by that name; reading it shows whether it is valid. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
