/**
 * The metadata of a trained network's file: free text by name, each a JSON value.
 *
 * @module
 */

import { ArgumentError, DataError, shown } from "../errors.ts";
import { type Architecture, BATCH_NORM_EPSILON, layout } from "./network.ts";
import type { Tensor } from "./safetensors.ts";
import type { TrainedNetwork } from "./trained_network.ts";
import { VERSION } from "./version.ts";

/** What the metadata says of a network, and whether it is there at all. */
interface Description
  extends Pick<TrainedNetwork, "architecture" | "input" | "step" | "settings" | "version"> {
  readonly described: boolean;
  readonly classNames: readonly string[] | undefined;
}

/** What the metadata of every network has; a file with none of them may still be one of PyTorch's. */
const ARCHITECTURE = ["inputs", "hidden", "classes", "batch_norm", "epsilon"] as const;

/** Describes a network; what it does not have is left out. */
export function encodeDescription(network: TrainedNetwork): Record<string, string> {
  const { inputs, hidden, classes, batchNorm } = network.architecture;
  const { input, classNames, step, settings, version = VERSION } = network;
  const values = {
    ...{ inputs, hidden, classes, batch_norm: batchNorm, epsilon: BATCH_NORM_EPSILON },
    ...{ input, class_names: classNames, package_version: version, step, settings },
  };
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) metadata[name] = toJson(name, value);
  }
  return metadata;
}

function toJson(name: string, value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new ArgumentError(
      `Cannot encode the network: its ${name} have no JSON (${(error as Error).message}), ` +
        "expected values that JSON has",
    );
  }
}

/**
 * Reads what the metadata says of a network. Without any of {@linkcode ARCHITECTURE}, the shapes of the tensors say it:
 * layer after layer, `layers.i.weight` is [out, in], and there is batch norm where there is `norms.0.weight`.
 */
export function decodeDescription(
  file: {
    readonly metadata: Readonly<Record<string, string>>;
    readonly tensors: ReadonlyMap<string, Tensor>;
  },
  name: string,
): Description {
  const { metadata, tensors } = file;
  const described = ARCHITECTURE.some((key) => Object.hasOwn(metadata, key));
  const architecture = described
    ? architectureOf(metadata, name)
    : architectureOfShapes(tensors, name);
  const { classes } = architecture;
  const read = <Type>(key: string, { fits, expected }: Field<Type>): Type | undefined => {
    if (!Object.hasOwn(metadata, key)) return undefined;
    const value = parseMetadata(metadata, key, name);
    if (fits(value)) return value;
    throw new DataError(
      `Cannot read a network from ${name}: ${key} of its metadata is ${shown(metadata[key])}, ` +
        `expected ${expected}`,
    );
  };
  const step = read("step", STEP);
  const settings = read("settings", SETTINGS);
  const version = read("package_version", PACKAGE_VERSION);
  return {
    described,
    architecture,
    input: read("input", INPUT) ?? "bytes",
    classNames: read("class_names", classNamesOf(classes)),
    ...step !== undefined && { step },
    ...settings !== undefined && { settings },
    ...version !== undefined && { version },
  };
}

/** A value of the metadata that older files lack. */
interface Field<Type> {
  readonly fits: (value: unknown) => value is Type;
  readonly expected: string;
}

const INPUT: Field<TrainedNetwork["input"]> = {
  fits: (value) => value === "bytes" || value === "floats",
  expected: '"bytes" or "floats"',
};

const STEP: Field<number> = {
  fits: (value): value is number => Number.isSafeInteger(value) && value as number >= 0,
  expected: "a whole number from 0",
};

const SETTINGS: Field<Record<string, unknown>> = {
  fits: (value): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value),
  expected: "an object",
};

const PACKAGE_VERSION: Field<string> = {
  fits: (value) => typeof value === "string",
  expected: "a text",
};

function classNamesOf(classes: number): Field<string[]> {
  return {
    fits: (value): value is string[] =>
      Array.isArray(value) && value.length === classes &&
      value.every((name) => typeof name === "string"),
    expected: `a list of ${classes} texts`,
  };
}

function architectureOf(metadata: Readonly<Record<string, string>>, file: string): Architecture {
  const [inputs, hidden, classes, batchNorm, epsilon] = ARCHITECTURE.map((name) =>
    parseMetadata(metadata, name, file)
  );
  const fits = typeof inputs === "number" && typeof classes === "number" &&
    Array.isArray(hidden) && hidden.every((width) => typeof width === "number") &&
    typeof batchNorm === "boolean" && epsilon === BATCH_NORM_EPSILON;
  const text = JSON.stringify(metadata, [...ARCHITECTURE]);
  if (!fits) {
    throw new DataError(
      `Cannot read a network from ${file}: its metadata is ${text}, expected numbers inputs and ` +
        `classes, a list of numbers hidden, batch_norm true or false, and epsilon ${BATCH_NORM_EPSILON}`,
    );
  }
  return checked({ inputs, hidden, classes, batchNorm }, `its metadata is ${text}`, file);
}

function architectureOfShapes(tensors: ReadonlyMap<string, Tensor>, file: string): Architecture {
  const widths: number[] = [];
  for (let i = 0; tensors.has(`layers.${i}.weight`); i++) {
    const { shape } = tensors.get(`layers.${i}.weight`)!;
    if (shape.length !== 2) {
      throw new DataError(
        `Cannot read a network from ${file}: tensor layers.${i}.weight is of shape [${shape}], ` +
          "expected [outputs, inputs]",
      );
    }
    if (i === 0) widths.push(shape[1]);
    widths.push(shape[0]);
  }
  if (widths.length === 0) {
    throw new DataError(
      `Cannot read a network from ${file}: it has neither metadata of a network nor the tensor ` +
        "layers.0.weight, expected one of them",
    );
  }
  const architecture = {
    inputs: widths[0],
    hidden: widths.slice(1, -1),
    classes: widths[widths.length - 1],
    batchNorm: tensors.has("norms.0.weight"),
  };
  return checked(architecture, `the shapes of its tensors say ${JSON.stringify(widths)}`, file);
}

function checked(architecture: Architecture, why: string, file: string): Architecture {
  try {
    layout(architecture);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new DataError(`Cannot read a network from ${file}: ${why}. ${error.message}`);
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
