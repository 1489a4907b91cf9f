/** What the tests of the fused kernels share: networks whose tensors lie in vec4s, with poison around each of them. */
import { FUSED_MAX_LAYERS, tiles } from "../../src/gpu/kernel_table.ts";
import type { Constants } from "../../src/gpu/kernels.ts";
import { LAYER_PLACE, type StructValues } from "../../src/gpu/structs.ts";
import { BATCH_NORM_EPSILON } from "../../src/model/network.ts";
import type { Random } from "../../src/model/random.ts";
import { errorOf, type Expected, FlatVectors, type LayerFields } from "./_kernel.ts";
import type { KernelTest, Sizes } from "./_cases.ts";

/** Sizes of a network and its batch. */
export interface FusedSizes extends Sizes {
  /** `[inputs, ...hidden, classes]`. */
  readonly widths: readonly number[];
  readonly batchNorm: boolean;
}

/** A test whose cases have more sizes than others. */
export function testOf<S extends Sizes>(
  test: Omit<KernelTest, "cases" | "draw"> & {
    cases: readonly S[];
    draw: (sizes: S, random: Random) => ReturnType<KernelTest["draw"]>;
  },
): KernelTest {
  return { ...test, draw: (sizes, random) => test.draw(sizes as S, random) };
}

/** Vec4s between two tensors. */
const GAP = 1;

/** Numbers of P networks in vec4s, [P, size]: NaN, except where a tensor lies. */
export class Vec4s {
  /** Vec4s of one network. */
  readonly size: number;
  /** What is there before the kernel runs. */
  readonly before: Float32Array;
  readonly #expected: { at: number; tensor: Expected }[] = [];

  constructor(networks: number, size: number) {
    this.size = size;
    this.before = new Float32Array(4 * networks * size).fill(NaN);
  }

  /** Puts numbers there, from a vec4 of a network on. */
  put(network: number, at: number, values: ArrayLike<number>): void {
    this.before.set(values, 4 * (network * this.size + at));
  }

  /** Says what the kernel has to write, from a vec4 of a network on; all else has to stay. */
  expect(network: number, at: number, tensor: Expected): void {
    this.#expected.push({ at: 4 * (network * this.size + at), tensor });
  }

  /** Reads numbers, from a vec4 of a network on. */
  read(
    found: Float32Array,
    { network, at, count }: { network: number; at: number; count: number },
  ) {
    const from = 4 * (network * this.size + at);
    return found.subarray(from, from + 4 * count);
  }

  /** Measures what the kernel has left. */
  errorOf(found: Float32Array): number {
    const values = new Float64Array(this.before);
    const magnitudes = new Float64Array(values.length);
    for (const { at, tensor } of this.#expected) {
      values.set(tensor.values, at);
      magnitudes.set(tensor.magnitudes, at);
    }
    return errorOf(found, { values, magnitudes });
  }
}

/** [rows, width] as [columns, rows] vec4s; features past the last are 0. */
export function toColumns(tensor: ArrayLike<number>, rows: number): Float64Array {
  const width = tensor.length / rows;
  const columns = new Float64Array(4 * tiles(width, 4) * rows);
  for (let i = 0; i < tensor.length; i++) {
    const [row, feature] = [Math.floor(i / width), i % width];
    columns[4 * (Math.floor(feature / 4) * rows + row) + feature % 4] = tensor[i];
  }
  return columns;
}

/** [columns, rows] vec4s as [rows, width]. */
export function fromColumns(
  columns: ArrayLike<number>,
  { rows, width }: { rows: number; width: number },
): Float64Array {
  return Float64Array.from({ length: rows * width }, (_, i) => {
    const [row, feature] = [Math.floor(i / width), i % width];
    return columns[4 * (Math.floor(feature / 4) * rows + row) + feature % 4];
  });
}

/** [inputs, outputs] as [inputs rounded up to fours, columns] vec4s: packed weights. */
export function toPacked(tensor: ArrayLike<number>, outputs: number): Float64Array {
  const inputs = tensor.length / outputs;
  const stride = 4 * tiles(outputs, 4);
  const packed = new Float64Array(4 * tiles(inputs, 4) * stride);
  for (let i = 0; i < tensor.length; i++) {
    packed[Math.floor(i / outputs) * stride + i % outputs] = tensor[i];
  }
  return packed;
}

/** Does the same to the values and to their magnitudes. */
export function mapped({ values, magnitudes }: Expected, map: (v: Float64Array) => Float64Array) {
  return { values: map(values), magnitudes: map(magnitudes) };
}

