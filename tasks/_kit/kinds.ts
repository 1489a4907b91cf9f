/**
 * The kinds of values that options take: what is accepted, and how that is called in a sentence.
 *
 * @module
 */
import { enumerate } from "../../src/lists.ts";
import type { Initialisation } from "../../src/model/initialisation.ts";

/** One option, declared once: parsing, default and help text all come from here. */
export interface Option<T> {
  /** What stands for the value in the help text; an option without one is a flag. */
  readonly placeholder?: string;
  /** What the option does: one clause without a full stop. */
  readonly help: string;
  /** What is accepted, so that "--seed expects …" reads as English. */
  readonly expects: string;
  /** The value when the option is not given; a function where the task's name or `--quick` decides. */
  readonly default: T | ((task: string, quick: boolean) => T);
  /** The value that a text stands for; undefined when it stands for none. */
  parse(text: string): T | undefined;
}

/** The largest number that survives as float32, rounded down to what people can read. */
const LARGEST_REAL = 3.4e38;

/** The same as people write it. */
const LARGEST_REAL_TEXT = "3.4e38";

/** The largest whole number that an option takes unless it says otherwise: what fits an `i32`. */
const LARGEST_INTEGER = 2 ** 31 - 1;

/** Decimal notation with an optional exponent: no hexadecimal, no "NaN", no "Infinity", no blanks. */
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A number in decimal notation; NaN for anything else, and never −0. */
function parseDecimal(text: string): number {
  return DECIMAL.test(text) ? Number(text) + 0 : NaN;
}

/** A flag: present or not. */
export function flag(options: { help: string }): Option<boolean> {
  // The parser hands over "" for an option without a value.
  return {
    ...options,
    expects: "no value",
    default: false,
    parse: (text) => text === "" ? true : undefined,
  };
}

/** A whole number between `min` and `max`, both included. */
export function integer(
  options: { help: string; default: number; min: number; max?: number; placeholder?: string },
): Option<number> {
  const { min, max = LARGEST_INTEGER, placeholder = "N" } = options;
  return {
    placeholder,
    help: options.help,
    expects: `a whole number from ${min} to ${max}`,
    default: options.default,
    parse: (text) => within(parseDecimal(text), { min, max, whole: true }),
  };
}

/** A finite number of at least `min`. */
export function real(
  options: { help: string; default: number; min: number; placeholder?: string },
): Option<number> {
  const { min, placeholder = "X" } = options;
  return {
    placeholder,
    help: options.help,
    expects: `a number from ${min} to ${LARGEST_REAL_TEXT}`,
    default: options.default,
    parse: (text) => within(parseDecimal(text), { min, max: LARGEST_REAL, whole: false }),
  };
}

/** The value if it lies in the range, and is whole where it has to be. */
function within(
  value: number,
  range: { min: number; max: number; whole: boolean },
): number | undefined {
  if (range.whole && !Number.isInteger(value)) return undefined;
  return value >= range.min && value <= range.max ? value : undefined;
}

/** Any text but an empty one. */
export function text<D extends string | undefined>(
  options: {
    help: string;
    default: D | ((task: string, quick: boolean) => D);
    placeholder: string;
    expects: string;
  },
): Option<string | D> {
  return { ...options, parse: (value) => value === "" ? undefined : value };
}

/** One of a few words. */
export function choice<const C extends string>(
  choices: readonly C[],
  options: { help: string; default: NoInfer<C> },
): Option<C> {
  return {
    placeholder: choices.join("|"),
    ...options,
    expects: choices.slice(0, -1).join(", ") + " or " + choices.at(-1),
    parse: (value) => choices.find((choice) => choice === value),
  };
}

/** Different ones of a few words with commas between them, in the order of these words. */
export function choices<const C extends string>(
  words: readonly C[],
  options: { help: string; default: readonly NoInfer<C>[] },
): Option<readonly C[]> {
  return {
    placeholder: "LIST",
    ...options,
    expects: `different ones of ${enumerate(words)} with commas between them`,
    parse: (value) => {
      const given = value.split(",").map((part) => part.trim());
      const chosen = words.filter((word) => given.includes(word));
      return chosen.length === given.length ? chosen : undefined;
    },
  };
}

/** Whole numbers of at least 1 with commas between them, as in "50,30,20". */
export function widths(
  options: { help: string; default: readonly number[] },
): Option<readonly number[]> {
  return {
    placeholder: "LIST",
    ...options,
    expects: "whole numbers of at least 1 with commas between them, as in 50,50",
    parse: (value) => {
      const numbers = value.split(",").map((part) => parseDecimal(part.trim()));
      const range = { min: 1, max: LARGEST_INTEGER, whole: true };
      return numbers.every((width) => within(width, range) !== undefined) ? numbers : undefined;
    },
  };
}

/** Two positive numbers, the smaller first, as in "1e-5,1e-1". */
export function range(
  options: { help: string; default: readonly [number, number] },
): Option<readonly [number, number]> {
  return {
    placeholder: "FROM,TO",
    ...options,
    expects: `two positive numbers up to ${LARGEST_REAL_TEXT}, the smaller first, as in 1e-5,1e-1`,
    parse: (value) => {
      const [from, to, ...more] = value.split(",").map((part) => parseDecimal(part.trim()));
      return Math.fround(from) > 0 && from < to && to <= LARGEST_REAL && more.length === 0
        ? [from, to]
        : undefined;
    },
  };
}

/** "he", "xavier", or the standard deviation itself. */
export function initialisation(
  options: { help: string; default: Initialisation },
): Option<Initialisation> {
  return {
    placeholder: "he|xavier|SIGMA",
    ...options,
    expects: `he, xavier or a positive number up to ${LARGEST_REAL_TEXT}`,
    parse: parseInitialisation,
  };
}

/** Different ones of these, with commas between them, as in "1e-1,1e-3,he". */
export function initialisations(
  options: { help: string; default: readonly Initialisation[] },
): Option<readonly Initialisation[]> {
  return {
    placeholder: "LIST",
    ...options,
    expects: `he, xavier or positive numbers up to ${LARGEST_REAL_TEXT}, all different, ` +
      "with commas between them, as in 1e-1,1e-3,he",
    parse: (value) => {
      const all: Initialisation[] = [];
      for (const part of value.split(",")) {
        const one = parseInitialisation(part.trim());
        if (one === undefined || all.includes(one)) return undefined;
        all.push(one);
      }
      return all;
    },
  };
}

function parseInitialisation(value: string): Initialisation | undefined {
  if (value === "he" || value === "xavier") return value;
  const sigma = parseDecimal(value);
  // A σ that is 0 as float32 would start all weights alike.
  return sigma <= LARGEST_REAL && Math.fround(sigma) > 0 ? sigma : undefined;
}
