/**
 * A trained network as named tensors in PyTorch's conventions, and back. A linear weight is [out, in] there and [in, out]
 * here.
 *
 * @module
 */

import { DataError, nameOf } from "../errors.ts";
import { type Architecture, layout } from "./network.ts";
import { decodeDescription, encodeDescription } from "./network_metadata.ts";
import {
  type DecodeOptions,
  decodeSafetensors,
  encodeSafetensors,
  type Safetensors,
  type Tensor,
} from "./safetensors.ts";
import {
  checkNetwork,
  lengthsOf,
  numberedClasses,
  type TrainedNetwork,
  type Vector,
} from "./trained_network.ts";

export type { TrainedNetwork };

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
 * `norms.i.running_var`. The metadata holds `inputs`, `hidden`, `classes`, `batch_norm`, `epsilon`, `input`, `class_names`,
 * `package_version` (of this package unless the network has one) and, where the network has them, `step` and `settings`, each
 * as JSON.
 *
 * @param network The network.
 * @returns Tensors and metadata, to be encoded by `encodeSafetensors`.
 * @throws {ArgumentError} If the architecture is not allowed, the length of a vector or of the class names does not fit it,
 * or the settings are not values that JSON has.
 *
 * @example A linear classifier of two inputs
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { networkTensors } from "@headless/mlp";
 *
 * const { tensors } = networkTensors({
 *   architecture: { inputs: 2, hidden: [], classes: 3, batchNorm: false },
 *   parameters: new Float32Array([11, 12, 13, 21, 22, 23, 1, 2, 3]),
 *   statistics: new Float32Array(),
 *   mean: new Float32Array([0.5, 0.5]),
 *   std: new Float32Array([0.25, 0.25]),
 *   input: "floats",
 *   classNames: ["a", "b", "c"],
 * });
 *
 * assertEquals(tensors.get("layers.0.weight"), {
 *   shape: [3, 2],
 *   data: new Float32Array([11, 21, 12, 22, 13, 23]),
 * });
 * ```
 */
export function networkTensors(network: TrainedNetwork): Safetensors {
  checkNetwork(network, "name the tensors of");
  const { architecture } = network;
  const tensors = new Map<string, Tensor>();
  for (const { name, vector, shape, offset } of places(architecture)) {
    const data = network[vector].slice(offset, offset + shape.reduce((a, b) => a * b, 1));
    tensors.set(name, shape.length === 2 ? transpose({ shape, data }) : { shape, data });
  }
  return { tensors, metadata: encodeDescription(network) };
}

/**
 * Restores a network from its tensors.
 *
 * Metadata that is missing says: `input` is "bytes", and the classes are called "0", "1", …. A file without any of `inputs`,
 * `hidden`, `classes`, `batch_norm` and `epsilon`, as PyTorch may write it, is read by the shapes of its tensors:
 * `layers.0.weight`, `layers.1.weight`, … are [out, in], there is batch norm (with an epsilon of 1e-5) where there is
 * `norms.0.weight`, and without both `input.mean` and `input.std` the mean is 0 and the standard deviation 1.
 *
 * @param file Tensors and metadata, from `decodeSafetensors`.
 * @param options The name of the file.
 * @returns The network, in new vectors; its values may be NaN or infinite where the network has diverged.
 * @throws {DataError} If metadata or shapes do not describe a network, or a tensor is missing, unexpected or of the wrong
 * shape; the message names the file.
 *
 * @example A linear classifier of two inputs, from the tensors of PyTorch's layer
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { networkFromTensors } from "@headless/mlp";
 *
 * const tensors = new Map([
 *   ["layers.0.weight", { shape: [3, 2], data: Float32Array.of(11, 21, 12, 22, 13, 23) }],
 *   ["layers.0.bias", { shape: [3], data: Float32Array.of(1, 2, 3) }],
 * ]);
 * const network = networkFromTensors({ tensors, metadata: {} }, { name: "torch.safetensors" });
 *
 * assertEquals(network.architecture, { inputs: 2, hidden: [], classes: 3, batchNorm: false });
 * assertEquals(network.parameters, Float32Array.of(11, 12, 13, 21, 22, 23, 1, 2, 3));
 * assertEquals(network.classNames, ["0", "1", "2"]);
 * ```
 */
