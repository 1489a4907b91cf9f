/**
 * The package as it would be published.
 *
 * @module
 */
import { toFileUrl } from "@std/path";
import { runChecked } from "./deno.ts";

/** The root of the checkout. */
const ROOT = new URL("../../", import.meta.url);

const DRY_RUN = ["publish", "--dry-run", "--allow-dirty"];

/**
 * Tries what publishing would do: which files go along, and whether every exported name has an explicit type.
 *
 * @param stdMap The options that take the standard library from npm; empty where JSR answers. Publishing knows no such
 * options, so a copy of the package is tried that imports from npm itself, its types unchecked.
 * @returns What is wrong, or null.
 */
export async function checkPackage(stdMap: readonly string[]): Promise<string | null> {
  if (stdMap.length === 0) return await runChecked(...DRY_RUN);
  const folder = await Deno.makeTempDir();
  try {
    const configuration = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
    const { imports } = JSON.parse(await Deno.readTextFile(new URL("tasks/std_npm.json", ROOT)));
    for (const path of configuration.publish.include) await copy(path, folder);
    const config = `${folder}/deno.json`;
    await Deno.writeTextFile(config, JSON.stringify({ ...configuration, imports }));
    await Deno.copyFile(new URL("tasks/std_npm.lock", ROOT), `${folder}/deno.lock`);
    return await runChecked(...DRY_RUN, "--no-check", `--config=${config}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Copies a file, or a folder whose path ends with a slash, to the same path in another root. */
async function copy(path: string, root: string): Promise<void> {
  await Deno.mkdir(new URL(".", toFileUrl(`${root}/${path}`)), { recursive: true });
  if (!path.endsWith("/")) return await Deno.copyFile(new URL(path, ROOT), `${root}/${path}`);
  for await (const { name, isDirectory } of Deno.readDir(new URL(path, ROOT))) {
    await copy(`${path}${name}${isDirectory ? "/" : ""}`, root);
  }
}
