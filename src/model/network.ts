/**
 * An architecture: what a network is made of, where each of its parameters lies in one flat vector, and how
 * that vector is filled before training.
 *
 * A hidden layer is affine, batch norm (if on), ReLU; the output layer is affine. The flat vector has all weights
 * first, then all biases, then all gammas, then all betas: what L2 sees is one leading run of entries.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { Random } from "./random.ts";

/** Added to the variance inside the root of batch norm. */
export const BATCH_NORM_EPSILON = 1e-5;

/** The weight of the past in the moving averages of batch norm. */
export const BATCH_NORM_MOMENTUM = 0.9;

/** The layer sizes of a network and whether its hidden layers have batch norm. */
export interface Architecture {
  /** Values per image, at least 1. */
  readonly inputs: number;
  /** Widths of the hidden layers, each at least 1; an empty list is a linear classifier. */
  readonly hidden: readonly number[];
  /** Number of classes, at least 2. */
  readonly classes: number;
  /** Whether batch norm stands between the affine map and the ReLU of every hidden layer. */
  readonly batchNorm: boolean;
}

/** What a parameter is: a weight matrix, a bias, or a scale (gamma) or shift (beta) of batch norm. */
export type ParameterKind = "weight" | "bias" | "gamma" | "beta";

/** One parameter tensor and its place in the flat vector. */
export interface Parameter {
  /** `W1`, `b1`, `gamma1`, `beta1`, …, numbered by layer from 1. */
  readonly name: string;
  /** What it is. */
  readonly kind: ParameterKind;
  /** Its layer, counted from 0. */
  readonly layer: number;
  /** `[in, out]` (row-major) for a weight, `[width]` for the others. */
  readonly shape: readonly number[];
  /** Index of its first entry in the flat vector. */
  readonly offset: number;
  /** Number of entries. */
  readonly size: number;
}

/** One running average of batch norm and its place in the flat vector of statistics. */
export interface Statistic {
  /** `mean1`, `var1`, …, numbered by layer from 1. */
  readonly name: string;
  /** What is averaged. */
  readonly kind: "mean" | "variance";
  /** Its hidden layer, counted from 0. */
  readonly layer: number;
  /** Index of its first entry in the flat vector of statistics. */
  readonly offset: number;
  /** Number of entries: the width of the layer. */
  readonly size: number;
}

/** Where everything lies in the flat vectors of a network. */
export interface Layout {
  /** `[inputs, ...hidden, classes]`. */
  readonly widths: readonly number[];
  /** All parameters in the order of the flat vector. */
  readonly parameters: readonly Parameter[];
  /** How many leading entries are weights: the ones that L2 sees. */
  readonly weights: number;
  /** Length of the flat vector of parameters. */
  readonly count: number;
  /** mean1, var1, mean2, var2, …; empty without batch norm. */
  readonly statistics: readonly Statistic[];
  /** Length of the flat vector of statistics. */
  readonly statisticCount: number;
}

/**
 * How the weights start: `"he"` draws from N(0, 2 / in) (He et al. 2015, equation 10), `"xavier"` from N(0, 1 / in),
 * and a number is a standard deviation for all layers.
 */
export type Initialisation = "he" | "xavier" | number;

/** What the initial parameters come from. */
export interface InitialiseOptions {
  /** The seed of the run: an integer in [0, 2^32). */
  readonly seed: number;
  /** Names the network among those of the same seed, so that it starts alike alone and in a population. */
  readonly identity: string | number;
  /** How the weights start; He unless told otherwise. */
  readonly initialisation?: Initialisation;
}

/**
 * Finds the place of every parameter and running average of an architecture.
 *
 * @param architecture Layer sizes, and batch norm on or off.
 * @returns The parameters in the order of the flat vector (weights, biases, gammas, betas) and the statistics.
 * @throws {ArgumentError} If a width is no integer of at least 1, or there are fewer than 2 classes.
 *
 * @example Where the second weight matrix lies
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { layout } from "./network.ts";
 *
 * const { parameters, count } = layout({ inputs: 3, hidden: [4], classes: 2, batchNorm: true });
 *
 * assertEquals(parameters.map(({ name }) => name), ["W1", "W2", "b1", "b2", "gamma1", "beta1"]);
 * assertEquals(parameters[1].shape, [4, 2]);
 * assertEquals(parameters[1].offset, 12);
 * assertEquals(count, 34);
 * ```
 */
