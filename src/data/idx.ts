/**
 * Reads IDX, the format of MNIST and of data sets made like it.
 *
 * @module
 */

import { DataError, nameOf } from "../errors.ts";
import { checkNames } from "../options.ts";
import { createDataSet, type DataSet, type Records } from "./dataset.ts";
import { attempt, checkPath, stat } from "./files.ts";

/** The contents of an IDX file. */
export interface IdxArray {
  /** The size of each dimension; the first counts records. */
  readonly shape: readonly number[];
  /** All values, the last dimension fastest. */
  readonly values: Uint8Array | Float32Array;
}

/** Options for {@linkcode readIdx}. */
export interface ReadIdxOptions {
  /** The name of the data set in figures and files; that of the folder and "(IDX)" unless given. */
  readonly name?: string;
}

/** Types of values that are read: their code in the header and their bytes. */
const TYPES = { bytes: { code: 0x08, size: 1 }, floats: { code: 0x0d, size: 4 } } as const;

/** More values than any such data set has; a header that promises more is damaged. */
const MAX_BYTES = 2 ** 32;

/** The names of a file: as MNIST is published, and as it is called once unpacked by some programs. */
function namesOf(split: "train" | "t10k", what: "images" | "labels"): string[] {
  const kind = what === "images" ? "idx3" : "idx1";
  return [`${split}-${what}-${kind}-ubyte`, `${split}-${what}.${kind}-ubyte`]
    .flatMap((name) => [name, `${name}.gz`]);
}

/** The names of the training images, by which a folder is recognised. */
export const IDX_FILES: readonly string[] = namesOf("train", "images");

/**
 * Splits an IDX file into its shape and values: two bytes of 0, a byte for the type of the values, one for the number of
 * dimensions, each dimension as a big-endian uint32, then the values, the last dimension fastest
 * (<https://yann.lecun.com/exdb/mnist>).
 *
 * @param bytes The file.
 * @param name The name of the file, for error messages.
 * @returns Its shape, and its values: unsigned bytes (type 0x08) as a view, or float32 (type 0x0D).
 * @throws {DataError} If the bytes are not an IDX file of such values, cut short or too long.
 *
 * @example Usage
 * ```ts
 * import { parseIdx } from "@headless/mlp/data";
 * import { assertEquals } from "@std/assert";
 *
 * // Two images of 1 × 3 pixels.
 * const bytes = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);
 * const { shape, values } = parseIdx(bytes, "images");
 * assertEquals(shape, [2, 1, 3]);
 * assertEquals(values, Uint8Array.of(1, 2, 3, 4, 5, 6));
 * ```
 */
export function parseIdx(bytes: Uint8Array, name: string): IdxArray {
  if (!(bytes instanceof Uint8Array)) {
    throw new DataError(`Cannot read ${name}: it is ${nameOf(bytes)}, expected a Uint8Array`);
  }
  const { type, shape, start, end } = headerOf(bytes, name);
  if (bytes.length !== end) throw wrongLength(name, { found: `${bytes.length} bytes`, end, shape });
  if (type === "bytes") return { shape, values: bytes.subarray(start) };
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  const values = new Float32Array((end - start) / 4);
  for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(4 * i, false);
  return { shape, values };
}

/**
 * Reads a data set from the four IDX files of MNIST, Fashion-MNIST and others: `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each as it is or compressed with
 * `.gz`, also with a point before `idx`. Without the last two there is nothing to test with. The last tenth of the
 * training images become the validation split. Classes are named by their numbers.
 *
 * @param directory The folder of the files.
 * @param options The name of the data set.
 * @returns The data set.
 * @throws {DataError} If a file is missing or damaged, or the files do not fit each other; the message names the file.
 *
 * @example A folder of Fashion-MNIST, and one that is not there
 * ```ts
 * import { DataError } from "@headless/mlp";
 * import { type DataSet, readIdx } from "@headless/mlp/data";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * async function load(folder: string): Promise<DataSet> {
 *   const dataset = await readIdx(folder, { name: "Fashion-MNIST" });
 *   assertEquals(dataset.inputs, 28 * 28);
 *   return dataset;
 * }
 * await assertRejects(() => load("no-such-folder"), DataError, "Cannot read IDX files");
 * ```
 */
export async function readIdx(directory: string, options: ReadIdxOptions = {}): Promise<DataSet> {
  checkPath(directory);
  checkNames(options, { action: "read IDX files", known: ["name"] });
  const { name = `${baseName(directory)} (IDX)` } = options;
  const training = await readPart(directory, "train");
  if (training === undefined) {
    throw new DataError(`Cannot read IDX files from ${directory}: expected ${IDX_FILES[0]} in it`);
  }
  const test = await readPart(directory, "t10k");
  let last = 1;
  for (const part of test ? [training, test] : [training]) {
    for (const label of part.labels as Uint8Array) last = Math.max(last, label);
  }
  const classNames = Array.from({ length: last + 1 }, (_, label) => String(label));
  return await attempt(directory, () => createDataSet(training, test, { name, classNames }));
}

/** The last part of a path, whatever separates its parts. */
export function baseName(path: string): string {
  return path.split(/[/\\]/).filter((part) => !/^\.*$/.test(part)).at(-1) ?? "data";
}

