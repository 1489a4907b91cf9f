/**
 * One kernel by itself: buffers of its own, outputs poisoned, guards behind every buffer, and an error measured in units
 * of float32 rounding.
 */
import { assert, assertEquals } from "@std/assert";
import type { Gpu } from "../src/gpu.ts";
import type { BindingName } from "../src/bindings.ts";
import type { KernelName, Shape, TileName } from "../src/kernel_table.ts";
import { type Constants, dispatch, Kernels } from "../src/kernels.ts";
import type { Random } from "../src/random.ts";
import { readTexels, type TexelArray, uploadTexels } from "./_texels.ts";

/** Rounding to float32 changes a number by at most this share of it. */
export const UNIT = 2 ** -24;

/** The fields of `Layer` in common.wgsl that a kernel reads; others are filled with what would lead it astray. */
export type LayerFields = Partial<Record<(typeof LAYER_FIELDS)[number], number>>;

const LAYER_FIELDS = [
  "inputs",
  "outputs",
  "parameters",
  "weights",
  "weight",
  "bias",
  "gamma",
  "beta",
  "statistics",
  "mean",
  "variance",
  "texels",
  "images_per_layer",
  "slices",
] as const;

/** The struct `Step` of common.wgsl; the number of rows comes from the shape. */
export interface StepFields {
  readonly first?: number;
  readonly rise?: number;
  readonly fresh?: boolean;
  readonly slot?: number;
  readonly number?: number;
  readonly next?: number;
  readonly parts?: number;
}

/** A run of one kernel. */
export interface KernelRun {
  readonly shape: Shape;
  readonly networks: number;
  readonly layer: LayerFields;
  /** Values of the overrides that are the kernel's own. */
  readonly constants?: Constants;
  /** The tile, where the kernel works in tiles. */
  readonly tile?: TileName;
  readonly step?: StepFields;
  /** What the kernel reads and must leave as it is. */
  readonly inputs: Readonly<Partial<Record<BindingName, Float32Array | Uint32Array>>>;
  /** What the kernel reads, made by the code that makes it for a training. */
  readonly resources?: Readonly<Partial<Record<BindingName, GPUBuffer | GPUTextureView>>>;
  /** Textures that the kernel reads. */
  readonly texels?: Readonly<Partial<Record<BindingName, TexelArray>>>;
  /** Textures that the kernel writes: the size. */
  readonly newTexels?: Readonly<Partial<Record<BindingName, Omit<TexelArray, "values">>>>;
  /** What the kernel writes: the number of words, filled with NaN before, or what is there before. */
  readonly outputs: Readonly<Partial<Record<BindingName, number | Float32Array | Uint32Array>>>;
}

/** Behind every output: a write past the end is seen. */
const GUARD = Uint32Array.of(0xdeadbeef, 0, 0xdeadbeef, 0x3f800000, 0xdeadbeef, 0xffffffff);

/** Behind every input: as a float NaN and as an index far out, so that reading past the end is seen, too. */
const TRAP = new Uint32Array(6).fill(0xffffffff);

/** A field that the kernel has no business to read. */
const ASTRAY = 0x00ffffff;

/**
 * Runs a kernel once and reads back what it wrote.
 *
 * @returns The outputs, as float32; every input and every guard was found untouched.
 */
