/**
 * Checks what can be checked without running the code: format, lint, types, docs, shader drift, the package.
 *
 * @module
 */
import { runDeno } from "./_kit/children.ts";
import type { TaskContext } from "./_kit/context.ts";
import { helpText } from "./_kit/help.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import { COMMON_OPTIONS, parseOptions } from "./_kit/options.ts";
import { DRIFT, shadersAreCurrent } from "./shaders.ts";

/** The modules that the package exports. */
const ENTRY_POINTS = ["mod.ts", "src/figures/mod.ts"];

const TASK = {
  name: "check",
  summary: "Checks format, lint, types (those of the examples too), docs, shader drift, and the " +
    "package as it would be published. Every check runs, and is named with its result.",
  options: { help: COMMON_OPTIONS.help },
  examples: [{ command: "deno task check", purpose: "before every commit" }],
} as const;

/** What went wrong in one check, or null. */
type Check = () => Promise<string | null>;

/** Runs every check, also after one that failed. */
async function main(args: readonly string[], context: TaskContext): Promise<number> {
  const { options } = parseOptions(TASK, args);
  if (options.help) {
    context.stdout(helpText(TASK));
    return EXIT.done;
  }

  // Set by tasks/bootstrap.sh where JSR does not answer.
  const stdMap = (Deno.env.get("STD_MAP") ?? "").split(" ").filter((word) => word !== "");
  // deno.json turns lint's no-slow-types off: it would ask JSR, and the dry run looks for slow types too.
  const checks: [name: string, check: Check][] = [
    ["format", () => deno("fmt", "--check")],
    ["lint", () => deno("lint")],
    ["types", () => deno("check", "--doc", ...stdMap)],
    ["docs", () => deno("doc", "--lint", ...stdMap, ...ENTRY_POINTS)],
    ["shaders", async () => await shadersAreCurrent() ? null : DRIFT],
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
      "package: NOT CHECKED, it needs JSR; and `types` saw @std without its types, from npm",
    );
  }
  return failed === 0 ? EXIT.done : EXIT.failed;
}

/**
 * Runs a subcommand of Deno.
 *
 * @param args The subcommand and its arguments.
 * @returns All that it printed where it failed, otherwise null.
 */
async function deno(...args: string[]): Promise<string | null> {
  const { success, stdout, stderr } = await runDeno(...args);
  if (success) return null;
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

if (import.meta.main) await runTask(main);
