/**
 * One kernel by itself: buffers of its own, outputs poisoned, guards behind every buffer, and an error measured in units
 * of float32 rounding.
 */
import { assertEquals, AssertionError, fail } from "@std/assert";
import { type BindingName, BINDINGS } from "../../src/gpu/bindings.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import type { KernelName, Shape, TileName } from "../../src/gpu/kernel_table.ts";
import { type Constants, dispatch, Kernels } from "../../src/gpu/kernels.ts";
import { LAYER, STEP, type StructValues } from "../../src/gpu/structs.ts";
import type { Random } from "../../src/model/random.ts";
import { COPY_ALIGNMENT, type Reading } from "../_reading.ts";
import { readingOfTexels, type TexelArray, uploadTexels } from "./_texels.ts";

/** Rounding to float32 changes a number by at most this share of it. */
export const UNIT = 2 ** -24;

/** The fields of `Layer` that a kernel reads; others are filled with a value that would lead it astray. */
export type LayerFields = Partial<StructValues<typeof LAYER>>;

/** The fields of `Step`; the number of rows comes from the shape, and others are 0. */
export type StepFields = Partial<Omit<StructValues<typeof STEP>, "rows">>;

/** A run of one kernel. */
export interface KernelRun {
  readonly shape: Shape;
  readonly networks: number;
  /** Rows that the kernel is dispatched for, where these are more than it computes. */
  readonly dispatchedRows?: number;
  readonly layer: LayerFields;
  /** Values of the overrides that are the kernel's own. */
  readonly constants?: Constants;
  /** The tile, where the kernel works in tiles. */
  readonly tile?: TileName;
  readonly step?: StepFields;
  /** What the kernel reads and must not change. */
  readonly inputs: Readonly<Partial<Record<BindingName, Float32Array | Uint32Array>>>;
  /** What the kernel reads, as a training creates it. */
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

/** The value of a field that the kernel must not read. */
const ASTRAY = 0x00ffffff;

/** What a kernel wrote, by binding, as float32. */
export type Written = Readonly<Record<string, Float32Array>>;

/** A run of a kernel, and a measure of its error. */
export interface KernelCase {
  readonly kernel: KernelName;
  readonly run: KernelRun;
  /** Returns the largest error of what the kernel wrote, in units. */
  readonly measure: (found: Written) => number;
}

/**
 * Runs a kernel once and reads back what it wrote.
 *
 * @returns The outputs, as float32; every input and every guard was found untouched.
 */
export async function runKernel(gpu: Gpu, kernel: KernelName, run: KernelRun): Promise<Written> {
  const [found] = await collect(gpu, [await submit(gpu, kernel, run)]);
  return found;
}

/**
 * Bytes that cases take on the device together before they are read back: enough for few readings, which take some 11 ms
 * each, and few enough for any memory.
 */
const BYTES_AT_ONCE = 2 ** 27;

/**
 * Runs cases and measures them. They are read back together: a reading waits as long for one as for many, and the CPU draws
 * a case and computes its expected result while the device runs the one before.
 *
 * @param draws Each returns a case. They are called one after the other, so that no more are held than are on the device.
 * @returns The error of each, in units.
 */
export async function measureCases(
  gpu: Gpu,
  draws: Iterable<() => KernelCase | Promise<KernelCase>>,
  bytesAtOnce = BYTES_AT_ONCE,
): Promise<number[]> {
  const errors: number[] = [];
  let waiting: { submitted: Submitted; measure: KernelCase["measure"] }[] = [];
  let bytes = 0;
  async function read(): Promise<void> {
    const read = waiting;
    waiting = [];
    bytes = 0;
    const found = await collect(gpu, read.map(({ submitted }) => submitted));
    errors.push(...read.map(({ measure }, i) => measure(found[i])));
  }
  try {
    for (const draw of draws) {
      const { kernel, run, measure } = await draw();
      const submitted = await submit(gpu, kernel, run);
      waiting.push({ submitted, measure });
      bytes += submitted.bytes;
      if (bytes >= bytesAtOnce) await read();
    }
    if (waiting.length > 0) await read();
  } finally {
    for (const { submitted } of waiting) submitted.staging.destroy();
  }
  return errors;
}

/** Whether some cases fail, which run together: by an error beyond the bound, or by an assertion. */
export async function casesFail(
  gpu: Gpu,
  draws: Iterable<() => KernelCase | Promise<KernelCase>>,
  bound: number,
): Promise<boolean> {
  try {
    const errors = await measureCases(gpu, draws);
    return !errors.every((error) => error <= bound);
  } catch (error) {
    if (error instanceof AssertionError) return true;
    throw error;
  }
}

/** A run that was submitted; its result waits in a buffer of its own. */
interface Submitted {
  readonly kernel: KernelName;
  readonly staging: GPUBuffer;
  /** What the buffer holds, one after the other. */
  readonly readings: readonly (readonly [binding: string, reading: Reading, offset: number])[];
  /** Bytes that the run takes on the device. */
  readonly bytes: number;
}

async function submit(gpu: Gpu, kernel: KernelName, run: KernelRun): Promise<Submitted> {
  const { shape, networks, layer, step = {}, inputs, outputs, texels = {}, newTexels = {} } = run;
  const uniform = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
  const fields = LAYER.encode([filled(LAYER, ASTRAY, layer)]);
  const stride = gpu.device.limits.minUniformBufferOffsetAlignment;
  const buffers: Record<string, GPUBuffer> = {
    layer: gpu.upload("layer", fields, uniform),
    step: gpu.upload("steps", stepsWithAStray(shape.rows, { step, stride }), uniform),
  };
  const textures: Record<string, GPUTexture> = {};
  const readings: [binding: string, reading: Reading][] = [];
  let bytes = 0;
  try {
    for (const [binding, contents] of Object.entries(inputs)) {
      const words = withEnd(contents, TRAP);
      const isUniform = hasType(binding as BindingName, "uniform");
      buffers[binding] = gpu.upload(binding, words, isUniform ? uniform : undefined);
      bytes += words.byteLength;
      // The others are bound for reading only, and the device refuses a kernel that writes to them.
      if (hasType(binding as BindingName, "storage")) {
        readings.push([binding, readingOfInput(buffers[binding], words)]);
      }
    }
    for (const [binding, contents] of Object.entries(outputs)) {
      const before = typeof contents === "number" ? new Float32Array(contents).fill(NaN) : contents;
      const words = withEnd(before, GUARD);
      buffers[binding] = gpu.upload(binding, words);
      bytes += words.byteLength;
      readings.push([binding, readingOfOutput(buffers[binding])]);
    }
    for (const [binding, contents] of Object.entries({ ...texels, ...newTexels })) {
      const texture = uploadTexels(gpu, contents);
      textures[binding] = texture;
      bytes += 16 * texture.width * texture.height * texture.depthOrArrayLayers;
      if (binding in newTexels) readings.push([binding, readingOfTexels(texture)]);
    }
    const views = Object.entries(textures).map(([binding, texture]) =>
      [binding, texture.createView({ dimension: "2d-array" })] as const
    );
    const resources = { ...run.resources, ...buffers, ...Object.fromEntries(views) };
    const { constants, tile, dispatchedRows = shape.rows } = run;
    const bound = await Kernels.of(gpu).bind(kernel, {
      shape: { ...shape, rows: dispatchedRows },
      networks,
      resources,
      constants,
      tile,
    });

    let size = 0;
    const placed = readings.map(([binding, reading]) => {
      const offset = size;
      size += Math.ceil(reading.bytes / COPY_ALIGNMENT) * COPY_ALIGNMENT;
      return [binding, reading, offset] as const;
    });
    const staging = gpu.buffer(
      `${kernel}, read back`,
      size,
      GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    );
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    dispatch(pass, bound, stride);
    pass.end();
    for (const [, reading, offset] of placed) reading.copy(encoder, staging, offset);
    gpu.device.queue.submit([encoder.finish()]);
    return { kernel, staging, readings: placed, bytes: bytes + size };
  } finally {
    // The submitted work keeps them alive until it is done.
    for (const buffer of Object.values(buffers)) buffer.destroy();
    for (const texture of Object.values(textures)) texture.destroy();
  }
}

/** Reads runs back with one wait for all, and frees their buffers. */
async function collect(gpu: Gpu, runs: readonly Submitted[]): Promise<Written[]> {
  try {
    await gpu.orLost(Promise.all(runs.map(({ staging }) => staging.mapAsync(GPUMapMode.READ))));
    return runs.map(({ kernel, staging, readings }) => {
      const contents = staging.getMappedRange().slice(0);
      const found: Record<string, Float32Array> = {};
      for (const [binding, reading, offset] of readings) {
        try {
          const written = reading.take(contents, offset);
          if (written) found[binding] = written;
        } catch (error) {
          throw new AssertionError(`${kernel}, ${binding}: ${(error as Error).message}`);
        }
      }
      return found;
    });
  } finally {
    for (const { staging } of runs) staging.destroy();
  }
}

function hasType(binding: BindingName, type: GPUBufferBindingType): boolean {
  const bound = BINDINGS[binding];
  return "buffer" in bound && bound.buffer.type === type;
}

/** Reads what the kernel must not have changed. */
function readingOfInput(buffer: GPUBuffer, before: Uint32Array): Reading {
  return {
    ...copyOf(buffer),
    take(contents, offset) {
      const after = new Uint32Array(contents, offset, before.length);
      if (!same(after, before)) fail("the kernel changed its input");
      return undefined;
    },
  };
}

/** Reads what the kernel wrote. */
function readingOfOutput(buffer: GPUBuffer): Reading {
  return {
    ...copyOf(buffer),
    take(contents, offset) {
      const length = buffer.size / 4 - GUARD.length;
      const end = new Uint32Array(contents, offset + 4 * length, GUARD.length);
      if (!same(end, GUARD)) fail("the kernel wrote past the end");
      return new Float32Array(contents, offset, length);
    },
  };
}

function copyOf(buffer: GPUBuffer): Pick<Reading, "bytes" | "copy"> {
  return {
    bytes: buffer.size,
    copy(encoder, to, offset) {
      encoder.copyBufferToBuffer(buffer, 0, to, offset, buffer.size);
    },
  };
}

/** The kernel's step comes second, as in a submit of several: the first must not be read. */
function stepsWithAStray(
  rows: number,
  options: { step: StepFields; stride: number },
): Uint32Array<ArrayBuffer> {
  const { step, stride } = options;
  const own = STEP.encode([filled(STEP, 0, { ...step, rows })]);
  const words = new Uint32Array(2 * stride / 4).fill(ASTRAY);
  words.set(own, stride / 4);
  return words;
}

/** A number for every field of a struct, and where none is given the same one. */
function filled<S extends typeof LAYER | typeof STEP>(
  struct: S,
  other: number,
  values: Partial<StructValues<S>>,
): StructValues<S> {
  const others = struct.fields.map(({ name }) => [name, other]);
  return { ...Object.fromEntries(others), ...values };
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
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The value between the tensors of a flat vector: reading or changing it shows. */
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
    return new Float64Array(this.view(network, name));
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

/** What a tensor should be, and the magnitudes that its rounding errors are measured by. */
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
    const a = found[i];
    const b = expected.values[i];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const error = Math.abs(a - b) / (UNIT * expected.magnitudes[i]);
    if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error;
  }
  return worst;
}

