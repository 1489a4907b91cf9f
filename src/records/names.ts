/**
 * Names of fields in files: snake_case there, camelCase in the program.
 *
 * @module
 */

/** Where a text came from. */
export interface FileName {
  /** The name of the file, for error messages. */
  readonly name: string;
}

/** "batchNorm" to "batch_norm". */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** "batch_norm" to "batchNorm". */
export function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
}
