/**
 * The network in float64 on the CPU, written to be read: every operation forward and backward, one below the other,
 * with its formula, and the network made of them. The GPU kernels are proved against it.
 *
 * Tensors are row-major `Float64Array`s with the image as their first axis; their shapes stand beside them in brackets,
 * and n is the number of images in the batch. `dy` is the gradient of the loss with respect to `y`. Operations read
 * their sizes from the lengths of what they are given and return fresh arrays.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import { type Architecture, BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, layout } from "./network.ts";
import type { ParameterKind } from "./network.ts";

/** A flat vector in single or double precision; the arithmetic is in double precision either way. */
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

/** What is added to the loss. */
export interface CostOptions {
  /** The L2 weight λ, at least 0; 0 unless told otherwise. */
  readonly lambda?: number;
}

/** The cost of a batch in training mode, and where the ReLUs stand. */
export interface Cost {
  /** Mean cross-entropy, in nats. */
  loss: number;
  /** λ times the sum of the squared weights. */
  penalty: number;
  /** The loss and the penalty. */
  cost: number;
  /** What goes into the ReLU of each hidden layer, [n, width] each. */
  reluInputs: Float64Array[];
}

/** The gradients of the cost of a batch in training mode, and everything found on the way. */
export interface Gradients extends Cost {
  /** What goes into the softmax, [n, classes]. */
  logits: Float64Array;
  /** The gradient of the cost in the order of the flat vector, [layout.count]. */
  gradients: Float64Array;
  /** mean1, var1 (biased), mean2, … of this batch, [layout.statisticCount]. */
  batchStatistics: Float64Array;
}

/** A network's result on some images in evaluation mode. */
export interface ReferenceEvaluation {
  /** What goes into the softmax, [n, classes]. */
  logits: Float64Array;
  /** Mean cross-entropy, in nats. */
  loss: number;
  /** The loss and λ times the sum of the squared weights. */
  cost: number;
  /** The share of images whose greatest logit is that of their label. */
  accuracy: number;
}

// -------------------------------------------------------------------------------------------------------------------
// The operations

/**
 * The affine map: s = x W + b.
 *
 * @param x [n, in]
 * @param layer The weights W, [in, out], and biases b, [out].
 * @returns s, [n, out]
 */
export function affineForward(
  x: Float64Array,
  layer: { weight: Float64Array; bias: Float64Array },
): Float64Array {
  const { weight, bias } = layer;
  const outputs = bias.length;
  const inputs = weight.length / outputs;
  const n = x.length / inputs;
  const s = new Float64Array(n * outputs);
  const sRows = rowsOf(s, outputs);
  const weightRows = rowsOf(weight, outputs);
  for (let i = 0; i < n; i++) {
    const row = sRows[i];
    row.set(bias);
    // k outside j walks along the rows of W and s, as they lie in memory.
    for (let k = 0; k < inputs; k++) {
      const value = x[i * inputs + k];
      const weights = weightRows[k];
      for (let j = 0; j < outputs; j++) row[j] += value * weights[j];
    }
  }
  return s;
}

/**
 * The gradients of the parameters of the affine map: dW = xᵀ ds, db = Σᵢ dsᵢ.
 *
 * @param ds [n, out]
 * @param cache What went in, x, [n, in], and the number of images n.
 * @returns dW, [in, out], and db, [out]
 */
export function affineBackward(
  ds: Float64Array,
  cache: { x: Float64Array; n: number },
): { dWeight: Float64Array; dBias: Float64Array } {
  const { x, n } = cache;
  const inputs = x.length / n;
  const outputs = ds.length / n;
  const dWeight = new Float64Array(inputs * outputs);
  const dBias = new Float64Array(outputs);
  const dsRows = rowsOf(ds, outputs);
  for (const row of dsRows) {
    for (let j = 0; j < outputs; j++) dBias[j] += row[j];
  }
  // k outside i keeps one row of dW at hand while the batch goes by.
  rowsOf(dWeight, outputs).forEach((dWeights, k) => {
    for (let i = 0; i < n; i++) {
      const value = x[i * inputs + k];
      const row = dsRows[i];
      for (let j = 0; j < outputs; j++) dWeights[j] += value * row[j];
    }
  });
  return { dWeight, dBias };
}

/**
 * The gradient of what went into the affine map: dx = ds Wᵀ. It stands apart from {@linkcode affineBackward} because
 * the first layer has no use for it.
 *
 * @param ds [n, out]
 * @param cache The weights W, [in, out], and the number of images n.
 * @returns dx, [n, in]
 */
