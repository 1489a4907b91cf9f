/**
 * Work cut into submits of a fraction of a second, so that neither a watchdog nor Ctrl-C waits for long and the GPU never
 * waits for this program.
 *
 * In Deno the call that asks for the end of submitted work blocks until that end, and its promise resolves some 11 ms
 * later. So the next piece is encoded before the program waits for the one under way (afterwards on a software driver,
 * which needs the cores itself) and submitted right after; no promise is awaited while the GPU is idle. Where the call
 * returns at once, as in browsers, a piece is submitted while the one before runs, and then the promise of that one is
 * awaited.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import type { Completion, Gpu } from "./device.ts";

/** How long a submit should take, in milliseconds: Ctrl-C waits for two of them at most. */
const TARGET = 100;

/** Maximum ratio of a submit's units to those of the last one of its kind, whose time may be a coarse measurement. */
const GROWTH = 16;

/** A submit counts as at least this long, in milliseconds: submitting itself takes that long. */
const SHORTEST = 0.2;

/** A wait of this many milliseconds shows when the work ended; before a shorter one it may have ended long before. */
const TELLING = 0.5;

/** Maximum time between turns of the event loop, which handle signals and settle promises, in milliseconds. */
const TURN = 20;

/** Maximum number of waits whose promises are pending. More would mean that the calls do not block after all. */
const MAX_UNHEARD = 8;

/** Work made of units of the same kind. */
export interface Work {
  /** Names the kind: units of one kind take about the same time. */
  readonly kind: string;
  /** How many units. */
  readonly count: number;
  /** Maximum number of units in one submit; no bound unless given. */
  readonly max?: number;
  /** Gets timestamps: the first at the beginning of the first submit's pass, the second at the end of the last's. */
  readonly timestamps?: GPUQuerySet;
  /** Copies to make after the last unit. */
  readonly copies?: readonly BufferCopy[];
  /** Buffers to copy after the last unit and read back. */
  readonly reads?: readonly Range[];
  /** Called before units [first, first + count) are encoded, to write what they will read. */
  prepare?(first: number, count: number): void;
  /** Called after each submit with the units submitted so far, of which the last may still run. */
  submitted?(units: number): void;
  /** Encodes unit `first + index` of a submit that begins with unit `first`. */
  encode(pass: GPUComputePassEncoder, first: number, index: number): void;
}

/** A copy of the beginning of a buffer to that of another. */
export interface BufferCopy {
  readonly from: GPUBuffer;
  readonly to: GPUBuffer;
  /** Bytes. */
  readonly size: number;
}

/** The beginning of a buffer. */
export interface Range {
  readonly buffer: GPUBuffer;
  /** Bytes. */
  readonly size: number;
}

/** A copy that is read back while other work goes on. */
export interface Reading {
  /** Resolves with the copy when it has arrived. Called before the next submit, it waits. */
  bytes(): Promise<ArrayBuffer>;
}

/** What was submitted since the last wait. */
interface Flight {
  /** When the first of it was submitted. */
  readonly began: number;
  readonly pieces: Piece[];
}

/** A submit. */
interface Piece {
  readonly kind: string;
  readonly units: number;
  /** The time it is expected to take. */
  readonly milliseconds: number;
}

/** A copy that is to be read. */
interface Copy {
  readonly staging: GPUBuffer;
  /** Bytes of it that were copied. */
  readonly size: number;
  /** Set once they were asked for. */
  bytes?: Promise<ArrayBuffer>;
}

/**
 * Submits the work of one owner, in pieces whose size follows the measured time.
 *
 * All methods throw an `ArgumentError` if the owner was destroyed before or during the call, a `GpuError` if the device
 * refused an operation, and a `DeviceLostError` if it went away.
 */
export class Submits {
  readonly #gpu: Gpu;
  readonly #pace = new Map<string, { units: number; milliseconds: number }>();
  readonly #copies = new Set<Copy>();
  #flight: Flight | undefined;
  #unheard: Promise<void>[] = [];
  #lastEnd = 0;
  #lastTurn = 0;
  /** Settles when all work that was begun is submitted. */
  #begun: Promise<unknown> = Promise.resolve();
  #destroyed = false;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /**
   * Runs something that submits work after everything begun before it is submitted. Interleaved, one would change what
   * the other reads, or where it writes.
   */
  inTurn<T>(submit: () => Promise<T>): Promise<T> {
    const done = this.#begun.then(submit);
    this.#begun = done.catch(() => {});
    return done;
  }

