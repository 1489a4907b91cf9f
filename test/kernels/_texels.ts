/** Textures of four numbers a texel: uploaded for a kernel to read, and read back after a kernel wrote them. */
import { assert, fail } from "@std/assert";
import type { Gpu } from "../../src/gpu/device.ts";
import { tiles } from "../../src/gpu/kernel_table.ts";
import type { Sizes } from "./_cases.ts";
import { COPY_ALIGNMENT, type Reading } from "../_reading.ts";

/** Texels of P networks, [layers][height][width][4]. */
export interface TexelArray {
  readonly width: number;
  readonly height: number;
  readonly layers: number;
  readonly values: Float32Array;
}

/** A float that no kernel computes: it lies around the texels, and in those not written yet. */
const STRANGE = 0x7fc0dead;

/** A layer's weights, four inputs a texel; past the last input stands `past`, 0 unless given. */
export function weightTexels(
  { inputs, outputs, networks }: Pick<Sizes, "inputs" | "outputs" | "networks">,
  weights: (network: number) => Float32Array,
  past = 0,
): TexelArray {
  const size = inputs * outputs;
  const tensor = new Float32Array(networks * size);
  for (let n = 0; n < networks; n++) tensor.set(weights(n), n * size);
  return rowTexels(tensor, { rows: inputs, width: outputs, networks }, past);
}

/** The weights that texels hold, [P][inputs, outputs]; past the last input they are 0. */
export function weightsOfTexels(
  values: Float32Array,
  { inputs, outputs, networks }: Pick<Sizes, "inputs" | "outputs" | "networks">,
): Float32Array[] {
  const tensor = rowsOfTexels(values, { rows: inputs, width: outputs, networks }, 0);
  const size = inputs * outputs;
  return Array.from({ length: networks }, (_, n) => tensor.subarray(n * size, (n + 1) * size));
}

/** How rows lie in texels. */
export interface RowSizes {
  readonly rows: number;
  /** Values in a row. */
  readonly width: number;
  readonly networks: number;
  /** Parts that each value comes in; 1 unless given. */
  readonly slices?: number;
}

/** Rows, [P, slices, rows, width], four a texel; past the last row stands `past`, 0 unless given. */
export function rowTexels(tensor: Float32Array, sizes: RowSizes, past = 0): TexelArray {
  const { rows, width } = sizes;
  const size = newRowTexels(sizes);
  const values = new Float32Array(4 * size.width * size.height * size.layers).fill(past);
  const blocks = tiles(rows, 4);
  for (let from = 0, row = 0; from < tensor.length; from += width, row++) {
    const block = Math.floor(row / rows) * blocks + Math.floor(row % rows / 4);
    const to = 4 * width * block + row % rows % 4;
    for (let x = 0; x < width; x++) values[to + 4 * x] = tensor[from + x];
  }
  return { ...size, values };
}

/** The size of texels that a kernel is to write such rows to. */
export function newRowTexels(sizes: RowSizes): Omit<TexelArray, "values"> {
  const { rows, width, networks, slices = 1 } = sizes;
  return { width, height: slices * tiles(rows, 4), layers: networks };
}

/**
 * The rows that texels hold, [P, slices, rows, width].
 *
 * @param past What stands past the last row; anything unless given.
 */
export function rowsOfTexels(values: Float32Array, sizes: RowSizes, past?: number): Float32Array {
  const { rows, width, networks, slices = 1 } = sizes;
  const tensor = new Float32Array(networks * slices * rows * width);
  const padded = 4 * tiles(rows, 4); // Rows that there are texels for.
  for (let row = 0; row < networks * slices * padded; row++) {
    const from = 4 * width * Math.floor(row / 4) + row % 4;
    if (row % padded < rows) {
      const to = (Math.floor(row / padded) * rows + row % padded) * width;
      for (let x = 0; x < width; x++) tensor[to + x] = values[from + 4 * x];
    } else if (past !== undefined) {
      for (let x = 0; x < width; x++) {
        const value = values[from + 4 * x];
        if (value !== past) fail(`${value} stands past the last row, expected ${past}`);
      }
    }
  }
  return tensor;
}

/**
 * Puts texels into a texture that is larger by one each way, where a read past the end finds NaN and a write is seen.
 *
 * @param contents The texels, or only their size where a kernel is to write them.
 */
export function uploadTexels(
  gpu: Gpu,
  contents: Omit<TexelArray, "values"> & { values?: Float32Array },
): GPUTexture {
  const { width, height, layers, values } = contents;
  const texture = gpu.device.createTexture({
    size: [width + 1, height + 1, layers + 1],
    format: "rgba32float",
    usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.STORAGE_BINDING |
      GPUTextureUsage.COPY_DST | GPUTextureUsage.COPY_SRC,
  });
  const words = new Uint32Array(4 * (width + 1) * (height + 1) * (layers + 1)).fill(STRANGE);
  if (values) {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    for (let row = 0; row < height * layers; row++) {
      const layer = Math.floor(row / height);
      const to = 4 * (width + 1) * (layer * (height + 1) + row % height);
      words.set(bits.subarray(4 * width * row, 4 * width * (row + 1)), to);
    }
  }
  gpu.device.queue.writeTexture(
    { texture },
    words,
    { bytesPerRow: 16 * (width + 1), rowsPerImage: height + 1 },
    [width + 1, height + 1, layers + 1],
  );
  return texture;
}

/** Reads the texels of such a texture, [layers][height][width][4]; around them nothing may have changed. */
export function readingOfTexels(texture: GPUTexture): Reading {
  const { width, height, depthOrArrayLayers: layers } = texture;
  const stride = Math.ceil(16 * width / COPY_ALIGNMENT) * COPY_ALIGNMENT;
  return {
    bytes: stride * height * layers,
    copy(encoder, buffer, offset) {
      encoder.copyTextureToBuffer(
        { texture },
        { buffer, offset, bytesPerRow: stride, rowsPerImage: height },
        [width, height, layers],
      );
    },
    take(contents, offset) {
      const words = new Uint32Array(contents, offset);
      const inner = { width: width - 1, height: height - 1, layers: layers - 1 };
      const result = new Uint32Array(4 * inner.width * inner.height * inner.layers);
      let end = 0;
      for (let row = 0; row < height * layers; row++) {
        const [y, layer] = [row % height, Math.floor(row / height)];
        const texels = words.subarray(stride / 4 * row, stride / 4 * row + 4 * width);
        const inside = y < inner.height && layer < inner.layers ? 4 * inner.width : 0;
        result.set(texels.subarray(0, inside), end);
        end += inside;
        for (let i = inside; i < texels.length; i++) {
          if (texels[i] !== STRANGE) {
            fail(`a texel past the end was written: ${Math.floor(i / 4)}, ${y}, ${layer}`);
          }
        }
      }
      assert(end === result.length);
      return new Float32Array(result.buffer);
    },
  };
}
