import { assertEquals } from "@std/assert";
import { SHADERS } from "../../src/gpu/shaders.gen.ts";
import { LAYER, LAYER_PLACE, NETWORK, STEP, Struct } from "../../src/gpu/structs.ts";

/** Bytes of the types that the shared structs use: size, which is the alignment too. */
const BYTES: Readonly<Record<string, number>> = { u32: 4, i32: 4, f32: 4 };

/** The layout that WGSL gives a struct. */
interface Layout {
  readonly fields: readonly { name: string; type: string; offset: number }[];
  readonly size: number;
}

/** Finds a struct in the shaders and lays it out by the rules of WGSL. */
function wgslLayout(name: string): Layout {
  const all = Object.values(SHADERS).join("\n");
  const found = [...all.matchAll(new RegExp(`^struct ${name} \\{\n([^}]*)\\}`, "gm"))];
  assertEquals(found.length, 1, `shaders that define ${name}`);
  let size = 0;
  const fields = found[0][1].trimEnd().split("\n").map((line) => {
    const [, field, type] = line.match(/^ {2}(\w+): (\w+),(?: \/\/.*)?$/) ?? [];
    const bytes = BYTES[type];
    if (bytes === undefined) throw new Error(`Cannot lay out "${line}" of ${name}`);
    const offset = Math.ceil(size / bytes) * bytes;
    size = offset + bytes;
    return { name: field, type, offset };
  });
  return { fields, size };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

for (const struct of [LAYER, STEP, NETWORK, LAYER_PLACE]) {
  Deno.test(`${struct.name} has the layout of the WGSL struct`, () => {
    const fields = struct.fields.map((field) => ({ ...field, name: snakeCase(field.name) }));
    assertEquals({ fields, size: struct.size }, wgslLayout(struct.name));
  });
}

Deno.test("LAYER_PLACE can be the element of an array in a uniform buffer", () => {
  assertEquals(LAYER_PLACE.size % 16, 0);
});

Deno.test("Struct.encode() puts each number at its offset, and 0 between structs", () => {
  const pair = new Struct("Pair", { count: "u32", share: "f32" });
  const words = pair.encode([{ count: 7, share: 0.5 }, { share: -1, count: 2 ** 32 - 1 }], 12);
  assertEquals([...words], [7, 0x3f000000, 0, 2 ** 32 - 1, 0xbf800000, 0]);
  assertEquals([...pair.encode([{ count: 1, share: 1 }])], [1, 0x3f800000]);
});
