/**
 * JSON files. They are checked as they are read: these files are for people too, and people edit them.
 *
 * @module
 */

import { DataError, shown } from "../errors.ts";
import { type FileName, snakeCase } from "./names.ts";

/** How one value is written as JSON, and checked and converted as it is read. */
export interface JsonValue<Type> {
  /** Gives what is written. */
  readonly encode: (value: Type) => unknown;
  /**
   * Converts what was read.
   *
   * @throws {DataError} If it is not such a value; the message begins with its name.
   */
  readonly decode: (value: unknown, name: string) => Type;
}

/** The fields of an object, in order; a field has a name where that in the file is not its own in snake_case. */
export type JsonFields<Type> = {
  readonly [Field in keyof Type]-?:
    | JsonValue<Type[Field]>
    | { readonly name: string; readonly value: JsonValue<Type[Field]> };
};

/** A string. */
export const TEXT: JsonValue<string> = primitive((value) => typeof value === "string", "a text");

/** True or false. */
export const BOOLEAN: JsonValue<boolean> = primitive(
  (value) => typeof value === "boolean",
  "true or false",
);

/** A number that is always finite; 1e999 in a file would be read as infinity. */
export const NUMBER: JsonValue<number> = primitive(
  (value): value is number => typeof value === "number" && Number.isFinite(value),
  "a number",
);

/** A whole number from 0. */
export const COUNT: JsonValue<number> = primitive(
  (value): value is number =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= 0,
  "a whole number from 0",
);

/** A number that may be NaN or infinite: JSON has null for both, which reads as NaN. */
export const MEASURED: JsonValue<number> = {
  encode: (value) => Number.isFinite(value) ? value : null,
  decode: (value, name) => value === null ? NaN : NUMBER.decode(value, name),
};

/** A share between 0 and 1 that may be NaN, as {@linkcode MEASURED}. */
export const SHARE: JsonValue<number> = {
  encode: MEASURED.encode,
  decode: (value, name) => {
    if (value === null || typeof value === "number" && value >= 0 && value <= 1) {
      return MEASURED.decode(value, name);
    }
    throw unexpected(value, name, "a number between 0 and 1, or null");
  },
};

/** A value that may be null. */
export function nullable<Type>(value: JsonValue<Type>): JsonValue<Type | null> {
  return {
    encode: (given) => given === null ? null : value.encode(given),
    decode: (given, name) => given === null ? null : value.decode(given, name),
  };
}

/** A field that may be missing. */
export function optional<Type>(value: JsonValue<Type>): JsonValue<Type | undefined> {
  return {
    encode: (given) => given === undefined ? undefined : value.encode(given),
    decode: (given, name) => given === undefined ? undefined : value.decode(given, name),
  };
}

/** A list of values of one kind. */
export function list<Type>(value: JsonValue<Type>): JsonValue<readonly Type[]> {
  return {
    encode: (given) => given.map(value.encode),
    decode: (given, name) => {
      if (!Array.isArray(given)) throw unexpected(given, name, "a list");
      return given.map((each, i) => value.decode(each, `${name}[${i}]`));
    },
  };
}

/** An object with fields of several kinds; others that are in the file are ignored. */
export function object<Type extends object>(fields: JsonFields<Type>): JsonValue<Type> {
  type AnyField = JsonValue<unknown> | {
    readonly name: string;
    readonly value: JsonValue<unknown>;
  };
  const entries = Object.entries(fields as Record<string, AnyField>).map(([field, given]) =>
    "value" in given ? { field, ...given } : { field, name: snakeCase(field), value: given }
  );
  return {
    encode: (given) =>
      Object.fromEntries(entries.flatMap(({ field, name, value }) => {
        const encoded = value.encode(given[field as keyof Type]);
        return encoded === undefined ? [] : [[name, encoded]];
      })),
    decode: (given, where) => {
      const found = fieldsOf(given, where);
      return Object.fromEntries(entries.flatMap(({ field, name, value }) => {
        const decoded = value.decode(found[name], where === WHOLE ? name : `${where}.${name}`);
        return decoded === undefined ? [] : [[field, decoded]];
      })) as Type;
    },
  };
}

/** What messages call the value that is the whole file. */
const WHOLE = "all of it";

/**
 * The format of a JSON file.
 *
 * @example A file of one field
 * ```ts
 * import { JsonFile } from "@headless/mlp/records";
 * import { DataError } from "@headless/mlp";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const file = new JsonFile<number>({
 *   encode: (seed) => ({ seed }),
 *   decode: (value, name) => {
 *     const { seed } = value as { seed?: unknown };
 *     if (typeof seed === "number") return seed;
 *     throw new DataError(`${name} has no seed, expected a number`);
 *   },
 * });
 *
 * assertEquals(file.encode(7), '{\n  "seed": 7\n}\n');
 * assertEquals(file.decode('{ "seed": 7 }', { name: "seed.json" }), 7);
 * assertThrows(() => file.decode("{}", { name: "seed.json" }), DataError, "Cannot read seed.json");
 * ```
 */
export class JsonFile<Type> {
  readonly #value: JsonValue<Type>;

  /**
   * Describes the format.
   *
   * @param value How the whole content is written and read; it is written as an object.
   */
  constructor(value: JsonValue<Type>) {
    this.#value = value;
  }

  /**
   * Gives the fields as the file has them.
   *
   * @param content What the file says.
   * @returns Names and values, in order.
   */
  fields(content: Type): Readonly<Record<string, unknown>> {
    return this.#value.encode(content) as Record<string, unknown>;
  }

  /**
   * Prints the file.
   *
   * @param content What it says.
   * @returns The text.
   */
  encode(content: Type): string {
    return JSON.stringify(this.#value.encode(content), null, 2) + "\n";
  }

  /**
   * Reads the file.
   *
   * @param text The text.
   * @param file The name of the file, for error messages.
   * @returns What it says.
   * @throws {DataError} If the text is not JSON, or a field is missing or of another kind; the message names file and
   * field.
   */
  decode(text: string, file: FileName): Type {
    try {
      return this.#value.decode(JSON.parse(text), WHOLE);
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof DataError)) throw error;
      // The parser quotes the place, line breaks included.
      throw new DataError(`Cannot read ${file.name}: ${error.message.replaceAll(/\s+/g, " ")}`);
    }
  }
}

/** Checks that a value is an object, with any fields. */
export function fieldsOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw unexpected(value, name, "an object");
}

/** Makes the error for a field whose value is not what is expected. */
export function unexpected(value: unknown, name: string, expected: string): DataError {
  return new DataError(`${name} is ${shown(value)}, expected ${expected}`);
}

function primitive<Type>(
  fits: (value: unknown) => value is Type,
  expected: string,
): JsonValue<Type> {
  return {
    encode: (value) => value,
    decode: (value, name) => {
      if (fits(value)) return value;
      throw unexpected(value, name, expected);
    },
  };
}
