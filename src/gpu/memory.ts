/**
 * Memory on the GPU that is taken piece by piece and freed together.
 *
 * @module
 */

import { ArgumentError, GpuError } from "../errors.ts";
import type { Gpu } from "./device.ts";
import { scoped } from "./scopes.ts";

/** Numbers in fours, in a texture that kernels read and write. */
export interface Texels {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
}

/** The owner of buffers and textures. */
export class Memory {
  readonly #gpu: Gpu;
  readonly #owned: (GPUBuffer | GPUTexture)[] = [];
  #made: Promise<void>[] = [];

  /** @param gpu The device. */
  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /**
   * Makes something that needs memory, and frees the memory if that fails.
   *
   * @param gpu The device.
   * @param make Makes it, and takes the memory.
   * @returns What was made; it owns the memory from then on.
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
    return this.#own(label, () => this.#gpu.buffer(label, 4 * words, usage));
  }

  /**
   * Takes a buffer and fills it.
   *
   * @param label What to call it in messages.
   * @param contents What goes in.
   * @param usage How it is used; storage, copied to and from, unless told otherwise.
   * @returns The buffer.
   * @throws {ArgumentError} If it is larger than the adapter can hold.
   */
  upload(
    label: string,
    contents: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>,
    usage?: GPUBufferUsageFlags,
  ): GPUBuffer {
    return this.#own(label, () => this.#gpu.upload(label, contents, usage));
  }

  /**
   * Takes a uniform buffer and fills it.
   *
   * @param label What to call it in messages.
   * @param contents What goes in; it may be replaced later.
   * @returns The buffer.
   */
  uniform(label: string, contents: Uint32Array<ArrayBuffer>): GPUBuffer {
    return this.upload(label, contents, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
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
    return this.texture({
      label,
      size: [...size],
      format: "rgba32float",
      usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.STORAGE_BINDING |
        GPUTextureUsage.COPY_DST | GPUTextureUsage.COPY_SRC,
    });
  }

  /**
   * Takes a texture of any kind.
   *
   * @param descriptor What WebGPU makes it from; the label is a plural.
   * @returns The texture, filled with zeros.
   */
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
   * Waits until it is known that the adapter had room for all that was taken. Nothing else may be done with it before.
   *
   * @throws {ArgumentError} If it had none.
   * @throws {GpuError} If the device refused something else.
   */
  async ready(): Promise<void> {
    const made = this.#made;
    this.#made = [];
    await Promise.all(made);
  }

  /**
   * Takes over what another owns.
   *
   * @param other The other, which owns nothing then.
   */
  adopt(other: Memory): void {
    this.#owned.push(...other.#owned.splice(0));
  }

  /** Frees all of it. */
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
          `The adapter has no memory left for the ${label} (${outOfMemory.message}): ` +
            "use smaller layers, smaller batches or fewer networks",
        );
      }
      if (invalid) throw new GpuError(`The GPU refused an operation: ${invalid.message}`);
    });
    made.catch(() => {}); // ready() throws it.
    this.#made.push(made);
    return value;
  }
}
