/**
 * The network in float64: cost, gradients, evaluation and the updates of a training step.
 *
 * @module
 */

import { ArgumentError } from "../../errors.ts";
import { largest } from "../answers.ts";
import { type Architecture, BATCH_NORM_MOMENTUM, layout } from "../network.ts";
import {
  affineBackward,
  affineBackwardInput,
  affineForward,
  batchNormApply,
  batchNormBackward,
  batchNormForward,
  reluBackward,
  reluForward,
  softmaxCrossEntropy,
} from "./layers.ts";

/** A flat vector in single or double precision; arithmetic is always in double precision. */
export type Vector = Float32Array | Float64Array;

/** A network to train: its architecture and its parameters. */
export interface Network {
  /** The layer sizes, and batch norm on or off. */
  readonly architecture: Architecture;
  /** The flat vector of parameters, [layout.count]. */
  readonly parameters: Vector;
}

/** A network to evaluate. */
export interface EvaluatedNetwork extends Network {
  /** The running averages of batch norm, [layout.statisticCount]. */
  readonly statistics: Vector;
}

/** Images and their labels. */
export interface Batch {
  /** Standardised pixels, [n, inputs]. */
  readonly x: Float64Array;
  /** Classes counted from 0, [n]. */
  readonly labels: ArrayLike<number>;
}

/** Regularisation. */
export interface CostOptions {
  /**
   * The L2 weight λ, at least 0.
   *
   * @default {0}
   */
  readonly lambda?: number;
}

/** The cost of a batch in training mode, and the inputs of the ReLUs. */
export interface Cost {
  /** Mean cross-entropy, in nats. */
  loss: number;
  /** λ times the sum of the squared weights. */
  penalty: number;
  /** Loss plus penalty. */
  cost: number;
  /** The input of the ReLU of each hidden layer, [n, width] each. */
  reluInputs: Float64Array[];
}

/** The gradients of the cost of a batch in training mode, with intermediate results. */
export interface Gradients extends Cost {
  /** The input of the softmax, [n, classes]. */
  logits: Float64Array;
  /** The gradient of the cost in the order of the flat vector, [layout.count]. */
  gradients: Float64Array;
  /** mean1, var1 (biased), mean2, … of this batch, [layout.statisticCount]. */
  batchStatistics: Float64Array;
}

/** A network's result on some images in evaluation mode. */
export interface ReferenceEvaluation {
  /** The input of the softmax, [n, classes]. */
  logits: Float64Array;
  /** Mean cross-entropy, in nats. */
  loss: number;
  /** Loss plus λ times the sum of the squared weights. */
  cost: number;
  /** The share of images whose largest logit is that of their label. */
  accuracy: number;
}

/**
 * Computes the cost of a batch in training mode: cost = loss + λ Σ W², over all weight matrices.
 *
 * @param network The architecture and the parameters.
 * @param batch The images and labels.
 * @param options The L2 weight.
 * @returns The loss, the cost, and the inputs of the ReLUs.
 * @throws {ArgumentError} If sizes do not fit together, a label is not a class, or batch norm gets a batch of 1.
 *
 * @example The L2 penalty of a linear classifier
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { cost } from "@headless/mlp/reference";
 *
 * const network = {
 *   architecture: { inputs: 1, hidden: [], classes: 2, batchNorm: false },
 *   parameters: Float64Array.of(3, 3, 0, 0), // W [1, 2], b [2]
 * };
 * const result = cost(network, { x: Float64Array.of(0), labels: [0] }, { lambda: 0.5 });
 *
 * assertEquals(result.loss, Math.LN2);
 * assertEquals(result.penalty, 0.5 * (3 ** 2 + 3 ** 2));
 * assertEquals(result.cost, result.loss + result.penalty);
 * ```
 */
export function cost(network: Network, batch: Batch, options: CostOptions = {}): Cost {
  return trainingPass(network, batch, options).cost;
}

/**
 * Computes the gradients of the cost of a batch in training mode: those of the loss by backpropagation (Bishop 2006,
 * section 5.3), plus 2 λ W for every weight matrix.
 *
 * @param network The architecture and the parameters.
 * @param batch The images and labels.
 * @param options The L2 weight.
 * @returns The gradients, with intermediate results.
 * @throws {ArgumentError} If sizes do not fit together, a label is not a class, or batch norm gets a batch of 1.
 *
 * @example A linear classifier with all parameters 0
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { gradients } from "@headless/mlp/reference";
 *
 * const network = {
 *   architecture: { inputs: 1, hidden: [], classes: 2, batchNorm: false },
 *   parameters: new Float64Array(4), // W [1, 2], b [2]
 * };
 * const result = gradients(network, { x: new Float64Array([2]), labels: [0] });
 *
 * assertEquals(result.loss, Math.LN2);
 * assertEquals([...result.gradients], [-1, 1, -0.5, 0.5]);
 * ```
 */
