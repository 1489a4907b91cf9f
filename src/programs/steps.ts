/**
 * What changes from one step to the next, as the kernels read it.
 *
 * @module
 */

import { STEP } from "../gpu/structs.ts";

/** The struct `Step` of the shaders. */
export interface Step {
  readonly first: number;
  readonly rows: number;
  readonly rise?: number;
  readonly fresh?: boolean;
  readonly slot: number;
  readonly number?: number;
  /** First image of the step after this one. */
  readonly next?: number;
  /** What is done where a kernel does parts of two steps: `UPDATE` of this one, `FORWARD` of the next. */
  readonly parts?: number;
}

export { FORWARD, UPDATE } from "../gpu/structs.ts";

/**
 * Lays steps out for the buffer of steps.
 *
 * @param steps The steps, in order.
 * @param stride Bytes from one to the next, at least the size of one.
 * @returns The words.
 */
export function encodeSteps(steps: readonly Step[], stride: number): Uint32Array<ArrayBuffer> {
  const values = steps.map(
    ({ rise = 0, fresh = false, number = 0, next = 0, parts = 0, ...step }) => {
      return { ...step, rise, fresh: Number(fresh), number, next, parts };
    },
  );
  return STEP.encode(values, stride);
}
