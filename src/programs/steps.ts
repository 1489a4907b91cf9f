/**
 * Training steps: how they are planned, and how the kernels read them.
 *
 * @module
 */

import { STEP } from "../gpu/structs.ts";

/** One update of the parameters. */
export interface StepPlan {
  /** Where the batch begins in the order of images. */
  readonly first: number;
  /** How far the learning rate has risen: 0 at etaMin, 1 at etaMax. */
  readonly rise: number;
  /** Number of updates before it. */
  readonly number: number;
}

/** Plans steps through the images, epoch after epoch; `rise` is given the number of a step and is 0 unless set. */
export function planSteps(
  { images, batch }: { readonly images: number; readonly batch: number },
  steps: { first: number; count: number; rise?: (number: number) => number },
): StepPlan[] {
  const { first, count, rise = () => 0 } = steps;
  const perEpoch = Math.floor(images / batch);
  return Array.from({ length: count }, (_, i) => {
    const number = first + i;
    return { first: number % perEpoch * batch, rise: rise(number), number };
  });
}

/** The struct `Step` of the shaders: a training step, or a chunk of an evaluation. */
export interface Step {
  readonly first: number;
  readonly rows: number;
  readonly rise?: number;
  readonly fresh?: boolean;
  readonly slot: number;
  readonly number?: number;
  readonly next?: number;
  readonly parts?: number;
}

/**
 * Encodes steps for the buffer of steps.
 *
 * @param steps The steps, in order.
 * @param stride Bytes from one to the next, at least the size of one.
 * @returns The words.
 */
export function encodeSteps(
  steps: readonly Step[],
  stride: number = STEP.size,
): Uint32Array<ArrayBuffer> {
  const values = steps.map(
    ({ rise = 0, fresh = false, number = 0, next = 0, parts = 0, ...step }) => {
      return { ...step, rise, fresh: Number(fresh), number, next, parts };
    },
  );
  return STEP.encode(values, stride);
}
