/**
 * The last section of a report: with what and on what it was made, and how to make it again.
 *
 * @module
 */

import { type Html, markup } from "./html.ts";
import { allParts, distinct, type Part, type PartConfig, type ReportData } from "./report_data.ts";
import { NOTHING, seedsOf } from "./report_parts.ts";
import { dataOf, isQuick, otherSettings, settingText } from "./report_settings.ts";
import { enumerate } from "./report_text.ts";

/**
 * Makes the section.
 *
 * @param data What the report shows.
 * @returns All below the section's heading.
 */
export function originSection(data: ReportData): Html {
  const parts = allParts(data);
  if (parts.length === 0) return NOTHING;
  const made = (name: string) =>
    distinct(parts.map(({ config }) => String(config.made_with[name] ?? "unknown"))).join("; ");
  const adapters = distinct(
    parts.map(({ config: { made_with } }) =>
      `${made_with.adapter ?? "unknown"}, driver ${made_with.vendor ?? "unknown"}, ${
        made_with.software === true ? "software" : "hardware"
      }`
    ),
  );
  const facts: [name: string, value: string][] = [
    ["Adapter", adapters.join("; ")],
    ["Package", `@headless/mlp ${made("package_version")}`],
    ["Deno", made("deno_version")],
    ["Kernel variant", made("variant")],
    ["Seeds", enumerate(seedsOf(parts))],
    ["Data set", distinct(parts.map(({ config }) => dataOf(config))).join("; ")],
    ["SHA-256 of the data set", hashes(parts)],
  ];
  return markup`<dl class="facts">
${facts.map(([name, value]) => markup`<div><dt>${name}</dt> <dd>${value}</dd></div>\n`)}</dl>
<h3>To make it again</h3>
<p>All parts, and the page; what is finished is kept:</p>
<pre><code>${reproduceCommand(parts)}</code></pre>
<p>One part after another; each takes a seed:</p>
<pre><code>${partCommands(parts).join("\n")}</code></pre>
<p>The figures and the page alone, from the files, on a machine without a GPU:</p>
<pre><code>deno task report${
    parts.some(({ config }) => isQuick(config)) ? " --quick" : ""
  }</code></pre>
<p>The settings of each part stand in its section, and in the file <code>config.json</code> beside its numbers.</p>
`;
}

function hashes(parts: readonly Part[]): string {
  return distinct(parts.map(({ config }) => String(config.settings.data_sha256 ?? "unknown")))
    .join("; ");
}

/** The number of seeds that `reproduce` takes unless told otherwise. */
const DEFAULT_SEEDS = { usual: 3, quick: 1 };

function reproduceCommand(parts: readonly Part[]): string {
  const seeds = seedsOf(parts);
  const { config } = parts[0];
  const usual = isQuick(config) ? DEFAULT_SEEDS.quick : DEFAULT_SEEDS.usual;
  return [
    "deno task reproduce",
    ...seeds[0] === 1 ? [] : [`--seed ${seeds[0]}`],
    ...seeds.length === usual ? [] : [`--seeds ${seeds.length}`],
    ...commonOptions(config),
  ].join(" ");
}

/** A command for each task; for the runs of a baseline that are not the report's, one each. */
function partCommands(parts: readonly Part[]): string[] {
  return distinct(
    parts.filter(({ seed }) => seed === parts[0].seed).map(({ config, seed }) =>
      [
        `deno task ${config.task} --seed ${seed}`,
        ...commonOptions(config),
        // A quick try has settings of its own, which its flag brings back.
        ...isQuick(config)
          ? []
          : otherSettings(config).map(([name, value]) =>
            `--${name.replaceAll("_", "-")} ${settingText(value)}`
          ),
      ].join(" ")
    ),
  );
}

/** Options that any task takes. Where the data lie is left to whoever makes it again. */
function commonOptions({ settings, made_with }: PartConfig): string[] {
  const { variant, quick } = settings;
  const { data_option: data } = made_with;
  return [
    ...quick === true ? ["--quick"] : [],
    ...data === "synthetic" ? ["--data synthetic"] : [],
    ...typeof data === "string" && data !== "synthetic" ? ["--data DIR"] : [],
    ...typeof variant === "string" ? [`--variant ${variant}`] : [],
  ];
}
