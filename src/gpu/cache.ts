/**
 * What is made once and kept.
 *
 * @module
 */

/**
 * Gives what was made before or is being made; what could not be made is tried again when it is next asked for.
 *
 * @param cache What there is.
 * @param key What to give.
 * @param make Makes it where it is not there.
 * @returns It, or the error of making it.
 */
export function cached<Key, Value>(
  cache: Map<Key, Promise<Value>>,
  key: Key,
  make: () => Promise<Value>,
): Promise<Value> {
  const known = cache.get(key);
  if (known) return known;
  const made = make();
  cache.set(key, made);
  made.catch(() => cache.delete(key));
  return made;
}
