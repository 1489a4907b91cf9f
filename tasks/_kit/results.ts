/**
 * The directory that a run writes into: what is there already, and whether it may be replaced.
 *
 * @module
 */
import { join } from "@std/path";
import type { DataSet } from "../../src/data/dataset.ts";
import { ArgumentError, DataError } from "../../src/errors.ts";
import { CONFIG_JSON, type RunConfig, type Setting } from "../../src/records/config.ts";
import type { JsonFile } from "../../src/records/json.ts";
import { snakeCase } from "../../src/records/names.ts";
import { readTextIfThere, removeIfThere, writeFileDurably } from "./files.ts";
import type { AdapterSummary } from "../../src/gpu/device.ts";
import { vendorName } from "./adapter.ts";
import type { TaskContext } from "./context.ts";
import { writeEvent } from "./events.ts";
import type { CommonOptions } from "./options.ts";
import type { PROFILE_OPTION } from "../_run/profile.ts";
import { DENO_VERSION, PACKAGE_VERSION } from "./version.ts";

/** The file that says what the results beside it were made with. */
const CONFIG = "config.json";

/** What {@linkcode runConfig} needs to know besides the options. */
export interface RunCircumstances {
  /** The task's name. */
  readonly task: string;
  /** The data set that is used. */
  readonly dataset: Pick<DataSet, "name" | "sha256">;
  /** The adapter that is used. */
  readonly adapter: AdapterSummary;
  /** The kernel variant that is used, whether it was asked for or chosen. */
  readonly variant: string;
}

/** How results are kept in a directory. */
export interface ResultsOptions {
  /** The files of a run, `config.json` aside; nothing else is ever written. */
  readonly files: readonly string[];
  /** The one of them that is written last but for figures, so that its presence means "finished". */
  readonly finished: string;
  /** Those of them that can be drawn again from the others: results are finished without them. */
  readonly figures?: readonly string[];
  /** The names of files that a run of other settings or options may have left; they are removed with those of the run. */
  readonly otherFiles?: RegExp;
  /** Settings, as in `config.json`, in which results that are there may differ: they are replaced then. */
  readonly mayDiffer?: readonly string[];
  /** Whether results that are there may be replaced. */
  readonly force?: boolean;
}

/** Common options that tell where from, where to and how to say it, rather than what to do. */
const NOT_SETTINGS: ReadonlySet<string> = new Set(
  ["help", "out", "data", "force", "json", "requireGpu", "profile"] satisfies (
    | keyof CommonOptions
    | keyof typeof PROFILE_OPTION
  )[],
);

/**
 * Puts together the `config.json` of a run.
 *
 * The settings are the task's options, the data set by name and content, and the variant as asked for
 * (null when the choice was left to the program: it may fall differently on another day). Where the
 * data lie, versions, adapter and the variant used are kept beside them.
 *
 * @param options The values of the run's options: those of the task, with what this one run differs in.
 * @param circumstances The task, data set, adapter and variant.
 * @returns What is written as `config.json`.
 */
