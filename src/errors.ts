/**
 * The errors that callers may want to distinguish, and that tasks turn into exit statuses.
 *
 * @module
 */

/**
 * An argument is not allowed: the caller must change it, trying again does not help.
 *
 * @example More records to test with than there are
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { ArgumentError, splitRecords } from "@headless/mlp";
 *
 * const records = { images: Float32Array.of(0.5, 1.5), labels: [0, 1] };
 *
 * assertThrows(() => splitRecords(records, { test: 2 }), ArgumentError, "Cannot split 2 records");
 * ```
 */
export class ArgumentError extends RangeError {
  /** A literal, because minifiers change the class name. */
  override name = "ArgumentError";
}

/**
 * A data file is missing or malformed: the message names the file.
 *
 * @example A file that is empty
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { DataError, decodeNetwork } from "@headless/mlp";
 *
 * assertThrows(
 *   () => decodeNetwork(new Uint8Array(), { name: "model.safetensors" }),
 *   DataError,
 *   "Cannot read model.safetensors",
 * );
 * ```
 */
export class DataError extends Error {
  /** A literal, because minifiers change the class name. */
  override name = "DataError";
}

/**
 * WebGPU has no adapter here: a driver is missing or hidden.
 *
 * @example Going on without a GPU
 * ```ts
 * import { assert } from "@std/assert";
 * import { Gpu, GpuUnavailableError } from "@headless/mlp";
 *
 * async function findGpu(): Promise<Gpu | undefined> {
 *   try {
 *     return await Gpu.request();
 *   } catch (error) {
 *     if (error instanceof GpuUnavailableError) return undefined; // Its message says what to do.
 *     throw error;
 *   }
 * }
 * using gpu = await findGpu();
 * assert(gpu === undefined || gpu.adapter.description !== "");
 * ```
 */
export class GpuUnavailableError extends Error {
  /** A literal, because minifiers change the class name. */
  override name = "GpuUnavailableError";
}

/**
 * The GPU refused an operation: invalid use, a shader that does not compile, memory that ran out.
 *
 * @example A buffer that nothing may use
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { Gpu, GpuError } from "@headless/mlp";
 *
 * using gpu = await Gpu.request();
 * gpu.device.createBuffer({ size: 4, usage: 0 });
 *
 * await assertRejects(() => gpu.done(), GpuError);
 * ```
 */
export class GpuError extends Error {
  /** A literal, because minifiers change the class name. */
  override name = "GpuError";
}

/**
 * The device was lost while in use: trying again may help.
 *
 * @example Another device after a loss
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { DeviceLostError, Gpu } from "@headless/mlp";
 *
 * const lost = await Gpu.request();
 * lost.device.destroy();
 * await assertRejects(() => lost.done(), DeviceLostError);
 *
 * using gpu = await Gpu.request();
 * await gpu.done();
 * ```
 */
export class DeviceLostError extends Error {
  /** A literal, because minifiers change the class name. */
  override name = "DeviceLostError";
}

/** Shows a value that was not expected in the sentence of an error: as JSON, and only the start of a long one. */
export function shown(value: unknown): string {
  if (value === undefined) return "missing";
  // JSON has no infinity, which 1e999 is read as.
  if (typeof value === "number") return String(value);
  // Not all of a text: one of hundreds of megabytes has no JSON.
  const text = jsonOf(typeof value === "string" ? value.slice(0, SHOWN + 1) : value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** A value as JSON, or what comes closest: functions, large integers and circles have none. */
function jsonOf(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // What has neither JSON nor a text of its own, such as an object without a prototype in a circle, throws again.
    return typeof value === "bigint" ? `${value}n` : Object.prototype.toString.call(value);
  }
}

/** Names the type of a value in a sentence, as in "an Int16Array". */
export function nameOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  const own = typeof value === "object"
    ? Object.getPrototypeOf(value)?.constructor?.name
    : undefined;
  const name = typeof own === "string" && own !== "" ? own : typeof value;
  return `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
}

/** Characters of a value in a sentence. */
const SHOWN = 40;
