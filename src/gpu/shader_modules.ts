/**
 * Shader files and what they include as modules of a device; what does not compile is named by its file and line.
 *
 * @module
 */

import { GpuError } from "../errors.ts";
import type { Gpu } from "./device.ts";
import { composedText, includedFiles, type ShaderTexts, sourceLine } from "./includes.ts";
import type { TileName } from "./kernel_table.ts";
import { scoped } from "./scopes.ts";

/** A shader file together with all that it includes. */
export interface Source {
  /** The texts that it was put together from. */
  readonly shaders: ShaderTexts;
  readonly file: string;
  readonly tile?: TileName;
  /** The files of the code, in its order. */
  readonly files: readonly string[];
  readonly code: string;
  /** The overrides that need a value. */
  readonly overrides: readonly string[];
}

/**
 * Puts a shader file behind all that it includes.
 *
 * @param shaders The texts.
 * @param file The path of the file, without the extension.
 * @param tile The tile that its kernels are compiled for.
 * @returns The source.
 * @throws {Error} If a file does not exist.
 */
export function composeSource(shaders: ShaderTexts, file: string, tile?: TileName): Source {
  const files = includedFiles(shaders, file, tile);
  const code = composedText(shaders, files);
  const overrides = Array.from(code.matchAll(/^override (\w+): \w+;/gm), ([, name]) => name);
  return { shaders, file, tile, files, code, overrides };
}

/**
 * Compiles a source.
 *
 * @param gpu The device.
 * @param source The source.
 * @returns Its module.
 * @throws {GpuError} If it does not compile; the message names the file and the line in it.
 * @throws {DeviceLostError} If the device went away.
 */
export async function compileModule(gpu: Gpu, source: Source): Promise<GPUShaderModule> {
  const { shaders, file, files, code } = source;
  const { value: module, errors } = scoped(
    gpu.device,
    () => gpu.device.createShaderModule({ label: file, code }),
  );
  const [{ invalid: error }, info] = await gpu.orLost(
    Promise.all([errors, module.getCompilationInfo()]),
  );
  const bad = info.messages.find(({ type }) => type === "error");
  if (bad) {
    const reason = oneLine(bad.message);
    const at = sourceLine(shaders, files, lineOf(bad));
    // Some faults are in no line.
    if (at === undefined) throw new GpuError(`Cannot compile shaders/${file}.wgsl: ${reason}`);
    const place = `shaders/${at.file}.wgsl, line ${at.line}`;
    throw new GpuError(`Cannot compile ${place}: ${reason} in "${at.text.trim()}"`);
  }
  if (error) throw new GpuError(`Cannot compile shaders/${file}.wgsl: ${oneLine(error.message)}`);
  return module;
}

/**
 * Finds the line that an error is about. Of a function that is invalid, naga gives the first line, and labels the one at
 * fault in its frame.
 */
function lineOf({ lineNum, message }: GPUCompilationMessage): number {
  let fault = lineNum;
  if (!/^\s*Shader validation error/.test(message)) return fault;
  let line = lineNum;
  for (const row of message.split("\n")) {
    const [, number] = row.match(/^\s*(\d+) │/) ?? [];
    if (number !== undefined) line = Number(number);
    else if (/\^ (?!naga::ir::(Function|EntryPoint))/.test(row)) fault = line;
  }
  return fault;
}

/**
 * Makes one line of a compiler's message. naga writes a heading, the lines of the code that it is about, in a frame, and
 * then what caused it:
 *
 *     Shader 'per_operation/relu' parsing error: no definition in scope for identifier: `z`
 *       ┌─ wgsl:12:5
 *       │
 *     12 │   z = 1;
 *       │   ^ unknown identifier
 *       = note: …
 *
 * @param message The message.
 * @returns What it says beside the code.
 */
export function oneLine(message: string): string {
  return message.split("\n")
    .filter((line) => !/^\s*(┌|\d*\s*│)/.test(line))
    .map((line) => line.trim().replace(/^(Shader '.*?' parsing|Shader validation) error: |^= /, ""))
    .filter((line) => line !== "")
    .join(": ");
}
