/**
 * An architecture: the layers of a network, and where each of its parameters lies in one flat vector.
 *
 * A hidden layer is affine, batch norm (if on), ReLU; the output layer is affine. The flat vector has all weights
 * first, then all biases, then all gammas, then all betas, so that L2 applies to one leading range.
 *
 * @module
 */

import { ArgumentError, nameOf, shown } from "../errors.ts";

/** ε of batch norm, added to the variance inside the root. */
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
  /** Whether every hidden layer has batch norm between its affine map and its ReLU. */
  readonly batchNorm: boolean;
}

/** A weight matrix, a bias, or a scale (gamma) or shift (beta) of batch norm. */
export type ParameterKind = "weight" | "bias" | "gamma" | "beta";

/** One parameter tensor and its place in the flat vector. */
export interface Parameter {
  /** `W1`, `b1`, `gamma1`, `beta1`, …, numbered by layer from 1. */
  readonly name: string;
  /** Weight, bias, gamma or beta. */
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
  /** Number of weights, which come first and are the ones that L2 applies to. */
  readonly weights: number;
  /** Length of the flat vector of parameters. */
  readonly count: number;
  /** mean1, var1, mean2, var2, …; empty without batch norm. */
  readonly statistics: readonly Statistic[];
  /** Length of the flat vector of statistics. */
  readonly statisticCount: number;
}

/**
 * Finds the place of every parameter and running average of an architecture.
 *
 * @param architecture Layer sizes, and batch norm on or off.
 * @returns The parameters in the order of the flat vector (weights, biases, gammas, betas) and the statistics.
 * @throws {ArgumentError} If a width is not an integer of at least 1, batchNorm is neither true nor false, or there are fewer than 2 classes.
 *
 * @example Where the second weight matrix lies
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { layout } from "@headless/mlp/reference";
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
  if (!Array.isArray(hidden)) {
    throw new ArgumentError(
      `Cannot lay out the network: hidden is ${nameOf(hidden)}, expected a list of widths`,
    );
  }
  if (typeof batchNorm !== "boolean") {
    throw new ArgumentError(
      `Cannot lay out the network: batchNorm is ${shown(batchNorm)}, expected true or false`,
    );
  }
  checkWidth("inputs", inputs, 1);
  for (const [i, width] of hidden.entries()) checkWidth(`hidden[${i}]`, width, 1);
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
 * Checks whether a parameter is a bias in front of batch norm. Batch norm subtracts the batch mean and the bias
 * with it, so in exact arithmetic the gradient of such a bias is 0.
 *
 * @param architecture The network's architecture.
 * @param parameter One of the parameters of its layout.
 * @returns Whether the gradient of the parameter is 0 by construction.
 *
 * @example All but the bias of the last layer
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { isCancelledBias, layout } from "@headless/mlp/reference";
 *
 * const architecture = { inputs: 3, hidden: [4], classes: 2, batchNorm: true };
 * const cancelled = layout(architecture).parameters.filter((parameter) =>
 *   isCancelledBias(architecture, parameter)
 * );
 *
 * assertEquals(cancelled.map(({ name }) => name), ["b1"]);
 * ```
 */
export function isCancelledBias(architecture: Architecture, parameter: Parameter): boolean {
  return architecture.batchNorm && parameter.kind === "bias" &&
    parameter.layer < architecture.hidden.length;
}

function checkWidth(name: string, width: number, min: number): void {
  if (!Number.isSafeInteger(width) || width < min) {
    throw new ArgumentError(
      `Cannot lay out the network: ${name} is ${
        shown(width)
      }, expected an integer of at least ${min}`,
    );
  }
}
