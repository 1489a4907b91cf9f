/**
 * Steps as kernels dispatched one after another, for all programs.
 *
 * @module
 */

import { type BoundKernel, dispatch } from "../gpu/kernels.ts";
import type { PopulationBuffers } from "./buffers.ts";
import type { ProgramContext, Steps } from "./program.ts";
import type { Step, StepPlan } from "./steps.ts";

/** How the steps of a program differ. */
interface KernelStepsOptions {
  readonly fresh: boolean;
  readonly kernels: readonly BoundKernel[];
  /** Returns the kernels of the next step, where they differ from step to step. */
  readonly next?: () => readonly BoundKernel[];
  /** Encodes the work before the first step. */
  readonly begin?: (pass: GPUComputePassEncoder) => void;
  /** Returns the fields of a step that only this program's kernels read, given its number in the run. */
  readonly fields?: (number: number) => Partial<Step>;
}

/** A run of steps. */
export class KernelSteps implements Steps {
  readonly kernels: readonly BoundKernel[];
  readonly #buffers: PopulationBuffers;
  readonly #rows: number;
  readonly #plans: readonly StepPlan[];
  readonly #options: KernelStepsOptions;

  constructor(
    { buffers, batch }: ProgramContext,
    plans: readonly StepPlan[],
    options: KernelStepsOptions,
  ) {
    this.kernels = options.kernels;
    this.#buffers = buffers;
    this.#rows = batch;
    this.#plans = plans;
    this.#options = options;
  }

  prepare(first: number, count: number): void {
    const { fresh, fields } = this.#options;
    this.#buffers.writeSteps(
      this.#plans.slice(first, first + count).map((plan, i) => {
        const number = first + i;
        const common = { rows: this.#rows, fresh: fresh && number === 0, slot: number };
        return { ...plan, ...common, ...fields?.(number) };
      }),
    );
  }

  encode(pass: GPUComputePassEncoder, first: number, index: number): void {
    if (first + index === 0) this.begin(pass);
    encodeKernels(pass, this.next(), index * this.#buffers.stepStride);
  }

  begin(pass: GPUComputePassEncoder): void {
    this.#options.begin?.(pass);
  }

  next(): readonly BoundKernel[] {
    return this.#options.next?.() ?? this.kernels;
  }
}

/** Dispatches kernels in order; `offset` is where their step begins in the buffer of steps, in bytes. */
export function encodeKernels(
  pass: GPUComputePassEncoder,
  kernels: readonly BoundKernel[],
  offset: number,
): void {
  for (const kernel of kernels) dispatch(pass, kernel, offset);
}
