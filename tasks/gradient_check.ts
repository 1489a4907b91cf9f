/** The task `gradient-check`: the reference against numerical gradients, and the GPU against the reference. */
import type { DataSet } from "../src/data/dataset.ts";
import { ArgumentError } from "../src/errors.ts";
import { PUBLISHED_GRADIENT_ERRORS, PUBLISHED_HIDDEN } from "../src/model/published.ts";
import { shapeOf } from "../src/model/shape.ts";
import type { RunConfig } from "../src/records/config.ts";
import { GRADIENT_CHECK_CSV } from "../src/records/gradient_check.ts";
import { GRADIENT_CHECK_SUMMARY_JSON, GRADIENT_TRIAL_JSON } from "../src/records/summary.ts";
import { isComparable, otherSettings, PUBLISHED_SETTINGS } from "../src/report/settings.ts";
import {
  type checkSetting,
  COMPARED_STEPS,
  type ErrorsByParameter,
  firstInput,
  GRADIENT_CHECK_COUNTS,
  type GradientCheckRow,
  type GradientTrial,
  recordSetting,
  recordTrial,
  TRIAL_NETWORKS,
} from "../src/train/gradient_check.ts";
import type { TaskContext } from "./_kit/context.ts";
import { writeEvent } from "./_kit/events.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import {
  checkBatch,
  choice,
  COMMON_OPTIONS,
  integer,
  type Task,
  TRAINING_OPTIONS,
  type Values,
} from "./_kit/options.ts";
import { openResults, type Results, runConfig, summaryEnd } from "./_kit/results.ts";
import { printTable } from "./_kit/table.ts";
import { type DataCall, type Rest, restOf, type RunContext, runPlanned } from "./_kit/with_data.ts";
import { soundVariant, warnIfFailed } from "./_run/verified.ts";

const REPORT = PUBLISHED_SETTINGS["gradient-check"];

const OPTIONS = {
  ...COMMON_OPTIONS,
  hidden: TRAINING_OPTIONS.hidden,
  layers: TRAINING_OPTIONS.layers,
  batchNorm: choice(["on", "off"], { default: REPORT.batchNorm, help: "batch normalisation" }),
  lambda: TRAINING_OPTIONS.lambda,
  batch: TRAINING_OPTIONS.batch,
  inputs: integer({
    min: 1,
    default: REPORT.inputs,
    help:
      "how many of the first values of an image are used, if it has as many; where most of those never " +
      "change, values that do",
  }),
};

export const TASK: Task<Options> = {
  name: "gradient-check",
  summary:
    "Compares the gradients of the float64 reference with a five-point difference and with the report's " +
    "forward difference, entry by entry, and those of the GPU with the reference. Then compares steps " +
    "on the GPU with the reference for 3 and 9 layers, with and without batch norm, with few inputs and " +
    "all. Writes gradient_check.csv; there, gpu_norm of a bias in front of batch norm is ‖db‖ / ‖γ dβ / √(σ² + ε)‖, " +
    "since its exact gradient is 0. Ends with status 3 when an error exceeds its bound. The forward " +
    "difference has no bound, since its error depends on the seed.",
  options: OPTIONS,
  defaults: { lambda: REPORT.lambda, batch: REPORT.batch },
  quickCounts: GRADIENT_CHECK_COUNTS,
  check: checkBatch,
  examples: [
    { command: "deno task gradient-check", purpose: "the report's setting" },
    { command: "deno task gradient-check --seed 7", purpose: "another network" },
  ],
};

type Options = Values<typeof OPTIONS>;

/** The files of a check. A failed one has no summary, so it is not finished and will be repeated. */
const FILES = { files: ["gradient_check.csv", "summary.json"] } as const;

/** What the GPU is checked with, after the setting asked for. */
const TRIALS = PUBLISHED_HIDDEN.flatMap((hidden) =>
  [true, false].flatMap((batchNorm) =>
    [{ inputs: 10, batch: 20 }, { inputs: Infinity, batch: 100 }]
      .map((size) => ({ hidden, batchNorm, ...size }))
  )
);

interface CheckPlan extends DataCall<Options> {
  readonly variant: string;
  readonly results: Results;
}

export async function plan(asked: DataCall<Options>): Promise<CheckPlan> {
  const { gpu, data: { source: dataset } } = asked;
  // Unless more are asked for: an image may have fewer values than the report's.
  const options = asked.given.has("inputs")
    ? asked.options
    : { ...asked.options, inputs: Math.min(asked.options.inputs, dataset.inputs) };
  const call = { ...asked, options };
  checkSizes(options, dataset);
  const { inputs, force, out } = options;
  const setting = { ...options, batchNorm: options.batchNorm === "on", networks: 1 };
  const shape = shapeOf(setting, { ...dataset, inputs });
  const variant = options.variant ?? await soundVariant(gpu, shape);
  const config = runConfig(options, { task: TASK.name, dataset, adapter: gpu.adapter, variant });
  return { ...call, variant, results: await openResults(out, config, { ...FILES, force }) };
}

export async function run(planned: CheckPlan, { context }: RunContext): Promise<Rest> {
  const { options, gpu, results } = planned;
  await warnIfFailed(context, gpu, options);
  if (results.state === "finished") {
    results.sayFinished(context, options);
    await results.removeLeftovers();
    return restOf(Promise.resolve(), () => EXIT.done);
  }

  context.signal.throwIfAborted();
  const comparisons = await compareAll(planned, context);
  return restOf(
    writeChecked(planned, comparisons),
    (checked) => report(context, checked, planned),
    "comparing with float64",
  );
}