/** Images and labels of a part; undefined if it has neither. */
async function readPart(directory: string, split: "train" | "t10k"): Promise<Records | undefined> {
  const imageFile = await find(directory, namesOf(split, "images"));
  const labelFile = await find(directory, namesOf(split, "labels"));
  if (imageFile === undefined && labelFile === undefined) return undefined;
  for (const [file, what] of [[imageFile, "images"], [labelFile, "labels"]] as const) {
    if (file !== undefined) continue;
    throw new DataError(
      `Cannot read ${directory}/${namesOf(split, what)[0]}: there is no such file, ` +
        `expected it beside ${what === "images" ? labelFile : imageFile}`,
    );
  }
  const images = await readArray(imageFile!);
  const labels = await readArray(labelFile!);
  const [count, ...sizes] = images.shape;
  if (sizes.length === 0 || images.values.length === 0) {
    throw new DataError(
      `Cannot read ${imageFile}: its shape is ${shapeText(images.shape)}, ` +
        "expected images of at least one value",
    );
  }
  if (labels.shape.length !== 1 || !(labels.values instanceof Uint8Array)) {
    throw new DataError(
      `Cannot read ${labelFile}: its shape is ${
        shapeText(labels.shape)
      }, expected a byte for each image`,
    );
  }
  if (labels.shape[0] !== count) {
    throw new DataError(
      `Cannot read ${labelFile}: it has ${
        labels.shape[0]
      } labels, expected ${count} as in ${imageFile}`,
    );
  }
  return { images: images.values, labels: labels.values, count };
}

async function find(directory: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    if (await stat(`${directory}/${name}`)) return `${directory}/${name}`;
  }
  return undefined;
}

async function readArray(name: string): Promise<IdxArray> {
  const info = await stat(name);
  // Opening a pipe would wait for a writer.
  if (!info?.isFile) {
    throw new DataError(`Cannot read ${name}: it is not a file, expected an IDX file`);
  }
  if (info.size > MAX_BYTES) {
    throw new DataError(
      `Cannot read ${name}: it has ${info.size} bytes, expected at most ${MAX_BYTES}`,
    );
  }
  const compressed = name.endsWith(".gz");
  const bytes = await attempt(
    name,
    () => compressed ? inflate(name) : Deno.readFile(name),
  );
  return parseIdx(bytes, name);
}

/** Unpacks a file, up to the length that its header promises: a damaged one may be endless. */
async function inflate(name: string): Promise<Uint8Array> {
  using file = await Deno.open(name);
  const reader = file.readable.pipeThrough(new DecompressionStream("gzip")).getReader();
  let bytes = new Uint8Array(0);
  let length = 0;
  let end: number | undefined;
  let shape: readonly number[] = [];
  try {
    for (let part; !(part = await reader.read()).done;) {
      if (end !== undefined && length + part.value.length > end) {
        throw wrongLength(name, { found: "more bytes", end, shape });
      }
      const known = length + part.value.length;
      if (known > bytes.length) bytes = grown(bytes, Math.max(known, 2 * bytes.length));
      bytes.set(part.value, length);
      length = known;
      if (end === undefined && length >= 4 && length >= 4 + 4 * bytes[3]) {
        const header = headerOf(bytes.subarray(0, length), name);
        ({ end, shape } = header);
        if (length > end) throw wrongLength(name, { found: "more bytes", end, shape });
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
  return bytes.subarray(0, length);
}

function grown(bytes: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(length);
  result.set(bytes);
  return result;
}

interface Header {
  readonly type: keyof typeof TYPES;
  readonly shape: readonly number[];
  /** Where the values begin and end, in bytes. */
  readonly start: number;
  readonly end: number;
}

function headerOf(bytes: Uint8Array, name: string): Header {
  const start = 4 + 4 * (bytes[3] ?? 0);
  if (bytes[0] !== 0 || bytes[1] !== 0 || !(bytes[3] >= 1) || bytes.length < start) {
    throw new DataError(
      `Cannot read ${name}: it does not begin as IDX files do, ` +
        "expected two bytes of 0, a type, and at least one dimension",
    );
  }
  const type = (["bytes", "floats"] as const).find((each) => TYPES[each].code === bytes[2]);
  if (type === undefined) {
    const code = bytes[2].toString(16).toUpperCase().padStart(2, "0");
    throw new DataError(
      `Cannot read ${name}: its values are of type 0x${code}, ` +
        "expected unsigned bytes (0x08) or float32 (0x0D)",
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, start);
  const shape = Array.from({ length: bytes[3] }, (_, i) => view.getUint32(4 + 4 * i, false));
  const values = shape.reduce((product, size) => product * size, 1);
  if (!(values * TYPES[type].size <= MAX_BYTES)) {
    throw new DataError(
      `Cannot read ${name}: its header promises values of shape ${shapeText(shape)}, ` +
        `expected at most ${MAX_BYTES} bytes`,
    );
  }
  return { type, shape, start, end: start + values * TYPES[type].size };
}

function wrongLength(
  name: string,
  { found, end, shape }: { found: string; end: number; shape: readonly number[] },
): DataError {
  return new DataError(
    `Cannot read ${name}: it has ${found}, expected ${end} for values of shape ${shapeText(shape)}`,
  );
}

/** As in "60000 × 28 × 28"; of a damaged header, which may have 255 sizes, only the first. */
function shapeText(shape: readonly number[]): string {
  const some = shape.slice(0, 8).join(" × ");
  return shape.length > 8 ? `${some} × …` : some;
}
