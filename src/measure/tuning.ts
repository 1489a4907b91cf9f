/**
 * Finds the fastest kernel variant of an adapter by measuring.
 *
 * @module
 */

import { ArgumentError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import type { DeviceDataSet } from "../gpu/device_data.ts";
import type { PopulationShape } from "../model/shape.ts";
import { candidates, checkVariant } from "../programs/variants.ts";
import type { Population } from "../train/population.ts";
import { contest } from "./contest.ts";
import { timedPopulation, timedSteps, timingParameters } from "./timed_steps.ts";

/** What is to be trained, and how long measuring may take. */
export interface TuningOptions extends PopulationShape {
  /** Milliseconds that measuring may take, compiling included; 2000 on hardware and 15,000 on a software driver unless given. */
  readonly budget?: number;
  /** The variants to measure, the most promising first; all that are worth trying unless given. */
  readonly variants?: readonly string[];
  /** Ends the measuring between two submits, by throwing the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A variant and its time. */
export interface VariantTime {
  /** Its name. */
  readonly variant: string;
  /** The time of a step of all networks together in milliseconds, gathering the batch included. */
  readonly msPerStep: number;
}

/** Milliseconds for a choice. */
const BUDGET = { hardware: 2000, software: 15_000 };

/**
 * Measures the variants that can run a shape. The first is always measured, the others while the budget lasts, judged by
 * how long those before took to compile.
 *
 * @param gpu The device.
 * @param data The data set on it.
 * @param options What is to be trained, and how long measuring may take.
 * @returns The variants that were measured: first the one to train with, which is the fastest, or the first in the list
 * among several whose times cannot be distinguished; then the others, the fastest first.
 * @throws {ArgumentError} If no variant can run the shape on this adapter, or one of `variants` does not exist.
 * @throws {GpuError} If the device refused an operation.
 * @throws {DeviceLostError} If the device went away.
 *
 * @example The faster of two variants for a small network, found in about 100 milliseconds
 * ```ts
 * import { createDataSet, DeviceDataSet, Gpu } from "@headless/mlp";
 * import { measureVariants } from "@headless/mlp/measure";
 * import { assert } from "@std/assert";
 *
 * const points = { images: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), labels: [0, 0, 1, 1] };
 * const source = await createDataSet(points, undefined, { name: "points", classNames: ["a", "b"] });
 * using gpu = await Gpu.request();
 * using data = new DeviceDataSet(gpu, source);
 * const architecture = { inputs: 2, hidden: [4], classes: 2, batchNorm: false };
 * const variants = ["per-operation", "texel-20x10"];
 * const options = { architecture, networks: 1, batch: 4, variants, budget: 100 };
 * const [fastest] = await measureVariants(gpu, data, options);
 *
 * assert(variants.includes(fastest.variant));
 * assert(fastest.msPerStep > 0);
 * ```
 */
export async function measureVariants(
  gpu: Gpu,
  data: DeviceDataSet,
  options: TuningOptions,
): Promise<VariantTime[]> {
  const { architecture, networks, batch, signal } = options;
  const names = options.variants ?? candidates(gpu, options);
  const budget = options.budget ?? (gpu.adapter.software ? BUDGET.software : BUDGET.hardware);
  names.forEach(checkVariant);
  if (names.length === 0) {
    throw new ArgumentError("Cannot choose among 0 variants, expected at least 1");
  }
  // Uploading the images and drawing parameters must not count as any variant's time.
  await data.part("training");
  await gpu.done();
  const parameters = timingParameters(architecture);
  const populations: Population[] = [];
  async function enter(variant: string) {
    const shape = { architecture, networks, batch, variant, parameters };
    const population = await timedPopulation(gpu, data, shape);
    populations.push(population);
    return timedSteps(gpu, population, { signal });
  }
  try {
    const contestants = names.map((name) => ({ name, enter: () => enter(name) }));
    const results = await contest(contestants, { budget, signal });
    return results.map(({ name, milliseconds }) => ({ variant: name, msPerStep: milliseconds }));
  } finally {
    for (const population of populations) population.destroy();
  }
}
