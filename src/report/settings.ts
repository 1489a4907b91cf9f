/**
 * The settings of the parts of a reproduction: their names on the page, and whether they are those of the report.
 *
 * @module
 */

import { CIFAR10_NAME } from "../data/cifar10.ts";
import { distinct } from "../lists.ts";
import { PUBLISHED_HIDDEN } from "../model/published.ts";
import type { RunConfig, Setting, Settings } from "../records/config.ts";
import { snakeCase } from "../records/names.ts";

const TRAINING = { batch: 100, etaMin: 1e-5, etaMax: 1e-1, halfCycle: 2250, cycles: 2 };

/** The report's settings: the defaults of the tasks, and what a part must have to be compared with the report. */
export const PUBLISHED_SETTINGS = {
  "gradient-check": { hidden: [50, 50], batchNorm: "on", lambda: 0.5, batch: 20, inputs: 10 },
  "baseline": { ...TRAINING, lambda: 0.005, init: "he" },
  "lambda-search": {
    ...TRAINING,
    hidden: [50, 50],
    batchNorm: "on",
    init: "he",
    coarse: [1e-5, 1e-1],
    coarseCount: 10,
    fine: [1e-3, 1e-2],
    fineCount: 10,
    refine: 0,
    repeat: 1,
    finalCycles: 3,
  },
  "init-sensitivity": { ...TRAINING, hidden: [50, 50], lambda: 0.005, halfCycle: 900 },
} as const;

/** Settings that the page shows elsewhere. */
const ELSEWHERE = ["seed", "quick", "variant", "data", "dataSha256"];

/** The names of settings on the page; any other setting goes by its name in files. */
const NAMES: ReadonlyMap<string, string> = new Map(Object.entries({
  hidden: "hidden layers",
  batchNorm: "batch norm",
  lambda: "λ",
  batch: "images per batch",
  inputs: "inputs per image",
  label: "column of classes",
  etaMin: "lowest η",
  etaMax: "highest η",
  halfCycle: "half cycle, in steps",
  cycles: "cycles",
  epochs: "epochs",
  learningRate: "constant η",
  earlyStop: "epochs without a better one until it stops",
  keep: "network that is kept",
  init: "initial weights",
  inits: "initial weights",
  every: "steps between evaluations",
  coarse: "coarse range of λ",
  coarseCount: "coarse values of λ",
  fine: "fine range of λ",
  fineCount: "fine values of λ",
  refine: "rounds around the best λ",
  repeat: "networks with each λ",
  finalCycles: "cycles of the final network",
}));

/** Tells whether a part has the data and the settings of the report, so that its numbers can be compared. */
export function isComparable(config: RunConfig): boolean {
  const { data, quick } = config.settings;
  return data === CIFAR10_NAME && quick !== true && otherSettings(config).length === 0;
}

/** Tells whether a part is a quick run. */
export function isQuick(config: RunConfig): boolean {
  return config.settings.quick === true;
}

/** Names the data set of a part. */
export function dataOf(config: RunConfig): string {
  return String(config.settings.data ?? "unknown");
}

/** Lists the settings of a part that differ from the report's, as names and values. */
export function otherSettings(
  { task, settings }: RunConfig,
): [name: string, value: Setting | undefined][] {
  const all = new Map<string, Settings>(Object.entries(PUBLISHED_SETTINGS));
  const published = all.get(task) ?? {};
  const others = Object.entries(published)
    .filter(([name, value]) => String(settings[name]) !== String(value))
    .map(([name]): [string, Setting | undefined] => [name, settings[name]]);
  // The report's training goes to its end.
  const { earlyStop } = settings;
  if (earlyStop !== undefined) others.push(["earlyStop", earlyStop]);
  const known = PUBLISHED_HIDDEN.some((hidden) => String(hidden) === String(settings.hidden));
  if (task === "baseline" && !known) others.push(["hidden", settings.hidden]);
  return others;
}

/** Lists the settings of parts of one task: the name of each on the page, and its different values. */
export function settingLines(configs: readonly RunConfig[]): { name: string; value: string }[] {
  const names = distinct(configs.flatMap(({ settings }) => Object.keys(settings)));
  return names.filter((name) => !ELSEWHERE.includes(name)).map((name) => ({
    name: NAMES.get(name) ?? snakeCase(name).replaceAll("_", " "),
    value: distinct(configs.map(({ settings }) => settingText(ownSetting(settings, name))))
      .join("; "),
  }));
}

/** A setting by any name: one called `constructor` is not that of all objects. */
function ownSetting(settings: Settings, name: string): Setting | undefined {
  return Object.hasOwn(settings, name) ? settings[name] : undefined;
}

/** Prints the value of a setting as typed on a command line; "none" for one that was left open. */
export function settingText(value: Setting | undefined): string {
  if (value === null || value === undefined) return "none";
  if (Array.isArray(value)) return value.map(settingText).join(",");
  const small = typeof value === "number" && value !== 0 && Math.abs(value) < 1e-3;
  return small ? value.toExponential() : String(value);
}