export function gradients(network: Network, batch: Batch, options: CostOptions = {}): Gradients {
  const { architecture, parameters } = network;
  const { lambda = 0 } = options;
  const places = layout(architecture);
  const n = batch.labels.length;
  const { logits, passes, lastInput, dLogits, cost } = trainingPass(network, batch, options);

  const layers = split(places.parameters, new Float64Array(parameters));
  const result = new Float64Array(places.count);
  const dLayers = split(places.parameters, result);
  const batchStatistics = new Float64Array(places.statisticCount);
  const statistics = split(places.statistics, batchStatistics);

  let ds = dLogits; // [n, classes], then [n, width] of each hidden layer from the last to the first
  let x = lastInput; // [n, in], the input of the layer
  for (let layer = passes.length; layer >= 0; layer--) {
    const { dWeight, dBias } = affineBackward(ds, { x, n });
    dLayers[layer].weight.set(dWeight);
    dLayers[layer].bias.set(dBias);
    if (layer === 0) break;

    const dx = affineBackwardInput(ds, { weight: layers[layer].weight, n });
    const below = passes[layer - 1];
    ds = reluBackward(dx, below.reluInput);
    if (below.norm) {
      const { gamma } = layers[layer - 1];
      const norm = batchNormBackward(ds, { ...below.norm, gamma });
      dLayers[layer - 1].gamma.set(norm.dGamma);
      dLayers[layer - 1].beta.set(norm.dBeta);
      statistics[layer - 1].mean.set(below.norm.mean);
      statistics[layer - 1].variance.set(below.norm.variance);
      ds = norm.ds;
    }
    x = below.x;
  }
  for (let i = 0; i < places.weights; i++) result[i] += 2 * lambda * parameters[i];
  return { ...cost, logits, gradients: result, batchStatistics };
}

/**
 * Evaluates a network: batch norm uses the running averages, so an image's logits do not depend on the others.
 *
 * @param network The architecture, the parameters and the running averages.
 * @param batch The images and labels, of any number.
 * @param options The L2 weight.
 * @returns The logits, loss, cost and accuracy.
 * @throws {ArgumentError} If sizes do not fit together, or a label is not a class.
 *
 * @example A linear classifier that is right about one image of two
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { evaluate } from "@headless/mlp/reference";
 *
 * const network = {
 *   architecture: { inputs: 1, hidden: [], classes: 2, batchNorm: false },
 *   parameters: Float64Array.of(1, -1, 0, 0), // W [1, 2], b [2]
 *   statistics: new Float64Array(), // none without batch norm
 * };
 * const { logits, accuracy } = evaluate(network, { x: Float64Array.of(2, -1), labels: [0, 0] });
 *
 * assertEquals(logits, Float64Array.of(2, -2, -1, 1));
 * assertEquals(accuracy, 0.5);
 * ```
 */
export function evaluate(
  network: EvaluatedNetwork,
  batch: Batch,
  options: CostOptions = {},
): ReferenceEvaluation {
  check(network, batch);
  const { statisticCount } = layout(network.architecture);
  if (network.statistics.length !== statisticCount) {
    refuse(`there are ${network.statistics.length} statistics`, `${statisticCount}`);
  }
  const { logits } = forward(network, batch.x, network.statistics);
  const { loss } = softmaxCrossEntropy(logits, batch.labels);
  const n = batch.labels.length;
  const found = largest(logits, logits.length / n);
  const right = found.filter((answer, i) => answer === batch.labels[i]).length;
  return { logits, loss, cost: loss + penalty(network, options), accuracy: right / n };
}

/**
 * Updates the running averages of batch norm (Ioffe & Szegedy 2015, section 3.1): average ← 0.9 average + 0.1 batch; the
 * first batch sets them. The variance stays biased, unlike that of the paper.
 *
 * @param statistics The running averages, [layout.statisticCount]; changed in place.
 * @param batchStatistics Mean and biased variance of the batch, [layout.statisticCount].
 * @param first Whether this is the first batch of the network.
 *
 * @example Two batches
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { updateStatistics } from "@headless/mlp/reference";
 *
 * const statistics = Float32Array.of(0, 1); // mean and variance of a layer of width 1
 * updateStatistics(statistics, Float32Array.of(10, 4), true);
 * assertEquals(statistics, Float32Array.of(10, 4));
 *
 * updateStatistics(statistics, Float32Array.of(20, 4), false);
 * assertEquals(statistics, Float32Array.of(0.9 * 10 + 0.1 * 20, 4));
 * ```
 */
export function updateStatistics(
  statistics: Vector,
  batchStatistics: Vector,
  first: boolean,
): void {
  for (let i = 0; i < statistics.length; i++) {
    statistics[i] = first
      ? batchStatistics[i]
      : BATCH_NORM_MOMENTUM * statistics[i] + (1 - BATCH_NORM_MOMENTUM) * batchStatistics[i];
  }
}

