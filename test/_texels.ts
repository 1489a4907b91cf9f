/** Numbers in fours in textures: put there for a kernel to read, and read back where a kernel wrote them. */
import { assert } from "@std/assert";
import type { Gpu } from "../src/gpu.ts";
import { tiles } from "../src/kernel_table.ts";
import type { Sizes } from "./_kernel_cases.ts";

/** Texels of P networks, [layers][height][width][4]. */
export interface TexelArray {
  readonly width: number;
  readonly height: number;
  readonly layers: number;
  readonly values: Float32Array;
}

/** A float that nothing here computes: what lies around the texels, and in those not written yet. */
const STRANGE = 0x7fc0dead;

/** Makes texels, each number by its place. */
export function texelArray(
  size: readonly [width: number, height: number, layers: number],
  value: (at: { x: number; y: number; layer: number; channel: number }) => number,
): TexelArray {
  const [width, height, layers] = size;
  const values = Float32Array.from({ length: 4 * width * height * layers }, (_, i) => {
    const texel = Math.floor(i / 4);
    const x = texel % width;
    const y = Math.floor(texel / width) % height;
    return value({ x, y, layer: Math.floor(texel / width / height), channel: i % 4 });
  });
  return { width, height, layers, values };
}

/** A layer's weights, four inputs a texel; past the last input stands `past`, 0 unless given. */
export function weightTexels(
  { inputs, outputs, networks }: Pick<Sizes, "inputs" | "outputs" | "networks">,
  weights: (network: number) => Float32Array,
  past = 0,
): TexelArray {
  return texelArray([outputs, tiles(inputs, 4), networks], ({ x, y, layer, channel }) => {
    const input = 4 * y + channel;
    return input < inputs ? weights(layer)[input * outputs + x] : past;
  });
}

/** The weights that texels hold, [P][inputs, outputs]; past the last input they are 0. */
export function weightsOfTexels(
  values: Float32Array,
  { inputs, outputs, networks }: Pick<Sizes, "inputs" | "outputs" | "networks">,
): Float32Array[] {
  const weights = Array.from({ length: networks }, () => new Float32Array(inputs * outputs));
  const height = tiles(inputs, 4);
  values.forEach((value, i) => {
    const texel = Math.floor(i / 4);
    const row = Math.floor(texel / outputs);
    const input = 4 * (row % height) + i % 4;
    if (input < inputs) {
      weights[Math.floor(row / height)][input * outputs + texel % outputs] = value;
    } else assert(value === 0, `${value} stands past the last input`);
  });
  return weights;
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
  const { rows, width, networks, slices = 1 } = sizes;
  const blocks = tiles(rows, 4);
  return texelArray([width, slices * blocks, networks], ({ x, y, layer, channel }) => {
    const row = 4 * (y % blocks) + channel;
    const slice = Math.floor(y / blocks);
    return row < rows ? tensor[((layer * slices + slice) * rows + row) * width + x] : past;
  });
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
  const blocks = tiles(rows, 4);
  const tensor = new Float32Array(networks * slices * rows * width);
  values.forEach((value, i) => {
    const texel = Math.floor(i / 4);
    const block = Math.floor(texel / width);
    const row = 4 * (block % blocks) + i % 4;
    if (row < rows) {
      tensor[(Math.floor(block / blocks) * rows + row) * width + texel % width] = value;
    } else {
      assert(past === undefined || value === past, `${value} stands past the last row`);
    }
  });
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

/** Reads texels back; around them nothing may have changed. */
export async function readTexels(gpu: Gpu, texture: GPUTexture): Promise<TexelArray> {
  const { width, height, depthOrArrayLayers: layers } = texture;
  const stride = Math.ceil(16 * width / 256) * 256;
  const buffer = gpu.buffer("texels", stride * height * layers);
  try {
    const encoder = gpu.device.createCommandEncoder();
    encoder.copyTextureToBuffer(
      { texture },
      { buffer, bytesPerRow: stride, rowsPerImage: height },
      [width, height, layers],
    );
    gpu.device.queue.submit([encoder.finish()]);
    const bytes = await gpu.read(buffer);
    const words = new Uint32Array(bytes);
    const numbers = new Float32Array(bytes);
    const inner = [width - 1, height - 1, layers - 1] as const;
    for (let texel = 0; texel < width * height * layers; texel++) {
      const [x, row] = [texel % width, Math.floor(texel / width)];
      const [y, layer] = [row % height, Math.floor(row / height)];
      if (x < inner[0] && y < inner[1] && layer < inner[2]) continue;
      const at = row * stride / 4 + 4 * x;
      assert(
        words.subarray(at, at + 4).every((word) => word === STRANGE),
        `a texel past the end was written: ${x}, ${y}, ${layer}`,
      );
    }
    return texelArray(
      inner,
      ({ x, y, layer, channel }) => numbers[(layer * height + y) * stride / 4 + 4 * x + channel],
    );
  } finally {
    buffer.destroy();
  }
}
