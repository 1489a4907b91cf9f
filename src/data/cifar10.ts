/**
 * Reads the binary version of CIFAR-10: 60,000 images of 32 × 32 pixels in 10 classes.
 *
 * @module
 */

import { DataError } from "../errors.ts";
import { createDataSet, type DataSet, type LabelledImages } from "./dataset.ts";

/** Names of the CIFAR-10 classes, in the order of their labels. */
export const CIFAR10_CLASSES: readonly string[] =
  "airplane automobile bird cat deer dog frog horse ship truck".split(" ");

/** Names of the six files of CIFAR-10, training first. */
export const CIFAR10_FILES: readonly string[] = [
  ...[1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
  "test_batch.bin",
];

/** The folder that the CIFAR-10 archive unpacks to. */
export const CIFAR10_FOLDER = "cifar-10-batches-bin";

const PIXELS = 3 * 32 * 32;
const RECORD = 1 + PIXELS;
const RECORDS_PER_FILE = 10_000;

/** The length of each of {@linkcode CIFAR10_FILES}, in bytes. */
export const CIFAR10_FILE_SIZE: number = RECORDS_PER_FILE * RECORD;

/**
 * Splits CIFAR-10 records, each a label byte and then 1024 red, 1024 green and 1024 blue bytes, row
 * by row, into images and labels.
 *
 * @param bytes A whole number of records of 3073 bytes, at least one.
 * @param name The name of the file they came from, for error messages.
 * @returns Images [count, 3072] and labels [count].
 * @throws {DataError} If the bytes are not a whole number of records, or a label is above 9.
 *
 * @example Usage
 * ```ts
 * import { parseCifar10 } from "@headless/mlp";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array(2 * 3073);
 * bytes[3073] = 9;
 * const { labels, count } = parseCifar10(bytes, "two black images");
 * assertEquals(count, 2);
 * assertEquals(labels, Uint8Array.of(0, 9));
 * ```
 */
export function parseCifar10(bytes: Uint8Array, name: string): LabelledImages {
  if (bytes.length === 0 || bytes.length % RECORD !== 0) {
    throw new DataError(
      `Cannot read ${name}: it has ${bytes.length} bytes, expected whole records of ${RECORD}`,
    );
  }
  const result = allocate(bytes.length / RECORD);
  unpack(bytes, { name, result, start: 0 });
  return result;
}

/**
 * Reads CIFAR-10 from the six files of its binary version. The last 5,000 of the 50,000 training
 * images become the validation split.
 *
 * @param directory The folder of the files, or the folder that holds `cifar-10-batches-bin`.
 * @returns The data set.
 * @throws {DataError} If the folder or a file is missing, a file is not exactly 10,000 records
 * long, or a label is above 9; the message names the file.
 *
 * @example Usage
 * ```ts
 * import { type DataSet, readCifar10 } from "@headless/mlp";
 *
 * async function load(folder: string): Promise<DataSet> {
 *   const dataset = await readCifar10(folder); // `deno task data` downloads it into data/
 *   console.assert(dataset.training.count === 45_000);
 *   return dataset;
 * }
 * ```
 */
export async function readCifar10(directory: string): Promise<DataSet> {
  const folder = await findFolder(directory);
  const training = allocate(5 * RECORDS_PER_FILE);
  const test = allocate(RECORDS_PER_FILE);
  // One buffer for every file keeps the peak at one copy of the data and one file.
  const bytes = new Uint8Array(CIFAR10_FILE_SIZE);
  for (const [i, file] of CIFAR10_FILES.entries()) {
    const name = `${folder}/${file}`;
    await readWhole(name, bytes);
    const [result, start] = i < 5 ? [training, i * RECORDS_PER_FILE] : [test, 0];
    unpack(bytes, { name, result, start });
  }
  return createDataSet(training, test, { name: "CIFAR-10", classNames: CIFAR10_CLASSES });
}

function allocate(count: number): LabelledImages {
  return { images: new Uint8Array(count * PIXELS), labels: new Uint8Array(count), count };
}

/** Copies records to `result`, from image `start` on. */
function unpack(
  bytes: Uint8Array,
  { name, result, start }: { name: string; result: LabelledImages; start: number },
): void {
  for (let i = 0; i * RECORD < bytes.length; i++) {
    const label = bytes[i * RECORD];
    if (label >= CIFAR10_CLASSES.length) {
      throw new DataError(
        `Cannot read ${name}: record ${i} (from 0) has label ${label}, expected 0 to 9`,
      );
    }
    result.labels[start + i] = label;
    result.images.set(bytes.subarray(i * RECORD + 1, (i + 1) * RECORD), (start + i) * PIXELS);
  }
}

async function findFolder(directory: string): Promise<string> {
  if (!(await stat(directory))?.isDirectory) {
    throw new DataError(
      `Cannot read CIFAR-10 from ${directory}: there is no such folder, ` +
        `expected one with ${CIFAR10_FILES[0]} to ${CIFAR10_FILES.at(-1)}`,
    );
  }
  // A folder with any of the files counts: reading then names the file that is missing.
  for (const folder of [directory, `${directory}/${CIFAR10_FOLDER}`]) {
    for (const file of CIFAR10_FILES) {
      if (await stat(`${folder}/${file}`)) return folder;
    }
  }
  throw new DataError(
    `Cannot read CIFAR-10 from ${directory}: expected ${CIFAR10_FILES[0]} to ` +
      `${CIFAR10_FILES.at(-1)} in it or in its folder ${CIFAR10_FOLDER}`,
  );
}

/** Fills `bytes` with the file `name`, which must have exactly that length. */
async function readWhole(name: string, bytes: Uint8Array): Promise<void> {
  const info = await stat(name);
  if (!info?.isFile) {
    throw new DataError(
      `Cannot read ${name}: there is no such file, expected ${RECORDS_PER_FILE} CIFAR-10 records`,
    );
  }
  checkSize(name, info.size);
  using file = await attempt(name, () => Deno.open(name));
  let size = 0;
  while (size < bytes.length) {
    const read = await attempt(name, () => file.read(bytes.subarray(size)));
    if (read === null) break;
    size += read;
  }
  checkSize(name, size);
}

function checkSize(name: string, size: number): void {
  if (size === CIFAR10_FILE_SIZE) return;
  const problem = size === 0
    ? "it is empty"
    : `it is ${size < CIFAR10_FILE_SIZE ? "cut short" : "too long"} with ${size} bytes`;
  throw new DataError(
    `Cannot read ${name}: ${problem}, ` +
      `expected ${CIFAR10_FILE_SIZE} (${RECORDS_PER_FILE} records of ${RECORD})`,
  );
}

function stat(name: string): Promise<Deno.FileInfo | null> {
  return attempt(name, async () => {
    try {
      return await Deno.stat(name);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return null;
      }
      throw error;
    }
  });
}

/** Turns errors of the system, such as a denied permission, into ones that name the file. */
async function attempt<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new DataError(`Cannot read ${name}: ${(error as Error).message}`, { cause: error });
  }
}
