import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Locator, Page } from "playwright-core";
import { main } from "../../tasks/report.ts";
import { withPage } from "../_browser.ts";
import { findLayoutFaults } from "./_page_layout.ts";
import { writeReproduceDirectory } from "./_report_fixture.ts";
import { makeTroubles } from "./_report_troubles.ts";
import { inDirectory, runInProcess } from "../_tasks.ts";

/** A phone, and a window on a desk. */
const WIDTHS = [400, 1200];

/** The width of A4 within its margins, in CSS pixels: 178 mm of 210 mm. */
const PAPER_WIDTH = 673;

/** The sections by their ids, in the order of the report. */
const SECTIONS = ["summary", "gradient-checks", "training", "search", "sensitivity", "origin"];

/** The figures of a reproduction: four runs, two searches, the final run and its confusion, the sensitivity. */
const FIGURES = 9;

Deno.test("report.html shows everything at 400 and 1200 px and on paper, and the browser reports no fault", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out);
    const { status, errors } = await runInProcess(main, ["--out", out]);
    assertEquals(status, 0, errors);
    await withPage(`${out}/report.html`, async ({ page, complaints }) => {
      await openDetails(page);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 800 });
        assertEquals(await findLayoutFaults(page), [], `at ${width} px`);
        for (const id of SECTIONS) {
          assert(await page.locator(`section#${id} h2`).isVisible(), `${id} at ${width} px`);
        }
        assertEquals(await page.locator("svg").count(), FIGURES);
      }
      assertEquals(
        await page.locator("section").evaluateAll((sections) => sections.map(({ id }) => id)),
        SECTIONS,
      );

      await page.emulateMedia({ media: "print" });
      await page.setViewportSize({ width: PAPER_WIDTH, height: 800 });
      assertEquals(await findLayoutFaults(page), [], "on paper");
      assertEquals(await page.locator("nav").isVisible(), false, "on paper");
      assertEquals(complaints, []);
    });
  });
});

Deno.test("report.html fits when trainings diverged, and unfolds details on paper", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, { seeds: 2 });
    await makeTroubles(out);
    const { status, errors } = await runInProcess(main, ["--out", out]);
    assertEquals(status, 0, errors);
    await withPage(`${out}/report.html`, async ({ page, complaints }) => {
      const folded = page.locator("details table");
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 800 });
        assertEquals(await findLayoutFaults(page), [], `at ${width} px`);
        assertEquals(await isShown(folded), false, `at ${width} px`);
      }
      await page.emulateMedia({ media: "print" });
      await page.setViewportSize({ width: PAPER_WIDTH, height: 800 });
      assertEquals(await findLayoutFaults(page), [], "on paper");
      assertEquals(await isShown(folded), true, "on paper");
      // Three stages of ten trials, one of which diverged: a figure for each, and all in the table.
      assertEquals(await folded.locator("tbody tr").count(), 30);
      assertEquals(await page.locator("svg").count(), FIGURES + 1);
      assertEquals(complaints, []);
    });
  });
});

Deno.test("report.html fits the window when it is a quick run with parts missing", async () => {
  await inDirectory(async (out) => {
    const without = ["lambda-search", "init-sensitivity"];
    await writeReproduceDirectory(out, { quick: true, data: "synthetic", without });
    assertEquals((await runInProcess(main, ["--out", out])).status, 0);
    await withPage(`${out}/report.html`, async ({ page, complaints }) => {
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 800 });
        assertEquals(await findLayoutFaults(page), [], `at ${width} px`);
      }
      assertMatch(await page.locator("body").innerText(), /not a result/);
      assertEquals(complaints, []);
    });
  });
});

/** A folder's name that would run a script if it became part of the page as it is. */
const HOSTILE = `"><img src=x onerror="document.title='hostile'"><script>document.title='hostile'`;

Deno.test("report.html runs no script of a folder's or a class's name, and forbids all scripts", async () => {
  await inDirectory(async (out) => {
    await writeReproduceDirectory(out, { seeds: 1, without: ["gradient-check"] });
    await Deno.rename(`${out}/baseline/seed-1/9-layer`, `${out}/baseline/seed-1/${HOSTILE}`);
    const path = `${out}/lambda-search/seed-1/confusion.csv`;
    const cell = `"${HOSTILE.replaceAll('"', '""')}"`;
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replaceAll("ship", "constructor").replaceAll("cat", cell));
    const { status, errors } = await runInProcess(main, ["--out", out]);
    assertEquals(status, 0, errors);
    await withPage(`${out}/report.html`, async ({ page, complaints }) => {
      assertEquals(await page.locator("img, script, [onerror], [onload]").count(), 0);
      assert(
        (await page.locator("div[aria-labelledby=baseline-test-caption]").innerText()).includes(
          HOSTILE,
        ),
      );
      assertEquals(complaints, []);
      // What the page forbids: a tag that it had all the same would do nothing either.
      await page.evaluate((html) => {
        document.body.insertAdjacentHTML("beforeend", html);
        const script = document.createElement("script");
        script.textContent = "document.title = 'hostile'";
        document.body.append(script);
      }, HOSTILE);
      await page.waitForTimeout(200);
      assertMatch(await page.title(), /^Multi-layer perceptrons/);
      assert(
        complaints.some((each) => /Content Security Policy/.test(each)),
        complaints.join("\n"),
      );
    });
  });
});

