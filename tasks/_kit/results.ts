/** The directory of a run: what is there already, and whether it may be replaced. */
import { join } from "@std/path";
import type { DataSet } from "../../src/data/dataset.ts";
import { ArgumentError, DataError } from "../../src/errors.ts";
import type { AdapterSummary } from "../../src/gpu/device.ts";
import { CONFIG_JSON, type RunConfig, type Setting } from "../../src/records/config.ts";
import type { JsonFile } from "../../src/records/json.ts";
import { snakeCase, type TextFormat } from "../../src/records/names.ts";
import { vendorName } from "./adapter.ts";
import type { TaskContext } from "./context.ts";
import { writeEvent } from "./events.ts";
import { changedFiles, type Digests, FINISHED, readFinished, writeFinished } from "./finished.ts";
import {
  inOut,
  readText,
  readTextIfThere,
  removeIfThere,
  removeTemporaries,
  writeFileDurably,
} from "./files.ts";
import { TaskError } from "./main.ts";
import { CYCLE_OPTIONS, type LengthOptions } from "./length.ts";
import type {
  AnyValues,
  CommonOptions,
  FIND_LR_OPTION,
  PROFILE_OPTION,
  RESUME_OPTIONS,
  TrainingOptions,
} from "./options.ts";
import { sha256 } from "./sha256.ts";
import { DENO_VERSION, PACKAGE_VERSION } from "./version.ts";

/** The file that says how the results beside it were made. */
const CONFIG = "config.json";

/** The file that says how a run ended. */
const SUMMARY = "summary.json";

/** The file that an interrupted run resumes from; finished results have none. */
export const CHECKPOINT = "checkpoint.safetensors";

interface RunCircumstances {
  readonly task: string;
  readonly dataset: Pick<DataSet, "name" | "sha256">;
  readonly adapter: AdapterSummary;
  /** The kernel variant, whether asked for or chosen. */
  readonly variant: string;
}

export interface ResultsOptions {
  /** The files of a run apart from those that every run has; nothing else is ever written. */
  readonly files: readonly string[];
  /** Those that can be redrawn from the others: results are finished without them. */
  readonly figures?: readonly string[];
  /** Names of files that a run with other settings may have left; they are removed with those of the run. */
  readonly otherFiles?: RegExp;
  /** Settings in which existing results may differ: they are then replaced. */
  readonly mayDiffer?: readonly string[];
  /** Whether existing results may be replaced. */
  readonly force?: boolean;
}

/** Options that came later: at these values they are no settings, so that older results have the same ones. */
const LEFT_OUT: ReadonlyMap<string, unknown> = new Map(Object.entries(
  {
    epochs: undefined,
    learningRate: undefined,
    earlyStop: undefined,
    keep: "last",
    label: undefined,
  } satisfies Partial<LengthOptions & Pick<CommonOptions, "label">>,
));

/** Settings without meaning beside one that takes their place. */
const REPLACED: ReadonlyMap<string, readonly string[]> = new Map(Object.entries(
  { epochs: ["cycles"], learningRate: CYCLE_OPTIONS } satisfies {
    readonly [Name in keyof LengthOptions]?: readonly (keyof TrainingOptions)[];
  },
));

/** Options that say where to read, write and print, rather than what to compute. */
const NOT_SETTINGS: ReadonlySet<string> = new Set(
  [
    "help",
    "out",
    "data",
    "force",
    "json",
    "requireGpu",
    "profile",
    "checkpointEvery",
    "retryLost",
    "findLr",
  ] satisfies (
    | keyof CommonOptions
    | keyof typeof FIND_LR_OPTION
    | keyof typeof PROFILE_OPTION
    | keyof typeof RESUME_OPTIONS
  )[],
);

/**
 * Makes the `config.json` of a run.
 *
 * The settings are the task's options, the name and digest of the data set, and the variant as asked for (null where the
 * program chose it: it may choose another next time). The location of the data, versions, adapter and the variant that
 * is used stand beside them.
 */
