/**
 * Training: batches and learning rates in, an asynchronous stream of metric rows out.
 *
 * @module
 */

import { checkDataSet, type DataSet, type Split } from "../data/dataset.ts";
import { ArgumentError, shown } from "../errors.ts";
import { checkGpu, type Gpu } from "../gpu/device.ts";
import { DeviceDataSet } from "../gpu/device_data.ts";
import { initialise } from "../model/initialisation.ts";
import type { Evaluation, MetricRow } from "../model/metrics.ts";
import type { Architecture } from "../model/network.ts";
import type { TrainedNetwork } from "../model/trained_network.ts";
import { VERSION } from "../model/version.ts";
import { EarlyStopping } from "./early_stopping.ts";
import { originOf } from "./origin.ts";
import { Population } from "./population.ts";
import { divergedBy, merge, unanswered } from "./rows.ts";
import { checkRun, checkSplit } from "./run_checks.ts";
import { decodeState, type TrainingState } from "./state.ts";
import { MAX_PENDING, TrainingLoop } from "./training_loop.ts";
import type { RunOptions, TrainingOptions } from "./training_options.ts";
import { planTraining, type TrainingPlan } from "./training_plan.ts";

export type { FoundRows } from "./rows.ts";
export type { TrainingState } from "./state.ts";
export type { RunOptions, TrainingNetwork, TrainingOptions } from "./training_options.ts";

/**
 * Networks of one architecture being trained on the GPU.
 *
 * All methods throw an `ArgumentError` if the training was destroyed. Methods that wait for the GPU throw a `GpuError` if
 * the device refused an operation, a `DeviceLostError` if it went away, and the reason of a signal that stops them.
 *
 * @example Stopping early, after a break
 * ```ts
 * import { createSynthetic, encodeState, Gpu, Training } from "@headless/mlp";
 * import { assert } from "@std/assert";
 *
 * const gpu = await Gpu.request();
 * const data = await createSynthetic({ training: 300, test: 50 });
 * const options = {
 *   hidden: [10],
 *   batchNorm: true,
 *   learningRate: 0.1,
 *   epochs: 20,
 *   batch: 30,
 *   stopAfter: { patience: 3 },
 * };
 * const begun = await Training.create(gpu, data, options);
 * for await (const [row] of begun.run()) if (row.epoch === 2) break;
 * const bytes = encodeState(await begun.state());
 * begun.destroy();
 *
 * const training = await Training.resume(gpu, data, options, bytes);
 * for await (const _rows of training.run());
 * // The networks have the parameters of their best row now.
 * const [validation] = await training.evaluate("validation");
 * assert(validation.loss === training.best[0]?.validation.loss);
 * training.destroy();
 * gpu.destroy();
 * ```
 */
export class Training {
  /** The architecture of all networks. */
  readonly architecture: Architecture;
  /** The kernel variant. */
  readonly variant: string;
  /** Updates of the whole training. */
  readonly steps: number;
  /** Updates in an epoch. */
  readonly stepsPerEpoch: number;
  readonly #population: Population;
  /** Where the statistics that standardise the inputs and the names of the classes come from. */
  readonly #source: DataSet;
  /** The data, if this training put them on the device. */
  readonly #ownData: DeviceDataSet | undefined;
  readonly #plan: TrainingPlan;
  readonly #stopping: EarlyStopping | undefined;
  readonly #loop: TrainingLoop;
  #destroyed = false;

  private constructor(
    plan: TrainingPlan,
    parts: { population: Population; data: DeviceDataSet; ownData?: DeviceDataSet },
  ) {
    const { population, data, ownData } = parts;
    const { architecture, variant, snapshots } = population;
    this.#plan = plan;
    this.#population = population;
    this.#source = data.source;
    this.#ownData = ownData;
    this.architecture = architecture;
    this.variant = variant;
    this.steps = plan.steps;
    this.stepsPerEpoch = plan.stepsPerEpoch;
    this.#stopping = snapshots && plan.stopAfter && new EarlyStopping(snapshots, plan.stopAfter);
    const origin = originOf(plan, { data: data.source, variant });
    this.#loop = new TrainingLoop(plan, { population, stopping: this.#stopping, origin });
  }

