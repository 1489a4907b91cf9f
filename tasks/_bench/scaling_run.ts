/**
 * How the cost of a step grows: the measurements along each axis, and the files that they leave behind.
 *
 * @module
 */
import { join } from "@std/path";
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { ArgumentError } from "../../src/errors.ts";
import type { PopulationPlan } from "../../src/model/shape.ts";
import { readTextIfThere } from "../_kit/files.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import {
  findCliffs,
  SCALING_SIZES,
  type ScalingAxis,
  scalingPlan,
  type ScalingRow,
} from "../../src/measure/scaling.ts";
import { SCALING_CSV } from "../../src/records/scaling.ts";
import type { TaskContext } from "../_kit/context.ts";
import { drawScaling } from "../_run/draw.ts";
import type { Figures } from "../_kit/figures.ts";
import { writeEvent } from "../_kit/events.ts";
import { operationsPerStep } from "./measure.ts";
import { spreadOf } from "../../src/measure/spread.ts";
import type { CommonOptions } from "../_kit/options.ts";
import { Progress } from "../_kit/progress.ts";
import type { Results } from "../_kit/results.ts";
import { StepTimer } from "./step_timer.ts";
import type { VariantChooser } from "../_run/variant.ts";

const CSV = "scaling.csv";
const FIGURE = "scaling.svg";

/** The files of a task: what {@linkcode openResults} is to be given for {@linkcode scaleInto}. */
export const SCALING_FILES = { files: [CSV, FIGURE], finished: FIGURE } as const;

/** Steps of the training whose kernel variant each size has; so many that it is chosen by measuring. */
const TRAINING_STEPS = 9000;

/** Milliseconds in which hardware chooses the kernel variant of a size: there are many sizes. */
export const CHOICE_BUDGET = 1000;

/** Sizes of each axis that a quick try makes do with. */
const QUICK_SIZES = 3;

/** What to measure, and how. */
export interface ScalingOptions extends Pick<CommonOptions, "seed" | "quick" | "json"> {
  /** What grows, one after another. */
  readonly axes: readonly ScalingAxis[];
  /** Measurements of each size. */
  readonly rounds: number;
  /** The most steps of a measurement. */
  readonly steps: number;
}

/** Where measurements take place. */
export interface ScalingContext {
  /** The device. */
  readonly gpu: Gpu;
  /** The data set on it. */
  readonly data: DeviceDataSet;
  /** Chooses the kernel variant of each size. */
  readonly chooser: VariantChooser;
  /** Where to say how far they are. */
  readonly context: TaskContext;
  /** The figures that the task draws in the end. */
  readonly figures: Figures;
}

/** The measurements of one size so far. */
interface Size {
  readonly value: number;
  readonly plan: PopulationPlan;
  /** The kernel variant that a long training of this size has; chosen before the first measurement. */
  variant?: string;
  /** Steps in each measurement; chosen before the first. */
  steps?: number;
  /** Milliseconds per step, one for each measurement. */
  readonly times: number[];
}

/**
 * Measures all axes and writes `scaling.csv` after each. The figure is planned only.
 *
 * @param results The directory, opened with {@linkcode SCALING_FILES}.
 * @param options What to measure.
 * @param scaling Where.
 * @returns The rows of `scaling.csv`.
 * @throws {ArgumentError} When the adapter can hold no size at all.
 * @throws {GpuError} When the device refused an operation.
 * @throws {DeviceLostError} When the device went away.
 */
export async function scaleInto(
  results: Results,
  options: ScalingOptions,
  scaling: ScalingContext,
): Promise<ScalingRow[]> {
  await results.start();
  const rows: ScalingRow[] = [];
  for (const axis of options.axes) {
    rows.push(...await measureAxis(axis, options, scaling));
    await results.write(CSV, SCALING_CSV.encode(rows));
  }
  if (rows.length === 0) throw new ArgumentError("The adapter can hold none of the sizes");
  scaling.figures.add(results, FIGURE, () => drawScaling(rows, results.config));
  return rows;
}

/**
 * Reads the rows of finished measurements.
 *
 * @param directory The directory that they were written into.
 * @returns The rows of its `scaling.csv`.
 * @throws {DataError} When the file is not what this program writes.
 */
export async function readScaling(directory: string): Promise<ScalingRow[]> {
  const path = join(directory, CSV);
  return SCALING_CSV.decode(await Deno.readTextFile(path), { name: path });
}