export function runConfig(
  options: Pick<CommonOptions, "data"> & AnyValues,
  circumstances: RunCircumstances,
): RunConfig {
  const { task, dataset, adapter, variant } = circumstances;
  const settings: { [name: string]: Setting } = {};
  for (const [name, value] of Object.entries(options)) {
    const isDefault = LEFT_OUT.has(name) && LEFT_OUT.get(name) === value;
    if (!NOT_SETTINGS.has(name) && !isDefault) settings[name] = (value ?? null) as Setting;
  }
  for (const name of Object.keys(settings)) {
    for (const replaced of REPLACED.get(name) ?? []) delete settings[replaced];
  }
  const config: RunConfig = {
    task,
    settings: { ...settings, data: dataset.name, dataSha256: dataset.sha256 },
    madeWith: {
      packageVersion: PACKAGE_VERSION,
      denoVersion: DENO_VERSION,
      adapter: adapter.description,
      vendor: vendorName(adapter.vendor),
      software: adapter.software,
      variant,
      dataOption: options.data ?? null,
    },
  };
  // As it will be read back, so that both can be compared.
  return CONFIG_JSON.decode(CONFIG_JSON.encode(config), { name: CONFIG });
}

/**
 * Looks at the directory of a run without touching it.
 *
 * A directory that is missing or holds only files with other names is new. Results of the same settings are finished or,
 * after an interrupted run, unfinished, and so are results that differ only in settings in which they may.
 *
 * @throws {TaskError} When finished results were changed since; the message names the files.
 * @throws {ArgumentError} When it holds results of other settings without `force`, or files of the same names that this
 * program did not write, or is not a directory.
 */
export async function openResults(
  directory: string,
  config: RunConfig,
  options: ResultsOptions,
): Promise<Results> {
  const { files, figures = [], otherFiles, mayDiffer = [], force = false } = options;
  const seen = await readConfigText(directory);
  const present = await list(directory);
  const others = [...present.keys()].filter((name) => otherFiles?.test(name));
  const ours = [...new Set([CONFIG, FINISHED, CHECKPOINT, ...files, ...others])].filter((name) =>
    present.has(name)
  );
  let state: ResultsState = "new";
  let resumable = false;
  let digests: Digests | undefined;
  /** A folder of that name is in the way, but is not a result. */
  const isFile = (name: string) => present.get(name)?.isDirectory === false;
  if (ours.length > 0) {
    const before = decodeConfig(seen);
    if (before === undefined) {
      throw new ArgumentError(
        `--out ${directory} holds ${
          ours.join(", ")
        } without the ${CONFIG} that this program writes: ` +
          "expected another directory, or one without these files",
      );
    }
    const differences = compare(before, config);
    const refused = differences.filter(({ name }) => !mayDiffer.includes(name));
    if (refused.length > 0 && !force) {
      throw new ArgumentError(
        `--out ${directory} holds results of other settings (${
          refused.map(({ text }) => text).join("; ")
        }): ` +
          "expected another directory, or --force to replace them",
      );
    }
    const same = !force && differences.length === 0;
    digests = same ? await readUnchanged(directory, figures) : undefined;
    state = digests ? "finished" : "unfinished";
    resumable = state === "unfinished" && same;
  }
  // One that is not among the digests was written just before its process was killed.
  const undrawn = figures.filter((name) => digests && !(isFile(name) && name in digests));
  return new Results(directory, { ...options, config, state, resumable, undrawn, digests, seen });
}

/** What the files of finished results are, all but figures checked for being what was written. */
async function readUnchanged(
  directory: string,
  figures: readonly string[],
): Promise<Digests | undefined> {
  const changes: string[] = [];
  let digests: Digests | undefined;
  try {
    digests = await readFinished(directory);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    changes.push(`${FINISHED} is not what was written`);
  }
  for (const { name, missing } of await changedFiles(directory, digests ?? {})) {
    if (figures.includes(name)) {
      // Drawn again: it was removed, or a process was killed between the figure and its digest.
      const { [name]: _, ...others } = digests!;
      digests = others;
      continue;
    }
    changes.push(`${name} is ${missing ? "missing" : "not what was written"}`);
  }
  if (changes.length === 0) return digests;
  throw new TaskError(
    `--out ${directory} holds finished results that were changed since (${changes.join("; ")}): ` +
      "expected the files as they were, or --force to replace all of them",
  );
}

/** The kernel variant that results were begun with; undefined without results, or where they are of another adapter. */
export async function readVariant(
  directory: string,
  adapter: AdapterSummary,
): Promise<string | undefined> {
  const made = decodeConfig(await readConfigText(directory))?.madeWith;
  if (made?.adapter !== adapter.description || typeof made.variant !== "string") return undefined;
  return made.variant;
}

/**
 * Reads the `summary.json` of finished results.
 *
 * @throws {DataError} When the file is not what this program writes.
 */