export function layout(architecture: Architecture): Layout {
  const { inputs, hidden, classes, batchNorm } = architecture;
  checkWidth("inputs", inputs, 1);
  hidden.forEach((width, i) => checkWidth(`hidden[${i}]`, width, 1));
  checkWidth("classes", classes, 2);

  const widths = [inputs, ...hidden, classes];
  const parameters: Parameter[] = [];
  let count = 0;
  function place(kind: ParameterKind, layer: number, shape: readonly number[]): void {
    const letter = kind === "weight" ? "W" : kind === "bias" ? "b" : kind;
    const size = shape.reduce((product, width) => product * width, 1);
    parameters.push({ name: `${letter}${layer + 1}`, kind, layer, shape, offset: count, size });
    count += size;
  }
  const layers = widths.slice(1);
  layers.forEach((width, layer) => place("weight", layer, [widths[layer], width]));
  const weights = count;
  layers.forEach((width, layer) => place("bias", layer, [width]));

  const statistics: Statistic[] = [];
  let statisticCount = 0;
  if (batchNorm) {
    hidden.forEach((width, layer) => place("gamma", layer, [width]));
    hidden.forEach((width, layer) => place("beta", layer, [width]));
    hidden.forEach((size, layer) => {
      const offset = statisticCount;
      const number = layer + 1;
      statistics.push(
        { name: `mean${number}`, kind: "mean", layer, offset, size },
        { name: `var${number}`, kind: "variance", layer, offset: offset + size, size },
      );
      statisticCount += 2 * size;
    });
  }
  return { widths, parameters, weights, count, statistics, statisticCount };
}

/**
 * Tells whether a parameter is a bias in front of batch norm. Batch norm takes the batch mean away and the bias
 * with it, so in exact arithmetic the gradient of such a bias is 0.
 *
 * @param architecture The network's architecture.
 * @param parameter One of the parameters of its layout.
 * @returns Whether the gradient of the parameter is 0 by construction.
 */
export function isCancelledBias(architecture: Architecture, parameter: Parameter): boolean {
  return architecture.batchNorm && parameter.kind === "bias" &&
    parameter.layer < architecture.hidden.length;
}

/**
 * Makes the initial parameters of a network: random weights, biases and betas 0, gammas 1. The same architecture, seed,
 * identity and initialisation give the same bytes everywhere.
 *
 * @param architecture The network's architecture.
 * @param options Where the weights come from.
 * @returns The flat vector, [layout.count].
 * @throws {ArgumentError} If the architecture, the seed or the initialisation is not allowed.
 *
 * @example A fixed standard deviation
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { initialise } from "./network.ts";
 *
 * const architecture = { inputs: 2, hidden: [], classes: 2, batchNorm: false };
 * const parameters = initialise(architecture, { seed: 1, identity: 0, initialisation: 1e-3 });
 *
 * assertEquals(parameters.length, 6);
 * assertEquals([...parameters.subarray(4)], [0, 0]);
 * ```
 */
export function initialise(architecture: Architecture, options: InitialiseOptions): Float32Array {
  const { seed, identity, initialisation = "he" } = options;
  const { parameters, count } = layout(architecture);
  const vector = new Float32Array(count);
  const random = new Random(seed, "weights", identity);
  for (const { kind, shape, offset, size } of parameters) {
    if (kind === "weight") {
      const sigma = standardDeviation(initialisation, shape[0]);
      for (let i = 0; i < size; i++) vector[offset + i] = sigma * random.normal();
    } else if (kind === "gamma") {
      vector.fill(1, offset, offset + size);
    }
  }
  return vector;
}

/**
 * Makes the running averages of a network that has seen no batch yet: means 0, variances 1.
 *
 * @param architecture The network's architecture.
 * @returns The flat vector, [layout.statisticCount]; empty without batch norm.
 * @throws {ArgumentError} If the architecture is not allowed.
 */
export function initialStatistics(architecture: Architecture): Float32Array {
  const { statistics, statisticCount } = layout(architecture);
  const vector = new Float32Array(statisticCount);
  for (const { kind, offset, size } of statistics) {
    if (kind === "variance") vector.fill(1, offset, offset + size);
  }
  return vector;
}

function checkWidth(name: string, width: number, least: number): void {
  if (!Number.isSafeInteger(width) || width < least) {
    throw new ArgumentError(
      `Cannot lay out the network: ${name} is ${width}, expected an integer of at least ${least}`,
    );
  }
}

function standardDeviation(initialisation: Initialisation, inputs: number): number {
  if (initialisation === "he") return Math.sqrt(2 / inputs);
  if (initialisation === "xavier") return Math.sqrt(1 / inputs);
  if (typeof initialisation === "number" && Number.isFinite(initialisation) && initialisation > 0) {
    return initialisation;
  }
  throw new ArgumentError(
    `Cannot initialise the network: initialisation is ${initialisation}, expected "he", "xavier" ` +
      "or a standard deviation above 0",
  );
}
