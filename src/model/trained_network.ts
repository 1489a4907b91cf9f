/**
 * A trained network: all that is needed to classify records.
 *
 * @module
 */

import { ArgumentError, nameOf, shown } from "../errors.ts";
import { type Architecture, layout, type Parameter, type Statistic } from "./network.ts";

/** What records are made of: bytes, which mean value / 255, or numbers that are taken as they are. */
export type RecordKind = "bytes" | "floats";

/** Everything needed to classify records: the network, what standardises its inputs, and what its outputs mean. */
export interface TrainedNetwork {
  /** Layer sizes, and batch norm on or off. */
  readonly architecture: Architecture;
  /** The flat vector of parameters, [layout.count]. */
  readonly parameters: Float32Array;
  /** The flat vector of the running averages of batch norm, [layout.statisticCount]. */
  readonly statistics: Float32Array;
  /** Mean of the inputs, [inputs]; where they are bytes, of byte / 255. */
  readonly mean: Float32Array;
  /** Standard deviation of the inputs, [inputs]; where they are bytes, of byte / 255. */
  readonly std: Float32Array;
  /** What the records were that it was trained on. */
  readonly input: RecordKind;
  /** Names of the classes, [classes]. */
  readonly classNames: readonly string[];
  /** Updates that it was trained for. */
  readonly step?: number;
  /** How it was trained, as values that JSON has. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** The version of this package that it was trained with. */
  readonly version?: string;
}

/** The vectors of a network. */
export type Vector = "parameters" | "statistics" | "mean" | "std";

/** The lengths of the vectors of a network. */
export function lengthsOf(architecture: Architecture): Record<Vector, number> {
  const { count, statisticCount } = layout(architecture);
  const { inputs } = architecture;
  return { parameters: count, statistics: statisticCount, mean: inputs, std: inputs };
}

/** Names classes that have no names: "0", "1", …, [classes]. */
export function numberedClasses(classes: number): string[] {
  return Array.from({ length: classes }, (_, i) => String(i));
}

/**
 * Checks that the parts of a network fit together. Its values may be anything: a network that has diverged may be saved.
 *
 * @param network The network.
 * @param action What is to be done with it, as in "classify".
 * @throws {ArgumentError} If the architecture is not allowed, or a vector or the class names do not fit it.
 */
export function checkNetwork(network: TrainedNetwork, action: string): void {
  const { architecture, classNames, input, step } = checkObjects(network, action);
  for (const [name, expected] of Object.entries(lengthsOf(architecture))) {
    const { [name as Vector]: vector } = network;
    if (!(vector instanceof Float32Array)) {
      throw new ArgumentError(
        `Cannot ${action} the network: ${name} is ${nameOf(vector)}, expected a Float32Array`,
      );
    }
    const { length } = vector;
    if (length === expected) continue;
    throw new ArgumentError(
      `Cannot ${action} the network: ${name} has ${length} entries, expected ${expected}`,
    );
  }
  const { classes } = architecture;
  const named = classNames.length === classes &&
    [...classNames].every((name) => typeof name === "string");
  if (!named) {
    throw new ArgumentError(
      `Cannot ${action} the network: it has ${classNames.length} class names, ` +
        `expected ${classes} texts, one for each class`,
    );
  }
  if (input !== "bytes" && input !== "floats") {
    throw new ArgumentError(
      `Cannot ${action} the network: input is ${shown(input)}, expected "bytes" or "floats"`,
    );
  }
  if (step !== undefined && !(Number.isSafeInteger(step) && step >= 0)) {
    throw new ArgumentError(
      `Cannot ${action} the network: step is ${shown(step)}, expected a whole number from 0`,
    );
  }
}

/** Checks what should be objects and a list: a promise that was not awaited is none of a network's parts. */
function checkObjects(network: TrainedNetwork, action: string): TrainedNetwork {
  if (!isObject(network) || !isObject(network.architecture)) {
    const given = isObject(network) && !(network instanceof Promise)
      ? `its architecture is ${nameOf(network.architecture)}`
      : `it is ${nameOf(network)}`;
    throw new ArgumentError(
      `Cannot ${action} the network: ${given}, expected a network of Training.network() or decodeNetwork()`,
    );
  }
  if (!Array.isArray(network.classNames)) {
    throw new ArgumentError(
      `Cannot ${action} the network: its class names are ${
        nameOf(network.classNames)
      }, expected an array of texts`,
    );
  }
  return network;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

/**
 * Checks that a network can classify: its parts fit together, all values are finite, no variance is below 0, and every
 * standard deviation is above 0.
 *
 * @param network The network.
 * @throws {ArgumentError} If it cannot; the sentence names the value at fault.
 */
export function checkUsable(network: TrainedNetwork): void {
  checkNetwork(network, "classify with");
  const { parameters, statistics } = layout(network.architecture);
  for (const place of parameters) checkFinite(place, network.parameters);
  for (const place of statistics) {
    checkFinite(place, network.statistics);
    const own = network.statistics.subarray(place.offset, place.offset + place.size);
    const wrong = place.kind === "variance" ? own.findIndex((value) => value < 0) : -1;
    if (wrong >= 0) refuse(`${place.name}[${wrong}]`, own[wrong], "at least 0");
  }
  const { length: size } = network.mean;
  checkFinite({ name: "mean", offset: 0, size }, network.mean);
  checkFinite({ name: "std", offset: 0, size }, network.std);
  const wrong = network.std.findIndex((value) => value <= 0);
  if (wrong >= 0) refuse(`std[${wrong}]`, network.std[wrong], "a number above 0");
}

function checkFinite(
  { name, offset, size }: Pick<Parameter | Statistic, "name" | "offset" | "size">,
  vector: Float32Array,
): void {
  for (let i = 0; i < size; i++) {
    const value = vector[offset + i];
    if (!Number.isFinite(value)) {
      refuse(`${name}[${i}]`, value, "a finite number, which a network that has diverged lacks");
    }
  }
}

function refuse(what: string, value: number, expected: string): never {
  throw new ArgumentError(
    `Cannot classify with the network: ${what} is ${value}, expected ${expected}`,
  );
}