  /**
   * Submits some work. When it returns, the last pieces may still run.
   *
   * @param work What to do.
   * @param signal Ends the work between two pieces.
   * @returns What is read back, in the order of `reads`.
   */
  async run(work: Work, signal?: AbortSignal): Promise<Reading[]> {
    let copies: Copy[] = [];
    for (let first = 0; first < work.count;) {
      let size = this.#size(work, first);
      if (size.growing && this.#flight?.pieces.some(({ kind }) => kind === work.kind)) {
        const { over, heard } = this.#wait();
        if (!over) await heard;
        size = this.#size(work, first); // From the time of the last submit.
      }
      signal?.throwIfAborted();
      this.check();
      // A software driver computes on the cores that this program encodes on: encoding before the wait would slow it down.
      const early = this.#gpu.adapter.software ? this.#waitIfDue(size) : undefined;
      // Nothing else runs from here to the submit: what the work records as it encodes stays true.
      const last = first + size.units === work.count;
      const encoder = this.#encode(work, first, size.units);
      if (last) copyAll(encoder, work.copies);
      if (last) copies = (work.reads ?? []).map((range) => this.#copy(encoder, range));
      const commands = encoder.finish();
      const wait = early ?? this.#waitIfDue(size);
      this.#gpu.device.queue.submit([commands]);
      for (const copy of copies) this.#copies.add(copy);
      this.#flight ??= { began: performance.now(), pieces: [] };
      this.#flight.pieces.push({ kind: work.kind, ...size });
      first += size.units;
      work.submitted?.(first);
      await this.#holdBack(wait);
    }
    return copies.map((copy): Reading => ({ bytes: () => this.#read(copy) }));
  }

  /** Waits until all that was submitted is done. */
  async drain(): Promise<void> {
    if (this.#flight) this.#wait();
    await Promise.all(this.#unheard);
    this.#gpu.check();
  }

  /**
   * Reads buffers back as they are when all work submitted so far is done, whatever is submitted later.
   *
   * @param ranges The buffers, which allow copying from.
   * @param encode Encodes what is to be done first.
   * @returns Copies of their contents.
   */
  async read(
    ranges: readonly Range[],
    encode?: (pass: GPUComputePassEncoder) => void,
  ): Promise<ArrayBuffer[]> {
    this.check();
    const encoder = this.#gpu.device.createCommandEncoder();
    if (encode) {
      const pass = encoder.beginComputePass();
      encode(pass);
      pass.end();
    }
    const copies = ranges.map((range) => this.#copy(encoder, range));
    this.#gpu.device.queue.submit([encoder.finish()]);
    for (const copy of copies) this.#copies.add(copy);
    return await Promise.all(copies.map((copy) => this.#read(copy)));
  }

  /**
   * Checks that more can be submitted. A destroyed buffer must not be used: the device would refuse the submit, and with
   * it the work of others.
   */
  check(): void {
    if (this.#destroyed) throw new ArgumentError("Cannot use the networks: they were destroyed");
    this.#gpu.check();
  }

  /** Ends the work after the last piece submitted, and frees copies that were not read. */
  destroy(): void {
    this.#destroyed = true;
    for (const { staging } of this.#copies) staging.destroy();
    this.#copies.clear();
  }

  /** The units of the next submit, the time they should take, and whether a better known pace may allow more. */
  #size({ kind, count, max = Infinity }: Work, first: number) {
    const pace = this.#pace.get(kind);
    const allowed = Math.min(count - first, max);
    if (!pace) return { units: 1, milliseconds: TARGET, growing: true };
    const each = pace.milliseconds / pace.units;
    const fitting = Math.max(1, Math.min(Math.floor(TARGET / each), allowed));
    const units = Math.min(fitting, GROWTH * pace.units);
    return { units, milliseconds: each * units, growing: units < fitting };
  }

  #encode(work: Work, first: number, units: number): GPUCommandEncoder {
    work.prepare?.(first, units);
    const encoder = this.#gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass({ timestampWrites: timestampsOf(work, first, units) });
    for (let i = 0; i < units; i++) work.encode(pass, first, i);
    pass.end();
    return encoder;
  }

  /** Waits if running and new work together exceed the target, or if copies are to be read. */
  #waitIfDue({ milliseconds }: { milliseconds: number }): Completion | undefined {
    if (!this.#flight) return undefined;
    const due = timeOf(this.#flight.pieces) + milliseconds > TARGET || this.#copies.size > 0;
    return due ? this.#wait() : undefined;
  }

  /** Waits for the running work where the call blocks, and otherwise asks for its end. */
  #wait(): Completion {
    const flight = this.#flight;
    this.#flight = undefined;
    const asked = performance.now();
    const { heard, over } = this.#gpu.completion();
    if (over) this.#learn(flight, asked);
    // All at once: one by one, each would be heard 11 ms after the one before.
    for (const copy of this.#copies) copy.bytes = this.#map(copy);
    this.#copies.clear();
    const hearing = heard.then(() => {
      if (!over) this.#learn(flight, asked);
      this.#unheard = this.#unheard.filter((other) => other !== hearing);
    });
    hearing.catch(() => {}); // Thrown where it is awaited; after another failure nobody may await it.
    this.#unheard.push(hearing);
    return { over, heard: hearing };
  }

  /** Bounds the running work, and lets the event loop handle signals and settle promises. */
  async #holdBack(wait: Completion | undefined): Promise<void> {
    if (wait && !wait.over) {
      await wait.heard;
      this.#lastTurn = performance.now();
    } else if (this.#unheard.length > MAX_UNHEARD) {
      await this.#unheard[0];
      this.#lastTurn = performance.now();
    } else if (performance.now() - this.#lastTurn >= TURN) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.#lastTurn = performance.now();
    }
    this.#gpu.check();
  }

  /** Updates the pace from work that has just ended, found by a wait that began at `asked`. */
  #learn(flight: Flight | undefined, asked: number): void {
    const now = performance.now();
    if (flight) {
      const took = Math.max(now - Math.max(flight.began, this.#lastEnd), SHORTEST);
      const telling = now - asked >= TELLING;
      for (const [kind, own] of Map.groupBy(flight.pieces, ({ kind }) => kind)) {
        const units = own.reduce((sum, piece) => sum + piece.units, 0);
        // Several kinds share the time in the expected proportions.
        const milliseconds = took * timeOf(own) / timeOf(flight.pieces);
        const before = this.#pace.get(kind);
        const faster = !before || milliseconds / units < before.milliseconds / before.units;
        // Where it is unknown when the work ended, this is an upper bound.
        if (telling || faster) this.#pace.set(kind, { units, milliseconds });
      }
    }
    this.#lastEnd = now;
  }

  #copy(encoder: GPUCommandEncoder, { buffer, size }: Range): Copy {
    const staging = this.#gpu.staging(buffer, Math.max(4, size));
    if (size > 0) encoder.copyBufferToBuffer(buffer, 0, staging, 0, size);
    return { staging, size };
  }

  async #read(copy: Copy): Promise<ArrayBuffer> {
    if (!copy.bytes) {
      this.check(); // Its staging buffer may be gone.
      this.#wait();
    }
    return await copy.bytes!;
  }

  #map({ staging, size }: Copy): Promise<ArrayBuffer> {
    const bytes = this.#gpu.orLost(staging.mapAsync(GPUMapMode.READ))
      .then(() => staging.getMappedRange().slice(0, size))
      .finally(() => staging.destroy());
    bytes.catch(() => {}); // Thrown where it is awaited.
    return bytes;
  }
}

function copyAll(encoder: GPUCommandEncoder, copies: readonly BufferCopy[] = []): void {
  for (const { from, to, size } of copies) {
    if (size > 0) encoder.copyBufferToBuffer(from, 0, to, 0, size);
  }
}

/** Expected milliseconds of all pieces together. */
function timeOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
}

function timestampsOf(
  { timestamps: querySet, count }: Work,
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
