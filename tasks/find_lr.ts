/** The task `find-lr`: a test of which learning rates train the networks of `baseline`. */
import { join } from "@std/path";
import type { DataSet } from "../src/data/dataset.ts";
import { ArgumentError } from "../src/errors.ts";
import { RATE_TEST_SUMMARY_JSON } from "../src/records/summary.ts";
import {
  MAX_TEST_STEPS,
  MIN_TEST_STEPS,
  spreadRates,
  testSteps,
  TRIED_RATES,
} from "../src/train/learning_rates.ts";
import { checkCapacity } from "./_kit/capacity.ts";
import type { TaskContext } from "./_kit/context.ts";
import { DivergedError } from "./_kit/diverged.ts";
import { writeEvent } from "./_kit/events.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import {
  checkBatch,
  COMMON_OPTIONS,
  HIDDEN_DEFAULT,
  hiddensOf,
  integer,
  normsOf,
  RESUME_OPTIONS,
  type Task,
  TRAINING_OPTIONS,
  type Values,
} from "./_kit/options.ts";
import { Progress } from "./_kit/progress.ts";
import { openResults, type Results, runConfig } from "./_kit/results.ts";
import { runName } from "./_kit/run_name.ts";
import { printTable, short, tableHeading } from "./_kit/table.ts";
import { type DataCall, type Rest, restOf, type RunContext, runPlanned } from "./_kit/with_data.ts";
import {
  type FinishedTest,
  RATE_TEST_FILES,
  type RateTestRun,
  readTest,
  redrawTest,
  testInto,
} from "./_run/rate_test_run.ts";
import { BASELINE_IDENTITY } from "./_run/training_run.ts";
import { type VariantChoice, VariantChooser } from "./_run/variant.ts";

const { hidden, layers, batchNorm, lambda, batch, etaMin, etaMax, init } = TRAINING_OPTIONS;

const OPTIONS = {
  ...COMMON_OPTIONS,
  retryLost: {
    ...RESUME_OPTIONS.retryLost,
    help: "maximum number of times a lost device is requested again; finished tests are kept",
  },
  rates: integer({
    min: 3,
    max: 1000,
    default: TRIED_RATES.count,
    help: "learning rates to try, at equal ratios",
  }),
  steps: integer({
    min: 1,
    max: 1_000_000,
    default: MAX_TEST_STEPS,
    help: "steps of each network",
  }),
  ...{ hidden, layers, batchNorm, lambda, batch, init },
  etaMin: { ...etaMin, default: TRIED_RATES.from, help: "smallest learning rate η to try" },
  etaMax: { ...etaMax, default: TRIED_RATES.to, help: "largest learning rate η to try" },
};

type Options = Values<typeof OPTIONS>;

export const TASK: Task<Options> = {
  name: "find-lr",
  summary:
    "Tests which learning rates train the networks of baseline, and suggests --eta-min and --eta-max for " +
    "them. Of each network many train at once, from the initial weights and on the batches that baseline would " +
    "take, each with a constant rate of its own. The suggested range is around the rate of the " +
    "smallest training loss: down to where the loss has fallen by a tenth as much, up to where it has " +
    "risen again by a tenth of that. Each test gets a folder within --out (3-layer, 3-layer-batch-norm, " +
    "9-layer, 9-layer-batch-norm) with learning_rates.csv, learning_rates.svg, config.json and, when " +
    "finished, summary.json. Finished tests are kept when the same command is run again. If all " +
    "networks diverged, the task ends with status 1. --hidden, --layers and --batch-norm restrict the tests.",
  options: OPTIONS,
  defaults: { batchNorm: "both" },
  quick: { rates: 12 },
  defaultTexts: {
    hidden: HIDDEN_DEFAULT,
    steps: `an epoch, but ${MIN_TEST_STEPS} to ${MAX_TEST_STEPS}`,
  },
  check: checkRates,
  examples: [
    { command: "deno task find-lr", purpose: "the four networks of the report" },
    { command: "deno task find-lr --quick", purpose: "the whole path in seconds" },
    {
      command: "deno task find-lr --layers 3 --batch-norm on --eta-min 1e-2 --eta-max 1",
      purpose: "one network, with rates closer to each other",
    },
  ],
};

function checkRates(options: Options): void {
  const { etaMin, etaMax } = options;
  if (etaMin === 0) {
    throw new ArgumentError(
      "--eta-min expects a number above 0, not 0: rates are tried at equal ratios",
    );
  }
  if (etaMax <= etaMin) {
    throw new ArgumentError(
      `--eta-max expects more than --eta-min, which is ${etaMin}, not ${etaMax}`,
    );
  }
  checkBatch(options);
}

interface OpenTest {
  readonly run: RateTestRun;
  readonly results: Results;
  readonly choice: VariantChoice;
  /** What it found, where it is finished already. */
  readonly finished?: FinishedTest;
}

interface RatesPlan extends DataCall<Options> {
  readonly chooser: VariantChooser;
  readonly tests: readonly OpenTest[];
}

