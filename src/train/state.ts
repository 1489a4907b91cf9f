/**
 * The state of a training as named tensors and back, so that it can be saved and resumed to the same bytes.
 *
 * @module
 */

import { ArgumentError, DataError, nameOf } from "../errors.ts";
import type { Evaluation, MetricRow } from "../model/metrics.ts";
import type { Layout } from "../model/network.ts";
import {
  type DecodeOptions,
  decodeSafetensors,
  encodeSafetensors,
  type Safetensors,
  type Tensor,
} from "../model/safetensors.ts";
import type { StoppingState } from "./early_stopping.ts";
import type { TrainingOrigin } from "./origin.ts";
import type { FoundRows } from "./rows.ts";
import type { NetworkVectors } from "./snapshots.ts";

/** The state of a training, from which it resumes to the same bytes and the same rows. */
export interface TrainingState extends NetworkVectors {
  /** Updates made. */
  readonly step: number;
  /** Whether this step has a row whose evaluation has not started. */
  readonly rowDue: boolean;
  /** Rows that were computed but not yet yielded, the oldest first. */
  readonly pending: readonly FoundRows[];
  /** Whether training ended early, because all networks have diverged or are out of patience. */
  readonly ended: boolean;
  /** The step at which each network diverged, or null, [networks]. */
  readonly diverged: readonly (number | null)[];
  /** What early stopping has found; left out without `stopAfter`. */
  readonly stopping?: StoppingState;
  /** What the training is made from: it resumes with the same only. Without it nothing is compared. */
  readonly origin?: TrainingOrigin;
}

/** The name of the state's numbers in the metadata. */
const PROGRESS = "progress";

/**
 * Encodes the state of a training as a safetensors file.
 *
 * @param state The state, from `Training.state`.
 * @returns The bytes of the file, for `Training.resume`.
 * @throws {ArgumentError} If it is not a state.
 *
 * @example A state before the first step
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decodeState, encodeState } from "@headless/mlp";
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
 * assertEquals(decodeState(encodeState(state)), state);
 * ```
 */
export function encodeState(state: TrainingState): Uint8Array<ArrayBuffer> {
  if (!isState(state)) {
    throw new ArgumentError(
      `Cannot encode the state: it is ${nameOf(state)}, expected one of Training.state() as it was`,
    );
  }
  const { tensors, metadata } = stateTensors(state);
  return encodeSafetensors(tensors, metadata);
}

/**
 * Decodes the state of a training.
 *
 * @param bytes The bytes of a file, from {@linkcode encodeState}.
 * @param options The name of the file, for the sentences of errors.
 * @returns The state, for `Training.restore`.
 * @throws {DataError} If the bytes are not those of a state; the message names the file.
 *
 * @example A file that is not a state
 * ```ts
 * import { assertThrows } from "@std/assert";
 * import { DataError, decodeState } from "@headless/mlp";
 *
 * assertThrows(
 *   () => decodeState(new Uint8Array(8), { name: "training.safetensors" }),
 *   DataError,
 *   "Cannot read training.safetensors",
 * );
 * ```
 */
export function decodeState(
  bytes: Uint8Array,
  options: Partial<DecodeOptions> = {},
): TrainingState {
  const { name = "the state of the training" } = options ?? {};
  if (!(bytes instanceof Uint8Array)) {
    throw new DataError(`Cannot read ${name}: it is ${nameOf(bytes)}, expected a Uint8Array`);
  }
  return stateFromTensors(decodeSafetensors(bytes, { name }), { name });
}

/**
 * Names the tensors of a state: `parameters` [networks, count] and `statistics` [networks, statisticCount], flat vectors as
 * on the GPU. With early stopping also `best.parameters` and `best.statistics`, and those of pending rows from
 * `pending.0.parameters` on. The metadata holds the rest as JSON in `progress`.
 *
 * @param state The state, from `Training.state`.
 * @returns Tensors and metadata, to be encoded by `encodeSafetensors`.
 */
