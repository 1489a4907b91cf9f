/**
 * A WebGPU device whose errors are fatal: nothing that the GPU refuses goes unnoticed.
 *
 * @module
 */

import {
  ArgumentError,
  DeviceLostError,
  GpuError,
  GpuUnavailableError,
  nameOf,
} from "../errors.ts";
import { amount, exactAmount, USE_LESS } from "./amounts.ts";
import { explainNoAdapter, explainNoWebGpu, runtimeOf } from "./runtime.ts";
import { scoped } from "./scopes.ts";

/** A description of an adapter, as plain values. */
export interface AdapterSummary {
  /** What the driver calls it, as in "llvmpipe (LLVM 15.0.6, 256 bits)". */
  readonly description: string;
  /** A name, or a vendor number as a decimal string. */
  readonly vendor: string;
  /** Whether it computes on the CPU. */
  readonly software: boolean;
}

/** A call that takes this many milliseconds has blocked; one that does not block takes microseconds. */
const VISIBLE_WAIT = 1;

/** How many such calls show that the call blocks: once could be a pause of the runtime. */
const CONVINCING = 2;

/** Browsers never block such a call, though the system may pause this program within one. */
const IN_BROWSER = runtimeOf(globalThis).name === "browser";

/**
 * How long the loss of a device may take to be heard after the failures that it causes, in milliseconds, in browsers,
 * where the device is in another process.
 */
const LOSS_HEARD = 500;

/** The end of all work submitted so far. */
export interface Completion {
  /** Resolves when the work is done. */
  readonly heard: Promise<void>;
  /**
   * Whether the work was done when the call returned. In Deno it always is: the call itself blocks, and its promise
   * resolves some 11 ms later.
   */
  readonly over: boolean;
}

/**
 * A device, what it can do, and the first thing that went wrong with it. Once it was destroyed, all that uses it throws an
 * `ArgumentError`.
 *
 * @example Numbers to the GPU and back
 * ```ts
 * import { Gpu } from "@headless/mlp";
 * import { assertEquals } from "@std/assert";
 *
 * using gpu = await Gpu.request(); // destroyed at the end of the block
 * const numbers = gpu.upload("numbers", Float32Array.of(1, 2, 3));
 * assertEquals(new Float32Array(await gpu.read(numbers)), Float32Array.of(1, 2, 3));
 * ```
 */
export class Gpu {
  /** The device; buffers and pipelines made on it directly may be used beside those made here. */
  readonly device: GPUDevice;
  /** The adapter behind the device. */
  readonly adapter: AdapterSummary;
  #failure: Error | undefined;
  #destroyed = false;
  /** Reject the promises that wait for the device. */
  readonly #waiting = new Set<(reason: Error) => void>();
  /** Resolves a turn after the device is lost. */
  readonly #lost: Promise<unknown>;
  /** Stops listening to the device. */
  readonly #leave: () => void;
  /** Whether the device was requested here, and goes with this object. */
  #owned = false;
  /** Calls that blocked until the GPU was done. */
  #visibleWaits = 0;

