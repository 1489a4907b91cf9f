/**
 * How much everyone loads who imports the package: the root alone, as a bundler hands it to a browser.
 *
 * @module
 */
import { runChecked } from "./deno.ts";

/** Maximum bytes of the root and all that it imports, minified: 300 KB. */
const MAX_BYTES = 300_000;

/**
 * Bundles the root and measures it.
 *
 * @returns What is wrong, or null.
 */
export async function checkSize(): Promise<string | null> {
  const folder = await Deno.makeTempDir();
  try {
    const bundle = `${folder}/mlp.js`;
    // Without the configuration no package has a name: the root needs none.
    const options = ["--no-config", "--no-lock", "--minify", "--platform=browser"];
    const failure = await runChecked("bundle", ...options, `--output=${bundle}`, "mod.ts");
    if (failure !== null) return failure;
    const { size } = await Deno.stat(bundle);
    if (size <= MAX_BYTES) return null;
    return `mod.ts and what it imports are ${size} bytes minified, expected at most ${MAX_BYTES}`;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
