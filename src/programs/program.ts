/**
 * What a kernel variant is to a population: a program that encodes training steps and evaluations.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import type { DeviceDataSet } from "../gpu/device_data.ts";
import type { Gpu } from "../gpu/device.ts";
import type { BoundKernel, Kernels } from "../gpu/kernels.ts";
import type { PopulationShape } from "../model/shape.ts";
import type { PopulationBuffers } from "./buffers.ts";
import type { StepPlan } from "./steps.ts";

/** What the kernels of every program are bound to. */
export interface ProgramContext extends PopulationShape {
  readonly gpu: Gpu;
  readonly kernels: Kernels;
  readonly buffers: PopulationBuffers;
  readonly data: DeviceDataSet;
}

/** How steps are run. */
export interface StepsOptions {
  /** Whether the networks have seen no batch: the first one then sets the moving averages. */
  readonly fresh: boolean;
  /** Whether the loss of each batch goes into the sums, to the slot numbered as the step in its run. */
  readonly loss: boolean;
}

/** A run of steps, encoded in order. */
export interface Steps {
  /** The kernels of a step, in order. */
  readonly kernels: readonly BoundKernel[];
  /** Writes what the kernels of steps [first, first + count) read: step `first + index` into slot `index`. */
  prepare(first: number, count: number): void;
  /** Encodes step `first + index`. */
  encode(pass: GPUComputePassEncoder, first: number, index: number): void;
  /** Encodes only what comes before the first step. The steps themselves follow by {@linkcode Steps.next}. */
  begin(pass: GPUComputePassEncoder): void;
  /** Gives the kernels of the next step, bound, for a caller that encodes them one by one. */
  next(): readonly BoundKernel[];
}

/** Encodes the evaluation of the chunk of images that a slot of the buffer of steps describes. */
export type EncodeChunk = (pass: GPUComputePassEncoder, slot: number) => void;

/** One way to run the steps of a population, in memory of its own. */
export interface Program {
  /** Plans a run of steps; runs may not overlap. */
  steps(plans: readonly StepPlan[], options: StepsOptions): Steps;
  /** Prepares the evaluation of a part of the data set, in chunks of at most `buffers.evaluationRows` images. */
  evaluation(split: Split): Promise<EncodeChunk>;
  /** Encodes what brings `buffers.parameters` and `buffers.gradients` up to date with the steps encoded so far. */
  settle(pass: GPUComputePassEncoder): void;
  /** Takes note that a network's parameters were set from outside. */
  write(network: number, parameters: Float32Array): void;
  /** Frees the program's own memory. */
  destroy(): void;
}

/** What a variant is made for: a software driver, or on hardware networks of which a step is mostly dispatches, or others. */
export type Purpose = "software" | "small" | "large";

/** A kernel variant. */
export interface Variant {
  readonly name: string;
  /** What it is worth trying for, and how soon: 1 is tried first, of equal ones the first in the list. */
  readonly rank: Readonly<Partial<Record<Purpose, number>>>;
  /** Whether it can run a shape on a device. */
  fits(gpu: Gpu, shape: PopulationShape): boolean;
  /**
   * Takes its memory and binds its kernels; the shape fits.
   *
   * @throws {ArgumentError} If the adapter cannot hold it; nothing is kept then.
   */
  create(context: ProgramContext): Promise<Program>;
}
