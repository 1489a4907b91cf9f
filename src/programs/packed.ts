/**
 * Packed parameters, as the fused variants keep them: rows of vec4s, so that the GPU reads four numbers at once.
 *
 * For each layer: the weights, a row for each input and rows of 0 up to a multiple of four; then bias, gamma and beta.
 * Every row is padded with 0 to a multiple of four outputs.
 *
 * @module
 */

import { tiles } from "../gpu/kernel_table.ts";
import type { Layout, ParameterKind } from "../model/network.ts";

/** The vectors of a layer behind its weights, in order. */
const VECTORS: readonly ParameterKind[] = ["bias", "gamma", "beta"];

/** Where packed parameters lie. */
export interface PackedLayout {
  /** Where each layer's weights begin and where its vectors do, in vec4s. */
  readonly layers: readonly { readonly packed: number; readonly vectors: number }[];
  /** Vec4s of one network. */
  readonly size: number;
}

/**
 * Places the layers of a network among its packed parameters.
 *
 * @param widths `[inputs, ...hidden, classes]`.
 * @returns Where each layer begins.
 */
export function packedLayout(widths: readonly number[]): PackedLayout {
  let size = 0;
  const layers = widths.slice(1).map((outputs, layer) => {
    const packed = size;
    const columns = tiles(outputs, 4);
    const vectors = packed + 4 * tiles(widths[layer], 4) * columns;
    size = vectors + VECTORS.length * columns;
    return { packed, vectors };
  });
  return { layers, size };
}

/**
 * Packs the parameters of a network.
 *
 * @param layout Where the parameters lie in the flat vector.
 * @param parameters The flat vector, [layout.count].
 * @returns The packed parameters, four for each vec4.
 */
export function packParameters(
  { widths, parameters: tensors }: Layout,
  parameters: Float32Array,
): Float32Array<ArrayBuffer> {
  const { layers, size } = packedLayout(widths);
  const packed = new Float32Array(4 * size);
  for (const { kind, layer, offset, size } of tensors) {
    const outputs = widths[layer + 1];
    const columns = tiles(outputs, 4);
    const place = layers[layer];
    const vector = VECTORS.indexOf(kind);
    const at = 4 * (vector < 0 ? place.packed : place.vectors + vector * columns);
    for (let i = 0; i < size / outputs; i++) {
      const from = offset + i * outputs;
      packed.set(parameters.subarray(from, from + outputs), at + 4 * i * columns);
    }
  }
  return packed;
}
