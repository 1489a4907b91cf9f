/**
 * A cache of values that are made asynchronously.
 *
 * @module
 */

/**
 * Returns a value from the cache, or makes it. A failure is not kept: the next call tries again.
 *
 * @param cache The values so far.
 * @param key Which value.
 * @param make Makes the value.
 * @returns The value, or the error of making it.
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
