/**
 * Records to be classified, as callers have them: one or many, flat, as bytes or numbers.
 *
 * @module
 */

import { ArgumentError, nameOf } from "../errors.ts";
import type { RecordKind, TrainedNetwork } from "./trained_network.ts";

/** Records, [n, inputs]: bytes, which mean value / 255, or numbers. */
export type RecordValues = Uint8Array | Float32Array;

/** What says how records are to be read. */
export type RecordsOf = Pick<TrainedNetwork, "mean" | "std" | "input">;

/**
 * Checks that a network can read some records, at least one. A network that was trained on bytes reads bytes, or numbers
 * from 0 to 1, a byte / 255 each; one that was trained on numbers reads numbers.
 *
 * @param x The records, [n, inputs].
 * @param network Its inputs, and what they were.
 * @returns n.
 * @throws {ArgumentError} If it cannot.
 */
export function checkReadable(
  x: RecordValues,
  { mean: { length: inputs }, input }: RecordsOf,
): number {
  const kind = kindOf(x);
  if (x.length === 0 || x.length % inputs !== 0) {
    throw new ArgumentError(
      `Cannot classify ${x.length} values, expected at least one record of ${inputs} values, all of them whole`,
    );
  }
  if (input === "floats" && kind === "bytes") {
    throw new ArgumentError(
      "Cannot classify bytes with this network: it was trained on numbers, expected a Float32Array",
    );
  }
  if (kind === "floats") checkValues(x, { inputs, input });
  return x.length / inputs;
}

/** Whether records are bytes or numbers. */
export function kindOf(x: RecordValues): RecordKind {
  if (x instanceof Uint8Array) return "bytes";
  if (x instanceof Float32Array) return "floats";
  throw new ArgumentError(
    `Cannot classify ${nameOf(x)}, expected a Uint8Array or a Float32Array`,
  );
}

function checkValues(
  x: RecordValues,
  { inputs, input }: { inputs: number; input: RecordKind },
): void {
  const [min, max] = input === "bytes" ? [0, 1] : [-Infinity, Infinity];
  // Not findIndex: a call for each of many millions of values takes seconds.
  let wrong = 0;
  while (wrong < x.length && Number.isFinite(x[wrong]) && x[wrong] >= min && x[wrong] <= max) {
    wrong++;
  }
  if (wrong === x.length) return;
  const expected = input === "bytes"
    ? "a number from 0 to 1 (a byte / 255), as the network was trained on bytes"
    : "a finite number";
  throw new ArgumentError(
    `Cannot classify record ${Math.floor(wrong / inputs)}: value ${wrong % inputs} is ${
      x[wrong]
    }, ` +
      `expected ${expected}`,
  );
}

/**
 * Standardises records in float64: (v − mean) / std, where v is the value, or a byte / 255.
 *
 * @param x The records, [count, inputs].
 * @param statistics Mean and standard deviation, [inputs].
 * @param indices Which records to take, in which order; all of them when left out.
 * @returns The standardised records, [indices or count, inputs].
 */
export function standardiseRecords(
  x: RecordValues,
  { mean, std }: Pick<RecordsOf, "mean" | "std">,
  indices?: ArrayLike<number>,
): Float64Array {
  const { length: inputs } = mean;
  const unit = x instanceof Uint8Array ? 255 : 1;
  const n = indices?.length ?? x.length / inputs;
  const result = new Float64Array(n * inputs);
  for (let i = 0; i < n; i++) {
    const from = (indices ? indices[i] : i) * inputs;
    for (let j = 0; j < inputs; j++) {
      result[i * inputs + j] = (x[from + j] / unit - mean[j]) / std[j];
    }
  }
  return result;
}
