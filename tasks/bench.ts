/**
 * The task `bench`: how fast training is on this machine's adapter, kept to be compared with other days.
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";
import type { DataSet } from "../src/dataset.ts";
import { DeviceDataSet } from "../src/device_data.ts";
import { ArgumentError } from "../src/errors.ts";
import { trendFigure } from "../src/figures.ts";
import { writeFileDurably } from "../src/files.ts";
import { Gpu } from "../src/gpu.ts";
import { checkVariant } from "../src/variants.ts";
import { benchFromCsv, type BenchRow, benchToCsv } from "../src/records.ts";
import { announceAdapter } from "./_adapter.ts";
import { checkCapacity, type Plan } from "./_capacity.ts";
import { alignColumns } from "./_columns.ts";
import { currentCommit } from "./_commit.ts";
import type { TaskContext } from "./_context.ts";
import { loadDataSet } from "./_data.ts";
import { writeEvent } from "./_events.ts";
import { helpText } from "./_help.ts";
import { integer, widths } from "./_kinds.ts";
import { EXIT, runTask } from "./_main.ts";
import { measure, type Measurement, operationsPerStep, type Times } from "./_measure.ts";
import {
  COMMON_OPTIONS,
  parseOptions,
  type Task,
  TRAINING_OPTIONS,
  type Values,
} from "./_options.ts";
import { QUICK_COUNTS } from "./_quick.ts";
import { DENO_VERSION, PACKAGE_VERSION } from "./_version.ts";

const OPTIONS = {
  networks: widths({ default: [1], help: "how many networks train together, one row for each" }),
  steps: integer({ min: 1, max: 1_000_000, default: 450, help: "steps in a measurement" }),
  repeat: integer({
    min: 1,
    max: 1000,
    default: 5,
    help: "measurements, of which the median counts",
  }),
  hidden: TRAINING_OPTIONS.hidden,
  batchNorm: TRAINING_OPTIONS.batchNorm,
  batch: TRAINING_OPTIONS.batch,
  ...COMMON_OPTIONS,
};

type Options = Values<typeof OPTIONS>;

const TASK: Task<typeof OPTIONS> = {
  name: "bench",
  summary: "Measures training: milliseconds a step (gathering the batch included, from submit to " +
    "completion, after one measurement to warm up), steps a second, GFLOP a second (2 · batch · Σ " +
    "in · out over the layers, times 3 for forward, weight and input gradient, or 2 in the first " +
    "layer), and an evaluation of 50,000 images. Appends a row for each number of networks to " +
    "bench.csv in --out and draws trend.svg from all rows; --force begins bench.csv anew.",
  options: OPTIONS,
  quick: { steps: 20, repeat: 2 },
  check: checkOptions,
  examples: [
    { command: "deno task bench", purpose: "one network, 3 layers with batch norm" },
    { command: "deno task bench --networks 1,3,10", purpose: "what training together saves" },
    { command: "deno task bench --require-gpu --json", purpose: "for a scheduler" },
  ],
};

/** Networks are an axis of every dispatch, and that is how far an axis goes on any adapter. */
const MOST_NETWORKS = 65_535;

const CSV = "bench.csv";
const FIGURE = "trend.svg";

/** One line of the table at the end. */
interface Result {
  readonly row: BenchRow;
  readonly measurement: Measurement;
}

/**
 * Runs the task.
 *
 * @param args The arguments as typed.
 * @param context Where to write, and how to hear of being told to stop.
 * @returns The exit status.
 */
export async function main(args: readonly string[], context: TaskContext): Promise<number> {
  const { options } = parseOptions(TASK, args);
  if (options.help) {
    context.stdout(helpText(TASK));
    return EXIT.done;
  }
  const variant = checkVariant(options.variant) ?? "per-operation";
  const { json, quick, steps, repeat, seed } = options;
  const gpu = await Gpu.request();
  const memory = new PeakMemory();
  let data: DeviceDataSet | undefined;
  try {
    announceAdapter(context, gpu.adapter, options);
    const before = await readRows(options);
    const counts = quick ? QUICK_COUNTS : undefined;
    const dataset = await loadDataSet(options.data, context, { json, counts });
    memory.look();
    data = new DeviceDataSet(gpu, dataset);
    const plans = plansOf(options);
    for (const plan of plans) await checkCapacity(gpu, data, plan);

    const commit = await currentCommit(fromFileUrl(new URL("../.git", import.meta.url)));
    const results: Result[] = [];
    for (const plan of plans) {
      const doing = `Measuring ${describePlan(plan)}`;
      if (context.isTerminal) context.progress(doing);
      else context.stderr(doing);
      const { signal } = context;
      const measurement = await measure(gpu, data, { ...plan, steps, repeat, seed, signal });
      const row = makeRow(plan, measurement, { gpu, dataset, commit, variant, steps });
      results.push({ row, measurement });
      memory.look();
    }
    context.progress("");
    await append(before, results, options);
    report(context, results, { options, dataset, memory: memory.peak });
    return EXIT.done;
  } finally {
    data?.destroy();
    gpu.destroy();
  }
}

