/**
 * From the options of a training to its plan: what is left out is filled in, and what cannot be trained is refused.
 *
 * @module
 */

import type { DataSet } from "../data/dataset.ts";
import { ArgumentError, shown } from "../errors.ts";
import { FLOAT32_RANGE, isFloat32From0 } from "../model/float32.ts";
import type { Initialisation } from "../model/initialisation.ts";
import { type Architecture, layout } from "../model/network.ts";
import { checkCycle, eta, phase, totalSteps } from "../model/schedule.ts";
import { architectureOf, checkShape } from "../model/shape.ts";
import { checkVariant } from "../programs/variants.ts";
import {
  checkNames,
  checkValue,
  isBoolean,
  numberThat,
  oneOf,
  refused,
  type Unchecked,
} from "../options.ts";
import type { NetworkSettings } from "./population.ts";
import type {
  StopAfter,
  StopMetric,
  TrainingNetwork,
  TrainingOptions,
  TrainingSettings,
} from "./training_options.ts";

/** A network with nothing left out. A constant learning rate is both `etaMin` and `etaMax`. */
export interface PlannedNetwork extends NetworkSettings {
  readonly identity: string | number;
  readonly initialisation: Initialisation;
}

/** What to train, with nothing left out. */
export interface TrainingPlan {
  readonly architecture: Architecture;
  readonly networks: readonly PlannedNetwork[];
  readonly seed: number;
  readonly batch: number;
  /** Updates of the whole training. */
  readonly steps: number;
  readonly stepsPerEpoch: number;
  readonly evaluateEvery: number;
  /** Undefined where the learning rate is constant. */
  readonly halfCycle?: number;
  /** The kernel variant, where one was asked for. */
  readonly variant?: string;
  readonly stopAfter?: Required<StopAfter>;
}

const ACTION = "train";

/** How many networks there may be is for the adapter to say. */
const ANY_NUMBER = Infinity;

// Their types have a mistake in these lists found by the compiler.
const SETTINGS: readonly string[] = Object.keys(
  {
    lambda: true,
    learningRate: true,
    etaMin: true,
    etaMax: true,
    initialisation: true,
  } satisfies Record<keyof TrainingSettings, true>,
);
const OPTIONS: readonly string[] = [
  ...Object.keys(
    {
      hidden: true,
      batchNorm: true,
      networks: true,
      epochs: true,
      halfCycle: true,
      cycles: true,
      seed: true,
      batch: true,
      evaluateEvery: true,
      variant: true,
      stopAfter: true,
    } satisfies Record<Exclude<keyof TrainingOptions, keyof TrainingSettings>, true>,
  ),
  ...SETTINGS,
];
const NETWORK: readonly string[] = ["identity" satisfies keyof TrainingNetwork, ...SETTINGS];
const STOP_AFTER: readonly string[] = Object.keys(
  { patience: true, metric: true, restoreBest: true } satisfies Record<keyof StopAfter, true>,
);

const METRICS: readonly StopMetric[] = ["loss", "cost", "accuracy"];

const FLOAT = `0 or a number ${FLOAT32_RANGE}`;

/**
 * Plans a training.
 *
 * @throws {ArgumentError} If an option is missing, unknown, not allowed or contradicts another.
 */
