/**
 * `checkpoint.safetensors`: all that a training needs to be resumed after its process was stopped or killed, to the same bytes
 * as without a break.
 */
import { createHash } from "node:crypto";
import { join } from "@std/path";
import { ArgumentError, DataError } from "../../src/errors.ts";
import { decodeSafetensors, encodeSafetensors, type Tensor } from "../../src/model/safetensors.ts";
import { CONFIG_JSON, type RunConfig } from "../../src/records/config.ts";
import { stateFromTensors, stateTensors } from "../../src/train/state.ts";
import type { Training, TrainingState } from "../../src/train/training.ts";
import type { TaskContext } from "../_kit/context.ts";
import { warn, writeEvent } from "../_kit/events.ts";
import { readIfThere, statIfThere } from "../_kit/files.ts";
import { explainSystem } from "../_kit/main.ts";
import { CHECKPOINT, type Results } from "../_kit/results.ts";
import { sha256 } from "../_kit/sha256.ts";

/** What is finished and does not change any more: the contents of CSV and JSON files by a name. */
export type Texts = Readonly<Record<string, string>>;

/** What a run had done when it was interrupted. */
export interface Kept {
  readonly texts: Texts;
  /** The training that was under way; undefined between two trainings. */
  readonly state?: TrainingState;
}

export interface CheckpointOptions {
  readonly context: TaskContext;
  readonly json: boolean;
  /** Minimum time between two checkpoints, in seconds. */
  readonly checkpointEvery: number;
  /** A clock in milliseconds, for tests. */
  readonly now?: () => number;
}

/** Checkpoints take at most this share of the time. */
const MAX_SHARE = 0.01;

/** What the file has in place of its own digest while that is computed. */
const NO_DIGEST = "0".repeat(64);

/** Where the digest is in the file: the metadata come first, and it is the first of them. */
const DIGEST_AT = 8 + '{"__metadata__":{"sha256":"'.length;

/** The checkpoints of one run. */
export class Checkpoints {
  readonly #results: Results;
  readonly #options: CheckpointOptions;
  readonly #now: () => number;
  /** When the last one was written, and how long that took. */
  #last: number;
  #took = 0;

  constructor(results: Results, options: CheckpointOptions) {
    this.#results = results;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#last = this.#now();
  }

