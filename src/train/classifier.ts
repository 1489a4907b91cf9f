/**
 * Classification with a trained network on the GPU, of any records.
 *
 * @module
 */

import { ArgumentError, shown } from "../errors.ts";
import { cached } from "../gpu/cache.ts";
import { checkGpu, type Gpu } from "../gpu/device.ts";
import { padded, standardisation, texelsOf } from "../gpu/device_data.ts";
import { tiles } from "../gpu/kernel_table.ts";
import { type BoundKernel, Kernels } from "../gpu/kernels.ts";
import { Memory } from "../gpu/memory.ts";
import { type Reading, Submits } from "../gpu/submits.ts";
import { largest, softmax } from "../model/answers.ts";
import { decodeNetwork } from "../model/checkpoint.ts";
import type { Architecture } from "../model/network.ts";
import {
  checkReadable,
  kindOf,
  type RecordsOf,
  type RecordValues,
  standardiseRecords,
} from "../model/record_values.ts";
import type { DecodeOptions } from "../model/safetensors.ts";
import { checkUsable, type RecordKind, type TrainedNetwork } from "../model/trained_network.ts";
import { checkNames } from "../options.ts";
import { Binder } from "../programs/binder.ts";
import { PopulationBuffers } from "../programs/buffers.ts";
import { encodeKernels } from "../programs/kernel_steps.ts";
import { BufferLayers, type ForwardProducts } from "../programs/layers.ts";
import { takeForwardProducts } from "../programs/per_operation.ts";
import type { KernelContext } from "../programs/program.ts";
import { TILED_PRODUCTS } from "../programs/tiled.ts";
import { checkRun } from "./run_checks.ts";

/** The kernel variants that classify: those whose evaluation leaves logits. */
const VARIANTS = ["per-operation", "tiled"] as const;

/** How a classifier runs. */
export interface ClassifierOptions {
  /** The kernel variant, "per-operation" or "tiled"; the one for the adapter's kind unless given. */
  readonly variant?: string;
}

const OPTIONS = ["variant"] satisfies (keyof ClassifierOptions)[];

/** How records are classified. */
export interface ClassifyOptions {
  /** Ends the work between two chunks of records, by throwing the signal's reason. */
  readonly signal?: AbortSignal;
}

const ACTION = "make a classifier";

/** Maximum sizes of a chunk: records, and bytes of their texture. */
const CHUNK = { records: 4096, bytes: 2 ** 25 };

/** Textures of records of each kind, four values a texel. */
const FORMATS = { bytes: "rgba8unorm", floats: "rgba32float" } as const;

/** Bytes of a texel of the larger format. */
const TEXEL_BYTES = 16;

/** Where records of a kind are written, and the kernels that read them from there. */
interface Input {
  readonly texture: GPUTexture;
  readonly kernels: readonly BoundKernel[];
}

/** Records as a texture holds them, four values a texel. */
type ChunkTexels = Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/** What a classifier is made of. */
interface Parts {
  readonly context: KernelContext;
  readonly layers: BufferLayers;
  readonly products: ForwardProducts;
  readonly memory: Memory;
  readonly variant: string;
}

/**
 * A trained network on the GPU that classifies records: one or many, flat, [n, inputs], in chunks. A network that was trained
 * on bytes takes bytes, or numbers from 0 to 1 (a byte / 255); one that was trained on numbers takes numbers. A record gets the
 * same logits, to the bit, alone and among others.
 *
 * All methods throw an `ArgumentError` if the classifier was destroyed or the records do not fit the network, a `GpuError` if
 * the device refused an operation, and a `DeviceLostError` if it went away. Several calls may be under way at the same time.
 * Records must stay as they are until a call has ended.
 *
 * @example A network that was trained on two measurements
 * ```ts
 * import { Classifier, Gpu, type TrainedNetwork } from "@headless/mlp";
 * import { assertEquals } from "@std/assert";
 *
 * const network: TrainedNetwork = {
 *   architecture: { inputs: 2, hidden: [], classes: 2, batchNorm: false },
 *   parameters: new Float32Array([1, -1, 1, -1, 0, 0]),
 *   statistics: new Float32Array(),
 *   mean: new Float32Array([20, 50]),
 *   std: new Float32Array([5, 10]),
 *   input: "floats",
 *   classNames: ["warm and wet", "cold and dry"],
 * };
 * const gpu = await Gpu.request();
 * const classifier = await Classifier.create(gpu, network);
 * const [first, second] = await classifier.predict(new Float32Array([30, 60, 10, 45]));
 * assertEquals(classifier.classNames[first], "warm and wet");
 * assertEquals(classifier.classNames[second], "cold and dry");
 * classifier.destroy();
 * gpu.destroy();
 * ```
 */
