/**
 * The errors that a caller may want to tell apart, and that tasks turn into exit statuses.
 *
 * @module
 */

/** An argument is outside of what is allowed: the caller must change it, trying again does not help. */
export class ArgumentError extends RangeError {
  /** Its own name, which outlives minified class names. */
  override name = "ArgumentError";
}

/** A data file is not what it should be: the message names the file. */
export class DataError extends Error {
  /** Its own name, which outlives minified class names. */
  override name = "DataError";
}

/** WebGPU has no adapter here: a driver is missing or hidden. */
export class GpuUnavailableError extends Error {
  /** Its own name, which outlives minified class names. */
  override name = "GpuUnavailableError";
}

/** The GPU refused something: a validation error, a shader that does not compile, memory that ran out. */
export class GpuError extends Error {
  /** Its own name, which outlives minified class names. */
  override name = "GpuError";
}

/** The device went away while it was in use: trying again may help. */
export class DeviceLostError extends Error {
  /** Its own name, which outlives minified class names. */
  override name = "DeviceLostError";
}
