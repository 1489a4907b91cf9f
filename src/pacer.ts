/**
 * Work cut into submits of a fraction of a second, so that no watchdog and no Ctrl-C waits for long.
 *
 * @module
 */

import type { Gpu } from "./gpu.ts";

/** How long a submit should take, in milliseconds: at most about 200, with room for work that turns out slower. */
const TARGET = 120;

/** A submit may be this many times as long as the one before of its kind, whose time may have been measured coarsely. */
const GROWTH = 4;

/**
 * Work that waits on the GPU while more is encoded, in milliseconds. Hearing that a submit is done takes some 10 ms more
 * than the submit itself, so on a fast adapter many small ones must be under way at a time.
 */
const IN_FLIGHT = 2 * TARGET;

/** A run of like units of work. */
export interface Work {
  /** Names the kind: units of one kind take about the same time. */
  readonly kind: string;
  /** How many units. */
  readonly count: number;
  /** The most units that may go into one submit; no bound unless given. */
  readonly most?: number;
  /** Time stamps: at the beginning of the first submit's pass, and at the end of the last's. */
  readonly stamps?: GPUQuerySet;
  /** Called before units [first, first + count) are encoded, to write what they will read. */
  prepare?(first: number, count: number): void;
  /** Called after each submit with the units submitted so far, of which the last may still run. */
  submitted?(units: number): void;
  /** Encodes unit `first + index` of a submit that begins with unit `first`. */
  encode(pass: GPUComputePassEncoder, first: number, index: number): void;
}

/** Submits work in pieces whose size follows the measured time. */
export class Pacer {
  #gpu: Gpu;
  #pace = new Map<string, { units: number; milliseconds: number }>();
  #waiting: { done: Promise<void>; milliseconds: number }[] = [];
  #lastDone = 0;

  /** @param gpu The device to submit to. */
  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /**
   * Submits some work; when it returns, the last pieces may still run.
   *
   * @param work What to do.
   * @param signal Ends the work between two pieces.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async run(work: Work, signal?: AbortSignal): Promise<void> {
    for (let first = 0; first < work.count;) {
      let size = this.#size(work, first);
      while (
        this.#waiting.length >= 2 && (size.growing || this.#busy + size.milliseconds > IN_FLIGHT)
      ) {
        await this.#waiting.shift()!.done;
        size = this.#size(work, first); // By what was learnt from that one.
      }
      const { units, milliseconds } = size;
      signal?.throwIfAborted();
      work.prepare?.(first, units);
      const encoder = this.#gpu.device.createCommandEncoder();
      const pass = encoder.beginComputePass({ timestampWrites: this.#stamps(work, first, units) });
      for (let i = 0; i < units; i++) work.encode(pass, first, i);
      pass.end();
      this.#gpu.device.queue.submit([encoder.finish()]);
      const measured = this.#measure(work.kind, units);
      measured.catch(() => {}); // Thrown where it is waited for; after another failure nobody may.
      this.#waiting.push({ done: measured, milliseconds });
      first += units;
      work.submitted?.(first);
    }
  }

  /**
   * Waits until all that was submitted is done.
   *
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#waiting.shift()!.done;
  }

  /** Milliseconds of work that may not be done yet. */
  get #busy(): number {
    return this.#waiting.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  }

  /** The units of the next submit, how long they should take, and whether more will fit when more is known. */
  #size({ kind, count, most = Infinity }: Work, first: number) {
    const pace = this.#pace.get(kind);
    const allowed = Math.min(count - first, most);
    if (!pace) return { units: 1, milliseconds: TARGET, growing: true };
    const each = pace.milliseconds / pace.units;
    const fitting = Math.max(1, Math.min(Math.floor(TARGET / each), allowed));
    const units = Math.min(fitting, GROWTH * pace.units);
    return { units, milliseconds: each * units, growing: units < fitting };
  }

  #stamps(
    { stamps: querySet, count }: Work,
    first: number,
    units: number,
  ): GPUComputePassTimestampWrites | undefined {
    const begins = first === 0;
    const ends = first + units === count;
    if (!querySet || !(begins || ends)) return undefined;
    return {
      querySet,
      ...begins && { beginningOfPassWriteIndex: 0 },
      ...ends && { endOfPassWriteIndex: 1 },
    };
  }

  async #measure(kind: string, units: number): Promise<void> {
    const submitted = performance.now();
    await this.#gpu.done();
    const now = performance.now();
    const milliseconds = Math.max(now - Math.max(submitted, this.#lastDone), 0.01);
    this.#lastDone = now;
    this.#pace.set(kind, { units, milliseconds });
  }
}
