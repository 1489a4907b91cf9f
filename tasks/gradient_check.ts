/**
 * The task `gradient-check`: the reference against numerical gradients, and the GPU against the reference.
 *
 * @module
 */

import {
  cutInputs,
  type DataSet,
  standardise,
  subset,
  type SubsetCounts,
} from "../src/data/dataset.ts";
import { DeviceDataSet } from "../src/gpu/device_data.ts";
import { checkGradients, type GradientError } from "../src/model/reference/numerical_gradients.ts";
import { ArgumentError } from "../src/errors.ts";
import type { Gpu } from "../src/gpu/device.ts";
import { checkKernels, type KernelCheckRow, passes, worstOf } from "../src/train/kernel_check.ts";
import { type PopulationShape, shapeOf } from "../src/model/shape.ts";
import { initialise } from "../src/model/initialisation.ts";
import { PUBLISHED_GRADIENT_ERRORS, PUBLISHED_HIDDEN } from "../src/model/published.ts";
import { COMPARED_STEPS } from "../src/report/gradients.ts";
import { GRADIENT_CHECK_CSV } from "../src/records/gradient_check.ts";
import { GRADIENT_CHECK_SUMMARY_JSON, gradientTrialFields } from "../src/records/summary.ts";
import type { GradientCheckRow, GradientTrial } from "../src/train/gradient_check.ts";
import { isComparable, otherSettings, PUBLISHED_SETTINGS } from "../src/report/settings.ts";
import { alignColumns } from "./_kit/table.ts";
import type { TaskContext } from "./_kit/context.ts";
import { writeEvent } from "./_kit/events.ts";
import {
  checkBatch,
  choice,
  COMMON_OPTIONS,
  integer,
  type Task,
  TRAINING_OPTIONS,
  type Values,
} from "./_kit/options.ts";
import type { RunConfig } from "../src/records/config.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import { openResults, type Results, runConfig, summaryEnd } from "./_kit/results.ts";
import { soundVariant, warnIfFailed } from "./_run/verified.ts";
import { type DataCall, withData } from "./_kit/with_data.ts";

const REPORT = PUBLISHED_SETTINGS["gradient-check"];

const OPTIONS = {
  ...COMMON_OPTIONS,
  hidden: TRAINING_OPTIONS.hidden,
  batchNorm: choice(["on", "off"], { default: REPORT.batchNorm, help: "batch normalisation" }),
  lambda: TRAINING_OPTIONS.lambda,
  batch: TRAINING_OPTIONS.batch,
  inputs: integer({
    min: 1,
    default: REPORT.inputs,
    help: "how many of the first values of an image are used",
  }),
};

/** Enough for some batches, and for an evaluation whose last part is incomplete. */
const TRIAL_COUNTS: Required<SubsetCounts> = { training: 1000, validation: 150, test: 100 };

/** The task as its users see it. */
export const TASK: Task<Options> = {
  name: "gradient-check",
  summary:
    "Compares the gradients of the float64 reference with a five-point difference and with the report's " +
    "forward difference, entry by entry, and those of the GPU with the reference. Then compares steps " +
    "on the GPU with the reference for 3 and 9 layers, with and without batch norm, with few inputs and " +
    "all. Writes gradient_check.csv; there, gpu_norm of a bias in front of batch norm is ‖db‖ / ‖dβ‖, " +
    "since its exact gradient is 0. Ends with status 3 when an error exceeds its bound. The forward " +
    "difference has no bound, since its error depends on the seed.",
  options: OPTIONS,
  defaults: { lambda: REPORT.lambda, batch: REPORT.batch },
  quickCounts: TRIAL_COUNTS,
  check: checkBatch,
  examples: [
    { command: "deno task gradient-check", purpose: "the report's setting" },
    { command: "deno task gradient-check --seed 7", purpose: "another network" },
  ],
};

type Options = Values<typeof OPTIONS>;

/** The files of a check. A failed one has no summary, so it is not finished and will be repeated. */
const FILES = { files: ["gradient_check.csv", "summary.json"], finished: "summary.json" } as const;