export async function main(args: readonly string[], context: TaskContext): Promise<number> {
  return await runPlanned({ TASK, plan, run }, args, context);
}

/** What other threads compare. */
interface Comparisons {
  readonly setting: ReturnType<typeof checkSetting>;
  readonly trials: readonly Promise<GradientTrial>[];
}

/** Has the GPU compute everything, and other threads compare it with the reference. */
async function compareAll(
  { options, gpu, data: { source }, results, variant }: CheckPlan,
  { workers, signal }: TaskContext,
): Promise<Comparisons> {
  const { quick, seed } = options;
  const asked = { ...options, batchNorm: options.batchNorm === "on", variant };
  const bounds = publishedErrors(results.config);
  const recorded = await recordSetting(gpu, source, { ...asked, ...bounds });
  const setting = workers.do("checkSetting", recorded);
  const trials: Promise<GradientTrial>[] = [];
  for (const trial of quick ? TRIALS.filter(({ inputs }) => inputs === 10) : TRIALS) {
    signal.throwIfAborted();
    const inputs = Math.min(trial.inputs, source.inputs);
    // Each step has other images: of the same ones moving averages change by hardly more than rounding.
    const batches = Math.floor(source.training.count / COMPARED_STEPS);
    const batch = Math.max(Math.min(trial.batch, batches), 2);
    const shape = shapeOf({ ...trial, batch, networks: TRIAL_NETWORKS.length }, {
      ...source,
      inputs,
    });
    const variant = options.variant ?? await soundVariant(gpu, shape);
    const recorded = await recordTrial(gpu, source, { ...trial, batch, seed, variant });
    trials.push(workers.do("checkTrial", recorded));
  }
  return { setting, trials };
}

/** The results of a check. */
interface Checked {
  readonly rows: readonly GradientCheckRow[];
  readonly trials: readonly GradientTrial[];
  readonly failures: readonly string[];
}

/** Writes the files as soon as everything is compared. */
async function writeChecked(
  { options, gpu, data: { source }, results }: CheckPlan,
  comparisons: Comparisons,
): Promise<Checked> {
  const { rows, failures } = await comparisons.setting;
  const trials = await Promise.all(comparisons.trials);
  const checked = {
    rows,
    trials,
    failures: [...failures, ...trials.flatMap((trial) => trial.failures)],
  };
  const passed = checked.failures.length === 0;
  await results.start();
  await results.write("gradient_check.csv", GRADIENT_CHECK_CSV.encode(rows));
  if (passed) {
    const summary = { data: source.name, passed, trials, ...summaryEnd(gpu, options.quick) };
    await results.write("summary.json", GRADIENT_CHECK_SUMMARY_JSON.encode(summary));
    await results.finish();
  }
  return checked;
}

/** Prints what was found, and returns the exit status. */
function report(
  context: TaskContext,
  { rows, trials, failures }: Checked,
  { options, data: { source } }: CheckPlan,
): number {
  reportRows(context, rows, { options, dataset: source });
  reportTrials(context, trials, options);
  for (const failure of failures) context.stderr(`Check failed: ${failure}`);
  const passed = failures.length === 0;
  if (options.json) {
    writeEvent(context, "done", { passed, failures, ...options.quick && { quick: true } });
  } else {
    const verdict = passed ? "passed" : "failed";
    context.stdout(`Gradient check ${verdict}${options.quick ? " (quick)" : ""}.`);
  }
  return passed ? EXIT.done : EXIT.checkFailed;
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

/**
 * The report's errors that a check is compared with, by parameter: `bars` bound the five-point differences in the
 * report's setting, with any data; `published` are printed beside them, with the report's data alone.
 */
export function publishedErrors(
  config: RunConfig,
): Record<"bars" | "published", ErrorsByParameter> {
  return {
    bars: otherSettings(config).length === 0 ? PUBLISHED_GRADIENT_ERRORS : {},
    published: isComparable(config) ? PUBLISHED_GRADIENT_ERRORS : {},
  };
}

function reportRows(
  context: TaskContext,
  rows: readonly GradientCheckRow[],
  run: { options: Options; dataset: DataSet },
): void {
  if (run.options.json) {
    const { quick } = run.options;
    for (const row of rows) {
      writeEvent(context, "gradient", { ...GRADIENT_CHECK_CSV.cells(row), ...quick && { quick } });
    }
    return;
  }
  const { hidden, batchNorm, lambda, batch, inputs, seed } = run.options;
  const from = firstInput(run.dataset, run.options);
  const which = from === 0 ? `first ${inputs} inputs` : `inputs ${from + 1} to ${from + inputs}`;
  context.stdout(
    `${run.dataset.name}, hidden ${hidden.join(",")}, batch norm ${batchNorm}, λ ${lambda}, ` +
      `batch ${batch}, ${which}, seed ${seed}`,
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
  printTable(context, lines);
}

function reportTrials(
  context: TaskContext,
  trials: readonly GradientTrial[],
  options: Pick<Options, "json" | "quick">,
): void {
  if (options.json) {
    const { quick } = options;
    for (const trial of trials) {
      writeEvent(context, "comparison", {
        ...GRADIENT_TRIAL_JSON.fields(trial),
        ...quick && { quick },
      });
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
  printTable(context, lines);
  context.stdout("");
}

function show(value: number): string {
  return value.toExponential(2);
}

if (import.meta.main) await runTask(main);
