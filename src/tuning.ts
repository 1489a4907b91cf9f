/**
 * Which kernel variant is the fastest on the adapter in hand, found by measuring.
 *
 * @module
 */

import type { DeviceDataSet } from "./device_data.ts";
import { ArgumentError } from "./errors.ts";
import type { Gpu } from "./gpu.ts";
import { type Architecture, initialise } from "./network.ts";
import { Population, type StepPlan } from "./population.ts";
import { candidates, checkVariant } from "./variants.ts";

/** What is to be trained, and how long may be measured. */
export interface TuningOptions {
  /** The networks' architecture. */
  readonly architecture: Architecture;
  /** Networks that train together. */
  readonly networks: number;
  /** Images in a batch. */
  readonly batch: number;
  /** Milliseconds that measuring may take, compiling included; 2000 on hardware and 15,000 on a software driver. */
  readonly budget?: number;
  /** The variants to measure, the most promising first; all that can run the shape unless given. */
  readonly variants?: readonly string[];
  /** Ends the measuring. */
  readonly signal?: AbortSignal;
}

/** One variant and what it takes. */
export interface VariantTime {
  /** Its name. */
  readonly variant: string;
  /** Of a step of all networks together, the least of several measurements. */
  readonly msPerStep: number;
}

/** Milliseconds to choose in. */
const BUDGET = { hardware: 2000, software: 15_000 };

/** Of the budget, what is kept for measuring what was compiled. */
const MEASURING = 0.3;

/** Times that each variant is measured, in turn, so that a machine whose speed drifts hits all alike. */
const ROUNDS = 4;

/** A variant under measurement. */
interface Contestant {
  readonly variant: string;
  readonly population: Population;
  steps: number;
  msPerStep: number;
}

/**
 * Measures the variants that can run a shape. The first is always measured; the others as long as the budget lasts,
 * which is judged by how long the ones before took to compile.
 *
 * @param gpu The device.
 * @param data The data set on it.
 * @param options What is to be trained, and how long may be measured.
 * @returns The variants that were measured, the fastest first.
 * @throws {ArgumentError} If no variant can run the shape on this adapter.
 * @throws {GpuError} If the device refused an operation.
 * @throws {DeviceLostError} If the device went away.
 */
export async function measureVariants(
  gpu: Gpu,
  data: DeviceDataSet,
  options: TuningOptions,
): Promise<VariantTime[]> {
  const { architecture, networks, batch, signal } = options;
  const names = options.variants ?? candidates(gpu, { architecture, networks, batch });
  const budget = options.budget ?? (gpu.adapter.software ? BUDGET.software : BUDGET.hardware);
  names.forEach(checkVariant);
  // Uploading the images is owed to no variant.
  data.part("training");
  await gpu.done();
  const began = performance.now();
  const contestants: Contestant[] = [];
  let longest = 0;
  let refusal: ArgumentError | undefined;
  try {
    for (const variant of names) {
      const started = performance.now();
      const left = budget * (1 - MEASURING) - (started - began);
      if (contestants.length > 0 && longest > left) break;
      signal?.throwIfAborted();
      try {
        const population = await contestant(gpu, data, { ...options, variant });
        contestants.push({ variant, population, steps: 1, msPerStep: Infinity });
        await time(contestants[contestants.length - 1], signal); // Compiles.
      } catch (error) {
        if (!(error instanceof ArgumentError)) throw error;
        refusal = error; // It has no room for this shape; another may have.
      }
      longest = Math.max(longest, performance.now() - started);
    }
    if (contestants.length === 0) {
      throw refusal ?? new ArgumentError("There is no variant to measure");
    }
    if (contestants.length === 1) {
      contestants[0].msPerStep = await time(contestants[0], signal);
    } else {
      const share = budget * MEASURING / contestants.length / ROUNDS;
      for (const each of contestants) {
        const once = await time(each, signal);
        each.steps = Math.max(1, Math.min(200, Math.floor(share / once)));
      }
      for (let round = 0; round < ROUNDS; round++) {
        for (const each of contestants) {
          signal?.throwIfAborted();
          each.msPerStep = Math.min(each.msPerStep, await time(each, signal) / each.steps);
        }
      }
    }
    return contestants
      .map(({ variant, msPerStep }) => ({ variant, msPerStep }))
      .sort((a, b) => a.msPerStep - b.msPerStep);
  } finally {
    for (const { population } of contestants) population.destroy();
  }
}

async function contestant(
  gpu: Gpu,
  data: DeviceDataSet,
  options: TuningOptions & { variant: string },
): Promise<Population> {
  const { architecture, networks, batch, variant } = options;
  const population = await Population.create(gpu, {
    architecture,
    networks: Array.from({ length: networks }, () => ({ lambda: 0, etaMin: 0, etaMax: 0 })),
    batch,
    data,
    variant,
  });
  // One vector for all: drawing them takes longer than measuring.
  const parameters = initialise(architecture, { seed: 1, identity: "tuning" });
  population.write({ parameters: Array.from({ length: networks }, () => parameters) });
  population.setOrder(Uint32Array.from({ length: data.source.training.count }, (_, i) => i));
  return population;
}

/** Milliseconds that a contestant's steps take. */
async function time(
  { population, steps }: Contestant,
  signal: AbortSignal | undefined,
): Promise<number> {
  const perEpoch = Math.floor(population.images / population.batch);
  const plans = Array.from({ length: steps }, (_, number): StepPlan => {
    return { first: number % perEpoch * population.batch, rise: 0, number };
  });
  const began = performance.now();
  await population.advance(plans, { signal });
  await population.done();
  return performance.now() - began;
}
