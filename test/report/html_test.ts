import { assertEquals, assertStringIncludes } from "@std/assert";
import { escapeHtml, idOf, inlineSvg, markup, tableHtml } from "../../src/report/html.ts";

Deno.test("markup() escapes texts, and leaves pieces of HTML as they are", () => {
  const piece = markup`<b>${"<i> & \"'"}</b>`;
  assertEquals(piece.text, "<b>&lt;i&gt; &amp; &quot;&#39;</b>");
  assertEquals(
    markup`${piece}, ${1.5}, ${[piece, "<"]}${null}.`.text,
    [
      `${piece.text}, 1.5, `,
      `${piece.text}&lt;.`,
    ].join(""),
  );
});

Deno.test("escapeHtml() escapes the ampersand first", () => {
  assertEquals(escapeHtml("&lt;"), "&amp;lt;");
});

Deno.test("tableHtml() names every column and every row for a screen reader", () => {
  const { text } = tableHtml({
    id: "loss",
    caption: "Loss & cost",
    head: ["Run", "Loss", "Outcome"],
    rows: [["3-layer", 1.5, "stalled"]],
    words: [2],
  });
  assertStringIncludes(text, 'role="region" aria-labelledby="loss-caption"');
  assertStringIncludes(text, '<caption id="loss-caption">Loss &amp; cost</caption>');
  assertStringIncludes(
    text,
    '<tr><th scope="col">Run</th><th scope="col">Loss</th><th scope="col" class="words">Outcome</th></tr>',
  );
  assertStringIncludes(
    text,
    '<tr><th scope="row">3-layer</th><td>1.5</td><td class="words">stalled</td></tr>',
  );
});

Deno.test("tableHtml() sets groups of rows apart, and leaves out those without any", () => {
  const { text } = tableHtml({
    id: "gradients",
    caption: "Errors",
    head: ["Parameter", "Error"],
    rows: [["W1", 1]],
    groups: [{ heading: "Exactly 0", rows: [["b1", 2]] }, { heading: "Nothing", rows: [] }],
  });
  assertEquals(text.split("<tbody>").length - 1, 2);
  assertStringIncludes(
    text,
    '<tr><th scope="rowgroup" colspan="2">Exactly 0</th></tr>\n<tr><th scope="row">b1</th><td>2</td></tr>',
  );
  assertEquals(text.includes("Nothing"), false);
});

Deno.test("inlineSvg() changes ids and what refers to them, in tags but not in texts", () => {
  const svg = '<?xml version="1.0"?>\n' +
    '<svg role="img" aria-labelledby="t d" width="830"><title id="t">id="t" url(#c)</title>' +
    '<desc id="d"/><clipPath id="c"/><g clip-path="url(#c)"/><use href="#c"/><use xlink:href="#c"/></svg>\n';
  assertEquals(
    inlineSvg(svg, "a-").text,
    '<svg role="img" aria-labelledby="a-t a-d" width="830"><title id="a-t">id="t" url(#c)</title>' +
      '<desc id="a-d"/><clipPath id="a-c"/><g clip-path="url(#a-c)"/><use href="#a-c"/><use xlink:href="#a-c"/></svg>',
  );
});

Deno.test("inlineSvg() lets no prefix end an attribute", () => {
  const svg =
    '<svg aria-labelledby="t"><title id="t"/><g clip-path="url(#c)"/><use href="#c"/></svg>';
  const start = "$&amp;&quot;onload=&quot;f()&quot;";
  assertEquals(
    inlineSvg(svg, '$&"onload="f()"').text,
    `<svg aria-labelledby="${start}t"><title id="${start}t"/><g clip-path="url(#${start}c)"/>` +
      `<use href="#${start}c"/></svg>`,
  );
});

Deno.test("idOf() keeps plain names, and makes others plain and different", () => {
  assertEquals(idOf("hidden-50-30"), "hidden-50-30");
  assertEquals(idOf('a "b"_é🙂'), "a_20__22_b_22__5f__e9__1f642_");
});
