/**
 * The safetensors format: the length of the header as a little-endian u64, the header as JSON, then the raw values of
 * all tensors, little-endian and without gaps. Only tensors of 32-bit floats are supported, and PyTorch's counters of
 * batches are skipped.
 *
 * Format: https://github.com/huggingface/safetensors#format
 *
 * @module
 */

import { ArgumentError, DataError, nameOf, shown } from "../errors.ts";
import { doubledName } from "./doubled_name.ts";

/** A tensor of 32-bit floats. */
export interface Tensor {
  /** Its sizes, slowest first; empty for a single number. */
  readonly shape: readonly number[];
  /** Its values, row-major. */
  readonly data: Float32Array;
}

/** The contents of a safetensors file. */
export interface Safetensors {
  /** The tensors by name, in the order of the values in the file. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Free text by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The types of values that are known, with the bytes of each. */
const ITEM_BYTES = { F32: 4, I64: 8 } as const;

type Dtype = keyof typeof ITEM_BYTES;

/** Where the bytes of a checkpoint come from. */
export interface DecodeOptions {
  /** The name of the file, for error messages. */
  readonly name: string;
}

const LENGTH_BYTES = 8;
/** A longer header is refused, as by the format's own library: the file must be of another kind. */
const MAX_HEADER = 100_000_000;
/** More values in a header are refused, as many as 100,000 tensors have: each takes up to 100 times its bytes in memory. */
const MAX_VALUES = 1_000_000;
const METADATA = "__metadata__";
/**
 * The names of whole numbers (I64) that PyTorch's batch norm keeps beside its averages. They count batches, for an average
 * that weighs all of them alike; nothing here has a use for them.
 */
const COUNTER = /(^|\.)num_batches_tracked$/;

/**
 * Encodes tensors in the safetensors format. The same tensors and metadata give the same bytes.
 *
 * @param tensors The tensors by name, in the order of the file.
 * @param metadata Free text by name, such as a description of the tensors.
 * @returns The bytes of the file.
 * @throws {ArgumentError} If the number of values of a tensor does not fit its shape, its name is reserved, or something is
 * of another type.
 *
 * @example A file of one tensor
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decodeSafetensors, encodeSafetensors } from "@headless/mlp";
 *
 * const bytes = encodeSafetensors(new Map([["x", { shape: [2], data: new Float32Array([1, 2]) }]]));
 *
 * assertEquals(decodeSafetensors(bytes, { name: "x.safetensors" }).tensors.get("x")?.shape, [2]);
 * ```
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  checkContents(tensors, metadata);
  const entries: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) entries.push([METADATA, metadata]);
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    if (name === METADATA || data.length !== product(shape)) {
      throw new ArgumentError(
        `Cannot encode tensor ${JSON.stringify(name)}: it has ${data.length} values and shape ` +
          `[${shape}], expected as many values as the shape says and a name other than ${METADATA}`,
      );
    }
    const begin = end;
    end += data.byteLength;
    entries.push([name, { dtype: "F32", shape, data_offsets: [begin, end] }]);
  }

  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  // Spaces pad the header, so that the values start at a multiple of 8 and can be mapped into memory.
  const headerLength = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + headerLength + end);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerLength);
  bytes.set(json, LENGTH_BYTES);
  let offset = LENGTH_BYTES + headerLength;
  for (const { data } of tensors.values()) {
    for (const value of data) {
      view.setFloat32(offset, value, true);
      offset += 4;
    }
  }
  return bytes;
}

/**
 * Decodes a safetensors file, as strictly as the format's own library. `num_batches_tracked`, with which PyTorch counts
 * the batches of a batch norm, is skipped.
 *
 * @param bytes The bytes of the file.
 * @param options The name of the file.
 * @returns Copies of the tensors, and the metadata.
 * @throws {DataError} If the bytes are cut short, too many, or not a safetensors file of 32-bit floats, or a name is there
 * twice; the message names the file.
 *
 * @example The tensors of a file and its metadata
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decodeSafetensors, encodeSafetensors } from "@headless/mlp";
 *
 * const written = new Map([["layers.0.bias", { shape: [2], data: Float32Array.of(1, 2) }]]);
 * const bytes = encodeSafetensors(written, { author: "me" });
 * const { tensors, metadata } = decodeSafetensors(bytes, { name: "model.safetensors" });
 *
 * assertEquals([...tensors.keys()], ["layers.0.bias"]);
 * assertEquals(tensors.get("layers.0.bias")?.data, Float32Array.of(1, 2));
 * assertEquals(metadata, { author: "me" });
 * ```
 */
export function decodeSafetensors(bytes: Uint8Array, options: DecodeOptions): Safetensors {
  const { name: file = "the file" } = options ?? {};
  if (!(bytes instanceof Uint8Array)) {
    throw new DataError(`Cannot read ${file}: it is ${nameOf(bytes)}, expected a Uint8Array`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { header, dataStart } = readHeader(view, file);
  const { [METADATA]: metadata = {}, ...rest } = header;
  if (!isObject(metadata) || !Object.values(metadata).every((text) => typeof text === "string")) {
    throw new DataError(
      `Cannot read ${file}: ${METADATA} of its header is not an object of strings`,
    );
  }

  const entries = Object.entries(rest).map(([name, value]) => checkEntry(name, value, file));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const dataEnd = checkPlaces(entries, file);
  if (dataStart + dataEnd !== bytes.length) {
    throw new DataError(
      `Cannot read ${file}: it has ${bytes.length} bytes, expected ${
        dataStart + dataEnd
      } by its header`,
    );
  }
  const tensors = new Map<string, Tensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    if (dtype !== "F32") continue;
    const data = new Float32Array((end - begin) / 4);
    for (let i = 0; i < data.length; i++) {
      data[i] = view.getFloat32(dataStart + begin + 4 * i, true);
    }
    tensors.set(name, { shape, data });
  }
  return { tensors, metadata: metadata as Record<string, string> };
}

/** Checks at run time what the types promise: a file of anything else could not be read. */
function checkContents(tensors: Safetensors["tensors"], metadata: Safetensors["metadata"]): void {
  const refuse = (what: string, expected: string) => {
    throw new ArgumentError(`Cannot encode ${what}, expected ${expected}`);
  };
  if (!(tensors instanceof Map)) refuse(`tensors: they are ${nameOf(tensors)}`, "a Map");
  if (!isObject(metadata)) refuse(`metadata: they are ${nameOf(metadata)}`, "an object of texts");
  for (const [name, text] of Object.entries(metadata)) {
    if (typeof text !== "string") refuse(`metadata: ${shown(name)} is ${nameOf(text)}`, "a text");
  }
  for (const [name, tensor] of tensors) {
    const { shape, data } = tensor ?? {};
    if (data instanceof Float32Array && isSizes(shape)) continue;
    refuse(
      `tensor ${shown(name)}: its data are ${nameOf(data)} and its shape is ${shown(shape)}`,
      "a Float32Array and a list of whole numbers",
    );
  }
}

function readHeader(
  view: DataView,
  file: string,
): { header: Record<string, unknown>; dataStart: number } {
  if (view.byteLength < LENGTH_BYTES) {
    throw new DataError(
      `Cannot read ${file}: it has ${view.byteLength} bytes, expected a safetensors file of at ` +
        `least ${LENGTH_BYTES}`,
    );
  }
  const length = Number(view.getBigUint64(0, true));
  const max = Math.min(view.byteLength - LENGTH_BYTES, MAX_HEADER);
  if (length > max) {
    throw new DataError(
      `Cannot read ${file}: its header claims ${length} bytes, expected at most ${max}: ` +
        "the file is cut short, or not a safetensors file",
    );
  }
  const bytes = new Uint8Array(view.buffer, view.byteOffset + LENGTH_BYTES, length);
  if (countValues(bytes) > MAX_VALUES) {
    throw new DataError(
      `Cannot read ${file}: its header has more than ${MAX_VALUES} values, expected fewer`,
    );
  }
  let text = "";
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch {
    // Reported below: the parser's own error adds nothing.
  }
  // Blanks before it are not allowed, which keeps a file of two readings from having two meanings.
  if (!isObject(header) || !text.startsWith("{")) {
    throw new DataError(
      `Cannot read ${file}: its header is not a JSON object from its first byte on, ` +
        "expected a safetensors file",
    );
  }
  // The parser would keep the last of them.
  const doubled = doubledName(text);
  if (doubled !== undefined) {
    throw new DataError(
      `Cannot read ${file}: its header has the name ${
        shown(doubled)
      } twice, expected each name once`,
    );
  }
  return { header, dataStart: LENGTH_BYTES + length };
}

/** How many values a JSON text has at most; names count, too. */
function countValues(json: Uint8Array): number {
  let count = 0;
  let inText = false;
  for (let i = 0; i < json.length; i++) {
    const sign = json[i];
    if (sign === QUOTE) inText = !inText;
    else if (inText && sign === BACKSLASH) i++;
    else if (!inText && SEPARATORS.has(sign)) count++;
  }
  return count;
}

const [QUOTE, BACKSLASH, ...OTHERS] = new TextEncoder().encode('"\\[{,:');
const SEPARATORS: ReadonlySet<number> = new Set(OTHERS);

/** A tensor in the header; offsets are in bytes from the start of the data. */
interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function checkEntry(name: string, value: unknown, file: string): Entry {
  const action = `Cannot read ${file}: tensor ${shown(name)}`;
  const { dtype, shape, data_offsets: offsets } = isObject(value) ? value : {};
  const counts = dtype === "I64" && COUNTER.test(name);
  if (dtype !== "F32" && !counts) {
    const given = dtype === undefined ? "no dtype" : `dtype ${shown(dtype)}`;
    throw new DataError(`${action} is of ${given}, expected "F32"`);
  }
  if (!isSizes(shape)) {
    throw new DataError(`${action} has shape ${shown(shape)}, expected a list of whole numbers`);
  }
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw new DataError(
      `${action} has data_offsets ${shown(offsets)}, expected its begin and its end`,
    );
  }
  const [begin, end] = offsets;
  const bytes = ITEM_BYTES[dtype] * product(shape);
  if (!Number.isSafeInteger(bytes)) {
    throw new DataError(
      `${action} has shape ${shown(shape)}, expected sizes whose product is less than 2^51`,
    );
  }
  if (end - begin !== bytes) {
    throw new DataError(
      `${action} has ${end - begin} bytes, expected ${bytes} for shape ${shown(shape)}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

/** Checks that each tensor begins where the one before it ends; returns the end of the last. */
function checkPlaces(entries: readonly Entry[], file: string): number {
  let expected = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== expected) {
      throw new DataError(
        `Cannot read ${file}: tensor ${shown(name)} begins at byte ${begin} of the data, ` +
          `expected ${expected}, ${
            expected === 0 ? "its start" : "the end of the tensor before it"
          }`,
      );
    }
    expected = end;
  }
  return expected;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** The number of values; not a safe integer where a product on the way to it is none, also where a size is 0. */
function product(shape: readonly number[]): number {
  return shape.reduce(
    (result, size) => Number.isSafeInteger(result) ? result * size : Infinity,
    1,
  );
}
