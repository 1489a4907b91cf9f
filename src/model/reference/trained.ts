/**
 * What a trained network says of raw records, in float64.
 *
 * @module
 */

import { largest, softmax } from "../answers.ts";
import { checkReadable, type RecordValues, standardiseRecords } from "../record_values.ts";
import { checkUsable, type TrainedNetwork } from "../trained_network.ts";
import { forward } from "./network.ts";

/** Records that go through the network together, so that memory does not grow with their number. */
const CHUNK = 1000;

/**
 * Computes the logits of records: standardised, then through the network in evaluation mode.
 *
 * @param network The network.
 * @param x One record or many, [n, inputs]: bytes, which mean value / 255, or numbers. A network trained on bytes takes bytes
 * or numbers from 0 to 1, one trained on numbers takes numbers.
 * @returns The input of the softmax, [n, classes].
 * @throws {ArgumentError} If the network has diverged, or the records do not fit it.
 *
 * @example Two measurements
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { classify, logits } from "@headless/mlp/reference";
 *
 * const network = {
 *   architecture: { inputs: 1, hidden: [], classes: 2, batchNorm: false },
 *   parameters: new Float32Array([1, -1, 0, 0]),
 *   statistics: new Float32Array(),
 *   mean: new Float32Array([20]),
 *   std: new Float32Array([5]),
 *   input: "floats",
 *   classNames: ["warm", "cold"],
 * } as const;
 *
 * assertEquals([...logits(network, new Float32Array([25, 10]))], [1, -1, -2, 2]);
 * assertEquals([...classify(network, new Float32Array([25, 10]))], [0, 1]);
 * ```
 */
export function logits(network: TrainedNetwork, x: RecordValues): Float64Array {
  checkUsable(network);
  const n = checkReadable(x, network);
  const { architecture: { inputs, classes }, statistics } = network;
  const result = new Float64Array(n * classes);
  for (let first = 0; first < n; first += CHUNK) {
    const own = x.subarray(first * inputs, (first + CHUNK) * inputs);
    result.set(
      forward(network, standardiseRecords(own, network), statistics).logits,
      first * classes,
    );
  }
  return result;
}

/**
 * Computes the probability of every class.
 *
 * @param network The network.
 * @param x One record or many, as for {@linkcode logits}.
 * @returns Probabilities, [n, classes]; those of a record add up to 1 within rounding.
 * @throws {ArgumentError} If the network has diverged, or the records do not fit it.
 *
 * @example A measurement one standard deviation above the mean
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { probabilities } from "@headless/mlp/reference";
 *
 * const network = {
 *   architecture: { inputs: 1, hidden: [], classes: 2, batchNorm: false },
 *   parameters: new Float32Array([1, -1, 0, 0]),
 *   statistics: new Float32Array(),
 *   mean: new Float32Array([20]),
 *   std: new Float32Array([5]),
 *   input: "floats",
 *   classNames: ["warm", "cold"],
 * } as const;
 * const [warm, cold] = probabilities(network, new Float32Array([25]));
 *
 * // The logits are 1 and -1.
 * assertAlmostEquals(warm, 1 / (1 + Math.exp(-2)), 1e-15);
 * assertAlmostEquals(warm + cold, 1, 1e-15);
 * ```
 */
export function probabilities(network: TrainedNetwork, x: RecordValues): Float64Array {
  return softmax(logits(network, x), network.architecture.classes);
}

/**
 * Finds the class of every record: the largest logit, the first of equal ones.
 *
 * @param network The network.
 * @param x One record or many, as for {@linkcode logits}.
 * @returns Classes counted from 0, [n].
 * @throws {ArgumentError} If the network has diverged, or the records do not fit it.
 *
 * @example Two measurements, above and below the mean
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { classify } from "@headless/mlp/reference";
 *
 * const network = {
 *   architecture: { inputs: 1, hidden: [], classes: 2, batchNorm: false },
 *   parameters: new Float32Array([1, -1, 0, 0]),
 *   statistics: new Float32Array(),
 *   mean: new Float32Array([20]),
 *   std: new Float32Array([5]),
 *   input: "floats",
 *   classNames: ["warm", "cold"],
 * } as const;
 * const classes = classify(network, new Float32Array([25, 10]));
 *
 * assertEquals(Array.from(classes, (label) => network.classNames[label]), ["warm", "cold"]);
 * ```
 */
export function classify(network: TrainedNetwork, x: RecordValues): Uint16Array {
  return largest(logits(network, x), network.architecture.classes);
}