/** Bounds of ‖a − n‖ / ‖a‖ of the reference, and of the share of entries left out at kinks of ReLUs. */
const NORM_BAR = 1e-7;
const LEFT_OUT_BAR = 0.05;

/** What the GPU is checked with, after the setting asked for. */
const TRIALS = PUBLISHED_HIDDEN.flatMap((hidden) =>
  [true, false].flatMap((batchNorm) =>
    [{ inputs: 10, batch: 20 }, { inputs: Infinity, batch: 100 }]
      .map((size) => ({ hidden, batchNorm, ...size }))
  )
);

/** Networks that differ in everything but their batches. */
const TRIAL_NETWORKS = [
  { lambda: 0.5, etaMin: 1e-5, etaMax: 0.1 },
  { lambda: 0, etaMin: 0, etaMax: 0.05 },
  { lambda: 0.005, etaMin: 1e-3, etaMax: 0.1 },
];

export interface CheckPlan extends DataCall<Options> {
  readonly variant: string;
  readonly results: Results;
}

/** Checks everything that can be refused, and touches nothing. */
export async function plan(call: DataCall<Options>): Promise<CheckPlan> {
  const { options, gpu, data: { source: dataset } } = call;
  checkSizes(options, dataset);
  const variant = options.variant ?? await soundVariant(gpu, settingShape(options, dataset));
  const config = runConfig(options, { task: TASK.name, dataset, adapter: gpu.adapter, variant });
  const { force, out } = options;
  return { ...call, variant, results: await openResults(out, config, { ...FILES, force }) };
}

/** Does what was planned, and returns the exit status. */
export async function run(planned: CheckPlan, context: TaskContext): Promise<number> {
  const { options, gpu, data: { source: dataset }, results } = planned;
  await warnIfFailed(context, gpu, options);
  if (results.state === "finished") {
    results.sayFinished(context, options);
    return EXIT.done;
  }

  const { signal } = context;
  signal.throwIfAborted();
  const { rows, failures } = await checkSetting(planned, signal);
  report(context, rows, { dataset, options });
  const trials = await checkTrials(gpu, { options, dataset, context });
  reportTrials(context, trials, options);
  failures.push(...trials.flatMap((trial) => trial.failures));
  const passed = failures.length === 0;
  for (const failure of failures) context.stderr(`Check failed: ${failure}`);
  await results.start();
  await results.write("gradient_check.csv", GRADIENT_CHECK_CSV.encode(rows));
  if (passed) {
    const summary = { data: dataset.name, passed, trials, ...summaryEnd(gpu, options.quick) };
    await results.write("summary.json", GRADIENT_CHECK_SUMMARY_JSON.encode(summary));
  }
  if (options.json) {
    writeEvent(context, "done", { passed, failures, ...quickField(options) });
  } else {
    const verdict = passed ? "passed" : "failed";
    context.stdout(`Gradient check ${verdict}${options.quick ? " (quick)" : ""}.`);
  }
  return passed ? EXIT.done : EXIT.checkFailed;
}

/** Runs the task, and returns the exit status. */
export async function main(args: readonly string[], context: TaskContext): Promise<number> {
  return await withData(TASK, args, context, async (call) => await run(await plan(call), context));
}

/** The shape of the setting asked for. */
function settingShape(
  { hidden, inputs, batch, batchNorm }: Options,
  { classes }: DataSet,
): PopulationShape {
  return shapeOf({ hidden, batchNorm: batchNorm === "on", networks: 1, batch }, {
    inputs,
    classes,
  });
}

function checkSizes({ batch, inputs }: Options, dataset: DataSet): void {
  if (batch > dataset.training.count) {
    throw new ArgumentError(
      `--batch expects at most the ${dataset.training.count} training images, not ${batch}`,
    );
  }
  if (inputs > dataset.inputs) {
    throw new ArgumentError(
      `--inputs expects at most the ${dataset.inputs} values of an image, not ${inputs}`,
    );
  }
}

