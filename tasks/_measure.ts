/**
 * The speed of training and evaluating a population, measured as its users meet it.
 *
 * @module
 */
import type { DeviceDataSet } from "../src/device_data.ts";
import type { Gpu } from "../src/gpu.ts";
import { type Architecture, initialise, layout } from "../src/network.ts";
import { Population, type StepPlan } from "../src/population.ts";
import { Random } from "../src/random.ts";
import { phase } from "../src/schedule.ts";
import type { Plan } from "./_capacity.ts";

/** How to measure. */
export interface MeasureOptions {
  /** Steps in a measurement. */
  readonly steps: number;
  /** How many measurements. */
  readonly repeat: number;
  /** Seed of initial weights and batch order. */
  readonly seed: number;
  /** Ends the measuring between two submits. */
  readonly signal: AbortSignal;
}

/** Several measurements of one time, in milliseconds. */
export interface Times {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** What was measured. */
export interface Measurement {
  /** Per step of all networks together, gathering the batch included, from submit to completion. */
  readonly step: Times;
  /** Per evaluation of all networks on 50,000 images, read-back included. */
  readonly evaluation: Times;
}

/** The learning rate goes up and down as in the report. */
export const HALF_CYCLE = 2250;
/** Of every network that is measured. */
export const SETTINGS = { lambda: 0.005, etaMin: 1e-5, etaMax: 0.1 };

/** Images that a reported evaluation goes through: CIFAR-10's training and validation images. */
const EVALUATION_IMAGES = 50_000;

/**
 * Measures the time of a step and of an evaluation. One measurement before the others warms up: kernels are compiled
 * when they are first used, and the size of submits follows the time that the first ones took.
 *
 * @param gpu The device.
 * @param data The data set on it.
 * @param options What to train, and how to measure.
 * @returns Medians and spreads.
 * @throws {GpuError} When the device refused an operation.
 * @throws {DeviceLostError} When the device went away.
 */
export async function measure(
  gpu: Gpu,
  data: DeviceDataSet,
  options: Plan & MeasureOptions,
): Promise<Measurement> {
  const { hidden, batchNorm, batch, networks, steps, repeat, seed, signal } = options;
  const { inputs, classes, training, validation } = data.source;
  const architecture: Architecture = { inputs, hidden, classes, batchNorm };
  const population = await Population.create(gpu, {
    architecture,
    networks: Array.from({ length: networks }, () => SETTINGS),
    batch,
    data,
  });
  try {
    population.write({
      parameters: Array.from(
        { length: networks },
        (_, identity) => initialise(architecture, { seed, identity }),
      ),
    });
    population.setOrder(new Random(seed, "batches", 0).permutation(training.count));
    const perEpoch = Math.floor(training.count / batch);
    const stepTimes: number[] = [];
    const evaluationTimes: number[] = [];
    for (let i = 0; i <= repeat; i++) {
      const plans = Array.from({ length: steps }, (_, j): StepPlan => {
        const number = i * steps + j;
        return { first: number % perEpoch * batch, rise: phase(number, HALF_CYCLE), number };
      });
      await population.done();
      const began = performance.now();
      await population.advance(plans, { signal });
      await population.done();
      const trained = performance.now();
      await population.evaluate(["training", "validation"], signal);
      const evaluated = performance.now();
      if (i === 0) continue;
      stepTimes.push((trained - began) / steps);
      const images = training.count + validation.count;
      evaluationTimes.push((evaluated - trained) / images * EVALUATION_IMAGES);
    }
    return { step: summarise(stepTimes), evaluation: summarise(evaluationTimes) };
  } finally {
    population.destroy();
  }
}

/**
 * Counts the floating-point operations of a step of one network: the affine maps, an addition and a multiplication for
 * each weight and image, forward, for the weights' gradient, and but in the first layer for the inputs' gradient.
 *
 * @param architecture The network.
 * @param batch Images in a batch.
 * @returns 2 · batch · (2 · in₁ · out₁ + 3 · Σ in · out over the other layers).
 */
export function operationsPerStep(architecture: Architecture, batch: number): number {
  const { widths } = layout(architecture);
  let products = 0;
  for (let i = 0; i < widths.length - 1; i++) {
    products += (i === 0 ? 2 : 3) * widths[i] * widths[i + 1];
  }
  return 2 * batch * products;
}

/**
 * Sums several measurements up.
 *
 * @param times The measurements, at least one.
 * @returns Their median, and between which times they lie.
 */
export function summarise(times: readonly number[]): Times {
  const sorted = times.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    median: (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2,
    least: sorted[0],
    most: sorted[sorted.length - 1],
  };
}
