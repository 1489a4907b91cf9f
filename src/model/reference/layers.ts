/**
 * The layers in float64, forward and backward, with their formulas.
 *
 * Tensors are row-major `Float64Array`s with the image as their first axis; shapes are given in brackets, and n is the
 * number of images in the batch. `dy` is the gradient of the loss with respect to `y`. Functions infer sizes from the
 * lengths of their arguments and return new arrays.
 *
 * @module
 */

import { BATCH_NORM_EPSILON } from "../network.ts";

/**
 * The affine map: s = x W + b.
 *
 * @param x [n, in]
 * @param layer The weights W, [in, out], and biases b, [out].
 * @returns s, [n, out]
 *
 * @example An image of two values, three outputs
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { affineForward } from "@headless/mlp/reference";
 *
 * const layer = { weight: Float64Array.of(1, 2, 3, 4, 5, 6), bias: Float64Array.of(10, 20, 30) };
 * const s = affineForward(Float64Array.of(1, 2), layer);
 *
 * assertEquals(s, Float64Array.of(1 + 8 + 10, 2 + 10 + 20, 3 + 12 + 30));
 * ```
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
    // With k outside j, the inner loop walks along rows of W and s, which are contiguous.
    for (let k = 0; k < inputs; k++) {
      const value = x[i * inputs + k];
      const weights = weightRows[k];
      for (let j = 0; j < outputs; j++) row[j] += value * weights[j];
    }
  }
  return s;
}

/**
 * The gradients of the parameters of the affine map: dW = xᵀ ds, db = Σᵢ dsᵢ (Bishop 2006, equation 5.53).
 *
 * @param ds [n, out]
 * @param cache The input x, [n, in], and the number of images n.
 * @returns dW, [in, out], and db, [out]
 *
 * @example An image of two values, two outputs
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { affineBackward } from "@headless/mlp/reference";
 *
 * const { dWeight, dBias } = affineBackward(Float64Array.of(1, 10), { x: Float64Array.of(3, 4), n: 1 });
 *
 * assertEquals(dWeight, Float64Array.of(3, 30, 4, 40));
 * assertEquals(dBias, Float64Array.of(1, 10));
 * ```
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
  // With k outside i, one row of dW stays in cache for the whole batch.
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
 * The gradient of the input of the affine map: dx = ds Wᵀ (Bishop 2006, the sum in equation 5.56). It is separate from
 * {@linkcode affineBackward} because the first layer does not need it.
 *
 * @param ds [n, out]
 * @param cache The weights W, [in, out], and the number of images n.
 * @returns dx, [n, in]
 *
 * @example An image of two values, two outputs
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { affineBackwardInput } from "@headless/mlp/reference";
 *
 * const dx = affineBackwardInput(Float64Array.of(1, 10), { weight: Float64Array.of(1, 2, 3, 4), n: 1 });
 *
 * assertEquals(dx, Float64Array.of(1 + 20, 3 + 40));
 * ```
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
 *
 * @example Two images of one feature
 * ```ts
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 * import { batchNormForward } from "@headless/mlp/reference";
 *
 * const layer = { gamma: Float64Array.of(2), beta: Float64Array.of(5) };
 * const { y, mean, variance } = batchNormForward(Float64Array.of(0, 200), layer);
 *
 * assertEquals([mean[0], variance[0]], [100, 100 ** 2]);
 * // ε, 1e-5 beside a variance of 10,000, changes y by 1e-9.
 * assertAlmostEquals(y[0], 5 - 2, 1e-8);
 * assertAlmostEquals(y[1], 5 + 2, 1e-8);
 * ```
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
 * Batch norm with a given mean and variance, as in evaluation mode (Ioffe & Szegedy 2015, algorithm 2, lines 10 and 11,
 * here with moving averages).
 *
 * @param s [n, width]
 * @param layer The scales gamma, shifts beta, means and variances, [width] each.
 * @returns y and ŝ (`normalised`), [n, width] each
 *
 * @example An image of one feature
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { batchNormApply } from "@headless/mlp/reference";
 *
 * const { y, normalised } = batchNormApply(Float64Array.of(300), {
 *   gamma: Float64Array.of(2),
 *   beta: Float64Array.of(5),
 *   mean: Float64Array.of(100),
 *   variance: Float64Array.of(100 ** 2),
 * });
 *
 * assertAlmostEquals(normalised[0], (300 - 100) / 100, 1e-8);
 * assertAlmostEquals(y[0], 2 * 2 + 5, 1e-8);
 * ```
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
 * with ∂mean and ∂variance substituted). For each feature,
 *
 *     dbeta  = Σᵢ dyᵢ
 *     dgamma = Σᵢ dyᵢ ŝᵢ
 *     dsᵢ    = gamma / √(variance + ε) (dyᵢ - dbeta / n - ŝᵢ dgamma / n)
 *
 * @param dy [n, width]
 * @param cache ŝ (`normalised`), [n, width], and the variance, [width], from {@linkcode batchNormForward}; the scales
 * gamma, [width].
 * @returns ds, [n, width]; dgamma and dbeta, [width] each
 *
 * @example Three images of one feature: what all have in common is taken from the gradient
 * ```ts
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 * import { batchNormBackward } from "@headless/mlp/reference";
 *
 * const { ds, dGamma, dBeta } = batchNormBackward(Float64Array.of(0, 3, 0), {
 *   normalised: Float64Array.of(-Math.sqrt(1.5), 0, Math.sqrt(1.5)),
 *   variance: Float64Array.of(100 ** 2),
 *   gamma: Float64Array.of(100),
 * });
 *
 * assertEquals([dGamma[0], dBeta[0]], [0, 3]);
 * for (const [i, expected] of [-1, 2, -1].entries()) assertAlmostEquals(ds[i], expected, 1e-8);
 * ```
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
 * The rectified linear unit (Nair & Hinton 2010): y = max(0, s). NaN stays NaN, so that a diverged network is seen to have
 * diverged.
 *
 * @param s Any shape.
 * @returns y, of the same shape
 *
 * @example Three values
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { reluForward } from "@headless/mlp/reference";
 *
 * assertEquals(reluForward(Float64Array.of(-1, 0, 2)), Float64Array.of(0, 0, 2));
 * ```
 */
