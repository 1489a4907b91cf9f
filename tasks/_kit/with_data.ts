/** How tasks start that use a GPU: device and data. What is opened here is closed here, whatever happens in between. */
import type { DataSet, SubsetCounts } from "../../src/data/dataset.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { checkVariant } from "../../src/programs/variants.ts";
import { announceAdapter } from "./adapter.ts";
import type { TaskContext } from "./context.ts";
import { announceData, loadDataSet, type Loaded, QUICK_COUNTS } from "./data.ts";
import { Figures } from "./figures.ts";
import { withOptions } from "./help.ts";
import { type Held, holdFolder } from "./lock.ts";
import {
  type AnyValues,
  type CommonOptions,
  type Parsed,
  parseOptions,
  type Task,
} from "./options.ts";
import { type DeviceSource, withRetries } from "./retry_lost.ts";

type GpuOptions =
  & AnyValues
  & Pick<CommonOptions, "json" | "requireGpu" | "variant">
  & { readonly force?: boolean; readonly retryLost?: number };

export type DataOptions = GpuOptions & Pick<CommonOptions, "data" | "label" | "quick" | "out">;

export interface GpuCall<V extends GpuOptions> extends Parsed<V> {
  readonly gpu: Gpu;
  /** Milliseconds that requesting the device took. */
  readonly requestTime: number;
}

export interface DataCall<V extends DataOptions> extends Parsed<V> {
  readonly gpu: Gpu;
  readonly data: DeviceDataSet;
}

/**
 * As {@linkcode withOptions}, with a device, whose adapter is printed; again on a new device when it is lost, as often as
 * `--retry-lost` says.
 */
export async function withGpu<V extends GpuOptions>(
  task: Task<V>,
  args: readonly string[],
  context: TaskContext,
  run: (call: GpuCall<V>) => Promise<number>,
  source: DeviceSource = {},
): Promise<number> {
  return await withOptions(task, args, context, async (parsed) => {
    const { options } = parsed;
    checkVariant(options.variant);
    return await withRetries({ ...options, ...source, context }, async (gpu, requestTime) => {
      announceAdapter(context, gpu.adapter, options);
      return await run({ ...parsed, gpu, requestTime });
    });
  });
}

/** As {@linkcode withGpu}, with the data set of `--data`, which is printed. */
export async function withData<V extends DataOptions>(
  task: Task<V>,
  args: readonly string[],
  context: TaskContext,
  run: (call: DataCall<V>) => Promise<number>,
  source: DeviceSource = {},
): Promise<number> {
  const onDevice = async (call: GpuCall<V>) => {
    const shared = new SharedData(call.gpu);
    try {
      const loaded = await shared.load(call.options, task.quickCounts);
      announceData(context, loaded, call.options);
      return await run({ ...call, data: loaded.data });
    } finally {
      shared.destroy();
    }
  };
  return await withGpu(task, args, context, onDevice, source);
}

interface LoadedData extends Loaded {
  readonly data: DeviceDataSet;
}

/** The data sets on a device: each is read once and uploaded once, however many tasks use it. */
export class SharedData {
  readonly gpu: Gpu;
  readonly #read = new Map<string, DataSet>();
  readonly #loaded = new Map<string, LoadedData>();

  /** @param gpu The device. */
  constructor(gpu: Gpu) {
    this.gpu = gpu;
  }

