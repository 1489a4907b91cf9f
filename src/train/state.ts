/**
 * The state of a training as named tensors and back, so that it can be saved and resumed to the same bytes.
 *
 * @module
 */

import { DataError } from "../errors.ts";
import type { Evaluation, MetricRow } from "../model/metrics.ts";
import type { DecodeOptions, Safetensors, Tensor } from "../model/safetensors.ts";
import type { FoundRows } from "./rows.ts";

/** The state of a training, from which it resumes to the same bytes and the same rows. */
export interface TrainingState {
  /** Updates made. */
  readonly step: number;
  /** Whether this step has a row whose evaluation has not started. */
  readonly rowDue: boolean;
  /** Rows that were computed but not yet yielded, the oldest first. */
  readonly pending: readonly FoundRows[];
  /** Whether training ended early because all networks have diverged. */
  readonly ended: boolean;
  /** Flat parameter vectors, [networks][layout.count]. */
  readonly parameters: readonly Float32Array[];
  /** Moving averages of batch norm, [networks][layout.statisticCount]. */
  readonly statistics: readonly Float32Array[];
  /** The step at which each network diverged, or null, [networks]. */
  readonly diverged: readonly (number | null)[];
}

/** The name of the state's numbers in the metadata. */
const PROGRESS = "progress";

/**
 * Names the tensors of a state: `parameters` [networks, count] and `statistics` [networks, statisticCount], flat vectors as
 * on the GPU. The metadata holds the rest as JSON in `progress`.
 *
 * @param state The state, from `Training.state`.
 * @returns Tensors and metadata, to be encoded by `encodeSafetensors`.
 *
 * @example A state before the first step
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { stateFromTensors, stateTensors } from "./state.ts";
 *
 * const state = {
 *   step: 0,
 *   rowDue: true,
 *   pending: [],
 *   ended: false,
 *   parameters: [new Float32Array([1, 2])],
 *   statistics: [new Float32Array()],
 *   diverged: [null],
 * };
 *
 * assertEquals(stateFromTensors(stateTensors(state), { name: "x" }), state);
 * ```
 */
export function stateTensors(state: TrainingState): Safetensors {
  const { step, rowDue, ended, diverged, pending } = state;
  const progress = { step, rowDue, ended, diverged, pending: pending.map(packRows) };
  return {
    tensors: new Map([
      ["parameters", stack(state.parameters)],
      ["statistics", stack(state.statistics)],
    ]),
    metadata: { [PROGRESS]: JSON.stringify(progress) },
  };
}

/**
 * Restores a state from its tensors.
 *
 * @param file Tensors and metadata, from `decodeSafetensors`.
 * @param options The name of the file.
 * @returns The state, for `Training.restore`.
 * @throws {DataError} If a tensor is missing or the metadata is not that of a state; the message names the file.
 */
export function stateFromTensors(file: Safetensors, options: DecodeOptions): TrainingState {
  const { name } = options;
  const { step, rowDue, ended, diverged, pending } = progressOf(file, name);
  const [parameters, statistics] = ["parameters", "statistics"].map((tensor) =>
    unstack(file.tensors.get(tensor), diverged.length, { name, tensor })
  );
  return { step, rowDue, ended, diverged, pending, parameters, statistics };
}

function stack(vectors: readonly Float32Array[]): Tensor {
  const length = vectors[0]?.length ?? 0;
  const data = new Float32Array(vectors.length * length);
  vectors.forEach((vector, i) => data.set(vector, i * length));
  return { shape: [vectors.length, length], data };
}

function unstack(
  tensor: Tensor | undefined,
  networks: number,
  { name, tensor: of }: { name: string; tensor: string },
): Float32Array[] {
  if (tensor?.shape.length !== 2 || tensor.shape[0] !== networks) {
    throw new DataError(
      `Cannot read ${name}: tensor ${of} is ${
        tensor ? `of shape [${tensor.shape}]` : "missing"
      }, ` +
        `expected a vector for each of ${networks} networks`,
    );
  }
  const [, length] = tensor.shape;
  return Array.from(
    { length: networks },
    (_, n) => tensor.data.slice(n * length, (n + 1) * length),
  );
}

type Progress = Omit<TrainingState, "parameters" | "statistics">;

function progressOf({ metadata }: Safetensors, name: string): Progress {
  try {
    const { step, rowDue, ended, diverged, pending } = JSON.parse(metadata[PROGRESS]);
    const fits = Number.isSafeInteger(step) && typeof rowDue === "boolean" &&
      typeof ended === "boolean" && isSteps(diverged) && Array.isArray(pending);
    if (fits) return { step, rowDue, ended, diverged, pending: pending.map(unpackRows) };
  } catch {
    // Reported below: the parser's own error adds nothing.
  }
  throw new DataError(
    `Cannot read ${name}: ${PROGRESS} of its metadata is not the progress of a training`,
  );
}

function isSteps(value: unknown): value is (number | null)[] {
  return Array.isArray(value) &&
    value.every((step) => step === null || Number.isSafeInteger(step));
}

/** Rows as JSON can hold them: it has neither NaN nor infinity, which texts have. */
function packRows({ rows, diverged }: FoundRows): unknown {
  const numbers = ({ step, epoch, eta, training, validation }: MetricRow) => [
    ...[step, epoch, eta],
    ...[training, validation].flatMap(({ loss, cost, accuracy }) => [loss, cost, accuracy]),
  ];
  const packed = rows.map((row) =>
    numbers(row).map((number) => number === null || Number.isFinite(number) ? number : `${number}`)
  );
  return { rows: packed, diverged };
}

function unpackRows(packed: { rows?: unknown; diverged?: unknown }): FoundRows {
  const { rows, diverged } = packed;
  if (!Array.isArray(rows) || !isSteps(diverged)) throw new TypeError("not packed rows");
  return { rows: rows.map(unpackRow), diverged };
}

function unpackRow(values: unknown): MetricRow {
  if (!Array.isArray(values) || values.length !== 9) throw new TypeError("not a packed row");
  const [step, epoch, eta, ...rest] = values.map((value) => value === null ? null : Number(value));
  const [training, validation] = [rest.slice(0, 3), rest.slice(3)].map(([loss, cost, accuracy]) =>
    ({ loss, cost, accuracy }) as Evaluation
  );
  return { step: step!, epoch: epoch!, eta, training, validation };
}