/** An error of so many units counts as 1. */
export function within({ values, magnitudes }: Expected, bound: number): Expected {
  return { values, magnitudes: magnitudes.map((value) => bound * value) };
}

/** Tensors of a batch, [columns, rows], and of its features, [columns]. */
export type ArenaTensor = "h" | "n" | "g" | "inverse" | VectorTensor;

/** Two vectors lie behind each other as one tensor of the arena. */
type VectorTensor = "mean" | "variance" | "dgamma" | "dbeta";

const PAIRS = {
  mean: "moments",
  variance: "moments",
  dgamma: "gradients",
  dbeta: "gradients",
} as const;

/** Parameters that every feature has one of. */
export type VectorKind = "bias" | "gamma" | "beta";

type Place = StructValues<typeof LAYER_PLACE>;

/** P networks with random parameters, and the tensors of a batch. */
export class FusedNetworks {
  readonly sizes: FusedSizes;
  /** Parameters where all programs find them: `weight0`, `bias0`, `gamma0`, `beta0`, `weight1`, … */
  readonly flat: FlatVectors<string>;
  /** Moving averages: `mean0`, `variance0`, … */
  readonly averages: FlatVectors<string>;
  readonly packed: Vec4s;
  readonly arena: Vec4s;
  readonly #places: Place[];

  /** @param gap Vec4s between two tensors; with 0 parameters are packed as in training. */
  constructor(sizes: FusedSizes, random: Random, gap = GAP) {
    const { widths, rows, networks } = sizes;
    this.sizes = sizes;
    const layers = widths.slice(1).map((_, layer) => layer);
    const vectors = layers.flatMap((layer) =>
      this.vectorsOf(layer).map((kind) => [`${kind}${layer}`, widths[layer + 1]])
    );
    const weights = layers.map((layer) => [`weight${layer}`, widths[layer] * widths[layer + 1]]);
    this.flat = new FlatVectors(networks, Object.fromEntries([...weights, ...vectors]));
    this.averages = new FlatVectors(
      networks,
      Object.fromEntries(
        layers.filter((layer) => this.#hasNorm(layer)).flatMap((layer) =>
          ["mean", "variance"].map((kind) => [`${kind}${layer}`, widths[layer + 1]])
        ),
      ),
    );
    for (const name of this.averages.names) this.averages.fill(name, () => random.uniform());
    for (const [name] of vectors) this.flat.fill(`${name}`, () => random.normal());
    for (const layer of layers) {
      const sd = Math.sqrt(2 / widths[layer]);
      this.flat.fill(`weight${layer}`, () => sd * random.normal());
    }
    const { places, arena, packed } = this.#place(rows, gap);
    this.#places = places;
    this.arena = new Vec4s(networks, arena);
    this.packed = new Vec4s(networks, packed);
    for (let n = 0; n < networks; n++) for (const layer of layers) this.pack(n, layer);
  }

  /** Overrides that all fused kernels have. */
  get constants(): Constants {
    const { widths, rows, batchNorm } = this.sizes;
    return {
      ARENA: this.arena.size,
      PACKED: this.packed.size,
      ROWS: rows,
      LAYERS: widths.length - 1,
      BATCH_NORM: Number(batchNorm),
    };
  }