  /** Writes one, unless the last was written just now. */
  async ifDue(training: Training, texts: () => Texts): Promise<void> {
    const interval = Math.max(1000 * this.#options.checkpointEvery, this.#took / MAX_SHARE);
    if (this.#now() - this.#last >= interval) await this.write(texts(), training);
  }

  /** Writes one, with the state of the training that is under way. */
  async write(texts: Texts, training?: Training): Promise<void> {
    const began = this.#now();
    const state = await training?.state();
    const { config } = this.#results;
    await this.#results.write(CHECKPOINT, await encodeCheckpoint({ texts, state }, config));
    this.#last = this.#now();
    this.#took = this.#last - began;
  }

  /** Does a part of a training. If it is interrupted, writes a checkpoint and says so. */
  async keeping<T>(training: Training, texts: () => Texts, part: () => Promise<T>): Promise<T> {
    try {
      return await part();
    } catch (error) {
      const { context, json } = this.#options;
      if (!context.signal.aborted) throw error;
      const { step, steps } = training;
      const { directory } = this.#results;
      context.progress("");
      try {
        await this.write(texts(), training);
      } catch (failure) {
        // It was told to stop, and the same command resumes from the checkpoint before, as after a kill.
        const reason = failure instanceof Error ? explainSystem(failure) : String(failure);
        warn(context, `Cannot write a checkpoint, the one before is kept: ${reason}`, { json });
        throw error;
      }
      context.stderr(`Checkpoint at step ${step} of ${steps}: ${join(directory, CHECKPOINT)}`);
      if (json) writeEvent(context, "checkpoint", { step, steps, out: directory });
      throw error;
    }
  }

  /** Says that a training was resumed. Event: `resumed` with `run`, `step` and `steps`. */
  sayResumed(run: string, { step, steps }: Pick<Training, "step" | "steps">): void {
    const { context, json } = this.#options;
    context.stderr(`${run}: resumed from the checkpoint at step ${step} of ${steps}`);
    if (json) writeEvent(context, "resumed", { run, step, steps });
  }
}

/**
 * Reads what an interrupted run has left; undefined where it has left nothing, or is to be replaced.
 *
 * @throws {ArgumentError} When another adapter, variant or version has written it: the bytes would not be the same.
 * @throws {DataError} When it is damaged.
 */
export async function readCheckpoint(
  { directory, config, resumable }: Pick<Results, "directory" | "config" | "resumable">,
): Promise<Kept | undefined> {
  if (!resumable) return undefined;
  const name = join(directory, CHECKPOINT);
  // Before all of it is read: a damaged file may be of any size.
  if ((await statIfThere(name))?.isFile) {
    using file = await Deno.open(name);
    await checkDigest(file.readable, name);
  }
  const bytes = await readIfThere(name);
  return bytes && decode(bytes, { name, config });
}

/** Encodes a checkpoint, with its digest. */
export async function encodeCheckpoint(
  { texts, state }: Kept,
  config: RunConfig,
): Promise<Uint8Array<ArrayBuffer>> {
  const { tensors, metadata } = state === undefined
    ? { tensors: new Map<string, Tensor>(), metadata: {} }
    : stateTensors(state);
  const bytes = encodeSafetensors(tensors, {
    sha256: NO_DIGEST,
    origin: JSON.stringify(originOf(config)),
    texts: JSON.stringify(texts),
    ...metadata,
  });
  bytes.set(new TextEncoder().encode(await sha256(bytes)), DIGEST_AT);
  return bytes;
}

/** Decodes a checkpoint for a run with this configuration. */
export async function decodeCheckpoint(
  bytes: Uint8Array<ArrayBuffer>,
  options: { readonly name: string; readonly config: RunConfig },
): Promise<Kept> {
  await checkDigest([bytes], options.name);
  return decode(bytes, options);
}

function decode(
  bytes: Uint8Array<ArrayBuffer>,
  { name, config }: { readonly name: string; readonly config: RunConfig },
): Kept {
  try {
    const file = decodeSafetensors(bytes, { name });
    const { origin, texts, progress } = file.metadata;
    checkOrigin(JSON.parse(origin), originOf(config), name);
    const state = progress === undefined ? undefined : stateFromTensors(file, { name });
    return { texts: JSON.parse(texts), ...state && { state } };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`${error.message}; ${ANEW}`);
  }
}

/** What a damaged checkpoint costs. */
const ANEW = "without this file its run starts anew";

/** Refuses a damaged file, given in pieces, the first of which holds its digest. */
async function checkDigest(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  name: string,
): Promise<void> {
  const hash = createHash("sha256");
  let digest: string | undefined;
  for await (const piece of pieces) {
    if (digest !== undefined) {
      hash.update(piece);
      continue;
    }
    const end = DIGEST_AT + NO_DIGEST.length;
    digest = new TextDecoder().decode(piece.subarray(DIGEST_AT, end));
    hash.update(piece.subarray(0, DIGEST_AT)).update(NO_DIGEST).update(piece.subarray(end));
  }
  if (hash.digest("hex") === digest) return;
  throw new DataError(`Cannot read ${name}: its digest does not match its content; ${ANEW}`);
}

/** What decides the bytes of the results. */
type Origin = Readonly<Record<string, unknown>>;

function originOf(config: RunConfig): Origin {
  const { task, madeWith } = config;
  const { settings } = CONFIG_JSON.fields(config);
  return {
    task,
    settings: JSON.stringify(settings),
    adapter: madeWith.adapter,
    // WebGPU does not tell the version of the driver.
    "adapter's vendor": madeWith.vendor,
    "kernel variant": madeWith.variant,
    "version of this package": madeWith.packageVersion,
    "version of Deno": madeWith.denoVersion,
  };
}

function checkOrigin(there: Origin, here: Origin, name: string): void {
  for (const [what, value] of Object.entries(here)) {
    if (there[what] === value) continue;
    const values = what === "settings" ? "" : ` (${there[what]} there, ${value} here)`;
    throw new ArgumentError(
      `Cannot resume from ${name}: the ${what} differ${what === "settings" ? "" : "s"}${values}, ` +
        "so the results would differ; expected the same, or no such file, to start anew",
    );
  }
}
