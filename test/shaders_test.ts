import { assert, assertEquals } from "@std/assert";
import { TILES } from "../src/kernel_table.ts";
import { SHADERS } from "../src/shaders.gen.ts";
import { DRIFT, shadersAreCurrent } from "../tasks/shaders.ts";

Deno.test("SHADERS holds shaders/*.wgsl as they are now", async () => {
  assert(await shadersAreCurrent(), DRIFT);
});

Deno.test("SHADERS gives each kernel's text unchanged when read back from the module", async () => {
  const names: string[] = [];
  for await (const entry of Deno.readDir(new URL("../shaders/", import.meta.url))) {
    if (entry.name.endsWith(".wgsl")) names.push(entry.name);
  }
  const written = Object.keys(SHADERS).filter((name) => !name.startsWith("tile_"));
  assertEquals(written.map((stem) => `${stem}.wgsl`), names.sort());
  for (const name of names) {
    const source = await Deno.readTextFile(new URL(`../shaders/${name}`, import.meta.url));
    assertEquals(SHADERS[name.slice(0, -".wgsl".length)], source);
  }
});

Deno.test("SHADERS has the loops of each tile written out, one line for each turn", () => {
  for (const [name, { rows, inputs, outputs }] of Object.entries(TILES)) {
    const [own, blocks] = [SHADERS[`${name}_outputs`], SHADERS[`${name}_blocks`]];
    const count = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].length;
    assertEquals(count(own, /^ +o\d+: vec4f,$/gm), outputs);
    assertEquals(count(own, /sums\.o(\d+) \+ w\.o\1 \* x,/g), outputs);
    assertEquals(count(own, /sums\.o(\d+) \+ x \* w\.o\1,/g), outputs);
    assertEquals(
      count(own, /descend_texel\(d, network, k, output \+ (\d+)u, sums\.o\1\)/g),
      outputs,
    );
    assertEquals(
      count(blocks, /\(\*tile\)\.b(\d+) = add_products\(\(\*tile\)\.b\1, pixels_of\(k, at\.b\1/g),
      rows,
    );
    assertEquals(count(blocks, /\(\*tile\)\.b(\d+) = add_combinations\(\(\*tile\)\.b\1/g), inputs);
  }
});