export function affineBackwardInput(
  ds: Float64Array,
  cache: { weight: Float64Array; n: number },
): Float64Array {
  const { weight, n } = cache;
  const outputs = ds.length / n;
  const inputs = weight.length / outputs;
  const dx = new Float64Array(n * inputs);
  const dsRows = rowsOf(ds, outputs);
  const weightRows = rowsOf(weight, outputs);
  for (let i = 0; i < n; i++) {
    const row = dsRows[i];
    for (let k = 0; k < inputs; k++) {
      const weights = weightRows[k];
      let sum = 0;
      for (let j = 0; j < outputs; j++) sum += row[j] * weights[j];
      dx[i * inputs + k] = sum;
    }
  }
  return dx;
}

/**
 * Batch norm in training mode (Ioffe & Szegedy 2015, algorithm 1). For each feature,
 *
 *     mean     = 1/n Σᵢ sᵢ
 *     variance = 1/n Σᵢ (sᵢ - mean)²            (biased: divided by n)
 *     ŝᵢ       = (sᵢ - mean) / √(variance + ε)
 *     yᵢ       = gamma ŝᵢ + beta
 *
 * @param s [n, width]
 * @param layer The scales gamma and shifts beta, [width] each.
 * @returns y and ŝ (`normalised`), [n, width] each; the mean and variance of the batch, [width] each
 */
export function batchNormForward(
  s: Float64Array,
  layer: { gamma: Float64Array; beta: Float64Array },
): { y: Float64Array; normalised: Float64Array; mean: Float64Array; variance: Float64Array } {
  const width = layer.gamma.length;
  const n = s.length / width;
  const mean = new Float64Array(width);
  const variance = new Float64Array(width);
  const sRows = rowsOf(s, width);
  for (const row of sRows) {
    for (let j = 0; j < width; j++) mean[j] += row[j] / n;
  }
  for (const row of sRows) {
    for (let j = 0; j < width; j++) variance[j] += (row[j] - mean[j]) ** 2 / n;
  }
  return { ...batchNormApply(s, { ...layer, mean, variance }), mean, variance };
}

/**
 * Batch norm with a given mean and variance, which is all of it in evaluation mode (Ioffe & Szegedy 2015,
 * algorithm 2, lines 10 and 11, here with moving averages).
 *
 * @param s [n, width]
 * @param layer The scales gamma, shifts beta, means and variances, [width] each.
 * @returns y and ŝ (`normalised`), [n, width] each
 */
export function batchNormApply(
  s: Float64Array,
  layer: { gamma: Float64Array; beta: Float64Array; mean: Float64Array; variance: Float64Array },
): { y: Float64Array; normalised: Float64Array } {
  const { gamma, beta, mean, variance } = layer;
  const width = gamma.length;
  const n = s.length / width;
  const deviation = variance.map((value) => Math.sqrt(value + BATCH_NORM_EPSILON));
  const normalised = new Float64Array(s.length);
  const y = new Float64Array(s.length);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < width; j++) {
      const at = i * width + j;
      normalised[at] = (s[at] - mean[j]) / deviation[j];
      y[at] = gamma[j] * normalised[at] + beta[j];
    }
  }
  return { y, normalised };
}

/**
 * The gradients of batch norm in training mode (Ioffe & Szegedy 2015, section 3, the chain rule after algorithm 1,
 * with ∂mean and ∂variance put in). For each feature,
 *
 *     dbeta  = Σᵢ dyᵢ
 *     dgamma = Σᵢ dyᵢ ŝᵢ
 *     dsᵢ    = gamma / √(variance + ε) (dyᵢ - dbeta / n - ŝᵢ dgamma / n)
 *
 * @param dy [n, width]
 * @param cache What {@linkcode batchNormForward} found: ŝ (`normalised`), [n, width], and the variance, [width]; and
 * the scales gamma, [width].
 * @returns ds, [n, width]; dgamma and dbeta, [width] each
 */
export function batchNormBackward(
  dy: Float64Array,
  cache: { normalised: Float64Array; variance: Float64Array; gamma: Float64Array },
): { ds: Float64Array; dGamma: Float64Array; dBeta: Float64Array } {
  const { normalised, variance, gamma } = cache;
  const width = gamma.length;
  const n = dy.length / width;
  const dGamma = new Float64Array(width);
  const dBeta = new Float64Array(width);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < width; j++) {
      const at = i * width + j;
      dGamma[j] += dy[at] * normalised[at];
      dBeta[j] += dy[at];
    }
  }
  const scale = gamma.map((value, j) => value / Math.sqrt(variance[j] + BATCH_NORM_EPSILON));
  const ds = new Float64Array(dy.length);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < width; j++) {
      const at = i * width + j;
      ds[at] = scale[j] * (dy[at] - dBeta[j] / n - normalised[at] * dGamma[j] / n);
    }
  }
  return { ds, dGamma, dBeta };
}

