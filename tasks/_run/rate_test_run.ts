/** A test of learning rates: its population and its files. */
import type { Gpu } from "../../src/gpu/device.ts";
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { LEARNING_RATES_CSV } from "../../src/records/learning_rates.ts";
import { RATE_TEST_SUMMARY_JSON, type RateTestSummary } from "../../src/records/summary.ts";
import {
  type RateRow,
  type RateTestOptions,
  testLearningRates,
} from "../../src/train/learning_rates.ts";
import type { Figures } from "../_kit/figures.ts";
import type { Progress } from "../_kit/progress.ts";
import { readSummary, type Results, summaryEnd } from "../_kit/results.ts";

const [ROWS, FIGURE, SUMMARY] = ["learning_rates.csv", "learning_rates.svg", "summary.json"];

/** The files of a test, for {@linkcode openResults}. */
export const RATE_TEST_FILES = { files: [ROWS, FIGURE, SUMMARY], figures: [FIGURE] } as const;

export interface RateTestRun {
  readonly name: string;
  /** What to test; the task has checked it. */
  readonly test: RateTestOptions & { readonly rates: readonly number[]; readonly steps: number };
  /** Whether it is a quick run, as every file then says. */
  readonly quick: boolean;
}

interface RateTestContext {
  readonly gpu: Gpu;
  readonly data: DeviceDataSet;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly figures: Figures;
}

export interface FinishedTest {
  readonly rows: readonly RateRow[];
  readonly summary: RateTestSummary;
}

/** Trains all networks and writes the files. A test that is interrupted begins anew: on a GPU it takes seconds. */
export async function testInto(
  results: Results,
  { name, test, quick }: RateTestRun,
  context: RateTestContext,
): Promise<FinishedTest> {
  const { gpu, data, progress, signal, figures } = context;
  const { hidden, batchNorm, rates: { length: rates }, steps } = test;
  await results.start();
  progress.start(name, steps, { hidden, batch_norm: batchNorm, rates });
  const onStep = (done: number) => progress.step(done);
  const { rows, ...found } = await testLearningRates(gpu, data, { ...test, signal, onStep });
  const summary = { data: data.source.name, ...found, ...summaryEnd(gpu, quick) };
  const whole = await figures.saving(async () => {
    await results.write(ROWS, LEARNING_RATES_CSV.encode(rows));
    await results.write(SUMMARY, RATE_TEST_SUMMARY_JSON.encode(summary));
    await results.finish();
  });
  const drawn = drawnOf(results, { rows, summary });
  if (whole) figures.add(results, FIGURE, (workers) => workers.draw("drawRates", drawn));
  progress.done({ range: RATE_TEST_SUMMARY_JSON.fields(summary).range });
  return { rows, summary };
}

/** Reads a finished test. */
export async function readTest(results: Results): Promise<FinishedTest> {
  const summary = await readSummary(results.directory, RATE_TEST_SUMMARY_JSON);
  return { rows: (await results.read(ROWS, LEARNING_RATES_CSV))!, summary };
}

/** Draws the figure of a finished test where it is missing. */
export function redrawTest(results: Results, finished: FinishedTest, figures: Figures): void {
  const drawn = drawnOf(results, finished);
  figures.addUndrawn(results, (workers) => workers.draw("drawRates", drawn));
}

/** What the figure is drawn from. */
function drawnOf({ config }: Results, { rows, summary: { classes, initialLoss } }: FinishedTest) {
  return { rows, config, classes, initialLoss };
}
