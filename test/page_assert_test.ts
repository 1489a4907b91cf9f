/** That test/_page/assert.ts fails where `@std/assert` fails, and nowhere else. */
import * as std from "@std/assert";
import * as page from "./_page/assert.ts";

const { assertEquals } = std;

/** Values of every kind that tests compare. */
const VALUES: readonly (() => unknown)[] = [
  () => NaN,
  () => 0,
  () => -0,
  () => "0",
  () => null,
  () => undefined,
  () => [1, [2, NaN]],
  () => [1, [2, 3]],
  () => [1, [2]],
  () => ({ a: 1, b: { c: [] } }),
  () => ({ a: 1, b: { c: [0] } }),
  () => Float32Array.of(1, 2),
  () => Float32Array.of(1, 3),
  () => Uint8Array.of(1, 2),
  () => new Set([1, 2]),
  () => new Set([1, 3]),
  () => new Map([["a", 1]]),
  () => new Map([["a", 2]]),
];

/** Whether something fails by an assertion. */
function fails(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch {
    return true;
  }
}

Deno.test("assertEquals(), assertNotEquals() and assertStrictEquals() of pages agree with the originals", () => {
  for (const a of VALUES) {
    for (const b of VALUES) {
      for (const name of ["assertEquals", "assertNotEquals", "assertStrictEquals"] as const) {
        assertEquals(
          fails(() => page[name](a(), b())),
          fails(() => std[name](a(), b())),
          `${name} of ${a} and ${b}`,
        );
      }
    }
  }
});

Deno.test("the other assertions of pages agree with the originals", async () => {
  const actions: Record<string, (assertions: typeof page | typeof std) => unknown> = {
    "true": ({ assert }) => (assert as typeof page.assert)(1),
    "false": ({ assert }) => (assert as typeof page.assert)(0),
    "matches": ({ assertMatch }) => assertMatch("abc", /b/),
    "does not match": ({ assertMatch }) => assertMatch("abc", /d/),
    "not, does not match": ({ assertNotMatch }) => assertNotMatch("abc", /d/),
    "not, matches": ({ assertNotMatch }) => assertNotMatch("abc", /b/),
    "includes": ({ assertStringIncludes }) => assertStringIncludes("abc", "b"),
    "does not include": ({ assertStringIncludes }) => assertStringIncludes("abc", "d"),
    "fail": ({ fail }) => (fail as () => never)(),
  };
  for (const [what, action] of Object.entries(actions)) {
    assertEquals(fails(() => action(page)), fails(() => action(std)), what);
  }
  const thrown = [() => {}, () => raise(new RangeError("far")), () => raise(new TypeError("far"))];
  for (const action of thrown) {
    for (const part of ["fa", "near"]) {
      const found = fails(() => page.assertThrows(action, RangeError, part));
      assertEquals(found, fails(() => std.assertThrows(action, RangeError, part)));
      const reject = async () => await action();
      assertEquals(await rejects(page.assertRejects(reject, RangeError, part)), found);
    }
  }
});

function raise(error: Error): never {
  throw error;
}

async function rejects(promise: Promise<unknown>): Promise<boolean> {
  return await promise.then(() => false, () => true);
}