export class Classifier {
  /** Layer sizes, and batch norm on or off. */
  readonly architecture: Architecture;
  /** Names of the classes, [classes]. */
  readonly classNames: readonly string[];
  /** What the network was trained on. */
  readonly input: RecordKind;
  /** The kernel variant. */
  readonly variant: string;
  readonly #gpu: Gpu;
  readonly #records: RecordsOf;
  readonly #parts: Parts;
  readonly #submits: Submits;
  readonly #inputs = new Map<RecordKind, Promise<Input>>();
  #destroyed = false;

  private constructor(gpu: Gpu, network: TrainedNetwork, parts: Parts) {
    this.architecture = network.architecture;
    this.classNames = network.classNames;
    this.input = network.input;
    this.variant = parts.variant;
    this.#gpu = gpu;
    const { mean, std, input } = network;
    this.#records = { mean, std, input };
    this.#parts = parts;
    this.#submits = new Submits(gpu);
  }

  /**
   * Puts a network on the GPU.
   *
   * @param gpu The device.
   * @param network The network, from `Training.network` or `decodeNetwork`; it is copied.
   * @param options The kernel variant.
   * @returns The classifier.
   * @throws {ArgumentError} If the network has diverged or its parts do not fit together, there is no such variant for it, or
   * the adapter cannot hold it.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  static async create(
    gpu: Gpu,
    network: TrainedNetwork,
    options: ClassifierOptions = {},
  ): Promise<Classifier> {
    checkGpu(gpu, "classify");
    checkNames(options, { action: ACTION, known: OPTIONS });
    checkUsable(network);
    const variant = variantOf(gpu, network, options.variant);
    const own = copyOf(network);
    return await Memory.hold(gpu, async (memory) => {
      const classifier = new Classifier(gpu, own, await allocate(gpu, own, { memory, variant }));
      try {
        await classifier.#inputFor(own.input);
        return classifier;
      } catch (error) {
        classifier.destroy();
        throw error;
      }
    });
  }

  /**
   * Puts a network on the GPU that was saved by `encodeNetwork`, by a task as `model.safetensors`, or by PyTorch.
   *
   * @param gpu The device.
   * @param bytes The bytes of the file.
   * @param options The name of the file for messages, and the kernel variant.
   * @returns The classifier.
   * @throws {DataError} If the bytes are not such a file; the message names it.
   * @throws {ArgumentError} If the network has diverged, there is no such variant for it, or the adapter cannot hold it.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  static async load(
    gpu: Gpu,
    bytes: Uint8Array,
    options: ClassifierOptions & Partial<DecodeOptions> = {},
  ): Promise<Classifier> {
    checkNames(options, { action: ACTION, known: [...OPTIONS, "name"] });
    const { variant, ...decode } = options;
    return await Classifier.create(gpu, decodeNetwork(bytes, decode), { variant });
  }

  /**
   * Computes the logits of records.
   *
   * @param x One record or many, [n, inputs].
   * @param options `signal` ends the work between two chunks.
   * @returns The input of the softmax, [n, classes].
   * @throws {ArgumentError} If a logit overflows a float32, as of values far from those that the network was trained on.
   */
  async logits(x: RecordValues, options: ClassifyOptions = {}): Promise<Float32Array> {
    this.#check();
    checkRun(options, "classify");
    const n = checkReadable(x, this.#records);
    const input = await this.#inputFor(kindOf(x));
    const { inputs, classes } = this.architecture;
    const { evaluationRows } = this.#parts.context.buffers;
    const readings: Reading[] = [];
    for (let first = 0; first < n; first += evaluationRows) {
      const own = x.subarray(first * inputs, (first + evaluationRows) * inputs);
      const texels = this.#texelsOf(own, first);
      readings.push(await this.#submit(texels, input, options.signal));
    }
    // Read together: one wait serves all.
    const read = await Promise.all(readings.map((reading) => reading.bytes()));
    const result = new Float32Array(n * classes);
    read.forEach((bytes, i) => result.set(new Float32Array(bytes), i * evaluationRows * classes));
    checkLogits(result, classes);
    return result;
  }

  /**
   * Computes the probability of every class: the softmax of the logits, in float64.
   *
   * @param x One record or many, [n, inputs].
   * @param options `signal` ends the work between two chunks.
   * @returns Probabilities, [n, classes]; those of a record add up to 1 within rounding.
   */
  async probabilities(x: RecordValues, options: ClassifyOptions = {}): Promise<Float64Array> {
    return softmax(await this.logits(x, options), this.architecture.classes);
  }

  /**
   * Finds the class of every record: the largest logit, the first of equal ones.
   *
   * @param x One record or many, [n, inputs].
   * @param options `signal` ends the work between two chunks.
   * @returns Classes counted from 0, [n]; `classNames` has their names.
   */
  async predict(x: RecordValues, options: ClassifyOptions = {}): Promise<Uint16Array> {
    return largest(await this.logits(x, options), this.architecture.classes);
  }

  /** Frees the memory on the GPU. */
  destroy(): void {
    this.#destroyed = true;
    this.#submits.destroy();
    this.#parts.memory.destroy();
    this.#parts.context.buffers.destroy();
  }

  /** Frees the memory on the GPU, at the end of a block with `using`. */
  [Symbol.dispose](): void {
    this.destroy();
  }

  #check(): void {
    if (this.#destroyed) throw new ArgumentError("Cannot use the classifier: it was destroyed");
  }

  /** A chunk of records as its texture holds it; numbers of a network that was trained on numbers are standardised before. */
  #texelsOf(x: RecordValues, first: number): ChunkTexels {
    const { texels } = this.#parts.context.data;
    const { inputs } = this.architecture;
    if (x instanceof Uint8Array) return padded(x, { texels, inputs });
    const values = this.input === "floats" ? standardiseRecords(x, this.#records) : x;
    return texelsOf(values, { texels, inputs, what: "record", first });
  }

  /**
   * Submits a chunk. It is written, computed and copied in one submit, between which and the writes before it nothing else
   * runs, so that calls at the same time do not mix.
   */
  async #submit(
    chunk: ChunkTexels,
    { texture, kernels }: Input,
    signal?: AbortSignal,
  ): Promise<Reading> {
    this.#check();
    const { context: { buffers }, layers } = this.#parts;
    const { width } = texture;
    const rows = chunk.length / (4 * width);
    const [reading] = await this.#submits.run({
      kind: "classification",
      count: 1,
      reads: [{ buffer: layers.logits, size: 4 * rows * this.architecture.classes }],
      prepare: () => {
        this.#gpu.device.queue.writeTexture(
          { texture },
          chunk,
          { bytesPerRow: 4 * width * chunk.BYTES_PER_ELEMENT, rowsPerImage: rows },
          [width, rows, 1],
        );
        buffers.writeSteps([{ first: 0, rows, slot: 0 }]);
      },
      encode: (pass) => encodeKernels(pass, kernels, 0),
    }, signal);
    return reading;
  }

  /** The texture for records of a kind, allocated when it is first needed. */
  async #inputFor(kind: RecordKind): Promise<Input> {
    try {
      return await cached(this.#inputs, kind, () => this.#allocateInput(kind));
    } finally {
      this.#check(); // If the classifier was destroyed meanwhile, that is the reason of a failure, too.
    }
  }

  /** Allocates the texture for records of a kind, and binds the kernels to it. */
  async #allocateInput(kind: RecordKind): Promise<Input> {
    const { context, layers, products } = this.#parts;
    const { buffers, data } = context;
    return await Memory.hold(this.#gpu, async (memory) => {
      const { texture, view } = memory.texture({
        label: "records to classify",
        size: [data.texels, buffers.evaluationRows, 1],
        format: FORMATS[kind],
        usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
      });
      await memory.ready();
      const shared = { images: view, order: buffers.identity, ...products.shared };
      const binder = new Binder(context, { mode: "evaluation", shared });
      const kernels = await binder.bind(layers.forward("evaluation", products));
      this.#check();
      this.#parts.memory.adopt(memory);
      return { texture, kernels };
    });
  }
}