  /**
   * Loads the data set of a task.
   *
   * @throws {DataError} When the folder or a file in it is missing or not what it should be.
   */
  async load(
    options: Pick<CommonOptions, "data" | "label" | "quick">,
    quickCounts: SubsetCounts = QUICK_COUNTS,
  ): Promise<LoadedData> {
    const { data, label, quick } = options;
    const counts = quick ? quickCounts : {};
    const key = JSON.stringify([data, label, counts]);
    let loaded = this.#loaded.get(key);
    if (loaded === undefined) {
      const read = await loadDataSet(data, { counts, label, read: this.#read });
      loaded = { ...read, data: new DeviceDataSet(this.gpu, read.dataset) };
      this.#loaded.set(key, loaded);
    }
    return loaded;
  }

  destroy(): void {
    for (const { data } of this.#loaded.values()) data.destroy();
  }
}

export interface PlannedTask<V extends DataOptions, Plan> {
  readonly TASK: Task<V>;
  /** Checks everything that can be refused, and writes nothing. */
  plan(call: DataCall<V>): Promise<Plan>;
  /** Does all that needs the GPU. */
  run(plan: Plan, on: RunContext): Promise<Rest>;
}

/** Where a planned task prints, and how it draws. */
export interface RunContext {
  readonly context: TaskContext;
  /** Drawn until the task's folders are let go of, also where the task fails. */
  readonly figures: Figures;
  /** Keeps other processes out of a folder within the task's own until the task has ended, as {@linkcode holdFolder} does. */
  hold(folder: string): Promise<void>;
}

/** What a planned task runs with, and how it ends. */
class Running implements RunContext {
  readonly context: TaskContext;
  readonly figures: Figures;
  readonly #options: { readonly json?: boolean };
  readonly #held: Held[] = [];

  constructor(context: TaskContext, options: { readonly json?: boolean }) {
    this.context = context;
    this.figures = new Figures(context.workers);
    this.#options = options;
  }

  async hold(folder: string): Promise<void> {
    this.#held.push(await holdFolder(folder, this.context, this.#options));
  }

  /** Waits for the figures, and lets go of all folders. */
  async end(): Promise<void> {
    await this.figures.settled();
    for (const held of this.#held.splice(0).reverse()) await held.release();
  }
}

/** What a task still does when it no longer needs the GPU: it goes on by itself while others use the GPU. */
export interface Rest {
  /** What it is that takes a while, as in "comparing with float64". */
  readonly doing?: string;
  /** Settles when it is over, with an error if it fails. */
  readonly over: Promise<unknown>;
  /** Waits until it is over, reports the results, and returns the exit status. */
  report(): Promise<number>;
}

/** Makes the rest of a task from work that has begun and a function that reports its result. */
export function restOf<Result>(
  work: Promise<Result>,
  report: (result: Result) => number,
  doing?: string,
): Rest {
  work.catch(() => {}); // Thrown by report(); after another failure nobody may call it.
  return { doing, over: work, report: async () => report(await work) };
}

/** Runs a planned task to its end. */
export async function runPlanned<V extends DataOptions, Plan>(
  { TASK, plan, run }: PlannedTask<V, Plan>,
  args: readonly string[],
  context: TaskContext,
): Promise<number> {
  return await withData(TASK, args, context, async (call) => {
    const running = new Running(context, call.options);
    try {
      const rest = await run(await plan(call), running);
      return await rest.report();
    } finally {
      await running.end();
    }
  });
}

/** What is left to do of a planned task that needs the GPU. */
export type PlannedRun = (context: TaskContext) => Promise<Rest>;

/** Plans a task on a device and data that it shares with others. What is returned prints the same as the task alone. */
export async function planOn<V extends DataOptions, Plan>(
  { TASK, plan, run }: PlannedTask<V, Plan>,
  args: readonly string[],
  shared: SharedData,
): Promise<PlannedRun> {
  const parsed = parseOptions(TASK, args);
  const { options } = parsed;
  checkVariant(options.variant);
  const loaded = await shared.load(options, TASK.quickCounts);
  const look = () => plan({ ...parsed, gpu: shared.gpu, data: loaded.data });
  await look();
  return async (context) => {
    const running = new Running(context, options);
    try {
      await running.hold(options.out);
      announceAdapter(context, shared.gpu.adapter, options);
      announceData(context, loaded, options);
      // Again, now that no other process writes there: minutes may have passed.
      const rest = await run(await look(), running);
      rest.over.finally(() => running.end()).catch(() => {}); // Thrown by report().
      return rest;
    } catch (error) {
      await running.end();
      throw error;
    }
  };
}
