/**
 * Starting other programs where the dynamic linker is told where to look, as on most CUDA machines.
 *
 * While a variable such as `LD_LIBRARY_PATH` is set, Deno starts a program only with all of `--allow-run`, since such a
 * variable makes any program load any code. It does start one for which the variable is empty, and that the linker takes
 * for unset. So children get this process's environment with these variables emptied. Their names and values are all that
 * has to be read: `--allow-env=LD_*,DYLD_*` with `--ignore-env`.
 *
 * @module
 */

/** A program and its arguments. */
export type Command = readonly [program: string, ...args: readonly string[]];

/**
 * Which of this process's variables direct the dynamic linker.
 *
 * @returns Their values by name; empty where none is set.
 * @throws {Deno.errors.NotCapable} When the environment may not be read.
 */
export function linkerVariables(): Record<string, string> {
  const all = Object.entries(Deno.env.toObject()); // With `--ignore-env` those that may be read.
  return Object.fromEntries(all.filter(([name, value]) => /^(LD|DYLD)_/.test(name) && value));
}

/**
 * Gives the environment in which Deno starts a program that can do without these variables.
 *
 * @returns The option `env` of a `Deno.Command`, which empties them; all others are inherited.
 */
export function withoutLinkerVariables(): Record<string, string> {
  return Object.fromEntries(Object.keys(linkerVariables()).map((name) => [name, ""]));
}

/**
 * What starts a program that needs these variables: libraries that find CUDA or Vulkan by them.
 *
 * They go through `env`, which Deno starts without them and which sets them as the user had them. Whoever may start Deno or
 * Python may start anything, so allowing `env` too allows nothing new.
 *
 * @param command The program and its arguments.
 * @returns A command for which {@linkcode withoutLinkerVariables} does no harm: the same where none is set.
 */
export function withLinkerVariables(command: Command): Command {
  const settings = Object.entries(linkerVariables()).map(([name, value]) => `${name}=${value}`);
  return settings.length === 0 ? command : ["env", ...settings, ...command];
}

/**
 * Runs this same Deno, which need not be on the PATH.
 *
 * @param args The subcommand and its arguments.
 * @returns How it ended, and all that it printed.
 */
export async function runDeno(...args: string[]): Promise<Deno.CommandOutput> {
  return await new Deno.Command(Deno.execPath(), { args, env: withoutLinkerVariables() }).output();
}
