/** The options of tasks: declared once, parsed strictly; every mistake is answered in one sentence. */
import { parseArgs } from "@std/cli/parse-args";
import type { SubsetCounts } from "../../src/data/dataset.ts";
import { ArgumentError } from "../../src/errors.ts";
import { distinct, enumerate, nearest } from "../../src/lists.ts";
import { DEPTHS } from "../../src/model/depths.ts";
import type { Initialisation } from "../../src/model/initialisation.ts";
import { PUBLISHED_HIDDEN } from "../../src/model/published.ts";
import { PUBLISHED_SETTINGS } from "../../src/report/settings.ts";

// Kinds of values ----------------------------------------------------------------------------------------------------

/** One option: parsing, default and help text all come from here. */
export interface Option<T> {
  /** What stands for the value in the help text; an option without one is a flag. */
  readonly placeholder?: string;
  /** What the option does: a clause without a full stop. */
  readonly help: string;
  /** What is accepted, so that "--seed expects …" reads as English. */
  readonly expects: string;
  /** The value when the option is not given; a function where the task's name or `--quick` decides. */
  readonly default: T | ((task: string, quick: boolean) => T);
  /** The option that this one sets in other words; it has no value of its own. */
  readonly shorthandFor?: string;
  /** The value that a text stands for; undefined when it stands for none. */
  parse(text: string): T | undefined;
}

/** The largest float32, rounded down to what people can read. */
const LARGEST_REAL = 3.4e38;

const LARGEST_REAL_TEXT = "3.4e38";

/** The smallest float32 that a GPU does not take for 0, rounded up: see `MIN_FLOAT32`. */
const SMALLEST_REAL = 1.2e-38;

const REAL_RANGE_TEXT = `from ${SMALLEST_REAL} to ${LARGEST_REAL_TEXT}`;

/** The largest whole number that an option takes unless it says otherwise: what fits an `i32`. */
const LARGEST_INTEGER = 2 ** 31 - 1;

/** Decimal notation with an optional exponent: no hexadecimal, no "NaN", no "Infinity", no blanks. */
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A number in decimal notation; NaN for anything else, and never −0. */
function parseDecimal(text: string): number {
  return DECIMAL.test(text) ? Number(text) + 0 : NaN;
}

/** A number between `min` and `max`, both included; undefined for anything else. */
function parseBetween(text: string, min: number, max: number): number | undefined {
  const value = parseDecimal(text);
  return value >= min && value <= max ? value : undefined;
}

/** A number that a GPU can compute with, other than 0. */
function parsePositive(text: string): number | undefined {
  return parseBetween(text, SMALLEST_REAL, LARGEST_REAL);
}

function parseInteger(text: string, min: number, max: number): number | undefined {
  const value = parseBetween(text, min, max);
  return Number.isInteger(value) ? value : undefined;
}

