import { assertEquals } from "@std/assert";
import { folderOf, FOLDERS, importsOf, readImports } from "../tasks/_check/imports.ts";

const IMPORTS = await readImports("src", "tasks");
const EDGES = [...IMPORTS].flatMap(([from, all]) => all.map((to) => ({ from, to })));

/** Edges as text, for a failing test's message. */
function list(edges: typeof EDGES): string[] {
  return edges.map(({ from, to }) => `${from} imports ${to}`);
}

Deno.test("a folder of src/ imports only from folders above it", () => {
  const upward = EDGES.filter(({ from, to }) => {
    const [importer, imported] = [folderOf(from), folderOf(to)];
    return importer !== null && imported !== null &&
      FOLDERS.indexOf(imported) > FOLDERS.indexOf(importer);
  });
  assertEquals(list(upward), []);
});

Deno.test("src/ imports nothing from tasks/, test/ or mod.ts", () => {
  const outward = EDGES.filter(({ from, to }) =>
    from.startsWith("src/") && /^(tasks|test)\/|^mod\.ts$/.test(to)
  );
  assertEquals(list(outward), []);
});

Deno.test("only src/figures/ imports Vega", () => {
  const importers = EDGES.filter(({ to }) => /^(npm:)?vega/.test(to)).map(({ from }) => from);
  assertEquals([...new Set(importers.map(folderOf))], ["figures"]);
});

Deno.test("mod.ts needs no package", async () => {
  const imports = new Map([...IMPORTS, ...await readImports("mod.ts")]);
  const reached = new Set(["mod.ts"]);
  for (const path of reached) imports.get(path)?.forEach((to) => reached.add(to));
  // Functions that read files import Node's modules when they are called, which is never in a browser.
  const packages = [...reached].filter((path) => !/^(mod\.ts$|src\/|node:)/.test(path));
  assertEquals(packages, []);
});

Deno.test("no module imports itself, directly or through others", () => {
  const done = new Set<string>();
  const circles: string[] = [];
  function visit(path: string, above: readonly string[]): void {
    if (above.includes(path)) circles.push([...above.slice(above.indexOf(path)), path].join(" → "));
    if (done.has(path) || above.includes(path)) return;
    for (const next of IMPORTS.get(path) ?? []) visit(next, [...above, path]);
    done.add(path);
  }
  for (const path of IMPORTS.keys()) visit(path, []);
  assertEquals(circles, []);
});

Deno.test("importsOf() finds static, type, bare and dynamic imports and re-exports, but no examples", () => {
  const source = [
    "/**",
    ' * import { hidden } from "./comment.ts";',
    " */",
    'import { a } from "../gpu/a.ts";',
    "import type {",
    "  B,",
    "  C,",
    '} from "./b.ts";',
    'import d, { type D } from "vega";',
    'import "./side_effect.ts";',
    'export * from "./all.ts";',
    'export * as names from "./names.ts";',
    'export { a } from "../gpu/a.ts";',
    'const e = await import("./lazy.ts");',
    'export const text = "from";',
  ].join("\n");
  assertEquals(importsOf("src/model/x.ts", source).sort(), [
    "src/gpu/a.ts",
    "src/model/all.ts",
    "src/model/b.ts",
    "src/model/lazy.ts",
    "src/model/names.ts",
    "src/model/side_effect.ts",
    "vega",
  ]);
});

Deno.test("readImports() agrees with Deno's parser", () => {
  const specifiers: string[] = [];
  const collect = (node: { source: Deno.lint.Expression | null }) => {
    if (node.source?.type === "Literal") specifiers.push(String(node.source.value));
  };
  const visitor: Deno.lint.LintVisitor = {
    ImportDeclaration: collect,
    ExportAllDeclaration: collect,
    ExportNamedDeclaration: collect,
    ImportExpression: collect,
  };
  const plugin: Deno.lint.Plugin = {
    name: "imports",
    rules: { all: { create: () => visitor } },
  };
  for (const [path, found] of IMPORTS) {
    specifiers.length = 0;
    const source = Deno.readTextFileSync(new URL(`../${path}`, import.meta.url));
    Deno.lint.runPlugin(plugin, path, source);
    const base = new URL(path, "file:///");
    const parsed = specifiers.map((name) =>
      name.startsWith(".") ? new URL(name, base).pathname.slice(1) : name
    );
    assertEquals(
      found.filter((to) => !to.includes("${")).sort(),
      [...new Set(parsed)].sort(),
      path,
    );
  }
});
