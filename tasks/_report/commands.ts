/** The commands that repeat a reproduction. */
import { distinct, minimum } from "../../src/lists.ts";
import type { RunConfig } from "../../src/records/config.ts";
import type { Part, ReportCommands } from "../../src/report/data.ts";
import { isQuick, otherSettings, settingText } from "../../src/report/settings.ts";
import { optionName } from "../_kit/options.ts";
import { shellOption, shellWord } from "../_kit/shell.ts";

/** The number of seeds of `reproduce` by default, and with `--quick`. */
export const DEFAULT_SEEDS = { usual: 3, quick: 1 };

/** The commands that repeat these parts, of which there is at least one. What files say is quoted for a shell. */
export function commandsFor(parts: readonly Part[]): ReportCommands {
  const quick = parts.some(({ config }) => isQuick(config));
  return {
    all: reproduceCommand(parts),
    parts: partCommands(parts),
    page: `deno task report${quick ? " --quick" : ""}`,
  };
}

function reproduceCommand(parts: readonly Part[]): string {
  const seeds = distinct(parts.map(({ seed }) => seed));
  const first = minimum(seeds);
  const { config } = parts[0];
  const usual = isQuick(config) ? DEFAULT_SEEDS.quick : DEFAULT_SEEDS.usual;
  return [
    "deno task reproduce",
    ...first === 1 ? [] : [`--seed ${first}`],
    ...seeds.length === usual ? [] : [`--seeds ${seeds.length}`],
    ...commonOptions(config),
  ].join(" ");
}

/** A command for each task, and for each run of a baseline that is not the report's. */
function partCommands(parts: readonly Part[]): string[] {
  return distinct(
    parts.filter(({ seed }) => seed === parts[0].seed).map(({ config, seed }) =>
      [
        `deno task ${shellWord(config.task)} --seed ${seed}`,
        ...commonOptions(config),
        // The flag --quick implies the settings of a quick run.
        ...isQuick(config)
          ? []
          : otherSettings(config).map(([name, value]) =>
            shellOption(optionName(name), settingText(value))
          ),
      ].join(" ")
    ),
  );
}

/** Options of every task; a reader has the data elsewhere. */
function commonOptions({ settings, madeWith }: RunConfig): string[] {
  const { variant, quick, label } = settings;
  const { dataOption: data } = madeWith;
  return [
    ...quick === true ? ["--quick"] : [],
    ...data === "synthetic" ? ["--data synthetic"] : [],
    ...typeof data === "string" && data !== "synthetic" ? ["--data PATH"] : [],
    ...typeof label === "string" ? [shellOption("--label", label)] : [],
    ...typeof variant === "string" ? [shellOption("--variant", variant)] : [],
  ];
}
