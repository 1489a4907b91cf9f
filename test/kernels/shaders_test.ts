import { assert, assertEquals } from "@std/assert";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import { DRIFT, shadersAreCurrent } from "../../tasks/shaders.ts";

Deno.test("SHADERS holds shaders/*.wgsl as they are now", async () => {
  assert(await shadersAreCurrent(), DRIFT);
});

Deno.test("SHADERS gives each kernel's text unchanged when read back from the module", async () => {
  const names: string[] = [];
  for await (const entry of Deno.readDir(new URL("../../shaders/", import.meta.url))) {
    if (entry.name.endsWith(".wgsl")) names.push(entry.name);
  }
  const written = Object.keys(SHADERS).filter((name) => !name.startsWith("tile_"));
  assertEquals(written.map((stem) => `${stem}.wgsl`), names.sort());
  for (const name of names) {
    const source = await Deno.readTextFile(new URL(`../../shaders/${name}`, import.meta.url));
    assertEquals(SHADERS[name.slice(0, -".wgsl".length)], source);
  }
});
