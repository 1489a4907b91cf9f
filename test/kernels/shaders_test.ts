import { assert, assertEquals, assertThrows } from "@std/assert";
import { composedText, includedFiles, sourceLine } from "../../src/gpu/includes.ts";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import { DRIFT, shadersAreCurrent, withoutComments } from "../../tasks/shaders.ts";

Deno.test("the generated files are what shaders/ and tasks/_kit/tile.ts make of them", async () => {
  assert(await shadersAreCurrent(), DRIFT);
});

Deno.test("SHADERS gives each file's code unchanged when read back from the module", async () => {
  const root = new URL("../../shaders/", import.meta.url);
  const names: string[] = [];
  for await (const folder of Deno.readDir(root)) {
    for await (const { name } of Deno.readDir(new URL(`${folder.name}/`, root))) {
      names.push(`${folder.name}/${name}`);
    }
  }
  assertEquals(Object.keys(SHADERS).map((path) => `${path}.wgsl`), names.sort());
  for (const [path, text] of Object.entries(SHADERS)) {
    const source = await Deno.readTextFile(new URL(`${path}.wgsl`, root));
    assertEquals(text, withoutComments(source), path);
  }
});

Deno.test("withoutComments() keeps lines, and what a file includes", () => {
  const source =
    "// includes a, b\n//\n// S = X W\n\nlet a = 1.0 / b; // c // includes d\n  // e\n\n\n";
  assertEquals(withoutComments(source), "// includes a, b\n\n\n\nlet a = 1.0 / b;\n");
});

Deno.test("includedFiles() lists each file once, behind what it includes", () => {
  const shaders = {
    a: "// includes b, c\n",
    b: "// includes d_{tile}\n",
    c: "// includes b\n",
    d_2x3: "fn d() {}\n// includes a\n",
  };
  assertEquals(includedFiles(shaders, "a", "2x3"), ["d_2x3", "b", "c", "a"]);
  assertEquals(includedFiles(shaders, "d_2x3"), ["d_2x3"]);
});

Deno.test("includedFiles() names the file that is not there", () => {
  assertThrows(
    () => includedFiles({ a: "// includes b\n" }, "a"),
    Error,
    "Cannot compile shaders/a.wgsl: there is no shaders/b.wgsl",
  );
});

Deno.test("sourceLine() finds the file and the line in it of every line of a composed text", () => {
  const files = includedFiles(SHADERS, "per_operation/input", "tile_12x8");
  assert(files.length > 3);
  const lines = composedText(SHADERS, files).split("\n");
  const found = lines.map((_, i) => sourceLine(SHADERS, files, i + 1)!);
  assertEquals(found.map(({ text }) => text), lines);
  for (const file of files) {
    const own = found.filter((line) => line.file === file);
    assertEquals(own.map(({ line }) => line), own.map((_, i) => i + 1), file);
    assertEquals(own.map(({ text }) => text).join("\n"), SHADERS[file], file);
  }
  assertEquals(sourceLine(SHADERS, files, 0), undefined); // As compilers say where they know no line.
  assertEquals(sourceLine(SHADERS, files, lines.length + 1), undefined);
});
