/**
 * The digest of a data set.
 *
 * @module
 */

import type { LabelledImages } from "./records.ts";

const IMAGES_PER_BLOCK = 10_000;

/**
 * Computes the SHA-256 over the SHA-256 digests of blocks of 10,000 images, part by part; `createDataSet` describes it.
 * WebCrypto hashes one buffer at a time, so blocks avoid a second copy of all images.
 *
 * @param parts The parts, in order.
 * @param heading A text whose digest comes first; none unless given.
 * @returns Lower-case hexadecimal digits.
 */
export async function digest(
  parts: readonly LabelledImages[],
  heading?: string,
): Promise<string> {
  const digests: number[] = [];
  if (heading !== undefined) digests.push(...await sha256(new TextEncoder().encode(heading)));
  for (const { images, labels, count } of parts) {
    if (count === 0) continue;
    const inputs = images.length / count;
    const size = 1 + inputs * images.BYTES_PER_ELEMENT;
    const block = new Uint8Array(Math.min(count, IMAGES_PER_BLOCK) * size);
    for (let start = 0; start < count; start += IMAGES_PER_BLOCK) {
      const n = Math.min(IMAGES_PER_BLOCK, count - start);
      for (let i = 0; i < n; i++) {
        const from = (start + i) * inputs;
        block[i * size] = labels[start + i];
        put(images.subarray(from, from + inputs), block, i * size + 1);
      }
      digests.push(...await sha256(block.subarray(0, n * size)));
    }
  }
  const bytes = await sha256(Uint8Array.from(digests));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Puts the values of an image into a block: bytes as they are, numbers as little-endian float32. */
function put(image: Uint8Array | Float32Array, block: Uint8Array, at: number): void {
  if (image instanceof Uint8Array) {
    block.set(image, at);
    return;
  }
  const view = new DataView(block.buffer);
  for (let j = 0; j < image.length; j++) view.setFloat32(at + 4 * j, image[j], true);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
