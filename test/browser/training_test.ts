/** Trainings in Chromium: the same source, the same tests, and rows like Deno's. */
import { assert, assertEquals } from "@std/assert";
import type { MetricRow } from "../../src/model/metrics.ts";
import { callInPage, withServedPage } from "../_browser.ts";
import { trainTwice } from "../_page/training.ts";
import type { PageResult } from "../_page/run.ts";

const PAGE = "test/_page/index.html";
const PLACES = { places: ["test/"] };

/** Files whose tests run in the page, without those that compile other variants for half a minute. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  "test/kernels/bits_test.ts": [],
  "test/gpu/runtime_test.ts": [],
  "test/gpu/lifetime_test.ts": [],
  "test/gpu/device_test.ts": [
    "a population rejects when the device refuses an operation or is lost, with the variant texel-20x10",
    "a population rejects when the device refuses an operation or is lost, with the variant fused-tail",
  ],
  "test/gpu/device_data_test.ts": [],
  "test/train/training_test.ts": [
    "Training.state() is the state at the time of the call while run() continues",
    "Training gives the same results concurrently as one by one (tiled)",
  ],
};

Deno.test("the tests of devices, lifetimes and trainings pass in Chromium", async () => {
  await withServedPage(PAGE, async ({ page }) => {
    for (const [file, without] of Object.entries(FILES)) {
      const results = await callInPage<PageResult[]>(
        page,
        ["test/_page/run.ts", "runTests"],
        file,
        without,
      );
      assert(results.length > 3, `${results.length} tests in ${file}`);
      assertEquals(results.filter(({ error }) => error !== undefined), [], file);
    }
  }, PLACES);
});

/**
 * Largest difference of a loss or cost, as a share of it, between adapters, which round differently. Between llvmpipe and
 * SwiftShader it is 2.8e-8; an adapter that fuses multiply and add may be further off.
 */
const TOLERANCE = 1e-6;

/** Images of 450 and 50 whose class rounding may change. */
const CHANGED = 1;

function assertAlike(found: readonly MetricRow[][], expected: readonly MetricRow[][]): void {
  assertEquals(found.length, expected.length);
  for (const [i, rows] of expected.entries()) {
    for (const [n, row] of rows.entries()) {
      const own = found[i][n];
      assertEquals([own.step, own.epoch, own.eta], [row.step, row.epoch, row.eta]);
      for (const [split, count] of [["training", 450], ["validation", 50]] as const) {
        for (const name of ["loss", "cost"] as const) {
          const difference = Math.abs(own[split][name] / row[split][name] - 1);
          assert(difference <= TOLERANCE, `${name} of step ${row.step}: ${difference}`);
        }
        const changed = count * Math.abs(own[split].accuracy - row[split].accuracy);
        assert(changed < CHANGED + 0.5, `${changed} images of step ${row.step}`);
      }
    }
  }
}

Deno.test("a training in Chromium gives the rows that it gives in Deno, but for rounding", async () => {
  const [expected] = await trainTwice();
  assert(expected.at(-1)![0].training.loss < 0.9 * expected[0][0].training.loss);
  await withServedPage(PAGE, async ({ page, complaints }) => {
    const [found, ahead] = await callInPage<MetricRow[][][]>(page, [
      "test/_page/training.ts",
      "trainTwice",
    ]);
    assertAlike(found, expected);
    assertEquals(ahead, found);
    assertEquals(complaints, []);
  }, PLACES);
});

Deno.test("completion() in Chromium never takes work for done that may run, even when calls are slow", async () => {
  await withServedPage(PAGE, async ({ page }) => {
    const over = await callInPage<boolean[]>(page, [
      "test/_page/training.ts",
      "pausedCallsAreOver",
    ]);
    assertEquals(over, [false, false, false, false]);
  }, PLACES);
});
