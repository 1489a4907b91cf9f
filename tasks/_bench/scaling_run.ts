/** How the time of a step grows: the measurements along each axis, and their files. */
import { ArgumentError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import {
  findCliffs,
  SCALING_SIZES,
  type ScalingAxis,
  scalingPlan,
  type ScalingRow,
} from "../../src/measure/scaling.ts";
import { spreadOf } from "../../src/measure/spread.ts";
import { timeUnit } from "../../src/measure/timing.ts";
import { architectureOf, type PopulationPlan } from "../../src/model/shape.ts";
import { SCALING_CSV } from "../../src/records/scaling.ts";
import type { TaskContext } from "../_kit/context.ts";
import { warn, writeEvent } from "../_kit/events.ts";
import type { Figures } from "../_kit/figures.ts";
import type { CommonOptions } from "../_kit/options.ts";
import type { Results } from "../_kit/results.ts";
import { drawScaling } from "../_run/draw.ts";
import type { VariantChooser } from "../_run/variant.ts";
import { operationsPerStep, Runner } from "./measure.ts";
import { paceOf, warmUp } from "./warm_up.ts";

const CSV = "scaling.csv";
const FIGURE = "scaling.svg";

/** The files of the task, for {@linkcode openResults}. */
export const SCALING_FILES = { files: [CSV, FIGURE], figures: [FIGURE] } as const;

/** Steps of the training that the kernel variant of a size is chosen for: enough that variants are measured. */
const TRAINING_STEPS = 9000;

/** Milliseconds to choose the kernel variant of a size on hardware, since there are many sizes. */
export const CHOICE_BUDGET = 1000;

const QUICK_SIZES = 3;

export interface ScalingOptions extends Pick<CommonOptions, "seed" | "quick" | "json"> {
  /** What grows, one after another. */
  readonly axes: readonly ScalingAxis[];
  readonly rounds: number;
  /** Maximum steps of a measurement. */
  readonly steps: number;
}

interface ScalingContext {
  readonly gpu: Gpu;
  readonly data: DeviceDataSet;
  /** Chooses the kernel variant of each size. */
  readonly chooser: VariantChooser;
  readonly context: TaskContext;
  readonly figures: Figures;
}

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
 * Measures all axes and writes `scaling.csv` after each. The figure is only planned.
 *
 * @throws {ArgumentError} When the adapter can hold no size at all.
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
  await results.finish();
  scaling.figures.add(results, FIGURE, () => drawScaling(rows, results.config));
  return rows;
}

export async function readScaling(results: Results): Promise<ScalingRow[]> {
  return (await results.read(CSV, SCALING_CSV))!;
}

/** Measures the sizes of an axis in turn in every round, so that a change in the speed of the machine affects all. */
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

/** Times one size once; returns whether the adapter could hold it. */
async function measureOnce(
  size: Size,
  { axis, options, scaling }: {
    readonly axis: ScalingAxis;
    readonly options: ScalingOptions;
    readonly scaling: ScalingContext;
  },
): Promise<boolean> {
  const { seed, quick, steps: max } = options;
  const { gpu, data, chooser, context } = scaling;
  const { plan } = size;
  const { signal } = context;
  let runner: Runner;
  try {
    size.variant ??= await chooser.choose({
      plan,
      steps: quick ? max : TRAINING_STEPS,
      ...!gpu.adapter.software && { budget: CHOICE_BUDGET },
    }, context);
    // Created in each round, so that no size has to share the adapter's memory with the others.
    const measured = { ...plan, variant: size.variant };
    runner = await Runner.create(gpu, data, { plan: measured, seed, signal, alike: true });
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    warn(context, `${axis} ${size.value} is left out: ${error.message}`, options);
    return false;
  }
  try {
    const pace = paceOf(gpu, runner.steps);
    size.steps = await warmUp(runner.steps, { max, steps: size.steps, pace });
    size.times.push(await timeUnit(runner.steps, size.steps));
    return true;
  } finally {
    runner.destroy();
  }
}

function makeRows(
  axis: ScalingAxis,
  sizes: readonly Size[],
  { gpu, data }: ScalingContext,
): ScalingRow[] {
  const times = sizes.map((size) => spreadOf(size.times));
  const cliffs = findCliffs(sizes.map(({ value }, i) => ({ size: value, cost: times[i].median })));
  return sizes.map(({ value, plan, variant, steps }, i) => {
    const { hidden, batch, networks } = plan;
    const { median, min, max } = times[i];
    const operations = networks * operationsPerStep(architectureOf(plan, data.source), batch);
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
      data: data.source.name,
      hidden: hidden.join(","),
      batch,
      networks,
      cliff: cliffs[i],
    };
  });
}
