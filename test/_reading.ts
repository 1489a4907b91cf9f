/** Several things on the device read back through one buffer. */

/** Where a copy may begin, and how long a row of a texture's copy must be a multiple of, in bytes. */
export const COPY_ALIGNMENT = 256;

/** How one thing is read back: its place in the buffer, and what to make of what is found there. */
export interface Reading {
  /** Bytes that it takes. */
  readonly bytes: number;
  /** Encodes the copy. */
  copy(encoder: GPUCommandEncoder, buffer: GPUBuffer, offset: number): void;
  /**
   * Takes it out of what was read; fails where something stands that must not.
   *
   * @returns What was written, or nothing where it was only looked at.
   */
  take(contents: ArrayBuffer, offset: number): Float32Array | undefined;
}
