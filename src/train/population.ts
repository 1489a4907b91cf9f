/**
 * Networks of one architecture on the GPU, trained together on the same batches.
 *
 * Every buffer has the network as its first axis and every dispatch the network as its z: a single network is a
 * population of one.
 *
 * @module
 */

import {
  NEVER,
  PopulationBuffers,
  SLOT_AFTER,
  SLOT_BEFORE,
  STEP_SLOTS,
} from "../programs/buffers.ts";
import { cached } from "../gpu/cache.ts";
import type { Split } from "../data/dataset.ts";
import type { DeviceDataSet } from "../gpu/device_data.ts";
import { ArgumentError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { SUM_PARTS, tiles } from "../gpu/kernel_table.ts";
import { type BoundKernel, dispatch, Kernels } from "../gpu/kernels.ts";
import type { Evaluation } from "../model/metrics.ts";
import { initialStatistics } from "../model/initialisation.ts";
import type { Architecture } from "../model/network.ts";
import { checkShape, type PopulationShape } from "../model/shape.ts";
import { Pacer, type Range, type Reading } from "../gpu/submits.ts";
import { NETWORK } from "../gpu/structs.ts";
import { Binder, type Program, type ProgramContext } from "../programs/program.ts";
import { encodeSteps, FORWARD, type Step, UPDATE } from "../programs/steps.ts";
import { hasStamps, StampPair, Stamps } from "../gpu/timestamps.ts";
import { createProgram, defaultVariant } from "../programs/variants.ts";

/** What may differ between the networks of a population. */
export interface NetworkSettings {
  /** L2 weight λ, at least 0. */
  readonly lambda: number;
  /** Learning rate at the ends of a cycle. */
  readonly etaMin: number;
  /** Learning rate in the middle of a cycle. */
  readonly etaMax: number;
}

/** What a population is made from. */
export interface PopulationOptions extends Omit<PopulationShape, "networks"> {
  /** What differs between the networks: one entry for each, at least one. */
  readonly networks: readonly NetworkSettings[];
  /** The data on the same device; the population does not own it, and needs it as long as it trains or evaluates. */
  readonly data: DeviceDataSet;
  /** The kernel variant; the one that should suit the adapter unless given. */
  readonly variant?: string;
}

/** One update. */
export interface StepPlan {
  /** Position in the order of images of the batch's first. */
  readonly first: number;
  /** How far the learning rate has risen: 0 at etaMin, 1 at etaMax. */
  readonly rise: number;
  /** How many updates were made before. */
  readonly number: number;
}

/** How updates are made. */
export interface AdvanceOptions {
  /** Ends the work between two submits. */
  readonly signal?: AbortSignal;
  /** Told how many of the updates were submitted, the last of which may still run. */
  readonly onStep?: (steps: number) => void;
}

/** How long updates took. */
export interface StepsTime {
  /** Milliseconds from the beginning of the first to the end of the last, what lies between them included. */
  readonly milliseconds: number;
  /**
   * Whether they were measured by the GPU's own clock. Otherwise they are this program's, and include what hearing of the
   * end takes: some 11 ms in Deno, however short the work is.
   */
  readonly stamped: boolean;
}

/** How long a kernel of a step took. */
export interface KernelTimes {
  /** The kernel. */
  readonly name: string;
  /** Its layer, counted from 0. */
  readonly layer: number;
  /** For all networks together, one time for each step. */
  readonly milliseconds: number[];
}

/** What changes on the GPU as networks train, for each network in the order of its layout. */
export interface PopulationState {
  /** [P][layout.count] */
  readonly parameters: readonly Float32Array[];
  /** [P][layout.statisticCount]; left out while no batch has been seen, so that the first one sets them. */
  readonly statistics?: readonly Float32Array[];
}

/** Networks as an evaluation found them. */
export interface EvaluationResult {
  /** Mean cross-entropy, cost and accuracy, [splits][networks]. */
  readonly evaluations: Evaluation[][];
  /** When each network first had a loss that was NaN or infinite, or null, [P]. */
  readonly diverged: (number | null)[];
}

/** An evaluation that may still run. */
export interface PendingEvaluation {
  /**
   * Gives what comes of it. Asked for when more updates have been submitted since, it keeps nothing waiting.
   *
   * @returns The result.
   * @throws {ArgumentError} If the population was destroyed before it was there.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  result(): Promise<EvaluationResult>;
}

/** The most steps that are measured in a submit: few enough for a driver's watchdog. */
const STAMPED = 10;

/** Images of a part of the data set that are evaluated in one go, and where their sums go. */
interface Chunk {
  readonly kernels: readonly BoundKernel[];
  readonly first: number;
  readonly rows: number;
  readonly slot: number;
}

/** The sums that a slot has of a network. */
type Sums = (slot: number, network: number) => { first: number; second: number };

/** P networks of one architecture on the GPU. */
export class Population {
  /** The architecture of all networks. */
  readonly architecture: Architecture;
  /** How many networks. */
  readonly size: number;
  /** Images in a training batch. */
  readonly batch: number;
  /** Training images that there are. */
  readonly images: number;
  /** The kernel variant that it runs on. */
  readonly variant: string;
  readonly #gpu: Gpu;
  readonly #networks: readonly NetworkSettings[];
  readonly #data: DeviceDataSet;
  readonly #buffers: PopulationBuffers;
  readonly #program: Program;
  readonly #squares: BoundKernel;
  readonly #evaluations = new Map<Split, Promise<readonly BoundKernel[]>>();
  readonly #pacer: Pacer;
  #fresh = true;
  #odd = false;
  #settled = true;
  /** Settles when all work is submitted that was begun. */
  #begun: Promise<unknown> = Promise.resolve();

  private constructor(
    context: ProgramContext,
    parts: {
      networks: readonly NetworkSettings[];
      variant: string;
      program: Program;
      squares: BoundKernel;
    },
  ) {
    const { gpu, architecture, networks, batch, data, buffers } = context;
    this.architecture = architecture;
    this.size = networks;
    this.batch = batch;
    this.images = data.source.training.count;
    this.variant = parts.variant;
    this.#gpu = gpu;
    this.#networks = parts.networks;
    this.#data = data;
    this.#pacer = new Pacer(gpu);
    this.#buffers = buffers;
    this.#program = parts.program;
    this.#squares = parts.squares;
    gpu.device.queue.writeBuffer(buffers.networks, 0, NETWORK.encode(this.#networks));
  }

  /**
   * Makes a population. Its parameters are 0 until {@linkcode Population.write} sets them.
   *
   * @param gpu The device.
   * @param options What it is made of.
   * @returns The population.
   * @throws {ArgumentError} If there is no network, the batch does not fit the data or batch norm, or the adapter
   * cannot hold it.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  static async create(gpu: Gpu, options: PopulationOptions): Promise<Population> {
    const { architecture, networks, batch, data } = options;
    gpu.check();
    data.check(gpu);
    const shape = { architecture, networks: networks.length, batch };
    checkShape(shape, {
      images: data.source.training.count,
      networks: gpu.device.limits.maxComputeWorkgroupsPerDimension,
    });
    const kernels = Kernels.of(gpu);
    const variant = options.variant ?? defaultVariant(gpu, shape);
    const buffers = await PopulationBuffers.create(gpu, { ...shape, data });
    const context: ProgramContext = { ...shape, gpu, kernels, buffers, data };
    let program: Program | undefined;
    try {
      program = await createProgram(variant, context);
      const squares = await new Binder(context, { mode: "evaluation" }).bind("sum_squares", 0);
      gpu.check();
      return new Population(context, { networks, variant, program, squares });
    } catch (error) {
      program?.destroy();
      buffers.destroy();
      throw error;
    }
  }

  /**
   * Sets the parameters and moving averages of all networks, and forgets that any diverged.
   *
   * @param state What to set.
   * @throws {ArgumentError} If the population was destroyed.
   */
  write(state: PopulationState): void {
    this.#pacer.check();
    const { queue } = this.#gpu.device;
    const { layout, parameters, statistics, diverged } = this.#buffers;
    const averages = state.statistics ??
      this.#networks.map(() => initialStatistics(this.architecture));
    for (let network = 0; network < this.size; network++) {
      const own = Float32Array.from(state.parameters[network]);
      queue.writeBuffer(parameters, 4 * network * layout.count, own);
      this.#program.write(network, own);
      if (layout.statisticCount === 0) continue; // Deno 2.9 panics when it is to write nothing.
      const ownAverages = Float32Array.from(averages[network]);
      queue.writeBuffer(statistics, 4 * network * layout.statisticCount, ownAverages);
    }
    queue.writeBuffer(diverged, 0, new Uint32Array(this.size).fill(NEVER));
    this.#fresh = state.statistics === undefined;
    this.#odd = false;
    this.#settled = true;
  }

  /**
   * Sets the order in which the training images come.
   *
   * @param order Indices of training images, [training images]; batches are runs of it.
   * @throws {ArgumentError} If the population was destroyed.
   */
  setOrder(order: Uint32Array): void {
    this.#pacer.check();
    this.#gpu.device.queue.writeBuffer(this.#buffers.order, 0, Uint32Array.from(order));
  }

  /**
   * Makes updates, one batch each. When it returns, the last of them may still run.
   *
   * @param steps The updates, in order.
   * @param options `signal` ends the work between two submits; `onStep` is told how many updates were submitted.
   * @throws {ArgumentError} If the population was destroyed, also while it works.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async advance(steps: readonly StepPlan[], options: AdvanceOptions = {}): Promise<void> {
    await this.#advance(steps, { kind: "step", kernels: this.#program.step, ...options });
  }

  /**
   * Makes updates and gives the loss of each batch, in training mode and before its update.
   *
   * @param steps The updates, in order.
   * @returns Mean cross-entropy, [steps][networks].
   * @throws {ArgumentError} If the population was destroyed, also while it works.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async advanceWithLosses(steps: readonly StepPlan[]): Promise<number[][]> {
    const { slots } = this.#buffers;
    const losses: number[][] = [];
    for (let first = 0; first < steps.length; first += slots) {
      const some = steps.slice(first, first + slots);
      const kernels = this.#program.stepWithLoss;
      await this.#advance(some, { kind: "step with loss", kernels });
      const [bytes] = await this.#pacer.read([this.#sumsOf(some.length)]);
      const sums = this.#sums(bytes);
      losses.push(
        ...some.map((_, slot) => this.#networks.map((_, n) => sums(slot, n).first / this.batch)),
      );
    }
    return losses;
  }

  /**
   * Makes updates and measures the time that all of them take, when nothing else is under way.
   *
   * @param steps The updates, in order, at least one.
   * @param signal Ends the work between two submits.
   * @returns The time, by the GPU's own clock where the device has time stamps.
   * @throws {ArgumentError} If there are no steps, or the population was destroyed, also while it works.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async time(steps: readonly StepPlan[], signal?: AbortSignal): Promise<StepsTime> {
    if (steps.length === 0) throw new ArgumentError("Cannot time 0 steps, expected at least 1");
    this.#pacer.check();
    const work = { kind: "step", kernels: this.#program.step, signal };
    await this.#pacer.drain();
    if (!hasStamps(this.#gpu)) {
      const began = performance.now();
      await this.#advance(steps, work);
      await this.#pacer.drain();
      return { milliseconds: performance.now() - began, stamped: false };
    }
    const stamps = new StampPair(this.#gpu);
    try {
      await this.#advance(steps, { ...work, stamps: stamps.queries });
      await this.#pacer.drain();
      return { milliseconds: await stamps.read(), stamped: true };
    } finally {
      stamps.destroy();
    }
  }

  /**
   * Makes updates and measures each of their kernels by itself, in a compute pass of its own between two time stamps.
   *
   * @param steps The updates, in order.
   * @param signal Ends the work between two submits.
   * @returns Times of each kernel of a step, in the order of the kernels. A kernel that does parts of two steps does less
   * in the last one.
   * @throws {ArgumentError} If the population was destroyed.
   * @throws {GpuUnavailableError} If the device was made without time stamps.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async profile(steps: readonly StepPlan[], signal?: AbortSignal): Promise<KernelTimes[]> {
    this.#pacer.check();
    if (steps.length === 0) return [];
    const { begin, step } = this.#program;
    const { stepStride } = this.#buffers;
    // In a row, since a processor that has waited for a reading is slow for a while.
    const inSubmit = Math.max(1, Math.min(STAMPED, Math.floor(Stamps.most / step.length)));
    const stamps = new Stamps(this.#gpu, inSubmit * step.length);
    const times = step.map(({ name, layer }): KernelTimes => ({ name, layer, milliseconds: [] }));
    try {
      await this.#pacer.drain();
      for (let first = 0; first < steps.length; first += inSubmit) {
        signal?.throwIfAborted();
        this.#pacer.check();
        const count = Math.min(inSubmit, steps.length - first);
        this.#writePlans(steps, { first, count });
        const encoder = this.#gpu.device.createCommandEncoder();
        if (first === 0) {
          const pass = encoder.beginComputePass();
          const before = { offset: SLOT_BEFORE * stepStride, odd: this.#odd };
          for (const kernel of begin) dispatch(pass, kernel, before);
          pass.end();
        }
        for (let i = 0; i < count; i++) {
          stamps.encode(encoder, step, { offset: i * stepStride, odd: this.#odd });
          this.#odd = !this.#odd;
        }
        stamps.resolve(encoder);
        this.#gpu.device.queue.submit([encoder.finish()]);
        const found = await stamps.read();
        found.forEach((time, i) => times[i % step.length].milliseconds.push(time));
      }
      return times;
    } finally {
      stamps.destroy();
    }
  }

  /**
   * Evaluates all networks on parts of the data set, with the moving averages where there is batch norm.
   *
   * @param splits Which parts.
   * @param signal Ends the work between two submits.
   * @returns Mean cross-entropy, cost and accuracy, [splits][networks].
   * @throws {ArgumentError} If the population was destroyed, also while it works.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async evaluate(splits: readonly Split[], signal?: AbortSignal): Promise<Evaluation[][]> {
    const evaluation = await this.startEvaluation(splits, signal);
    return (await evaluation.result()).evaluations;
  }

  /**
   * Has all networks evaluated as they are now, without waiting for it: more updates may be made meanwhile.
   *
   * @param splits Which parts of the data set.
   * @param signal Ends the work between two submits.
   * @returns What will come of it, as soon as all of it was submitted.
   * @throws {ArgumentError} If the population was destroyed, also while it works.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async startEvaluation(
    splits: readonly Split[],
    signal?: AbortSignal,
  ): Promise<PendingEvaluation> {
    const chunks = await this.#chunks(splits);
    const [sums, diverged] = await this.#inTurn(() =>
      this.#pacer.run({
        kind: "evaluation",
        count: Math.max(1, chunks.length),
        most: STEP_SLOTS,
        // Copied in the order of the queue, whatever comes behind; only the reading waits.
        reads: [this.#sumsOf(chunks.length + 1), this.#divergence()],
        prepare: (first, n) => this.#writeChunks(chunks.slice(first, first + n)),
        encode: (pass, first, index) => {
          const i = first + index;
          if (i === 0 && !this.#settled) this.#encodeEnd(pass);
          const at = { offset: index * this.#buffers.stepStride, odd: this.#odd };
          for (const kernel of chunks[i]?.kernels ?? []) dispatch(pass, kernel, at);
          if (i < chunks.length - 1) return;
          // The sum of the squares goes into the first slot, which is that of the step behind the last, too.
          dispatch(pass, this.#squares, { offset: SLOT_AFTER * this.#buffers.stepStride });
        },
      }, signal)
    );
    return {
      result: async () => {
        const [found, steps] = await Promise.all([sums.bytes(), diverged.bytes()]);
        return {
          evaluations: this.#evaluationsOf(splits, { chunks, sums: this.#sums(found) }),
          diverged: stepsOf(steps),
        };
      },
    };
  }

  /**
   * Finds the class of every image in a part of the data set: that of the largest logit, the first of equal ones.
   *
   * @param split Which part.
   * @param signal Ends the work between two submits.
   * @returns Classes by number in the order of the images, [P][images].
   * @throws {ArgumentError} If the population was destroyed, also while it works.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async predict(split: Split, signal?: AbortSignal): Promise<Uint16Array[]> {
    const chunks = await this.#chunks([split]);
    return await this.#inTurn(() => this.#predict(split, chunks, signal));
  }

  async #predict(
    split: Split,
    chunks: readonly Chunk[],
    signal?: AbortSignal,
  ): Promise<Uint16Array[]> {
    const { predictions } = this.#buffers;
    const pending: { first: number; rows: number; reading: Reading }[] = [];
    for (const { kernels, first, rows, slot } of chunks) {
      const [reading] = await this.#pacer.run({
        kind: "prediction",
        count: 1,
        reads: [{ buffer: predictions, size: 4 * this.size * rows }],
        prepare: () => {
          this.#data.check();
          this.#writeSteps([{ first, rows, slot }]);
        },
        encode: (pass) => {
          for (const kernel of kernels) dispatch(pass, kernel, { offset: 0, odd: this.#odd });
        },
      }, signal);
      pending.push({ first, rows, reading });
    }
    // Read together, with one wait for all.
    const read = await Promise.all(pending.map(({ reading }) => reading.bytes()));
    const found = this.#networks.map(() => new Uint16Array(this.#data.source[split].count));
    for (const [i, { first, rows }] of pending.entries()) {
      const classes = new Uint32Array(read[i]);
      found.forEach((own, n) => own.set(classes.subarray(n * rows, (n + 1) * rows), first));
    }
    return found;
  }

  /**
   * Reads the parameters of all networks back.
   *
   * @returns [P][layout.count]
   * @throws {ArgumentError} If the networks were destroyed.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async readParameters(): Promise<Float32Array[]> {
    return await this.#readVectors(this.#buffers.parameters, this.#buffers.layout.count);
  }

  /**
   * Reads back the gradients of the last update: of the cost, at the parameters before that update.
   *
   * @returns [P][layout.count]
   * @throws {ArgumentError} If the networks were destroyed.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async readGradients(): Promise<Float32Array[]> {
    return await this.#readVectors(this.#buffers.gradients, this.#buffers.layout.count);
  }

  /**
   * Reads the moving averages of all networks back.
   *
   * @returns [P][layout.statisticCount]
   * @throws {ArgumentError} If the networks were destroyed.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async readStatistics(): Promise<Float32Array[]> {
    return await this.#readVectors(this.#buffers.statistics, this.#buffers.layout.statisticCount);
  }

  /**
   * Tells when each network first had a loss that was NaN or infinite.
   *
   * @returns The number of updates made before, or null where there was none, [P]
   * @throws {ArgumentError} If the networks were destroyed.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async readDiverged(): Promise<(number | null)[]> {
    this.#pacer.check();
    const [steps] = await this.#pacer.read([this.#divergence()]);
    return stepsOf(steps);
  }

  /**
   * Reads all that changes as networks train, as it is when this is called: updates may be made meanwhile.
   *
   * @returns Parameters and moving averages as {@linkcode Population.write} takes them, and when each network diverged.
   * @throws {ArgumentError} If the networks were destroyed.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async readState(): Promise<
    Required<PopulationState> & { readonly diverged: (number | null)[] }
  > {
    const { parameters, statistics, layout } = this.#buffers;
    // Together: each reading by itself takes 11 ms in Deno.
    const [first, second, third] = await this.#readAll([
      { buffer: parameters, size: 4 * this.size * layout.count },
      { buffer: statistics, size: 4 * this.size * layout.statisticCount },
      this.#divergence(),
    ]);
    return {
      parameters: this.#vectorsOf(first, layout.count),
      statistics: this.#vectorsOf(second, layout.statisticCount),
      diverged: stepsOf(third),
    };
  }

  /**
   * Waits until all that was submitted is done.
   *
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  async done(): Promise<void> {
    await this.#pacer.drain();
  }

  /** Frees the memory on the GPU. */
  destroy(): void {
    this.#pacer.destroy();
    this.#program.destroy();
    this.#buffers.destroy();
  }

  /**
   * Submits some work when all that was begun before is submitted: between two submits of the one the other would change
   * what it reads, or where it writes.
   */
  #inTurn<T>(submit: () => Promise<T>): Promise<T> {
    const done = this.#begun.then(submit);
    this.#begun = done.catch(() => {});
    return done;
  }

  async #advance(
    steps: readonly StepPlan[],
    work: AdvanceOptions & {
      kind: string;
      kernels: readonly BoundKernel[];
      stamps?: GPUQuerySet;
    },
  ): Promise<void> {
    this.#pacer.check();
    const { stepStride } = this.#buffers;
    const { begin } = this.#program;
    await this.#inTurn(() =>
      this.#pacer.run({
        kind: work.kind,
        count: steps.length,
        most: STEP_SLOTS,
        stamps: work.stamps,
        prepare: (first, count) => this.#writePlans(steps, { first, count }),
        encode: (pass, first, index) => {
          const before = { offset: SLOT_BEFORE * stepStride, odd: this.#odd };
          if (first + index === 0) { for (const kernel of begin) dispatch(pass, kernel, before); }
          const at = { offset: index * stepStride, odd: this.#odd };
          for (const kernel of work.kernels) dispatch(pass, kernel, at);
          this.#odd = !this.#odd;
        },
        submitted: work.onStep,
      }, work.signal)
    );
  }

  /** Writes the steps of a submit, and before the first of all what goes before it. */
  #writePlans(
    steps: readonly StepPlan[],
    { first, count }: { first: number; count: number },
  ): void {
    this.#data.check(); // Before each submit: what was destroyed must not be used.
    const rows = this.batch;
    this.#writeSteps(
      steps.slice(first, first + count).map((step, i) => {
        const next = steps.at(first + i + 1);
        const fresh = this.#fresh && i === 0;
        const parts = next ? UPDATE + FORWARD : UPDATE;
        return { ...step, rows, fresh, slot: first + i, next: next?.first, parts };
      }),
    );
    if (first === 0) {
      const before = { first: 0, next: steps[0].first, rows, slot: 0, parts: FORWARD };
      this.#writeSteps([before], SLOT_BEFORE);
    }
    this.#fresh = false;
    this.#settled = false;
  }

  /** Has the program put what its steps came to where it is read. */
  #encodeEnd(pass: GPUComputePassEncoder): void {
    const at = { offset: SLOT_AFTER * this.#buffers.stepStride, odd: this.#odd };
    for (const kernel of this.#program.end) dispatch(pass, kernel, at);
    this.#settled = true;
  }

  /** The chunks that parts of the data set are evaluated in. The first slot is for the squares. */
  async #chunks(splits: readonly Split[]): Promise<Chunk[]> {
    this.#pacer.check();
    const { evaluationRows } = this.#buffers;
    const chunks: Chunk[] = [];
    for (const split of splits) {
      const kernels = await this.#evaluation(split);
      const { count } = this.#data.source[split];
      for (let first = 0; first < count; first += evaluationRows) {
        const rows = Math.min(evaluationRows, count - first);
        chunks.push({ kernels, first, rows, slot: chunks.length + 1 });
      }
    }
    this.#pacer.check(); // Others may have run meanwhile.
    return chunks;
  }

  #writeChunks(chunks: readonly Chunk[]): void {
    this.#data.check();
    this.#writeSteps(chunks.map(({ first, rows, slot }) => ({ first, rows, slot })));
    this.#writeSteps([{ first: 0, rows: this.batch, slot: 0 }], SLOT_AFTER);
  }

  #evaluationsOf(
    splits: readonly Split[],
    { chunks, sums }: { chunks: readonly Chunk[]; sums: Sums },
  ): Evaluation[][] {
    let next = 0;
    return splits.map((split) => {
      const { count } = this.#data.source[split];
      const own = chunks.slice(next, next += tiles(count, this.#buffers.evaluationRows));
      return this.#networks.map(({ lambda }, network) => {
        const parts = own.map(({ slot }) => sums(slot, network));
        const loss = parts.reduce((sum, { first }) => sum + first, 0) / count;
        const correct = parts.reduce((sum, { second }) => sum + second, 0);
        return { loss, cost: loss + lambda * sums(0, network).first, accuracy: correct / count };
      });
    });
  }

  async #evaluation(split: Split): Promise<readonly BoundKernel[]> {
    try {
      return await cached(this.#evaluations, split, () => this.#program.evaluation(split));
    } catch (error) {
      this.#pacer.check(); // Where the networks were destroyed meanwhile, that is the reason.
      throw error;
    }
  }

  /** Every submit that uses the buffers begins with this, and nothing else happens before it is submitted. */
  #writeSteps(steps: readonly Step[], at = 0): void {
    this.#pacer.check();
    const { stepStride } = this.#buffers;
    const bytes = encodeSteps(steps, stepStride);
    this.#gpu.device.queue.writeBuffer(this.#buffers.steps, at * stepStride, bytes);
  }

  #divergence(): Range {
    return { buffer: this.#buffers.diverged, size: 4 * this.size };
  }

  #sumsOf(slots: number): Range {
    return { buffer: this.#buffers.sums, size: 4 * slots * this.size * SUM_PARTS * 2 };
  }

  /** Adds up the parts of sums that were read back, in float64. */
  #sums(bytes: ArrayBuffer): Sums {
    const parts = new Float32Array(bytes);
    return (slot, network) => {
      const from = (slot * this.size + network) * SUM_PARTS * 2;
      let first = 0;
      let second = 0;
      for (let i = from; i < from + SUM_PARTS * 2; i += 2) {
        first += parts[i];
        second += parts[i + 1];
      }
      return { first, second };
    };
  }

  async #readVectors(buffer: GPUBuffer, length: number): Promise<Float32Array[]> {
    const [bytes] = await this.#readAll([{ buffer, size: 4 * this.size * length }]);
    return this.#vectorsOf(bytes, length);
  }

  #vectorsOf(bytes: ArrayBuffer, length: number): Float32Array[] {
    const all = new Float32Array(bytes);
    return this.#networks.map((_, n) => all.slice(n * length, (n + 1) * length));
  }

  /** Reads buffers as they are when the program has put there what its steps came to. */
  async #readAll(reads: readonly Range[]): Promise<ArrayBuffer[]> {
    this.#pacer.check();
    if (this.#settled) return await this.#pacer.read(reads);
    this.#writeSteps([{ first: 0, rows: this.batch, slot: 0 }], SLOT_AFTER);
    return await this.#pacer.read(reads, (pass) => this.#encodeEnd(pass));
  }
}

/** When networks diverged. */
function stepsOf(bytes: ArrayBuffer): (number | null)[] {
  return Array.from(new Uint32Array(bytes), (step) => step === NEVER ? null : step);
}