  /** The uniform `places`. */
  get places(): Uint32Array<ArrayBuffer> {
    const words = new Uint32Array(FUSED_MAX_LAYERS * LAYER_PLACE.size / 4).fill(0x00ffffff);
    words.set(LAYER_PLACE.encode(this.#places));
    return words;
  }

  /** The fields of `Layer` that fused kernels read. */
  layerFields(layer: number): LayerFields {
    const [inputs, outputs] = this.sizes.widths.slice(layer);
    const [parameters, statistics] = [this.flat.length, this.averages.length];
    return { inputs, outputs, parameters, statistics, index: layer };
  }

  place(layer: number): Place {
    return this.#places[layer];
  }

  /** The vectors of a layer that exist. */
  vectorsOf(layer: number): VectorKind[] {
    return this.#hasNorm(layer) ? ["bias", "gamma", "beta"] : ["bias"];
  }

  /** A parameter of a network in float64. */
  parameter(network: number, kind: "weight" | VectorKind, layer: number): Float64Array {
    return this.flat.tensor(network, `${kind}${layer}`);
  }

  /** Where a vector lies among the packed parameters of a network. */
  vectorPlace(kind: VectorKind, layer: number): number {
    const columns = tiles(this.sizes.widths[layer + 1], 4);
    return this.#places[layer].vectors + ["bias", "gamma", "beta"].indexOf(kind) * columns;
  }

  /** Puts a tensor of a batch, [rows, width], or of its features, [width], where kernels read it. */
  putTensor(network: number, layer: number, tensor: ArenaTensor, values: ArrayLike<number>): void {
    this.arena.put(network, this.#tensorPlace(layer, tensor), this.#vectors(tensor, values));
  }

  /** Says what a kernel has to write as a tensor of a batch or of its features. */
  expectTensor(network: number, layer: number, tensor: ArenaTensor, expected: Expected): void {
    const own = mapped(expected, (values) => this.#vectors(tensor, values));
    this.arena.expect(network, this.#tensorPlace(layer, tensor), own);
  }

  /** Finds a tensor of a batch or of its features in what a kernel has left in the arena. */
  foundTensor(
    arena: Float32Array,
    { network, layer, tensor }: { network: number; layer: number; tensor: ArenaTensor },
  ): Float64Array {
    const width = this.sizes.widths[layer + 1];
    const rows = this.#rowsOf(tensor);
    const at = this.#tensorPlace(layer, tensor);
    const columns = this.arena.read(arena, { network, at, count: tiles(width, 4) * rows });
    return fromColumns(columns, { rows, width });
  }

  /** Packs the parameters of a layer, as they are in {@linkcode flat}. */
  pack(network: number, layer: number): void {
    const outputs = this.sizes.widths[layer + 1];
    const { packed } = this.#places[layer];
    this.packed.put(network, packed, toPacked(this.parameter(network, "weight", layer), outputs));
    for (const kind of this.vectorsOf(layer)) {
      const vector = toColumns(this.parameter(network, kind, layer), 1);
      this.packed.put(network, this.vectorPlace(kind, layer), vector);
    }
  }

  #tensorPlace(layer: number, tensor: ArenaTensor): number {
    const place = this.#places[layer];
    if (!(tensor in PAIRS)) return place[tensor as Exclude<ArenaTensor, VectorTensor>];
    const second = tensor === "variance" || tensor === "dbeta";
    const columns = tiles(this.sizes.widths[layer + 1], 4);
    return place[PAIRS[tensor as VectorTensor]] + (second ? columns : 0);
  }

  #rowsOf(tensor: ArenaTensor): number {
    return tensor.length === 1 ? this.sizes.rows : 1;
  }

  /** A feature that is none has variance 0, so the 1 / deviation of that; all its other tensors are 0. */
  #vectors(tensor: ArenaTensor, values: ArrayLike<number>): Float64Array {
    const columns = toColumns(values, this.#rowsOf(tensor));
    if (tensor === "inverse") columns.fill(1 / Math.sqrt(BATCH_NORM_EPSILON), values.length);
    return columns;
  }

  #hasNorm(layer: number): boolean {
    return this.sizes.batchNorm && layer < this.sizes.widths.length - 2;
  }

  #place(rows: number, gap: number): { places: Place[]; arena: number; packed: number } {
    const { widths } = this.sizes;
    let [arena, packed] = [gap, gap];
    function inArena(vectors: number): number {
      const at = arena;
      arena += vectors + gap;
      return at;
    }
    function inPacked(vectors: number): number {
      const at = packed;
      packed += vectors + gap;
      return at;
    }
    const places = widths.slice(1).map((outputs, layer): Place => {
      const columns = tiles(outputs, 4);
      const { flat, averages } = this;
      return {
        inputs: widths[layer],
        outputs,
        weight: flat.offsets[`weight${layer}`],
        bias: flat.offsets[`bias${layer}`],
        gamma: flat.offsets[`gamma${layer}`] ?? 0,
        beta: flat.offsets[`beta${layer}`] ?? 0,
        mean: averages.offsets[`mean${layer}`] ?? 0,
        variance: averages.offsets[`variance${layer}`] ?? 0,
        packed: inPacked(4 * tiles(widths[layer], 4) * columns),
        vectors: inPacked(3 * columns),
        h: inArena(columns * rows),
        n: inArena(columns * rows),
        g: inArena(columns * rows),
        moments: inArena(2 * columns),
        inverse: inArena(columns),
        gradients: inArena(2 * columns),
      };
    });
    return { places, arena, packed };
  }
}
