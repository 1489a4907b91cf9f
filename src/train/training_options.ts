/**
 * What to train, and for how long: the options of a training, and their checks.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { FLOAT32_RANGE, isFloat32From0 } from "../model/float32.ts";
import type { Initialisation } from "../model/initialisation.ts";
import type { Architecture } from "../model/network.ts";
import { totalSteps } from "../model/schedule.ts";
import type { AdvanceOptions, NetworkSettings } from "./population.ts";

/** One network of a training. */
export interface TrainingNetwork extends NetworkSettings {
  /** Names the network among those of the same seed: its initial weights come from the seed and this. */
  readonly identity: string | number;
  /**
   * The distribution of its initial weights.
   *
   * @default {"he"}
   */
  readonly initialisation?: Initialisation;
}

/** What to train, and for how long. */
export interface TrainingOptions extends Pick<Architecture, "hidden" | "batchNorm"> {
  /** The networks: they see the same batches. */
  readonly networks: readonly TrainingNetwork[];
  /** Steps from the smallest learning rate to the largest (n_s). */
  readonly halfCycle: number;
  /** Number of cycles of 2 n_s steps. */
  readonly cycles: number;
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
}

/** How a training runs. */
export interface RunOptions extends AdvanceOptions {
  /**
   * Whether updates continue while rows are read back. Training is then up to two rows ahead of the row that is yielded:
   * evaluations, predictions and states requested in the loop belong to a later step than the row.
   *
   * @default {false}
   */
  readonly ahead?: boolean;
}

/** Checks the options and counts the updates. */
export function stepsOf(options: TrainingOptions): number {
  const { networks, halfCycle, cycles, evaluateEvery = 1 } = options;
  if (!Number.isSafeInteger(evaluateEvery) || evaluateEvery < 1) {
    throw new ArgumentError(
      `Cannot evaluate every ${evaluateEvery} steps, expected an integer of at least 1`,
    );
  }
  let steps = 0;
  for (const { lambda, etaMin, etaMax } of networks) {
    if (!isFloat32From0(lambda)) {
      throw new ArgumentError(
        `Cannot train with lambda ${lambda}, expected 0 or a number ${FLOAT32_RANGE}`,
      );
    }
    steps = totalSteps({ etaMin, etaMax, halfCycle }, cycles);
  }
  return steps;
}
