/**
 * The last section of a report: what it was made with and on, and how to repeat it.
 *
 * @module
 */

import { distinct, enumerate } from "../lists.ts";
import { allParts, type Part, type ReportCommands, type ReportData } from "./data.ts";
import { type Html, markup } from "./html.ts";
import { NOTHING, seedsOf } from "./parts.ts";
import { dataOf } from "./settings.ts";

export function originSection(data: ReportData): Html {
  const parts = allParts(data);
  if (parts.length === 0) return NOTHING;
  const made = (name: string) =>
    distinct(parts.map(({ config }) => String(config.madeWith[name] ?? "unknown"))).join("; ");
  const adapters = distinct(
    parts.map(({ config: { madeWith } }) =>
      `${madeWith.adapter ?? "unknown"}, driver ${madeWith.vendor ?? "unknown"}, ${
        madeWith.software === true ? "software" : "hardware"
      }`
    ),
  );
  const facts: [name: string, value: string][] = [
    ["Adapter", adapters.join("; ")],
    ["Package", `@headless/mlp ${made("packageVersion")}`],
    ["Deno", made("denoVersion")],
    ["Kernel variant", made("variant")],
    ["Seeds", enumerate(seedsOf(parts))],
    ["Data set", distinct(parts.map(({ config }) => dataOf(config))).join("; ")],
    ["SHA-256 of the data set", hashes(parts)],
  ];
  return markup`<dl class="facts">
${facts.map(([name, value]) => markup`<div><dt>${name}</dt> <dd>${value}</dd></div>\n`)}</dl>
${data.commands === null ? null : commandsHtml(data.commands)}`;
}

function commandsHtml({ all, parts, page }: ReportCommands): Html {
  return markup`<h3>To repeat it</h3>
<p>All parts and the page; finished parts are kept:</p>
<pre><code>${all}</code></pre>
<p>One part after another; each takes a seed:</p>
<pre><code>${parts.join("\n")}</code></pre>
<p>The figures and the page alone, from the files, on a machine without a GPU:</p>
<pre><code>${page}</code></pre>
<p>The settings of each part are listed in its section, and in a file beside its numbers.</p>
`;
}

function hashes(parts: readonly Part[]): string {
  return distinct(parts.map(({ config }) => String(config.settings.dataSha256 ?? "unknown")))
    .join("; ");
}
