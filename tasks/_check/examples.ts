/**
 * The examples of README.md and docs/, as a reader would type them: outside the package, with what it exports.
 *
 * @module
 */
import { runChecked } from "./deno.ts";

/** The root of the checkout. */
const ROOT = new URL("../../", import.meta.url);

/** A block of TypeScript in a Markdown file. */
const BLOCK = /^```ts\n(.*?)^```$/gms;

/** The parts of a deno.json, or of an import map, that say what names stand for. */
interface Configuration {
  readonly name: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, string>>;
}

/** The modules that the package exports, by what follows its name in an import. */
export async function entryPoints(): Promise<Record<string, string>> {
  return { ...(await readJson("deno.json")).exports };
}

/**
 * Checks the types of all examples, with `noUncheckedIndexedAccess` on.
 *
 * @param stdMap The options that take the standard library from npm; empty where JSR answers.
 * @returns What is wrong with them, or null.
 */
export async function checkExamples(stdMap: readonly string[]): Promise<string | null> {
  const examples = new Map<string, string>();
  for (const path of ["README.md", "CONTRIBUTING.md", ...await documents()]) {
    const blocks = examplesOf(await Deno.readTextFile(new URL(path, ROOT)));
    const stem = path.replace(/\W+/g, "_");
    blocks.forEach((block, i) => examples.set(`${stem}_${i + 1}.ts`, block));
  }
  return await checkOutside(examples, stdMap);
}

/** Takes the blocks of TypeScript out of a Markdown file. */
export function examplesOf(markdown: string): string[] {
  return [...markdown.matchAll(BLOCK)].map(([, block]) => block);
}

/**
 * Checks the types of modules that import the package by its name and see nothing else of it.
 *
 * @param modules The text of each module, by file name.
 * @param stdMap As for {@linkcode checkExamples}.
 * @returns What Deno says of them where it finds an error in one of them, otherwise null.
 */
export async function checkOutside(
  modules: ReadonlyMap<string, string>,
  stdMap: readonly string[],
): Promise<string | null> {
  const folder = await Deno.makeTempDir();
  try {
    const files = new Map([
      ...modules,
      ["deno.json", JSON.stringify({ compilerOptions: { noUncheckedIndexedAccess: true } })],
      ["imports.json", JSON.stringify(await importMap(stdMap.length > 0))],
    ]);
    for (const [name, text] of files) await Deno.writeTextFile(`${folder}/${name}`, text);
    const output = await runChecked(
      ...["check", "--quiet", "--no-lock"],
      ...[`--config=${folder}/deno.json`, `--import-map=${folder}/imports.json`],
      ...[...modules.keys()].map((name) => `${folder}/${name}`),
    );
    if (output === null) return null;
    // The stricter option is the reader's, so what it finds in the package's own modules is left out.
    const errors = output.split("\n\n").filter((error) => /^TS\d+ \[ERROR\]/.test(error));
    if (errors.length === 0) return output;
    const own = errors.filter((error) => error.includes(`at file://${folder}/`));
    return own.length > 0 ? own.join("\n\n") : null;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What names stand for outside the package; what it imports itself, it alone sees. */
export async function importMap(fromNpm: boolean): Promise<unknown> {
  const { name, exports, imports } = await readJson("deno.json");
  const entries = Object.entries(exports).map(([key, path]) => [
    `${name}${key.slice(1)}`,
    new URL(path, ROOT).href,
  ]);
  const own = fromNpm ? (await readJson("tasks/std_npm.json")).imports : imports;
  return { imports: Object.fromEntries(entries), scopes: { [ROOT.href]: own } };
}

async function readJson(path: string): Promise<Configuration> {
  return JSON.parse(await Deno.readTextFile(new URL(path, ROOT)));
}

/** Lists the Markdown files of docs/. */
async function documents(): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name } of Deno.readDir(new URL("docs/", ROOT))) {
    if (name.endsWith(".md")) paths.push(`docs/${name}`);
  }
  return paths.sort();
}
