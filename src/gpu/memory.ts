/**
 * Memory on the GPU, allocated piece by piece and freed together.
 *
 * @module
 */

import { ArgumentError, GpuError } from "../errors.ts";
import { amount, USE_LESS } from "./amounts.ts";
import type { Gpu } from "./device.ts";
import { scoped } from "./scopes.ts";

/** A texture of four numbers a texel that kernels read and write. */
export interface Texels {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
}

/**
 * Owns buffers and textures, which are zero at first. Labels name them in messages; those of textures are plurals.
 * Allocations larger than the adapter can hold throw an `ArgumentError`.
 */
export class Memory {
  readonly #gpu: Gpu;
  readonly #owned: (GPUBuffer | GPUTexture)[] = [];
  #made: Promise<void>[] = [];

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /**
   * Makes something that needs memory, and frees the memory if that fails.
   *
   * @param gpu The device.
   * @param make Allocates the memory and makes it.
   * @returns What was made, which now owns the memory.
   */
  static async hold<T>(gpu: Gpu, make: (memory: Memory) => Promise<T>): Promise<T> {
    const memory = new Memory(gpu);
    try {
      return await make(memory);
    } catch (error) {
      memory.destroy();
      throw error;
    }
  }

  /** Allocates a buffer, its size in words of 4 bytes; storage, copied to and from, unless `usage` is given. */
  buffer(label: string, words: number, usage?: GPUBufferUsageFlags): GPUBuffer {
    return this.#own(label, () => this.#gpu.buffer(label, 4 * words, usage));
  }

  /** Allocates a buffer and fills it. */
  upload(
    label: string,
    contents: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>,
    usage?: GPUBufferUsageFlags,
  ): GPUBuffer {
    return this.#own(label, () => this.#gpu.upload(label, contents, usage));
  }

  /** Allocates a uniform buffer and fills it; its contents may be replaced later. */
  uniform(label: string, contents: Uint32Array<ArrayBuffer>): GPUBuffer {
    return this.upload(label, contents, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
  }

  /** Allocates a texture of four float32 numbers a texel. */
  texels(label: string, size: readonly [width: number, height: number, layers: number]): Texels {
    const { maxTextureDimension2D, maxTextureArrayLayers } = this.#gpu.device.limits;
    const [width, height, layers] = size;
    if (Math.max(width, height) > maxTextureDimension2D || layers > maxTextureArrayLayers) {
      throw new ArgumentError(
        `The ${label} need a texture of ${width} x ${height} x ${layers}, and this adapter holds at most ` +
          `${maxTextureDimension2D} x ${maxTextureDimension2D} x ${maxTextureArrayLayers} ` +
          `(maxTextureDimension2D, maxTextureArrayLayers): ${USE_LESS}`,
      );
    }
    return this.texture({
      label,
      size: [...size],
      format: "rgba32float",
      usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.STORAGE_BINDING |
        GPUTextureUsage.COPY_DST | GPUTextureUsage.COPY_SRC,
    });
  }

  /** Allocates a texture of any kind. */
  texture(descriptor: GPUTextureDescriptor & { readonly label: string }): Texels {
    let view: GPUTextureView;
    const texture = this.#own(descriptor.label, () => {
      const made = this.#gpu.device.createTexture(descriptor);
      view = made.createView({ dimension: "2d-array" });
      return made;
    });
    return { texture, view: view! };
  }

  /**
   * Waits until everything allocated so far is known to fit. Nothing may be used before.
   *
   * @throws {ArgumentError} If the adapter ran out of memory.
   * @throws {GpuError} If the device refused something else.
   */
  async ready(): Promise<void> {
    const made = this.#made;
    this.#made = [];
    await Promise.all(made);
  }

  /** Takes over everything that another `Memory` owns. */
  adopt(other: Memory): void {
    this.#owned.push(...other.#owned.splice(0));
  }

  /** Frees everything. */
  destroy(): void {
    for (const owned of this.#owned) owned.destroy();
    this.#owned.length = 0;
  }

  #own<T extends GPUBuffer | GPUTexture>(label: string, make: () => T): T {
    const { value, errors } = scoped(this.#gpu.device, make);
    this.#owned.push(value);
    const made = errors.then(({ outOfMemory, invalid }) => {
      if (outOfMemory) {
        throw new ArgumentError(
          `The adapter has no memory left for the ${label}, ${amount(bytesOf(value))} ` +
            `(${outOfMemory.message}): ${USE_LESS}`,
        );
      }
      if (invalid) throw new GpuError(`The GPU refused an operation: ${invalid.message}`);
    });
    made.catch(() => {}); // ready() throws it.
    this.#made.push(made);
    return value;
  }
}

function bytesOf(made: GPUBuffer | GPUTexture): number {
  if (!("format" in made)) return made.size;
  const { width, height, depthOrArrayLayers, format } = made;
  return width * height * depthOrArrayLayers * (format === "rgba32float" ? 16 : 4);
}
