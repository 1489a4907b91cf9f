/**
 * A trained network as named tensors in PyTorch's conventions, and back. A linear weight is [out, in] there and [in, out]
 * here.
 *
 * @module
 */

import { ArgumentError, DataError } from "../errors.ts";
import { type Architecture, BATCH_NORM_EPSILON, layout } from "./network.ts";
import type { DecodeOptions, Safetensors, Tensor } from "./safetensors.ts";

/** Everything needed to classify images: the network, and the statistics that standardise its inputs. */
export interface TrainedNetwork {
  /** Layer sizes, and batch norm on or off. */
  readonly architecture: Architecture;
  /** The flat vector of parameters, [layout.count]. */
  readonly parameters: Float32Array;
  /** The flat vector of the running averages of batch norm, [layout.statisticCount]. */
  readonly statistics: Float32Array;
  /** Mean of the inputs, [inputs]. */
  readonly mean: Float32Array;
  /** Standard deviation of the inputs, [inputs]. */
  readonly std: Float32Array;
}

/** The vectors of a network. */
type Vector = "parameters" | "statistics" | "mean" | "std";

/** A tensor's place in one of the vectors of a network. */
interface Place {
  readonly name: string;
  readonly vector: Vector;
  /** The shape in the flat vector: weights are [in, out]. */
  readonly shape: readonly number[];
  readonly offset: number;
}

/**
 * Names the tensors of a network: `input.mean` and `input.std`, then for every layer i `layers.i.weight` and
 * `layers.i.bias`, with batch norm `norms.i.weight` (gamma), `norms.i.bias` (beta), `norms.i.running_mean` and
 * `norms.i.running_var`. The metadata holds `inputs`, `hidden`, `classes`, `batch_norm` and `epsilon`, each as JSON.
 *
 * @param network The network.
 * @returns Tensors and metadata, to be encoded by `encodeSafetensors`.
 * @throws {ArgumentError} If the architecture is not allowed, or the length of a vector does not fit it.
 *
 * @example A linear classifier of two inputs
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { networkTensors } from "./checkpoint.ts";
 *
 * const { tensors } = networkTensors({
 *   architecture: { inputs: 2, hidden: [], classes: 3, batchNorm: false },
 *   parameters: new Float32Array([11, 12, 13, 21, 22, 23, 1, 2, 3]),
 *   statistics: new Float32Array(),
 *   mean: new Float32Array([0.5, 0.5]),
 *   std: new Float32Array([0.25, 0.25]),
 * });
 *
 * assertEquals(tensors.get("layers.0.weight"), {
 *   shape: [3, 2],
 *   data: new Float32Array([11, 21, 12, 22, 13, 23]),
 * });
 * ```
 */
export function networkTensors(network: TrainedNetwork): Safetensors {
  const { architecture } = network;
  checkLengths(network);
  const tensors = new Map<string, Tensor>();
  for (const { name, vector, shape, offset } of places(architecture)) {
    const data = network[vector].slice(offset, offset + shape.reduce((a, b) => a * b, 1));
    tensors.set(name, shape.length === 2 ? transpose({ shape, data }) : { shape, data });
  }
  return { tensors, metadata: describe(architecture) };
}

/**
 * Restores a network from its tensors.
 *
 * @param file Tensors and metadata, from `decodeSafetensors`.
 * @param options The name of the file.
 * @returns The network, in new vectors.
 * @throws {DataError} If the metadata does not describe a network, or a tensor is missing, unexpected or of the wrong
 * shape; the message names the file.
 */
export function networkFromTensors(file: Safetensors, options: DecodeOptions): TrainedNetwork {
  const architecture = architectureOf(file.metadata, options.name);
  const expected = places(architecture);
  // Before allocating vectors: the metadata may claim a network of any size.
  checkTensors(file.tensors, expected, options.name);

  const { parameters, statistics, mean, std } = lengthsOf(architecture);
  const network: TrainedNetwork = {
    architecture,
    parameters: new Float32Array(parameters),
    statistics: new Float32Array(statistics),
    mean: new Float32Array(mean),
    std: new Float32Array(std),
  };
  for (const { name, vector, shape, offset } of expected) {
    const tensor = file.tensors.get(name)!;
    network[vector].set(shape.length === 2 ? transpose(tensor).data : tensor.data, offset);
  }
  return network;
}

