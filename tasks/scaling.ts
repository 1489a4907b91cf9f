/** The task `scaling`: how the time of a training step grows with the work. */
import type { DataSet } from "../src/data/dataset.ts";
import { SCALING_AXES, type ScalingRow } from "../src/measure/scaling.ts";
import { SCALING_CSV } from "../src/records/scaling.ts";
import { readScaling, scaleInto, SCALING_FILES } from "./_bench/scaling_run.ts";
import type { TaskContext } from "./_kit/context.ts";
import { writeEvent } from "./_kit/events.ts";
import { Figures } from "./_kit/figures.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import { choices, COMMON_OPTIONS, integer, type Task, type Values } from "./_kit/options.ts";
import { openResults, type Results, runConfig } from "./_kit/results.ts";
import { printTable, short, spread, tableHeading } from "./_kit/table.ts";
import { type DataCall, withData } from "./_kit/with_data.ts";
import { drawScaling } from "./_run/draw.ts";
import { VariantChooser } from "./_run/variant.ts";

const OPTIONS = {
  axes: choices(SCALING_AXES, { default: SCALING_AXES, help: "what grows, one at a time" }),
  rounds: integer({
    min: 1,
    max: 1000,
    default: 5,
    help: "measurements of each size, of which the median counts",
  }),
  steps: integer({
    min: 1,
    max: 1_000_000,
    default: 20_000,
    help:
      "maximum steps of a measurement; it has as many as take 0.1 s, without timestamps 0.2 s, " +
      "on a software adapter 1 s, and at least 5",
  }),
  ...COMMON_OPTIONS,
};

type Options = Values<typeof OPTIONS>;

const TASK: Task<Options> = {
  name: "scaling",
  summary: "Measures how the time of a training step grows, one thing at a time, around 3 layers " +
    "(hidden 50,50) with batch norm, batches of 100 and one network: images in a batch from 50 to " +
    "1600, the width of both hidden layers from 50 to 1024, affine layers from 2 to 16, all " +
    "hidden ones 50 wide, and networks that train together from 1 to 64. A time is that of many " +
    "steps, gathering the batches included, after a warm-up; the sizes of an axis are measured in " +
    "turn in every round. Each size uses the kernel variant that a long training of it would use, " +
    "which is chosen by measuring unless that was done before. Names every cliff: a size that takes " +
    "more than twice what the trend of its neighbours predicts, a straight line in a log-log plot " +
    "through the sizes before and after it, or extrapolated from two neighbours where there is only " +
    "one side or the time stays up. Sizes that the adapter cannot hold are named and left out. " +
    "Writes scaling.csv, config.json and, when finished, scaling.svg into --out. Finished results " +
    "are kept when the same command is run again.",
  options: OPTIONS,
  quick: { rounds: 2, steps: 20, data: "synthetic" },
  examples: [
    { command: "deno task scaling", purpose: "all axes" },
    { command: "deno task scaling --axes width,networks", purpose: "two of them" },
    {
      command: "deno task scaling --quick",
      purpose: "the three smallest sizes of each, on the synthetic set",
    },
  ],
};

interface ScalingPlan extends DataCall<Options> {
  readonly results: Results;
  /** The rows, where they are complete already. */
  readonly finished?: ScalingRow[];
}

async function plan(call: DataCall<Options>): Promise<ScalingPlan> {
  const { options, gpu: { adapter }, data: { source: dataset } } = call;
  const { out, force } = options;
  const variant = options.variant ?? "chosen for each size";
  // Times on another adapter are other results.
  const settings = { ...options, adapter: adapter.description };
  const config = runConfig(settings, { task: TASK.name, dataset, adapter, variant });
  const results = await openResults(out, config, { ...SCALING_FILES, force });
  const finished = results.state === "finished" ? await readScaling(results) : undefined;
  return { ...call, results, finished };
}

async function run(planned: ScalingPlan, context: TaskContext): Promise<number> {
  const { options, data, results, finished } = planned;
  const figures = new Figures(context.workers);
  let rows = finished;
  if (rows !== undefined) {
    results.sayFinished(context, options);
    await results.removeLeftovers();
    const known = rows;
    figures.addUndrawn(results, () => drawScaling(known, results.config));
  } else {
    context.signal.throwIfAborted();
    const chooser = new VariantChooser(planned, options);
    rows = await scaleInto(results, options, { ...planned, chooser, context, figures });
  }
  report(context, rows, { options, dataset: data.source });
  await figures.drawn(context.signal);
  return EXIT.done;
}

export async function main(args: readonly string[], context: TaskContext): Promise<number> {
  return await withData(TASK, args, context, async (call) => await run(await plan(call), context));
}

/** Prints the table at the end and a line for each cliff, or with `--json` an event for each row. */
function report(
  context: TaskContext,
  rows: readonly ScalingRow[],
  { options, dataset }: { options: Options; dataset: DataSet },
): void {
  const { json, quick, out } = options;
  if (json) {
    for (const row of rows) {
      writeEvent(context, "result", { ...SCALING_CSV.cells(row), ...quick && { quick }, out });
    }
    return;
  }
  context.stdout(tableHeading(dataset, options));
  const heading = [
    "axis",
    "size",
    "ms/step",
    "times the arithmetic",
    "GFLOP/s",
    "steps",
    "variant",
    "",
  ];
  const lines = rows.map((row) => [
    row.axis,
    String(row.value),
    spread(row.msPerStep, row.min, row.max),
    timesArithmetic(row, rows),
    short(row.gflopPerS),
    String(row.steps),
    row.variant,
    row.cliff === null ? "" : "cliff",
  ]);
  printTable(context, [heading, ...lines]);
  const cliffs = rows.filter(({ cliff }) => cliff !== null);
  for (const { axis, value, msPerStep, cliff } of cliffs) {
    context.stdout(
      `Cliff: ${axis} ${value} takes ${short(msPerStep)} ms a step, ` +
        `${cliff!.toFixed(1)} times the trend of its neighbours`,
    );
  }
  if (cliffs.length === 0) {
    context.stdout("No cliff: no size takes more than twice the trend of its neighbours");
  }
  context.stdout(`Files: ${out}`);
}

/** The time of a step over what it would be in proportion to the arithmetic, from the first size of the axis on. */
function timesArithmetic(row: ScalingRow, rows: readonly ScalingRow[]): string {
  const first = rows.find(({ axis }) => axis === row.axis)!;
  return (row.msPerStep / first.msPerStep / (row.mflop / first.mflop)).toFixed(2);
}

if (import.meta.main) await runTask(main);
