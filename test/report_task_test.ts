import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../tasks/report.ts";
import { writeReproduceDirectory } from "./_report_fixture.ts";
import {
  type Ended,
  eventsOf,
  exists,
  filesIn,
  inDirectory,
  runInProcess,
  runWithoutAdapter,
} from "./_tasks.ts";

/** Makes the page of a directory. */
function report(directory: string, args: readonly string[] = []): Promise<Ended> {
  return runInProcess(main, ["--out", directory, ...args]);
}

/** A reproduction of one seed in which only the study of initial weights and the search are there. */
const SMALL = { seeds: 1, without: ["gradient-check", "baseline"] };

Deno.test("report draws every figure and writes the page, on a machine without a GPU", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, { seeds: 1 });
    const { status, output, errors } = await runWithoutAdapter("report", ["--out", out]);
    assertEquals([status, output], [0, `Page: ${out}/report.html\n`], errors);
    const files = [...(await filesIn(out)).keys()];
    assertEquals(files.filter((name) => /\.(svg|html)$/.test(name)), [
      "baseline/seed-1/3-layer-batch-norm/metrics.svg",
      "baseline/seed-1/3-layer/metrics.svg",
      "baseline/seed-1/9-layer-batch-norm/metrics.svg",
      "baseline/seed-1/9-layer/metrics.svg",
      "init-sensitivity/seed-1/sensitivity.svg",
      "lambda-search/seed-1/coarse.svg",
      "lambda-search/seed-1/confusion.svg",
      "lambda-search/seed-1/final/metrics.svg",
      "lambda-search/seed-1/fine.svg",
      "report.html",
    ]);
    assert(!files.some((name) => name.endsWith(".tmp")));
  });
});

Deno.test("report draws a figure again where it differs, and leaves the others alone", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    await report(out);
    const before = await filesIn(out);
    const figure = `${out}/lambda-search/seed-1/coarse.svg`;
    await Deno.writeTextFile(figure, "<svg/>");
    const { status, output } = await report(out, ["--json"]);
    assertEquals(status, 0);
    const [result] = eventsOf({ status, output, errors: "" })
      .filter(({ event }) => event === "result");
    assertEquals(result, {
      event: "result",
      page: `${out}/report.html`,
      drawn: [figure],
      missing: ["gradient-check", "baseline"],
    });
    assertEquals(await filesIn(out), before);
  });
});

Deno.test("report names the parts that are missing, and makes the page of the others", async () => {
  await inDirectory(async (out) => {
    const missing = [
      "gradient-check/seed-2",
      "baseline/seed-1/9-layer/summary.json",
      "baseline/seed-2/3-layer",
      "lambda-search/seed-1/best.csv",
      "lambda-search/seed-2/final",
      "init-sensitivity",
    ];
    await writeReproduceDirectory(out, { seeds: 2, without: missing });
    const { status, errors } = await report(out);
    assertEquals(status, 0, errors);
    const warnings = errors.split("\n").filter((line) => line.startsWith("warning: "));
    assertEquals(warnings, missing.map((part) => `warning: ${out}/${part} is missing`));
    const page = await Deno.readTextFile(`${out}/report.html`);
    for (const part of missing) assertStringIncludes(page, `<li><code>${part}</code></li>`);
  });
});

Deno.test("report says that a gradient check without summary.json fell short", async () => {
  await inDirectory(async (out) => {
    const without = ["gradient-check/seed-2/summary.json"];
    await writeReproduceDirectory(out, {
      seeds: 2,
      without: [...without, "baseline", "lambda-search", "init-sensitivity"],
    });
    assertEquals((await report(out)).status, 0);
    const page = await Deno.readTextFile(`${out}/report.html`);
    assertStringIncludes(page, '<td class="words">passed</td>');
    assertStringIncludes(page, '<td class="words">fell short</td>');
  });
});

Deno.test("report refuses a file that was edited by hand, names the place, and writes nothing", async () => {
  const search = "lambda-search/seed-1";
  const cases: [file: string, from: string, to: string, sentence: RegExp][] = [
    [`${search}/trials.csv`, "coarse,2,", "coarse,two,", /line 3, column trial: it is "two", exp/],
    [`${search}/confusion.csv`, "\nbird,", "\nbirds,", /line 4, column true_class: it is "birds"/],
    [`${search}/best.csv`, "rank,", "place,", /line 1: the name of column 1 is "place"/],
    [`${search}/final/metrics.csv`, "\n0,0,,", "\n0,0,x,", /line 2, column eta: it is "x"/],
    [`${search}/final/summary.json`, '"steps": ', '"step": ', /: steps is missing, expected a num/],
    [`${search}/config.json`, "@headless/mlp", "another", /: package is "another", expected/],
    ["init-sensitivity/seed-1/curves.csv", "0.1,false,", "0.1,no,", /line 2, column batch_norm/],
    ["init-sensitivity/seed-1/summary.json", '"runs"', "runs", /: .*JSON/],
  ];
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    const before = await filesIn(out);
    for (const [file, from, to, sentence] of cases) {
      const text = new TextDecoder().decode(before.get(file));
      assert(text.includes(from), file);
      await Deno.writeTextFile(`${out}/${file}`, text.replace(from, to));
      const { status, output, errors } = await report(out);
      assertEquals([status, output, errors.trim().split("\n").length], [2, "", 1], errors);
      assertStringIncludes(errors, `error: Cannot read ${out}/${file}`);
      assertMatch(errors, sentence);
      await Deno.writeTextFile(`${out}/${file}`, text);
    }
    assertEquals(await filesIn(out), before);
  });
});

Deno.test("report refuses a CSV file without rows", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, SMALL);
    const path = `${out}/init-sensitivity/seed-1/curves.csv`;
    await Deno.writeTextFile(path, "sigma,batch_norm,step,train_loss\n");
    const { status, errors } = await report(out);
    assertEquals(status, 2);
    assertStringIncludes(errors, `error: Cannot read ${path}: it has no rows, expected at least 1`);
  });
});

Deno.test("report refuses a directory that holds nothing of a reproduction", async () => {
  await inDirectory(async (out) => {
    const { status, output, errors } = await report(out);
    assertEquals([status, output], [2, ""]);
    assertMatch(errors, /^error: --out \S+ holds no part of a reproduction: expected what .*\n$/);
    assertEquals(await exists(out), false);
    await Deno.writeTextFile(out, "a file");
    assertEquals((await report(out)).status, 2);
  });
});

Deno.test("report takes the same directory as reproduce unless told otherwise", async () => {
  const { output } = await runInProcess(main, ["--help"]);
  assertStringIncludes(output, "(default out/reproduce, with --quick\n");
  assert(!output.includes("--seed"));
});
