/**
 * Writes src/gpu/shaders.gen.ts from shaders/*.wgsl.
 *
 * The kernels live in files of their own, for editors and for review, but a published module cannot read files beside
 * itself: there `import.meta.url` is an https address. So their text is carried in a generated module.
 *
 * @module
 */
import { TILES } from "../src/gpu/kernel_table.ts";
import type { TaskContext } from "./_kit/context.ts";
import { helpText } from "./_kit/help.ts";
import { COMMON_OPTIONS, flag, parseOptions } from "./_kit/options.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import { blocksText, outputsText } from "./_kit/tile.ts";

const SHADER_DIRECTORY = new URL("../shaders/", import.meta.url);

/** The generated module, the only place that the package reads its kernels from. */
const GENERATED_FILE = new URL("../src/gpu/shaders.gen.ts", import.meta.url);

/** What to say when the two differ. */
export const DRIFT = "src/gpu/shaders.gen.ts differs from shaders/*.wgsl: run `deno task shaders`";

const HEADER = `// Generated from shaders/*.wgsl by \`deno task shaders\`. Do not edit.

/** The text of every kernel file, by its name without the extension. */
export const SHADERS: Readonly<Record<string, string>> = {
`;

/**
 * Makes the text of src/gpu/shaders.gen.ts from the kernel files as they are now, in the order of their names.
 *
 * @returns the text that src/gpu/shaders.gen.ts should have
 * @throws {Error} when a kernel file's name cannot be an identifier
 */
export async function generateShaders(): Promise<string> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(SHADER_DIRECTORY)) {
    if (entry.isFile && entry.name.endsWith(".wgsl")) names.push(entry.name);
  }
  let text = HEADER;
  for (const name of names.sort()) {
    const stem = name.slice(0, -".wgsl".length);
    if (!/^[a-z][a-z0-9_]*$/.test(stem)) {
      throw new Error(`Cannot generate from shaders/${name}: expected a name in snake_case`);
    }
    const source = await Deno.readTextFile(new URL(name, SHADER_DIRECTORY));
    text += entry(stem, source);
  }
  for (const [name, tile] of Object.entries(TILES)) {
    text += entry(`${name}_outputs`, outputsText(tile)) + entry(`${name}_blocks`, blocksText(tile));
  }
  return text + "};\n";
}

/** A kernel file as a property of the generated object. */
function entry(name: string, source: string): string {
  return `  ${name}: \`${source.replace(/\\|`|\$\{/g, "\\$&")}\`,\n`;
}

/**
 * Says whether src/gpu/shaders.gen.ts holds the kernel files as they are now.
 *
 * @returns true when nothing drifted
 */
export async function shadersAreCurrent(): Promise<boolean> {
  let current = "";
  try {
    current = await Deno.readTextFile(GENERATED_FILE);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return current === await generateShaders();
}

const TASK = {
  name: "shaders",
  summary: "Writes src/gpu/shaders.gen.ts from shaders/*.wgsl.",
  options: {
    check: flag({ help: "write nothing; exit with 1 where the file is not what it would be" }),
    help: COMMON_OPTIONS.help,
  },
  examples: [{ command: "deno task shaders", purpose: "after every change of a kernel" }],
} as const;

async function main(args: readonly string[], context: TaskContext): Promise<number> {
  const { options } = parseOptions(TASK, args);
  if (options.help) {
    context.stdout(helpText(TASK));
    return EXIT.done;
  }
  if (await shadersAreCurrent()) return EXIT.done;
  if (options.check) {
    context.stderr(DRIFT);
    return EXIT.failed;
  }
  await Deno.writeTextFile(GENERATED_FILE, await generateShaders());
  context.stderr("Wrote src/gpu/shaders.gen.ts");
  return EXIT.done;
}

if (import.meta.main) await runTask(main);
