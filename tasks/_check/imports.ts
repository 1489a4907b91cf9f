/**
 * Which module imports which, read from the import lines.
 *
 * @module
 */

/** The root of the checkout. */
const ROOT = new URL("../../", import.meta.url);

/** The parts of src/: a folder imports only from folders before it in this list. */
export const FOLDERS: readonly string[] = [
  "errors",
  "lists",
  "options",
  "model",
  "data",
  "gpu",
  "programs",
  "train",
  "measure",
  "records",
  "figures",
  "report",
];

/** An import or re-export, which `deno fmt` starts on a line of its own. */
const STATIC =
  /^(?:import|export)\s+(?:type\s+)?(?:\w+\s*,?\s*)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?)?\s*from\s+"([^"]+)"/gm;
const BARE = /^import\s+"([^"]+)"/gm;
const DYNAMIC = /\bimport\(\s*["`]([^"`]+)["`]/g;

/**
 * Reads the imports of modules: those of values and of types, static and dynamic.
 *
 * @param places Modules and folders of the checkout, such as `"mod.ts"` and `"src"`.
 * @returns What each module imports. Modules of the checkout are paths from its root, packages are named as imported.
 */
export async function readImports(...places: string[]): Promise<Map<string, string[]>> {
  const imports = new Map<string, string[]>();
  for (const place of places) {
    for (const path of place.endsWith(".ts") ? [place] : await modulesIn(place)) {
      imports.set(path, importsOf(path, await Deno.readTextFile(new URL(path, ROOT))));
    }
  }
  return imports;
}

/**
 * Finds the imports of one module.
 *
 * @param path The module's path from the root of the checkout.
 * @param source The module's text, as `deno fmt` leaves it.
 * @returns What it imports, each once: paths from the root, or the names of packages.
 */
export function importsOf(path: string, source: string): string[] {
  const code = source.replace(/^ *(?:\/\*\*| \*|\/\/).*$/gm, ""); // examples in comments import, too
  const found = [STATIC, BARE, DYNAMIC].flatMap((pattern) =>
    [...code.matchAll(pattern)].map(([, specifier]) => specifier)
  );
  const base = new URL(path, "file:///");
  return [
    ...new Set(
      found.map((specifier) =>
        specifier.startsWith(".") ? new URL(specifier, base).pathname.slice(1) : specifier
      ),
    ),
  ];
}

/**
 * Names the part of src/ that a module belongs to.
 *
 * @param path A module's path from the root of the checkout.
 * @returns One of {@linkcode FOLDERS}, or null where the module lies elsewhere.
 * @throws {Error} If the module lies in a part of src/ that {@linkcode FOLDERS} does not list.
 */
export function folderOf(path: string): string | null {
  if (!path.startsWith("src/")) return null;
  const folder = path.split("/")[1].replace(/\.ts$/, "");
  if (FOLDERS.includes(folder)) return folder;
  throw new Error(`Cannot place ${path}: expected one of src/{${FOLDERS.join(",")}}`);
}

/** Lists the modules of a folder and the folders in it, sorted. */
async function modulesIn(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(`${folder}/`, ROOT))) {
    if (isDirectory) paths.push(...await modulesIn(`${folder}/${name}`));
    else if (name.endsWith(".ts")) paths.push(`${folder}/${name}`);
  }
  return paths.sort();
}
