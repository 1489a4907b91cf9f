/**
 * From `--data` to a data set.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import { CIFAR10_FOLDER, readCifar10 } from "../../src/data/cifar10.ts";
import { type DataSet, subset, type SubsetCounts } from "../../src/data/dataset.ts";
import { createSynthetic, type SyntheticOptions } from "../../src/data/synthetic.ts";
import type { TaskContext } from "./context.ts";
import { writeEvent } from "./events.ts";

/** How to load a data set. */
export interface LoadOptions {
  /** Whether to write a `data` event. */
  readonly json?: boolean;
  /** How many images to keep of each split; all of them when left out. */
  readonly counts?: SubsetCounts;
  /** Where CIFAR-10 is looked for without `--data`; `data/cifar-10-batches-bin` of this project when left out. */
  readonly usual?: string;
}

/** What has been read or made for contexts that share their data sets, by what it was read or made from. */
const shared = new WeakMap<TaskContext, Map<string, DataSet>>();

/**
 * Has tasks that run one after another in this process read or make a data set once.
 *
 * @param contexts The contexts that they run in; the data sets are kept for as long as these are.
 */
export function shareDataSets(contexts: readonly TaskContext[]): void {
  const sets = new Map<string, DataSet>();
  for (const context of contexts) shared.set(context, sets);
}

/**
 * Loads the data set that `--data` names, and says which it is.
 *
 * @param data The option's value: a folder, "synthetic", or undefined where it was not given.
 * @param context Where to say it.
 * @param options What to keep, and where to look.
 * @returns The data set.
 * @throws {DataError} When the folder or a file in it is missing or not what it should be.
 */
export async function loadDataSet(
  data: string | undefined,
  context: TaskContext,
  options: LoadOptions = {},
): Promise<DataSet> {
  const { counts = {}, usual = usualDirectory() } = options;
  const directory = data ?? (await exists(usual) ? usual : undefined);
  const synthetic = directory === undefined || directory === "synthetic";
  const size = syntheticSize(counts);
  const source = synthetic ? `synthetic ${JSON.stringify(size)}` : `directory ${directory}`;
  const sets = shared.get(context);
  const whole = sets?.get(source) ??
    await (synthetic ? createSynthetic(size) : readCifar10(directory));
  sets?.set(source, whole);
  const dataset = subset(whole, counts);
  context.stderr(`Data: ${describe(dataset, { data, directory })}`);
  if (options.json) {
    writeEvent(context, "data", {
      data: dataset.name,
      data_sha256: dataset.sha256,
      train_records: dataset.training.count,
      val_records: dataset.validation.count,
      test_records: dataset.test.count,
    });
  }
  return dataset;
}

/** How much to make for a part of it to be used: a tenth of what is made for training is kept for validation. */
function syntheticSize(counts: SubsetCounts): SyntheticOptions {
  const { training, validation, test } = counts;
  if (training === undefined || validation === undefined) return {};
  return { training: 10 * Math.max(validation, Math.ceil(training / 9)), test };
}

/** The folder that the task `data` fills, which is where CIFAR-10 is looked for without `--data`. */
export function usualDirectory(): string {
  return fromFileUrl(new URL(`../../data/${CIFAR10_FOLDER}`, import.meta.url));
}

/** Which data set it is and why, and how much of it is used. */
function describe(
  dataset: DataSet,
  options: { data: string | undefined; directory: string | undefined },
): string {
  const { data, directory } = options;
  const { training, validation, test } = dataset;
  const counts = `${training.count} training, ${validation.count} validation, ${test.count} test`;
  if (directory === undefined) {
    return `the built-in synthetic set, since CIFAR-10 is not here ("deno task data" brings it); ${counts}`;
  }
  return data === "synthetic"
    ? `the built-in synthetic set; ${counts}`
    : `${dataset.name} from ${directory}; ${counts}`;
}

/** Whether there is anything by that name; whether it is any good is found out by reading it. */
async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
