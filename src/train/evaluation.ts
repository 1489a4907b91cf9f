/**
 * Evaluations of a population: a part of the data set goes through the networks in chunks, whose losses and correct
 * answers are summed on the GPU.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import { cached } from "../gpu/cache.ts";
import { tiles } from "../gpu/kernel_table.ts";
import { type BoundKernel, dispatch } from "../gpu/kernels.ts";
import type { BufferCopy, Reading, Submits } from "../gpu/submits.ts";
import type { Evaluation } from "../model/metrics.ts";
import { FIXED_SLOT, STEP_SLOTS } from "../programs/buffers.ts";
import type { EncodeChunk, Program, ProgramContext } from "../programs/program.ts";
import {
  decodeDivergence,
  decodeSums,
  decodeVectors,
  divergenceOf,
  statisticsOf,
  type Sums,
  sumsOf,
} from "./readings.ts";

/** What an evaluation found. */
export interface EvaluationResult {
  /**
   * Mean cross-entropy, cost and accuracy, [splits][networks]; answers found among NaNs count like others. All are NaN for
   * a split without images.
   */
  readonly evaluations: Evaluation[][];
  /** When each network first had a batch whose loss was NaN or infinite, or null, [P]. */
  readonly diverged: (number | null)[];
  /** Whether all these losses and costs of a network, and its moving averages, are finite, [P]. */
  readonly finite: boolean[];
}

/**
 * Waits for an evaluation that may still run; updates that were submitted meanwhile do not wait for it. Throws an
 * `ArgumentError` if the population was destroyed before.
 */
export type PendingEvaluation = () => Promise<EvaluationResult>;

/** How an evaluation runs. */
export interface EvaluationOptions {
  /** Ends the work between two submits. */
  readonly signal?: AbortSignal;
  /** Copies of buffers to make with it, when the parameters are up to date. */
  readonly copies?: readonly BufferCopy[];
}

/** Images that are evaluated together, and the slot of their sums. */
interface Chunk {
  readonly encode: EncodeChunk;
  readonly first: number;
  readonly rows: number;
  readonly slot: number;
}

/** The slot of the sum of squared weights; the slots after it are those of the chunks. */
const SQUARES_SLOT = 0;

/** Evaluates the networks of a population. It throws what `Population` throws. */
export class Evaluator {
  readonly #context: ProgramContext;
  readonly #program: Program;
  readonly #submits: Submits;
  /** The kernel `sum_squares`. */
  readonly #squares: BoundKernel;
  readonly #lambdas: readonly number[];
  readonly #encoders = new Map<Split, Promise<EncodeChunk>>();

  constructor(
    context: ProgramContext,
    parts: {
      readonly program: Program;
      readonly submits: Submits;
      readonly squares: BoundKernel;
      readonly lambdas: readonly number[];
    },
  ) {
    this.#context = context;
    this.#program = parts.program;
    this.#submits = parts.submits;
    this.#squares = parts.squares;
    this.#lambdas = parts.lambdas;
  }