export async function plan(call: DataCall<Options>): Promise<RatesPlan> {
  const { options, gpu, data } = call;
  const chooser = new VariantChooser(call, options);
  const tests: OpenTest[] = [];
  for (const run of planTests(call)) {
    const { hidden, batchNorm, rates, steps } = run.test;
    // One more holds the rate 0.
    const plan = { hidden, batchNorm, batch: options.batch, networks: rates.length + 1 };
    const directory = join(options.out, run.name);
    const choice = { plan, steps, directory };
    const variant = await chooser.expect(choice);
    const own = { ...options, hidden, batchNorm: batchNorm ? "on" : "off", steps };
    const circumstances = { task: TASK.name, dataset: data.source, adapter: gpu.adapter, variant };
    const config = runConfig(own, circumstances);
    const { force } = options;
    const results = await openResults(directory, config, { ...RATE_TEST_FILES, force });
    const finished = results.state === "finished" ? await readTest(results) : undefined;
    tests.push({ run, results, choice, finished });
    if (finished === undefined) await checkCapacity(gpu, data, { ...plan, variant });
  }
  return { ...call, chooser, tests };
}

/** The steps of a test; of a quick one an epoch at most, which need not show anything. */
function stepsFor(images: number, { batch, quick }: { batch: number; quick: boolean }): number {
  const steps = testSteps(images, { batch });
  return quick ? Math.min(steps, Math.max(1, Math.floor(images / batch))) : steps;
}

function planTests(call: DataCall<Options>): RateTestRun[] {
  const { options, given, data } = call;
  const { etaMin, etaMax, rates: count, seed, batch, lambda, init, quick } = options;
  const rates = spreadRates({ from: etaMin, to: etaMax }, count);
  const { count: images } = data.source.training;
  const steps = given.has("steps") ? options.steps : stepsFor(images, { batch, quick });
  const shared = { rates, steps, seed, batch, lambda, initialisation: init };
  return hiddensOf(call).flatMap((hidden) =>
    normsOf(options).map((batchNorm) => ({
      name: runName({ hidden, batchNorm }),
      test: { ...shared, hidden, batchNorm, identity: BASELINE_IDENTITY },
      quick,
    }))
  );
}

export async function run(planned: RatesPlan, on: RunContext): Promise<Rest> {
  const { context, figures } = on;
  const { options, gpu, data, chooser, tests } = planned;
  const { json, quick } = options;
  const { signal } = context;
  const progress = new Progress(context, { json, quick });
  const ended: NamedTest[] = [];
  for (const { run, results, choice, finished } of tests) {
    signal.throwIfAborted();
    // Another task may have it as its own --out.
    await on.hold(results.directory);
    const variant = await chooser.choose(choice, context);
    results.setVariant(variant);
    if (finished !== undefined) {
      results.sayFinished(context, options);
      await results.removeLeftovers();
      redrawTest(results, finished, figures);
    }
    const own = { ...run, test: { ...run.test, variant } };
    const found = finished ??
      await testInto(results, own, { gpu, data, progress, signal, figures });
    ended.push({ name: run.name, ...found });
    if (figures.unsaved) break; // The next would find no room, either.
  }
  reportTests(context, { options, dataset: data.source, tests: ended });
  return restOf(figures.drawn(signal), () => {
    // Some are meant to diverge: that shows where the range ends.
    const whole = ended.some(({ rows }) => rows.some(({ divergedAt }) => divergedAt === null));
    if (whole) return EXIT.done;
    throw new DivergedError(
      "All networks diverged: expected a smaller --eta-min or smaller initial weights",
    );
  });
}

export async function main(args: readonly string[], context: TaskContext): Promise<number> {
  return await runPlanned({ TASK, plan, run }, args, context);
}

interface NamedTest extends FinishedTest {
  /** Its name, which is also that of its folder. */
  readonly name: string;
}

interface FinishedTests {
  readonly options: Options;
  readonly dataset: Pick<DataSet, "name" | "training">;
  readonly tests: readonly NamedTest[];
}

/** Prints the table at the end, or with `--json` an event for each test. */
function reportTests(context: TaskContext, { options, dataset, tests }: FinishedTests): void {
  const table = [["run", "--eta-min", "--eta-max", "best constant η", "diverged"]];
  for (const { name, rows, summary } of tests) {
    const { range } = summary;
    if (options.json) {
      const fields = RATE_TEST_SUMMARY_JSON.fields(summary);
      writeEvent(context, "result", { run: name, ...fields, out: join(options.out, name) });
    }
    const found = range === null
      ? ["none", "none", "none"]
      : [range.etaMin, range.etaMax, range.best].map(short);
    const diverged = rows.filter(({ divergedAt }) => divergedAt !== null).length;
    table.push([name, ...found, `${diverged} of ${rows.length}`]);
  }
  if (options.json) return;
  context.stdout(tableHeading(dataset, options));
  printTable(context, table);
  for (const { name, summary: { reason } } of tests) {
    if (reason !== null) context.stdout(`${name}: ${reason}`);
  }
  context.stdout(`Files: ${options.out}`);
}

if (import.meta.main) await runTask(main);