/** The parts of a list separated by commas, if each can be parsed. */
function parseList<T>(text: string, parse: (part: string) => T | undefined): T[] | undefined {
  const parts = text.split(",").map((part) => parse(part.trim()));
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

interface Described<T> {
  readonly help: string;
  readonly default: T;
}

export function flag(options: { readonly help: string }): Option<boolean> {
  // The parser hands over "" for an option without a value.
  const parse = (text: string) => text === "" ? true : undefined;
  return { ...options, expects: "no value", default: false, parse };
}

/** A whole number between `min` and `max`, both included. */
export function integer(
  { min, max = LARGEST_INTEGER, ...options }: Described<number> & { min: number; max?: number },
): Option<number> {
  return {
    placeholder: "N",
    ...options,
    expects: `a whole number from ${min} to ${max}`,
    parse: (text) => parseInteger(text, min, max),
  };
}

/** A number that is 0 or one that a GPU can compute with. */
export function real(options: Described<number>): Option<number> {
  return {
    placeholder: "X",
    ...options,
    expects: `0 or a number ${REAL_RANGE_TEXT}`,
    parse: (text) => parseDecimal(text) === 0 ? 0 : parsePositive(text),
  };
}

/** An option that has no value unless it is given. */
export function optional<T>(option: Option<T>): Option<T | undefined> {
  return { ...option, default: undefined };
}

/** A text that is not empty. */
export function text<D extends string | undefined>(
  options: Omit<Option<D>, "parse">,
): Option<string | D> {
  return { ...options, parse: (value) => value === "" ? undefined : value };
}

export function choice<const C extends string>(
  choices: readonly C[],
  options: Described<NoInfer<C>>,
): Option<C> {
  return {
    placeholder: choices.join("|"),
    ...options,
    expects: choices.slice(0, -1).join(", ") + " or " + choices.at(-1),
    parse: (value) => choices.find((choice) => choice === value),
  };
}

/** Some of a few words, each once, separated by commas; sorted as these words. */
export function choices<const C extends string>(
  words: readonly C[],
  options: Described<readonly NoInfer<C>[]>,
): Option<readonly C[]> {
  return {
    placeholder: "LIST",
    ...options,
    expects: `some of ${enumerate(words)}, each once, separated by commas`,
    parse: (value) => {
      const given = value.split(",").map((part) => part.trim());
      const chosen = words.filter((word) => given.includes(word));
      return chosen.length === given.length ? chosen : undefined;
    },
  };
}

/** Whole numbers from 1, separated by commas, as in "50,30,20". */
export function widths(options: Described<readonly number[]>): Option<readonly number[]> {
  return {
    placeholder: "LIST",
    ...options,
    expects: "whole numbers from 1, separated by commas, as in 50,50",
    parse: (value) => parseList(value, (part) => parseInteger(part, 1, LARGEST_INTEGER)),
  };
}

/** A number of layers, which stands for `--hidden` with the widths of that network. */
export function depth(
  { help }: { readonly help: string },
): Option<readonly number[] | undefined> & Shorthand {
  const layers = DEPTHS.map((hidden) => String(hidden.length + 1));
  const { parse, ...option } = choice(layers, { default: "", help });
  return {
    ...option,
    default: undefined,
    shorthandFor: "hidden",
    parse: (value) => {
      const chosen = parse(value);
      return chosen === undefined ? undefined : DEPTHS[layers.indexOf(chosen)];
    },
  };
}

type Pair = readonly [number, number];

/** Two positive numbers, the smaller first, as in "1e-5,1e-1". */
export function range(options: Described<Pair>): Option<Pair> {
  return {
    placeholder: "FROM,TO",
    ...options,
    expects: `two numbers ${REAL_RANGE_TEXT}, the smaller first, as in 1e-5,1e-1`,
    parse: (value) => {
      const [from, to, ...more] = parseList(value, parsePositive) ?? [];
      return from < to && more.length === 0 ? [from, to] : undefined;
    },
  };
}

/** "he", "xavier", or the standard deviation itself. */
export function initialisation(options: Described<Initialisation>): Option<Initialisation> {
  return {
    placeholder: "he|xavier|SIGMA",
    ...options,
    expects: `he, xavier or a number ${REAL_RANGE_TEXT}`,
    parse: parseInitialisation,
  };
}

/** Some of these, all different, separated by commas, as in "1e-1,1e-3,he". */
export function initialisations(
  options: Described<readonly Initialisation[]>,
): Option<readonly Initialisation[]> {
  return {
    placeholder: "LIST",
    ...options,
    expects: `he, xavier or numbers ${REAL_RANGE_TEXT}, all different, ` +
      "separated by commas, as in 1e-1,1e-3,he",
    parse: (value) => {
      const all = parseList(value, parseInitialisation);
      return all === undefined || distinct(all).length < all.length ? undefined : all;
    },
  };
}

function parseInitialisation(value: string): Initialisation | undefined {
  // A σ that is 0 as float32 would start all weights alike.
  return value === "he" || value === "xavier" ? value : parsePositive(value);
}

// Tasks -------------------------------------------------------------------------------------------------------------

/** The values of any options by their names in camelCase; `etaMin` is `--eta-min` on the command line. */
export type AnyValues = { readonly [name: string]: unknown };

export type OptionTable<V> = { readonly [K in keyof V]: Option<V[K]> };

/** The values of options; a shorthand has none. */
export type Values<O> = {
  readonly [K in keyof O as O[K] extends Shorthand ? never : K]: O[K] extends Option<infer T> ? T
    : never;
};

/** An option that only sets another one. */
interface Shorthand {
  readonly shorthandFor: string;
}

/** A task whose options have the values `V`. */
export interface Task<V extends AnyValues> {
  /** As in `deno task NAME`. */
  readonly name: string;
  /** What it does and what it writes, in whole sentences; wrapped by the help text. */
  readonly summary: string;
  readonly options: OptionTable<V>;
  /** Defaults that differ from those that the options come with. */
  readonly defaults?: Partial<V>;
  /** Defaults that differ from those with `--quick`. */
  readonly quick?: Partial<V>;
  /** How many images of each split `--quick` uses; `QUICK_COUNTS` unless given. */
  readonly quickCounts?: SubsetCounts;
  /** What the help text says of a default that no single value describes, as in "both depths". */
  readonly defaultTexts?: { readonly [K in keyof V]?: string };
  /** Checks between options, and with those given; throws an `ArgumentError` that names them. */
  check?(options: V, given: ReadonlySet<keyof V>): void;
  /** Command lines worth showing, each with its purpose. */
  readonly examples: readonly { readonly command: string; readonly purpose: string }[];
}

export interface Parsed<V extends AnyValues> {
  /** A value for every option, defaults included. */
  readonly options: V;
  /** The options that were on the command line. */
  readonly given: ReadonlySet<keyof V>;
}

export const COMMON_OPTIONS = {
  help: flag({ help: "print this text" }),
  seed: integer({
    min: 0,
    max: 2 ** 32 - 1,
    default: 1,
    help: "seed of initial weights and batch order",
  }),
  out: text({
    placeholder: "DIR",
    expects: "a directory to write into",
    default: (task, quick) => `out/${task}${quick ? "-quick" : ""}`,
    help: "directory that the results are written into",
  }),
  data: text({
    placeholder: "PATH|synthetic",
    expects: 'a folder of CIFAR-10, IDX or CSV files, a CSV file, or "synthetic"',
    default: undefined,
    help:
      "folder of the CIFAR-10 .bin files or its parent, of IDX files as of MNIST, or of train.csv and " +
      "test.csv; a CSV file; or the built-in synthetic set",
  }),
  label: text({
    placeholder: "NAME",
    expects: "the name of a column",
    default: undefined,
    help: "column of the classes in CSV files, where it is not the last one",
  }),
  quick: flag({ help: "run the whole path in seconds, to try it out; not a result" }),
  force: flag({ help: "replace results in --out, whichever settings they were made with" }),
  json: flag({
    help: 'write one JSON object a line, {"event": …}, to standard output; a null number is NaN, ' +
      'infinite or absent; a failure is an "error" event as well as a sentence',
  }),
  requireGpu: flag({ help: "refuse a software adapter" }),
  variant: text({
    placeholder: "NAME",
    expects: "the name of a kernel variant",
    default: undefined,
    help: "kernel variant to use, instead of the one chosen for the adapter",
  }),
} as const;

export const PROFILE_OPTION = {
  profile: flag({
    help: "also measure each kernel of a step after the training: a table and profile.csv",
  }),
} as const;

export const FIND_LR_OPTION = {
  findLr: flag({
    help:
      "test which learning rates train these networks instead, as find-lr does, with its options",
  }),
} as const;

/** Seconds of work that a kill may cost. */
export const CHECKPOINT_INTERVAL = 30;

export const RESUME_OPTIONS = {
  checkpointEvery: real({
    default: CHECKPOINT_INTERVAL,
    help: "minimum seconds between two checkpoints, from which the same command resumes",
  }),
  retryLost: integer({
    min: 0,
    max: 1000,
    default: 0,
    help:
      "maximum number of times a lost device is requested again, to resume from the last checkpoint",
  }),
} as const;

const { lambda, batch, etaMin, etaMax, halfCycle, cycles, init } = PUBLISHED_SETTINGS.baseline;

/** The options of tasks that train, with the defaults of `baseline`. */
export const TRAINING_OPTIONS = {
  hidden: widths({ default: PUBLISHED_HIDDEN[0], help: "widths of the hidden layers" }),
  layers: depth({
    help: `in place of --hidden: ${DEPTHS.map((hidden) => hidden.join()).join("; ")}`,
  }),
  batchNorm: choice(["on", "off", "both"], { default: "on", help: "batch normalisation" }),
  lambda: real({ default: lambda, help: "weight λ of the L2 term" }),
  batch: integer({ min: 1, default: batch, help: "images in a batch" }),
  etaMin: real({ default: etaMin, help: "lowest learning rate η of a cycle" }),
  etaMax: real({ default: etaMax, help: "highest learning rate η of a cycle" }),
  halfCycle: integer({ min: 1, default: halfCycle, help: "steps from lowest to highest η, n_s" }),
  cycles: integer({ min: 1, default: cycles, help: "cycles of 2 n_s steps each" }),
  init: initialisation({ default: init, help: "initial weights; SIGMA is a fixed deviation" }),
} as const;

export type CommonOptions = Values<typeof COMMON_OPTIONS>;

export type TrainingOptions = Values<typeof TRAINING_OPTIONS>;

/** The hidden layers to train: those that are given, or both depths of the report. */
export function hiddensOf(
  { options, given }: {
    options: Pick<TrainingOptions, "hidden">;
    given: { has(name: "hidden"): boolean };
  },
): readonly (readonly number[])[] {
  return given.has("hidden") ? [options.hidden] : PUBLISHED_HIDDEN;
}

/** What the help text says of their default. */
export const HIDDEN_DEFAULT = PUBLISHED_HIDDEN.map((hidden) => hidden.join()).join(" and ");

/** Whether to train without batch norm, with it, or both: off before on, as in files and figures. */
export function normsOf({ batchNorm }: Pick<TrainingOptions, "batchNorm">): boolean[] {
  return batchNorm === "both" ? [false, true] : [batchNorm === "on"];
}

/** Steps are counted in a `u32` on the GPU; half of that leaves room for sums. */
export const MAX_STEPS: number = 2 ** 31 - 1;

/** Refuses batches of one image where there is batch norm. */
export function checkBatch(
  { batch, batchNorm }: Pick<TrainingOptions, "batch" | "batchNorm">,
): void {
  if (batch > 1 || batchNorm === "off") return;
  throw new ArgumentError(
    "--batch expects at least 2 with batch normalisation, not 1: a single image has no deviation",
  );
}

export function checkTraining(options: Omit<TrainingOptions, "hidden" | "lambda" | "init">): void {
  const { etaMin, etaMax, halfCycle, cycles } = options;
  if (etaMax < etaMin) {
    throw new ArgumentError(
      `--eta-max expects at least --eta-min, which is ${etaMin}, not ${etaMax}`,
    );
  }
  checkBatch(options);
  const steps = 2 * halfCycle * cycles;
  if (steps > MAX_STEPS) {
    throw new ArgumentError(
      `--half-cycle ${halfCycle} with --cycles ${cycles} results in ${steps} steps, expected at most ${MAX_STEPS}`,
    );
  }
}

// Parsing -----------------------------------------------------------------------------------------------------------

/**
 * Parses the arguments of a task. With `--help` among them all others are ignored.
 *
 * @throws {ArgumentError} When an option is unknown, repeated, or has a value that it does not accept.
 */
export function parseOptions<V extends AnyValues>(
  task: Task<V>,
  args: readonly string[],
): Parsed<V> {
  const asksForHelp = "help" in task.options &&
    args.some((arg) => arg === "--help" || arg === "-h");
  const texts = readTexts(task, asksForHelp ? ["--help"] : args);
  const quick = texts.get("quick") !== undefined;
  const values: { [name: string]: unknown } = {};
  for (const [name, option] of Object.entries(task.options)) {
    const given = texts.get(name);
    values[name] = given === undefined
      ? defaultOf(task, { name, quick })
      : readValue(option, { name, text: given });
  }
  resolveShorthands(task, { texts, values });
  // Each option has read its own value, which the compiler cannot follow.
  const options = values as V;
  const given = new Set<keyof V>(texts.keys());
  // Of what is missing the help tells.
  if (!asksForHelp) task.check?.(options, given);
  return { options, given };
}

/** Puts the values of shorthands where they belong, so that a task does not see which of the two was typed. */
function resolveShorthands(
  task: Task<AnyValues>,
  { texts, values }: { texts: Map<string, string>; values: { [name: string]: unknown } },
): void {
  for (const [name, { shorthandFor: other }] of Object.entries(task.options)) {
    if (other === undefined) continue;
    const { [name]: value } = values;
    delete values[name];
    const text = texts.get(name);
    if (text === undefined) continue;
    if (texts.has(other)) {
      throw new ArgumentError(
        `${optionName(name)} ${text} stands for ${
          optionName(other)
        } ${value}: expected one of them, not both`,
      );
    }
    values[other] = value;
    texts.delete(name);
    texts.set(other, String(value));
  }
}

export function defaultOf(
  task: Task<AnyValues>,
  options: { name: string; quick: boolean },
): unknown {
  const { name, quick } = options;
  if (quick && task.quick !== undefined && name in task.quick) return task.quick[name];
  if (task.defaults !== undefined && name in task.defaults) return task.defaults[name];
  const { default: value } = task.options[name];
  return typeof value === "function" ? value(task.name, quick) : value;
}

/** An option's name as it is typed: "etaMin" is "--eta-min". */
export function optionName(name: string): string {
  return "--" + name.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());
}

