/**
 * Copies of the parameters and moving averages of a population that stay on the GPU.
 *
 * @module
 */

import type { Gpu } from "../gpu/device.ts";
import { Memory } from "../gpu/memory.ts";
import type { BufferCopy, Submits } from "../gpu/submits.ts";
import type { PopulationBuffers } from "../programs/buffers.ts";
import { decodeVectors } from "./readings.ts";

/** The vectors of all networks of a population. */
export interface NetworkVectors {
  /** Flat parameter vectors, [networks][layout.count]. */
  readonly parameters: readonly Float32Array[];
  /** Moving averages of batch norm, [networks][layout.statisticCount]. */
  readonly statistics: readonly Float32Array[];
}

/** Their names in a network, in the order of a slot's buffers. */
const VECTORS = ["parameters", "statistics"] as const;

/** Numbered slots, each with room for the vectors of all networks of a population. */
export class Snapshots {
  readonly networks: number;
  readonly slots: number;
  readonly #gpu: Gpu;
  readonly #submits: Submits;
  readonly #buffers: PopulationBuffers;
  readonly #memory: Memory;
  /** [slots][vectors] */
  readonly #held: GPUBuffer[][];

  private constructor(
    gpu: Gpu,
    parts: SnapshotParts & { readonly memory: Memory; readonly held: GPUBuffer[][] },
  ) {
    this.#gpu = gpu;
    this.#submits = parts.submits;
    this.#buffers = parts.buffers;
    this.#memory = parts.memory;
    this.#held = parts.held;
    this.networks = parts.networks;
    this.slots = parts.slots;
  }

  /**
   * Allocates the slots, which hold 0 at first.
   *
   * @throws {ArgumentError} If the adapter cannot hold them; nothing stays allocated then.
   */
  static create(gpu: Gpu, parts: SnapshotParts): Promise<Snapshots> {
    return Memory.hold(gpu, async (memory) => {
      const { slots, networks, buffers: { layout } } = parts;
      const held = Array.from({ length: slots }, () => [
        memory.buffer("kept parameters", networks * layout.count),
        memory.buffer("kept moving averages", networks * layout.statisticCount),
      ]);
      await memory.ready();
      return new Snapshots(gpu, { ...parts, memory, held });
    });
  }

  /** What to copy into a slot, for a submit after which the buffers of parameters are up to date. */
  copiesInto(slot: number): BufferCopy[] {
    return VECTORS.map((name, v) => ({
      from: this.#buffers[name],
      to: this.#held[slot][v],
      size: this.networks * this.#bytes(v),
    }));
  }

  /** Copies some networks from one slot to another, before anything that is submitted later. */
  copy(networks: readonly number[], { from, to }: { from: number; to: number }): void {
    if (networks.length === 0) return;
    this.#submits.check();
    const { device } = this.#gpu;
    const encoder = device.createCommandEncoder();
    for (const v of VECTORS.keys()) {
      const size = this.#bytes(v);
      if (size === 0) continue;
      const [source, target] = [from, to].map((slot) => this.#held[slot][v]);
      for (const n of networks) {
        encoder.copyBufferToBuffer(source, n * size, target, n * size, size);
      }
    }
    device.queue.submit([encoder.finish()]);
  }

  /** Reads slots as they are at the time of the call, [slots]. */
  async read(slots: readonly number[]): Promise<NetworkVectors[]> {
    const bytes = await this.#submits.read(slots.flatMap((slot) =>
      VECTORS.map((_, v) => {
        return { buffer: this.#held[slot][v], size: this.networks * this.#bytes(v) };
      })
    ));
    return slots.map((_, i) => {
      const [parameters, statistics] = VECTORS.map((_, v) =>
        decodeVectors(bytes[i * VECTORS.length + v], this.networks)
      );
      return { parameters, statistics };
    });
  }

  /** Sets a slot. */
  write(slot: number, vectors: NetworkVectors): void {
    this.#submits.check();
    for (const [v, name] of VECTORS.entries()) {
      const size = this.#bytes(v);
      if (size === 0) continue; // Deno 2.9 panics on an empty write.
      for (const [n, vector] of vectors[name].entries()) {
        const { queue } = this.#gpu.device;
        queue.writeBuffer(this.#held[slot][v], n * size, Float32Array.from(vector));
      }
    }
  }

  /** Frees the memory. */
  destroy(): void {
    this.#memory.destroy();
  }

  /** Bytes of a vector of one network. */
  #bytes(v: number): number {
    const { count, statisticCount } = this.#buffers.layout;
    return 4 * [count, statisticCount][v];
  }
}

interface SnapshotParts {
  readonly submits: Submits;
  readonly buffers: PopulationBuffers;
  readonly networks: number;
  readonly slots: number;
}
