/** Runs test files in a page: what `Deno.test` does in Deno. */

/** A test and its outcome. */
export interface PageResult {
  readonly name: string;
  /** Why it failed, if it did. */
  readonly error?: string;
  readonly milliseconds: number;
}

type Story = () => void | Promise<void>;

/**
 * Runs the tests of a file one after the other.
 *
 * @param file Its path in the checkout.
 * @param without Names of tests to leave out.
 * @returns What became of each of the others.
 */
export async function runTests(file: string, without: readonly string[]): Promise<PageResult[]> {
  const tests = new Map<string, Story>();
  const test = (name: string, story: Story) => void tests.set(name, story);
  Object.assign(globalThis, { Deno: { test } });
  await import(`/${file}`);
  for (const name of without) {
    if (!tests.delete(name)) throw new Error(`${file} has no test ${JSON.stringify(name)}`);
  }
  const results: PageResult[] = [];
  for (const [name, story] of tests) {
    const began = performance.now();
    let error: string | undefined;
    try {
      await story();
    } catch (thrown) {
      error = String(thrown);
    }
    results.push({ name, error, milliseconds: performance.now() - began });
  }
  return results;
}
