/**
 * Pieces of HTML. Whatever is put into one is escaped, unless it is such a piece itself.
 *
 * @module
 */

/** A piece of HTML. */
export class Html {
  /** The piece as text. */
  readonly text: string;

  /** Marks a text as HTML that needs no escaping. */
  constructor(text: string) {
    this.text = text;
  }
}

/** What {@linkcode markup} accepts; null leaves nothing. */
export type Content = Html | string | number | null | readonly Content[];

/**
 * Puts pieces together: a tag for template literals, which escapes texts and numbers but not {@linkcode Html}.
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

/** Escapes a text for use between tags and between quotes of either kind. */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}

/**
 * Makes part of an id from any text, such as a folder's name: all but ASCII letters, digits and hyphens become code points
 * between underscores, so that different names stay different.
 */
export function idOf(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9-]/gu, (sign) => `_${sign.codePointAt(0)!.toString(16)}_`);
}

/** A table, cell by cell. */
interface Table {
  /** Different for every table of a page; the id of its caption begins with it. */
  readonly id: string;
  /** What it shows, in one line. */
  readonly caption: Content;
  /** The names of the columns, none empty. */
  readonly head: readonly Content[];
  /** The rows; the first cell of each names it. */
  readonly rows: readonly Row[];
  /** Further rows, set apart; a group without rows is left out. */
  readonly groups?: readonly RowGroup[];
  /** Columns, counted from 0, that are aligned left because they hold words; the first always is. */
  readonly words?: readonly number[];
}

/** The cells of a row. */
export type Row = readonly Content[];

/** Rows that belong together, below a line that says what they have in common. */
interface RowGroup {
  readonly heading: Content;
  readonly rows: readonly Row[];
}

/** Makes a table that scrolls within its own box where it is wider than the page. */
export function tableHtml({ id, caption, head, rows, groups = [], words = [] }: Table): Html {
  const names = head.map((name, i) =>
    cellHtml(name, { tag: "th", scope: "col", words: words.includes(i) })
  );
  // A box that scrolls must be reachable by keyboard, and have a name.
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
 * Makes an SVG file part of a page, with a prefix before its ids so that those of several drawings differ.
 *
 * The text goes into the page as it is, so it must come from this program. The prefix has no blanks, because lists of ids
 * are separated by blanks.
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
  // Within tags only: a text may contain anything.
  return new Html(
    text.replace(/<[^>]*>/g, (tag) =>
      tag
        // Functions, because "$" has a meaning in a replacement text.
        .replace(/ id="/g, () => ` id="${start}`)
        .replace(/url\((["']?)#/g, (_, quote) => `url(${quote}#${start}`)
        .replace(/href="#/g, () => `href="#${start}`)
        .replace(
          / (aria-(?:labelledby|describedby))="([^"]*)"/g,
          (_, name, ids) => ` ${name}="${ids.replace(/\S+/g, (id: string) => start + id)}"`,
        )),
  );
}