/**
 * The rectified linear unit: y = max(0, s). What is not a number stays so, or a diverged network would look sound.
 *
 * @param s Any shape.
 * @returns y, of the same shape
 */
export function reluForward(s: Float64Array): Float64Array {
  const y = new Float64Array(s.length);
  for (let i = 0; i < s.length; i++) y[i] = Math.max(0, s[i]);
  return y;
}

/**
 * The gradient of the rectified linear unit: ds = dy where s > 0, and 0 elsewhere. Where s is not a number, neither is y:
 * there dy, which follows from it, is let through.
 *
 * @param dy Any shape.
 * @param s What went into the ReLU, of the same shape.
 * @returns ds, of the same shape
 */
export function reluBackward(dy: Float64Array, s: Float64Array): Float64Array {
  const ds = new Float64Array(dy.length);
  for (let i = 0; i < dy.length; i++) ds[i] = s[i] <= 0 ? 0 : dy[i];
  return ds;
}

/**
 * Softmax and mean cross-entropy, forward and backward (Bishop 2006, equations 4.104, 4.108 and 4.109). For each image,
 *
 *     p    = exp(logits) / Σⱼ exp(logitsⱼ)
 *     loss = mean over the images of -ln p[label]
 *     dlogits = (p - onehot(label)) / n
 *
 * @param logits [n, classes]
 * @param labels [n]
 * @returns The loss, and dlogits, [n, classes]
 */
export function softmaxCrossEntropy(
  logits: Float64Array,
  labels: ArrayLike<number>,
): { loss: number; dLogits: Float64Array } {
  const n = labels.length;
  const classes = logits.length / n;
  const dLogits = new Float64Array(logits.length);
  const rows = rowsOf(logits, classes);
  let loss = 0;
  for (let i = 0; i < n; i++) {
    const row = rows[i];
    // Taking the greatest logit away changes no share, and no exponential overflows.
    let greatest = -Infinity;
    for (let j = 0; j < classes; j++) greatest = Math.max(greatest, row[j]);
    let sum = 0;
    for (let j = 0; j < classes; j++) sum += Math.exp(row[j] - greatest);
    loss += (Math.log(sum) + greatest - row[labels[i]]) / n;
    for (let j = 0; j < classes; j++) {
      const target = j === labels[i] ? 1 : 0;
      dLogits[i * classes + j] = (Math.exp(row[j] - greatest) / sum - target) / n;
    }
  }
  return { loss, dLogits };
}

// -------------------------------------------------------------------------------------------------------------------
// The network

/**
 * Computes the cost of a batch in training mode: cost = loss + λ Σ W², over all weight matrices.
 *
 * @param network The architecture and the parameters.
 * @param batch The images and labels.
 * @param options The L2 weight.
 * @returns The loss, the cost, and what goes into the ReLUs.
 * @throws {ArgumentError} If sizes do not fit together, a label is no class, or batch norm gets a batch of 1.
 */
export function cost(network: Network, batch: Batch, options: CostOptions = {}): Cost {
  checkTraining(network, batch);
  const { logits, passes } = forward(network, batch.x);
  const { loss } = softmaxCrossEntropy(logits, batch.labels);
  return {
    loss,
    penalty: penalty(network, options),
    cost: loss + penalty(network, options),
    reluInputs: passes.map(({ reluInput }) => reluInput),
  };
}

