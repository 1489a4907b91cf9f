/**
 * Subcommands of Deno as checks.
 *
 * @module
 */
import { runDeno } from "../_kit/children.ts";

/**
 * Runs a subcommand of Deno.
 *
 * @param args The subcommand and its arguments.
 * @returns All that it printed where it failed, otherwise null.
 */
export async function runChecked(...args: string[]): Promise<string | null> {
  const { success, stdout, stderr } = await runDeno(...args);
  if (success) return null;
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}
