/**
 * Pieces of HTML that cannot be mistaken for text: what is put into them is escaped unless it is such a piece itself.
 *
 * @module
 */

/** A piece of HTML. */
export class Html {
  /** The piece as text. */
  readonly text: string;

  /**
   * Takes a text for HTML.
   *
   * @param text HTML that is safe as it is.
   */
  constructor(text: string) {
    this.text = text;
  }
}

/** What can be put into a piece of HTML; null leaves nothing. */
export type Content = Html | string | number | null | readonly Content[];

/**
 * Puts pieces together: a tag for template literals.
 *
 * @param parts What stands between the values, which is HTML.
 * @param values Texts and numbers, which are escaped, pieces of HTML, which are not, and lists of all these.
 * @returns The whole piece.
 *
 * @example A paragraph with a text that looks like HTML
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { markup } from "./html.ts";
 *
 * assertEquals(markup`<p title="${'"'}">${"a < b"}</p>`.text, '<p title="&quot;">a &lt; b</p>');
 * ```
 */
export function markup(parts: TemplateStringsArray, ...values: Content[]): Html {
  const texts = values.map((value, i) => textOf(value) + parts[i + 1]);
  return new Html(parts[0] + texts.join(""));
}

function textOf(content: Content): string {
  if (content === null) return "";
  if (content instanceof Html) return content.text;
  return typeof content === "object" ? content.map(textOf).join("") : escapeHtml(String(content));
}

/**
 * Escapes a text, for between tags and for between double quotes.
 *
 * @param text Any text.
 * @returns HTML that shows it.
 */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** A table, cell by cell. */
export interface Table {
  /** What it shows, in one line above it. */
  readonly caption: Content;
  /** The names of the columns. */
  readonly head: readonly Content[];
  /** The rows; the first cell of each names it. */
  readonly rows: readonly (readonly Content[])[];
  /** Columns of words rather than numbers, from 0; words are set to the left. The first column always is. */
  readonly words?: readonly number[];
}

/**
 * Makes a table that scrolls within its own box where it is wider than the page.
 *
 * @param table The table.
 * @returns The box with the table.
 */
export function tableHtml({ caption, head, rows, words = [] }: Table): Html {
  const names = head.map((name, i) =>
    cellHtml(name, { tag: "th", scope: "col", words: words.includes(i) })
  );
  const lines = rows.map(([name, ...cells]) => [
    cellHtml(name, { tag: "th", scope: "row" }),
    ...cells.map((cell, i) => cellHtml(cell, { tag: "td", words: words.includes(i + 1) })),
  ]);
  // A box that scrolls has to be within reach of the keyboard.
  return markup`<div class="table" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${names}</tr></thead>
<tbody>
${lines.map((cells) => markup`<tr>${cells}</tr>\n`)}</tbody>
</table></div>
`;
}

function cellHtml(
  content: Content,
  options: { tag: "th" | "td"; scope?: "col" | "row"; words?: boolean },
): Html {
  const { tag, scope, words = false } = options;
  const attributes = (scope === undefined ? "" : ` scope="${scope}"`) +
    (words ? ' class="words"' : "");
  return new Html(`<${tag}${attributes}>${markup`${content}`.text}</${tag}>`);
}

/**
 * Makes an SVG file a part of a page: its ids get a prefix, so that those of several drawings differ, and it becomes
 * narrower where the page is.
 *
 * @param svg The text of the file; it becomes part of the page as it is, so it must come from this program.
 * @param prefix What its ids begin with from now on, different for every drawing of a page.
 * @returns The drawing.
 *
 * @example Two drawings of one page
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { inlineSvg } from "./html.ts";
 *
 * const svg = '<svg><clipPath id="clip"/><g clip-path="url(#clip)"/></svg>';
 *
 * assertEquals(inlineSvg(svg, "a-").text, '<svg><clipPath id="a-clip"/><g clip-path="url(#a-clip)"/></svg>');
 * ```
 */
export function inlineSvg(svg: string, prefix: string): Html {
  const text = svg.slice(svg.indexOf("<svg")).trimEnd();
  // Only within tags: a text may say anything.
  return new Html(
    text.replace(/<[^>]*>/g, (tag) =>
      tag
        .replace(/ id="/g, ` id="${prefix}`)
        .replace(/url\((["']?)#/g, `url($1#${prefix}`)
        .replace(/href="#/g, `href="#${prefix}`)
        .replace(
          / (aria-(?:labelledby|describedby))="([^"]*)"/g,
          (_, name, ids) => ` ${name}="${ids.replace(/\S+/g, (id: string) => prefix + id)}"`,
        )),
  );
}
