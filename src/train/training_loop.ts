/**
 * The loop of a training: updates and evaluations in turn, and where it stands.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { layout } from "../model/network.ts";
import type { MetricRow } from "../model/metrics.ts";
import { Random } from "../model/random.ts";
import { planSteps } from "../programs/steps.ts";
import type { EarlyStopping } from "./early_stopping.ts";
import { checkOrigin, stepsOfOrigin, type TrainingOrigin } from "./origin.ts";
import type { AdvanceOptions, Population } from "./population.ts";
import { afterOthers, divergedBy, type FoundRows, merge } from "./rows.ts";
import { checkState, type TrainingState } from "./state.ts";
import type { RunOptions } from "./training_options.ts";
import { etaAt, riseAt, type TrainingPlan } from "./training_plan.ts";

/** Maximum number of evaluations whose rows are pending while training continues. */
const AHEAD = 2;

/** Maximum number of evaluations whose rows are pending: training waits for the oldest of so many. */
export const MAX_PENDING = AHEAD + 1;

/** An evaluation whose rows are not yet yielded. */
interface PendingRows {
  /** Waits for the rows. */
  readonly rows: () => Promise<FoundRows>;
  /** Where the parameters are kept, if they are. */
  readonly slot: number;
}

/** What a loop trains. */
interface LoopParts {
  readonly population: Population;
  readonly stopping: EarlyStopping | undefined;
  readonly origin: TrainingOrigin;
}

/** Trains the networks of a population step by step. It throws what `Training` throws. */
export class TrainingLoop {
  readonly #plan: TrainingPlan;
  readonly #population: Population;
  readonly #stopping: EarlyStopping | undefined;
  readonly #origin: TrainingOrigin;
  #step = 0;
  #epoch = -1; // the epoch whose image order is on the GPU
  #rowDue = true;
  #pending: PendingRows[] = [];
  /** Divergence known from the rows yielded so far, and from a restored state without rows to come. */
  #known: readonly (number | null)[];
  #ended = false;
  #running = false;

  constructor(plan: TrainingPlan, { population, stopping, origin }: LoopParts) {
    this.#plan = plan;
    this.#population = population;
    this.#stopping = stopping;
    this.#origin = origin;
    this.#known = plan.networks.map(() => null);
  }

  /** Updates made so far, or those of the row at which the training stopped early. */
  get step(): number {
    return this.#step;
  }

  /** Divergence known from the rows yielded so far. */
  get known(): readonly (number | null)[] {
    return this.#known;
  }

  /** Whether all rows were yielded. */
  get isOver(): boolean {
    const rowsLeft = this.#rowDue || this.#pending.length > 0;
    return this.#ended || this.#step >= this.#plan.steps && !rowsLeft;
  }

  /** When each network diverged, as far as it is about its parameters now: not where an earlier row's were restored. */
  notes(diverged: readonly (number | null)[] = this.#known): (number | null)[] {
    const restored = this.#restoredRows();
    return diverged.map((step, i) => (restored[i] ?? null) === null ? step : null);
  }

  /** Updates made to the parameters that a network has now: fewer than {@linkcode step} where an earlier row's were restored. */
  stepOf(network: number): number {
    return this.#restoredRows()[network]?.step ?? this.#step;
  }

