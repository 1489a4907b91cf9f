/**
 * Checks all that the tests do not: format, lint, types, docs and their examples, generated files, the package.
 *
 * @module
 */
import { runChecked } from "./_check/deno.ts";
import { checkExamples, entryPoints } from "./_check/examples.ts";
import { checkPackage } from "./_check/package.ts";
import { checkSize } from "./_check/size.ts";
import type { TaskContext } from "./_kit/context.ts";
import { withOptions } from "./_kit/help.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import { COMMON_OPTIONS } from "./_kit/options.ts";
import { DIAGRAM_DRIFT, diagramIsCurrent } from "./diagram.ts";
import { DRIFT, shadersAreCurrent } from "./shaders.ts";

const TASK = {
  name: "check",
  summary:
    "Checks format, lint, types, docs and their examples, generated files, the size of the root, and the package as it " +
    "would be published. Every check runs, and its result is printed.",
  options: { help: COMMON_OPTIONS.help },
  examples: [{ command: "deno task check", purpose: "before every commit" }],
} as const;

/** Finds what is wrong, or null. */
type Check = () => Promise<string | null>;

/** Runs every check, also after one that failed. */
async function runChecks(context: TaskContext): Promise<number> {
  // tasks/bootstrap.sh sets it where JSR does not answer.
  const stdMap = (Deno.env.get("STD_MAP") ?? "").split(" ").filter((word) => word !== "");
  const { ".": root, ...subpaths } = await entryPoints();
  // deno.json turns lint's no-slow-types off because it would ask JSR; the check of the package finds them, too.
  const checks: [name: string, check: Check][] = [
    ["format", () => runChecked("fmt", "--check")],
    ["lint", () => runChecked("lint")],
    ["types", () => runChecked("check", "--doc", ...stdMap)],
    ["docs", () => runChecked("doc", "--lint", ...stdMap, root, ...Object.values(subpaths))],
    ["docs of the root alone", () => runChecked("doc", "--lint", ...stdMap, root)],
    ["examples in Markdown", () => checkExamples(stdMap)],
    [
      "examples in src",
      // A hundred modules of a few milliseconds each: most of the time goes into starting them.
      () => runChecked("test", "--doc", "--quiet", "--parallel", ...stdMap, "--allow-read", "src"),
    ],
    ["shaders", async () => await shadersAreCurrent() ? null : DRIFT],
    ["diagram", async () => await diagramIsCurrent() ? null : DIAGRAM_DRIFT],
    ["size", checkSize],
    ["package", () => checkPackage(stdMap)],
  ];

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
    context.stdout("`types` saw @std from npm, without its types: JSR does not answer");
  }
  return failed === 0 ? EXIT.done : EXIT.failed;
}

async function main(args: readonly string[], context: TaskContext): Promise<number> {
  return await withOptions(TASK, args, context, () => runChecks(context));
}

if (import.meta.main) await runTask(main);
