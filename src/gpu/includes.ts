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

/**
 * Puts the texts of files one after another.
 *
 * @param shaders The texts.
 * @param files Their paths, without the extension.
 * @returns One text, in which every line of the files is a line.
 */
export function composedText(shaders: ShaderTexts, files: readonly string[]): string {
  return files.map((name) => shaders[name]).join("\n");
}

/** A line of a shader file. */
export interface SourceLine {
  /** The path of the file, without the extension. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
}

/**
 * Finds where a line of {@linkcode composedText} comes from.
 *
 * @param shaders The texts.
 * @param files Their paths, as they were put together.
 * @param line The line, counted from 1.
 * @returns The line in its file; undefined if there is no such line.
 */
export function sourceLine(
  shaders: ShaderTexts,
  files: readonly string[],
  line: number,
): SourceLine | undefined {
  let before = 0;
  for (const file of files) {
    const lines = shaders[file].split("\n");
    const own = line - before;
    if (own >= 1 && own <= lines.length) return { file, line: own, text: lines[own - 1] };
    before += lines.length;
  }
  return undefined;
}
