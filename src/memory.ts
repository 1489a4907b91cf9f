/**
 * Memory on the GPU that is taken piece by piece and freed together.
 *
 * @module
 */

import { ArgumentError } from "./errors.ts";
import type { Gpu } from "./gpu.ts";

/** Numbers in fours, in a texture that kernels read and write. */
export interface Texels {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
}

/** The owner of buffers and textures. */
export class Memory {
  readonly #gpu: Gpu;
  readonly #owned: (GPUBuffer | GPUTexture)[] = [];

  /** @param gpu The device. */
  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /**
   * Takes a buffer.
   *
   * @param label What to call it in messages.
   * @param words Its length in words of 4 bytes.
   * @param usage How it is used; storage, copied to and from, unless told otherwise.
   * @returns The buffer, filled with zeros.
   * @throws {ArgumentError} If it is larger than the adapter can hold.
   */
  buffer(label: string, words: number, usage?: GPUBufferUsageFlags): GPUBuffer {
    const buffer = this.#gpu.buffer(label, 4 * words, usage);
    this.#owned.push(buffer);
    return buffer;
  }

  /**
   * Takes a texture of float32 numbers in fours.
   *
   * @param label What to call it in messages, a plural.
   * @param size Texels along each axis.
   * @returns The texture, filled with zeros.
   * @throws {ArgumentError} If it is larger than the adapter can hold.
   */
  texels(label: string, size: readonly [width: number, height: number, layers: number]): Texels {
    const { maxTextureDimension2D, maxTextureArrayLayers } = this.#gpu.device.limits;
    const [width, height, layers] = size;
    if (Math.max(width, height) > maxTextureDimension2D || layers > maxTextureArrayLayers) {
      throw new ArgumentError(
        `The ${label} need a texture of ${width} x ${height} x ${layers}, and this adapter holds at most ` +
          `${maxTextureDimension2D} x ${maxTextureDimension2D} x ${maxTextureArrayLayers}: ` +
          "use smaller layers, smaller batches or fewer networks",
      );
    }
    const texture = this.#gpu.device.createTexture({
      label,
      size: [...size],
      format: "rgba32float",
      usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.STORAGE_BINDING |
        GPUTextureUsage.COPY_DST | GPUTextureUsage.COPY_SRC,
    });
    this.#owned.push(texture);
    return { texture, view: texture.createView({ dimension: "2d-array" }) };
  }

  /** Frees all of it. */
  destroy(): void {
    for (const owned of this.#owned) owned.destroy();
    this.#owned.length = 0;
  }
}