/** Measures a tensor of P networks, [P, …], by what is expected of each. */
export function errorOfNetworks(found: Float32Array, expected: readonly Expected[]): number {
  return Math.max(...expected.map((own, n) => errorOf(part(found, n, expected.length), own)));
}

/** What is expected of each of P networks. */
export function ofNetworks<T>(networks: number, reference: (network: number) => T): T[] {
  return Array.from({ length: networks }, (_, n) => reference(n));
}

/** Measures vectors laid out like others; around the tensors that are expected everything must be as it was `before`. */
export function errorOfFlat<Name extends string>(
  found: Float32Array,
  flat: FlatVectors<Name>,
  options: { before: Float32Array; expected: readonly Readonly<Record<Name, Expected>>[] },
): number {
  const values = new Float64Array(options.before);
  const magnitudes = new Float64Array(values.length);
  for (const [n, tensors] of options.expected.entries()) {
    for (const name of flat.names) {
      const at = n * flat.length + flat.offsets[name];
      values.set(tensors[name].values, at);
      magnitudes.set(tensors[name].magnitudes, at);
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
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = mean + sd * random.normal();
  return values;
}

/** Values that must be met exactly. */
export function exactly(values: Float64Array): Expected {
  return { values, magnitudes: new Float64Array(values.length) };
}

/** The absolute values. */
export function absolute(values: Float64Array): Float64Array {
  const result = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) result[i] = Math.abs(values[i]);
  return result;
}

/** The bits of float32 numbers. */
export function words(values: Float32Array): number[] {
  return [...new Uint32Array(values.buffer, values.byteOffset, values.length)];
}
