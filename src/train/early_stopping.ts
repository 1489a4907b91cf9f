/**
 * Early stopping: the best row of each network so far, when to stop, and the parameters to end with.
 *
 * @module
 */

import type { MetricRow } from "../model/metrics.ts";
import type { FoundRows } from "./rows.ts";
import type { NetworkVectors, Snapshots } from "./snapshots.ts";
import type { StopAfter, StopMetric } from "./training_options.ts";

/** What early stopping adds to the state of a training. */
export interface StoppingState {
  /** The best row of each network; null where none counts, as all that there are may be NaN, [networks]. */
  readonly best: readonly (MetricRow | null)[];
  /** Rows since then, [networks]. */
  readonly waited: readonly number[];
  /** The parameters and moving averages of the best rows; without meaning where there is none. */
  readonly kept: NetworkVectors;
  /** Those of each evaluation whose rows were not yet yielded, the oldest first. */
  readonly pending: readonly NetworkVectors[];
}

/** The best rows so far. */
export type BestSoFar = Pick<StoppingState, "best" | "waited">;

/** What the rows of one evaluation change. */
export interface Judged extends BestSoFar {
  /** The networks whose best row it has. */
  readonly improved: readonly number[];
  /** Whether every network is out of patience or has diverged. */
  readonly over: boolean;
  /** Where the parameters of the evaluation are. */
  readonly slot: number;
}

/** The best rows before the first. */
export function noneYet(networks: number): BestSoFar {
  return { best: Array(networks).fill(null), waited: Array(networks).fill(0) };
}

/**
 * Compares the rows of an evaluation with the best so far.
 *
 * @param before The best before it.
 * @param found Its rows, and which networks have diverged until then.
 * @param stopAfter What is compared, and how long to wait.
 * @returns The best after it, which of its rows are among them, and whether the training is over.
 */
export function judgeRows(
  before: BestSoFar,
  { rows, diverged }: FoundRows,
  { patience, metric }: Required<StopAfter>,
): Omit<Judged, "slot"> {
  const best = [...before.best];
  const waited = [...before.waited];
  const improved: number[] = [];
  for (const [i, row] of rows.entries()) {
    // What comes later does not count, so that a network has the same best alone and in a population.
    if (waited[i] >= patience) continue;
    if (diverged[i] === null && isBetter(row, best[i], metric)) {
      best[i] = row;
      waited[i] = 0;
      improved.push(i);
    } else waited[i]++;
  }
  const over = waited.every((rows, i) => rows >= patience || diverged[i] !== null);
  return { best, waited, improved, over };
}

function isBetter(row: MetricRow, best: MetricRow | null, metric: StopMetric): boolean {
  const { [metric]: value } = row.validation;
  if (!Number.isFinite(value)) return false;
  if (best === null) return true;
  const { [metric]: other } = best.validation;
  return metric === "accuracy" ? value > other : value < other;
}

/**
 * The early stopping of one training. It uses slots of the population's snapshots: the last one for the best
 * parameters, the others for evaluations whose rows are not yet known.
 */
export class EarlyStopping {
  readonly restoreBest: boolean;
  readonly #stopAfter: Required<StopAfter>;
  readonly #snapshots: Snapshots;
  /** The slot of the best parameters. */
  readonly #kept: number;
  #found: BestSoFar;

  /**
   * @param snapshots One slot for the best parameters, and the others for evaluations.
   * @param stopAfter The options.
   */
  constructor(snapshots: Snapshots, stopAfter: Required<StopAfter>) {
    this.restoreBest = stopAfter.restoreBest;
    this.#stopAfter = stopAfter;
    this.#snapshots = snapshots;
    this.#kept = snapshots.slots - 1;
    this.#found = noneYet(snapshots.networks);
  }

  /** The best row of each network, or null. */
  get best(): readonly (MetricRow | null)[] {
    return this.#found.best;
  }

  /** A slot for an evaluation, beside those of the pending ones. */
  freeSlot(pending: readonly number[]): number {
    for (let slot = 0;; slot++) if (!pending.includes(slot)) return slot;
  }

  /** Compares the rows of an evaluation with the best so far; {@linkcode EarlyStopping.accept} makes them count. */
  judge(found: FoundRows, slot: number): Judged {
    return { ...judgeRows(this.#found, found, this.#stopAfter), slot };
  }

  /** Keeps the parameters of the rows that are the best. */
  accept({ best, waited, improved, slot }: Judged): void {
    this.#snapshots.copy(improved, { from: slot, to: this.#kept });
    this.#found = { best, waited };
  }

  /** Reads what the networks end with if these rows, not yet accepted, are the last. */
  async ending({ best, improved, slot }: Judged): Promise<NetworkVectors> {
    const [last, kept] = await this.#snapshots.read([slot, this.#kept]);
    const sources = best.map((row, i) =>
      this.restoreBest && row !== null && !improved.includes(i) ? kept : last
    );
    return {
      parameters: sources.map(({ parameters }, i) => parameters[i]),
      statistics: sources.map(({ statistics }, i) => statistics[i]),
    };
  }

  /** Reads the parameters and moving averages of the best rows as they are at the time of the call. */
  async readBest(): Promise<NetworkVectors> {
    const [kept] = await this.#snapshots.read([this.#kept]);
    return kept;
  }

  /** Copies everything as it is at the time of the call. */
  async state(pending: readonly number[]): Promise<StoppingState> {
    const { best, waited } = this.#found;
    const [kept, ...own] = await this.#snapshots.read([this.#kept, ...pending]);
    return { best, waited, kept, pending: own };
  }

  /** Restores a state; its pending evaluations are in the first slots. */
  restore({ best, waited, kept, pending }: StoppingState): void {
    this.#snapshots.write(this.#kept, kept);
    pending.forEach((own, slot) => this.#snapshots.write(slot, own));
    this.#found = { best: [...best], waited: [...waited] };
  }
}
