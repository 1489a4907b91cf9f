/**
 * The kernels by another compiler of WGSL and another driver than Deno's: Tint and SwiftShader, in Chromium. Compiling takes
 * most of the time there, so that each kernel runs a few of its cases, and some variants of `fused` one network each. All
 * variants fit SwiftShader's limits at these sizes; larger batches of `fused_tail` take more than its 256 threads.
 */
import { assert, assertEquals } from "@std/assert";
import { KERNELS } from "../../src/gpu/kernel_table.ts";
import { VARIANTS } from "../../src/programs/variants.ts";
import { callInPage, withServedPage } from "../_browser.ts";
import type { GradientResult, GradientSetting, KernelResult } from "../_page/kernels.ts";

const PAGE = "test/_page/index.html";
const MODULE = "test/_page/kernels.ts";
const PLACES = { places: ["test/"] };

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
        results.push(await callInPage(page, [MODULE, "checkGradients"], { variant, ...setting }));
      }
    }
    const beyond = results.filter(({ worst }) => !(worst !== undefined && worst <= 1));
    assertEquals(beyond, []);
    assertEquals(complaints, []);
  }, PLACES);
});

/** Kernels of products that take seconds to compile: they run in the steps above, of `tiled` and of `fused`. */
const COMPILED_ABOVE = /^(tiled_(affine|input)|fused_input)/;

Deno.test("kernels equal the reference on some awkward sizes in Chromium", async () => {
  await withServedPage(PAGE, async ({ page, complaints }) => {
    for (const kernel of Object.keys(KERNELS).filter((name) => !COMPILED_ABOVE.test(name))) {
      const count = kernel.startsWith("fused") ? 1 : 3;
      const name = "runKernelCases";
      const { cases, worst, bound } = await callInPage<KernelResult>(
        page,
        [MODULE, name],
        kernel,
        count,
      );
      assert(cases > 0 && worst <= bound, `${kernel}: ${worst} units in ${cases} cases`);
    }
    assertEquals(complaints, []);
  }, PLACES);
});
