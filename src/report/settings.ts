/**
 * The settings that parts of a reproduction were made with: how they are called, and whether they are the report's.
 *
 * @module
 */

import { distinct } from "../lists.ts";
import { PUBLISHED_HIDDEN } from "../model/published.ts";
import type { PartConfig } from "./data.ts";

/** The data set that the published numbers are of. */
export const PUBLISHED_DATA = "CIFAR-10";

const TRAINING = { batch: 100, eta_min: 1e-5, eta_max: 1e-1, half_cycle: 2250, cycles: 2 };

/** What decides whether a part can be compared with the report, and what it is there. */
const PUBLISHED_SETTINGS: { readonly [task: string]: { readonly [name: string]: unknown } } = {
  "gradient-check": { hidden: [50, 50], batch_norm: "on", lambda: 0.5, batch: 20, inputs: 10 },
  "baseline": { ...TRAINING, lambda: 0.005, init: "he" },
  "lambda-search": {
    ...TRAINING,
    hidden: [50, 50],
    batch_norm: "on",
    init: "he",
    coarse: [1e-5, 1e-1],
    coarse_count: 10,
    fine: [1e-3, 1e-2],
    fine_count: 10,
    refine: 0,
    repeat: 1,
    final_cycles: 3,
  },
  "init-sensitivity": { ...TRAINING, hidden: [50, 50], lambda: 0.005, half_cycle: 900 },
};

/** Settings that have a place of their own in a report. */
const ELSEWHERE = ["seed", "quick", "variant", "data", "data_sha256"];

/** What settings are called; one that is missing here is called by its name. */
const NAMES: { readonly [name: string]: string | undefined } = {
  hidden: "hidden layers",
  batch_norm: "batch norm",
  lambda: "λ",
  batch: "images per batch",
  inputs: "inputs per image",
  eta_min: "lowest η",
  eta_max: "highest η",
  half_cycle: "half cycle, in steps",
  cycles: "cycles",
  init: "initial weights",
  inits: "initial weights",
  every: "steps between evaluations",
  coarse: "coarse range of λ",
  coarse_count: "coarse values of λ",
  fine: "fine range of λ",
  fine_count: "fine values of λ",
  refine: "rounds around the best λ",
  repeat: "networks with each λ",
  final_cycles: "cycles of the final network",
};

/** A setting of some parts, as a report prints it. */
export interface SettingLine {
  /** What it is called. */
  readonly name: string;
  /** Its values, different ones of the parts next to each other. */
  readonly value: string;
}

/**
 * Tells whether a part was made with the data and the settings of the report, so that the published numbers can stand
 * beside its own.
 *
 * @param config How it was made.
 * @returns Whether it can be compared.
 */
export function isComparable(config: PartConfig): boolean {
  const { data, quick } = config.settings;
  return data === PUBLISHED_DATA && quick !== true && otherSettings(config).length === 0;
}

/**
 * Tells whether a part is a quick try.
 *
 * @param config How it was made.
 * @returns Whether it is.
 */
export function isQuick(config: PartConfig): boolean {
  return config.settings.quick === true;
}

/**
 * Names the data set of a part.
 *
 * @param config How it was made.
 * @returns The name.
 */
export function dataOf(config: PartConfig): string {
  return String(config.settings.data ?? "unknown");
}

/**
 * Lists the settings of a part that are not the report's.
 *
 * @param config How it was made.
 * @returns Their names in snake_case with their values.
 */
export function otherSettings({ task, settings }: PartConfig): [name: string, value: unknown][] {
  const published = PUBLISHED_SETTINGS[task] ?? {};
  const others = Object.entries(published)
    .filter(([name, value]) => String(settings[name]) !== String(value))
    .map(([name]): [string, unknown] => [name, settings[name]]);
  const known = PUBLISHED_HIDDEN.some((hidden) => String(hidden) === String(settings.hidden));
  if (task === "baseline" && !known) others.push(["hidden", settings.hidden]);
  return others;
}

/**
 * Lists the settings of parts of one task.
 *
 * @param configs How each was made.
 * @returns A line for each setting.
 */
export function settingLines(configs: readonly PartConfig[]): SettingLine[] {
  const names = distinct(configs.flatMap(({ settings }) => Object.keys(settings)));
  return names.filter((name) => !ELSEWHERE.includes(name)).map((name) => ({
    name: NAMES[name] ?? name.replaceAll("_", " "),
    value: distinct(configs.map(({ settings }) => settingText(settings[name]))).join("; "),
  }));
}

/**
 * Prints the value of a setting as it would be typed.
 *
 * @param value The value.
 * @returns The text; "none" for one that was left open.
 */
export function settingText(value: unknown): string {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value)) return value.map(settingText).join(",");
  const small = typeof value === "number" && value !== 0 && Math.abs(value) < 1e-3;
  return small ? value.toExponential() : String(value);
}
