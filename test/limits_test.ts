import { assertEquals } from "@std/assert";
import { readImports } from "../tasks/_check/imports.ts";

/** The most lines of a function and of a class, its first and last among them. */
const MAX_LINES = { function: 60, class: 350 };

/** Finds what is longer by Deno's own parser, so that no brace in a text or a comment counts. */
const PLUGIN: Deno.lint.Plugin = {
  name: "limits",
  rules: {
    lines: {
      create(context) {
        const check = (node: Deno.lint.Node, kind: keyof typeof MAX_LINES) => {
          const text = context.sourceCode.getText(node);
          const lines = text.split("\n").length;
          if (lines <= MAX_LINES[kind]) return;
          context.report({ node, message: `${lines} lines: ${text.split("\n", 1)[0].trim()}` });
        };
        const checkFunction = (node: Deno.lint.Node) => check(node, "function");
        const checkClass = (node: Deno.lint.Node) => check(node, "class");
        return {
          FunctionDeclaration: checkFunction,
          FunctionExpression: checkFunction, // of methods, too
          ArrowFunctionExpression: checkFunction,
          ClassDeclaration: checkClass,
          ClassExpression: checkClass,
        };
      },
    },
  },
};

/** What is too long in a module. */
function tooLong(path: string, source: string): string[] {
  return Deno.lint.runPlugin(PLUGIN, path, source).map(({ message }) => `${path}: ${message}`);
}

Deno.test("no function is longer than 60 lines, no class longer than 350", async () => {
  const long: string[] = [];
  for (const path of (await readImports("src", "tasks")).keys()) {
    long.push(...tooLong(path, await Deno.readTextFile(new URL(`../${path}`, import.meta.url))));
  }
  assertEquals(long, []);
});

Deno.test("the limits hold for functions, methods, arrows and classes, by the line", () => {
  const body = (lines: number) => `{\n${'f("{");\n'.repeat(lines - 2)}}`;
  const kinds = [
    { before: "function f() ", after: "", limit: 60 },
    { before: "const f = () => ", after: ";", limit: 60 },
    { before: "const o = { async *f() ", after: " };", limit: 60 },
    { before: "class A { #f() ", after: " }", limit: 60 },
  ];
  for (const { before, after, limit } of kinds) {
    assertEquals(tooLong("x.ts", before + body(limit) + after).length, 0, before);
    assertEquals(tooLong("x.ts", before + body(limit + 1) + after).length, 1, before);
  }
  const members = (lines: number) => `class A {\n${"  a = 1;\n".repeat(lines - 2)}}`;
  assertEquals(tooLong("x.ts", members(350)).length, 0);
  assertEquals(tooLong("x.ts", members(351)).length, 1);
});
