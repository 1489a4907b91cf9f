/**
 * Checks of options at run time, where no compiler has looked at them: each mistake is answered in one sentence.
 *
 * @module
 */

import { ArgumentError, shown } from "./errors.ts";
import { nearest } from "./lists.ts";

/** What is being checked, for the sentence of an error. */
export interface Checked {
  /** What cannot be done, as in "train". */
  readonly action: string;
  /** Where the value lies, as in "networks[1]."; "" for an option itself. */
  readonly within?: string;
}

/** Values that may be anything, by their names. */
export type Unchecked = Readonly<Record<string, unknown>>;

/** Refuses what is not an object, and names that are not known. */
export function checkNames<T>(
  value: T,
  { action, known, within = "" }: Checked & { readonly known: readonly string[] },
): asserts value is T & Unchecked {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const name = within === "" ? "options" : within.replace(/\.$/, "");
    throw refused(name, value, { action, expected: "an object" });
  }
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const near = nearest(unknown, known);
  throw new ArgumentError(
    `Cannot ${action}: there is no option ${within}${unknown}` +
      (near === undefined ? `, expected some of ${known.join(", ")}` : `, did you mean ${near}?`),
  );
}

/** Refuses what is not an accepted value. */
export function checkValue<T>(
  name: string,
  value: unknown,
  rule: Checked & {
    readonly expected: string;
    readonly accepts: (value: unknown) => value is T;
  },
): T {
  if (rule.accepts(value)) return value;
  throw refused(`${rule.within ?? ""}${name}`, value, rule);
}

/** The error for a value that is not accepted, or is missing. */
export function refused(
  name: string,
  value: unknown,
  { action, expected }: { readonly action: string; readonly expected: string },
): ArgumentError {
  const given = value === undefined ? `without ${name}` : `with ${name} ${shown(value)}`;
  return new ArgumentError(`Cannot ${action} ${given}, expected ${expected}`);
}

/** Checks whether a value is a number that is accepted. */
export function numberThat(
  accepts: (value: number) => boolean,
): (value: unknown) => value is number {
  return (value): value is number => typeof value === "number" && accepts(value);
}

/** Checks whether a value is one of a few. */
export function oneOf<T>(values: readonly T[]): (value: unknown) => value is T {
  return (value): value is T => (values as readonly unknown[]).includes(value);
}

/** Checks whether a value is true or false. */
export function isBoolean(value: unknown): value is boolean {
  return typeof value === "boolean";
}
