/**
 * Networks of one architecture on the GPU, trained together on the same batches.
 *
 * Every buffer has the network as its first axis and every dispatch the network as its z: a single network is a
 * population of one.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import { ArgumentError } from "../errors.ts";
import type { DeviceDataSet } from "../gpu/device_data.ts";
import type { Gpu } from "../gpu/device.ts";
import { Kernels } from "../gpu/kernels.ts";
import { NETWORK } from "../gpu/structs.ts";
import { type Range, Submits } from "../gpu/submits.ts";
import type { Evaluation } from "../model/metrics.ts";
import { initialStatistics } from "../model/initialisation.ts";
import type { Architecture } from "../model/network.ts";
import { checkShape, type PopulationShape } from "../model/shape.ts";
import { Binder } from "../programs/binder.ts";
import { NEVER, PopulationBuffers, STEP_SLOTS } from "../programs/buffers.ts";
import type { Program, ProgramContext, Steps } from "../programs/program.ts";
import type { StepPlan } from "../programs/steps.ts";
import { createProgram, defaultVariant } from "../programs/variants.ts";
import { Evaluator, type PendingEvaluation } from "./evaluation.ts";
import { decodeDivergence, decodeSums, decodeVectors, divergenceOf, sumsOf } from "./readings.ts";
import { type KernelTimes, type StepsTime, timeKernels, timeSteps } from "./step_times.ts";

export type { StepPlan };

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

/** How updates are run. */
export interface AdvanceOptions {
  /** Ends the work between two submits. */
  readonly signal?: AbortSignal;
  /** Called with the number of updates submitted so far, the last of which may still run. */
  readonly onStep?: (steps: number) => void;
}

/** What training changes on the GPU, for each network in the order of its layout. */
export interface PopulationState {
  /** [P][layout.count] */
  readonly parameters: readonly Float32Array[];
  /** [P][layout.statisticCount]; left out while no batch has been seen, so that the first one sets them. */
  readonly statistics?: readonly Float32Array[];
}