export async function runKernel(
  gpu: Gpu,
  name: KernelName,
  run: KernelRun,
): Promise<Record<string, Float32Array>> {
  const { shape, networks, layer, step = {}, inputs, outputs, texels = {}, newTexels = {} } = run;
  const uniform = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
  const fields = Uint32Array.from(LAYER_FIELDS, (field) => layer[field] ?? ASTRAY);
  const stride = gpu.device.limits.minUniformBufferOffsetAlignment;
  const read: Record<string, Uint32Array<ArrayBuffer>> = {};
  for (const [binding, contents] of Object.entries(inputs)) {
    read[binding] = withEnd(contents, TRAP);
  }
  const written: Record<string, Uint32Array<ArrayBuffer>> = {};
  for (const [binding, contents] of Object.entries(outputs)) {
    const before = typeof contents === "number" ? new Float32Array(contents).fill(NaN) : contents;
    written[binding] = withEnd(before, GUARD);
  }

  const own: Record<string, GPUBuffer> = {
    layer: gpu.upload("layer", fields, uniform),
    step: gpu.upload("steps", stepsWithAStray(shape.rows, { step, stride }), uniform),
  };
  for (const [binding, words] of Object.entries({ ...read, ...written })) {
    own[binding] = gpu.upload(binding, words);
  }
  const textures = Object.entries({ ...texels, ...newTexels })
    .map(([binding, contents]) => [binding, uploadTexels(gpu, contents)] as const);
  try {
    const views = textures.map(([binding, texture]) => [
      binding,
      texture.createView({ dimension: "2d-array" }),
    ]);
    const resources = { ...run.resources, ...own, ...Object.fromEntries(views) };
    const { constants, tile } = run;
    const options = { shape, networks, resources, constants, tile };
    const bound = await Kernels.of(gpu).bind(name, options);
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    dispatch(pass, bound, { offset: stride });
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);

    // At once: reading back costs some milliseconds each, however little.
    const bindings = Object.keys({ ...read, ...written });
    const contents = await Promise.all(bindings.map((binding) => gpu.read(own[binding])));
    const results: Record<string, Float32Array> = {};
    for (const [i, bytes] of contents.entries()) {
      const binding = bindings[i];
      if (binding in read) {
        assert(same(new Uint32Array(bytes), read[binding]), `${name} changed its input ${binding}`);
        continue;
      }
      const end = bytes.byteLength / 4 - GUARD.length;
      assertEquals(
        new Uint32Array(bytes, 4 * end),
        GUARD,
        `${name} wrote past the end of ${binding}`,
      );
      results[binding] = new Float32Array(bytes, 0, end);
    }
    for (const [binding, texture] of textures) {
      if (binding in newTexels) results[binding] = (await readTexels(gpu, texture)).values;
    }
    return results;
  } finally {
    for (const buffer of Object.values(own)) buffer.destroy();
    for (const [, texture] of textures) texture.destroy();
  }
}

/** The step that counts stands second, as in a submit of several: the first must not be read. */
function stepsWithAStray(
  rows: number,
  options: { step: StepFields; stride: number },
): Uint32Array<ArrayBuffer> {
  const { step, stride } = options;
  const { first = 0, rise = 0, fresh = false, slot = 0, number = 0, next = 0, parts = 0 } = step;
  const words = new Uint32Array(2 * stride / 4).fill(ASTRAY);
  const at = stride / 4;
  words.set([first, rows, 0, Number(fresh), slot, number, next, parts], at);
  new Float32Array(words.buffer)[at + 2] = rise;
  return words;
}

function withEnd(
  contents: Float32Array | Uint32Array,
  end: Uint32Array,
): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(contents.length + end.length);
  words.set(new Uint32Array(contents.buffer, contents.byteOffset, contents.length));
  words.set(end, contents.length);
  return words;
}

/** Whether two tensors are the same to the bit, which tells −0 from 0; much faster than `assertEquals`. */
export function sameWords(a: Float32Array, b: Float32Array): boolean {
  return same(
    new Uint32Array(a.buffer, a.byteOffset, a.length),
    new Uint32Array(b.buffer, b.byteOffset, b.length),
  );
}

function same(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}

/** What is between the tensors of a flat vector: to read or to change it is a mistake that shows. */
const GAP = 12345;

/** Words between the tensors of a flat vector. */
const GAP_WORDS = 3;

/**
 * Flat vectors of P networks, [P, length]: named tensors with gaps between them, as the tensors of one layer lie among
 * those of the others.
 */
export class FlatVectors<Name extends string> {
  /** The names in order. */
  readonly names: readonly Name[];
  /** Where each tensor begins in a network's vector. */
  readonly offsets: Readonly<Record<Name, number>>;
  /** Length of one network's vector. */
  readonly length: number;
  /** All of it. */
  readonly values: Float32Array;
  readonly #sizes: Readonly<Record<Name, number>>;

