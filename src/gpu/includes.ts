/**
 * Resolves the includes of shader files. The first line of a file may name others that it needs,
 *
 *     // includes shared/descent, texel/{tile}_outputs
 *
 * by their paths without the extension. `{tile}` stands for the name of the tile that a kernel is compiled for.
 *
 * @module
 */

/** The text of every shader file, by its path in shaders/ without the extension. */
export type ShaderTexts = Readonly<Record<string, string>>;

const INCLUDES = /^\/\/ includes (.+)\n/;

/**
 * Lists a shader file and all files that it includes, each once and after its own includes.
 *
 * @param shaders The texts.
 * @param file The path of the file, without the extension.
 * @param tile What `{tile}` stands for.
 * @returns The paths, the file's own last.
 * @throws {Error} If a file does not exist.
 */
export function includedFiles(shaders: ShaderTexts, file: string, tile?: string): string[] {
  const files = new Set<string>();
  function add(name: string): void {
    if (files.has(name)) return;
    const text = shaders[name];
    if (text === undefined) {
      throw new Error(`Cannot compile shaders/${file}.wgsl: there is no shaders/${name}.wgsl`);
    }
    const [, names = ""] = text.match(INCLUDES) ?? [];
    for (const included of names.split(", ").filter((n) => n !== "")) {
      add(included.replace("{tile}", `${tile}`));
    }
    files.add(name);
  }
  add(file);
  return [...files];
}
