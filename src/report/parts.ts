/**
 * What the sections of a report share.
 *
 * @module
 */

import { distinct, enumerate } from "../lists.ts";
import type { RunConfig } from "../records/config.ts";
import type { Part } from "./data.ts";
import { type Content, type Html, inlineSvg, markup } from "./html.ts";
import { dataOf, isQuick, settingLines } from "./settings.ts";

/** The published cell where the report has no such number. */
export const NO_PUBLISHED = "none";

/** The published cell where the report's number is of other data or settings. */
export const NOT_COMPARABLE = "not comparable";

/** A section whose part is missing. */
export const NOTHING: Html = markup`<p>Not measured: this part is missing.</p>
`;

/** Makes the one-line caption of a table or figure: what is shown, the data, and whether it is a quick run. */
export function captionOf(text: string, parts: readonly Part[]): string {
  const configs = parts.map(({ config }) => config);
  const quick = configs.some(isQuick) ? " Quick run: not a result." : "";
  const data = configs.length === 0 ? "" : ` Data: ${enumerate(distinct(configs.map(dataOf)))}.`;
  return `${text}.${data}${quick}`;
}

/**
 * Makes a figure from the text of an SVG file.
 *
 * `id` is different for every figure of a page and begins the ids within the drawing; `caption` goes below.
 */
export function figureHtml(svg: string, options: { id: string; caption: Content }): Html {
  const { id, caption } = options;
  return markup`<figure id="${id}">
${inlineSvg(svg, `${id}-`)}
<figcaption>${caption}</figcaption>
</figure>
`;
}

/** Lists the settings of parts of one task, below a heading. */
export function settingsHtml(configs: readonly RunConfig[]): Html {
  return markup`<h3>Settings</h3>
<dl>
${
    settingLines(configs).map(({ name, value }) =>
      markup`<div><dt>${name}</dt> <dd>${value}</dd></div>\n`
    )
  }</dl>
`;
}

/** Lists the seeds of parts, each once, ascending. */
export function seedsOf(parts: readonly Part[]): number[] {
  return distinct(parts.map(({ seed }) => seed)).sort((a, b) => a - b);
}

/** Says where the figures of the other seeds are; null where there is one seed only. */
export function otherSeeds(parts: readonly Part[]): Html | null {
  const [first] = seedsOf(parts);
  const folders = distinct(parts.filter(({ seed }) => seed !== first).map(({ folder }) => folder));
  if (folders.length === 0) return null;
  const list = folders.map((folder, i) => markup`${i === 0 ? "" : ", "}<code>${folder}</code>`);
  return markup`<p>The figures are of seed ${first}; those of the others lie in ${list}.</p>
`;
}
