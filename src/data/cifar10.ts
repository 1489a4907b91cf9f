/**
 * Reads the binary version of CIFAR-10: 60,000 images of 32 × 32 pixels in 10 classes.
 *
 * @module
 */

import { DataError } from "../errors.ts";
import { describeArchive, describeVersion, isArchive } from "./cifar10_versions.ts";
import { createDataSet, type DataSet, type LabelledImages } from "./dataset.ts";
import { attempt, stat } from "./files.ts";

/** Names of the CIFAR-10 classes, in the order of their labels. */
export const CIFAR10_CLASSES: readonly string[] =
  "airplane automobile bird cat deer dog frog horse ship truck".split(" ");

/** The name of the data set with the bytes that its authors published. */
export const CIFAR10_NAME = "CIFAR-10";

/**
 * The MD5 of the six files as published, training first: {@linkcode readCifar10} names the data set by them. Programs that
 * check the same files have the same list, such as pytorch-cpp (cmake/fetch_cifar10.cmake) and dldataset (vision/cifar10.go).
 *
 * Finding other bytes with a given MD5 is out of reach; only pairs of one's own making are known to collide.
 */
export const CIFAR10_MD5: Readonly<Record<string, string>> = {
  "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
  "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
  "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
  "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
  "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
  "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
};

/** Names of the six files of CIFAR-10, training first. */
export const CIFAR10_FILES: readonly string[] = Object.keys(CIFAR10_MD5);

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
 * import { parseCifar10 } from "@headless/mlp/data";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array(2 * 3073);
 * bytes[3073] = 9;
 * const { labels, count } = parseCifar10(bytes, "two black images");
 * assertEquals(count, 2);
 * assertEquals(labels, Uint8Array.of(0, 9));
 * ```
 */
export function parseCifar10(bytes: Uint8Array, name: string): LabelledImages<Uint8Array> {
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
 * The data set is named "CIFAR-10" if its files are those that its authors published. Any other
 * files of that form are read too, and the name says so, as in "CIFAR-10 (unverified: digest
 * 1234abcd…)" with the start of the data set's digest.
 *
 * @param directory The folder of the files, or the folder that holds `cifar-10-batches-bin`.
 * @returns The data set.
 * @throws {DataError} If the folder or a file is missing or is another version of CIFAR-10, a file is not exactly 10,000 records
 * long, or a label is above 9; the message names the file.
 *
 * @example The unpacked `cifar-10-binary.tar.gz` of <https://www.cs.toronto.edu/~kriz/cifar.html>, and a folder without it
 * ```ts
 * import { DataError } from "@headless/mlp";
 * import { type DataSet, readCifar10 } from "@headless/mlp/data";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * async function load(folder: string): Promise<DataSet> {
 *   const dataset = await readCifar10(folder);
 *   assertEquals(dataset.training.count, 45_000);
 *   return dataset;
 * }
 * await assertRejects(() => load("no-such-folder"), DataError, "there is no such folder");
 * ```
 */
export async function readCifar10(directory: string): Promise<DataSet> {
  const folder = await findFolder(directory);
  const training = allocate(5 * RECORDS_PER_FILE);
  const test = allocate(RECORDS_PER_FILE);
  // One buffer for every file keeps the peak at one copy of the data and one file.
  const bytes = new Uint8Array(CIFAR10_FILE_SIZE);
  // Imported here because browsers, which cannot read files either, have no MD5.
  const { createHash } = await import("node:crypto");
  const md5: Record<string, string> = {};
  for (const [i, file] of CIFAR10_FILES.entries()) {
    const name = `${folder}/${file}`;
    await readWhole(name, bytes);
    const [result, start] = i < 5 ? [training, i * RECORDS_PER_FILE] : [test, 0];
    unpack(bytes, { name, result, start });
    md5[file] = createHash("md5").update(bytes).digest("hex");
  }
  const dataset = await createDataSet(training, test, {
    name: CIFAR10_NAME,
    classNames: CIFAR10_CLASSES,
  });
  return { ...dataset, name: nameCifar10(md5, dataset.sha256) };
}

/**
 * Names a data set of the form of CIFAR-10 by what its files are.
 *
 * @param md5 The MD5 of each of the six files, by name.
 * @param sha256 The digest of the data set.
 * @returns "CIFAR-10" for the published files alone.
 */
export function nameCifar10(md5: Readonly<Record<string, string>>, sha256: string): string {
  const published = CIFAR10_FILES.every((file) => md5[file] === CIFAR10_MD5[file]);
  return published ? CIFAR10_NAME : `${CIFAR10_NAME} (unverified: digest ${sha256.slice(0, 8)}…)`;
}

/** Tells whether a data set's name is one that {@linkcode nameCifar10} gives. */
export function hasCifar10Form(name: string): boolean {
  return name === CIFAR10_NAME || name.startsWith(`${CIFAR10_NAME} (unverified: `);
}

function allocate(count: number): LabelledImages<Uint8Array> {
  return { images: new Uint8Array(count * PIXELS), labels: new Uint8Array(count), count };
}

/** Copies records to `result`, from image `start` on. */
function unpack(
  bytes: Uint8Array,
  { name, result, start }: { name: string; result: LabelledImages<Uint8Array>; start: number },
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
  const refusal = `Cannot read CIFAR-10 from ${directory}`;
  const info = await stat(directory);
  if (!info?.isDirectory) {
    if (info?.isFile && isArchive(directory)) {
      throw new DataError(`${refusal}: ${describeArchive(directory)}`);
    }
    throw new DataError(
      `${refusal}: ${info === null ? "there is no such folder" : "it is not a folder"}, ` +
        `expected one with ${CIFAR10_FILES[0]} to ${CIFAR10_FILES.at(-1)}`,
    );
  }
  // A folder with any of the files counts: reading then names the file that is missing.
  for (const folder of [directory, `${directory}/${CIFAR10_FOLDER}`]) {
    for (const file of CIFAR10_FILES) {
      if (await stat(`${folder}/${file}`)) return folder;
    }
  }
  const other = await describeVersion(directory, async (path) => await stat(path) !== null);
  if (other !== undefined) throw new DataError(`${refusal}: ${other}`);
  throw new DataError(
    `${refusal}: expected ${CIFAR10_FILES[0]} to ${CIFAR10_FILES.at(-1)} in it or in its folder ` +
      CIFAR10_FOLDER,
  );
}

/** Fills `bytes` with the file `name`, which must have exactly that length. */
async function readWhole(name: string, bytes: Uint8Array): Promise<void> {
  const info = await stat(name);
  // Opening a pipe would wait for a writer.
  if (!info?.isFile) {
    const problem = info === null ? "there is no such file" : "it is not a file";
    throw new DataError(
      `Cannot read ${name}: ${problem}, expected ${RECORDS_PER_FILE} CIFAR-10 records`,
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