/**
 * P networks of one architecture on the GPU.
 *
 * All methods throw an `ArgumentError` if the population was destroyed, also meanwhile; those that wait for the GPU a
 * `GpuError` if the device refused an operation, and a `DeviceLostError` if it went away.
 */
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
  readonly #data: DeviceDataSet;
  readonly #buffers: PopulationBuffers;
  readonly #program: Program;
  readonly #evaluator: Evaluator;
  readonly #submits: Submits;
  /** Whether no batch has been seen. */
  #fresh = true;

  private constructor(
    context: ProgramContext,
    parts: { variant: string; program: Program; evaluator: Evaluator; submits: Submits },
  ) {
    this.architecture = context.architecture;
    this.size = context.networks;
    this.batch = context.batch;
    this.images = context.data.source.training.count;
    this.variant = parts.variant;
    this.#gpu = context.gpu;
    this.#data = context.data;
    this.#buffers = context.buffers;
    this.#program = parts.program;
    this.#evaluator = parts.evaluator;
    this.#submits = parts.submits;
  }

  /**
   * Makes a population. Its parameters are 0 until {@linkcode Population.write} sets them.
   *
   * @param gpu The device.
   * @param options What it is made of.
   * @returns The population.
   * @throws {ArgumentError} If there is no network, the batch does not fit the data or batch norm, or the adapter
   * cannot hold it.
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
    const buffers = await PopulationBuffers.create(gpu, shape, data);
    const context: ProgramContext = { ...shape, gpu, kernels, buffers, data };
    let program: Program | undefined;
    try {
      program = await createProgram(variant, context);
      const submits = new Submits(gpu);
      const lambdas = networks.map(({ lambda }) => lambda);
      const [squares] = await new Binder(context, { mode: "evaluation" }).bind([[
        "sum_squares",
        0,
      ]]);
      const evaluator = new Evaluator(context, { program, submits, squares, lambdas });
      gpu.check();
      gpu.device.queue.writeBuffer(buffers.networks, 0, NETWORK.encode(networks));
      return new Population(context, { variant, program, evaluator, submits });
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
   */
  write(state: PopulationState): void {
    this.#submits.check();
    const { queue } = this.#gpu.device;
    const { layout, parameters, statistics, diverged } = this.#buffers;
    const initial = initialStatistics(this.architecture);
    for (let network = 0; network < this.size; network++) {
      const own = Float32Array.from(state.parameters[network]);
      queue.writeBuffer(parameters, 4 * network * layout.count, own);
      this.#program.write(network, own);
      if (layout.statisticCount === 0) continue; // Deno 2.9 panics on a write of nothing.
      const averages = Float32Array.from(state.statistics?.[network] ?? initial);
      queue.writeBuffer(statistics, 4 * network * layout.statisticCount, averages);
    }
    queue.writeBuffer(diverged, 0, new Uint32Array(this.size).fill(NEVER));
    this.#fresh = state.statistics === undefined;
  }

  /**
   * Sets the order in which the training images come.
   *
   * @param order Indices of training images, [training images]; batches are runs of it.
   */
  setOrder(order: Uint32Array): void {
    this.#submits.check();
    this.#gpu.device.queue.writeBuffer(this.#buffers.order, 0, Uint32Array.from(order));
  }

  /**
   * Makes updates, one batch each. When it returns, the last of them may still run.
   *
   * @param steps The updates, in order.
   * @param options `signal` ends the work between two submits; `onStep` is told how many updates were submitted.
   */
  async advance(steps: readonly StepPlan[], options: AdvanceOptions = {}): Promise<void> {
    await this.#advance(steps, options);
  }

  /**
   * Makes updates and gives the loss of each batch, in training mode and before its update.
   *
   * @param steps The updates, in order.
   * @returns Mean cross-entropy, [steps][networks].
   */
  async advanceWithLosses(steps: readonly StepPlan[]): Promise<number[][]> {
    const { slots } = this.#buffers;
    const losses: number[][] = [];
    for (let first = 0; first < steps.length; first += slots) {
      const own = steps.slice(first, first + slots);
      await this.#advance(own, { loss: true });
      const [bytes] = await this.#submits.read([sumsOf(this.#buffers, this.size, own.length)]);
      const sums = decodeSums(bytes, this.size);
      losses.push(
        ...own.map((_, slot) =>
          Array.from({ length: this.size }, (_, n) => sums(slot, n).first / this.batch)
        ),
      );
    }
    return losses;
  }

  /**
   * Makes updates and measures the time that all of them take, when nothing else is under way.
   *
   * @param steps The updates, in order, at least one.
   * @param signal Ends the work between two submits.
   * @returns The time, by the GPU's own clock where the device has timestamps.
   * @throws {ArgumentError} If there are no steps.
   */
  async time(steps: readonly StepPlan[], signal?: AbortSignal): Promise<StepsTime> {
    if (steps.length === 0) throw new ArgumentError("Cannot time 0 steps, expected at least 1");
    this.#submits.check();
    return await timeSteps(
      this.#gpu,
      this.#submits,
      (timestamps) => this.#advance(steps, { signal, timestamps }),
    );
  }

  /**
   * Makes updates and measures each of their kernels by itself, in a compute pass of its own between two timestamps.
   *
   * @param steps The updates, in order.
   * @param signal Ends the work between two submits.
   * @returns Times of each kernel of a step, in the order of the kernels. A kernel that does parts of two steps does less
   * in the last one.
   * @throws {GpuUnavailableError} If the device was created without timestamps.
   */
  async profile(steps: readonly StepPlan[], signal?: AbortSignal): Promise<KernelTimes[]> {
    this.#submits.check();
    if (steps.length === 0) return [];
    const planned = this.#program.steps(steps, { fresh: this.#fresh, loss: false });
    return await timeKernels(this.#gpu, this.#submits, {
      steps: planned,
      count: steps.length,
      stride: this.#buffers.stepStride,
      prepare: (first, count) => this.#prepare(planned, first, count),
      signal,
    });
  }

  /**
   * Evaluates all networks on parts of the data set, with the moving averages where there is batch norm.
   *
   * @param splits Which parts.
   * @param signal Ends the work between two submits.
   * @returns Mean cross-entropy, cost and accuracy, [splits][networks].
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
   * @returns The pending result, as soon as all of it was submitted.
   */
  async startEvaluation(
    splits: readonly Split[],
    signal?: AbortSignal,
  ): Promise<PendingEvaluation> {
    return await this.#evaluator.start(splits, signal);
  }

  /**
   * Finds the class of every image in a part of the data set: that of the largest logit, the first of equal ones.
   *
   * @param split Which part.
   * @param signal Ends the work between two submits.
   * @returns Classes by number in the order of the images, [P][images].
   */
  async predict(split: Split, signal?: AbortSignal): Promise<Uint16Array[]> {
    return await this.#evaluator.predict(split, signal);
  }

  /**
   * Reads back the gradients of the last update: of the cost, at the parameters before that update.
   *
   * @returns [P][layout.count]
   */
  async readGradients(): Promise<Float32Array[]> {
    const [bytes] = await this.#read([this.#vectors("gradients")]);
    return decodeVectors(bytes, this.size);
  }

  /**
   * Tells when each network first had a loss that was NaN or infinite.
   *
   * @returns The number of updates made before, or null where there was none, [P]
   */
  async readDiverged(): Promise<(number | null)[]> {
    const [steps] = await this.#submits.read([divergenceOf(this.#buffers, this.size)]);
    return decodeDivergence(steps);
  }

  /**
   * Reads all that training changes, as it is when this is called: updates may be made meanwhile.
   *
   * @returns Parameters and moving averages as {@linkcode Population.write} takes them, and when each network diverged.
   */
  async readState(): Promise<
    Required<PopulationState> & { readonly diverged: (number | null)[] }
  > {
    // Together: each reading by itself takes 11 ms in Deno.
    const [parameters, statistics, diverged] = await this.#read([
      this.#vectors("parameters"),
      this.#vectors("statistics"),
      divergenceOf(this.#buffers, this.size),
    ]);
    return {
      parameters: decodeVectors(parameters, this.size),
      statistics: decodeVectors(statistics, this.size),
      diverged: decodeDivergence(diverged),
    };
  }

  /** Waits until all that was submitted is done. */
  async done(): Promise<void> {
    await this.#submits.drain();
  }

  /** Frees the memory on the GPU. */
  destroy(): void {
    this.#submits.destroy();
    this.#program.destroy();
    this.#buffers.destroy();
  }

  async #advance(
    plans: readonly StepPlan[],
    work: AdvanceOptions & { loss?: boolean; timestamps?: GPUQuerySet },
  ): Promise<void> {
    this.#submits.check();
    const { loss = false, timestamps, onStep, signal } = work;
    await this.#submits.inTurn(() => {
      const steps = this.#program.steps(plans, { fresh: this.#fresh, loss });
      return this.#submits.run({
        kind: loss ? "step with loss" : "step",
        count: plans.length,
        max: STEP_SLOTS,
        timestamps,
        prepare: (first, count) => this.#prepare(steps, first, count),
        encode: (pass, first, index) => steps.encode(pass, first, index),
        submitted: onStep,
      }, signal);
    });
  }

  #prepare(steps: Steps, first: number, count: number): void {
    this.#data.check(); // Before each submit: what was destroyed must not be used.
    steps.prepare(first, count);
    this.#fresh = false;
  }

  /** The place of a vector of each network. */
  #vectors(name: "parameters" | "gradients" | "statistics"): Range {
    const { [name]: buffer, layout } = this.#buffers;
    const length = name === "statistics" ? layout.statisticCount : layout.count;
    return { buffer, size: 4 * this.size * length };
  }

  /** Reads buffers back when the program has brought them up to date. */
  async #read(ranges: readonly Range[]): Promise<ArrayBuffer[]> {
    return await this.#submits.read(ranges, (pass) => this.#program.settle(pass));
  }
}
