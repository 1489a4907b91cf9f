/**
 * `config.json`: what results were made with.
 *
 * @module
 */

import { fieldsOf, JsonFile, TEXT, unexpected } from "./json.ts";
import { camelCase, snakeCase } from "./names.ts";

/** The package that writes the files; every `config.json` names it, so that no other program's file is mistaken for one. */
export const PACKAGE_NAME = "@headless/mlp";

/** The value of a setting. */
export type Setting = string | number | boolean | null | readonly Setting[];

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

function settingsOf(value: unknown, name: string): Settings {
  return renamed(fieldsOf(value, name) as Settings, camelCase);
}

function renamed(settings: Settings, rename: (name: string) => string): Settings {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [rename(name), value]));
}
