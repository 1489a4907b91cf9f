/** What tests of pages share: a page in a real browser without a network, and what goes wrong in it. */
import { fromFileUrl, toFileUrl } from "@std/path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { serveCheckout } from "../tasks/_browser/serve.ts";
import { withoutLinkerVariables } from "../tasks/_kit/children.ts";

/** A path rather than a name: the only program, besides `sh`, `env` and Deno, that tests may start. */
const CHROMIUM: string = fromFileUrl(new URL("_chromium.sh", import.meta.url));

/** WebGPU on Chromium's own software driver, SwiftShader, whatever the machine has. */
const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** A page that is open. */
export interface OpenPage {
  readonly page: Page;
  /** Errors and warnings in the console, and requests for anything but the page itself; as they come. */
  readonly complaints: readonly string[];
}

/** How a page is opened from a server. */
export interface ServedPageOptions extends BrowserContextOptions {
  /** What is served beside `mod.ts`, `src/` and `docs/browser/`, such as `test/`. */
  readonly places?: readonly string[];
  /** Options of Chromium; those that give it WebGPU on SwiftShader unless given. */
  readonly args?: readonly string[];
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
  const { href } = toFileUrl(await Deno.realPath(path));
  await inChromium([], async (browser) => {
    const context = await browser.newContext({ offline: true });
    await openPage(await context.newPage(), { href, allowed: (url) => url === href }, test);
  });
}

/**
 * Runs a test with a page of the checkout that is open in Chromium, headless, from a server on this machine.
 *
 * @param path The page's path in the checkout.
 * @param test The test.
 * @param options What is served, and how the page is shown.
 * @throws {Error} When there is no Chromium; the message says what to install.
 */
export async function withServedPage(
  path: string,
  test: (open: OpenPage) => Promise<void>,
  { places = [], args = WEBGPU, ...shown }: ServedPageOptions = {},
): Promise<void> {
  const served = { places: ["mod.ts", "src/", "docs/browser/", ...places], home: path };
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => serveCheckout(request, served),
  );
  const origin = `http://127.0.0.1:${server.addr.port}/`;
  await inChromium(args, async (browser) => {
    const context = await browser.newContext(shown);
    const allowed = (url: string) => url.startsWith(origin);
    await openPage(await context.newPage(), { href: `${origin}${path}`, allowed }, test);
  });
}

/**
 * Calls a function in a served page.
 *
 * @param page The page.
 * @param place The path of its module in the checkout, and its name.
 * @param args What to call it with, plain data.
 * @returns What it returned, plain data.
 */
export async function callInPage<T>(
  page: Page,
  place: readonly [path: string, name: string],
  ...args: unknown[]
): Promise<T> {
  return await page.evaluate(async ([path, name, args]) => {
    const module = await import(`/${path}`);
    return await module[name](...args);
  }, [...place, args] as const) as T;
}

async function inChromium(
  args: readonly string[],
  run: (browser: Browser) => Promise<void>,
): Promise<void> {
  await findChromium();
  // Chromium leaves settings and reports of crashes at home, and other files where temporary ones go.
  const home = await Deno.makeTempDir();
  // Nothing of this process's environment but the PATH, on which the script looks for Chromium.
  const env = { PATH: Deno.env.get("PATH"), HOME: home, TMPDIR: home };
  try {
    const browser = await chromium.launch({ executablePath: CHROMIUM, env, args: [...args] });
    try {
      await run(browser);
    } finally {
      await browser.close();
    }
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

async function openPage(
  page: Page,
  { href, allowed }: { href: string; allowed: (url: string) => boolean },
  test: (open: OpenPage) => Promise<void>,
): Promise<void> {
  const complaints: string[] = [];
  page.on("console", (message) => {
    const type = message.type();
    if (type === "error" || type === "warning") complaints.push(`${type}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!allowed(url) && !url.startsWith("data:")) complaints.push(`request: ${url}`);
  });
  await page.goto(href);
  await test({ page, complaints });
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
