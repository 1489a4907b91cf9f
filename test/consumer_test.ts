/** A project outside this folder that imports the package by its name, with stricter types than the package's own. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { checkOutside, importMap } from "../tasks/_check/examples.ts";
import { runDeno } from "../tasks/_kit/children.ts";
import { STD_MAP } from "./_std_map.ts";

const FOLDER = new URL("consumer/", import.meta.url);
const MODULES = ["_sets.ts", "_float64.ts", "train.ts", "resume.ts"];

/** Runs a module of the project in a process of its own and returns what it prints for each set. */
// deno-lint-ignore no-explicit-any
async function run(folder: string, module: string): Promise<any[]> {
  const { success, stdout, stderr } = await runDeno(
    ...["run", "--no-prompt", "--no-check", "--no-lock", "--no-config"],
    ...[`--import-map=${folder}/imports.json`, `--allow-read=${folder}`, `--allow-write=${folder}`],
    ...[`${folder}/${module}`, folder],
  );
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("a project of its own has strict types", async () => {
  const modules = new Map<string, string>();
  for (const name of MODULES) modules.set(name, await Deno.readTextFile(new URL(name, FOLDER)));
  assertEquals(await checkOutside(modules, STD_MAP), null);
});

Deno.test("a project of its own trains, stops early, saves, loads and goes on", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const name of MODULES) await Deno.copyFile(new URL(name, FOLDER), `${folder}/${name}`);
    const map = JSON.stringify(await importMap(STD_MAP.length > 0));
    await Deno.writeTextFile(`${folder}/imports.json`, map);
    const trained = await run(folder, "train.ts");
    const resumed = await run(folder, "resume.ts");
    assertEquals(trained.map(({ name }) => name), ["flowers", "digits", "images"]);
    for (const [i, own] of trained.entries()) {
      assertLess(own.standardised, 1e-6);
      // Stratified: every class of a split as often as the others, up to one record.
      for (const counts of own.counts) assertLess(Math.max(...counts) - Math.min(...counts), 2);
      assertLess(0.8, own.accuracy);
      assertLess(Math.abs(own.accuracy - own.inFloat64), 0.01);
      // Stopped three rows after the best, whose weights are back.
      const best = own.losses.indexOf(Math.min(...own.losses));
      assertEquals(own.losses.length, best + 4);
      assertLess(own.losses.length, 41);
      assertEquals(own.kept, own.losses[best]);
      for (const sum of own.sums) assertLess(Math.abs(sum - 1), 1e-12);
      assertLess(own.apart, 1e-5);
      const { sameLogits, sameParameters, losses } = resumed[i];
      assertEquals([sameLogits, sameParameters], [true, true]);
      assertEquals(losses, own.losses.slice(-losses.length));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
