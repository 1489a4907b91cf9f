/**
 * What to train, and for how long: the options of a training.
 *
 * @module
 */

import type { Initialisation } from "../model/initialisation.ts";
import type { Architecture } from "../model/network.ts";
import type { AdvanceOptions, NetworkSettings } from "./population.ts";

/** What may differ between the networks of a training. */
export interface TrainingSettings extends Partial<NetworkSettings> {
  /** L2 weight λ, at least 0; 0 unless given. */
  readonly lambda?: number;
  /**
   * The learning rate η of every step, without `halfCycle`: 0, or a number that is one as a float32.
   */
  readonly learningRate?: number;
  /** The learning rate at the ends of a cycle, with `halfCycle`. */
  readonly etaMin?: number;
  /** The learning rate in the middle of a cycle, with `halfCycle`. */
  readonly etaMax?: number;
  /**
   * The distribution of the initial weights.
   *
   * @default {"he"}
   */
  readonly initialisation?: Initialisation;
}

/** One network of a training. What it leaves out is as the options of the training say. */
export interface TrainingNetwork extends TrainingSettings {
  /**
   * Names the network among those of the same seed: its initial weights come from the seed and this. Its index in the list
   * unless given.
   */
  readonly identity?: string | number;
}

/**
 * What to train, and for how long.
 *
 * The learning rate is constant, or it goes in cycles: with `halfCycle` it rises from `etaMin` to `etaMax` in so many steps
 * and falls back in as many, again and again. The length is given either in `epochs` or in `cycles`.
 */
export interface TrainingOptions
  extends Pick<Architecture, "hidden" | "batchNorm">, TrainingSettings {
  /** The networks: they see the same batches. One unless given. */
  readonly networks?: readonly TrainingNetwork[];
  /** Steps from the smallest learning rate to the largest (n_s); without it the rate is constant. */
  readonly halfCycle?: number;
  /** The length, as a number of cycles of 2 n_s steps; it may be fractional if the number of steps is whole. */
  readonly cycles?: number;
  /** The length, as a number of epochs; it may be fractional if the number of steps is whole. */
  readonly epochs?: number;
  /**
   * The seed of batches and initial weights: an integer in [0, 2^32).
   *
   * @default {1}
   */
  readonly seed?: number;
  /**
   * Images in a batch. Each epoch leaves out a remainder of the training images smaller than a batch.
   *
   * @default {100}
   */
  readonly batch?: number;
  /** Steps from one metric row to the next; an epoch unless given. The last step always has a row. */
  readonly evaluateEvery?: number;
  /** The kernel variant; the default one of the adapter unless given. */
  readonly variant?: string;
  /** Keeps the best parameters on the way, and stops when they get no better; neither unless given. */
  readonly stopAfter?: StopAfter;
}

/** A number of the validation that says which row is better: the smaller loss or cost, the larger accuracy. */
export type StopMetric = "loss" | "cost" | "accuracy";

/**
 * When to stop early, and which parameters to end with.
 *
 * Each network has its own best row: the first one that no other beats. The row before the first step is the first to be
 * the best; a later one must be better by any amount, so an equal one is not. A row that is NaN or infinite, and any row
 * of a network that has diverged, is never the best.
 *
 * A network is out of patience after so many rows in a row without a better one. Its best row is then final, whatever
 * comes later, so that it is the same alone and in a population. The training ends with the row in which the last network
 * runs out of patience or diverges: until then all networks train on.
 */
export interface StopAfter {
  /** Rows without a better one after which to stop: an integer of at least 1, or Infinity to only keep the best. */
  readonly patience: number;
  /**
   * What is compared, on the validation images.
   *
   * @default {"loss"}
   */
  readonly metric?: StopMetric;
  /**
   * Whether each network ends with the parameters and moving averages of its best row, also when the training goes on to
   * its last step. Otherwise it ends with those of the row at which the training stopped.
   *
   * @default {true}
   */
  readonly restoreBest?: boolean;
}

/** How a training runs. */
export interface RunOptions extends AdvanceOptions {
  /**
   * Whether updates continue while rows are read back. Training is then up to two rows ahead of the row that is yielded:
   * evaluations, predictions and states requested in the loop belong to a later step than the row.
   * So do the networks at the end if all have diverged; not if `stopAfter` ends the training.
   *
   * @default {false}
   */
  readonly ahead?: boolean;
}
