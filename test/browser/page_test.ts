/** The page in docs/browser/: that it trains, can be stopped, fits screens, and says what is missing. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { withServedPage } from "../_browser.ts";

const PAGE = "docs/browser/index.html";

/** Milliseconds that something may take under load; alone the whole training takes 10 s. */
const PATIENCE = 120_000;

async function waitForStatus(page: Page, pattern: RegExp): Promise<string> {
  const status = page.getByRole("status").filter({ hasText: pattern });
  await status.waitFor({ timeout: PATIENCE });
  return await status.textContent() ?? "";
}

Deno.test("the page learns two spirals, can be stopped and resumed, and fits small and large screens", async () => {
  await withServedPage(PAGE, async ({ page, complaints }) => {
    // The second click comes while kernels are compiled.
    await page.getByRole("button", { name: "Start" }).dblclick({ timeout: PATIENCE });
    await waitForStatus(page, /^Stopped at step 0 of 1600$/);
    await page.getByRole("button", { name: "Resume" }).click();
    await waitForStatus(page, /^Step [1-9]/);
    await page.getByRole("button", { name: "Stop" }).click();
    await waitForStatus(page, /^Stopped at step \d+ of 1600$/);
    await page.getByRole("button", { name: "Resume" }).click();
    const status = await waitForStatus(page, /^Done: /);
    const [, accuracy] = status.match(/validation accuracy ([\d.]+) %$/) ?? [];
    assert(Number(accuracy) > 95, status);

    for (const width of [320, 400, 1200]) {
      await page.setViewportSize({ width, height: 800 });
      const wide = await page.locator("html").evaluate((html) => html.scrollWidth);
      assert(wide <= width, `${wide} pixels of ${width}`);
    }
    // Each picture says in words what it shows.
    for (const pattern of [/regions: validation accuracy/, /^Loss after 1600/, /^Accuracy after/]) {
      assertEquals(await page.getByRole("img", { name: pattern }).count(), 1, String(pattern));
    }
    assertMatch(await page.locator("#adapter").textContent() ?? "", /^GPU: google swiftshader/);
    assertEquals(complaints, []);
  }, { viewport: { width: 400, height: 800 } });
});

for (
  const [what, gpu, sentence] of [
    ["WebGPU", undefined, /^Cannot request a GPU: this browser has no WebGPU, expected Chrome/],
    ["an adapter", null, /^No GPU adapter was found: this browser has WebGPU/],
  ] as const
) {
  Deno.test(`the page says what to do in a browser without ${what}`, async () => {
    await withServedPage(PAGE, async ({ page, complaints }) => {
      await page.addInitScript((gpu) => {
        const none = { requestAdapter: () => Promise.resolve(null) };
        Object.defineProperty(navigator, "gpu", { value: gpu === null ? none : undefined });
      }, gpu);
      await page.reload();
      await waitForStatus(page, sentence);
      assert(await page.getByRole("button", { name: "Start" }).isDisabled());
      assertEquals(complaints, []);
    });
  });
}

/** Least contrast of text that WCAG 2.2 asks for at level AA. */
const CONTRAST = 4.5;

/** Relative luminance as WCAG 2.2 defines it, of a colour such as #1b1f23. */
function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

Deno.test("the page's texts have enough contrast, in light and dark", async () => {
  const style = await Deno.readTextFile(new URL("../../docs/browser/style.css", import.meta.url));
  const schemes = [...style.matchAll(/:root \{([^}]*)\}/g)].map(([, variables]) =>
    Object.fromEntries([...variables.matchAll(/--([\w-]+): (#\w{6});/g)].map(([, k, v]) => [k, v]))
  );
  assertEquals(schemes.length, 2);
  for (const scheme of schemes) {
    for (const name of ["ink", "faint", "first", "second"]) {
      // Of a button, too, whose text has the colour of paper.
      const lights = [luminance(scheme[name]), luminance(scheme.paper)].sort((a, b) => b - a);
      const contrast = (lights[0] + 0.05) / (lights[1] + 0.05);
      assert(contrast >= CONTRAST, `${name}: ${contrast}`);
    }
  }
});