export async function readSummary<Type>(directory: string, format: JsonFile<Type>): Promise<Type> {
  const name = join(directory, SUMMARY);
  try {
    return format.decode(await readText(name), { name });
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`${error.message}; --force runs again`);
  }
}

export function summaryEnd(
  { adapter: { description, software } }: { readonly adapter: AdapterSummary },
  quick: boolean,
): { adapter: string; software: boolean; quick?: true } {
  return { adapter: description, software, ...quick && { quick } };
}

/** Whether a directory holds none of a run's files, all of them, or those of an interrupted run. */
type ResultsState = "new" | "finished" | "unfinished";

/** The directory of one run. */
export class Results {
  readonly directory: string;
  readonly state: ResultsState;
  /** Whether an interrupted run may be resumed: its settings are the same. */
  readonly resumable: boolean;
  /** The figures that finished results lack, because drawing failed or was interrupted. */
  readonly undrawn: readonly string[];
  #config: RunConfig;
  readonly #files: ReadonlySet<string>;
  readonly #otherFiles: RegExp | undefined;
  /** What `config.json` was when the directory was opened, or last written here. */
  #seen: string | undefined;
  /** What was written, or what finished results consist of. */
  #digests: Record<string, string>;
  #finished: boolean;
  /** Settles when the marker says what was written so far. */
  #marked: Promise<void> = Promise.resolve();

  /** Use {@linkcode openResults}, which looks at the directory first. */
  constructor(
    directory: string,
    options: ResultsOptions & {
      config: RunConfig;
      state: ResultsState;
      resumable?: boolean;
      undrawn?: readonly string[];
      digests?: Digests;
      /** What `config.json` was when the directory was opened. */
      seen?: string;
    },
  ) {
    const { config, files, otherFiles, state, resumable = false, undrawn = [], digests } = options;
    this.#seen = options.seen;
    this.directory = directory;
    this.state = state;
    this.resumable = resumable;
    this.undrawn = undrawn;
    this.#config = config;
    this.#finished = digests !== undefined;
    this.#digests = { ...digests };
    // Removed first, so that what is half removed does not count as finished.
    this.#files = new Set([FINISHED, ...files, CHECKPOINT]);
    this.#otherFiles = otherFiles;
  }

  /** Reads one of the files of an earlier run; undefined where it is missing. */
  async read<Content>(
    file: string,
    format: Pick<TextFormat<Content>, "decode">,
  ): Promise<Content | undefined> {
    const name = join(this.directory, file);
    const text = await readTextIfThere(name);
    return text === undefined ? undefined : format.decode(text, { name });
  }

  get config(): RunConfig {
    return this.#config;
  }

  /** Sets the kernel variant that is used, where it is chosen after the directory was opened. */
  setVariant(variant: string): void {
    const { madeWith } = this.#config;
    this.#config = { ...this.#config, madeWith: { ...madeWith, variant } };
  }

  /** Creates the directory, removes the files of an earlier run, and writes `config.json`. */
  async start(): Promise<void> {
    await Deno.mkdir(this.directory, { recursive: true });
    await this.#checkSeen();
    // config.json stays, so that our files are never without it.
    await this.#removeFiles();
    await this.resume();
  }

  /** Removes the files of an earlier run, `config.json` included. */
  async clear(): Promise<void> {
    await this.#checkSeen();
    await this.#removeFiles();
    await removeIfThere(join(this.directory, CONFIG));
    this.#seen = undefined;
  }

  /** Refuses to touch what another task has written since the directory was opened, before it was locked. */
  async #checkSeen(): Promise<void> {
    const path = join(this.directory, CONFIG);
    if (await readTextIfThere(path) === this.#seen) return;
    throw new TaskError(
      `Cannot write into ${this.directory}: another task has changed its ${CONFIG} meanwhile, ` +
        "expected it as it was; run the same command again",
    );
  }