  /** The rows whose parameters the networks have instead of the last ones; none before the end. */
  #restoredRows(): readonly (MetricRow | null)[] {
    return this.#stopping?.restoreBest && this.isOver ? this.#stopping.best : [];
  }

  /** Trains until the next rows; undefined if there are none left. */
  async nextRows(options: RunOptions): Promise<MetricRow[] | undefined> {
    const { signal, ahead = false } = options;
    const { evaluateEvery: every, steps } = this.#plan;
    this.#checkIdle("run");
    this.#running = true;
    try {
      while (!this.isOver) {
        if (this.#rowDue) {
          this.#pending.push(await this.#startRows(signal));
          this.#rowDue = false;
        }
        if (this.#pending.length > (ahead && this.#step < steps ? AHEAD : 0)) {
          signal?.throwIfAborted();
          const [{ rows, slot }] = this.#pending;
          const found = afterOthers(await rows(), this.#known);
          await this.#take(found, slot);
          return [...found.rows];
        }
        const next = Math.min((Math.floor(this.#step / every) + 1) * every, steps);
        await this.#advanceTo(next, options);
      }
      return undefined;
    } finally {
      this.#running = false;
    }
  }

  /** Implements `Training.state`. */
  async state(): Promise<TrainingState> {
    const { step } = this;
    const [rowDue, ended, known] = [this.#rowDue, this.#ended, this.#known];
    const pending = [...this.#pending];
    const [{ parameters, statistics, diverged: noted }, stopping, ...found] = await Promise.all([
      this.#population.readState(),
      this.#stopping?.state(pending.map(({ slot }) => slot)),
      ...pending.map(({ rows }) => rows()),
    ]);
    const foundRows: FoundRows[] = [];
    for (const own of found) foundRows.push(afterOthers(own, foundRows.at(-1)?.diverged ?? known));
    return {
      ...{ step, rowDue, pending: foundRows, ended, parameters, statistics },
      diverged: merge(known, noted),
      origin: this.#origin,
      ...stopping && { stopping },
    };
  }

  /** Implements `Training.restore`. */
  restore(state: TrainingState): void {
    this.#checkIdle("restore");
    // First: it says which option makes the shapes differ.
    if (state?.origin) checkOrigin(state.origin, this.#origin);
    checkState(state, {
      networks: this.#population.networks,
      layout: layout(this.#population.architecture),
      steps: this.#plan.steps,
      stops: this.#stopping !== undefined,
      maxPending: MAX_PENDING,
    });
    this.#checkLength(state);
    const { parameters, statistics, step, rowDue, pending, ended, diverged, stopping } = state;
    this.#step = step;
    this.#epoch = -1;
    this.#rowDue = rowDue || this.#lastRowDue(state);
    this.#pending = pending.map((found, slot) => ({ rows: () => Promise.resolve(found), slot }));
    // Rows to come belong to earlier steps than the state, and tell themselves what was known then.
    this.#known = pending.length > 0 ? diverged.map(() => null) : [...diverged];
    this.#ended = ended;
    if (stopping) this.#stopping!.restore(stopping);
    this.#population.write({
      parameters,
      statistics: step === 0 ? undefined : statistics,
      diverged: this.notes(diverged),
    });
  }

  /** Two concurrent runs would make some updates twice. */
  #checkIdle(action: string): void {
    if (!this.#running) return;
    throw new ArgumentError(
      `Cannot ${action} the training: run() is under way, expected its next row to be awaited first`,
    );
  }

  /**
   * The length may be another, unless the best parameters stand in the way: steps cannot follow those of an earlier step,
   * and a last row that was yielded as one of many did not restore them.
   */
  #checkLength({ origin, step, rowDue, pending, ended }: TrainingState): void {
    const noRowsLeft = !ended && !rowDue && pending.length === 0;
    if (!origin || !noRowsLeft || !this.#stopping?.restoreBest) return;
    const { steps, evaluateEvery } = this.#plan;
    const before = stepsOfOrigin(origin);
    if (before === steps) return;
    if (step >= before) {
      throw new ArgumentError(
        `Cannot resume the training for ${steps} steps: it ended after ${before} with its best parameters, ` +
          "expected the same number",
      );
    }
    if (step === steps && step % evaluateEvery === 0) {
      throw new ArgumentError(
        `Cannot resume the training for ${steps} steps: it has made as many of ${before} without its best parameters, ` +
          "expected more",
      );
    }
  }

  /** Whether the last step is yet to get its row: it has one in any case, others have one every so many steps. */
  #lastRowDue({ origin, step, ended }: TrainingState): boolean {
    const { steps, evaluateEvery } = this.#plan;
    const wasLast = origin === undefined || stepsOfOrigin(origin) === step;
    return !ended && step === steps && !wasLast && step % evaluateEvery !== 0;
  }

  /** Takes the oldest pending rows. After the last, the networks get the parameters that they end with. */
  async #take(found: FoundRows, slot: number): Promise<void> {
    const { rows: [{ step }], diverged } = found;
    const judged = this.#stopping?.judge(found, slot);
    const early = judged?.over ?? diverged.every((known) => known !== null);
    const ends = early || step === this.#plan.steps && this.#stopping?.restoreBest;
    const ending = judged && ends ? await this.#stopping!.ending(judged) : undefined;
    // All at once: a state is from before these rows or from after them.
    const accept = () => {
      this.#pending.shift();
      this.#known = diverged;
      this.#ended = early;
      if (early) this.#pending = [];
      if (judged) this.#stopping!.accept(judged);
      if (!ending) return;
      // Updates may have gone ahead.
      this.#step = step;
      this.#rowDue = false;
      this.#population.write({ ...ending, diverged: this.notes() });
    };
    // An evaluation of the caller's may be under way.
    if (ending) await this.#population.inTurn(accept);
    else accept();
  }

  async #advanceTo(step: number, options: AdvanceOptions): Promise<void> {
    const { stepsPerEpoch, seed } = this.#plan;
    while (this.#step < step) {
      const epoch = Math.floor(this.#step / stepsPerEpoch);
      if (epoch !== this.#epoch) {
        const random = new Random(seed, "batches", epoch);
        this.#population.setOrder(random.permutation(this.#population.images));
        this.#epoch = epoch;
      }
      const end = Math.min(step, (epoch + 1) * stepsPerEpoch);
      const begun = this.#step;
      const plans = planSteps(this.#population, {
        first: begun,
        count: end - begun,
        rise: (number) => riseAt(this.#plan, number),
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
    const splits = ["training", "validation"] as const;
    const slot = this.#stopping?.freeSlot(this.#pending.map((pending) => pending.slot)) ?? 0;
    const copies = this.#stopping && this.#population.snapshots?.copiesInto(slot);
    const result = await this.#population.startEvaluation(splits, { signal, copies });
    const rows = async () => {
      const { evaluations: [training, validation], diverged, finite } = await result();
      const rows = this.#plan.networks.map((network, i) => ({
        step,
        epoch: step / this.#plan.stepsPerEpoch,
        eta: step === 0 ? null : etaAt(this.#plan, network, step - 1),
        training: training[i],
        validation: validation[i],
      }));
      return { rows, diverged: divergedBy(step, { diverged, finite }) };
    };
    return { rows, slot };
  }
}
