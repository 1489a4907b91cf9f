/** Checks the settings of a reproduction: the page and its figures use them as numbers and as texts. */
import { DataError } from "../../src/errors.ts";
import type { RunConfig } from "../../src/records/config.ts";
import {
  BOOLEAN,
  COUNT,
  type JsonValue,
  list,
  nullable,
  NUMBER,
  TEXT,
  unexpected,
} from "../../src/records/json.ts";
import { snakeCase } from "../../src/records/names.ts";
import { runName } from "../_kit/run_name.ts";

/** What a setting may be; only what {@linkcode checkConfig} needs of a JSON value. */
type SettingKind = Pick<JsonValue<unknown>, "decode">;

const NUMBER_FROM_1 = kind(
  (value) => Number.isSafeInteger(value) && value as number >= 1,
  "a whole number from 1",
);

const INITIAL_WEIGHTS = kind(
  (value) => value === "he" || value === "xavier" || isNumber(value),
  "he, xavier or a number",
);

/** Which numbers make a range is for the figure to say. */
const NUMBERS = kind(
  (value) => (Array.isArray(value) ? value : [value]).every(isNumber),
  "numbers",
);

/** The page gives it as part of a command. */
const VARIANT = kind(
  (value) => value === null || typeof value === "string" && /^[a-z0-9-]+$/.test(value),
  "null or a name as in per-operation",
);

const HIDDEN = listOf(NUMBER_FROM_1);

/** The settings whose values are used as more than texts of the page. */
const KINDS: ReadonlyMap<string, SettingKind> = new Map(Object.entries({
  seed: COUNT,
  quick: BOOLEAN,
  variant: VARIANT,
  data: TEXT,
  dataSha256: nullable(TEXT),
  hidden: HIDDEN,
  batchNorm: kind(
    (value) => ["on", "off", "both"].some((word) => word === value),
    "on, off or both",
  ),
  lambda: NUMBER,
  batch: NUMBER_FROM_1,
  inputs: NUMBER_FROM_1,
  etaMin: NUMBER,
  etaMax: NUMBER,
  halfCycle: NUMBER_FROM_1,
  cycles: NUMBER_FROM_1,
  epochs: NUMBER_FROM_1,
  learningRate: NUMBER,
  earlyStop: NUMBER_FROM_1,
  init: INITIAL_WEIGHTS,
  inits: listOf(INITIAL_WEIGHTS),
  every: NUMBER_FROM_1,
  coarse: NUMBERS,
  coarseCount: NUMBER_FROM_1,
  fine: NUMBERS,
  fineCount: NUMBER_FROM_1,
  refine: COUNT,
  repeat: NUMBER_FROM_1,
  finalCycles: NUMBER_FROM_1,
}));

/** Checks that a `config.json` is of a task and a seed, and that its settings are of their kinds. */
export function checkConfig(
  { task, settings }: RunConfig,
  expected: {
    readonly name: string;
    readonly task: string;
    readonly seed: number;
    /** Of a baseline run, the name of its folder. */
    readonly run?: string;
  },
): void {
  try {
    if (task !== expected.task) throw unexpected(task, "task", JSON.stringify(expected.task));
    for (const [name, value] of Object.entries(settings)) {
      KINDS.get(name)?.decode(value, `settings.${snakeCase(name)}`);
    }
    const { seed, hidden, batchNorm } = settings;
    if (seed !== expected.seed) {
      throw unexpected(seed, "settings.seed", `${expected.seed} as in the name of its folder`);
    }
    if (expected.run === undefined) return;
    const widths = HIDDEN.decode(hidden, "settings.hidden") as number[];
    const own = runName({ hidden: widths, batchNorm: batchNorm === "on" });
    if (own === expected.run) return;
    throw new DataError(
      `its settings are those of ${own}, expected those of ${expected.run} as in the name of its folder`,
    );
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`Cannot read ${expected.name}: ${error.message}`);
  }
}

function isNumber(value: unknown): boolean {
  return typeof value === "number";
}

function kind(fits: (value: unknown) => boolean, expected: string): SettingKind {
  return {
    decode: (value, name) => {
      if (!fits(value)) throw unexpected(value, name, expected);
      return value;
    },
  };
}

function listOf({ decode }: SettingKind): SettingKind {
  return { decode: list({ decode, encode: (value) => value }).decode };
}