export function reluForward(s: Float64Array): Float64Array {
  const y = new Float64Array(s.length);
  for (let i = 0; i < s.length; i++) y[i] = Math.max(0, s[i]);
  return y;
}

/**
 * The gradient of the rectified linear unit: ds = dy where s > 0, and 0 elsewhere. Where s is NaN, dy passes through.
 *
 * @param dy Any shape.
 * @param s The input of the ReLU, of the same shape.
 * @returns ds, of the same shape
 *
 * @example Three values
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { reluBackward } from "@headless/mlp/reference";
 *
 * const dy = Float64Array.of(7, 8, 9);
 *
 * assertEquals(reluBackward(dy, Float64Array.of(-1, 0, 2)), Float64Array.of(0, 0, 9));
 * ```
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
 *
 * @example Two images that both classes fit equally well
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { softmaxCrossEntropy } from "@headless/mlp/reference";
 *
 * const { loss, dLogits } = softmaxCrossEntropy(Float64Array.of(0, 0, 0, 0), [1, 0]);
 *
 * assertEquals(loss, Math.LN2);
 * assertEquals(dLogits, Float64Array.of(0.25, -0.25, -0.25, 0.25));
 * ```
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
    // Subtracting the largest logit leaves p unchanged and keeps the exponentials from overflowing.
    let max = -Infinity;
    for (let j = 0; j < classes; j++) max = Math.max(max, row[j]);
    let sum = 0;
    for (let j = 0; j < classes; j++) sum += Math.exp(row[j] - max);
    loss += (Math.log(sum) + max - row[labels[i]]) / n;
    for (let j = 0; j < classes; j++) {
      const target = j === labels[i] ? 1 : 0;
      dLogits[i * classes + j] = (Math.exp(row[j] - max) / sum - target) / n;
    }
  }
  return { loss, dLogits };
}

/**
 * Splits a tensor into views of its rows.
 *
 * @param tensor [rows, width]
 * @param width The length of a row.
 * @returns The rows, [rows][width]
 */
function rowsOf(tensor: Float64Array, width: number): Float64Array[] {
  const rows: Float64Array[] = [];
  for (let at = 0; at < tensor.length; at += width) rows.push(tensor.subarray(at, at + width));
  return rows;
}
