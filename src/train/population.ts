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
import type { Gpu } from "../gpu/device.ts";
import type { DeviceDataSet } from "../gpu/device_data.ts";
import { Kernels } from "../gpu/kernels.ts";
import { NETWORK } from "../gpu/structs.ts";
import { type Range, Submits } from "../gpu/submits.ts";
import { initialStatistics } from "../model/initialisation.ts";
import type { Evaluation } from "../model/metrics.ts";
import type { Architecture } from "../model/network.ts";
import { checkShape, type PopulationShape } from "../model/shape.ts";
import { Binder } from "../programs/binder.ts";
import { NEVER, PopulationBuffers, STEP_SLOTS } from "../programs/buffers.ts";
import type { Program, ProgramContext, Steps } from "../programs/program.ts";
import type { StepPlan } from "../programs/steps.ts";
import { createProgram, defaultVariant } from "../programs/variants.ts";
import { type EvaluationOptions, Evaluator, type PendingEvaluation } from "./evaluation.ts";
import {
  decodeDivergence,
  decodeSums,
  decodeVectors,
  divergenceOf,
  statisticsOf,
  sumsOf,
} from "./readings.ts";
import { Snapshots } from "./snapshots.ts";
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
  /** The settings of each network, of at least one. */
  readonly networks: readonly NetworkSettings[];
  /** The data on the same device, which the caller owns and must keep while the population is in use. */
  readonly data: DeviceDataSet;
  /** The kernel variant; the default one of the adapter unless given. */
  readonly variant?: string;
  /** How many snapshots to have room for; none unless given. */
  readonly snapshots?: number;
}

/** How updates are run. */
export interface AdvanceOptions {
  /** Ends the work between two submits, by throwing the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called with the number of updates submitted so far, the last of which may still run. */
  readonly onStep?: (steps: number) => void;
}

/** What training changes on the GPU, for each network in the order of its layout. */
export interface PopulationState {
  /** [P][layout.count] */
  readonly parameters: readonly Float32Array[];
  /** [P][layout.statisticCount]; left out before the first batch, which then sets them. */
  readonly statistics?: readonly Float32Array[];
  /** The number of updates before each network diverged, or null; left out where none has, [P]. */
  readonly diverged?: readonly (number | null)[];
}

/**
 * P networks of one architecture on the GPU.
 *
 * All methods throw an `ArgumentError` if the population is destroyed before they finish. Methods that wait for the GPU
 * throw a `GpuError` if the device refused an operation, and a `DeviceLostError` if it went away. A `signal` ends the work
 * between two submits.
 */
export class Population implements PopulationShape {
  readonly architecture: Architecture;
  readonly networks: number;
  readonly batch: number;
  /** Number of training images. */
  readonly images: number;
  /** The kernel variant. */
  readonly variant: string;
  /** Copies of the parameters that stay on the GPU, if room was asked for. */
  readonly snapshots: Snapshots | undefined;
  readonly #context: ProgramContext;
  readonly #buffers: PopulationBuffers;
  readonly #program: Program;
  readonly #evaluator: Evaluator;
  readonly #submits: Submits;
  /** Whether no batch has been seen. */
  #fresh = true;

  private constructor(
    context: ProgramContext,
    parts: {
      variant: string;
      program: Program;
      evaluator: Evaluator;
      submits: Submits;
      snapshots?: Snapshots;
    },
  ) {
    this.architecture = context.architecture;
    this.networks = context.networks;
    this.batch = context.batch;
    this.images = context.data.source.training.count;
    this.variant = parts.variant;
    this.snapshots = parts.snapshots;
    this.#context = context;
    this.#buffers = context.buffers;
    this.#program = parts.program;
    this.#evaluator = parts.evaluator;
    this.#submits = parts.submits;
  }

  /**
   * Makes a population. Its parameters are 0 until {@linkcode Population.write} sets them.
   *
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
    let snapshots: Snapshots | undefined;
    try {
      program = await createProgram(variant, context);
      const submits = new Submits(gpu);
      const lambdas = networks.map(({ lambda }) => lambda);
      const [squares] = await new Binder(context, { mode: "evaluation" }).bind([[
        "sum_squares",
        0,
      ]]);
      const evaluator = new Evaluator(context, { program, submits, squares, lambdas });
      if (options.snapshots !== undefined) {
        const parts = { submits, buffers, networks: shape.networks, slots: options.snapshots };
        snapshots = await Snapshots.create(gpu, parts);
      }
      gpu.check();
      gpu.device.queue.writeBuffer(buffers.networks, 0, NETWORK.encode(networks));
      return new Population(context, { variant, program, evaluator, submits, snapshots });
    } catch (error) {
      program?.destroy();
      snapshots?.destroy();
      buffers.destroy();
      throw error;
    }
  }

  /** Sets the parameters and moving averages of all networks, and when they diverged. */
  write(state: PopulationState): void {
    this.#submits.check();
    const { queue } = this.#context.gpu.device;
    const { layout, parameters, statistics, diverged } = this.#buffers;
    const initial = initialStatistics(this.architecture);
    for (let network = 0; network < this.networks; network++) {
      const own = Float32Array.from(state.parameters[network]);
      queue.writeBuffer(parameters, 4 * network * layout.count, own);
      this.#program.write(network, own);
      if (layout.statisticCount === 0) continue; // Deno 2.9 panics on an empty write.
      const averages = Float32Array.from(state.statistics?.[network] ?? initial);
      queue.writeBuffer(statistics, 4 * network * layout.statisticCount, averages);
    }
    const steps = Array.from({ length: this.networks }, (_, n) => state.diverged?.[n] ?? NEVER);
    queue.writeBuffer(diverged, 0, Uint32Array.from(steps));
    this.#fresh = state.statistics === undefined;
  }

