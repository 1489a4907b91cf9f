/**
 * The memory of a population on the GPU. One object owns all of its buffers and frees them together.
 *
 * @module
 */

import type { DeviceDataSet } from "./device_data.ts";
import { ArgumentError } from "./errors.ts";
import type { Gpu } from "./gpu.ts";
import { INPUT_TILE, STEP_BYTES, SUM_PARTS, tiles } from "./kernels.ts";
import { type Architecture, type Layout, layout } from "./network.ts";

/** Steps that the buffer of steps holds, and so the most in one submit. */
export const STEP_SLOTS = 512;

/** What `diverged` holds where nothing diverged. */
export const NEVER = 0xffff_ffff;

/** Rows of an evaluation in one go: enough to fill a device, but a layer's values are kept to some megabytes. */
const EVALUATION_ROWS = 2600;
const EVALUATION_VALUES = 160_000;

/** Threads that the first layer's product should take at least. */
const INPUT_THREADS = 200;

/** The memory of one layer. Names are those of the formulas in shaders/. */
export interface LayerBuffers {
  /** Sizes and offsets for training and for evaluation, which splits no sums. */
  readonly training: GPUBuffer;
  readonly evaluation: GPUBuffer;
  /** [P, rows, outputs] what the affine map gives, and d cost / d of it. */
  readonly s: GPUBuffer;
  readonly ds: GPUBuffer;
  /** Of a hidden layer: [P, rows, outputs] what the ReLU gives, and d cost / d of it. */
  readonly h?: GPUBuffer;
  readonly dh?: GPUBuffer;
  /** Of a hidden layer with batch norm: [P, batch, outputs] and [P, outputs]. */
  readonly normalised?: GPUBuffer;
  readonly inverseDeviation?: GPUBuffer;
}

/** Numbers in fours, in a texture that kernels read and write. */
export interface Texels {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
}

/** What the memory is measured by. */
export interface BufferSizes {
  readonly architecture: Architecture;
  /** Networks. */
  readonly networks: number;
  /** Images in a training batch. */
  readonly batch: number;
  readonly data: DeviceDataSet;
}

/** All buffers of a population. */
export class PopulationBuffers {
  /** Where everything lies in a network's flat vectors. */
  readonly layout: Layout;
  /** Images of an evaluation in one go. */
  readonly evaluationRows: number;
  /** Parts of the first layer's sum in training. */
  readonly slices: number;
  /** Bytes from one step to the next. */
  readonly stepStride: number;
  /** [STEP_SLOTS] */
  readonly steps: GPUBuffer;
  /** [P] lambda, eta_min, eta_max */
  readonly networks: GPUBuffer;
  /** [P, layout.count] */
  readonly parameters: GPUBuffer;
  /** [P, layout.count] */
  readonly gradients: GPUBuffer;
  /** [P, layout.statisticCount] */
  readonly statistics: GPUBuffer;
  /** [P] */
  readonly diverged: GPUBuffer;
  /** [training images] */
  readonly order: GPUBuffer;
  /** [images of the largest part] 0, 1, 2, … */
  readonly identity: GPUBuffer;
  /** [P, slices, rows, outputs of the first layer] */
  readonly sliceSums: GPUBuffer;
  /** [P, rows] loss, correct */
  readonly outcomes: GPUBuffer;
  /** [slots, P, SUM_PARTS] pairs */
  readonly sums: GPUBuffer;
  /** Texel (o, k) of layer P: the first layer's weights from inputs 4k … 4k + 3 to output o, as in `parameters`. */
  readonly weightTexels: Texels;
  /** Texel (o, r) of layer P: the first layer's output gradients of rows 4r … 4r + 3. */
  readonly gradientTexels: Texels;
  /** One for each affine map. */
  readonly layers: readonly LayerBuffers[];
  readonly #gpu: Gpu;
  readonly #owned: (GPUBuffer | GPUTexture)[] = [];

