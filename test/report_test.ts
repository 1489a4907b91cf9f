import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { renderReport } from "../src/report.ts";
import type { ReportData } from "../src/report_data.ts";
import { readReproduction } from "../tasks/_report_read.ts";
import { type ReproduceOptions, writeReproduceDirectory } from "./_report_fixture.ts";
import { inDirectory } from "./_tasks.ts";

/** What a page is made of when a whole reproduction with made-up numbers is there. */
async function readFixture(options: ReproduceOptions = {}): Promise<ReportData> {
  let data: ReportData | undefined;
  await inDirectory(async (directory) => {
    await writeReproduceDirectory(directory, options);
    data = (await readReproduction(directory)).data;
  });
  return data!;
}

/** Its pages by data, so that the figures are drawn once. */
const WHOLE = await readFixture();
const SYNTHETIC = await readFixture({ data: "synthetic", seeds: 1 });
const QUICK = await readFixture({ quick: true });

/** The text of the page within tags, figures left out, with ordinary blanks. */
function words(page: string): string {
  return page.replace(/<(svg|style)[^]*?<\/\1>/g, "").replace(/<[^>]*>/g, " ")
    .replaceAll("\u00a0", " ").replace(/\s+/g, " ");
}

/** The rows of the table whose caption begins so, each as the texts of its cells; headings of groups are left out. */
function tableRows(page: string, caption: string): string[][] {
  const tables = page.split("<table>").slice(1).map((rest) => rest.split("</table>")[0]);
  const found = tables.filter((table) =>
    words(/<caption[^>]*>([^]*?)<\/caption>/.exec(table)![1]).startsWith(caption)
  );
  assertEquals(found.length, 1, caption);
  // The heading of a group of rows stands alone in its row.
  const rows = found[0].split("<tr>").slice(1).filter((row) => !row.includes('scope="rowgroup"'));
  return rows.map((row) => row.split(/<\/t[dh]>/).slice(0, -1).map((cell) => words(cell).trim()));
}

Deno.test("renderReport() has every section of the report, in its order, and links to each", () => {
  const page = renderReport(WHOLE);
  const ids = [...page.matchAll(/<section id="([^"]+)"/g)].map(([, id]) => id);
  assertEquals(ids, [
    "summary",
    "gradient-checks",
    "training",
    "search",
    "sensitivity",
    "origin",
  ]);
  const links = [...page.matchAll(/<li><a href="#([^"]+)"/g)].map(([, id]) => id);
  assertEquals(links, ids);
});

