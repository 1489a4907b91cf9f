/**
 * What a page imports as `@std/assert`: of the original, which comes from another place, the functions that tests in pages
 * use. `page_assert_test.ts` compares the two.
 */

/** An assertion failed. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

/** Fails. */
export function fail(message = "failed"): never {
  throw new AssertionError(message);
}

/** Asserts that something is true. */
export function assert(value: unknown, message = "expected true"): asserts value {
  if (!value) fail(message);
}

/** Asserts that two values are equal, with all that is in them; NaN equals NaN, and 0 equals −0. */
export function assertEquals(found: unknown, expected: unknown, message = "not equal"): void {
  if (!equal(found, expected)) fail(`${message}: ${show(found)}, expected ${show(expected)}`);
}

/** Asserts that two values are not equal. */
export function assertNotEquals(found: unknown, other: unknown, message = "equal"): void {
  if (equal(found, other)) fail(`${message}: ${show(found)}`);
}

/** Asserts that two values are the same. */
export function assertStrictEquals<T>(found: unknown, expected: T, message = "not the same"): void {
  if (!Object.is(found, expected)) fail(`${message}: ${show(found)}, expected ${show(expected)}`);
}

/** Asserts that a text matches. */
export function assertMatch(text: string, pattern: RegExp): void {
  if (!pattern.test(text)) fail(`${show(text)} does not match ${pattern}`);
}

/** Asserts that a text does not match. */
export function assertNotMatch(text: string, pattern: RegExp): void {
  if (pattern.test(text)) fail(`${show(text)} matches ${pattern}`);
}

/** Asserts that a text includes another. */
export function assertStringIncludes(text: string, part: string): void {
  if (!text.includes(part)) fail(`${show(text)} does not include ${show(part)}`);
}

/** Classes of errors. */
// deno-lint-ignore no-explicit-any
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

/** Asserts that a function throws, an error of a class and with a text in its message if these are given. */
export function assertThrows<E extends Error>(
  action: () => unknown,
  kind?: ErrorClass<E>,
  part?: string,
): E {
  try {
    action();
  } catch (error) {
    return checked(error, kind, part);
  }
  fail("expected it to throw");
}

/** Asserts that a promise is rejected, as `assertThrows()` does. */
export async function assertRejects<E extends Error>(
  action: () => PromiseLike<unknown>,
  kind?: ErrorClass<E> | string,
  part?: string,
): Promise<E> {
  try {
    await action();
  } catch (error) {
    return checked(error, typeof kind === "string" ? undefined : kind, part);
  }
  fail("expected it to reject");
}

function checked<E extends Error>(error: unknown, kind?: ErrorClass<E>, part = ""): E {
  if (!(error instanceof (kind ?? Error))) fail(`${error}, expected ${kind?.name ?? "an Error"}`);
  assertStringIncludes((error as E).message, part);
  return error as E;
}

function equal(a: unknown, b: unknown): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (!(a instanceof Object && b instanceof Object)) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Set && b instanceof Set) return a.size === b.size && a.isSubsetOf(b);
  if (a instanceof Map && b instanceof Map) return equal([...a], [...b]);
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) =>
    equal((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key])
  );
}

/** Characters of a value in a message. */
const SHOWN = 300;

function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, SHOWN);
}