/** Copies a network: before the first wait, after which the caller may change theirs. */
function copyOf(network: TrainedNetwork): TrainedNetwork {
  const { architecture, classNames, parameters, statistics, mean, std } = network;
  return {
    ...{ ...network, architecture: { ...architecture }, classNames: [...classNames] },
    ...{ parameters: parameters.slice(), statistics: statistics.slice() },
    ...{ mean: mean.slice(), std: std.slice() },
  };
}

/** Refuses logits that overflowed: the largest of them would say nothing about the record. */
function checkLogits(logits: Float32Array, classes: number): void {
  const wrong = logits.findIndex((value) => !Number.isFinite(value));
  if (wrong < 0) return;
  throw new ArgumentError(
    `Cannot classify record ${Math.floor(wrong / classes)}: its logit of class ${
      wrong % classes
    } is ${
      logits[wrong]
    }, expected a finite number: its values are too far from those that the network was trained on`,
  );
}

/** The variant that was asked for, or the one for the adapter's kind. */
function variantOf(gpu: Gpu, { architecture }: TrainedNetwork, asked: string | undefined): string {
  const { maxTextureDimension2D } = gpu.device.limits;
  // The first layer's weights are a texture of as many columns.
  const [width] = [...architecture.hidden, architecture.classes];
  const fits = width <= maxTextureDimension2D;
  const variant = asked ?? (gpu.adapter.software && fits ? "per-operation" : "tiled");
  const allowed = VARIANTS.filter((name) => name === "tiled" || fits);
  if (allowed.some((name) => name === variant)) return variant;
  throw new ArgumentError(
    `Cannot classify with the kernel variant ${shown(variant)}, expected ${
      allowed.join(" or ")
    } for this network`,
  );
}

