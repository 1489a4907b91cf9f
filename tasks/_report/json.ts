/**
 * The JSON files of a reproduction, checked as they are read: these files are for people too, and people edit them.
 *
 * @module
 */
import { DataError } from "../../src/errors.ts";
import { readTextIfThere } from "../_kit/files.ts";
import type { Evaluation } from "../../src/model/metrics.ts";
import type { GradientTrial, PartConfig, RunEnding } from "../../src/report/data.ts";
import type { SensitivityRun } from "../../src/train/sensitivity.ts";
import { PACKAGE_NAME } from "../_kit/version.ts";

/** A JSON object. */
interface Fields {
  readonly [name: string]: unknown;
}

/**
 * Reads a JSON file.
 *
 * @param path Its path.
 * @param convert Checks and converts what is in it; throws a `TypeError` for what it does not expect.
 * @returns What `convert` gives; undefined where there is no such file.
 * @throws {DataError} When the file is not what this program writes.
 */
export async function readJson<Type>(
  path: string,
  convert: (fields: Fields) => Type,
): Promise<Type | undefined> {
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  try {
    return convert(objectOf(JSON.parse(text), "all of it"));
  } catch (error) {
    // JSON.parse throws the one, the checks below the other.
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    throw new DataError(`Cannot read ${path}: ${error.message}`);
  }
}

/** Converts a `config.json`. */
export function toConfig(fields: Fields): PartConfig {
  if (fields.package !== PACKAGE_NAME) {
    throw new TypeError(`package is ${show(fields.package)}, expected ${show(PACKAGE_NAME)}`);
  }
  return {
    task: stringOf(fields.task, "task"),
    settings: objectOf(fields.settings, "settings"),
    made_with: objectOf(fields.made_with, "made_with"),
  };
}

/** Converts the `summary.json` of a training. */
export function toEnding(fields: Fields): RunEnding {
  return {
    train: evaluationOf(fields.train, "train"),
    val: evaluationOf(fields.val, "val"),
    test: evaluationOf(fields.test, "test"),
    steps: numberOf(fields.steps, "steps"),
    diverged_at: fields.diverged_at === null ? null : numberOf(fields.diverged_at, "diverged_at"),
  };
}

/** Converts the `summary.json` of a gradient check. */
export function toTrials(fields: Fields): GradientTrial[] {
  return listOf(fields.trials, "trials").map((each, i) => {
    const trial = objectOf(each, `trials[${i}]`);
    const worst = objectOf(trial.worst, `trials[${i}].worst`);
    return {
      hidden: listOf(trial.hidden, "hidden").map((width) => numberOf(width, "hidden")),
      batch_norm: booleanOf(trial.batch_norm, "batch_norm"),
      inputs: numberOf(trial.inputs, "inputs"),
      batch: numberOf(trial.batch, "batch"),
      worst: {
        name: stringOf(worst.name, "name"),
        kind: stringOf(worst.kind, "kind"),
        error: numberOf(worst.error, "error"),
        bar: numberOf(worst.bar, "bar"),
      },
    };
  });
}

/** Converts the `summary.json` of a study of initial weights. */
export function toStudy(fields: Fields): { classes: number; runs: SensitivityRun[] } {
  const runs = listOf(fields.runs, "runs").map((each, i) => {
    const run = objectOf(each, `runs[${i}]`);
    return {
      ...toEnding(run),
      sigma: stringOf(run.sigma, "sigma"),
      batch_norm: booleanOf(run.batch_norm, "batch_norm"),
      outcome: stringOf(run.outcome, "outcome"),
    };
  });
  return { classes: numberOf(fields.classes, "classes"), runs };
}

function evaluationOf(value: unknown, name: string): Evaluation {
  const fields = objectOf(value, name);
  const number = (key: string) =>
    fields[key] === null ? NaN : numberOf(fields[key], `${name}.${key}`);
  // JSON has no NaN: a number that was NaN or infinite is null there.
  return { loss: number("loss"), cost: number("cost"), accuracy: number("accuracy") };
}

function objectOf(value: unknown, name: string): Fields {
  const fits = typeof value === "object" && value !== null && !Array.isArray(value);
  return expectOf(value as Fields, { fits, name, expected: "an object" });
}

function listOf(value: unknown, name: string): readonly unknown[] {
  return expectOf(value as readonly unknown[], {
    fits: Array.isArray(value),
    name,
    expected: "a list",
  });
}

function stringOf(value: unknown, name: string): string {
  return expectOf(value as string, { fits: typeof value === "string", name, expected: "a text" });
}

function numberOf(value: unknown, name: string): number {
  return expectOf(value as number, { fits: typeof value === "number", name, expected: "a number" });
}

function booleanOf(value: unknown, name: string): boolean {
  return expectOf(value as boolean, {
    fits: typeof value === "boolean",
    name,
    expected: "true or false",
  });
}

function expectOf<Type>(
  value: Type,
  { fits, name, expected }: { fits: boolean; name: string; expected: string },
): Type {
  if (fits) return value;
  throw new TypeError(`${name} is ${show(value)}, expected ${expected}`);
}

/** A value as it stands in the file, cut where it is long. */
function show(value: unknown): string {
  const text = value === undefined ? "missing" : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
