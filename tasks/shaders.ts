/**
 * Writes what is generated from other sources: the unrolled loops of tiles in shaders/, and src/gpu/shaders.gen.ts.
 *
 * Shaders are files of their own, for editors and for review, but a published module cannot read files beside itself:
 * there `import.meta.url` is an https address. So the generated module carries their text.
 *
 * @module
 */
import { includedFiles } from "../src/gpu/includes.ts";
import { TILES } from "../src/gpu/kernel_table.ts";
import type { TaskContext } from "./_kit/context.ts";
import { helpText } from "./_kit/help.ts";
import { COMMON_OPTIONS, flag, parseOptions } from "./_kit/options.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import { blocksText, outputsText } from "./_kit/tile.ts";

const ROOT = new URL("../", import.meta.url);

/** The module that the package reads its shaders from. */
const MODULE = "src/gpu/shaders.gen.ts";

/** What to say when a generated file is not what it should be. */
export const DRIFT =
  `${MODULE} or a generated file in shaders/ has drifted: run \`deno task shaders\``;

const HEADER = `// Generated from shaders/ by \`deno task shaders\`. Do not edit.

/** The text of every shader file, by its path in shaders/ without the extension. */
export const SHADERS: Readonly<Record<string, string>> = {
`;

/**
 * Generates all files that \`deno task shaders\` writes, from the shaders as they are now.
 *
 * @returns the text that each should have, by its path in the repository
 * @throws {Error} when a shader's name cannot be included, or it includes one that is not there
 */
export async function generateShaders(): Promise<Map<string, string>> {
  const shaders = { ...await readShaders(), ...tileShaders() };
  let text = HEADER;
  for (const [name, source] of Object.entries(shaders).sort(([a], [b]) => a < b ? -1 : 1)) {
    if (!/^[a-z][a-z0-9_]*\/[a-z][a-z0-9_]*$/.test(name)) {
      throw new Error(
        `Cannot generate from shaders/${name}.wgsl: expected folder/name in snake_case`,
      );
    }
    for (const tile of Object.keys(TILES)) includedFiles(shaders, name, tile);
    text += `  "${name}": \`${source.replace(/\\|`|\$\{/g, "\\$&")}\`,\n`;
  }
  const files = Object.entries(tileShaders()).map(([name, text]) =>
    [`shaders/${name}.wgsl`, text] as const
  );
  return new Map([...files, [MODULE, text + "};\n"]]);
}

async function readShaders(): Promise<Record<string, string>> {
  const shaders: Record<string, string> = {};
  const root = new URL("shaders/", ROOT);
  for await (const folder of Deno.readDir(root)) {
    if (!folder.isDirectory) continue;
    for await (const { name } of Deno.readDir(new URL(`${folder.name}/`, root))) {
      if (!name.endsWith(".wgsl")) continue;
      const path = `${folder.name}/${name}`;
      shaders[path.slice(0, -".wgsl".length)] = await Deno.readTextFile(new URL(path, root));
    }
  }
  return shaders;
}

function tileShaders(): Record<string, string> {
  const texts = Object.entries(TILES).flatMap(([name, tile]) => [
    [`texel/${name}_outputs`, outputsText(tile)],
    [`texel/${name}_blocks`, blocksText(tile)],
  ]);
  return Object.fromEntries(texts);
}

/**
 * Finds the generated files that are not what they should be.
 *
 * @returns the text that each should have, by its path in the repository; empty when nothing drifted
 */
async function driftedFiles(): Promise<Map<string, string>> {
  const drifted = await generateShaders();
  for (const [path, text] of drifted) {
    try {
      if (await Deno.readTextFile(new URL(path, ROOT)) === text) drifted.delete(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return drifted;
}

/**
 * Says whether all generated files are what they should be.
 *
 * @returns true when nothing drifted
 */
export async function shadersAreCurrent(): Promise<boolean> {
  return (await driftedFiles()).size === 0;
}

const TASK = {
  name: "shaders",
  summary:
    "Writes src/gpu/shaders.gen.ts from shaders/, and the unrolled loops of tiles in shaders/.",
  options: {
    check: flag({ help: "write nothing; exit with 1 when a generated file has drifted" }),
    help: COMMON_OPTIONS.help,
  },
  examples: [{ command: "deno task shaders", purpose: "after every change of a shader" }],
} as const;

async function main(args: readonly string[], context: TaskContext): Promise<number> {
  const { options } = parseOptions(TASK, args);
  if (options.help) {
    context.stdout(helpText(TASK));
    return EXIT.done;
  }
  const drifted = await driftedFiles();
  if (drifted.size > 0 && options.check) {
    context.stderr(DRIFT);
    return EXIT.failed;
  }
  for (const [path, text] of drifted) {
    await Deno.writeTextFile(new URL(path, ROOT), text);
    context.stderr(`Wrote ${path}`);
  }
  return EXIT.done;
}

if (import.meta.main) await runTask(main);