/**
 * Takes one step of stochastic gradient descent (Bishop 2006, equation 5.43): θ ← θ - η dθ.
 *
 * @param parameters The flat vector of parameters, [layout.count]; changed in place.
 * @param gradients The gradient of the cost, [layout.count].
 * @param eta The learning rate η.
 *
 * @example A step
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { sgdStep } from "@headless/mlp/reference";
 *
 * const parameters = Float64Array.of(1, 2);
 * sgdStep(parameters, Float64Array.of(2, -4), 0.5);
 *
 * assertEquals(parameters, Float64Array.of(0, 4));
 * ```
 */
export function sgdStep(parameters: Vector, gradients: Vector, eta: number): void {
  for (let i = 0; i < parameters.length; i++) parameters[i] -= eta * gradients[i];
}

/** What the forward pass of a hidden layer keeps for the backward pass. */
interface Pass {
  x: Float64Array; // [n, in]
  reluInput: Float64Array; // [n, width]
  norm?: { normalised: Float64Array; mean: Float64Array; variance: Float64Array }; // [n, width], [width], [width]
}

/**
 * Computes the logits; batch norm is in evaluation mode where statistics are given.
 *
 * @param network The network.
 * @param x Standardised records, [n, inputs].
 * @param statistics The running averages, [layout.statisticCount].
 * @returns The logits, [n, classes], and what the backward pass needs.
 */
export function forward(
  network: Network,
  x: Float64Array,
  statistics?: Vector,
): { logits: Float64Array; passes: Pass[]; lastInput: Float64Array } {
  const places = layout(network.architecture);
  const layers = split(places.parameters, new Float64Array(network.parameters));
  const averages = statistics && split(places.statistics, new Float64Array(statistics));
  const last = layers.length - 1;
  const passes: Pass[] = [];
  for (let layer = 0; layer < last; layer++) {
    const s = affineForward(x, layers[layer]);
    if (!network.architecture.batchNorm) {
      passes.push({ x, reluInput: s });
    } else if (averages) {
      const { y } = batchNormApply(s, { ...layers[layer], ...averages[layer] });
      passes.push({ x, reluInput: y });
    } else {
      const norm = batchNormForward(s, layers[layer]);
      passes.push({ x, reluInput: norm.y, norm });
    }
    x = reluForward(passes[layer].reluInput);
  }
  return { logits: affineForward(x, layers[last]), passes, lastInput: x };
}

/** The forward pass in training mode, with the cost and the gradient of the logits. */
function trainingPass(network: Network, batch: Batch, options: CostOptions) {
  check(network, batch);
  if (network.architecture.batchNorm && batch.labels.length < 2) {
    refuse("the batch has 1 image", "at least 2 with batch norm");
  }
  const { logits, passes, lastInput } = forward(network, batch.x);
  const { loss, dLogits } = softmaxCrossEntropy(logits, batch.labels);
  const l2 = penalty(network, options);
  const reluInputs = passes.map(({ reluInput }) => reluInput);
  const cost: Cost = { loss, penalty: l2, cost: loss + l2, reluInputs };
  return { logits, passes, lastInput, dLogits, cost };
}

/** λ Σ W² over all weight matrices. */
function penalty(network: Network, options: CostOptions): number {
  const { weights } = layout(network.architecture);
  let sum = 0;
  for (let i = 0; i < weights; i++) sum += network.parameters[i] ** 2;
  return (options.lambda ?? 0) * sum;
}

/** Views of a flat vector, by layer and kind; gamma and beta are missing without batch norm. */
function split<Kind extends string>(
  places: readonly { kind: Kind; layer: number; offset: number; size: number }[],
  vector: Float64Array,
): Record<Kind, Float64Array>[] {
  const layers: Record<Kind, Float64Array>[] = [];
  for (const { kind, layer, offset, size } of places) {
    layers[layer] ??= {} as Record<Kind, Float64Array>;
    layers[layer][kind] = vector.subarray(offset, offset + size);
  }
  return layers;
}

function check(network: Network, batch: Batch): void {
  const { architecture, parameters } = network;
  const { count } = layout(architecture);
  const { inputs, classes } = architecture;
  const n = batch.labels.length;
  if (parameters.length !== count) refuse(`there are ${parameters.length} parameters`, `${count}`);
  if (n === 0) refuse("the batch has no labels", "at least 1");
  if (batch.x.length !== n * inputs) {
    refuse(`the batch has ${batch.x.length} values`, `${n} images of ${inputs}`);
  }
  for (let i = 0; i < n; i++) {
    const label = batch.labels[i];
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      refuse(`label ${i} is ${label}`, `an integer in [0, ${classes})`);
    }
  }
}

function refuse(what: string, expected: string): never {
  throw new ArgumentError(`Cannot compute the network: ${what}, expected ${expected}`);
}