/** Allocates all but the textures of the records, and writes the network. */
async function allocate(
  gpu: Gpu,
  network: TrainedNetwork,
  { memory, variant }: { memory: Memory; variant: string },
): Promise<Parts> {
  const { architecture, parameters, statistics } = network;
  const { inputs } = architecture;
  const texels = tiles(inputs, 4);
  const shape = { architecture, networks: 1, batch: 1 };
  const rows = chunkRows(gpu, { inputs, texels });
  const none = { count: 1 };
  const source = { training: none, validation: none, test: { count: rows } };
  const layout = { texels, imagesPerLayer: rows };
  const buffers = await PopulationBuffers.create(gpu, shape, { ...layout, source });
  try {
    const standard = memory.upload(
      "standardisation",
      standardisation({ ...network, inputs }, texels),
    );
    const data = { ...layout, standard };
    const context: KernelContext = { ...shape, gpu, kernels: Kernels.of(gpu), buffers, data };
    const layers = new BufferLayers(context, memory, "evaluation");
    const plain = variant === "tiled" ? undefined : takeForwardProducts(context, memory, 1);
    await memory.ready();
    const { queue } = gpu.device;
    queue.writeBuffer(buffers.parameters, 0, Float32Array.from(parameters));
    if (statistics.length > 0) { // Deno 2.9 panics on an empty write.
      queue.writeBuffer(buffers.statistics, 0, Float32Array.from(statistics));
    }
    plain?.write(0, parameters);
    return { context, layers, products: plain ?? TILED_PRODUCTS, memory, variant };
  } catch (error) {
    buffers.destroy();
    throw error;
  }
}

/** Maximum number of records in a chunk. */
function chunkRows(
  { device: { limits } }: Gpu,
  { inputs, texels }: { inputs: number; texels: number },
): number {
  const { maxTextureDimension2D } = limits;
  if (texels > maxTextureDimension2D) {
    throw new ArgumentError(
      `Cannot classify records of ${inputs} values: this adapter holds at most ` +
        `${4 * maxTextureDimension2D} (maxTextureDimension2D)`,
    );
  }
  const fitting = Math.floor(CHUNK.bytes / (TEXEL_BYTES * texels));
  return Math.max(1, Math.min(CHUNK.records, fitting, maxTextureDimension2D));
}