Deno.test("findLayoutFaults() finds what is clipped, hidden, too small or overflows", async () => {
  const line = '<line x1="5" y1="5" x2="315" y2="195" stroke="black"/>';
  const drawing = (style: string, content = line) =>
    `<svg style="display: block; ${style}" width="320" height="200" viewBox="0 0 320 200">` +
    `<title>it</title>${content}</svg>`;
  const cases: [body: string, fault: RegExp][] = [
    [drawing("width: 900px"), /^the page is 9\d\d of 400 wide$/],
    [drawing("width: 900px"), /^it sticks out of the window: /],
    [
      `<div style="overflow: hidden; width: 310px">${drawing("")}</div>`,
      /^it sticks out of its div$/,
    ],
    [
      `<div style="overflow: hidden; height: 90px">${drawing("")}</div>`,
      /^it sticks out of its div$/,
    ],
    [drawing("visibility: hidden"), /^it is not visible$/],
    [`<details>${drawing("")}</details>`, /^it is not visible$/],
    [drawing("height: 20px"), /^it is only 320 × 20$/],
    [
      drawing("", `${line}<text x="300" y="50">a long label</text>`),
      /^"a long label" sticks out of it$/,
    ],
    [
      drawing("overflow: visible", `${line}<text x="9" y="0">high</text>`),
      /^"high" sticks out of it$/,
    ],
    [
      drawing("", `${line}<text font-size="5" x="9" y="50">tiny</text>`),
      /^it has letters of 5\.0 px$/,
    ],
    [drawing("", '<path class="background" d="M0 0h320v200h-320z"/>'), /^it is all but empty$/],
    [drawing("", '<circle r="3" cx="10" cy="10"/>'), /^it is all but empty$/],
    [
      '<table style="table-layout: fixed; width: 60px"><td>unbreakable-unbreakable',
      /sticks out of its cell$/,
    ],
  ];
  await inDirectory(async (directory) => {
    await Deno.mkdir(directory);
    const path = `${directory}/page.html`;
    await Deno.writeTextFile(path, "<!DOCTYPE html><title>page</title>");
    await withPage(path, async ({ page }) => {
      await page.setViewportSize({ width: 400, height: 800 });
      await page.setContent(drawing("", `${line}<text x="9" y="50">label</text>`));
      assertEquals(await findLayoutFaults(page), []);
      for (const [body, fault] of cases) {
        await page.setContent(body);
        const faults = await findLayoutFaults(page);
        assert(faults.some((each) => fault.test(each)), `${fault} not in ${faults} of ${body}`);
      }
    });
  });
});

Deno.test("withPage() collects errors, warnings and requests of a page", async () => {
  await inDirectory(async (directory) => {
    await Deno.mkdir(directory);
    const path = `${directory}/page.html`;
    await Deno.writeTextFile(
      path,
      `<!DOCTYPE html>
      <img src="other.png"><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
      <link rel="stylesheet" href="http://127.0.0.1:9/style.css">
      <script>console.warn("careful"); nothing.there();</script>`,
    );
    await withPage(path, ({ complaints }) => {
      for (
        const expected of [
          /^request: file:.*other\.png$/,
          /^request: http:\/\/127\.0\.0\.1:9\/style\.css$/,
          /^warning: careful$/,
          /^error: nothing is not defined$/,
        ]
      ) assert(complaints.some((each) => expected.test(each)), complaints.join("\n"));
      assertEquals(complaints.filter((each) => each.includes("data:")), []);
      return Promise.resolve();
    });
  });
});

/** Whether something has been laid out and can be seen. */
async function isShown(thing: Locator): Promise<boolean> {
  return await thing.evaluate((element) =>
    element.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true }) &&
    element.getBoundingClientRect().height > 100
  );
}

/** Shows what is folded away. */
async function openDetails(page: Page): Promise<void> {
  await page.locator("details").evaluateAll((all) => {
    for (const each of all) each.setAttribute("open", "");
  });
}
