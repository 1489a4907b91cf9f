/**
 * Distinct values, extremes, lists in sentences, and the name in a list that was meant.
 *
 * @module
 */

/**
 * Removes duplicates.
 *
 * @param values Any values.
 * @returns The distinct values in the order of their first occurrence.
 */
export function distinct<Type>(values: readonly Type[]): Type[] {
  return [...new Set(values)];
}

/**
 * Joins words for a sentence.
 *
 * @param words The words.
 * @returns As in "1, 2 and 3".
 */
export function enumerate(words: readonly (string | number)[]): string {
  if (words.length < 2) return words.join();
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

/**
 * Finds the largest of many numbers. `Math.max(...values)` overflows the stack at about 125,000 of them.
 *
 * @param values Any numbers.
 * @returns The largest; NaN if one is NaN, -Infinity if there are none, as from `Math.max`.
 */
export function maximum(values: Iterable<number>): number {
  let largest = -Infinity;
  for (const value of values) largest = Math.max(largest, value);
  return largest;
}

/**
 * Finds the smallest of many numbers. `Math.min(...values)` overflows the stack at about 125,000 of them.
 *
 * @param values Any numbers.
 * @returns The smallest; NaN if one is NaN, Infinity if there are none, as from `Math.min`.
 */
export function minimum(values: Iterable<number>): number {
  let smallest = Infinity;
  for (const value of values) smallest = Math.min(smallest, value);
  return smallest;
}

/**
 * Finds the name that was probably meant.
 *
 * @param name A name that is not known.
 * @param names Those that are.
 * @returns One that begins with it, or differs in one or two letters; undefined if there is none.
 *
 * @example A slip of the finger
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nearest } from "./lists.ts";
 *
 * assertEquals(nearest("epoch", ["epochs", "cycles"]), "epochs");
 * assertEquals(nearest("cylces", ["epochs", "cycles"]), "cycles");
 * assertEquals(nearest("momentum", ["epochs", "cycles"]), undefined);
 * ```
 */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const beginning = names.find((other) => name.length >= 2 && other.startsWith(name));
  if (beginning !== undefined) return beginning;
  const distances = names.map((other) => editDistance(name, other));
  const min = Math.min(...distances);
  // Two, so that swapped letters are seen through, but at most half of the letters.
  return min <= Math.min(2, name.length / 2) ? names[distances.indexOf(min)] : undefined;
}

/** The fewest letters to insert, delete or replace to get from one word to the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[to.length];
}
