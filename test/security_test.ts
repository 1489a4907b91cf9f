import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

/** The points of the lists in SECURITY.md, each as one line. */
async function readPoints(): Promise<string[]> {
  const text = await Deno.readTextFile(new URL("SECURITY.md", ROOT));
  const points = [...text.matchAll(/^- .*(?:\n {2}.*)*/gm)];
  return points.map(([point]) => point.replace(/\s+/g, " "));
}

/** The tests that a point names: each file, and the names of tests in it. */
function testsOf(point: string): { file: string; names: string[] }[] {
  const files = [...point.matchAll(/`(test\/[\w/]+_test\.ts)`: ("[^"]+"(?:, "[^"]+")*)/g)];
  return files.map(([, file, names]) => ({
    file,
    names: [...names.matchAll(/"([^"]+)"/g)].map(([, name]) => name),
  }));
}

Deno.test("SECURITY.md names a test for every point, and each of them exists", async () => {
  const points = await readPoints();
  assert(points.length > 20);
  assertEquals(points.filter((point) => testsOf(point).length === 0), []);
  for (const { file, names } of points.flatMap(testsOf)) {
    const source = await Deno.readTextFile(new URL(file, ROOT));
    const missing = names.filter((name) =>
      !source.includes(`Deno.test("${name}"`) && !source.includes(`  name: "${name}"`)
    );
    assertEquals(missing, [], file);
  }
});

Deno.test("SECURITY.md names tests in no other form than the one that is checked", async () => {
  const text = (await readPoints()).join("\n");
  const named = (await readPoints()).flatMap(testsOf).flatMap(({ names }) => names);
  assertEquals((text.match(/"/g) ?? []).length, 2 * named.length);
  const files = (await readPoints()).flatMap(testsOf).length;
  assertEquals((text.match(/_test\.ts`/g) ?? []).length, files);
});