  /**
   * Takes the memory.
   *
   * @param gpu The device.
   * @param sizes What it is measured by.
   * @throws {ArgumentError} If the adapter cannot hold it; nothing is kept then.
   */
  constructor(gpu: Gpu, sizes: BufferSizes) {
    this.#gpu = gpu;
    const { architecture, networks: P, batch, data } = sizes;
    this.layout = layout(architecture);
    const { widths, count, statisticCount } = this.layout;
    const { training, validation, test } = data.source;
    this.evaluationRows = Math.max(
      1,
      Math.min(EVALUATION_ROWS, Math.floor(EVALUATION_VALUES / Math.max(...widths.slice(1)))),
    );
    this.slices = slices(batch, widths[1], data.texels);
    this.stepStride = Math.max(gpu.device.limits.minUniformBufferOffsetAlignment, STEP_BYTES);
    const rows = Math.max(batch, this.evaluationRows);
    const parts = [training.count, validation.count, test.count];
    const chunks = parts.reduce((sum, n) => sum + tiles(n, this.evaluationRows), 0);
    const sliceRows = Math.max(this.slices * batch, this.evaluationRows);
    try {
      const uniform = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
      this.steps = this.#make("steps", STEP_SLOTS * this.stepStride / 4, uniform);
      this.networks = this.#make("settings of the networks", P * 3);
      this.parameters = this.#make("parameters", P * count);
      this.gradients = this.#make("gradients", P * count);
      this.statistics = this.#make("moving averages", P * statisticCount);
      this.diverged = this.#make("divergence notes", P);
      this.order = this.#make("order of images", training.count);
      this.identity = this.#make("identity order", Math.max(...parts));
      this.sliceSums = this.#make("partial sums", P * sliceRows * widths[1]);
      this.outcomes = this.#make("outcomes", P * rows * 2);
      this.sums = this.#make("sums", Math.max(chunks + 1, STEP_SLOTS) * P * SUM_PARTS * 2);
      this.weightTexels = this.#texels("first layer's weights", [widths[1], data.texels, P]);
      this.gradientTexels = this.#texels("first layer's output gradients", [
        widths[1],
        tiles(batch, 4),
        P,
      ]);
      this.layers = widths.slice(1).map((width, i) => {
        const name = `layer ${i + 1}`;
        const hidden = i < architecture.hidden.length;
        const normed = hidden && architecture.batchNorm;
        return {
          training: this.#layer(i, data, this.slices),
          evaluation: this.#layer(i, data, 1),
          s: this.#make(`${name} outputs`, P * rows * width),
          ds: this.#make(`${name} output gradients`, P * batch * width),
          ...hidden && {
            h: this.#make(`${name} activations`, P * rows * width),
            dh: this.#make(`${name} activation gradients`, P * batch * width),
          },
          ...normed && {
            normalised: this.#make(`${name} normalised outputs`, P * batch * width),
            inverseDeviation: this.#make(`${name} deviations`, P * width),
          },
        };
      });
    } catch (error) {
      this.destroy();
      throw error;
    }
    const identity = Uint32Array.from({ length: Math.max(...parts) }, (_, i) => i);
    gpu.device.queue.writeBuffer(this.identity, 0, identity);
  }

  /** Frees the memory. */
  destroy(): void {
    for (const owned of this.#owned) owned.destroy();
    this.#owned.length = 0;
  }

  /**
   * Copies the first layer's weights of one network to its texels.
   *
   * @param network Which network.
   * @param parameters Its flat vector, [layout.count].
   */
  writeWeightTexels(network: number, parameters: Float32Array): void {
    const { widths: [inputs, outputs], parameters: [{ offset }] } = this.layout;
    const { texture } = this.weightTexels;
    const texels = new Float32Array(texture.width * texture.height * 4);
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++) {
        const at = (Math.floor(i / 4) * outputs + o) * 4 + i % 4;
        texels[at] = parameters[offset + i * outputs + o];
      }
    }
    this.#gpu.device.queue.writeTexture(
      { texture, origin: [0, 0, network] },
      texels,
      { bytesPerRow: 16 * texture.width, rowsPerImage: texture.height },
      [texture.width, texture.height, 1],
    );
  }

  #make(label: string, words: number, usage?: GPUBufferUsageFlags): GPUBuffer {
    const buffer = this.#gpu.buffer(label, 4 * words, usage);
    this.#owned.push(buffer);
    return buffer;
  }

  #texels(label: string, size: [width: number, height: number, layers: number]): Texels {
    const { maxTextureDimension2D, maxTextureArrayLayers } = this.#gpu.device.limits;
    const [width, height, layers] = size;
    if (Math.max(width, height) > maxTextureDimension2D || layers > maxTextureArrayLayers) {
      throw new ArgumentError(
        `The ${label} need a texture of ${width} x ${height} x ${layers}, and this adapter holds at most ` +
          `${maxTextureDimension2D} x ${maxTextureDimension2D} x ${maxTextureArrayLayers}: ` +
          "use smaller layers, smaller batches or fewer networks",
      );
    }
    const texture = this.#gpu.device.createTexture({
      label,
      size,
      format: "rgba32float",
      usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.STORAGE_BINDING |
        GPUTextureUsage.COPY_DST,
    });
    this.#owned.push(texture);
    return { texture, view: texture.createView({ dimension: "2d-array" }) };
  }

  /** The struct `Layer` of common.wgsl. */
  #layer(layer: number, data: DeviceDataSet, slices: number): GPUBuffer {
    const { widths, parameters, statistics, count, weights, statisticCount } = this.layout;
    function offset(kind: string): number {
      return [...parameters, ...statistics]
        .find((p) => p.layer === layer && p.kind === kind)?.offset ?? 0;
    }
    const fields = Uint32Array.of(
      widths[layer],
      widths[layer + 1],
      count,
      weights,
      offset("weight"),
      offset("bias"),
      offset("gamma"),
      offset("beta"),
      statisticCount,
      offset("mean"),
      offset("variance"),
      data.texels,
      data.imagesPerLayer,
      slices,
    );
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = this.#make(`layer ${layer + 1} sizes`, fields.length, usage);
    this.#gpu.device.queue.writeBuffer(buffer, 0, fields);
    return buffer;
  }
}

/**
 * Parts of the first layer's sum over the inputs: enough threads for a small batch. It does not depend on the number of
 * networks, so that a network trains to the same bytes alone and in a population.
 */
function slices(rows: number, outputs: number, texels: number): number {
  const threads = tiles(rows, INPUT_TILE.rows) * tiles(outputs, INPUT_TILE.outputs);
  return Math.max(1, Math.min(tiles(INPUT_THREADS, threads), Math.floor(texels / 8)));
}