/** The setting asked for, three ways, on the first images of the data. */
async function checkSetting(
  { options, gpu, data: { source }, variant, results }: CheckPlan,
  signal: AbortSignal,
): Promise<{ rows: GradientCheckRow[]; failures: string[] }> {
  const { hidden, lambda, batch, seed } = options;
  const batchNorm = options.batchNorm === "on";
  const dataset = firstInputs(source, options);
  const data = new DeviceDataSet(gpu, dataset);
  const order = Uint32Array.from({ length: dataset.training.count }, (_, i) => i);
  const networks = [{ lambda, etaMin: 0, etaMax: 0.1 }];
  const setting = { hidden, batchNorm, networks, batch, steps: 1, seed, order, evaluation: false };
  const onGpu = await checkKernels(gpu, { data, ...setting, variant });
  data.destroy();

  const architecture = { inputs: dataset.inputs, hidden, classes: dataset.classes, batchNorm };
  const parameters = initialise(architecture, { seed, identity: 0 });
  const differences = await checkGradients({ architecture, parameters }, {
    x: standardise(dataset.training.images, dataset, order.subarray(0, batch)),
    labels: dataset.training.labels.subarray(0, batch),
  }, { lambda, signal });
  const failures = onGpu.filter((row) => !passes(row)).map(describeFailure);
  const rows = differences.map((row) => {
    failures.push(...exceededBounds(row, results.config));
    return {
      parameter: row.parameter,
      published: publishedErrors(results.config).published[row.parameter] ?? null,
      fivePoint: row.fivePoint,
      forward: row.forward,
      gpuNorm: onGpu.find(({ name, kind }) =>
        name === row.parameter && (kind === "gradient" || kind === "cancelled")
      )!.error,
      leftOut: row.leftOut,
      entries: row.entries,
    };
  });
  const leftOut = rows.reduce((sum, row) => sum + row.leftOut, 0);
  const entries = rows.reduce((sum, row) => sum + row.entries, 0);
  if (leftOut > LEFT_OUT_BAR * entries) {
    failures.push(`entries left out: ${leftOut} of ${entries}, at most ${LEFT_OUT_BAR * 100} %`);
  }
  return { rows, failures };
}

/** The bounds that the five-point difference of a parameter exceeds. */
function exceededBounds(
  { parameter, fivePoint, norm }: GradientError,
  config: RunConfig,
): string[] {
  const bar = publishedErrors(config).bars[parameter];
  const name = `five-point difference of ${parameter}`;
  return [
    ...bar !== undefined && !(fivePoint <= bar)
      ? [`${name}: ${show(fivePoint)}, at most ${bar}`]
      : [],
    ...norm !== null && !(norm <= NORM_BAR)
      ? [`${name} in norm: ${show(norm)}, at most ${NORM_BAR}`]
      : [],
  ];
}

/**
 * The report's errors that a check is compared with, by parameter: `bars` bound the five-point differences in the
 * report's setting, with any data; `published` are printed beside them, with the report's data alone.
 */
export function publishedErrors(
  config: RunConfig,
): { bars: typeof PUBLISHED_GRADIENT_ERRORS; published: typeof PUBLISHED_GRADIENT_ERRORS } {
  return {
    bars: otherSettings(config).length === 0 ? PUBLISHED_GRADIENT_ERRORS : {},
    published: isComparable(config) ? PUBLISHED_GRADIENT_ERRORS : {},
  };
}

/** A field that events and the summary of a quick try have. */
function quickField({ quick }: Pick<Options, "quick">): { quick?: true } {
  return quick ? { quick } : {};
}