export function networkFromTensors(file: Safetensors, options: DecodeOptions): TrainedNetwork {
  const { tensors, metadata } = Object(file);
  if (!(tensors instanceof Map) || Object(metadata) !== metadata) {
    throw new DataError(
      `Cannot read a network from ${options.name}: it is ${
        nameOf(file)
      }, expected tensors and metadata of decodeSafetensors()`,
    );
  }
  const { described, classNames, ...description } = decodeDescription(file, options.name);
  const { architecture } = description;
  const standardised = described || ["input.mean", "input.std"].some((n) => file.tensors.has(n));
  const expected = places(architecture).filter(({ vector }) =>
    standardised || vector !== "mean" && vector !== "std"
  );
  // Before allocating vectors: the metadata may claim a network of any size.
  checkTensors(file.tensors, expected, options.name);

  const { parameters, statistics, mean, std } = lengthsOf(architecture);
  const network: TrainedNetwork = {
    ...description,
    classNames: classNames ?? numberedClasses(architecture.classes),
    parameters: new Float32Array(parameters),
    statistics: new Float32Array(statistics),
    mean: new Float32Array(mean),
    std: new Float32Array(std).fill(1),
  };
  for (const { name, vector, shape, offset } of expected) {
    const tensor = file.tensors.get(name)!;
    network[vector].set(shape.length === 2 ? transpose(tensor).data : tensor.data, offset);
  }
  return network;
}

/**
 * Encodes a network as a file, in the safetensors format. The same network gives the same bytes. A network that has diverged
 * is encoded as it is; to classify with it is refused.
 *
 * @param network The network.
 * @returns The bytes of the file.
 * @throws {ArgumentError} If the parts of the network do not fit together, or its settings are not values that JSON has.
 *
 * @example A network as a file, and back
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decodeNetwork, encodeNetwork } from "@headless/mlp";
 *
 * const bytes = encodeNetwork({
 *   architecture: { inputs: 1, hidden: [], classes: 2, batchNorm: false },
 *   parameters: new Float32Array([1, -1, 0, 0]),
 *   statistics: new Float32Array(),
 *   mean: new Float32Array([20]),
 *   std: new Float32Array([5]),
 *   input: "floats",
 *   classNames: ["warm", "cold"],
 * });
 *
 * assertEquals(decodeNetwork(bytes).classNames, ["warm", "cold"]);
 * ```
 */
export function encodeNetwork(network: TrainedNetwork): Uint8Array<ArrayBuffer> {
  const { tensors, metadata } = networkTensors(network);
  return encodeSafetensors(tensors, metadata);
}

/**
 * Decodes a network from the bytes of a safetensors file: one of this package, or one with the same names of tensors, as
 * {@linkcode networkFromTensors} says.
 *
 * @param bytes The bytes of the file.
 * @param options The name of the file, for error messages.
 * @returns The network; its values may be NaN or infinite where it has diverged.
 * @throws {DataError} If the bytes are not such a file; the message names it.
 *
 * @example A file as PyTorch may write it, and one that is cut short
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { DataError, decodeNetwork, encodeSafetensors } from "@headless/mlp";
 *
 * const bytes = encodeSafetensors(new Map([
 *   ["layers.0.weight", { shape: [2, 1], data: Float32Array.of(1, -1) }],
 *   ["layers.0.bias", { shape: [2], data: Float32Array.of(0, 0) }],
 * ]));
 *
 * assertEquals(decodeNetwork(bytes).parameters, Float32Array.of(1, -1, 0, 0));
 * assertThrows(
 *   () => decodeNetwork(bytes.subarray(0, 50), { name: "model.safetensors" }),
 *   DataError,
 *   "Cannot read model.safetensors",
 * );
 * ```
 */
export function decodeNetwork(
  bytes: Uint8Array,
  options: Partial<DecodeOptions> = {},
): TrainedNetwork {
  const { name = "the network's file" } = options ?? {};
  return networkFromTensors(decodeSafetensors(bytes, { name }), { name });
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
          "of the network that it describes",
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