function checkTensors(
  tensors: ReadonlyMap<string, Tensor>,
  expected: readonly Place[],
  file: string,
): void {
  for (const { name, shape } of expected) {
    const found = tensors.has(name) ? `of shape [${tensors.get(name)!.shape}]` : "missing";
    const expectedShape = `shape [${shape.toReversed()}]`;
    if (found !== `of ${expectedShape}`) {
      throw new DataError(
        `Cannot read a network from ${file}: tensor ${name} is ${found}, expected ${expectedShape}`,
      );
    }
  }
  const known = new Set(expected.map(({ name }) => name));
  for (const name of tensors.keys()) {
    if (!known.has(name)) {
      throw new DataError(
        `Cannot read a network from ${file}: it has the tensor ${name}, expected only the tensors ` +
          "of the network that its metadata describes",
      );
    }
  }
}

/** Lists the tensors in the order of the file: the inputs, then layer by layer. */
function places(architecture: Architecture): Place[] {
  const { inputs } = architecture;
  const { parameters, statistics } = layout(architecture);
  const names = {
    weight: "layers.#.weight",
    bias: "layers.#.bias",
    gamma: "norms.#.weight",
    beta: "norms.#.bias",
    mean: "norms.#.running_mean",
    variance: "norms.#.running_var",
  };
  const layered = [
    ...parameters.map((place) => ({ ...place, vector: "parameters" as const })),
    ...statistics.map((place) => ({
      ...place,
      vector: "statistics" as const,
      shape: [place.size],
    })),
  ];
  // The sort is stable: within a layer, the order of the flat vectors remains.
  layered.sort((a, b) => a.layer - b.layer);
  return [
    { name: "input.mean", vector: "mean", shape: [inputs], offset: 0 },
    { name: "input.std", vector: "std", shape: [inputs], offset: 0 },
    ...layered.map(({ kind, layer, vector, shape, offset }) => ({
      name: names[kind].replace("#", String(layer)),
      vector,
      shape,
      offset,
    })),
  ];
}

function transpose({ shape: [rows, columns], data }: Tensor): Tensor {
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = data[row * columns + column];
    }
  }
  return { shape: [columns, rows], data: result };
}

/** The lengths of the vectors of a network. */
function lengthsOf(architecture: Architecture): Record<Vector, number> {
  const { count, statisticCount } = layout(architecture);
  const { inputs } = architecture;
  return { parameters: count, statistics: statisticCount, mean: inputs, std: inputs };
}

function checkLengths(network: TrainedNetwork): void {
  for (const [name, expected] of Object.entries(lengthsOf(network.architecture))) {
    const { length } = network[name as Vector];
    if (length === expected) continue;
    throw new ArgumentError(
      `Cannot name the tensors of the network: ${name} has ${length} entries, expected ${expected}`,
    );
  }
}

function describe({ inputs, hidden, classes, batchNorm }: Architecture): Record<string, string> {
  const values = { inputs, hidden, classes, batch_norm: batchNorm, epsilon: BATCH_NORM_EPSILON };
  const entries = Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]);
  return Object.fromEntries(entries);
}

function architectureOf(metadata: Readonly<Record<string, string>>, file: string): Architecture {
  const names = ["inputs", "hidden", "classes", "batch_norm", "epsilon"];
  const [inputs, hidden, classes, batchNorm, epsilon] = names.map((name) =>
    parseMetadata(metadata, name, file)
  );
  const fits = typeof inputs === "number" && typeof classes === "number" &&
    Array.isArray(hidden) && hidden.every((width) => typeof width === "number") &&
    typeof batchNorm === "boolean" && epsilon === BATCH_NORM_EPSILON;
  const text = JSON.stringify(metadata, names);
  if (!fits) {
    throw new DataError(
      `Cannot read a network from ${file}: its metadata is ${text}, expected numbers inputs and ` +
        `classes, a list of numbers hidden, batch_norm true or false, and epsilon ${BATCH_NORM_EPSILON}`,
    );
  }
  const architecture: Architecture = { inputs, hidden, classes, batchNorm };
  try {
    layout(architecture);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new DataError(
      `Cannot read a network from ${file}: its metadata is ${text}. ${error.message}`,
    );
  }
  return architecture;
}

function parseMetadata(
  metadata: Readonly<Record<string, string>>,
  name: string,
  file: string,
): unknown {
  try {
    return JSON.parse(metadata[name]);
  } catch {
    const given = Object.hasOwn(metadata, name) ? JSON.stringify(metadata[name]) : "missing";
    throw new DataError(
      `Cannot read a network from ${file}: ${name} of its metadata is ${given}, expected JSON`,
    );
  }
}
