/**
 * A data set on the GPU: images as bytes in textures, labels, and what standardises the images.
 *
 * @module
 */

import type { DataSet, Records } from "./dataset.ts";
import { ArgumentError } from "./errors.ts";
import type { Gpu } from "./gpu.ts";

/** The parts of a data set. */
export type Split = "training" | "validation" | "test";

/** Images and labels of one part of a data set on the GPU. */
export interface DeviceRecords {
  /** How many. */
  readonly count: number;
  /** Texel (k, n % imagesPerLayer) of layer n / imagesPerLayer: bytes 4k … 4k + 3 of image n. */
  readonly images: GPUTextureView;
  /** [count] u32. */
  readonly labels: GPUBuffer;
}

/**
 * A data set on the GPU. A part goes there when it is first asked for.
 *
 * Images are kept in textures of four bytes a texel rather than in buffers: 45,000 CIFAR-10 images are more than some
 * adapters bind as one buffer (128 MiB), and a software driver reads a texel at a third of the cost.
 */
export class DeviceDataSet {
  /** The data set that this is a copy of. */
  readonly source: DataSet;
  /** Texels per image: inputs / 4, rounded up. */
  readonly texels: number;
  /** Images in a layer of a texture, the same for all parts. */
  readonly imagesPerLayer: number;
  /** [texels] scale and shift of 4 pixels, so that x = byte / 255 * scale + shift. */
  readonly standard: GPUBuffer;
  #gpu: Gpu;
  #parts = new Map<Split, DeviceRecords>();
  #textures: GPUTexture[] = [];

  /**
   * Prepares a data set for a device.
   *
   * @param gpu The device.
   * @param source The data set.
   * @throws {ArgumentError} If an image has more values, or there are more images, than the adapter can hold.
   */
  constructor(gpu: Gpu, source: DataSet) {
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
          }`,
      );
    }
    this.imagesPerLayer = Math.ceil(images / layers);
    this.standard = gpu.upload("standardisation", standardisation(source, this.texels));
  }

  /**
   * Gives a part of the data set, after having copied it to the GPU if it was not there.
   *
   * @param split Which part.
   * @returns Its images and labels.
   */
  part(split: Split): DeviceRecords {
    let part = this.#parts.get(split);
    if (!part) {
      const records = this.source[split];
      const labels = this.#gpu.upload(`${split} labels`, Uint32Array.from(records.labels));
      part = { count: records.count, images: this.#uploadImages(split, records), labels };
      this.#parts.set(split, part);
    }
    return part;
  }

  /** Frees the memory on the GPU. */
  destroy(): void {
    this.standard.destroy();
    for (const { labels } of this.#parts.values()) labels.destroy();
    for (const texture of this.#textures) texture.destroy();
    this.#parts.clear();
  }

  #uploadImages(split: Split, { images, count }: Records): GPUTextureView {
    const { queue } = this.#gpu.device;
    const { texels, imagesPerLayer, source: { inputs } } = this;
    const layers = Math.ceil(count / imagesPerLayer);
    const height = Math.min(count, imagesPerLayer);
    const texture = this.#gpu.device.createTexture({
      label: `${split} images`,
      size: [texels, height, layers],
      format: "rgba8unorm",
      usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
    });
    this.#textures.push(texture);
    for (let layer = 0; layer < layers; layer++) {
      const first = layer * imagesPerLayer;
      const n = Math.min(imagesPerLayer, count - first);
      const bytes = images.subarray(first * inputs, (first + n) * inputs);
      queue.writeTexture(
        { texture, origin: [0, 0, layer] },
        whole(bytes, inputs, texels) as Uint8Array<ArrayBuffer>,
        { bytesPerRow: 4 * texels, rowsPerImage: n },
        [texels, n, 1],
      );
      // What was written waits in staging memory for a submit: without one a copy of all images would pile up.
      queue.submit([]);
    }
    return texture.createView({ dimension: "2d-array" });
  }
}

/** Fills every image up to whole texels. */
function whole(bytes: Uint8Array, inputs: number, texels: number): Uint8Array {
  if (inputs === 4 * texels) return bytes;
  const n = bytes.length / inputs;
  const padded = new Uint8Array(n * 4 * texels);
  for (let i = 0; i < n; i++) {
    padded.set(bytes.subarray(i * inputs, (i + 1) * inputs), i * 4 * texels);
  }
  return padded;
}

/** Scale and shift of each texel's four pixels; 0 where an image has no more pixels. */
function standardisation(
  { inputs, mean, std }: DataSet,
  texels: number,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(8 * texels);
  for (let i = 0; i < inputs; i++) {
    const at = 8 * Math.floor(i / 4) + i % 4;
    result[at] = 1 / std[i];
    result[at + 4] = -mean[i] / std[i];
  }
  return result;
}
