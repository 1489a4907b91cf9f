/**
 * A WebGPU device with its errors made fatal: nothing that the GPU refuses goes by unnoticed.
 *
 * @module
 */

import { ArgumentError, DeviceLostError, GpuError, GpuUnavailableError } from "./errors.ts";

/** What is known of an adapter, as plain values. */
export interface AdapterSummary {
  /** What the driver calls it, as in "llvmpipe (LLVM 15.0.6, 256 bits)". */
  readonly description: string;
  /** A name, or a vendor number as a decimal string. */
  readonly vendor: string;
  /** Whether it computes on the CPU. */
  readonly software: boolean;
}

/** A device, what it can do, and the first thing that went wrong with it. */
export class Gpu {
  /** The device; its buffers and pipelines may be used beside those made here. */
  readonly device: GPUDevice;
  /** The adapter behind the device. */
  readonly adapter: AdapterSummary;
  #failure: Error | undefined;
  #destroyed = false;
  #lost: Promise<never>;

  /**
   * Takes over a device of the caller's. From here on every uncaptured error of the device is kept and thrown by the
   * next {@linkcode Gpu.check}.
   *
   * @param device The device.
   * @param adapter What to call it; read from the device where it tells.
   */
  constructor(device: GPUDevice, adapter: AdapterSummary = summarise(device.adapterInfo)) {
    this.device = device;
    this.adapter = adapter;
    device.addEventListener("uncapturederror", (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      this.#fail(new GpuError(`The GPU refused an operation: ${error.message}`));
    });
    this.#lost = device.lost.then(({ message }) => {
      if (this.#destroyed) return new Promise<never>(() => {});
      this.#fail(new DeviceLostError(`The GPU device was lost: ${message || "no reason given"}`));
      throw this.#failure;
    });
    this.#lost.catch(() => {}); // check() throws it where somebody listens.
  }

  /**
   * Asks for an adapter and a device with all that the adapter allows.
   *
   * @returns The device, ready for use.
   * @throws {GpuUnavailableError} If there is no WebGPU, no adapter, or the adapter gives no device.
   */
  static async request(): Promise<Gpu> {
    const adapter = await globalThis.navigator?.gpu?.requestAdapter({
      powerPreference: "high-performance",
    });
    if (!adapter) {
      throw new GpuUnavailableError(
        "No GPU adapter was found: install a Vulkan driver (a hardware vendor's, or Mesa's software driver: " +
          "mesa-vulkan-drivers on Debian and Ubuntu, mesa-vulkan-drivers on Fedora, mesa-vulkan-swrast on Alpine)",
      );
    }
    const { limits } = adapter;
    const device = await adapter.requestDevice({
      requiredFeatures: adapter.features.has("timestamp-query") ? ["timestamp-query"] : [],
      requiredLimits: {
        maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
        maxBufferSize: limits.maxBufferSize,
        maxTextureDimension2D: limits.maxTextureDimension2D,
        maxTextureArrayLayers: limits.maxTextureArrayLayers,
        maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
        maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
        maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
        maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
        maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
        minUniformBufferOffsetAlignment: limits.minUniformBufferOffsetAlignment,
      },
    }).catch((error: Error) => {
      throw new GpuUnavailableError(`The GPU adapter gave no device: ${error.message}`);
    });
    return new Gpu(device, summarise(adapter.info));
  }

  /**
   * Throws the first thing that went wrong, if anything did.
   *
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /**
   * Waits until all that was submitted is done.
   *
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async done(): Promise<void> {
    await this.orLost(this.device.queue.onSubmittedWorkDone());
  }

  /**
   * Waits for a promise of the device's, but not for longer than the device is there.
   *
   * @param promise What to wait for.
   * @returns What it gives.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async orLost<T>(promise: Promise<T>): Promise<T> {
    try {
      return await Promise.race([promise, this.#lost]);
    } catch (error) {
      this.check();
      throw error;
    } finally {
      this.check();
    }
  }

  /**
   * Makes a buffer.
   *
   * @param label What to call it in messages.
   * @param size Bytes, rounded up to a multiple of 4.
   * @param usage How it is used; storage, copied to and from, unless told otherwise.
   * @returns The buffer, filled with zeros.
   * @throws {ArgumentError} If it is larger than the adapter can hold.
   */
  buffer(label: string, size: number, usage: GPUBufferUsageFlags = STORAGE): GPUBuffer {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const most = usage & GPUBufferUsage.STORAGE
      ? Math.min(maxBufferSize, maxStorageBufferBindingSize)
      : maxBufferSize;
    if (size > most) {
      throw new ArgumentError(
        `The ${label} need ${size} bytes, and this adapter holds at most ${most} in one buffer: ` +
          "use smaller layers, smaller batches or fewer networks",
      );
    }
    return this.device.createBuffer({ label, size: Math.max(4, Math.ceil(size / 4) * 4), usage });
  }

  /**
   * Makes a buffer and fills it.
   *
   * @param label What to call it in messages.
   * @param contents What goes in; a whole number of 4-byte words.
   * @param usage How it is used; storage, copied to and from, unless told otherwise.
   * @returns The buffer.
   * @throws {ArgumentError} If it is larger than the adapter can hold.
   */
  upload(
    label: string,
    contents: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>,
    usage: GPUBufferUsageFlags = STORAGE,
  ): GPUBuffer {
    const buffer = this.buffer(label, contents.byteLength, usage);
    this.device.queue.writeBuffer(buffer, 0, contents);
    return buffer;
  }

  /**
   * Reads a buffer back, which waits for all that was submitted before.
   *
   * @param buffer The buffer; it must allow copying from.
   * @param size How many bytes from its beginning; all of them unless told otherwise.
   * @returns A copy of its contents.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async read(buffer: GPUBuffer, size: number = buffer.size): Promise<ArrayBuffer> {
    const { device } = this;
    const staging = device.createBuffer({
      label: `${buffer.label}, read back`,
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    try {
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, 0, staging, 0, size);
      device.queue.submit([encoder.finish()]);
      await this.orLost(staging.mapAsync(GPUMapMode.READ));
      return staging.getMappedRange().slice(0);
    } finally {
      staging.destroy();
    }
  }

  /** Gives the device back; what was made on it can no longer be used. */
  destroy(): void {
    this.#destroyed = true;
    this.device.destroy();
  }

  #fail(failure: Error): void {
    this.#failure ??= failure;
  }
}

const STORAGE = 0x80 | 0x4 | 0x8; // GPUBufferUsage STORAGE, COPY_SRC, COPY_DST; the names exist only where WebGPU does.

function summarise(info: GPUAdapterInfo): AdapterSummary {
  return {
    description: info.description || info.device || info.architecture || info.vendor ||
      "unnamed adapter",
    vendor: info.vendor,
    software: info.isFallbackAdapter ||
      /llvmpipe|lavapipe|softpipe|swiftshader|software/i.test(info.description),
  };
}