export function planTraining(options: TrainingOptions, data: DataSet): TrainingPlan {
  checkNames(options, { action: ACTION, known: OPTIONS });
  checkNetworkShape(options);
  const architecture = architectureOf(options, data);
  layout(architecture);
  const { seed = 1, batch = 100, variant, networks = [{}] } = options;
  checkValue("seed", seed, {
    action: ACTION,
    accepts: numberThat((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32),
    expected: `an integer from 0 to ${2 ** 32 - 1}`,
  });
  if (!Array.isArray(networks)) {
    throw refused("networks", networks, { action: ACTION, expected: "a list of networks" });
  }
  const images = data.training.count;
  checkShape({ architecture, networks: networks.length, batch }, { images, networks: ANY_NUMBER });
  const stepsPerEpoch = Math.floor(images / batch);
  const planned = planNetworks(options);
  const { evaluateEvery = stepsPerEpoch, halfCycle } = options;
  if (!Number.isSafeInteger(evaluateEvery) || evaluateEvery < 1) {
    throw new ArgumentError(
      `Cannot evaluate every ${shown(evaluateEvery)} steps, expected an integer of at least 1`,
    );
  }
  return {
    architecture,
    networks: planned,
    seed,
    batch,
    steps: stepsOf(options, { networks: planned, stepsPerEpoch }),
    stepsPerEpoch,
    evaluateEvery,
    halfCycle,
    variant: checkVariant(variant),
    stopAfter: planStop(options.stopAfter, data),
  };
}

/** How far the learning rate of all networks has risen at a step: 0 at etaMin, 1 at etaMax. */
export function riseAt({ halfCycle }: Pick<TrainingPlan, "halfCycle">, step: number): number {
  // At 0 the GPU computes with a constant rate as it is: a mean of two equal numbers may be another by rounding.
  return halfCycle === undefined ? 0 : phase(step, halfCycle);
}

/** The learning rate of a network at a step. */
export function etaAt(
  { halfCycle }: Pick<TrainingPlan, "halfCycle">,
  { etaMin, etaMax }: NetworkSettings,
  step: number,
): number {
  return halfCycle === undefined ? etaMin : eta(step, { etaMin, etaMax, halfCycle });
}

function checkNetworkShape({ hidden, batchNorm }: Unchecked): void {
  checkValue("hidden", hidden, {
    action: ACTION,
    accepts: isWidths,
    expected: "a list of widths, as in [50, 50]",
  });
  checkValue("batchNorm", batchNorm, {
    action: ACTION,
    accepts: isBoolean,
    expected: "true or false",
  });
}

/** The list is copied: `every` passes over its holes. */
function isWidths(value: unknown): value is number[] {
  return Array.isArray(value) && [...value].every((width) => typeof width === "number");
}

function planNetworks(options: TrainingOptions): PlannedNetwork[] {
  checkSettings(options, "");
  const { networks = [{}] } = options;
  return Array.from(networks, (network, i) => {
    const within = `networks[${i}].`;
    checkNames(network, { action: ACTION, known: NETWORK, within });
    checkSettings(network, within);
    const identity = checkValue("identity", network.identity ?? i, {
      action: ACTION,
      within,
      accepts: isIdentity,
      expected: "a text or a number",
    });
    const { lambda = 0, initialisation = "he" } = { ...options, ...given(network) };
    const [etaMin, etaMax] = ratesOf(options, network);
    return { identity, lambda, etaMin, etaMax, initialisation };
  });
}

function isIdentity(value: unknown): value is string | number {
  return typeof value === "string" || Number.isFinite(value);
}

/** Leaves out what is undefined, which stands for what is not given. */
function given<T extends object>(options: T): Partial<T> {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<T>;
}

function checkSettings(settings: TrainingSettings, within: string): void {
  for (const name of ["lambda", "learningRate"] as const) {
    const { [name]: value = 0 } = settings;
    const accepts = numberThat(isFloat32From0);
    checkValue(name, value, { action: ACTION, within, accepts, expected: FLOAT });
  }
  for (const name of ["etaMin", "etaMax"] as const) {
    const { [name]: value = 0 } = settings;
    // Which numbers are allowed depends on both of them: `checkCycle` knows.
    const accepts = (value: unknown) => typeof value === "number";
    checkValue(name, value, { action: ACTION, within, accepts, expected: FLOAT });
  }
}

/** The smallest and the largest learning rate of a network, or the constant one twice. */
function ratesOf(options: TrainingOptions, network: TrainingNetwork): [number, number] {
  const { learningRate, etaMin, etaMax } = { ...options, ...given(network) };
  if (options.halfCycle === undefined) {
    const ends = Object.entries({ etaMin, etaMax }).find(([, value]) => value !== undefined);
    if (ends !== undefined) {
      throw new ArgumentError(
        `Cannot train with ${
          ends[0]
        } without halfCycle: expected halfCycle for a rate that goes in cycles, ` +
          "or learningRate alone for one that is constant",
      );
    }
    if (learningRate === undefined) {
      throw new ArgumentError(
        "Cannot train without a learning rate: expected learningRate for a constant one, or " +
          "etaMin, etaMax and halfCycle for one that goes in cycles",
      );
    }
    return [learningRate, learningRate];
  }
  if (learningRate !== undefined) {
    throw new ArgumentError(
      "Cannot train with learningRate and halfCycle: the one is for a constant rate, the other for one that goes in " +
        "cycles; expected one of them",
    );
  }
  for (const [name, value] of Object.entries({ etaMin, etaMax })) {
    if (value === undefined) throw refused(name, value, { action: ACTION, expected: FLOAT });
  }
  return [etaMin!, etaMax!];
}

/** Counts the updates. */
function stepsOf(
  options: TrainingOptions,
  { networks, stepsPerEpoch }: Pick<TrainingPlan, "networks" | "stepsPerEpoch">,
): number {
  const { halfCycle, cycles, epochs } = options;
  if (halfCycle !== undefined) {
    for (const { etaMin, etaMax } of networks) checkCycle({ etaMin, etaMax, halfCycle });
  }
  if (epochs !== undefined && cycles !== undefined) {
    throw new ArgumentError(
      `Cannot train for ${shown(epochs)} epochs and ${shown(cycles)} cycles, expected one of them`,
    );
  }
  if (cycles !== undefined) {
    const [{ etaMin, etaMax }] = networks;
    if (typeof cycles !== "number") {
      throw refused("cycles", cycles, { action: ACTION, expected: "a number above 0" });
    }
    if (halfCycle !== undefined) return totalSteps({ etaMin, etaMax, halfCycle }, cycles);
    throw new ArgumentError(
      `Cannot train for ${
        shown(cycles)
      } cycles without halfCycle, expected the steps of half a cycle, or epochs`,
    );
  }
  if (epochs === undefined) {
    const or = halfCycle === undefined ? "" : " or cycles";
    throw new ArgumentError(`Cannot train without a length, expected epochs${or}`);
  }
  const steps = typeof epochs === "number" ? Math.round(epochs * stepsPerEpoch) : NaN;
  // The product may be off by rounding, as 1.1 × 10 is; the epochs that the steps make are not.
  if (!Number.isSafeInteger(steps) || steps < 1 || steps / stepsPerEpoch !== epochs) {
    throw new ArgumentError(
      `Cannot train for ${
        shown(epochs)
      } epochs of ${stepsPerEpoch} steps, expected a whole number of steps above 0`,
    );
  }
  return steps;
}

function planStop(stopAfter: unknown, { validation }: DataSet): TrainingPlan["stopAfter"] {
  if (stopAfter === undefined) return undefined;
  const within = "stopAfter.";
  checkNames(stopAfter, { action: ACTION, known: STOP_AFTER, within });
  const { patience, metric = "loss", restoreBest = true } = stopAfter;
  if (validation.count === 0) {
    throw new ArgumentError(
      "Cannot train with stopAfter: the data have no validation images, expected some to compare rows by",
    );
  }
  return {
    patience: checkValue("patience", patience, {
      action: ACTION,
      within,
      accepts: numberThat((value) =>
        value === Infinity || Number.isSafeInteger(value) && value >= 1
      ),
      expected: "an integer of at least 1, or Infinity",
    }),
    metric: checkValue("metric", metric, {
      action: ACTION,
      within,
      accepts: oneOf(METRICS),
      expected: '"loss", "cost" or "accuracy"',
    }),
    restoreBest: checkValue("restoreBest", restoreBest, {
      action: ACTION,
      within,
      accepts: isBoolean,
      expected: "true or false",
    }),
  };
}
