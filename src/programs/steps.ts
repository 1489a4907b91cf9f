/**
 * What changes from one step to the next, as the kernels read it.
 *
 * @module
 */

import { STEP_BYTES } from "../gpu/kernels.ts";

/** The struct `Step` of common.wgsl. */
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

/** `Step.parts` of common.wgsl. */
export const UPDATE = 1;
export const FORWARD = 2;

/**
 * Lays steps out for the buffer of steps.
 *
 * @param steps The steps, in order.
 * @param stride Bytes from one to the next, at least {@linkcode STEP_BYTES}.
 * @returns The bytes.
 */
export function encodeSteps(steps: readonly Step[], stride: number): ArrayBuffer {
  const bytes = new ArrayBuffer(steps.length * stride);
  steps.forEach((step, i) => {
    const { first, rows, rise = 0, fresh = false, slot, number = 0, next = 0, parts = 0 } = step;
    const view = new DataView(bytes, i * stride, STEP_BYTES);
    view.setUint32(0, first, true);
    view.setUint32(4, rows, true);
    view.setFloat32(8, rise, true);
    view.setUint32(12, Number(fresh), true);
    view.setUint32(16, slot, true);
    view.setUint32(20, number, true);
    view.setUint32(24, next, true);
    view.setUint32(28, parts, true);
  });
  return bytes;
}