  constructor(networks: number, sizes: Readonly<Record<Name, number>>) {
    this.names = Object.keys(sizes) as Name[];
    this.#sizes = sizes;
    let length = GAP_WORDS;
    const offsets: [Name, number][] = this.names.map((name) => {
      const at = length;
      length += sizes[name] + GAP_WORDS;
      return [name, at];
    });
    this.offsets = Object.fromEntries(offsets) as Record<Name, number>;
    this.length = length;
    this.values = new Float32Array(networks * length).fill(GAP);
  }

  /** The tensor of a network: a view of these vectors, or of others laid out like them. */
  view(network: number, name: Name, vectors: Float32Array = this.values): Float32Array {
    const at = network * this.length + this.offsets[name];
    return vectors.subarray(at, at + this.#sizes[name]);
  }

  /** The tensor of a network in float64: a copy. */
  tensor(network: number, name: Name): Float64Array {
    return Float64Array.from(this.view(network, name));
  }

  /** Fills a tensor of all networks. */
  fill(name: Name, next: () => number): this {
    for (let n = 0; n * this.length < this.values.length; n++) {
      const view = this.view(n, name);
      for (let i = 0; i < view.length; i++) view[i] = next();
    }
    return this;
  }
}

/** What a tensor should be, and what its rounding errors are measured by. */
export interface Expected {
  readonly values: Float64Array;
  /** An error of 1 is `UNIT` times this. Where it is 0, the value must be met exactly. */
  readonly magnitudes: Float64Array;
}

/**
 * Measures a tensor: the largest error in units. It is Infinity where one is NaN and the other is not, and where a value
 * is missed that must be met exactly.
 */
export function errorOf(found: Float32Array, expected: Expected): number {
  assertEquals(found.length, expected.values.length);
  let worst = 0;
  for (let i = 0; i < found.length; i++) {
    const [a, b] = [found[i], expected.values[i]];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const error = Math.abs(a - b) / (UNIT * expected.magnitudes[i]);
    if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error;
  }
  return worst;
}

/** Measures a tensor of P networks, [P, …], each with its own reference. */
export function errorOfNetworks(
  found: Float32Array,
  networks: number,
  reference: (network: number) => Expected,
): number {
  let worst = 0;
  for (let n = 0; n < networks; n++) {
    worst = Math.max(worst, errorOf(part(found, n, networks), reference(n)));
  }
  return worst;
}

/** Measures vectors laid out like others; around the tensors that are expected everything must be as it was `before`. */
export function errorOfFlat<Name extends string>(
  found: Float32Array,
  flat: FlatVectors<Name>,
  options: {
    before: Float32Array;
    networks: number;
    reference: (network: number) => Readonly<Record<Name, Expected>>;
  },
): number {
  const values = Float64Array.from(options.before);
  const magnitudes = new Float64Array(values.length);
  for (let n = 0; n < options.networks; n++) {
    const expected = options.reference(n);
    for (const name of flat.names) {
      const at = n * flat.length + flat.offsets[name];
      values.set(expected[name].values, at);
      magnitudes.set(expected[name].magnitudes, at);
    }
  }
  return errorOf(found, { values, magnitudes });
}

/** One network's part of a tensor [P, …]: a view. */
export function part(tensor: Float32Array, network: number, networks: number): Float32Array {
  const size = tensor.length / networks;
  return tensor.subarray(network * size, (network + 1) * size);
}

/** Numbers from a normal distribution, in float32. */
export function draw(
  random: Random,
  length: number,
  options: { mean?: number; sd?: number } = {},
): Float32Array {
  const { mean = 0, sd = 1 } = options;
  return Float32Array.from({ length }, () => mean + sd * random.normal());
}

/** Values that must be met exactly. */
export function exactly(values: Float64Array): Expected {
  return { values, magnitudes: new Float64Array(values.length) };
}

/** The absolute values. */
export function absolute(values: Float64Array): Float64Array {
  return values.map(Math.abs);
}

/** The bits of float32 numbers. */
export function words(values: Float32Array): number[] {
  return [...new Uint32Array(values.buffer, values.byteOffset, values.length)];
}