  async #removeFiles(): Promise<void> {
    this.#digests = {};
    this.#finished = false;
    for (const name of this.#files) await removeIfThere(join(this.directory, name));
    for (const name of (await list(this.directory)).keys()) {
      if (this.#otherFiles?.test(name)) await removeIfThere(join(this.directory, name));
    }
  }

  /** Keeps the files of an interrupted run with the same settings, and writes `config.json`. */
  async resume(): Promise<void> {
    await this.#checkSeen();
    await this.removeLeftovers();
    // Of a process that was killed before it could mark the results as whole.
    if (this.#files.has(SUMMARY)) await removeIfThere(join(this.directory, SUMMARY));
    await this.#write(CONFIG, CONFIG_JSON.encode(this.config));
  }

  #isOurs(name: string): boolean {
    return name === CONFIG || this.#files.has(name) || this.#otherFiles?.test(name) === true;
  }

  /** Writes one of the run's files durably. */
  async write(name: string, content: string | Uint8Array): Promise<void> {
    if (!this.#files.has(name)) throw new TypeError(`${name} is not among the run's files`);
    await this.#write(name, content);
    if (this.#finished) await this.#mark(); // A figure, drawn since.
  }

  async #write(name: string, content: string | Uint8Array): Promise<void> {
    await writeFileDurably(join(this.directory, name), content);
    if (name !== CHECKPOINT) this.#digests[name] = await sha256(content);
    if (name === CONFIG) this.#seen = content as string;
  }

  /** Marks the results as whole and removes the checkpoint, once everything but figures is written. */
  async finish(): Promise<void> {
    this.#finished = true;
    await this.#mark();
    await removeIfThere(join(this.directory, CHECKPOINT));
  }

  /** Writes the marker after those that are being written: several figures may be ready at once. */
  async #mark(): Promise<void> {
    this.#marked = this.#marked.catch(() => {})
      .then(() => writeFinished(this.directory, this.#digests));
    await this.#marked;
  }

  /** Removes the marker: whatever becomes of the files, the results no longer count as finished. */
  async unmark(): Promise<void> {
    this.#finished = false;
    await removeIfThere(join(this.directory, FINISHED));
  }

  /** Removes what killed processes have left: files half written, and the checkpoint of finished results. */
  async removeLeftovers(): Promise<void> {
    if (this.#finished) await removeIfThere(join(this.directory, CHECKPOINT));
    await removeTemporaries(this.directory, (name) => this.#isOurs(name));
  }

  /** Says that nothing is left to do but drawing. Event: `finished_before`. */
  sayFinished(context: TaskContext, options: { json?: boolean } = {}): void {
    const rest = this.undrawn.length === 0 ? "nothing to do" : `drawing ${this.undrawn.join(", ")}`;
    context.stderr(
      `${this.directory} holds the finished results of these settings: ${rest} (--force runs again)`,
    );
    if (options.json) writeEvent(context, "finished_before", { out: this.directory });
  }
}

/** The entries of a directory by name; none where it is missing. */
async function list(directory: string): Promise<Map<string, Deno.DirEntry>> {
  const entries = new Map<string, Deno.DirEntry>();
  try {
    await inOut(directory, async () => {
      for await (const entry of Deno.readDir(directory)) entries.set(entry.name, entry);
    });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return entries;
}

async function readConfigText(directory: string): Promise<string | undefined> {
  return await inOut(directory, () => readTextIfThere(join(directory, CONFIG)));
}

/** The `config.json` that this package wrote; undefined where the text is none. */
function decodeConfig(text: string | undefined): RunConfig | undefined {
  if (text === undefined) return undefined;
  try {
    return CONFIG_JSON.decode(text, { name: CONFIG });
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return undefined;
  }
}

interface Difference {
  readonly name: string;
  /** As in "lambda 0.1 there, 0.005 here". */
  readonly text: string;
}

function compare(there: RunConfig, here: RunConfig): Difference[] {
  if (there.task !== here.task) {
    return [{ name: "task", text: `task ${there.task} there, ${here.task} here` }];
  }
  const names = new Set([...Object.keys(here.settings), ...Object.keys(there.settings)]);
  return [...names]
    .map((name) => ({ name, old: show(own(there, name)), now: show(own(here, name)) }))
    .filter(({ old, now }) => old !== now)
    .map(({ name, old, now }) => ({
      name,
      text: `${snakeCase(name)} ${shorten(old)} there, ${shorten(now)} here`,
    }));
}

/** A setting by any name: one called `constructor` is not that of all objects. */
function own({ settings }: RunConfig, name: string): Setting | undefined {
  return Object.hasOwn(settings, name) ? settings[name] : undefined;
}

/** The start of a text that is too long for a sentence, such as a digest. */
function shorten(value: string): string {
  return value.length > 30 ? `${value.slice(0, 12)}…` : value;
}

/** A setting as text; equal texts mean equal settings. */
function show(value: Setting | undefined): string {
  if (value === undefined || value === null) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}