Deno.test("renderReport() needs nothing beside the page, and runs nothing", () => {
  const page = renderReport(WHOLE);
  assert(!/<script|<link|<img|<iframe|@import|\son\w+=/i.test(page));
  // Names of XML languages are no addresses.
  const addresses = [...page.matchAll(/https?:\/\/[^"'\s<)]+/g)].map(([address]) => address);
  assertEquals(new Set(addresses.map((address) => new URL(address).host)), new Set(["www.w3.org"]));
});

Deno.test("renderReport() gives every id once, and refers to none that is missing", () => {
  const page = renderReport(WHOLE);
  const ids = [...page.matchAll(/<[^>]*\sid="([^"]+)"/g)].map(([, id]) => id);
  assertEquals(ids.filter((id, i) => ids.indexOf(id) !== i), []);
  const lists = [...page.matchAll(/\saria-labelledby="([^"]+)"/g)].map(([, list]) => list);
  const targets = [...page.matchAll(/(?:url\(|href=)["']?#([^"')]+)/g)].map(([, id]) => id);
  const missing = [...lists.flatMap((list) => list.split(" ")), ...targets]
    .filter((id) => !ids.includes(id));
  assertEquals(missing, []);
});

Deno.test("renderReport() nests headings without leaving out a level", () => {
  const levels = [...renderReport(WHOLE).matchAll(/<h(\d)[ >]/g)].map(([, level]) => Number(level));
  assertEquals(levels[0], 1);
  assertEquals(levels.filter((level) => level === 1).length, 1);
  assert(levels.every((level, i) => i === 0 || level <= levels[i - 1] + 1), levels.join());
});

Deno.test("renderReport() shows the figures of the first seed, each with a caption", () => {
  const page = renderReport(WHOLE);
  const figures = [...page.matchAll(/<figure id="([^"]+)">\n<svg role="img"/g)].map(([, id]) => id);
  assertEquals(figures, [
    "baseline-3-layer",
    "baseline-3-layer-batch-norm",
    "baseline-9-layer",
    "baseline-9-layer-batch-norm",
    "search-coarse",
    "search-fine",
    "search-final",
    "search-confusion",
    "sensitivity-curves",
  ]);
  const captions = [...page.matchAll(/<figcaption>([^<]*)</g)].map(([, caption]) => caption);
  assertEquals(captions.length, figures.length);
  assert(captions.every((caption) => caption.endsWith(", seed 1. Data: CIFAR-10.")));
});

Deno.test("renderReport() puts the published numbers beside ours, with the difference", () => {
  const page = renderReport(WHOLE);
  const [head, , bn] = tableRows(page, "Test accuracy. ");
  assertEquals(head, ["Network", "Seed 1", "Seed 2", "Seed 3", "Mean", "Published", "Difference"]);
  const mean = Number(bn[4].replace(" %", ""));
  assertEquals(bn.slice(5), ["about 53.8 %", `−${(53.8 - mean).toFixed(2)} points`]);

  const [, w1] = tableRows(page, "Largest errors of the gradients, seed 1.");
  assertEquals([w1[0], w1[2]], ["W1", "2.39e-4"]);
  const difference = Number(w1[3].replace("−", "-")) - (Number(w1[1]) - Number(w1[2]));
  assert(Math.abs(difference) < 2e-6, w1.join());

  const best = tableRows(page, "The best λ by validation accuracy, seed 2.");
  assertEquals(best.slice(1).map((row) => row[2]), ["3.51e-3", "4.42e-3", "5.19e-3"]);
  assertEquals(best.slice(1).map((row) => row[5]), ["55.3 %", "55.3 %", "55.2 %"]);

  const final = tableRows(page, "Accuracy of the network that is trained with the best λ.");
  assertEquals(final.map((row) => row[0]), ["Seed", "1", "2", "3", "Mean"]);
  assert(final.slice(1).every((row) => row[4] === "54.4 %" && row[5].startsWith("−")));
});

Deno.test("renderReport() compares neither other data nor quick tries with the report", () => {
  for (const data of [SYNTHETIC, QUICK]) {
    const page = renderReport(data);
    assert(!page.includes("Difference"));
    const captions = ["Largest errors of the", "Test accuracy.", "The best λ", "Accuracy of the"];
    for (const caption of captions) {
      const [head, ...rows] = tableRows(page, caption);
      const columns = head.flatMap((name, i) => name.startsWith("Published") ? [i] : []);
      assert(columns.length > 0, caption);
      for (const row of rows) {
        for (const column of columns) assertEquals(row[column], "not comparable", caption);
      }
    }
    const verdicts = tableRows(page, "The statements of the report").slice(1).map((row) => row[1]);
    assertEquals(new Set(verdicts), new Set(["not comparable"]));
    assert(!/report says that a small σ/.test(words(page)));
  }
});

Deno.test("renderReport() says of a quick try that it is no result, in every caption, too", () => {
  const page = renderReport(QUICK);
  assertStringIncludes(page, "<strong>Quick run: not a result.</strong>");
  assertStringIncludes(page, "(quick run)</title>");
  const captions = [...page.matchAll(/<(?:fig)?caption(?: id="[^"]*")?>([^<]*)</g)].map((
    [, text],
  ) => text);
  assert(captions.length > 10);
  assertEquals(captions.filter((text) => !text.endsWith("Quick run: not a result.")), []);
  assert(!/quick run/i.test(words(renderReport(WHOLE))));
});

Deno.test("renderReport() says what the weights led to by the numbers, once for seeds that agree", () => {
  const text = words(renderReport(WHOLE));
  assertStringIncludes(
    text,
    "Seeds 1, 2 and 3: The report says that a small σ diverges without batch norm; here, without batch norm",
  );
  const rows = tableRows(renderReport(WHOLE), "Test accuracy over the seeds.");
  assertEquals(rows[2], [
    "σ = 0.001",
    ...Array(3).fill("10.00 % stalled"),
    "10.00 %",
  ]);
});

Deno.test("renderReport() ends with what it was made with, and how to make it again", () => {
  const text = words(renderReport(WHOLE));
  assertStringIncludes(text, "llvmpipe (LLVM 15.0.6, 256 bits), driver Mesa, software");
  assertStringIncludes(text, "Seeds 1, 2 and 3");
  assertStringIncludes(text, "b377d64fc9048dcf1bafe354deae4e92dd518a42f16777b3b7ddcfd177a9a36f");
  assertStringIncludes(renderReport(WHOLE), "<pre><code>deno task reproduce</code></pre>");
  const synthetic = renderReport(SYNTHETIC);
  const command = "deno task reproduce --seeds 1 --data synthetic";
  assertStringIncludes(synthetic, `<pre><code>${command}</code></pre>`);
  assertStringIncludes(renderReport(QUICK), "<pre><code>deno task reproduce --quick</code></pre>");
});

Deno.test("renderReport() shows what is there, and names what is missing", () => {
  const empty = {
    gradientChecks: [],
    baselines: [],
    searches: [],
    sensitivities: [],
    missing: ["baseline/<seed>"],
  };
  const page = renderReport(empty);
  assertStringIncludes(page, "<li><code>baseline/&lt;seed&gt;</code></li>");
  assertEquals(page.match(/Not measured: this part is missing/g)?.length, 5);

  // A search that was cut off after its first stages.
  const [search] = WHOLE.searches;
  const unfinished = { ...search, best: null, final: null, confusion: null };
  const partial = renderReport({ ...WHOLE, searches: [unfinished] });
  assertStringIncludes(partial, '<figure id="search-coarse">');
  assert(!partial.includes('<figure id="search-final">'));
});

Deno.test("renderReport() escapes what comes from files", () => {
  const [check] = WHOLE.gradientChecks;
  const rows = check.rows.map((row) => ({ ...row, parameter: "<script>" }));
  const settings = { ...check.config.settings, data: "<b>" };
  const config = { ...check.config, settings };
  const page = renderReport({ ...WHOLE, gradientChecks: [{ ...check, rows, config }] });
  assert(!page.includes("<script>") && !page.includes("<b>"));
  assertStringIncludes(page, "&lt;script&gt;");
});