export function stateTensors(state: TrainingState): Safetensors {
  const { step, rowDue, ended, diverged, pending, stopping, origin } = state;
  const progress = {
    ...{ step, rowDue, ended, diverged, pending: pending.map(packRows) },
    ...stopping && { best: stopping.best.map((row) => row && packRow(row)) },
    ...stopping && { waited: stopping.waited },
    ...origin && { origin },
  };
  const kept = stopping ? stoppingNames(pending.length) : [];
  return {
    tensors: new Map([
      ...vectorTensors(state, ""),
      ...kept.flatMap((name, i) => vectorTensors([stopping!.kept, ...stopping!.pending][i], name)),
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
  const { best, waited, ...progress } = progressOf(file, name);
  const networks = progress.diverged.length;
  const vectors = vectorsFrom(file, "", { name, networks });
  if (best === undefined || waited === undefined) return { ...progress, ...vectors };
  const [kept, ...pending] = stoppingNames(progress.pending.length).map((of) =>
    vectorsFrom(file, of, { name, networks })
  );
  return { ...progress, ...vectors, stopping: { best, waited, kept, pending } };
}

/** What a training accepts. */
interface StateRule {
  readonly networks: number;
  readonly layout: Pick<Layout, "count" | "statisticCount">;
  readonly steps: number;
  /** Whether it stops early. */
  readonly stops: boolean;
  readonly maxPending: number;
}

/**
 * Checks that a state is one of such a training.
 *
 * @throws {ArgumentError} If it is not.
 */
export function checkState(state: TrainingState, rule: StateRule): void {
  const { networks, layout: { count }, steps, stops } = rule;
  if (fits(state, rule)) return;
  const with_ = stops ? "with" : "without";
  throw new ArgumentError(
    `Cannot restore the training: the state is not one of ${networks} networks of ${count} parameters ` +
      `and at most ${steps} steps, ${with_} early stopping`,
  );
}

function fits(state: TrainingState, rule: StateRule): boolean {
  const { networks, steps, stops, maxPending } = rule;
  if (!isState(state)) return false;
  const { step, pending, diverged, stopping } = state;
  const ofEach: (readonly unknown[])[] = [
    diverged,
    ...pending.flatMap((found) => [found.rows, found.diverged]),
  ];
  if (stopping) ofEach.push(stopping.best, stopping.waited);
  const snapshots = stopping ? [stopping.kept, ...stopping.pending] : [];
  return pending.length <= maxPending && step <= steps &&
    ofEach.every((list) => list.length === networks) &&
    [state, ...snapshots].every((vectors) => vectorsFit(vectors, rule)) &&
    (stopping !== undefined) === stops;
}

/** Whether a value has all that a state has, each of the right type: a part of another would be restored half. */
function isState(value: unknown): value is TrainingState {
  if (!isObject(value) || !areVectors(value)) return false;
  if (!isProgress(value)) return false;
  const { pending, stopping } = value;
  return pending.every(areFoundRows) &&
    (stopping === undefined || isStopping(stopping, pending.length));
}

/** Whether a value has what a state has beside vectors; its pending rows may be packed. */
function isProgress(value: Record<string, unknown>): value is PackedProgress {
  const { step, rowDue, ended, pending, diverged, origin } = value;
  return Number.isSafeInteger(step) && step as number >= 0 &&
    typeof rowDue === "boolean" && typeof ended === "boolean" && isSteps(diverged) &&
    Array.isArray(pending) && (origin === undefined || isTexts(origin));
}

function isStopping(value: unknown, pending: number): boolean {
  if (!isObject(value)) return false;
  const { best, waited, kept, pending: own } = value;
  return Array.isArray(best) && best.every((row) => row === null || isRow(row)) &&
    isSteps(waited) && !waited.includes(null) && areVectors(kept) &&
    Array.isArray(own) && own.length === pending && own.every(areVectors);
}

function areFoundRows(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { rows, diverged } = value;
  return Array.isArray(rows) && rows.every(isRow) && isSteps(diverged);
}

function isRow(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { step, epoch, eta, training, validation } = value;
  return [step, epoch, eta ?? 0].every((number) => typeof number === "number") &&
    [training, validation].every((evaluation) =>
      isObject(evaluation) &&
      ["loss", "cost", "accuracy"].every((name) => typeof evaluation[name] === "number")
    );
}

function areVectors(value: unknown): boolean {
  return isObject(value) &&
    [value.parameters, value.statistics].every((vectors) =>
      Array.isArray(vectors) && vectors.every((vector) => vector instanceof Float32Array)
    );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function vectorsFit(vectors: NetworkVectors, { networks, layout }: StateRule): boolean {
  const lengths = { parameters: layout.count, statistics: layout.statisticCount };
  return (["parameters", "statistics"] as const).every((name) => {
    const { [name]: own } = vectors;
    return own.length === networks && own.every((vector) => vector.length === lengths[name]);
  });
}

/** What the names of the tensors of early stopping begin with: those of the best rows first. */
function stoppingNames(pending: number): string[] {
  return ["best.", ...Array.from({ length: pending }, (_, i) => `pending.${i}.`)];
}

function vectorTensors(vectors: NetworkVectors, of: string): [string, Tensor][] {
  return [
    [`${of}parameters`, stack(vectors.parameters)],
    [`${of}statistics`, stack(vectors.statistics)],
  ];
}

function vectorsFrom(
  file: Safetensors,
  of: string,
  { name, networks }: { name: string; networks: number },
): NetworkVectors {
  const [parameters, statistics] = ["parameters", "statistics"].map((vector) => {
    const tensor = `${of}${vector}`;
    return unstack(file.tensors.get(tensor), networks, { name, tensor });
  });
  return { parameters, statistics };
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

type PackedProgress = Omit<Progress, "pending"> & {
  readonly pending: readonly unknown[];
  readonly stopping?: unknown;
};

type Progress =
  & Omit<TrainingState, "parameters" | "statistics" | "stopping">
  & Partial<Pick<StoppingState, "best" | "waited">>;

function progressOf({ metadata }: Safetensors, name: string): Progress {
  try {
    const parsed = JSON.parse(metadata[PROGRESS]);
    const { step, rowDue, ended, diverged, pending, best, waited, origin } = parsed;
    if (
      isProgress(parsed) &&
      (best === undefined || Array.isArray(best) && isSteps(waited) && !waited.includes(null))
    ) {
      return {
        ...{ step, rowDue, ended, diverged, pending: pending.map(unpackRows) },
        ...best && { best: best.map((row: unknown) => row === null ? null : unpackRow(row)) },
        ...best && { waited },
        ...origin && { origin },
      };
    }
  } catch {
    // Reported below: the parser's own error adds nothing.
  }
  throw new DataError(
    `Cannot read ${name}: ${PROGRESS} of its metadata is not the progress of a training`,
  );
}

function isTexts(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((text) => typeof text === "string");
}

function isSteps(value: unknown): value is (number | null)[] {
  return Array.isArray(value) &&
    value.every((step) => step === null || Number.isSafeInteger(step) && step >= 0);
}

function packRows({ rows, diverged }: FoundRows): unknown {
  return { rows: rows.map(packRow), diverged };
}

/** A row as JSON can hold it: it has neither NaN nor infinity, which texts have. */
function packRow({ step, epoch, eta, training, validation }: MetricRow): unknown {
  const numbers = [
    ...[step, epoch, eta],
    ...[training, validation].flatMap(({ loss, cost, accuracy }) => [loss, cost, accuracy]),
  ];
  return numbers.map((number) => number === null || Number.isFinite(number) ? number : `${number}`);
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
