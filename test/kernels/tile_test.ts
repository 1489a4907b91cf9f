import { assertEquals } from "@std/assert";
import { TILES } from "../../src/gpu/kernel_table.ts";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import { biasesText, blocksText, outputsText } from "../../tasks/_kit/tile.ts";
import { withoutComments } from "../../tasks/shaders.ts";

/** A tile that no kernel has, with another size each way. */
const TILE = { rows: 2, inputs: 3, outputs: 5 };

/** The numbers that a pattern finds: in each of its groups the same. */
function turns(text: string, pattern: RegExp): number[] {
  return Array.from(text.matchAll(pattern), ([line, first, ...others]) => {
    assertEquals(others, others.map(() => first), line);
    return Number(first);
  });
}

/** 0, 1, 2, … */
function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

/** The body of a function or struct, without what else has the same lines. */
function bodyOf(text: string, name: string): string {
  const [, body] = text.match(new RegExp(`(?:fn|struct) ${name}\\b[^{]*\\{\n([^]*?)\n\\}`))!;
  return body;
}

for (
  const [name, pattern] of [
    ["Outputs", /^ {2}o(\d+): vec4f,$/gm],
    ["weights_of", /weight_at\(network, k, output \+ (\d+)u\),/g],
    ["gradients_of", /gradient_at\(network, block, output \+ (\d+)u\),/g],
    ["add_products", /sums\.o(\d+) \+ w\.o(\d+) \* x,/g],
    ["add_combinations", /add_combination\(sums\.o(\d+), x, w\.o(\d+)\),/g],
    ["store_outputs", /store_output\(network, block, place, output \+ (\d+)u, sums\.o(\d+)\);/g],
    ["descend_outputs", /descend_texel\(d, network, k, output \+ (\d+)u, sums\.o(\d+)\);/g],
  ] as const
) {
  Deno.test(`outputsText() has each output once in ${name}`, () => {
    assertEquals(turns(bodyOf(outputsText(TILE), name), pattern), range(TILE.outputs));
  });
}

for (
  const [name, pattern] of [
    ["add_each", /sums\.o(\d+) \+ g\.o(\d+),/g],
    ["descend_biases", /descend_bias\(d, output \+ (\d+)u, sums\.o(\d+)\);/g],
  ] as const
) {
  Deno.test(`biasesText() has each output once in ${name}`, () => {
    assertEquals(turns(bodyOf(biasesText(TILE), name), pattern), range(TILE.outputs));
  });
}

for (
  const [name, pattern] of [
    ["TilePlaces", /^ {2}b(\d+): Places,$/gm],
    ["tile_places", /places_of\(block \+ (\d+)u\),/g],
    ["RowTile", /^ {2}b(\d+): Outputs,$/gm],
    [
      "add_to_rows",
      /\(\*tile\)\.b(\d+) = add_products\(\(\*tile\)\.b(\d+), pixels_of\(k, at\.b(\d+), s\), w\);/g,
    ],
    [
      "store_row_tile",
      /if block \+ (\d+)u < blocks \{ store_outputs\(tile\.b(\d+), network, slice, block \+ (\d+)u, output\); \}/g,
    ],
  ] as const
) {
  Deno.test(`blocksText() has each block of rows once in ${name}`, () => {
    assertEquals(turns(bodyOf(blocksText(TILE), name), pattern), range(TILE.rows));
  });
}

for (
  const [name, pattern] of [
    ["TileStandards", /^ {2}b(\d+): Standard,$/gm],
    ["tile_standards", /standard\[inside\(k \+ (\d+)u\)\],/g],
    ["InputTile", /^ {2}b(\d+): Outputs,$/gm],
    [
      "add_to_inputs",
      /b(\d+) = add_combinations\(\(\*tile\)\.b(\d+), pixels_of\(inside\(k \+ (\d+)u\), at, s\.b(\d+)\), g\);/g,
    ],
  ] as const
) {
  Deno.test(`blocksText() has each four inputs once in ${name}`, () => {
    assertEquals(turns(bodyOf(blocksText(TILE), name), pattern), range(TILE.inputs));
  });
}

Deno.test("blocksText() gives the block of any index, and the first by default", () => {
  const body = bodyOf(blocksText(TILE), "input_block");
  const cases = turns(body, /case (\d+)u: \{ return tile\.b(\d+); \}/g);
  assertEquals(cases, range(TILE.inputs).slice(1));
  assertEquals([...body.matchAll(/default: \{ return tile\.b0; \}/g)].length, 1);
});

Deno.test("outputsText() and blocksText() say how large the tile is", () => {
  const text = outputsText(TILE) + blocksText(TILE);
  const sizes = text.matchAll(/^const (\w+) = (\d+)u;/gm);
  assertEquals(Array.from(sizes, ([, name, size]) => [name, Number(size)]), [
    ["TILE_OUTPUTS", TILE.outputs],
    ["TILE_ROWS", TILE.rows],
    ["TILE_INPUTS", TILE.inputs],
  ]);
});

Deno.test("SHADERS has the text of every tile, and of no other", () => {
  for (const [name, tile] of Object.entries(TILES)) {
    assertEquals(SHADERS[`shared/${name}_outputs`], withoutComments(outputsText(tile)));
    assertEquals(SHADERS[`shared/${name}_blocks`], withoutComments(blocksText(tile)));
    assertEquals(SHADERS[`texel/${name}_biases`], withoutComments(biasesText(tile)));
  }
  const written = Object.keys(SHADERS).filter((name) => name.includes("/tile_"));
  assertEquals(written.length, 3 * Object.keys(TILES).length);
});
