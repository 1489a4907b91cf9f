/**
 * Starting other programs while variables such as `LD_LIBRARY_PATH` are set, as on most CUDA machines.
 *
 * Such a variable makes any program load any code, so Deno then starts programs only with unrestricted `--allow-run`,
 * unless the variable is empty in the child's environment, which the linker treats as unset. So children inherit this
 * process's environment with these variables emptied. Reading them takes `--allow-env=LD_*,DYLD_*` with `--ignore-env`.
 */

export type Command = readonly [program: string, ...args: readonly string[]];

/**
 * Reads the variables of this process that direct the dynamic linker; those that are empty are left out.
 *
 * @throws {Deno.errors.NotCapable} When the environment may not be read.
 */
export function linkerVariables(): Record<string, string> {
  const all = Object.entries(Deno.env.toObject()); // With `--ignore-env`, only those that may be read.
  return Object.fromEntries(all.filter(([name, value]) => /^(LD|DYLD)_/.test(name) && value));
}

/** The option `env` of a `Deno.Command` for a program that does not need these variables: it empties them. */
export function withoutLinkerVariables(): Record<string, string> {
  return Object.fromEntries(Object.keys(linkerVariables()).map((name) => [name, ""]));
}

/**
 * Wraps the command of a program whose libraries find CUDA or Vulkan by these variables.
 *
 * Deno starts `env` without them, and `env` sets them as the user had them. Whoever may start Deno or Python may start
 * anything, so allowing `env` too allows nothing new.
 */
export function withLinkerVariables(command: Command): Command {
  const settings = Object.entries(linkerVariables()).map(([name, value]) => `${name}=${value}`);
  return settings.length === 0 ? command : ["env", ...settings, ...command];
}

/** Runs the Deno that runs this process, which need not be on the PATH. It prints without colours. */
export async function runDeno(...args: string[]): Promise<Deno.CommandOutput> {
  const env = { ...withoutLinkerVariables(), NO_COLOR: "1" };
  return await new Deno.Command(Deno.execPath(), { args, env }).output();
}
