/** What tests of pages share: a page in a real browser without a network, and what goes wrong in it. */
import { fromFileUrl, toFileUrl } from "@std/path";
import { type Browser, chromium, type Page } from "playwright-core";
import { withoutLinkerVariables } from "../tasks/_kit/children.ts";

/** A path rather than a name: the only program, besides `sh`, `env` and Deno, that tests may start. */
const CHROMIUM: string = fromFileUrl(new URL("_chromium.sh", import.meta.url));

/** A page that is open. */
export interface OpenPage {
  readonly page: Page;
  /** Errors and warnings in the console, and requests for anything but the page itself; as they come. */
  readonly complaints: readonly string[];
}

/**
 * Runs a test with a page that is open in Chromium, headless and offline.
 *
 * @param path The page's file.
 * @param test The test.
 * @throws {Error} When there is no Chromium; the message says what to install.
 */
export async function withPage(
  path: string,
  test: (open: OpenPage) => Promise<void>,
): Promise<void> {
  await findChromium();
  // Chromium leaves settings and reports of crashes at home, and other files where temporary ones go.
  const home = await Deno.makeTempDir();
  // Nothing of this process's environment but the PATH, on which the script looks for Chromium.
  const env = { PATH: Deno.env.get("PATH"), HOME: home, TMPDIR: home };
  try {
    await inBrowser(await chromium.launch({ executablePath: CHROMIUM, env }), path, test);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

async function inBrowser(
  browser: Browser,
  path: string,
  test: (open: OpenPage) => Promise<void>,
): Promise<void> {
  try {
    const context = await browser.newContext({ offline: true });
    const page = await context.newPage();
    const complaints: string[] = [];
    const { href } = toFileUrl(await Deno.realPath(path));
    page.on("console", (message) => {
      const type = message.type();
      if (type === "error" || type === "warning") complaints.push(`${type}: ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
    page.on("request", (request) => {
      const url = request.url();
      if (url !== href && !url.startsWith("data:")) complaints.push(`request: ${url}`);
    });
    await page.goto(href);
    await test({ page, complaints });
  } finally {
    await browser.close();
  }
}

/** Says in one sentence what is missing, where Playwright would need a page for it. */
async function findChromium(): Promise<void> {
  const { success, stderr } = await new Deno.Command(CHROMIUM, {
    args: ["--version"],
    env: withoutLinkerVariables(),
    stdout: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}