  /**
   * Puts networks with their initial weights on the GPU.
   *
   * @param gpu The device.
   * @param data The data; a `DeviceDataSet` is shared and stays the caller's.
   * @param options What to train.
   * @returns The training, before its first step.
   * @throws {ArgumentError} If an option is not allowed, or the adapter cannot hold the networks.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  static async create(
    gpu: Gpu,
    data: DataSet | DeviceDataSet,
    options: TrainingOptions,
  ): Promise<Training> {
    checkGpu(gpu, "train");
    if (!(data instanceof DeviceDataSet)) checkDataSet(data, "train");
    const plan = planTraining(options, data instanceof DeviceDataSet ? data.source : data);
    const { architecture, networks, seed, batch, variant } = plan;
    const deviceData = data instanceof DeviceDataSet ? data : new DeviceDataSet(gpu, data);
    const ownData = deviceData === data ? undefined : deviceData;
    // One for each evaluation that may be pending, and one for the best.
    const snapshots = plan.stopAfter && MAX_PENDING + 1;
    let population: Population | undefined;
    try {
      // Before drawing initial weights: networks too large for the adapter may be too large for this process.
      const settings = { architecture, networks, batch, data: deviceData, variant, snapshots };
      population = await Population.create(gpu, settings);
      population.write({
        parameters: networks.map(({ identity, initialisation }) =>
          initialise(architecture, { seed, identity, initialisation })
        ),
      });
      return new Training(plan, { population, data: deviceData, ownData });
    } catch (error) {
      population?.destroy();
      ownData?.destroy();
      throw error;
    }
  }

  /**
   * Resumes a training that was saved: to the same bytes and the same rows as without a break, on the same adapter with the
   * same driver. On another one it goes on just as well, but its sums may be rounded in another way.
   *
   * The options must be those of the saved training, but for the length, which may be another if the training was not over
   * with its best parameters restored: the steps so far are the same. The kernel variant is that of the saved training
   * unless given.
   *
   * @param gpu The device.
   * @param data The data; a `DeviceDataSet` is shared and stays the caller's.
   * @param options What to train.
   * @param bytes The state, from `encodeState`.
   * @returns The training, after the step at which it was saved.
   * @throws {DataError} If the bytes are not those of a state.
   * @throws {ArgumentError} If an option is not allowed, the adapter cannot hold the networks, or the state is that of a
   * training with other options, of which the message names each.
   * @throws {GpuError} If the device refused an operation.
   * @throws {DeviceLostError} If the device went away.
   */
  static async resume(
    gpu: Gpu,
    data: DataSet | DeviceDataSet,
    options: TrainingOptions,
    bytes: Uint8Array,
  ): Promise<Training> {
    const state = decodeState(bytes);
    const variant = options?.variant ?? state.origin?.variant;
    const training = await Training.create(gpu, data, { ...options, variant });
    try {
      training.restore(state);
    } catch (error) {
      training.destroy();
      throw error;
    }
    return training;
  }

  /** Updates made so far; of a training that stopped early, those of the row at which it stopped. */
  get step(): number {
    return this.#loop.step;
  }

  /**
   * The step at which each network diverged, or null, [networks], as far as the rows so far tell;
   * {@linkcode Training.diverged} asks the GPU.
   */
  get knownDivergence(): readonly (number | null)[] {
    return this.#loop.known;
  }

  /**
   * Trains to the end, with a row for each network before the first step, after every epoch (or `evaluateEvery` steps)
   * and after the last. It ends early when all networks have diverged, or when `stopAfter` says so. When it yields the last
   * row, the networks have their best parameters already, if they are to end with these.
   *
   * Leaving the loop, or stopping it by the signal, keeps the networks as they are; another call resumes from there and
   * yields the rows that were still due.
   *
   * @param options `signal` stops the training between two submits; `onStep` receives the number of updates submitted;
   * `ahead` continues with updates while a row is read back, so that the GPU never waits.
   * @yields Rows, [networks].
   * @throws {ArgumentError} If another call is under way, or an option is not allowed.
   */
  async *run(options: RunOptions = {}): AsyncGenerator<MetricRow[], void, void> {
    this.#check();
    checkRun(options, "run the training", ["ahead", "onStep"]);
    while (!this.#loop.isOver) {
      this.#check();
      const rows = await this.#loop.nextRows(options);
      if (rows) yield rows;
    }
  }