/** The texts behind the options given, by the options' names in camelCase; "" for a flag. */
function readTexts(task: Task<AnyValues>, args: readonly string[]): Map<string, string> {
  const byTyped = new Map(Object.keys(task.options).map((name) => [optionName(name), name]));
  const typed = [...byTyped.keys()];
  const names = typed.map((name) => name.slice(2));
  const parsed: Record<string, unknown> = parseArgs(joinValues(task, { args, byTyped }), {
    string: names,
    collect: names,
    unknown: (arg: string, key?: string): unknown => {
      throw new ArgumentError(explainUnknown(task, { arg, key, typed }));
    },
  });
  // `parseArgs` does not call `unknown` for what follows a "--".
  for (const arg of parsed._ as readonly string[]) {
    throw new ArgumentError(explainUnknown(task, { arg, typed }));
  }
  const texts = new Map<string, string>();
  for (const [typedName, name] of byTyped) {
    const all = parsed[typedName.slice(2)] as readonly string[] | undefined ?? [];
    if (all.length > 1) {
      throw new ArgumentError(
        `${typedName} is expected once, not ${all.length} times${
          all[0] === "" ? "" : ` (${all.join(", ")})`
        }`,
      );
    }
    if (all.length === 1) texts.set(name, all[0]);
  }
  return texts;
}

