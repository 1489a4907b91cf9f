/**
 * Writes the loops over a tile out, one line for each turn: WGSL has no arrays that stay in registers for certain, and a
 * compiler that does not unroll such a loop makes it many times slower.
 *
 * @module
 */
import type { Tile } from "../../src/gpu/kernel_table.ts";

/**
 * Makes what the kernels in texel_input.wgsl and texel_affine.wgsl do with several outputs at a time.
 *
 * @param tile How much a thread does.
 * @returns A constant, a struct and functions in WGSL.
 */
export function outputsText({ outputs }: Tile): string {
  const o = names("o", outputs);
  return `// Made by tasks/_kit/tile.ts: ${outputs} outputs at a time.

const TILE_OUTPUTS = ${outputs}u;

// Four numbers for each output. Past the last output any value will do: what comes of it is not stored.
struct Outputs {
${each(o, (o) => `${o}: vec4f,`)}}

fn weights_of(network: u32, k: u32, output: u32) -> Outputs {
  return Outputs(
${each(o, (_, n) => `  weight_at(network, k, output + ${n}u),`)}  );
}

fn gradients_of(network: u32, block: u32, output: u32) -> Outputs {
  return Outputs(
${each(o, (_, n) => `  gradient_at(network, block, output + ${n}u),`)}  );
}

// Adds, for each column of x, its product with each output's four numbers.
fn add_products(sums: Outputs, x: mat4x4f, w: Outputs) -> Outputs {
  return Outputs(
${each(o, (o) => `  sums.${o} + w.${o} * x,`)}  );
}

// Adds the columns of x, weighted with each output's four numbers.
fn add_combinations(sums: Outputs, x: mat4x4f, w: Outputs) -> Outputs {
  return Outputs(
${each(o, (o) => `  sums.${o} + x * w.${o},`)}  );
}

fn add_each(sums: Outputs, g: Outputs) -> Outputs {
  return Outputs(
${each(o, (o) => `  sums.${o} + g.${o},`)}  );
}

fn store_outputs(sums: Outputs, network: u32, block: u32, output: u32) {
${each(o, (o, n) => `store_output(network, block, output + ${n}u, sums.${o});`)}}

fn descend_biases(d: Descent, output: u32, sums: Outputs) {
${each(o, (o, n) => `descend_bias(d, output + ${n}u, sums.${o});`)}}

// Moves the weights of four inputs.
fn descend_outputs(d: Descent, network: u32, k: u32, output: u32, sums: Outputs) {
${each(o, (o, n) => `descend_texel(d, network, k, output + ${n}u, sums.${o});`)}}

`;
}

/**
 * Makes what the kernels in texel_input.wgsl do with several blocks of four rows or of four inputs at a time.
 *
 * @param tile How much a thread does.
 * @returns Constants, structs and functions in WGSL.
 */
export function blocksText({ rows, inputs }: Tile): string {
  const b = names("b", rows);
  const i = names("b", inputs);
  return `// Made by tasks/_kit/tile.ts: ${4 * rows} rows at a time forward, ${
    4 * inputs
  } inputs backward.

const TILE_ROWS = ${rows}u; // in texels of four
const TILE_INPUTS = ${inputs}u; // in texels of four

struct TilePlaces {
${each(b, (b) => `${b}: Places,`)}}

fn tile_places(block: u32) -> TilePlaces {
  return TilePlaces(
${each(b, (_, n) => `  places_of(block + ${n}u),`)}  );
}

struct RowTile {
${each(b, (b) => `${b}: Outputs,`)}}

// Adds what four inputs come to, for each row and output of the tile.
fn add_to_rows(tile: ptr<function, RowTile>, k: u32, at: TilePlaces, w: Outputs) {
  let s = standard[k];
${each(b, (b) => `(*tile).${b} = add_products((*tile).${b}, pixels_of(k, at.${b}, s), w);`)}}

fn store_row_tile(tile: RowTile, network: u32, slice: u32, block: u32, output: u32) {
  let blocks = row_blocks();
  let to = slice * blocks + block;
${
    each(b, (b, n) =>
      `if block + ${n}u < blocks { store_outputs(tile.${b}, network, to + ${n}u, output); }`)
  }}

struct TileStandards {
${each(i, (i) => `${i}: Standard,`)}}

fn tile_standards(k: u32) -> TileStandards {
  return TileStandards(
${each(i, (_, n) => `  standard[inside(k + ${n}u)],`)}  );
}

struct InputTile {
${each(i, (i) => `${i}: Outputs,`)}}

// Adds what four rows come to, for each input and output of the tile.
fn add_to_inputs(tile: ptr<function, InputTile>, k: u32, at: Places, s: TileStandards, g: Outputs) {
${
    each(
      i,
      (i, n) =>
        `(*tile).${i} = add_combinations((*tile).${i}, pixels_of(inside(k + ${n}u), at, s.${i}), g);`,
    )
  }}

fn input_block(tile: InputTile, index: u32) -> Outputs {
  switch index {
${
    each(i.slice(1), (i, n) =>
      `  case ${n + 1}u: { return tile.${i}; }`)
  }    default: { return tile.b0; }
  }
}
`;
}

function names(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${letter}${n}`);
}

/** A line for each name. */
function each(names: readonly string[], line: (name: string, index: number) => string): string {
  return names.map((name, index) => `  ${line(name, index)}\n`).join("");
}