  /**
   * Wraps the caller's device. From now on its first uncaptured error is kept, and {@linkcode Gpu.check} throws it.
   *
   * @param device The device.
   * @param adapter Its adapter; taken from the device unless given.
   * @throws {ArgumentError} If it is not a device.
   */
  constructor(device: GPUDevice, adapter?: AdapterSummary) {
    if (typeof device?.addEventListener !== "function" || typeof device.lost !== "object") {
      throw new ArgumentError(
        `Cannot use the device: it is ${
          nameOf(device)
        }, expected a GPUDevice of this runtime's WebGPU`,
      );
    }
    this.device = device;
    this.adapter = adapter ?? summarise(device.adapterInfo);
    // Nobody can stop listening to the promise of a loss: it holds this object by a link that can be cut.
    const link: { gpu?: Gpu } = { gpu: this };
    const hear = (event: Event) => {
      if (link.gpu) link.gpu.#hearError((event as GPUUncapturedErrorEvent).error);
    };
    device.addEventListener("uncapturederror", hear);
    this.#lost = device.lost.then(({ message }) => {
      if (link.gpu) link.gpu.#hearLoss(message);
    });
    this.#leave = () => {
      link.gpu = undefined;
      device.removeEventListener("uncapturederror", hear);
    };
  }

  /**
   * Requests an adapter, and a device with the largest limits that the adapter allows.
   *
   * @returns The device, ready for use.
   * @throws {GpuUnavailableError} If there is no WebGPU or no adapter, or the adapter does not give a device.
   */
  static async request(): Promise<Gpu> {
    const found = globalThis.navigator?.gpu;
    if (!found) throw new GpuUnavailableError(explainNoWebGpu(runtimeOf(globalThis)));
    const adapter = await found.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter) throw new GpuUnavailableError(explainNoAdapter(runtimeOf(globalThis)));
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
    const gpu = new Gpu(device, summarise(adapter.info));
    gpu.#owned = true;
    return gpu;
  }

  /**
   * Throws the first error, if there was one.
   *
   * @throws {ArgumentError} If {@linkcode Gpu.destroy} was called.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  check(): void {
    if (this.#failure) throw this.#failure;
    if (this.#destroyed) throw destroyedError();
  }

  /**
   * Waits until all submitted work is done.
   *
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async done(): Promise<void> {
    await this.completion().heard;
  }

  /**
   * Asks for the end of all submitted work. In Deno this blocks until then; elsewhere it returns at once.
   *
   * @returns The promise, and whether the work is already done.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  completion(): Completion {
    this.check();
    const began = performance.now();
    const done = this.device.queue.onSubmittedWorkDone();
    if (performance.now() - began >= VISIBLE_WAIT) this.#visibleWaits++;
    const heard = this.orLost(done);
    heard.catch(() => {}); // Thrown where it is awaited; after another failure nobody may await it.
    return { heard, over: !IN_BROWSER && this.#visibleWaits >= CONVINCING };
  }

  /**
   * Waits for a promise of the device, at most until the device is lost or destroyed.
   *
   * @param promise The promise.
   * @returns Its value.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async orLost<T>(promise: Promise<T>): Promise<T> {
    // A promise for this wait alone: each race with one that never settles would leave a reaction behind in it.
    const { promise: lost, reject } = Promise.withResolvers<never>();
    const settled = promise.finally(() => this.#waiting.delete(reject));
    this.#waiting.add(reject);
    if (this.#failure || this.#destroyed) this.#rejectWaiting();
    try {
      return await Promise.race([settled, lost]);
    } catch (error) {
      if (!this.#failure) await this.#lossAfter(error);
      throw error;
    } finally {
      this.check(); // The first error explains this one.
    }
  }

  /**
   * Makes a buffer.
   *
   * @param label Its name in messages.
   * @param size Bytes, rounded up to a multiple of 4.
   * @param usage How it is used; storage, copied to and from, unless given.
   * @returns The buffer, filled with zeros.
   * @throws {ArgumentError} If it is larger than the adapter can hold.
   */
  buffer(label: string, size: number, usage: GPUBufferUsageFlags = STORAGE): GPUBuffer {
    if (this.#destroyed) throw destroyedError();
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const bound = usage & GPUBufferUsage.STORAGE ? maxStorageBufferBindingSize : Infinity;
    const max = Math.min(maxBufferSize, bound);
    if (size > max) {
      const limit = max === maxBufferSize ? "maxBufferSize" : "maxStorageBufferBindingSize";
      const held = `${exactAmount(max)} in one buffer (${limit})`;
      throw new ArgumentError(
        `The ${label} need ${
          exactAmount(size)
        }, and this adapter holds at most ${held}: ${USE_LESS}`,
      );
    }
    return this.device.createBuffer({ label, size: Math.max(4, Math.ceil(size / 4) * 4), usage });
  }

  /**
   * Makes a buffer and fills it.
   *
   * @param label Its name in messages.
   * @param contents Its contents, a whole number of 4-byte words.
   * @param usage How it is used; storage, copied to and from, unless given.
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
   * Reads a buffer back, after all work submitted before.
   *
   * @param buffer The buffer; it must allow copying from.
   * @param size Bytes to read from its beginning; all unless given.
   * @returns A copy of its contents.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async read(buffer: GPUBuffer, size: number = buffer.size): Promise<ArrayBuffer> {
    this.check();
    const { device } = this;
    const staging = this.staging(buffer, size);
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

  /**
   * Makes a buffer that another is copied to, to be read. If there is no memory for it, {@linkcode Gpu.check} says so.
   *
   * @param buffer What is to be read.
   * @param size Bytes of it.
   * @returns The buffer to copy to and to map.
   */
  staging({ label }: GPUBuffer, size: number): GPUBuffer {
    const { device } = this;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const { value, errors } = scoped(
      device,
      () => device.createBuffer({ label: `${label}, read back`, size, usage }),
    );
    errors.then(({ outOfMemory, invalid }) => {
      // The first error explains those of the copy that follow.
      if (outOfMemory) {
        this.#fail(
          new GpuError(
            `Cannot read the ${label} back: the adapter has no memory left for ${amount(size)} ` +
              `(${outOfMemory.message}); ${USE_LESS}`,
          ),
        );
      } else if (invalid) this.#fail(refusal(invalid));
    });
    return value;
  }

  /**
   * Ends the use of the device: nothing that was made here can be used any more. A device from {@linkcode Gpu.request} is
   * destroyed, with all memory on it. A device that the caller passed in stays theirs as it is: trainings and data on it
   * keep their memory until they are destroyed themselves, which they can be before or after.
   */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#leave();
    if (this.#owned) this.device.destroy();
    this.#rejectWaiting();
  }

  /** The same as {@linkcode Gpu.destroy}, for `using`. */
  [Symbol.dispose](): void {
    this.destroy();
  }

  #hearError(error: GPUError): void {
    this.#fail(
      error instanceof GPUOutOfMemoryError
        ? new GpuError(`The GPU ran out of memory (${error.message}): ${USE_LESS}`)
        : refusal(error),
    );
  }

  #hearLoss(message: string): void {
    this.#fail(lossError(message));
    this.#rejectWaiting();
  }

  /** Waits after a failure until the loss that may have caused it would be known. */
  async #lossAfter(error: unknown): Promise<void> {
    // What browsers reject with when a device is lost; elsewhere a turn of the event loop is enough.
    const mayBeLost = IN_BROWSER && error instanceof DOMException;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const waited = new Promise((resolve) => {
      timer = setTimeout(resolve, mayBeLost ? LOSS_HEARD : 0);
    });
    await Promise.race(mayBeLost ? [this.#lost, waited] : [waited]);
    clearTimeout(timer);
  }

  #rejectWaiting(): void {
    const reason = this.#failure ?? destroyedError();
    for (const reject of this.#waiting) reject(reason);
    this.#waiting.clear();
  }

  #fail(failure: Error): void {
    this.#failure ??= failure;
  }
}