  /**
   * Evaluates all networks as they are now.
   *
   * @param split Which part of the data.
   * @param options `signal` stops the evaluation between two submits.
   * @returns Loss (in nats), cost, and accuracy, which is NaN for a network that has diverged, [networks].
   * @throws {ArgumentError} If there is no such part, or an option is not allowed.
   */
  async evaluate(split: Split, options: { signal?: AbortSignal } = {}): Promise<Evaluation[]> {
    this.#check();
    checkSplit(split, "evaluate the networks");
    checkRun(options, "evaluate the networks");
    const { step } = this;
    const result = await this.#population.startEvaluation([split], options);
    const { evaluations: [evaluations], diverged, finite } = await result();
    const all = merge(this.#loop.notes(), divergedBy(step, { diverged, finite }));
    return evaluations.map((evaluation, i) =>
      all[i] === null ? evaluation : unanswered(evaluation)
    );
  }

  /**
   * Predicts the class of every image with the networks as they are now: that of the largest logit, the first of equal
   * ones.
   *
   * @param split Which part of the data.
   * @param options `signal` stops the work between two submits.
   * @returns Class numbers in the order of the images, [networks][images].
   * @throws {ArgumentError} If there is no such part, or an option is not allowed.
   */
  async predict(split: Split, options: { signal?: AbortSignal } = {}): Promise<Uint16Array[]> {
    this.#check();
    checkSplit(split, "predict classes");
    checkRun(options, "predict classes");
    return await this.#population.predict(split, options.signal);
  }

  /**
   * The best row so far of each network by the metric of `stopAfter`, or null where no row counts: without `stopAfter`, before
   * the first row, or if all rows were NaN, [networks].
   */
  get best(): readonly (MetricRow | null)[] {
    return this.#stopping?.best ?? this.#plan.networks.map(() => null);
  }

  /**
   * Reads when each network diverged, that is, first had a NaN or infinite loss, parameter or moving average. Losses are
   * checked in every step, the others with every row.
   *
   * @returns The number of updates made before, or null, [networks].
   */
  async diverged(): Promise<(number | null)[]> {
    this.#check();
    const found = await this.#population.readDiverged();
    return merge(this.#loop.known, found);
  }

  /**
   * Copies the state as it is at the time of the call; {@linkcode Training.run} may continue meanwhile.
   *
   * @returns A copy.
   */
  async state(): Promise<TrainingState> {
    this.#check();
    return await this.#loop.state();
  }

  /**
   * Copies a network as it is at the time of the call, with all that is needed to use it: `encodeNetwork` makes it a file, and
   * `Classifier` classifies with it. {@linkcode Training.run} may continue meanwhile.
   *
   * @param index Which of the networks; the first unless given.
   * @returns A copy.
   * @throws {ArgumentError} If there is no such network.
   */
  async network(index: number = 0): Promise<TrainedNetwork> {
    this.#check();
    checkIndex(index, this.#plan.networks.length);
    const step = this.#loop.stepOf(index);
    const { parameters, statistics } = await this.#population.readState();
    return this.#trained(index, step, {
      parameters: parameters[index],
      statistics: statistics[index],
    });
  }

  /**
   * Copies a network as it was at its best row, see {@linkcode Training.best}; also while the training goes on.
   *
   * @param index Which of the networks; the first unless given.
   * @returns A copy; null where it has no best row.
   * @throws {ArgumentError} If there is no such network, or the options have no `stopAfter`.
   */
  async bestNetwork(index: number = 0): Promise<TrainedNetwork | null> {
    this.#check();
    checkIndex(index, this.#plan.networks.length);
    if (!this.#stopping) {
      throw new ArgumentError(
        "Cannot copy the best network: the training keeps none, expected the option stopAfter",
      );
    }
    const { [index]: row } = this.#stopping.best;
    const { parameters, statistics } = await this.#stopping.readBest();
    return row && this.#trained(index, row.step, {
      parameters: parameters[index],
      statistics: statistics[index],
    });
  }

  /**
   * Restores the state of a training with the same options, so that this one resumes from there.
   *
   * @param state The state from {@linkcode Training.state}. Without its `origin` the options are not compared.
   * @throws {ArgumentError} If the state is that of a training with other options, of which the message names each, or has
   * too many steps, or {@linkcode Training.run} is under way.
   */
  restore(state: TrainingState): void {
    this.#check();
    this.#loop.restore(state);
  }

  /** Frees the memory on the GPU. */
  destroy(): void {
    this.#destroyed = true;
    this.#population.destroy();
    this.#ownData?.destroy();
  }

  /** The same as {@linkcode Training.destroy}, for `using`. */
  [Symbol.dispose](): void {
    this.destroy();
  }

  /** A network with what was learnt until a step, and what it was made from. */
  #trained(
    index: number,
    step: number,
    learnt: Pick<TrainedNetwork, "parameters" | "statistics">,
  ): TrainedNetwork {
    const { mean, std, classNames, input } = this.#source;
    const { networks, seed, batch, steps, halfCycle } = this.#plan;
    return {
      ...{ architecture: this.architecture, classNames, input, step, version: VERSION, ...learnt },
      mean: mean.slice(),
      std: std.slice(),
      settings: { seed, batch, steps, halfCycle, ...networks[index] },
    };
  }

  #check(): void {
    if (this.#destroyed) throw new ArgumentError("Cannot use the training: it was destroyed");
  }
}

function checkIndex(index: number, networks: number): void {
  if (Number.isInteger(index) && index >= 0 && index < networks) return;
  throw new ArgumentError(
    `Cannot copy network ${shown(index)}: expected an integer from 0 to ${networks - 1}`,
  );
}