  /** Implements `Population.startEvaluation`. */
  async start(
    splits: readonly Split[],
    { signal, copies }: EvaluationOptions = {},
  ): Promise<PendingEvaluation> {
    const { buffers, data, networks } = this.#context;
    const chunks = await this.#chunks(splits);
    const [sums, diverged, averages] = await this.#submits.inTurn(() =>
      this.#submits.run({
        kind: "evaluation",
        count: Math.max(1, chunks.length),
        max: STEP_SLOTS,
        copies,
        // The copies keep their place in the queue, whatever is submitted later; only mapping them waits.
        reads: [
          sumsOf(buffers, networks, chunks.length + 1),
          divergenceOf(buffers, networks),
          statisticsOf(buffers, networks),
        ],
        prepare: (first, count) => {
          data.check();
          buffers.writeSteps(chunks.slice(first, first + count));
        },
        encode: (pass, first, index) => {
          const i = first + index;
          if (i === 0) this.#program.settle(pass);
          chunks.at(i)?.encode(pass, index);
          if (i < chunks.length - 1) return;
          // The fixed step sums into slot 0, which is SQUARES_SLOT.
          dispatch(pass, this.#squares, FIXED_SLOT * buffers.stepStride);
        },
      }, signal)
    );
    return async () => {
      const [found, steps, statistics] = await Promise.all(
        [sums, diverged, averages].map((reading) => reading.bytes()),
      );
      const evaluations = this.#evaluationsOf(splits, chunks, decodeSums(found, networks));
      // That of an empty split is NaN, which says nothing about the network.
      const filled = evaluations.filter((_, i) => this.#context.data.source[splits[i]].count > 0);
      const finite = decodeVectors(statistics, networks).map((own, n) =>
        own.every(Number.isFinite) &&
        filled.every(({ [n]: { loss, cost } }) => Number.isFinite(loss + cost))
      );
      return { evaluations, diverged: decodeDivergence(steps), finite };
    };
  }

  /** Implements `Population.predict`. */
  async predict(split: Split, signal?: AbortSignal): Promise<Uint16Array[]> {
    const chunks = await this.#chunks([split]);
    return await this.#submits.inTurn(async () => {
      const readings: Reading[] = [];
      for (const chunk of chunks) readings.push(await this.#submitPrediction(chunk, signal));
      // Read together: one wait serves all.
      const read = await Promise.all(readings.map((reading) => reading.bytes()));
      const { count } = this.#context.data.source[split];
      const found = this.#lambdas.map(() => new Uint16Array(count));
      for (const [i, { first, rows }] of chunks.entries()) {
        const classes = new Uint32Array(read[i]);
        found.forEach((own, n) => own.set(classes.subarray(n * rows, (n + 1) * rows), first));
      }
      return found;
    });
  }

  async #submitPrediction(chunk: Chunk, signal?: AbortSignal): Promise<Reading> {
    const { buffers, data, networks } = this.#context;
    const [reading] = await this.#submits.run({
      kind: "prediction",
      count: 1,
      reads: [{ buffer: buffers.predictions, size: 4 * networks * chunk.rows }],
      prepare: () => {
        data.check();
        buffers.writeSteps([chunk]);
      },
      encode: (pass) => chunk.encode(pass, 0),
    }, signal);
    return reading;
  }

  async #chunks(splits: readonly Split[]): Promise<Chunk[]> {
    this.#submits.check();
    const { buffers: { evaluationRows }, data } = this.#context;
    const chunks: Chunk[] = [];
    for (const split of splits) {
      const { count } = data.source[split];
      if (count === 0) continue; // Nothing to read, so no kernels either.
      const encode = await this.#encoder(split);
      for (let first = 0; first < count; first += evaluationRows) {
        const rows = Math.min(evaluationRows, count - first);
        chunks.push({ encode, first, rows, slot: SQUARES_SLOT + 1 + chunks.length });
      }
    }
    this.#submits.check(); // Making the encoders may have taken a while.
    return chunks;
  }

  async #encoder(split: Split): Promise<EncodeChunk> {
    try {
      return await cached(this.#encoders, split, () => this.#program.evaluation(split));
    } catch (error) {
      this.#submits.check(); // If the networks were destroyed meanwhile, that is the reason.
      throw error;
    }
  }

  #evaluationsOf(
    splits: readonly Split[],
    chunks: readonly Chunk[],
    sums: Sums,
  ): Evaluation[][] {
    const { buffers: { evaluationRows }, data } = this.#context;
    let next = 0;
    return splits.map((split) => {
      const { count } = data.source[split];
      const own = chunks.slice(next, next += tiles(count, evaluationRows));
      return this.#lambdas.map((lambda, network) => {
        const parts = own.map(({ slot }) => sums(slot, network));
        const loss = parts.reduce((sum, { first }) => sum + first, 0) / count;
        const correct = parts.reduce((sum, { second }) => sum + second, 0);
        const squares = sums(SQUARES_SLOT, network).first;
        // Without images these are 0 / 0, which is NaN.
        return { loss, cost: loss + lambda * squares, accuracy: correct / count };
      });
    });
  }
}
