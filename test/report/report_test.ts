import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { renderReport } from "../../src/report/mod.ts";
import type { ReportData } from "../../src/report/data.ts";
import { readReproduction } from "../../tasks/_report/read.ts";
import { type ReproduceOptions, writeReproduceDirectory } from "./_report_fixture.ts";
import { makeTroubles } from "./_report_troubles.ts";
import { CapturedContext } from "../_context.ts";
import { inDirectory } from "../_tasks.ts";

/** The data of a whole reproduction with made-up numbers. */
async function readFixture(
  options: ReproduceOptions & { troubles?: boolean } = {},
): Promise<ReportData> {
  let data: ReportData | undefined;
  await inDirectory(async (directory) => {
    await writeReproduceDirectory(directory, options);
    if (options.troubles) await makeTroubles(directory);
    data = (await readReproduction(directory, new CapturedContext().workers)).data;
  });
  return data!;
}

/** Its pages by data, so that the figures are drawn once. */
const WHOLE = await readFixture();
const SYNTHETIC = await readFixture({ data: "synthetic", seeds: 1 });
const QUICK = await readFixture({ quick: true });
const TROUBLED = await readFixture({ seeds: 2, troubles: true });

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

Deno.test("renderReport() refers to no other file, and runs no script", () => {
  const page = renderReport(WHOLE);
  assert(!/<script|<link|<img|<iframe|@import|\son\w+=/i.test(page));
  // Names of XML languages are not addresses.
  const addresses = [...page.matchAll(/https?:\/\/[^"'\s<)]+/g)].map(([address]) => address);
  assertEquals(new Set(addresses.map((address) => new URL(address).host)), new Set(["www.w3.org"]));
});

/** Checks that every id is there once, and that whatever is referred to is there. */
function checkIds(page: string): void {
  const ids = [...page.matchAll(/<[^>]*\sid="([^"]+)"/g)].map(([, id]) => id);
  assertEquals(ids.filter((id, i) => ids.indexOf(id) !== i), []);
  const lists = [...page.matchAll(/\saria-labelledby="([^"]+)"/g)].map(([, list]) => list);
  const targets = [...page.matchAll(/(?:url\(|href=)["']?#([^"')]+)/g)].map(([, id]) => id);
  const missing = [...lists.flatMap((list) => list.split(" ")), ...targets]
    .filter((id) => !ids.includes(id));
  assertEquals(missing, []);
}

Deno.test("renderReport() uses every id once, and refers to none that is missing", () => {
  checkIds(renderReport(WHOLE));
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
  assertEquals(best[0][3], "Ratio");
  const ratio = Number(best[1][1]) / Number(best[1][2]);
  assert(Math.abs(parseFloat(best[1][3]) - ratio) < 0.01, best[1].join());
  assertEquals(best[1][3].replace(/^[\d.]+/, ""), " times");
  assertEquals(best.slice(1).map((row) => row[5]), ["55.3 %", "55.3 %", "55.2 %"]);

  const final = tableRows(page, "Accuracy of the network trained with the best λ.");
  assertEquals(final.map((row) => row[0]), ["Seed", "1", "2", "3", "Mean"]);
  assert(final.slice(1).every((row) => row[4] === "54.4 %" && row[5].startsWith("−")));
});

Deno.test("renderReport() compares neither other data nor quick runs with the report", () => {
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
    const verdicts = tableRows(page, "The claims of the report").slice(1).map((row) => row[1]);
    assertEquals(new Set(verdicts), new Set(["not comparable"]));
    assert(!/report says that a small σ/.test(words(page)));
  }
});

Deno.test("renderReport() says that a quick run is not a result, in every caption too", () => {
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

Deno.test("renderReport() says how the trainings of the initial weights ended, once for seeds that agree", () => {
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

Deno.test("renderReport() says whether each gradient check passed, also where there is one", () => {
  const checks = (data: ReportData) =>
    tableRows(renderReport(data), "The worst parameter of each seed").slice(1)
      .map((row) => [row[0], row[4]]);
  assertEquals(checks(SYNTHETIC), [["1", "passed"]]);
  assertEquals(checks(TROUBLED), [
    ["1", "failed or interrupted"],
    ["2", "passed"],
  ]);
});

Deno.test("renderReport() sets apart biases whose exact gradient is 0, and takes no maximum of them", () => {
  const [check] = WHOLE.gradientChecks;
  const rows = check.rows.map((row) =>
    row.parameter === "b1" || row.parameter === "b2"
      ? { ...row, forward: 0.5, fivePoint: 0.5, gpuNorm: 0.5 }
      : row
  );
  const parts = (batchNorm: string) => {
    const config = { ...check.config, settings: { ...check.config.settings, batchNorm } };
    return renderReport({ ...WHOLE, gradientChecks: [{ ...check, rows, config }] });
  };
  const names = tableRows(parts("on"), "Largest errors").slice(1).map(([name]) => name);
  assertEquals(names, ["W1", "W2", "W3", "b3", "γ1", "γ2", "β1", "β2", "b1", "b2"]);
  assertStringIncludes(parts("on"), 'scope="rowgroup" colspan="7">Biases in front of batch norm');
  const worst = (page: string) =>
    tableRows(page, "The worst parameter of each seed")[1].slice(1, 4);
  assert(!worst(parts("on")).includes("5.00e-1"));
  // Without batch norm a bias is a parameter like any other.
  assertEquals(worst(parts("off")), Array(3).fill("5.00e-1"));
  assert(!parts("off").includes('scope="rowgroup"'));
});

Deno.test("renderReport() says in words what the gradient checks compare", () => {
  const [check] = WHOLE.gradientChecks;
  const [trial] = check.trials;
  const quantities = [
    { kind: "gradient", name: "gamma1", says: "gradient of γ1" },
    { kind: "change", name: "mean2", says: "update of the moving mean 2" },
    { kind: "change", name: "var1", says: "update of the moving variance 1" },
    { kind: "cancelled", name: "b1", says: "gradient of b1, which is 0" },
    { kind: "loss", name: "loss", says: "loss of the batch" },
    { kind: "evaluation", name: "accuracy", says: "validation accuracy" },
  ];
  const trials = quantities.map(({ kind, name }) => (
    { ...trial, worst: { ...trial.worst, kind, name } }
  ));
  const page = renderReport({ ...WHOLE, gradientChecks: [{ ...check, trials }] });
  const [head, ...rows] = tableRows(page, "The GPU against float64 over 2 steps");
  assertEquals(head[4], "Quantity");
  assertEquals(rows.map((row) => row[4]), quantities.map(({ says }) => says));
  assertStringIncludes(words(page), "takes the input of a ReLU across its kink at 0");
});

Deno.test("renderReport() names in every table what stalled or diverged, and counts what diverged as 0 %", () => {
  const page = renderReport(TROUBLED);
  for (const caption of ["Test accuracy.", "Validation accuracy."]) {
    const nine = tableRows(page, caption).find(([name]) => name === "9 layers")!;
    const cells = ["0.00 % diverged at step 900", "10.00 % stalled", "5.00 %"];
    assertEquals(nine.slice(1, 4), cells, caption);
  }
  const nine = tableRows(page, "The claims of the report")
    .find(([text]) => text.startsWith("Nine layers do considerably worse than three without"))!;
  assertStringIncludes(nine[2], "nine 5.00 % (0.00 to 10.00)");
  const [, first] = tableRows(page, "Accuracy of the network trained with the best λ.");
  assert(first[3].endsWith(" % stalled"), first.join());
  const trials = tableRows(page, "Trials of the search, seed 1.");
  assertEquals(trials[0][5], "Outcome");
  assertEquals(trials[1].slice(2), ["none", "NaN", "none", "diverged at step 40"]);
  assertEquals(trials[2][5], "trained");

  const [, lost] = tableRows(page, "How the trainings ended, seed 1.");
  assertEquals(lost.slice(2), ["NaN", "0.00 %", "0.00 %", "diverged at step 150"]);
  const [, both] = tableRows(page, "Test accuracy over the seeds.");
  assertEquals(both[1], "0.00 % diverged at step 150");
  const other = Number(both[2].replace(" %", ""));
  assert(Math.abs(Number(both[3].replace(" %", "")) - other / 2) < 0.01, both.join());
  // In the summary, and below the tables of sections 2 and 4.
  assertEquals(page.match(/counts with an accuracy of 0 %/g)?.length, 3);
  assertEquals(renderReport(WHOLE).match(/counts with an accuracy of 0 %/g)?.length, 1);
});

Deno.test("renderReport() takes the number of classes from other parts of the same data", () => {
  const [run] = SYNTHETIC.baselines;
  const training = { ...run.ending.training, loss: Math.log(10) };
  const baselines = [{ ...run, ending: { ...run.ending, training } }];
  const cell = (data: ReportData) => tableRows(renderReport(data), "Test accuracy.")[1][1];
  const nothing = { ...SYNTHETIC, baselines, searches: [], sensitivities: [] };
  const { searches, sensitivities } = SYNTHETIC;
  assert(cell({ ...nothing, searches }).endsWith("stalled"));
  assert(cell({ ...nothing, sensitivities }).endsWith("stalled"));
  const settings = { ...run.config.settings, data: "CIFAR-10 (unverified: digest 1234abcd…)" };
  const unverified = baselines.map((run) => ({ ...run, config: { ...run.config, settings } }));
  assert(cell({ ...nothing, baselines: unverified }).endsWith("stalled"));
  // Nothing tells how many classes there are.
  assert(!cell(nothing).endsWith("stalled"));
  assert(!cell({ ...nothing, sensitivities: WHOLE.sensitivities }).endsWith("stalled"));
});

Deno.test("renderReport() describes the search by its settings", () => {
  const [search] = WHOLE.searches;
  const page = (own: object) => {
    const config = { ...search.config, settings: { ...search.config.settings, ...own } };
    return words(renderReport({ ...WHOLE, searches: [{ ...search, config }] }));
  };
  assertStringIncludes(
    page({}),
    "Networks of 3 layers with batch norm that differ in the weight λ of the L2 term: " +
      "first 10 values from 1e-5 to 0.1, then 10 values from 0.001 to 0.01.",
  );
  assertStringIncludes(page({}), "Then one network is trained for 3 cycles");
  assert(!page({}).includes("different initial weights; its accuracy"));
  const other = page({
    ...{ hidden: [7], batchNorm: "off", coarse: [1e-4, 1e-3], coarseCount: 4, fineCount: 1 },
    ...{ refine: 2, repeat: 5, finalCycles: 1 },
  });
  assertStringIncludes(other, "Networks of 2 layers without batch norm");
  assertStringIncludes(other, "first 4 values from 1e-4 to 0.001, then 2 rounds of 1 value, each");
  assertStringIncludes(other, "Each λ is trained from 5 different initial weights; its accuracy");
  assertStringIncludes(other, "trained for 1 cycle with");
});

Deno.test("renderReport() takes the geometric mean of λ", () => {
  const [search] = WHOLE.searches;
  const searches = [1e-3, 4e-3].map((lambda) => (
    { ...search, best: search.best!.map((row) => ({ ...row, lambda })) }
  ));
  const page = renderReport({ ...WHOLE, searches });
  const rows = tableRows(page, "Accuracy of the network trained with the best λ.");
  assertEquals(rows[3].slice(0, 2), ["Mean", "2.00e-3"]);
  const claim = tableRows(page, "The claims of the report")
    .find(([text]) => text.startsWith("The best λ of the whole search"))!;
  assertEquals(claim[2], "λ 2.00e-3 (1.00e-3 to 4.00e-3)");
});

Deno.test("renderReport() says by what rule it judges, and how large chance may be", () => {
  const text = words(renderReport(WHOLE));
  assertStringIncludes(text, "of three layers (here: any difference above 0)");
  assertStringIncludes(text, "(10 of its 20 values are drawn from that very range");
  assertStringIncludes(text, "(each seed draws its own values)");
  assertStringIncludes(text, "about 0.5 points on 10,000 images");
  // Searches with other settings draw otherwise.
  assert(!words(renderReport(QUICK)).includes("drawn from that very range"));
});

Deno.test("renderReport() puts every table into a box with its caption's name, and names every column", () => {
  for (const data of [WHOLE, TROUBLED]) {
    const page = renderReport(data);
    const tables = page.match(/<table>/g)!.length;
    const boxes = [...page.matchAll(
      /<div class="table" role="region" aria-labelledby="([^"]+)" tabindex="0"><table>\n<caption id="([^"]+)">/g,
    )];
    assertEquals(boxes.length, tables);
    assertEquals(boxes.filter(([, name, id]) => name !== id), []);
    assertEquals(new Set(boxes.map(([, name]) => name)).size, tables);
    assertEquals(page.match(/tabindex/g)!.length, tables);
    assert(!/<th[^>]*>\s*<\/th>/.test(page));
  }
});

Deno.test("renderReport() ends with what it was made with, and how to repeat it", () => {
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

Deno.test("renderReport() takes folders and commands from the data", () => {
  const baselines = WHOLE.baselines.map((run) => ({ ...run, folder: `runs/<${run.seed}>` }));
  const commands = { all: "make <all>", parts: ["make a", "make b"], page: "make page" };
  const page = renderReport({ ...WHOLE, baselines, commands });
  assertStringIncludes(
    words(page),
    "The figures are of seed 1; those of the others lie in runs/&lt;2&gt; , runs/&lt;3&gt; .",
  );
  for (const command of ["make &lt;all&gt;", "make a\nmake b", "make page"]) {
    assertStringIncludes(page, `<pre><code>${command}</code></pre>`);
  }
  assert(!page.includes("deno task"));
});

Deno.test("renderReport() shows the parts that exist, and names those that are missing", () => {
  const empty = {
    gradientChecks: [],
    baselines: [],
    searches: [],
    sensitivities: [],
    missing: ["baseline/<seed>"],
    edited: ["baseline/seed-1/<run>/metrics.csv"],
    commands: null,
  };
  const page = renderReport(empty);
  assertStringIncludes(page, "<li><code>baseline/&lt;seed&gt;</code></li>");
  assertStringIncludes(page, "<li><code>baseline/seed-1/&lt;run&gt;/metrics.csv</code></li>");
  assertEquals(page.match(/Not measured: this part is missing/g)?.length, 5);

  // A search that was interrupted after its first stages.
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

/** Signs that could break out of a text or an attribute, as a folder, class or setting may have in its name. */
const HOSTILE = `"' onload="alert(1)" $& <script>alert(1)</script>`;

/** Appends them to every text of the data, but not to drawings, which come from this program. */
function makeHostile<Value>(value: Value): Value {
  if (typeof value === "string") {
    return (value.startsWith("<svg") ? value : value + HOSTILE) as Value;
  }
  if (Array.isArray(value)) return value.map(makeHostile) as Value;
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([name, field]) => [name, makeHostile(field)]);
  return Object.fromEntries(fields);
}

Deno.test("renderReport() forbids a browser to load, run or send anything", () => {
  const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/;
  for (const data of [WHOLE, TROUBLED]) {
    assertEquals(
      renderReport(data).match(policy)?.[1],
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    );
  }
});

Deno.test("renderReport() lets no name or text of a file become a tag or an attribute", () => {
  for (const data of [WHOLE, TROUBLED]) {
    const hostile = makeHostile(data);
    const settings = { ...hostile.baselines[0].config.settings, [HOSTILE]: 1 };
    const [first, ...others] = hostile.baselines;
    const baselines = [{ ...first, config: { ...first.config, settings } }, ...others];
    const page = renderReport({ ...hostile, baselines });
    const tags = [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag);
    assertEquals(tags.filter((tag) => /^<script/i.test(tag)), []);
    // Without what stands between double quotes only names of attributes are left.
    const bare = tags.map((tag) => tag.replaceAll(/="[^"]*"/g, ""));
    assertEquals(bare.filter((tag) => /["'&$=]|onload|alert/.test(tag)), []);
    assertStringIncludes(page, "&quot;&#39; onload=&quot;alert(1)&quot; $&amp; &lt;script&gt;");
    checkIds(page);
  }
});
