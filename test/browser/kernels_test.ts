/**
 * The kernels by another compiler of WGSL and another driver than Deno's: Tint and SwiftShader, in Chromium. Compiling takes
 * most of the time there, so that each kernel runs a few of its cases, and some variants of `fused` one network each.
 */
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { KERNELS } from "../../src/gpu/kernel_table.ts";
import { VARIANTS } from "../../src/programs/variants.ts";
import { withServedPage } from "../_browser.ts";
import type { GradientResult, GradientSetting, KernelResult } from "../_page/kernels.ts";

const PAGE = "test/_page/index.html";
const PLACES = { places: ["test/", "tasks/_kit/tile.ts"] };

/** Calls a function of a module of the checkout in the page. */
async function call<T>(page: Page, name: string, ...args: unknown[]): Promise<T> {
  return await page.evaluate(async ([name, args]) => {
    const module = await import(["", "test", "_page", "kernels.ts"].join("/"));
    return await module[name as string](...args as unknown[]);
  }, [name, args]) as T;
}

/** Networks of 3 and 9 layers; all four of the variants that compile fast. */
function settings(variant: string): Omit<GradientSetting, "variant">[] {
  const all = [3, 9].flatMap((layers) =>
    [true, false].map((batchNorm) => ({ layers, batchNorm, evaluation: true }))
  );
  if (!variant.startsWith("fused")) return all;
  const [three, , , nine] = all.map((setting) => ({ ...setting, evaluation: false }));
  return /\d$/.test(variant) ? [three] : [three, nine];
}

Deno.test("gradients of 3 and 9 layers are within their bars in Chromium, by every kernel variant", async () => {
  await withServedPage(PAGE, async ({ page, complaints }) => {
    const results: GradientResult[] = [];
    for (const variant of VARIANTS.toReversed()) { // Those that compile fast come first.
      for (const setting of settings(variant)) {
        results.push(await call(page, "checkGradients", { variant, ...setting }));
      }
    }
    const beyond = results.filter(({ worst }) => !(worst !== undefined && worst <= 1));
    assertEquals(beyond, []);
    assertEquals(complaints, []);
  }, PLACES);
});

/** Kernels that take longest to compile: they run only in the steps of `fused-tail-16x8` and the variants in 8x8 above. */
const COMPILED_ABOVE = ["fused_input_both", "fused_input_backward"];

/** How many cases of a kernel run: each of some kernels is compiled for seconds. */
function casesOf(kernel: string): number {
  if (/^fused|^tiled_(affine|input)/.test(kernel)) return 1;
  return 3;
}

Deno.test("every kernel equals the reference on some awkward sizes in Chromium", async () => {
  await withServedPage(PAGE, async ({ page, complaints }) => {
    for (const kernel of Object.keys(KERNELS).filter((name) => !COMPILED_ABOVE.includes(name))) {
      const { cases, worst, bound } = await call<KernelResult>(
        page,
        "runKernelCases",
        kernel,
        casesOf(kernel),
      );
      assert(cases > 0 && worst <= bound, `${kernel}: ${worst} units in ${cases} cases`);
    }
    assertEquals(complaints, []);
  }, PLACES);
});
