/**
 * What single operations cost on an adapter, by its own timestamps: the numbers that decide how a kernel is written.
 *
 * @module
 */

import { GpuUnavailableError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { checkTimestamps, Timestamps } from "../gpu/timestamps.ts";
import { minimum } from "../lists.ts";
import { measureAdapterPeak } from "./adapter_peak.ts";
import {
  type Launch,
  MAX_LINKS,
  MAX_TURNS,
  OperationKernels,
  SUMS,
  TURN_OPERATIONS,
  WORKGROUP_LINKS,
} from "./operation_kernels.ts";
import { unitsFor } from "./timing.ts";

/** The cost of an operation, or a rate. */
export interface OperationCost {
  /** What was measured, as in "dependent dispatch". */
  readonly operation: string;
  /** Under which conditions, as in "128 workgroups"; "" if there is only one. */
  readonly setting: string;
  /** The cost, or the rate. */
  readonly value: number;
  /** Microseconds, milliseconds, or 10⁹ operations or bytes in a second. */
  readonly unit: "us" | "ms" | "GFLOP/s" | "GB/s";
}

/** How long to measure. */
export interface OperationCostOptions {
  /** Minimum time of a measurement, in milliseconds; 5 unless given. */
  readonly minMilliseconds?: number;
  /** Number of measurements of an operation, of which the fastest counts; 5 unless given. */
  readonly repeat?: number;
  /** Ends the measuring between two measurements. */
  readonly signal?: AbortSignal;
}

/** An operation that a kernel repeats. */
interface Operation {
  readonly operation: string;
  readonly setting: string;
  readonly launch: Launch;
  /** What there is more of until a measurement is long enough: turns of the kernel's loop, or dispatches. */
  readonly grow: "turns" | "dispatches";
  /** Operations in a turn or dispatch; for a rate, of floating point. */
  readonly each: number;
  readonly unit: "us" | "GFLOP/s";
  /** Indices in the cycle that x holds. */
  readonly links: number;
}

/** Maximum turns and dispatches of a measurement, however fast the adapter. */
const MAX_UNITS = { turns: MAX_TURNS, dispatches: 8192 };

/** Turns or dispatches that are tried first. */
const FIRST_UNITS = 16;

/** The peak takes so many times as long to measure: its kernels run at full clock speed only after a while. */
const PEAK_TIME = 10;

/** Dispatches of which the CPU's share is measured. */
const RECORDED = 1000;

/** Workgroups that keep an adapter busy; a CPU has few cores, and filling workgroup memory takes it long. */
const BUSY = { software: 16, hardware: 1024 };

/** Indices in the cycle of kernels to which the cycle does not matter. */
const FEW_LINKS = 1024;

/**
 * Measures what operations cost: dispatches that depend on one another, what a dispatch costs the CPU and when its end is
 * heard, barriers, reads that depend on one another, reads side by side, multiply-adds out of workgroup memory, and the
 * adapter's peak. Each is repeated until a measurement is long enough.
 *
 * @throws {GpuUnavailableError} If the adapter has no timestamps, or gives impossible ones.
 */
export async function* measureOperations(
  gpu: Gpu,
  options: OperationCostOptions = {},
): AsyncGenerator<OperationCost, void> {
  const { minMilliseconds = 5, repeat = 5, signal } = options;
  checkTimestamps(gpu); // Before anything is made in vain.
  const timestamps = new Timestamps(gpu, repeat);
  const kernels = new OperationKernels(gpu);
  const on = { gpu, timestamps, kernels };
  try {
    for (const operation of dispatches()) yield await measure(on, operation, options);
    yield* measureHost(on, options);
    const others = [...barriers(gpu), ...reads(), ...sums(), ...products(gpu)];
    for (const operation of others) yield await measure(on, operation, options);
  } finally {
    timestamps.destroy();
    kernels.destroy();
  }
  signal?.throwIfAborted();
  const peak = await measureAdapterPeak(gpu, {
    minMilliseconds: PEAK_TIME * minMilliseconds,
    repeat,
    signal,
  });
  const { gflopPerS, gbPerS } = peak;
  yield { operation: "multiply-adds in registers", setting: "", value: gflopPerS, unit: "GFLOP/s" };
  yield { operation: "copying", setting: "", value: gbPerS, unit: "GB/s" };
}

function dispatches(): Operation[] {
  return [1, 128, 1024].map((workgroups) => ({
    operation: "dependent dispatch",
    setting: `${workgroups} workgroup${workgroups === 1 ? "" : "s"}`,
    launch: { kernel: "touch", threads: 32, workgroups },
    grow: "dispatches",
    each: 1,
    unit: "us",
    links: FEW_LINKS,
  }));
}

/** Barriers of as many threads as the adapter allows. */
function barriers({ device: { limits } }: Gpu): Operation[] {
  const max = Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  const kinds = [
    { operation: "exchange, workgroupBarrier()", kernel: "exchange_workgroup" },
    { operation: "exchange, storageBarrier() and workgroupBarrier()", kernel: "exchange_both" },
  ] as const;
  return kinds.flatMap(({ operation, kernel }) =>
    [64, 256, 512, 1024].filter((threads) => threads <= max).map((threads) => ({
      operation,
      setting: `${threads} threads`,
      launch: { kernel, threads, workgroups: 1 },
      grow: "turns",
      each: TURN_OPERATIONS.exchanges,
      unit: "us",
      links: FEW_LINKS,
    }))
  );
}

/** Reads that depend on the one before. */
function reads(): Operation[] {
  const common = { grow: "turns", each: TURN_OPERATIONS.reads, unit: "us" } as const;
  const storage = [[2 ** 10, "16 KiB"], [2 ** 16, "1 MiB"], [MAX_LINKS, "16 MiB"]] as const;
  return [
    ...storage.map(([links, size]): Operation => ({
      operation: "dependent read of storage",
      setting: `in ${size}`,
      launch: { kernel: "chase_storage", threads: 1, workgroups: 1 },
      ...common,
      links,
    })),
    {
      operation: "dependent read of workgroup memory",
      setting: "64 threads",
      launch: { kernel: "chase_workgroup", threads: 64, workgroups: 1 },
      ...common,
      links: WORKGROUP_LINKS,
    },
  ];
}

/** Sums of rows, as of the first layer's partial sums, by reads one after another and side by side. */
function sums(): Operation[] {
  const kinds = [
    ["sum_by_one", "one read a turn"],
    ["sum_by_four", "four reads a turn"],
    ["sum_by_eight", "eight reads a turn"],
  ] as const;
  return kinds.map(([kernel, setting]) => ({
    operation: `dispatch with a sum of ${SUMS.SLICES} reads`,
    setting,
    launch: { kernel, threads: 128, workgroups: 11 },
    grow: "dispatches",
    each: 1,
    unit: "us",
    links: MAX_LINKS,
  }));
}

/** Products of operands in workgroup memory: 2 reads of a vec4 for 16 multiply-adds, and 4 reads for 64. */
function products({ adapter }: Gpu): Operation[] {
  const workgroups = adapter.software ? BUSY.software : BUSY.hardware;
  const threads = 256;
  const kinds = [["product_4x4", "tiles of 4 × 4"], ["product_8x8", "tiles of 8 × 8"]] as const;
  return kinds.map(([kernel, setting]) => ({
    operation: "multiply-adds out of workgroup memory",
    setting,
    launch: { kernel, threads, workgroups },
    grow: "turns",
    each: 2 * TURN_OPERATIONS[kernel] * threads * workgroups,
    unit: "GFLOP/s",
    links: FEW_LINKS,
  }));
}

interface Instruments {
  readonly gpu: Gpu;
  readonly timestamps: Timestamps;
  readonly kernels: OperationKernels;
}

/** Measures an operation by a number of turns or dispatches that takes long enough. */
async function measure(
  on: Instruments,
  { operation, setting, launch, grow, each, unit, links }: Operation,
  options: OperationCostOptions,
): Promise<OperationCost> {
  const { minMilliseconds = 5, repeat = 5, signal } = options;
  signal?.throwIfAborted();
  on.kernels.link(links);
  const time = (units: number, repeat: number) => {
    signal?.throwIfAborted();
    return timeLaunch(on, launch, {
      turns: grow === "turns" ? units : 1,
      dispatches: grow === "dispatches" ? units : 1,
      repeat,
    });
  };
  await time(FIRST_UNITS, 1); // Drivers compile, and allocate memory, when a kernel first runs.
  const trial = { stamped: true, minUnits: 1, time: (units: number) => time(units, 1) } as const;
  const { units } = await unitsFor(trial, {
    min: FIRST_UNITS,
    max: MAX_UNITS[grow],
    milliseconds: minMilliseconds,
  });
  const milliseconds = await time(units, repeat) / units;
  if (milliseconds === 0) throw impossible(on.gpu, "says that all work takes no time");
  const value = unit === "us" ? milliseconds * 1000 / each : each / milliseconds / 1e6;
  return { operation, setting, value, unit };
}

/** The fewest milliseconds that a launch takes, of several in one submit: each wait for the end costs 11 ms in Deno. */
async function timeLaunch(
  { gpu, timestamps, kernels }: Instruments,
  launch: Launch,
  { turns, dispatches, repeat }: { turns: number; dispatches: number; repeat: number },
): Promise<number> {
  const pipeline = await kernels.prepare(launch);
  kernels.setTurns(turns);
  const encoder = gpu.device.createCommandEncoder();
  for (let i = 0; i < repeat; i++) {
    const pass = encoder.beginComputePass({ timestampWrites: timestamps.around(i) });
    kernels.encode(pass, pipeline, { ...launch, dispatches });
    pass.end();
  }
  gpu.device.queue.submit([encoder.finish()]);
  const least = minimum(await timestamps.read(repeat));
  if (least < 0) throw impossible(gpu, "puts the end of work before its beginning");
  return least;
}

function impossible({ adapter: { description } }: Gpu, what: string): GpuUnavailableError {
  return new GpuUnavailableError(
    `The adapter ${description} has no timestamps to measure by: its clock ${what}`,
  );
}

/** What a dispatch costs the CPU, and how long this program waits to hear of the end of work. */
async function* measureHost(
  { gpu, kernels }: Instruments,
  { repeat = 5, signal }: OperationCostOptions,
): AsyncGenerator<OperationCost, void> {
  const pipeline = await kernels.prepare({ kernel: "touch", threads: 32, workgroups: 1 });
  const { device: { queue } } = gpu;
  const rounds: number[][] = [];
  for (let i = 0; i < repeat; i++) {
    signal?.throwIfAborted();
    const encoding = performance.now();
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    kernels.encode(pass, pipeline, { workgroups: 1, dispatches: RECORDED });
    pass.end();
    const finishing = performance.now();
    const commands = encoder.finish();
    const submitting = performance.now();
    queue.submit([commands]);
    const submitted = performance.now();
    await gpu.done();
    const one = gpu.device.createCommandEncoder();
    const last = one.beginComputePass();
    kernels.encode(last, pipeline, { workgroups: 1, dispatches: 1 });
    last.end();
    queue.submit([one.finish()]);
    const asking = performance.now();
    const done = queue.onSubmittedWorkDone();
    const asked = performance.now();
    await gpu.orLost(done);
    const heard = performance.now();
    rounds.push([
      (finishing - encoding) / RECORDED * 1000,
      (submitting - finishing) / RECORDED * 1000,
      (submitted - submitting) / RECORDED * 1000,
      asked - asking,
      heard - asked,
    ]);
  }
  const rows = [
    { operation: "recording a dispatch", unit: "us" },
    { operation: "finish(), for each dispatch", unit: "us" },
    { operation: "submit(), for each dispatch", unit: "us" },
    { operation: "onSubmittedWorkDone(), the call after one dispatch", unit: "ms" },
    { operation: "onSubmittedWorkDone(), its promise after the call", unit: "ms" },
  ] as const;
  for (const [i, row] of rows.entries()) {
    yield { ...row, setting: "CPU", value: minimum(rounds.map((round) => round[i])) };
  }
}