export function runConfig(
  options: CommonOptions & { readonly [name: string]: unknown },
  circumstances: RunCircumstances,
): RunConfig {
  const { task, dataset, adapter, variant } = circumstances;
  const settings: { [name: string]: Setting } = {};
  for (const [name, value] of Object.entries(options)) {
    if (!NOT_SETTINGS.has(name)) settings[name] = (value ?? null) as Setting;
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
  // As it will be read back, so that the two can be compared.
  return CONFIG_JSON.decode(CONFIG_JSON.encode(config), { name: CONFIG });
}

/**
 * Looks at the directory of a run without touching it.
 *
 * A directory that is missing or holds only files of other names is new. Results of the same settings
 * are finished or, where the run was cut off, unfinished: those are started again from scratch. So are
 * results that differ in settings in which they may.
 *
 * @param directory The directory.
 * @param config What the run is going to be.
 * @param options The run's files, and which of them may be replaced.
 * @returns The directory's state, and the means to write into it.
 * @throws {ArgumentError} When the directory holds results of other settings and `force` is off, files of
 * the same names that are not ours, or is no directory.
 */
export async function openResults(
  directory: string,
  config: RunConfig,
  options: ResultsOptions,
): Promise<Results> {
  const { files, finished, figures = [], otherFiles, mayDiffer = [], force = false } = options;
  const present = await list(directory);
  const others = [...present.keys()].filter((name) => otherFiles?.test(name));
  const ours = [...new Set([CONFIG, ...files, ...others])].filter((name) => present.has(name));
  let state: ResultsState = "new";
  /** A folder of that name is in the way, but it is no result. */
  const isFile = (name: string) => present.get(name)?.isDirectory === false;
  if (ours.length > 0) {
    const before = present.has(CONFIG) ? parseConfig(await read(directory)) : undefined;
    if (before === undefined) {
      throw new ArgumentError(
        `--out ${directory} holds ${
          ours.join(", ")
        } without the ${CONFIG} that this program writes: ` +
          "expected another directory, or that these are moved away",
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
    // All of them: someone may have removed one of a run that had finished.
    const whole = [...files, finished]
      .every((name) => isFile(name) || figures.includes(name));
    state = whole && !force && differences.length === 0 ? "finished" : "unfinished";
  }
  const undrawn = state === "finished" ? figures.filter((name) => !isFile(name)) : [];
  return new Results(directory, { ...options, config, state, undrawn });
}

/**
 * Reads which kernel variant results were begun with.
 *
 * @param directory Their directory.
 * @param adapter The adapter to go on with.
 * @returns The variant; undefined where there are no results, or they were begun on another adapter.
 */
export async function readVariant(
  directory: string,
  adapter: AdapterSummary,
): Promise<string | undefined> {
  const text = await readTextIfThere(join(directory, CONFIG));
  const made = text === undefined ? undefined : parseConfig(text)?.madeWith;
  if (made?.adapter !== adapter.description || typeof made.variant !== "string") return undefined;
  return made.variant;
}

/**
 * Reads the summary of finished results.
 *
 * @param directory Their directory.
 * @param format The format of their `summary.json`.
 * @returns What it says.
 * @throws {DataError} When the file is not what this program writes.
 */
export async function readSummary<Type>(directory: string, format: JsonFile<Type>): Promise<Type> {
  const name = join(directory, "summary.json");
  try {
    return format.decode(await Deno.readTextFile(name), { name });
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`${error.message}; --force runs again`);
  }
}

/** Whether a directory holds none of a run's files, all of them, or those of a run to be started again. */
export type ResultsState = "new" | "finished" | "unfinished";

/** The directory of one run. */
export class Results {
  readonly directory: string;
  readonly state: ResultsState;
  /** The figures that finished results lack: drawing failed, or was cut off. */
  readonly undrawn: readonly string[];
  #config: RunConfig;
  readonly #files: ReadonlySet<string>;
  readonly #otherFiles: RegExp | undefined;

  /** Use {@linkcode openResults}, which looks at the directory first. */
  constructor(
    directory: string,
    options: ResultsOptions & {
      config: RunConfig;
      state: ResultsState;
      undrawn?: readonly string[];
    },
  ) {
    const { config, files, finished, otherFiles, state, undrawn = [] } = options;
    this.directory = directory;
    this.state = state;
    this.undrawn = undrawn;
    this.#config = config;
    // The mark of being finished is the first to be removed: what is half removed is not finished.
    this.#files = new Set([finished, ...files]);
    this.#otherFiles = otherFiles;
  }

  /** What is written as `config.json`. */
  get config(): RunConfig {
    return this.#config;
  }

  /** Notes which kernel variant is used, before anything is written: it may be chosen after the directory was opened. */
  setVariant(variant: string): void {
    const { madeWith } = this.#config;
    this.#config = { ...this.#config, madeWith: { ...madeWith, variant } };
  }

  /** Makes the directory, removes what a run before left there, and writes `config.json`. */
  async start(): Promise<void> {
    await Deno.mkdir(this.directory, { recursive: true });
    // config.json is there before and after, so that our files are never without it.
    await this.#removeFiles();
    await this.resume();
  }

  /** Removes what a run before left there, `config.json` included. */
  async clear(): Promise<void> {
    await this.#removeFiles();
    await removeIfThere(join(this.directory, CONFIG));
  }

  /** Removes the files of runs, `config.json` aside. */
  async #removeFiles(): Promise<void> {
    for (const name of this.#files) await removeIfThere(join(this.directory, name));
    for (const name of (await list(this.directory)).keys()) {
      if (this.#otherFiles?.test(name)) await removeIfThere(join(this.directory, name));
    }
  }

  /** Keeps what an unfinished run of the same settings left there, and writes `config.json`. */
  async resume(): Promise<void> {
    for (const name of (await list(this.directory)).keys()) {
      if (this.#isLeftover(name)) await removeIfThere(join(this.directory, name));
    }
    await writeFileDurably(join(this.directory, CONFIG), CONFIG_JSON.encode(this.config));
  }

  /** Whether this is what a durable write leaves behind when the machine goes down in the middle of it. */
  #isLeftover(name: string): boolean {
    const written = name.match(/^\.(.+)\.[0-9a-f-]{36}\.tmp$/)?.[1];
    return written !== undefined &&
      (written === CONFIG || this.#files.has(written) || this.#otherFiles?.test(written) === true);
  }

  /**
   * Writes one of the run's files.
   *
   * @param name Its name, one of those the directory was opened with.
   * @param content Its whole content.
   */
  async write(name: string, content: string | Uint8Array): Promise<void> {
    if (!this.#files.has(name)) throw new TypeError(`${name} is not among the run's files`);
    await writeFileDurably(join(this.directory, name), content);
  }

  /**
   * Says that there is nothing left to do but to draw.
   *
   * @param context Where to say it.
   * @param options `json`: write a `finished_before` event too.
   */
  sayFinished(context: TaskContext, options: { json?: boolean } = {}): void {
    const rest = this.undrawn.length === 0 ? "nothing to do" : `drawing ${this.undrawn.join(", ")}`;
    context.stderr(
      `${this.directory} holds the finished results of these settings: ${rest} (--force runs again)`,
    );
    if (options.json) writeEvent(context, "finished_before", { out: this.directory });
  }
}

/** What is in a directory, by name; nothing where it is missing. */
async function list(directory: string): Promise<Map<string, Deno.DirEntry>> {
  const entries = new Map<string, Deno.DirEntry>();
  try {
    for await (const entry of Deno.readDir(directory)) entries.set(entry.name, entry);
  } catch (error) {
    if (error instanceof Deno.errors.NotADirectory) {
      throw new ArgumentError(
        `--out expects a directory, and ${directory} is or goes through a file`,
      );
    }
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return entries;
}

/** The text of the directory's `config.json`. */
function read(directory: string): Promise<string> {
  return Deno.readTextFile(join(directory, CONFIG));
}

/** A `config.json` that this package wrote; undefined for any other text. */
function parseConfig(text: string): RunConfig | undefined {
  try {
    return CONFIG_JSON.decode(text, { name: CONFIG });
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return undefined;
  }
}

/** A setting that differs. */
interface Difference {
  readonly name: string;
  /** As in "lambda 0.1 there, 0.005 here". */
  readonly text: string;
}

/** What differs. */
function compare(there: RunConfig, here: RunConfig): Difference[] {
  if (there.task !== here.task) {
    return [{ name: "task", text: `task ${there.task} there, ${here.task} here` }];
  }
  const names = new Set([...Object.keys(here.settings), ...Object.keys(there.settings)]);
  return [...names]
    .map((name) => ({ name, old: show(there.settings[name]), now: show(here.settings[name]) }))
    .filter(({ old, now }) => old !== now)
    .map(({ name, old, now }) => ({
      name,
      text: `${snakeCase(name)} ${shorten(old)} there, ${shorten(now)} here`,
    }));
}

/** The beginning of a text that is too long for a sentence, such as a digest. */
function shorten(value: string): string {
  return value.length > 30 ? `${value.slice(0, 12)}…` : value;
}

/** A setting as text: equal texts mean equal settings. */
function show(value: Setting | undefined): string {
  if (value === undefined || value === null) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}
