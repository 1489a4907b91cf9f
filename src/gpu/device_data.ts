/**
 * A data set on the GPU: images in textures, as bytes or as standardised numbers, labels, and the scale and shift that
 * standardise the bytes.
 *
 * @module
 */

import { checkDataSet, type DataSet, type Split, standardise } from "../data/dataset.ts";
import { ArgumentError } from "../errors.ts";
import { cached } from "./cache.ts";
import { checkGpu, type Gpu } from "./device.ts";
import { Memory } from "./memory.ts";

/** Images and labels of one part of a data set on the GPU. */
export interface DeviceImages {
  /** Number of images. */
  readonly count: number;
  /** Texel (k, n % imagesPerLayer) of layer n / imagesPerLayer: values 4k … 4k + 3 of image n. */
  readonly images: GPUTextureView;
  /** [count] u32. */
  readonly labels: GPUBuffer;
}

/** Values that are standardised and written at a time, at most, unless an image has more: 8 MiB in float64. */
const VALUES_AT_A_TIME = 2 ** 20;

/** How records lie in textures, and what standardises them. */
export type RecordLayout = Pick<DeviceDataSet, "texels" | "imagesPerLayer" | "standard">;

/**
 * A data set on the GPU. Each split is uploaded when it is first needed.
 *
 * Images are stored in textures of four values per texel rather than in buffers: 45,000 CIFAR-10 images exceed the 128 MiB
 * that some adapters bind as one buffer, and a software driver reads a texel at a third of the cost. Bytes stay bytes and
 * are standardised as they are read. Float32 numbers are standardised in float64 as they are uploaded, so that a mean far
 * from 0 costs no digits; kernels read them with scale 1 and shift 0.
 *
 * @example Data that are uploaded once, for two trainings one after the other
 * ```ts
 * import { createDataSet, DeviceDataSet, Gpu, Training } from "@headless/mlp";
 * import { assertEquals } from "@std/assert";
 *
 * const points = { images: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), labels: [0, 0, 1, 1] };
 * const source = await createDataSet(points, undefined, { name: "points", classNames: ["a", "b"] });
 * using gpu = await Gpu.request();
 * using data = new DeviceDataSet(gpu, source);
 * for (const learningRate of [0.1, 0.2]) {
 *   const options = { hidden: [], batchNorm: false, batch: 4, epochs: 2, learningRate };
 *   using training = await Training.create(gpu, data, options);
 *   for await (const _rows of training.run());
 * }
 * assertEquals((await data.part("training")).count, 4);
 * ```
 */
export class DeviceDataSet {
  /** The data set on the CPU. */
  readonly source: DataSet;
  /** Texels per image: inputs / 4, rounded up. */
  readonly texels: number;
  /** Images per texture layer, the same for all splits. */
  readonly imagesPerLayer: number;
  /** [texels] scale and shift of 4 values: x = byte / 255 * scale + shift; of numbers, 1 and 0. */
  readonly standard: GPUBuffer;
  readonly #gpu: Gpu;
  readonly #memory: Memory;
  readonly #parts = new Map<Split, Promise<DeviceImages>>();
  #destroyed = false;

  /**
   * Prepares a data set for a device.
   *
   * @param gpu The device.
   * @param source The data set.
   * @throws {ArgumentError} If they are something else, or the images are too large or too many for the adapter.
   */
  constructor(gpu: Gpu, source: DataSet) {
    checkGpu(gpu, "put data on the GPU");
    checkDataSet(source, "put data on the GPU");
    this.#gpu = gpu;
    this.source = source;
    this.texels = Math.ceil(source.inputs / 4);
    const { maxTextureDimension2D, maxTextureArrayLayers } = gpu.device.limits;
    const images = Math.max(source.training.count, source.validation.count, source.test.count);
    const layers = Math.ceil(images / maxTextureDimension2D);
    if (this.texels > maxTextureDimension2D || layers > maxTextureArrayLayers) {
      throw new ArgumentError(
        `Cannot hold ${images} images of ${source.inputs} values: this adapter holds at most ` +
          `${maxTextureDimension2D * maxTextureArrayLayers} of at most ${
            4 * maxTextureDimension2D
          } ` +
          "(maxTextureArrayLayers, maxTextureDimension2D)",
      );
    }
    this.imagesPerLayer = Math.ceil(images / layers);
    this.#memory = new Memory(gpu);
    this.standard = this.#memory.upload("standardisation", standardisation(source, this.texels));
  }

  /**
   * Gets a split of the data set; the first call uploads it.
   *
   * @param split Which part of the data.
   * @returns Its images and labels; of an empty split, memory that nothing reads.
   * @throws {ArgumentError} If the adapter has no memory left for them, a standardised value is beyond the largest float32,
   * or the data set was destroyed.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async part(split: Split): Promise<DeviceImages> {
    this.check();
    return await cached(this.#parts, split, () => this.#load(split));
  }

  /**
   * Checks that the data can be used.
   *
   * @param gpu The device to use it on; its own unless given.
   * @throws {ArgumentError} If the data was destroyed, or is on another device.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  check(gpu: Gpu = this.#gpu): void {
    if (gpu !== this.#gpu) {
      throw new ArgumentError("Cannot use the data on this GPU: it is on another device");
    }
    if (this.#destroyed) {
      throw new ArgumentError("Cannot use the data on the GPU: it was destroyed");
    }
    this.#gpu.check();
  }

  /** Frees the memory on the GPU. */
  destroy(): void {
    this.#destroyed = true;
    this.#memory.destroy();
    this.#parts.clear();
  }

