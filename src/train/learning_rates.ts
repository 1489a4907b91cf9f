/**
 * The learning-rate range test (Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3): which
 * learning rates train a network, and the ends of a cycle that they suggest.
 *
 * Smith raises the rate of one network from step to step. Here each network of a population holds one rate, all with the
 * same initial weights and on the same batches, so that no rate profits from the steps with smaller ones before it.
 *
 * @module
 */

import type { DataSet } from "../data/dataset.ts";
import { ArgumentError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { DeviceDataSet } from "../gpu/device_data.ts";
import { minimum } from "../lists.ts";
import { FLOAT32_RANGE, isPositiveFloat32 } from "../model/float32.ts";
import type { MetricRow } from "../model/metrics.ts";
import { checkNames } from "../options.ts";
import type { AdvanceOptions, NetworkSettings } from "./population.ts";
import { Training, type TrainingNetwork, type TrainingOptions } from "./training.ts";

/** Rates to try: both ends positive, `from` less than `to`. */
export interface RateRange {
  /** The smallest rate. */
  readonly from: number;
  /** The largest rate. */
  readonly to: number;
}

/** The rates that a test tries unless others are given: all that could be of use, a factor of 1.8 apart. */
export const TRIED_RATES: RateRange & { readonly count: number } = {
  from: 1e-5,
  to: 10,
  count: 24,
};

/** The most steps of a test unless a number is given: an epoch of CIFAR-10. */
export const MAX_TEST_STEPS = 450;

/** The fewest steps of a test for which no number is given: after a few, only rates that are far too large have shown. */
export const MIN_TEST_STEPS = 100;

/** How one network of a test ended. */
export interface RateRow {
  /** Its learning rate η in every step. */
  readonly eta: number;
  /** Mean cross-entropy, in nats, on all training images after the last step. */
  readonly trainingLoss: number;
  /** Share of all training images classified correctly; NaN if it diverged. */
  readonly trainingAccuracy: number;
  /** Updates made before a loss, a parameter or a moving average was NaN or infinite; null if none was. */
  readonly divergedAt: number | null;
}

/** The learning rates that a test suggests. */
export interface SuggestedRange {
  /** For the ends of a cycle: where the loss begins to fall. */
  readonly etaMin: number;
  /** For the middle of a cycle: just before the loss rises again. */
  readonly etaMax: number;
  /** For a constant rate: that of the smallest loss, the smaller one of equals. */
  readonly best: number;
}

/** What a test suggests, or why it suggests nothing. */
export interface RangeSuggestion {
  /** The suggestion; null if there is none. */
  readonly range: SuggestedRange | null;
  /** Why there is none, and what to do about it: a sentence without a full stop. Null if there is one. */
  readonly reason: string | null;
}

/** What to test. */
export interface RateTestOptions
  extends
    Pick<TrainingOptions, "hidden" | "batchNorm" | "seed" | "batch" | "variant">,
    Pick<TrainingNetwork, "initialisation">,
    AdvanceOptions {
  /**
   * The learning rates η, from which {@linkcode suggestRange} chooses.
   *
   * @default {24 from 1e-5 to 10, at equal ratios}
   */
  readonly rates?: readonly number[];
  /**
   * Steps of each network.
   *
   * @default {an epoch, but 100 to 450, see {@linkcode testSteps}}
   */
  readonly steps?: number;
  /**
   * L2 weight λ.
   *
   * @default {0}
   */
  readonly lambda?: NetworkSettings["lambda"];
  /**
   * Decides, with the seed, the initial weights of all networks: those of the network of a training with that identity.
   *
   * @default {0}
   */
  readonly identity?: TrainingNetwork["identity"];
}

const OPTIONS: readonly string[] = Object.keys(
  {
    ...{ hidden: true, batchNorm: true, seed: true, batch: true, variant: true },
    ...{ initialisation: true, lambda: true, identity: true },
    ...{ rates: true, steps: true, signal: true, onStep: true },
  } satisfies Record<keyof RateTestOptions, true>,
);

/** What the networks of a test are compared with. */
export interface Untrained {
  /** Number of classes: guessing has the loss ln(classes). */
  readonly classes: number;
  /**
   * Mean cross-entropy, in nats, on all training images of a network that made the same steps with the rate 0: its weights
   * are the initial ones, and its moving averages of batch norm those of the images.
   */
  readonly initialLoss: number;
}

/** The result of a test. */
export interface RateTest extends RangeSuggestion, Untrained {
  /** Steps of each network. */
  readonly steps: number;
  /** A row for each rate, in the order given. */
  readonly rows: readonly RateRow[];
}

/**
 * Chooses learning rates at equal ratios.
 *
 * @param range The smallest and the largest rate.
 * @param count How many, at least 2.
 * @returns The rates in ascending order, both ends included.
 * @throws {ArgumentError} If the range is reversed or not positive, or the count is not an integer of at least 2.
 *
 * @example Four rates, a factor of ten apart
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { spreadRates } from "@headless/mlp/experiments";
 *
 * assertEquals(spreadRates({ from: 1e-3, to: 1 }, 4).map((eta) => eta.toFixed(3)), [
 *   "0.001",
 *   "0.010",
 *   "0.100",
 *   "1.000",
 * ]);
 * ```
 */
export function spreadRates({ from, to }: RateRange, count: number): number[] {
  if (!(isPositiveFloat32(from) && isPositiveFloat32(to) && from < to)) {
    throw new ArgumentError(
      `Cannot try learning rates from ${from} to ${to}, expected two numbers ${FLOAT32_RANGE}, ` +
        "the smaller first",
    );
  }
  if (!Number.isSafeInteger(count) || count < 2) {
    throw new ArgumentError(
      `Cannot try ${count} learning rates, expected an integer of at least 2`,
    );
  }
  const [low, high] = [Math.log10(from), Math.log10(to)];
  return Array.from({ length: count }, (_, i) => {
    // Rounding would miss the ends.
    if (i === 0 || i === count - 1) return i === 0 ? from : to;
    return 10 ** (low + (high - low) * i / (count - 1));
  });
}

/**
 * Trains a network with each of several constant learning rates, all at once, and suggests a range.
 *
 * @param gpu The device.
 * @param data The data; a `DeviceDataSet` is shared and stays the caller's.
 * @param options What to test; `signal` stops it between two submits, `onStep` receives the number of updates submitted.
 * @returns The rows and the suggestion.
 * @throws {ArgumentError} If an option is not allowed, or the adapter cannot hold the networks.
 * @throws {GpuError} If the device refused an operation.
 * @throws {DeviceLostError} If the device went away.
 *
 * @example Two rates that are too small, one that trains, and one that is too large
 * ```ts
 * import { createDataSet, Gpu } from "@headless/mlp";
 * import { testLearningRates } from "@headless/mlp/experiments";
 * import { assertEquals } from "@std/assert";
 *
 * // No threshold divides the classes, so that steps that are too large show.
 * const points = { images: Float32Array.of(1, 2, 3, 4), labels: [0, 1, 0, 1] };
 * const data = await createDataSet(points, undefined, { name: "points", classNames: ["a", "b"] });
 * using gpu = await Gpu.request();
 * const rates = [1e-6, 1e-4, 0.1, 1e6];
 * const options = { hidden: [], batchNorm: false, batch: 4, steps: 20, rates };
 * const { range, reason } = await testLearningRates(gpu, data, options);
 *
 * assertEquals(reason, null);
 * assertEquals(range, { etaMin: 0.1, etaMax: 0.1, best: 0.1 });
 * ```
 */
export async function testLearningRates(
  gpu: Gpu,
  data: DataSet | DeviceDataSet,
  options: RateTestOptions,
): Promise<RateTest> {
  checkNames(options, { action: "test learning rates", known: OPTIONS });
  const { rates = spreadRates(TRIED_RATES, TRIED_RATES.count), signal, onStep } = options;
  const { training: { count }, classes } = data instanceof DeviceDataSet ? data.source : data;
  const { steps = testSteps(count, options) } = options;
  if (!Number.isSafeInteger(steps) || steps < 1) {
    throw new ArgumentError(`Cannot test learning rates in ${steps} steps, expected 1 or more`);
  }
  const training = await Training.create(gpu, data, trainingOptions(rates, { ...options, steps }));
  try {
    let last: MetricRow[] = [];
    for await (const row of training.run({ signal, onStep })) last = row;
    const diverged = await training.diverged();
    const rows = rates.map((eta, i): RateRow => {
      const { loss, accuracy } = last[i].training;
      return { eta, trainingLoss: loss, trainingAccuracy: accuracy, divergedAt: diverged[i] };
    });
    const { training: { loss: initialLoss } } = last[rates.length];
    const untrained = { classes, initialLoss };
    return { steps, ...untrained, rows, ...suggestRange(rows, untrained) };
  } finally {
    training.destroy();
  }
}

/**
 * Counts the steps of a test for which no number is given.
 *
 * @param images Number of training images.
 * @param options The images in a batch, 100 unless given.
 * @returns An epoch, but at least 100 and at most 450.
 *
 * @example An epoch of few images, and the most steps
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { testSteps } from "@headless/mlp/experiments";
 *
 * assertEquals(testSteps(10_000, { batch: 50 }), 200);
 * assertEquals(testSteps(1000, { batch: 50 }), 100);
 * assertEquals(testSteps(1_000_000, {}), 450);
 * ```
 */
export function testSteps(images: number, { batch = 100 }: { readonly batch?: number }): number {
  return Math.min(Math.max(Math.floor(images / batch), MIN_TEST_STEPS), MAX_TEST_STEPS);
}

function trainingOptions(
  rates: readonly number[],
  options: RateTestOptions & { readonly steps: number },
): TrainingOptions {
  const { hidden, batchNorm, seed, batch, variant, steps } = options;
  const { lambda = 0, identity = 0, initialisation } = options;
  return {
    hidden,
    batchNorm,
    seed,
    batch,
    variant,
    // Before its first batch a network with batch norm is evaluated with other averages, so that its loss says nothing.
    networks: [...rates, 0].map((eta) => (
      { identity, initialisation, lambda, etaMin: eta, etaMax: eta }
    )),
    // With both ends equal, the rate is exact at them; a half cycle of one step has no steps between.
    halfCycle: 1,
    cycles: steps / 2,
    evaluateEvery: steps,
  };
}

/** The share of the largest fall of the loss that counts: by which it has begun to fall, and has risen again. */
const SHARE = 0.1;

/** The share of the loss by which it must be below the initial one and guessing's, as for a training that has not stalled. */
const NOTICEABLE = 0.01;

/**
 * Suggests a range of learning rates: the ends of a triangular cycle.
 *
 * Smith takes the rate at which the accuracy starts to rise, and that at which it slows, becomes ragged or falls. Here both
 * are read from the training loss, which needs fewer images to be smooth. From the rate of the smallest loss, the range
 * reaches down as long as the loss has fallen by at least a tenth of the largest fall, and up as long as it is within a
 * tenth of that fall of the smallest loss. Rates between the ends all hold to that, so a ragged part ends the range. Both
 * ends must be seen: without a rate beyond each of them, the test says nothing about where the range ends.
 *
 * @param rows The networks of a test, in any order; those that diverged count as not trained.
 * @param untrained The number of classes, and the training loss with the initial weights.
 * @returns The range, or why there is none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { suggestRange } from "@headless/mlp/experiments";
 *
 * const losses = [[1e-4, 2.3], [1e-3, 2.1], [1e-2, 1.7], [1e-1, 1.5], [1, 1.8]];
 * const rows = losses.map(([eta, trainingLoss]) => (
 *   { eta, trainingLoss, trainingAccuracy: 0.4, divergedAt: null }
 * ));
 *
 * assertEquals(suggestRange(rows, { classes: 10, initialLoss: 2.3 }).range, { etaMin: 1e-3, etaMax: 1e-1, best: 1e-1 });
 * ```
 */
export function suggestRange(
  rows: readonly RateRow[],
  { classes, initialLoss }: Untrained,
): RangeSuggestion {
  const tried = rows.toSorted((a, b) => a.eta - b.eta);
  const losses = tried.map(({ trainingLoss, divergedAt }) =>
    divergedAt === null && Number.isFinite(trainingLoss) ? trainingLoss : Infinity
  );
  const smallest = minimum(losses);
  if (!Number.isFinite(initialLoss)) {
    return none("The loss is not finite before training: expected smaller initial weights");
  }
  if (smallest === Infinity) return none("All networks diverged: expected smaller rates");
  const fall = initialLoss - smallest;
  if (!(fall > NOTICEABLE * initialLoss)) {
    return none("The loss fell by less than 1 % at every rate: expected more steps or other rates");
  }
  // The initial loss may be far above: to forget what it was sure of, a network needs to learn nothing.
  if (smallest > (1 - NOTICEABLE) * Math.log(classes)) {
    return none(
      "No loss fell below that of guessing: expected more steps or other initial weights",
    );
  }
  const best = losses.indexOf(smallest);
  const last = tried.length - 1;
  let [from, to] = [best, best];
  while (from > 0 && losses[from - 1] <= initialLoss - SHARE * fall) from--;
  while (to < last && losses[to + 1] <= smallest + SHARE * fall) to++;
  const unseen = [...from === 0 ? ["smaller"] : [], ...to === last ? ["larger"] : []];
  if (unseen.length > 0) {
    const where = unseen.map((word) =>
      word === "smaller"
        ? `has already fallen at the smallest rate, ${short(tried[0].eta)}`
        : `has not risen again at the largest rate, ${short(tried[last].eta)}`
    );
    return none(`The loss ${where.join(", and ")}: expected ${unseen.join(" and ")} rates`);
  }
  const range = { etaMin: tried[from].eta, etaMax: tried[to].eta, best: tried[best].eta };
  return { range, reason: null };
}

/** A rate with three digits: those between the ends of a test have sixteen. */
function short(eta: number): string {
  return String(Number(eta.toPrecision(3)));
}

function none(reason: string): RangeSuggestion {
  return { range: null, reason };
}
