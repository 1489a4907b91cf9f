/**
 * The interface of kernel variants: each makes programs that encode the training steps and evaluations of a population.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import type { DeviceDataSet, RecordLayout } from "../gpu/device_data.ts";
import type { BoundKernel, Kernels } from "../gpu/kernels.ts";
import type { PopulationShape } from "../model/shape.ts";
import type { PopulationBuffers } from "./buffers.ts";
import type { StepPlan } from "./steps.ts";

/** What kernels are bound to, wherever their records come from. */
export interface KernelContext extends PopulationShape {
  readonly gpu: Gpu;
  readonly kernels: Kernels;
  readonly buffers: PopulationBuffers;
  readonly data: RecordLayout;
}

/** What the kernels of every program are bound to. */
export interface ProgramContext extends KernelContext {
  readonly data: DeviceDataSet;
}

/** How steps are run. */
export interface StepsOptions {
  /** Whether the networks have seen no batch: the first one then sets the moving averages. */
  readonly fresh: boolean;
  /** Whether the loss of each batch goes into the sums, in the slot with the step's number in its run. */
  readonly loss: boolean;
}

/** A run of steps, encoded in order. */
export interface Steps {
  /** The kernels of a step, in order. */
  readonly kernels: readonly BoundKernel[];
  /** Writes the structs `Step` of steps [first, first + count): step `first + index` into slot `index`. */
  prepare(first: number, count: number): void;
  /** Encodes step `first + index`. */
  encode(pass: GPUComputePassEncoder, first: number, index: number): void;
  /** Encodes only the work before the first step. The steps follow by {@linkcode Steps.next}. */
  begin(pass: GPUComputePassEncoder): void;
  /** Returns the kernels of the next step, for a caller that encodes them one by one. */
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
  /** Brings `buffers.parameters` and `buffers.gradients` up to date with the steps encoded so far. */
  settle(pass: GPUComputePassEncoder): void;
  /** Updates the program's own copies of a network's parameters after they were set from outside. */
  write(network: number, parameters: Float32Array): void;
  /** Frees the program's own memory. */
  destroy(): void;
}

/** What a variant is made for: software drivers, small networks on hardware, whose steps are mostly dispatches, or large. */
export type Purpose = "software" | "small" | "large";

/** A kernel variant. */
export interface Variant {
  readonly name: string;
  /** What it is worth trying for, and in which order: 1 comes first; equal ranks keep the order of the list. */
  readonly rank: Readonly<Partial<Record<Purpose, number>>>;
  /** The networks of a population for which it is worth trying; any number unless given. */
  readonly networks?: { readonly min: number; readonly max: number };
  /** Whether it can run a shape on a device. */
  fits(gpu: Gpu, shape: PopulationShape): boolean;
  /**
   * Allocates its memory and binds its kernels; the shape must fit.
   *
   * @throws {ArgumentError} If the adapter cannot hold it; nothing stays allocated then.
   */
  create(context: ProgramContext): Promise<Program>;
}