/** Checks between options, and what their kinds leave open. */
function checkOptions({ batch, batchNorm, networks }: Options): void {
  if (batch === 1 && batchNorm !== "off") {
    throw new ArgumentError(
      "--batch expects at least 2 with batch normalisation, not 1: a single image has no deviation",
    );
  }
  const most = Math.max(...networks);
  if (most > MOST_NETWORKS) {
    throw new ArgumentError(`--networks expects at most ${MOST_NETWORKS} of them, not ${most}`);
  }
}

/** What is measured: each number of networks, with and without batch norm where both are asked for. */
function plansOf({ hidden, batchNorm, batch, networks }: Options): Plan[] {
  const norms = batchNorm === "both" ? [false, true] : [batchNorm === "on"];
  return norms.flatMap((batchNorm) =>
    networks.map((networks) => ({ hidden, batchNorm, batch, networks }))
  );
}

/** The rows that are there already; none with `--force`. */
async function readRows({ out, force }: Options): Promise<BenchRow[]> {
  const path = join(out, CSV);
  try {
    const text = await Deno.readTextFile(path);
    return force ? [] : benchFromCsv(text, { name: path });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    if (!(error instanceof Deno.errors.NotADirectory)) throw error;
    throw new ArgumentError(`--out expects a directory, and ${out} is or goes through a file`);
  }
}

async function append(
  before: readonly BenchRow[],
  results: readonly Result[],
  { out, quick }: Options,
): Promise<void> {
  const rows = [...before, ...results.map(({ row }) => row)];
  const title = quick ? "Time of a training step (quick runs)" : undefined;
  const figure = await trendFigure(rows, { title });
  await Deno.mkdir(out, { recursive: true });
  await writeFileDurably(join(out, CSV), benchToCsv(rows));
  await writeFileDurably(join(out, FIGURE), figure);
}

function makeRow(
  { hidden, batchNorm, batch, networks }: Plan,
  { step: { median } }: Measurement,
  circumstances: { gpu: Gpu; dataset: DataSet; commit: string; variant: string; steps: number },
): BenchRow {
  const { gpu, dataset, commit, variant, steps } = circumstances;
  const { inputs, classes } = dataset;
  const operations = networks * operationsPerStep({ inputs, hidden, classes, batchNorm }, batch);
  return {
    date: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    commit,
    package_version: PACKAGE_VERSION,
    deno_version: DENO_VERSION,
    adapter: gpu.adapter.description,
    software: gpu.adapter.software,
    variant,
    data: dataset.name,
    networks,
    hidden: hidden.join(","),
    batch_norm: batchNorm,
    batch,
    steps,
    ms_per_step: median,
    steps_per_s: 1000 / median,
    gflop_per_s: operations / median / 1e6,
  };
}

/** The table at the end, or an event for each of its rows. */
function report(
  context: TaskContext,
  results: readonly Result[],
  { options, dataset, memory }: { options: Options; dataset: DataSet; memory: number },
): void {
  const { json, quick, out, repeat } = options;
  const table = [[
    "networks",
    "batch norm",
    "ms/step",
    "steps/s",
    "GFLOP/s",
    "evaluation, ms/50,000 images",
  ]];
  for (const { row, measurement: { step, evaluation } } of results) {
    if (json) {
      writeEvent(context, "result", {
        ...row,
        ...quick && { quick },
        repeat,
        ms_per_step_least: step.least,
        ms_per_step_most: step.most,
        evaluation_ms: evaluation.median,
        evaluation_ms_least: evaluation.least,
        evaluation_ms_most: evaluation.most,
        peak_memory_bytes: memory,
        out,
      });
    }
    table.push([
      String(row.networks),
      row.batch_norm ? "on" : "off",
      describeTimes(step),
      short(row.steps_per_s),
      short(row.gflop_per_s),
      describeTimes(evaluation),
    ]);
  }
  if (json) return;
  const { hidden, batch, steps } = options;
  context.stdout(
    `${dataset.name}, hidden ${hidden.join(",")}, batch ${batch}; median (least to most) of ` +
      `${repeat} × ${steps} steps${quick ? "; quick run, not a result" : ""}`,
  );
  for (const line of alignColumns(table)) context.stdout(line);
  context.stdout(`Memory of this process: ${Math.round(memory / 2 ** 20)} MiB at most`);
  context.stdout(`Files: ${join(out, CSV)}, ${join(out, FIGURE)}`);
}

function describePlan({ networks, hidden, batchNorm }: Plan): string {
  return `${networks} ${networks === 1 ? "network" : "networks"}, hidden ${hidden.join(",")}, ` +
    `batch norm ${batchNorm ? "on" : "off"}`;
}

function describeTimes({ median, least, most }: Times): string {
  return `${short(median)} (${short(least)} to ${short(most)})`;
}

/** Three digits, without an exponent. */
function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** The most memory that this process was seen to hold: looked at when something large has just been made. */
class PeakMemory {
  #peak = 0;

  /** In bytes. */
  get peak(): number {
    return this.#peak;
  }

  look(): void {
    this.#peak = Math.max(this.#peak, Deno.memoryUsage().rss);
  }
}

if (import.meta.main) await runTask(main);
