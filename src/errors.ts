/**
 * The errors that callers may want to distinguish, and that tasks turn into exit statuses.
 *
 * @module
 */

/** An argument is not allowed: the caller must change it, trying again does not help. */
export class ArgumentError extends RangeError {
  /** A literal, because minifiers change the class name. */
  override name = "ArgumentError";
}

/** A data file is missing or malformed: the message names the file. */
export class DataError extends Error {
  /** A literal, because minifiers change the class name. */
  override name = "DataError";
}

/** WebGPU has no adapter here: a driver is missing or hidden. */
export class GpuUnavailableError extends Error {
  /** A literal, because minifiers change the class name. */
  override name = "GpuUnavailableError";
}

/** The GPU refused an operation: invalid use, a shader that does not compile, memory that ran out. */
export class GpuError extends Error {
  /** A literal, because minifiers change the class name. */
  override name = "GpuError";
}

/** The device was lost while in use: trying again may help. */
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
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

/** Characters of a value in a sentence. */
const SHOWN = 40;
