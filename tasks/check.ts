/**
 * Checks all that the tests do not: format, lint, types, docs and their examples, generated files, the package.
 *
 * @module
 */
import { checkExamples, entryPoints } from "./_check/examples.ts";
import { runDeno } from "./_kit/children.ts";
import type { TaskContext } from "./_kit/context.ts";
import { helpText } from "./_kit/help.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import { COMMON_OPTIONS, parseOptions } from "./_kit/options.ts";
import { DIAGRAM_DRIFT, diagramIsCurrent } from "./diagram.ts";
import { DRIFT, shadersAreCurrent } from "./shaders.ts";

const TASK = {
  name: "check",
  summary:
    "Checks format, lint, types, docs and their examples, generated files, and the package as it would be " +
    "published. Every check runs, and its result is printed.",
  options: { help: COMMON_OPTIONS.help },
  examples: [{ command: "deno task check", purpose: "before every commit" }],
} as const;

/** Finds what is wrong, or null. */
type Check = () => Promise<string | null>;

/** Runs every check, also after one that failed. */
async function main(args: readonly string[], context: TaskContext): Promise<number> {
  const { options } = parseOptions(TASK, args);
  if (options.help) {
    context.stdout(helpText(TASK));
    return EXIT.done;
  }

  // tasks/bootstrap.sh sets it where JSR does not answer.
  const stdMap = (Deno.env.get("STD_MAP") ?? "").split(" ").filter((word) => word !== "");
  const { ".": root, ...subpaths } = await entryPoints();
  // deno.json turns lint's no-slow-types off because it would ask JSR; the dry run looks for slow types, too.
  const checks: [name: string, check: Check][] = [
    ["format", () => deno("fmt", "--check")],
    ["lint", () => deno("lint")],
    ["types", () => deno("check", "--doc", ...stdMap)],
    ["docs", () => deno("doc", "--lint", ...stdMap, root, ...Object.values(subpaths))],
    ["docs of the root alone", () => deno("doc", "--lint", ...stdMap, root)],
    ["examples in Markdown", () => checkExamples(stdMap)],
    ["examples in src", () => deno("test", "--doc", "--quiet", ...stdMap, "--allow-read", "src")],
    ["shaders", async () => await shadersAreCurrent() ? null : DRIFT],
    ["diagram", async () => await diagramIsCurrent() ? null : DIAGRAM_DRIFT],
  ];
  if (stdMap.length === 0) {
    checks.push(["package", () => deno("publish", "--dry-run", "--allow-dirty")]);
  }

  let failed = 0;
  for (const [name, check] of checks) {
    const problem = await check();
    if (problem !== null) {
      failed++;
      context.stderr(problem.trimEnd());
    }
    context.stdout(`${name}: ${problem === null ? "ok" : "FAILED"}`);
  }
  if (stdMap.length > 0) {
    context.stdout(
      "package: NOT CHECKED, it needs JSR; and `types` saw @std from npm, without its types",
    );
  }
  return failed === 0 ? EXIT.done : EXIT.failed;
}

/** Runs a subcommand of Deno. Where it fails, its output is what is wrong. */
async function deno(...args: string[]): Promise<string | null> {
  const { success, stdout, stderr } = await runDeno(...args);
  if (success) return null;
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

if (import.meta.main) await runTask(main);
