/**
 * Distinct values, extremes, and lists in sentences.
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
