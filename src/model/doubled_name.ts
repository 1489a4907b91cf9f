/**
 * Names that an object in a JSON text has twice, of which the parser keeps the last without a word.
 *
 * @module
 */

/**
 * Finds a name that an object in a JSON text has twice.
 *
 * @param json The text, which `JSON.parse` accepts.
 * @returns The first such name; undefined if all names of each object differ.
 *
 * @example Two values of one name
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { doubledName } from "./doubled_name.ts";
 *
 * assertEquals(doubledName('{"a": {"b": 1}, "b": ["a", "a"]}'), undefined);
 * assertEquals(doubledName('{"a": 1, "\\u0061": 2}'), "a");
 * ```
 */
export function doubledName(json: string): string | undefined {
  /** The names so far of each object around the place; null for a list. */
  const around: (Set<string> | null)[] = [];
  for (let i = 0; i < json.length; i++) {
    const sign = json[i];
    if (sign === "{") around.push(new Set());
    else if (sign === "[") around.push(null);
    else if (sign === "}" || sign === "]") around.pop();
    if (sign !== '"') continue;
    const begin = i;
    i = endOfText(json, begin);
    if (!isFollowedByColon(json, i)) continue;
    const name = JSON.parse(json.slice(begin, i + 1)) as string;
    const names = around[around.length - 1]!;
    if (names.has(name)) return name;
    names.add(name);
  }
  return undefined;
}

/** The place of the quotation mark that closes the text that another opens. */
function endOfText(json: string, begin: number): number {
  let i = begin + 1;
  while (json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
  return i;
}

/** Whether a text that ends at a place is a name rather than a value. */
function isFollowedByColon(json: string, end: number): boolean {
  let i = end + 1;
  while (json[i] === " " || json[i] === "\t" || json[i] === "\r" || json[i] === "\n") i++;
  return json[i] === ":";
}