  /** The same as {@linkcode DeviceDataSet.destroy}, for `using`. */
  [Symbol.dispose](): void {
    this.destroy();
  }

  /** Allocates in its own `Memory`, so that a failure leaves the other splits intact. */
  async #load(split: Split): Promise<DeviceImages> {
    const { texels, imagesPerLayer, source } = this;
    const { count, labels } = source[split];
    const rows = Math.max(1, count); // Neither a texture nor a buffer may be empty.
    const memory = new Memory(this.#gpu);
    try {
      const images = memory.texture({
        label: `${split} images`,
        size: [texels, Math.min(rows, imagesPerLayer), Math.ceil(rows / imagesPerLayer)],
        format: source.input === "floats" ? "rgba32float" : "rgba8unorm",
        usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
      });
      const classes = new Uint32Array(rows);
      classes.set(labels);
      const uploaded = memory.upload(`${split} labels`, classes);
      await memory.ready();
      this.check();
      if (count > 0) await this.#upload(images.texture, split);
      this.#memory.adopt(memory);
      return { count, images: images.view, labels: uploaded };
    } catch (error) {
      memory.destroy();
      throw error;
    }
  }

  async #upload(texture: GPUTexture, split: Split): Promise<void> {
    const { queue } = this.#gpu.device;
    const { imagesPerLayer, source } = this;
    for (let layer = 0; layer < texture.depthOrArrayLayers; layer++) {
      const first = layer * imagesPerLayer;
      const end = Math.min(first + imagesPerLayer, source[split].count);
      if (source.input === "floats") this.#writeFloats(texture, { split, layer, first, end });
      else this.#writeBytes(texture, { split, layer, first, end });
      // Written data stays in staging memory until it is copied: without a wait, all images would be in memory twice.
      queue.submit([]);
      const { over, heard } = this.#gpu.completion();
      if (!over) await heard;
      this.check();
    }
  }

  #writeBytes(texture: GPUTexture, { split, layer, first, end }: LayerRows): void {
    const { texels, source } = this;
    const { inputs } = source;
    const images = source[split].images as Uint8Array;
    const bytes = images.subarray(first * inputs, end * inputs);
    this.#gpu.device.queue.writeTexture(
      { texture, origin: [0, 0, layer] },
      padded(bytes, { texels, inputs }),
      { bytesPerRow: 4 * texels, rowsPerImage: end - first },
      [texels, end - first, 1],
    );
  }

  #writeFloats(texture: GPUTexture, { split, layer, first, end }: LayerRows): void {
    const { texels, source } = this;
    const { inputs } = source;
    const { images } = source[split];
    const rows = Math.max(1, Math.floor(VALUES_AT_A_TIME / inputs));
    for (let from = first; from < end; from += rows) {
      const n = Math.min(rows, end - from);
      const values = standardise(images.subarray(from * inputs, (from + n) * inputs), source);
      this.#gpu.device.queue.writeTexture(
        { texture, origin: [0, from - first, layer] },
        texelsOf(values, { texels, inputs, what: `${split} image`, first: from }),
        { bytesPerRow: 16 * texels, rowsPerImage: n },
        [texels, n, 1],
      );
    }
  }
}

/** Images of a split from `first` up to `end`, all those of a layer of the texture. */
interface LayerRows {
  readonly split: Split;
  readonly layer: number;
  readonly first: number;
  readonly end: number;
}

/** Fills each image up to whole texels with zeros; images that are whole texels are not copied. */
export function padded(
  bytes: Uint8Array,
  { texels, inputs }: { readonly texels: number; readonly inputs: number },
): Uint8Array<ArrayBuffer> {
  if (inputs === 4 * texels) return bytes as Uint8Array<ArrayBuffer>;
  const n = bytes.length / inputs;
  const result = new Uint8Array(n * 4 * texels);
  for (let i = 0; i < n; i++) {
    result.set(bytes.subarray(i * inputs, (i + 1) * inputs), i * 4 * texels);
  }
  return result;
}

/**
 * Rounds images to float32, each filled up to whole texels with zeros.
 *
 * @param values Standardised images, [n, inputs].
 * @param options Sizes, and for messages what each image is and the number of the first.
 * @throws {ArgumentError} If a value is beyond the largest float32.
 */
export function texelsOf(
  values: Float32Array | Float64Array,
  options: { texels: number; inputs: number; what: string; first: number },
): Float32Array<ArrayBuffer> {
  const { texels, inputs, what, first } = options;
  const n = values.length / inputs;
  const result = new Float32Array(n * 4 * texels);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < inputs; j++) {
      const value = values[i * inputs + j];
      const rounded = Math.fround(value);
      if (!Number.isFinite(rounded)) {
        throw new ArgumentError(
          `Cannot use ${what} ${
            first + i
          } (from 0): its value ${j} is ${value} standard deviations from ` +
            "the mean of the training images, expected at most 3.4e38",
        );
      }
      result[i * 4 * texels + j] = rounded;
    }
  }
  return result;
}

/** Scale and shift of each texel's four values; 0 beyond an image's last value. */
export function standardisation(
  { input, inputs, mean, std }: Pick<DataSet, "input" | "inputs" | "mean" | "std">,
  texels: number,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(8 * texels);
  for (let i = 0; i < inputs; i++) {
    const at = 8 * Math.floor(i / 4) + i % 4;
    result[at] = input === "floats" ? 1 : 1 / std[i];
    result[at + 4] = input === "floats" ? 0 : -mean[i] / std[i];
  }
  return result;
}