/**
 * Computes the gradients of the cost of a batch in training mode: the loss backward through the network, and 2 λ W added
 * to the gradient of every weight.
 *
 * @param network The architecture and the parameters.
 * @param batch The images and labels.
 * @param options The L2 weight.
 * @returns The gradients, and everything found on the way.
 * @throws {ArgumentError} If sizes do not fit together, a label is no class, or batch norm gets a batch of 1.
 *
 * @example A linear classifier that knows nothing
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { gradients } from "./reference.ts";
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
  checkTraining(network, batch);
  const { architecture, parameters } = network;
  const { lambda = 0 } = options;
  const { weights, count } = layout(architecture);
  const n = batch.labels.length;
  const { logits, passes, lastInput } = forward(network, batch.x);
  const { loss, dLogits } = softmaxCrossEntropy(logits, batch.labels);

  const layers = splitLayers(architecture, new Float64Array(parameters));
  const result = new Float64Array(count);
  const dLayers = splitLayers(architecture, result);

  let ds = dLogits; // [n, classes], then [n, width] of each hidden layer from the last to the first
  let x = lastInput; // [n, width] of what went into the layer
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
      ds = norm.ds;
    }
    x = below.x;
  }
  for (let i = 0; i < weights; i++) result[i] += 2 * lambda * parameters[i];

  const norms = passes.flatMap(({ norm }) => norm ? [norm.mean, norm.variance] : []);
  return {
    logits,
    loss,
    penalty: penalty(network, options),
    cost: loss + penalty(network, options),
    gradients: result,
    batchStatistics: concatenate(norms),
    reluInputs: passes.map(({ reluInput }) => reluInput),
  };
}

/**
 * Evaluates a network: batch norm uses the running averages, so every image stands for itself.
 *
 * @param network The architecture, the parameters and the running averages.
 * @param batch The images and labels, of any number.
 * @param options The L2 weight.
 * @returns The logits, loss, cost and accuracy.
 * @throws {ArgumentError} If sizes do not fit together, or a label is no class.
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
  const classes = logits.length / n;
  let right = 0;
  rowsOf(logits, classes).forEach((row, i) => {
    const best = row.reduce((best, logit, j) => logit > row[best] ? j : best, 0);
    if (best === batch.labels[i]) right++;
  });
  return { logits, loss, cost: loss + penalty(network, options), accuracy: right / n };
}

/**
 * Moves the running averages of batch norm by one batch: 0.9 of the past and 0.1 of the batch; the first batch sets
 * them.
 *
 * @param statistics The running averages, [layout.statisticCount]; changed in place.
 * @param batchStatistics Those of the batch, [layout.statisticCount].
 * @param first Whether this is the first batch of the network.
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
 * Takes one step of stochastic gradient descent: θ ← θ - η dθ.
 *
 * @param parameters The flat vector of parameters, [layout.count]; changed in place.
 * @param gradients The gradient of the cost, [layout.count].
 * @param eta The learning rate η.
 */
export function sgdStep(parameters: Vector, gradients: Vector, eta: number): void {
  for (let i = 0; i < parameters.length; i++) parameters[i] -= eta * gradients[i];
}

/** Views of the rows of a tensor, [rows, width]. */
function rowsOf(tensor: Float64Array, width: number): Float64Array[] {
  const rows: Float64Array[] = [];
  for (let at = 0; at < tensor.length; at += width) rows.push(tensor.subarray(at, at + width));
  return rows;
}

/** What a hidden layer keeps for the way back. */
interface Pass {
  x: Float64Array; // [n, in]
  reluInput: Float64Array; // [n, width]
  norm?: { normalised: Float64Array; mean: Float64Array; variance: Float64Array }; // [n, width], [width], [width]
}

/** Runs the network up to the logits; with statistics given, batch norm is in evaluation mode. */
function forward(
  network: Network,
  x: Float64Array,
  statistics?: Vector,
): { logits: Float64Array; passes: Pass[]; lastInput: Float64Array } {
  const layers = splitLayers(network.architecture, new Float64Array(network.parameters));
  const averages = statistics &&
    splitStatistics(network.architecture, new Float64Array(statistics));
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

/** λ Σ W² over all weight matrices. */
function penalty(network: Network, options: CostOptions): number {
  const { weights } = layout(network.architecture);
  let sum = 0;
  for (let i = 0; i < weights; i++) sum += network.parameters[i] ** 2;
  return (options.lambda ?? 0) * sum;
}

/** Views of the flat vector, by layer; gamma and beta are empty where there is no batch norm. */
function splitLayers(
  architecture: Architecture,
  vector: Float64Array,
): Record<ParameterKind, Float64Array>[] {
  const { widths, parameters } = layout(architecture);
  const none: Float64Array = new Float64Array(0);
  const layers = widths.slice(1).map(() => ({ weight: none, bias: none, gamma: none, beta: none }));
  for (const { kind, layer, offset, size } of parameters) {
    layers[layer][kind] = vector.subarray(offset, offset + size);
  }
  return layers;
}

/** Views of the running averages, by hidden layer. */
function splitStatistics(
  architecture: Architecture,
  vector: Float64Array,
): Record<"mean" | "variance", Float64Array>[] {
  const none: Float64Array = new Float64Array(0);
  const layers = architecture.hidden.map(() => ({ mean: none, variance: none }));
  for (const { kind, layer, offset, size } of layout(architecture).statistics) {
    layers[layer][kind] = vector.subarray(offset, offset + size);
  }
  return layers;
}

function concatenate(parts: readonly Float64Array[]): Float64Array {
  const whole = new Float64Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
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

function checkTraining(network: Network, batch: Batch): void {
  check(network, batch);
  if (network.architecture.batchNorm && batch.labels.length < 2) {
    refuse("the batch has 1 image", "at least 2 with batch norm");
  }
}

function refuse(what: string, expected: string): never {
  throw new ArgumentError(`Cannot compute the network: ${what}, expected ${expected}`);
}