/**
 * Checks at run time that something is a {@linkcode Gpu} that can be used: a promise that was not awaited is not.
 *
 * @throws {ArgumentError} If it is something else, or was destroyed.
 * @throws {GpuError} If the device refused an operation.
 * @throws {DeviceLostError} If the device went away.
 */
export function checkGpu(gpu: Gpu, action: string): void {
  // By its methods, not its class: a program may have two copies of this module.
  if (typeof gpu?.check !== "function" || typeof gpu.device !== "object") {
    throw new ArgumentError(
      `Cannot ${action}: gpu is ${nameOf(gpu)}, expected a Gpu, as from await Gpu.request()`,
    );
  }
  gpu.check();
}

function refusal({ message }: GPUError): GpuError {
  return new GpuError(`The GPU refused an operation: ${message}`);
}

/** Why a device is gone. One that ran out of memory would do so again. */
function lossError(message: string): Error {
  if (/(not enough|out.of.*) ?memory/i.test(message)) {
    return new GpuError(`The GPU ran out of memory and was lost (${message}): ${USE_LESS}`);
  }
  // Deno's "device was lost" is no reason.
  const reason = /^device was lost$/.test(message) ? "" : message;
  return new DeviceLostError(`The GPU device was lost: ${reason || "no reason given"}`);
}

function destroyedError(): ArgumentError {
  return new ArgumentError("Cannot use the GPU: it was destroyed");
}

const STORAGE = 0x80 | 0x4 | 0x8; // GPUBufferUsage STORAGE, COPY_SRC, COPY_DST; the names exist only where WebGPU does.

function summarise(info: GPUAdapterInfo): AdapterSummary {
  // Browsers tell no more than maker and architecture, as in "google" and "swiftshader".
  const description = info.description || info.device || info.architecture || info.vendor ||
    "unnamed adapter";
  return {
    description,
    vendor: info.vendor,
    software: info.isFallbackAdapter ||
      /llvmpipe|lavapipe|softpipe|swiftshader|software/i.test(description),
  };
}
