import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { checkOutside, entryPoints, examplesOf } from "../tasks/_check/examples.ts";
import { runDeno } from "../tasks/_kit/children.ts";
import { STD_MAP } from "./_std_map.ts";

/** The root serves those who train networks; all else has a subpath. */
const MAX_ROOT_NAMES = 60;

const ROOT = new URL("../", import.meta.url);

Deno.test("mod.ts exports at most 60 names, each by its name", async () => {
  const names: string[] = [];
  const visitor: Deno.lint.LintVisitor = {
    ExportSpecifier: ({ exported }) => void names.push("name" in exported ? exported.name : "?"),
    ExportAllDeclaration: () => void names.push("*"),
  };
  const plugin = { name: "names", rules: { all: { create: () => visitor } } };
  Deno.lint.runPlugin(plugin, "mod.ts", await Deno.readTextFile(new URL("mod.ts", ROOT)));
  assert(!names.includes("*"), "expected names, not `export *`");
  assertEquals(new Set(names).size, names.length);
  assert(names.includes("Training"));
  assert(names.length <= MAX_ROOT_NAMES, `${names.length} names: ${names.join(", ")}`);
});

Deno.test("every entry point begins with a comment that shows an example", async () => {
  for (const path of Object.values(await entryPoints())) {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    const [comment] = text.match(/^\/\*\*.*?\*\//s) ?? [""];
    assertStringIncludes(comment, "@module", path);
    assertMatch(comment, /^ \* @example .+\n \* ```ts$/m, path);
  }
});

Deno.test("the example of mod.ts trains a network", async () => {
  const { success, stderr } = await runDeno("test", "--doc", "--no-check", ...STD_MAP, "mod.ts");
  assert(success, new TextDecoder().decode(stderr));
});

Deno.test("the examples of docs/module.md run as they stand", async () => {
  // Without a permission, as the page says.
  const { success, stdout, stderr } = await runDeno(
    ...["test", "--doc", "--no-check", "--no-prompt", ...STD_MAP, "docs/module.md"],
  );
  assert(success, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
});

Deno.test("checkOutside() accepts what is exported and nothing else", async () => {
  const modules = new Map([
    ["good.ts", 'import { Gpu } from "@headless/mlp";\nconsole.log(Gpu);'],
    ["hidden.ts", 'import { Population } from "@headless/mlp";\nconsole.log(Population);'],
    ["nowhere.ts", 'import { layout } from "@headless/mlp/src/model/network.ts";\nlayout;'],
    ["index.ts", "const a: number[] = [];\na[0].toFixed();"],
  ]);
  const found = await checkOutside(modules, STD_MAP) ?? "";
  assertStringIncludes(found, "has no exported member 'Population'");
  assertMatch(found, /mlp\/src\/model\/network\.ts" not a dependency/);
  assertMatch(found, /possibly 'undefined'/);
  assertEquals(found.match(/at file:\S+\/(\w+\.ts)/g)?.map((at) => at.split("/").at(-1)).sort(), [
    "hidden.ts",
    "index.ts",
    "nowhere.ts",
  ]);
});

Deno.test("examplesOf() takes the blocks of TypeScript, and no others", () => {
  const markdown = "# A\n\n```ts\nf();\n```\n\n```sh\nls\n```\n\n```ts\ng();\n\nh();\n```\n";
  assertEquals(examplesOf(markdown), ["f();\n", "g();\n\nh();\n"]);
});
