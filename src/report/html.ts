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

/**
 * Makes a part of an id of a name, which may hold anything that a folder's name may.
 *
 * @param name Any text.
 * @returns The name with all but ASCII letters, digits and hyphens as code points between underscores; different names
 * stay different.
 */
export function idOf(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9-]/gu, (sign) => `_${sign.codePointAt(0)!.toString(16)}_`);
}

/** A table, cell by cell. */
export interface Table {
  /** What the page calls it, different for every table of a page: its caption's id begins with it. */
  readonly id: string;
  /** What it shows, in one line above it. */
  readonly caption: Content;
  /** The names of the columns, none empty. */
  readonly head: readonly Content[];
  /** The rows; the first cell of each names it. */
  readonly rows: readonly Row[];
  /** Further rows, which are set apart from those and from each other; a group without rows is left out. */
  readonly groups?: readonly RowGroup[];
  /** Columns of words rather than numbers, from 0; words are set to the left. The first column always is. */
  readonly words?: readonly number[];
}

/** The cells of a row. */
export type Row = readonly Content[];

/** Rows that belong together. */
export interface RowGroup {
  /** What they have in common, in a line above them. */
  readonly heading: Content;
  /** The rows. */
  readonly rows: readonly Row[];
}

/**
 * Makes a table that scrolls within its own box where it is wider than the page.
 *
 * @param table The table.
 * @returns The box with the table.
 */
export function tableHtml({ id, caption, head, rows, groups = [], words = [] }: Table): Html {
  const names = head.map((name, i) =>
    cellHtml(name, { tag: "th", scope: "col", words: words.includes(i) })
  );
  // A box that scrolls has to be within reach of the keyboard, and to have a name there.
  return markup`<div class="table" role="region" aria-labelledby="${id}-caption" tabindex="0"><table>
<caption id="${id}-caption">${caption}</caption>
<thead><tr>${names}</tr></thead>
<tbody>
${rowsHtml(rows, words)}</tbody>
${
    groups.filter(({ rows }) => rows.length > 0).map((group) =>
      markup`<tbody>
<tr><th scope="rowgroup" colspan="${head.length}">${group.heading}</th></tr>
${rowsHtml(group.rows, words)}</tbody>
`
    )
  }</table></div>
`;
}

function rowsHtml(rows: readonly Row[], words: readonly number[]): Html[] {
  return rows.map(([name, ...cells]) =>
    markup`<tr>${cellHtml(name, { tag: "th", scope: "row" })}${
      cells.map((cell, i) => cellHtml(cell, { tag: "td", words: words.includes(i + 1) }))
    }</tr>\n`
  );
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
 * @param prefix What its ids begin with from now on, different for every drawing of a page; without blanks, which would
 * make two ids of one where ids are listed.
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
  const start = escapeHtml(prefix);
  // Only within tags: a text may say anything.
  return new Html(
    text.replace(/<[^>]*>/g, (tag) =>
      tag
        // By functions: in a text "$" would have a meaning.
        .replace(/ id="/g, () => ` id="${start}`)
        .replace(/url\((["']?)#/g, (_, quote) => `url(${quote}#${start}`)
        .replace(/href="#/g, () => `href="#${start}`)
        .replace(
          / (aria-(?:labelledby|describedby))="([^"]*)"/g,
          (_, name, ids) => ` ${name}="${ids.replace(/\S+/g, (id: string) => start + id)}"`,
        )),
  );
}