  /** Does something when all work begun so far is submitted: parameters written before would change in its midst. */
  async inTurn(action: () => void): Promise<void> {
    await this.#submits.inTurn(() => Promise.resolve(action()));
  }

  /** Sets the order of the training images, as their indices; batches are runs of it. */
  setOrder(order: Uint32Array): void {
    this.#submits.check();
    this.#context.gpu.device.queue.writeBuffer(this.#buffers.order, 0, Uint32Array.from(order));
  }

  /** Makes updates, one batch each. The last of them may still run when the promise resolves. */
  async advance(steps: readonly StepPlan[], options: AdvanceOptions = {}): Promise<void> {
    await this.#advance(steps, options);
  }

  /** Makes updates and returns the loss of each batch, in training mode and before its update, [steps][networks]. */
  async advanceWithLosses(steps: readonly StepPlan[]): Promise<number[][]> {
    const { slots } = this.#buffers;
    const losses: number[][] = [];
    for (let first = 0; first < steps.length; first += slots) {
      const own = steps.slice(first, first + slots);
      await this.#advance(own, { loss: true });
      const [bytes] = await this.#submits.read([sumsOf(this.#buffers, this.networks, own.length)]);
      const sums = decodeSums(bytes, this.networks);
      losses.push(
        ...own.map((_, slot) =>
          Array.from({ length: this.networks }, (_, n) => sums(slot, n).first / this.batch)
        ),
      );
    }
    return losses;
  }

  /** Waits until the GPU is idle, then makes updates, at least one, and measures the time of all of them together. */
  async time(steps: readonly StepPlan[], signal?: AbortSignal): Promise<StepsTime> {
    if (steps.length === 0) throw new ArgumentError("Cannot time 0 steps, expected at least 1");
    this.#submits.check();
    return await timeSteps(
      this.#context.gpu,
      this.#submits,
      (timestamps) => this.#advance(steps, { signal, timestamps }),
    );
  }

  /**
   * Makes updates with each kernel in a compute pass of its own, and returns the times of each kernel of a step, in order.
   * A kernel that spans two steps does less in the last one.
   *
   * @throws {GpuUnavailableError} If the device was created without timestamps.
   */
  async profile(steps: readonly StepPlan[], signal?: AbortSignal): Promise<KernelTimes[]> {
    this.#submits.check();
    if (steps.length === 0) return [];
    const planned = this.#program.steps(steps, { fresh: this.#fresh, loss: false });
    return await timeKernels(this.#context.gpu, this.#submits, {
      steps: planned,
      count: steps.length,
      stride: this.#buffers.stepStride,
      prepare: (first, count) => this.#prepare(planned, first, count),
      signal,
    });
  }

  /**
   * Evaluates all networks on some splits, with the moving averages of batch norm, [splits][networks]. The accuracy of a
   * network that has diverged is that of the answers found among its NaNs.
   */
  async evaluate(splits: readonly Split[], signal?: AbortSignal): Promise<Evaluation[][]> {
    const result = await this.startEvaluation(splits, { signal });
    return (await result()).evaluations;
  }

  /** Submits an evaluation of all networks as they are now, without waiting for it: updates may follow meanwhile. */
  async startEvaluation(
    splits: readonly Split[],
    options: EvaluationOptions = {},
  ): Promise<PendingEvaluation> {
    return await this.#evaluator.start(splits, options);
  }

  /** Predicts the class of every image of a split: the largest logit, the first of equal ones, [P][images]. */
  async predict(split: Split, signal?: AbortSignal): Promise<Uint16Array[]> {
    return await this.#evaluator.predict(split, signal);
  }

  /** Reads the gradients of the cost in the last update, at the parameters before it, [P][layout.count]. */
  async readGradients(): Promise<Float32Array[]> {
    const [bytes] = await this.#read([this.#vectors("gradients")]);
    return decodeVectors(bytes, this.networks);
  }

  /** Reads the number of updates each network had made when its loss first was NaN or infinite, or null, [P]. */
  async readDiverged(): Promise<(number | null)[]> {
    const [steps] = await this.#submits.read([divergenceOf(this.#buffers, this.networks)]);
    return decodeDivergence(steps);
  }

  /** Reads all that training changes, as it is at the time of the call: updates may follow meanwhile. */
  async readState(): Promise<Required<PopulationState>> {
    // Together: each separate read takes 11 ms in Deno.
    const [parameters, statistics, diverged] = await this.#read([
      this.#vectors("parameters"),
      statisticsOf(this.#buffers, this.networks),
      divergenceOf(this.#buffers, this.networks),
    ]);
    return {
      parameters: decodeVectors(parameters, this.networks),
      statistics: decodeVectors(statistics, this.networks),
      diverged: decodeDivergence(diverged),
    };
  }

  /** Waits until all submitted work is done. */
  async done(): Promise<void> {
    await this.#submits.drain();
  }

  /** Frees the memory on the GPU. */
  destroy(): void {
    this.#submits.destroy();
    this.#program.destroy();
    this.snapshots?.destroy();
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
    this.#context.data.check(); // Before each submit: the caller may have destroyed the data.
    steps.prepare(first, count);
    this.#fresh = false;
  }

  /** The range of a vector of every network. */
  #vectors(name: "parameters" | "gradients"): Range {
    const { [name]: buffer, layout } = this.#buffers;
    return { buffer, size: 4 * this.networks * layout.count };
  }

  /** Reads buffers after the program has brought them up to date. */
  async #read(ranges: readonly Range[]): Promise<ArrayBuffer[]> {
    return await this.#submits.read(ranges, (pass) => this.#program.settle(pass));
  }
}
