/**
 * Lists of things, and lists in sentences.
 *
 * @module
 */

/**
 * Lists different values, each once.
 *
 * @param values Any values that `===` tells apart.
 * @returns Them in the order in which they first come.
 */
export function distinct<Type>(values: readonly Type[]): Type[] {
  return [...new Set(values)];
}

/**
 * Lists words in a sentence.
 *
 * @param words The words.
 * @returns As in "1, 2 and 3".
 */
export function enumerate(words: readonly (string | number)[]): string {
  if (words.length < 2) return words.join();
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}
