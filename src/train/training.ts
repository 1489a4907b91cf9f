/**
 * Training: batches and learning rates in, an asynchronous stream of metric rows out.
 *
 * @module
 */

import type { DataSet, Split } from "../data/dataset.ts";
import { ArgumentError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { DeviceDataSet } from "../gpu/device_data.ts";
import { initialise } from "../model/initialisation.ts";
import type { Evaluation, MetricRow } from "../model/metrics.ts";
import { type Architecture, layout } from "../model/network.ts";
import { Random } from "../model/random.ts";
import { eta, phase } from "../model/schedule.ts";
import { architectureOf } from "../model/shape.ts";
import { inputOf, type TrainedNetwork } from "../model/trained_network.ts";
import { VERSION } from "../model/version.ts";
import { planSteps } from "../programs/steps.ts";
import { type AdvanceOptions, Population } from "./population.ts";
import { afterOthers, divergedBy, type FoundRows, merge, unanswered } from "./rows.ts";
import type { TrainingState } from "./state.ts";
import { type RunOptions, stepsOf, type TrainingOptions } from "./training_options.ts";

export type { FoundRows } from "./rows.ts";
export type { TrainingState } from "./state.ts";
export type { RunOptions, TrainingNetwork, TrainingOptions } from "./training_options.ts";

/** Maximum number of evaluations whose rows are pending while training continues. */
const AHEAD = 2;

/** Waits for the rows of an evaluation. */
type PendingRows = () => Promise<FoundRows>;

/**
 * Networks of one architecture being trained on the GPU; the example of the module shows one.
 *
 * All methods throw an `ArgumentError` if the training was destroyed. Methods that wait for the GPU throw a `GpuError` if
 * the device refused an operation, and a `DeviceLostError` if it went away.
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
  readonly #options: TrainingOptions;
  readonly #seed: number;
  #step = 0;
  #epoch = -1; // the epoch whose image order is on the GPU
  #rowDue = true;
  #pending: PendingRows[] = [];
  /** Divergence known from the rows yielded so far, and from a restored state without rows to come. */
  #known: readonly (number | null)[];
  #ended = false;
  #running = false;
  #destroyed = false;

  private constructor(
    options: TrainingOptions,
    parts: { population: Population; source: DataSet; ownData?: DeviceDataSet; steps: number },
  ) {
    this.#options = options;
    this.#population = parts.population;
    this.#source = parts.source;
    this.#ownData = parts.ownData;
    this.architecture = parts.population.architecture;
    this.variant = parts.population.variant;
    this.steps = parts.steps;
    this.#seed = options.seed ?? 1;
    this.#known = options.networks.map(() => null);
    this.stepsPerEpoch = Math.floor(parts.population.images / parts.population.batch);
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
    const { networks, seed = 1, batch = 100, variant } = options;
    const steps = stepsOf(options);
    const deviceData = data instanceof DeviceDataSet ? data : new DeviceDataSet(gpu, data);
    const ownData = deviceData === data ? undefined : deviceData;
    const architecture = architectureOf(options, deviceData.source);
    let population: Population | undefined;
    try {
      // Before drawing initial weights: networks too large for the adapter may be too large for this process.
      const settings = { architecture, networks, batch, data: deviceData, variant };
      population = await Population.create(gpu, settings);
      population.write({
        parameters: networks.map(({ identity, initialisation }) =>
          initialise(architecture, { seed, identity, initialisation })
        ),
      });
      const { source } = deviceData;
      return new Training(options, { population, source, ownData, steps });
    } catch (error) {
      population?.destroy();
      ownData?.destroy();
      throw error;
    }
  }

  /** Updates made so far. */
  get step(): number {
    return this.#step;
  }

  /**
   * The step at which each network diverged, or null, [networks], as far as the rows so far tell;
   * {@linkcode Training.diverged} asks the GPU.
   */
  get knownDivergence(): readonly (number | null)[] {
    return this.#known;
  }

  /**
   * Trains to the end, with a row for each network before the first step, after every epoch (or `evaluateEvery` steps)
   * and after the last. It ends early when all networks have diverged.
   *
   * Leaving the loop, or stopping it by the signal, keeps the networks as they are; another call resumes from there and
   * yields the rows that were still due.
   *
   * @param options `signal` stops the training between two submits; `onStep` receives the number of updates submitted;
   * `ahead` continues with updates while a row is read back, so that the GPU never waits.
   * @yields Rows, [networks].
   * @throws {ArgumentError} If another call is under way.
   */
  async *run(options: RunOptions = {}): AsyncGenerator<MetricRow[], void, void> {
    let rows: MetricRow[] | undefined;
    while ((rows = await this.#nextRows(options))) yield rows;
  }

  /** Trains until the next rows; undefined if there are none left. */
  async #nextRows(options: RunOptions): Promise<MetricRow[] | undefined> {
    const { signal, ahead = false } = options;
    const every = this.#options.evaluateEvery ?? this.stepsPerEpoch;
    if (this.#isOver()) return undefined;
    this.#check();
    this.#checkIdle("run");
    this.#running = true;
    try {
      while (!this.#isOver()) {
        if (this.#rowDue) {
          this.#pending.push(await this.#startRows(signal));
          this.#rowDue = false;
        }
        if (this.#pending.length > (ahead && this.#step < this.steps ? AHEAD : 0)) {
          signal?.throwIfAborted();
          const { rows, diverged } = afterOthers(await this.#pending[0](), this.#known);
          this.#pending.shift();
          this.#known = diverged;
          this.#ended = diverged.every((step) => step !== null);
          if (this.#ended) this.#pending = [];
          return [...rows];
        }
        const next = Math.min((Math.floor(this.#step / every) + 1) * every, this.steps);
        await this.#advanceTo(next, options);
      }
      return undefined;
    } finally {
      this.#running = false;
    }
  }

  /**
   * Evaluates all networks as they are now.
   *
   * @param split Which part of the data.
   * @param options `signal` stops the evaluation between two submits.
   * @returns Loss, cost and accuracy, which is NaN for a network that has diverged, [networks].
   */
  async evaluate(split: Split, options: { signal?: AbortSignal } = {}): Promise<Evaluation[]> {
    this.#check();
    const { step } = this;
    const result = await this.#population.startEvaluation([split], options.signal);
    const { evaluations: [evaluations], diverged, finite } = await result();
    const all = merge(this.#known, divergedBy(step, { diverged, finite }));
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
   */
  async predict(split: Split, options: { signal?: AbortSignal } = {}): Promise<Uint16Array[]> {
    this.#check();
    return await this.#population.predict(split, options.signal);
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
    return merge(this.#known, found);
  }

  /**
   * Copies the state as it is at the time of the call; {@linkcode Training.run} may continue meanwhile.
   *
   * @returns A copy.
   */
  async state(): Promise<TrainingState> {
    this.#check();
    const { step } = this;
    const [rowDue, ended, known] = [this.#rowDue, this.#ended, this.#known];
    const [{ parameters, statistics, diverged: noted }, ...found] = await Promise.all([
      this.#population.readState(),
      ...this.#pending.map((finish) => finish()),
    ]);
    const pending: FoundRows[] = [];
    for (const own of found) pending.push(afterOthers(own, pending.at(-1)?.diverged ?? known));
    const diverged = merge(known, noted);
    return { step, rowDue, pending, ended, parameters, statistics, diverged };
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
    const { networks } = this.#options;
    if (!Number.isInteger(index) || index < 0 || index >= networks.length) {
      throw new ArgumentError(
        `Cannot copy network ${index}: expected an integer from 0 to ${networks.length - 1}`,
      );
    }
    const { step } = this;
    const { mean, std, classNames } = this.#source;
    const { parameters, statistics } = await this.#population.readState();
    return {
      ...{ architecture: this.architecture, classNames, step, version: VERSION },
      mean: mean.slice(),
      std: std.slice(),
      parameters: parameters[index],
      statistics: statistics[index],
      input: inputOf(this.#source),
      settings: settingsOf(this.#options, networks[index]),
    };
  }

  /**
   * Restores the state of a training with the same options, so that this one resumes from there.
   *
   * @param state The state from {@linkcode Training.state}.
   * @throws {ArgumentError} If the state has other networks or too many steps, or {@linkcode Training.run} is under way.
   */
  restore(state: TrainingState): void {
    this.#check();
    this.#checkIdle("restore");
    const { count, statisticCount } = layout(this.architecture);
    const { networks } = this.#population;
    const { parameters, statistics, step, rowDue, pending, ended, diverged } = state;
    const perNetwork = [state, ...pending].map((known) => known.diverged.length);
    perNetwork.push(
      parameters.length,
      statistics.length,
      ...pending.map(({ rows }) => rows.length),
    );
    const fits = perNetwork.every((length) => length === networks) &&
      parameters.every(({ length }) => length === count) &&
      statistics.every(({ length }) => length === statisticCount);
    if (!fits || !Number.isSafeInteger(step) || step < 0 || step > this.steps) {
      throw new ArgumentError(
        `Cannot restore the training: the state is not one of ${networks} networks of ${count} parameters ` +
          `and at most ${this.steps} steps`,
      );
    }
    this.#population.write({
      parameters,
      statistics: step === 0 ? undefined : statistics,
      diverged,
    });
    this.#step = step;
    this.#epoch = -1;
    this.#rowDue = rowDue;
    this.#pending = pending.map((found) => () => Promise.resolve(found));
    // Rows to come belong to earlier steps than the state, and tell themselves what was known then.
    this.#known = pending.length > 0 ? diverged.map(() => null) : [...diverged];
    this.#ended = ended;
  }

  /** Frees the memory on the GPU. */
  destroy(): void {
    this.#destroyed = true;
    this.#population.destroy();
    this.#ownData?.destroy();
  }

  #check(): void {
    if (this.#destroyed) throw new ArgumentError("Cannot use the training: it was destroyed");
  }

  /** Two concurrent runs would make some updates twice. */
  #checkIdle(action: string): void {
    if (!this.#running) return;
    throw new ArgumentError(
      `Cannot ${action} the training: run() is under way, expected its next row to be awaited first`,
    );
  }

  /** Whether all rows were yielded. */
  #isOver(): boolean {
    const rowsLeft = this.#rowDue || this.#pending.length > 0;
    return this.#ended || this.#step >= this.steps && !rowsLeft;
  }

  async #advanceTo(step: number, options: AdvanceOptions): Promise<void> {
    const { halfCycle } = this.#options;
    while (this.#step < step) {
      const epoch = Math.floor(this.#step / this.stepsPerEpoch);
      if (epoch !== this.#epoch) {
        const random = new Random(this.#seed, "batches", epoch);
        this.#population.setOrder(random.permutation(this.#population.images));
        this.#epoch = epoch;
      }
      const end = Math.min(step, (epoch + 1) * this.stepsPerEpoch);
      const begun = this.#step;
      const plans = planSteps(this.#population, {
        first: begun,
        count: end - begun,
        rise: (number) => phase(number, halfCycle),
      });
      await this.#population.advance(plans, {
        signal: options.signal,
        onStep: (steps) => {
          // Updated here, so that it is right when the signal stops the training.
          this.#step = begun + steps;
          this.#rowDue = this.#step === step;
          options.onStep?.(this.#step);
        },
      });
    }
  }

  async #startRows(signal?: AbortSignal): Promise<PendingRows> {
    const step = this.#step;
    const { networks, halfCycle } = this.#options;
    const splits = ["training", "validation"] as const;
    const result = await this.#population.startEvaluation(splits, signal);
    return async () => {
      const { evaluations: [training, validation], diverged, finite } = await result();
      const rows = networks.map(({ etaMin, etaMax }, i) => ({
        step,
        epoch: step / this.stepsPerEpoch,
        eta: step === 0 ? null : eta(step - 1, { etaMin, etaMax, halfCycle }),
        training: training[i],
        validation: validation[i],
      }));
      return { rows, diverged: divergedBy(step, { diverged, finite }) };
    };
  }
}

/** What a network was trained with, without what its architecture says and how the kernels ran. */
function settingsOf(
  { seed = 1, batch = 100, halfCycle, cycles }: TrainingOptions,
  { identity, lambda, etaMin, etaMax, initialisation = "he" }: TrainingNetwork,
): Readonly<Record<string, unknown>> {
  const own = { identity, lambda, etaMin, etaMax, initialisation };
  return { seed, batch, halfCycle, cycles, ...own };
}