/**
 * Ties each option to its value with "=": `parseArgs` would take the "-1" of `--lambda -1` for an
 * option, and the "true" of `--quick true` for the flag's value.
 */
function joinValues(
  task: Task<AnyValues>,
  options: { args: readonly string[]; byTyped: ReadonlyMap<string, string> },
): string[] {
  const { byTyped } = options;
  // Users of npm put "--" in front of the options; it means nothing here.
  const args = options.args[0] === "--" ? options.args.slice(1) : options.args;
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const name = byTyped.get(args[i]);
    if (name === undefined) {
      joined.push(args[i]);
    } else if (task.options[name].placeholder === undefined) {
      joined.push(`${args[i]}=`);
    } else if (i + 1 < args.length && !args[i + 1].startsWith("--")) {
      joined.push(`${args[i]}=${args[++i]}`);
    } else {
      throw new ArgumentError(`${args[i]} expects ${task.options[name].expects}, not nothing`);
    }
  }
  return joined;
}

function readValue(option: Option<unknown>, given: { name: string; text: string }): unknown {
  const value = option.parse(given.text);
  if (value !== undefined) return value;
  throw new ArgumentError(
    `${optionName(given.name)} expects ${option.expects}, not ${
      given.text === "" ? "nothing" : JSON.stringify(given.text)
    }`,
  );
}

function explainUnknown(
  task: Task<AnyValues>,
  given: { arg: string; key?: string; typed: readonly string[] },
): string {
  const { arg, key, typed } = given;
  const name = arg.split("=")[0];
  const near = nearest(name.replace(/^-+/, ""), typed.map((other) => other.slice("--".length)));
  const advice = near === undefined
    ? `"deno task ${task.name} --help" lists its options`
    : `did you mean --${near}?`;
  return key === undefined
    ? `${task.name} takes options only, not ${JSON.stringify(arg)}; ${advice}`
    : `${task.name} has no option ${name}; ${advice}`;
}
