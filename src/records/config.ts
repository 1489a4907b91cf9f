/**
 * `config.json`: what results were made with.
 *
 * @module
 */

import { DataError, shown } from "../errors.ts";
import { fieldsOf, JsonFile, TEXT, unexpected } from "./json.ts";
import { camelCase, snakeCase } from "./names.ts";

/** The package that writes the files; every `config.json` names it, so that no other program's file is mistaken for one. */
export const PACKAGE_NAME = "@headless/mlp";

/** The value of a setting. */
export type Setting = SingleSetting | readonly SingleSetting[];

/** A value that is not a list. */
export type SingleSetting = string | number | boolean | null;

/** Settings by their names. */
export interface Settings {
  /** The value of a setting, undefined where it has none. */
  readonly [name: string]: Setting | undefined;
}

/** All that is needed to run again. */
export interface RunConfig {
  /** The task that ran. */
  readonly task: string;
  /** What decides the results. */
  readonly settings: Settings;
  /** What the results were made with and on, which does not decide them: versions, adapter, kernel variant. */
  readonly madeWith: Settings;
}

/** The format of `config.json`. */
export const CONFIG_JSON: JsonFile<RunConfig> = new JsonFile({
  encode: ({ task, settings, madeWith }) => ({
    package: PACKAGE_NAME,
    task,
    settings: renamed(settings, snakeCase),
    made_with: renamed(madeWith, snakeCase),
  }),
  decode: (value, name) => {
    const fields = fieldsOf(value, name);
    if (fields.package !== PACKAGE_NAME) {
      throw unexpected(fields.package, "package", JSON.stringify(PACKAGE_NAME));
    }
    return {
      task: TEXT.decode(fields.task, "task"),
      settings: settingsOf(fields.settings, "settings"),
      madeWith: settingsOf(fields.made_with, "made_with"),
    };
  },
});

/** As the program writes them: `to_string` is one, `__proto__` is not. */
const NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;

function settingsOf(value: unknown, name: string): Settings {
  const settings = fieldsOf(value, name);
  for (const [own, setting] of Object.entries(settings)) {
    if (!NAME.test(own)) {
      throw new DataError(
        `the name of one of ${name} is ${shown(own)}, expected one as in batch_norm`,
      );
    }
    checkSetting(setting, `${name}.${own}`);
  }
  return renamed(settings as Settings, camelCase);
}

function checkSetting(value: unknown, name: string): void {
  if ((Array.isArray(value) ? value : [value]).every(isSingle)) return;
  throw unexpected(value, name, "a text, a number, true, false, null or a list of these");
}

function isSingle(value: unknown): value is SingleSetting {
  return value === null || typeof value === "string" || typeof value === "boolean" ||
    typeof value === "number" && Number.isFinite(value);
}

function renamed(settings: Settings, rename: (name: string) => string): Settings {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [rename(name), value]));
}