/** The table of the setting asked for. */
function report(
  context: TaskContext,
  rows: readonly GradientCheckRow[],
  run: { options: Options; dataset: DataSet },
): void {
  if (run.options.json) {
    const quick = quickField(run.options);
    for (const row of rows) {
      writeEvent(context, "gradient", { ...GRADIENT_CHECK_CSV.cells(row), ...quick });
    }
    return;
  }
  const { hidden, batchNorm, lambda, batch, inputs, seed } = run.options;
  context.stdout(
    `${run.dataset.name}, hidden ${hidden.join(",")}, batch norm ${batchNorm}, λ ${lambda}, ` +
      `batch ${batch}, first ${inputs} inputs, seed ${seed}`,
  );
  const lines = [["parameter", "published", "five-point", "forward", "GPU in norm", "left out"]];
  for (const row of rows) {
    lines.push([
      row.parameter,
      row.published === null ? "" : show(row.published),
      show(row.fivePoint),
      show(row.forward),
      show(row.gpuNorm),
      `${row.leftOut} of ${row.entries}`,
    ]);
  }
  for (const line of alignColumns(lines)) context.stdout(line);
}

/** Some steps on the GPU beside the reference, for all trials. */
async function checkTrials(
  gpu: Gpu,
  run: { options: Options; dataset: DataSet; context: TaskContext },
): Promise<GradientTrial[]> {
  const { options: { quick, seed }, dataset, context } = run;
  const trials: GradientTrial[] = [];
  for (const trial of quick ? TRIALS.filter(({ inputs }) => inputs === 10) : TRIALS) {
    context.signal.throwIfAborted();
    const { hidden, batchNorm, batch } = trial;
    const data = new DeviceDataSet(gpu, firstInputs(dataset, trial));
    const { inputs, classes } = data.source;
    const networks = TRIAL_NETWORKS;
    const architecture = { inputs, hidden, classes, batchNorm };
    const shape = { architecture, networks: networks.length, batch };
    const variant = run.options.variant ?? await soundVariant(gpu, shape);
    const setting = { hidden, batchNorm, networks, batch, steps: COMPARED_STEPS, seed };
    const rows = await checkKernels(gpu, { data, ...setting, variant });
    data.destroy();
    const name = `${hidden.length + 1} layers, batch norm ${batchNorm ? "on" : "off"}, ` +
      `${inputs} inputs, batch ${batch}`;
    const failures = rows.filter((row) => !passes(row))
      .map((row) => `${describeFailure(row)} (${name})`);
    const worst = worstOf(rows);
    trials.push({ hidden, batchNorm, inputs, batch, worst, failures });
  }
  return trials;
}

function reportTrials(
  context: TaskContext,
  trials: readonly GradientTrial[],
  options: Pick<Options, "json" | "quick">,
): void {
  if (options.json) {
    const quick = quickField(options);
    for (const trial of trials) {
      writeEvent(context, "comparison", { ...gradientTrialFields(trial), ...quick });
    }
    return;
  }
  context.stdout("");
  context.stdout(
    `GPU against float64: ${TRIAL_NETWORKS.length} networks, ${COMPARED_STEPS} steps; ` +
      "the quantity closest to its bound",
  );
  const lines = [["layers", "batch norm", "inputs", "batch", "worst", "error", "at most"]];
  for (const { hidden, batchNorm, inputs, batch, worst } of trials) {
    lines.push([
      String(hidden.length + 1),
      batchNorm ? "on" : "off",
      String(inputs),
      String(batch),
      `${worst.kind} ${worst.name}`,
      show(worst.error),
      show(worst.bar),
    ]);
  }
  for (const line of alignColumns(lines)) context.stdout(line);
  context.stdout("");
}

/** The first values of the first images, since the reference is slow. */
function firstInputs(dataset: DataSet, size: { inputs: number; batch: number }): DataSet {
  const { training, validation, test } = dataset;
  const counts = {
    training: Math.min(Math.max(TRIAL_COUNTS.training, size.batch), training.count),
    validation: Math.min(TRIAL_COUNTS.validation, validation.count),
    test: Math.min(TRIAL_COUNTS.test, test.count),
  };
  return cutInputs(subset(dataset, counts), Math.min(size.inputs, dataset.inputs));
}

function describeFailure({ kind, name, error, bar }: KernelCheckRow): string {
  return `GPU ${kind} of ${name}: ${show(error)}, at most ${show(bar)}`;
}

function show(value: number): string {
  return value.toExponential(2);
}

if (import.meta.main) await runTask(main);
