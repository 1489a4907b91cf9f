/**
 * What all formats share: how a file is named, encoded and decoded, and the names of its fields, which are snake_case in
 * files and camelCase in the program.
 *
 * @module
 */

/** Where a text came from. */
export interface FileName {
  /** The name of the file, for error messages. */
  readonly name: string;
}

/** The format of a file that holds one value. */
export interface TextFormat<Type> {
  /**
   * Prints the value.
   *
   * @param value The value.
   * @returns The text; every line ends with a line feed.
   */
  encode(value: Type): string;
  /**
   * Reads the value.
   *
   * @param text The text.
   * @param file The name of the file, for error messages.
   * @returns The value.
   * @throws {DataError} If the text is of another form; the message names the file and, where it has one, line and column.
   */
  decode(text: string, file: FileName): Type;
}

/** "batchNorm" to "batch_norm". */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** "batch_norm" to "batchNorm". */
export function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
}