/**
 * Takes measurements that are whole but for their figure, which could not be drawn, and plans that.
 *
 * @param results The directory, opened with {@linkcode SCALING_FILES}.
 * @param options Which axes were asked for.
 * @param figures Where to plan the figure.
 * @returns The rows of `scaling.csv`; undefined where an axis has none, also when the adapter could hold none of it.
 * @throws {DataError} When the file is not what this program writes.
 */
export async function keepScaling(
  results: Results,
  { axes }: Pick<ScalingOptions, "axes">,
  figures: Figures,
): Promise<ScalingRow[] | undefined> {
  const name = join(results.directory, CSV);
  const text = await readTextIfThere(name);
  const rows = text === undefined ? [] : SCALING_CSV.decode(text, { name });
  // An axis is written when all of it is measured.
  if (!axes.every((axis) => rows.some((row) => row.axis === axis))) return undefined;
  figures.add(results, FIGURE, () => drawScaling(rows, results.config));
  return rows;
}

/** Measures the sizes of an axis in turn, and again in every round, so that a machine that slows down slows all of them. */
async function measureAxis(
  axis: ScalingAxis,
  options: ScalingOptions,
  scaling: ScalingContext,
): Promise<ScalingRow[]> {
  const { axes, rounds, quick, json } = options;
  const { context } = scaling;
  const values = SCALING_SIZES[axis].slice(0, quick ? QUICK_SIZES : undefined);
  if (!context.isTerminal) context.stderr(`Measuring ${axis} ${values.join(", ")}`);
  if (json) {
    const [number, parts] = [axes.indexOf(axis) + 1, axes.length];
    writeEvent(context, "part", { part: axis, number, parts, values, ...quick && { quick } });
  }
  let sizes = values.map((value): Size => ({ value, plan: scalingPlan(axis, value), times: [] }));
  for (let round = 1; round <= rounds; round++) {
    const measured: Size[] = [];
    for (const size of sizes) {
      context.signal.throwIfAborted();
      context.progress(`Measuring ${axis} ${size.value}, round ${round} of ${rounds}`);
      if (await measureOnce(size, { axis, options, scaling })) measured.push(size);
    }
    sizes = measured;
  }
  context.progress("");
  return makeRows(axis, sizes, scaling);
}

/** Takes the time of one size once; tells whether the adapter could hold it. */
async function measureOnce(
  size: Size,
  { axis, options, scaling }: {
    readonly axis: ScalingAxis;
    readonly options: ScalingOptions;
    readonly scaling: ScalingContext;
  },
): Promise<boolean> {
  const { seed, json, quick, steps: most } = options;
  const { gpu, data, chooser, context } = scaling;
  const { plan } = size;
  const { signal } = context;
  let timer: StepTimer;
  try {
    size.variant ??= await chooser.choose({
      plan,
      steps: quick ? most : TRAINING_STEPS,
      ...!gpu.adapter.software && { budget: CHOICE_BUDGET },
    }, context);
    // Made anew for each round, so that no size has to share the adapter's memory with the others.
    timer = await StepTimer.create(gpu, data, { ...plan, variant: size.variant, seed, signal });
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    const progress = new Progress(context, { json, quick });
    progress.warning(`${axis} ${size.value} is left out: ${error.message}`);
    return false;
  }
  try {
    size.steps = await timer.warmUp({ max: most, steps: size.steps });
    size.times.push(await timer.time(size.steps));
    return true;
  } finally {
    timer.destroy();
  }
}

function makeRows(
  axis: ScalingAxis,
  sizes: readonly Size[],
  { gpu, data }: ScalingContext,
): ScalingRow[] {
  const { inputs, classes, name } = data.source;
  const times = sizes.map((size) => spreadOf(size.times));
  const cliffs = findCliffs(sizes.map(({ value }, i) => ({ size: value, cost: times[i].median })));
  return sizes.map(({ value, plan: { hidden, batchNorm, batch, networks }, variant, steps }, i) => {
    const { median, min, max } = times[i];
    const operations = networks * operationsPerStep({ inputs, hidden, classes, batchNorm }, batch);
    return {
      axis,
      value,
      msPerStep: median,
      min,
      max,
      steps: steps!,
      mflop: operations / 1e6,
      gflopPerS: operations / median / 1e6,
      adapter: gpu.adapter.description,
      variant: variant!,
      data: name,
      hidden: hidden.join(","),
      batch,
      networks,
      cliff: cliffs[i],
    };
  });
}
