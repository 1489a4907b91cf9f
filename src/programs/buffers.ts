/**
 * The memory of a population that all kernel variants share: parameters, gradients, moving averages, the order of the
 * images, and what is read back.
 *
 * @module
 */

import type { DeviceDataSet } from "../gpu/device_data.ts";
import type { Gpu } from "../gpu/device.ts";
import { SUM_PARTS, tiles } from "../gpu/kernel_table.ts";
import { Memory } from "../gpu/memory.ts";
import { LAYER, STEP } from "../gpu/structs.ts";
import { type Layout, layout } from "../model/network.ts";
import type { PopulationShape } from "../model/shape.ts";

/** Steps that the buffer of steps holds, and so the most in one submit. */
export const STEP_SLOTS = 2048;

/** Where in the buffer of steps those stand that go before the first step, and after the last. */
export const SLOT_BEFORE = STEP_SLOTS;
export const SLOT_AFTER = STEP_SLOTS + 1;

/** The fewest slots of sums: how many steps can leave their losses there before they are read. */
const LOSS_SLOTS = 64;

/** What `diverged` holds where nothing diverged. */
export const NEVER = 0xffff_ffff;

/** Rows of an evaluation in one go: enough to fill a device, but a layer's values are kept to some megabytes. */
const EVALUATION = {
  software: { rows: 2600, values: 160_000 },
  hardware: { rows: 12_800, values: 2_000_000 },
};

/** What the memory is measured by. */
export interface BufferSizes extends PopulationShape {
  readonly data: DeviceDataSet;
}

/** The buffers of a population that all variants share. */
export class PopulationBuffers {
  /** Where everything lies in a network's flat vectors. */
  readonly layout: Layout;
  /** Images of an evaluation in one go. */
  readonly evaluationRows: number;
  /** Bytes from one step to the next. */
  readonly stepStride: number;
  /** [STEP_SLOTS + 2]; the last two are `SLOT_BEFORE` and `SLOT_AFTER`. */
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
  /** [P, rows] loss, correct */
  readonly outcomes: GPUBuffer;
  /** [P, rows] class found */
  readonly predictions: GPUBuffer;
  /** Sums that are read together: those of an evaluation of all parts, and at least {@linkcode LOSS_SLOTS}. */
  readonly slots: number;
  /** [slots, P, SUM_PARTS] pairs */
  readonly sums: GPUBuffer;
  readonly #memory: Memory;
  readonly #data: DeviceDataSet;
  readonly #sizes = new Map<string, GPUBuffer>();

  /**
   * Takes the memory.
   *
   * @param gpu The device.
   * @param sizes What it is measured by.
   * @returns The buffers.
   * @throws {ArgumentError} If the adapter cannot hold it; nothing is kept then.
   * @throws {GpuError} If the device refused something else.
   */
  static async create(gpu: Gpu, sizes: BufferSizes): Promise<PopulationBuffers> {
    const buffers = new PopulationBuffers(gpu, sizes);
    try {
      await buffers.#memory.ready();
      return buffers;
    } catch (error) {
      buffers.destroy();
      throw error;
    }
  }

  private constructor(gpu: Gpu, sizes: BufferSizes) {
    const { architecture, networks: P, batch, data } = sizes;
    this.#data = data;
    this.layout = layout(architecture);
    const { widths, count, statisticCount } = this.layout;
    const { training, validation, test } = data.source;
    const most = gpu.adapter.software ? EVALUATION.software : EVALUATION.hardware;
    const widest = Math.max(...widths.slice(1));
    const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
    // All networks' values of a layer, in float32, have to fit into one binding.
    const bound = Math.min(maxBufferSize, maxStorageBufferBindingSize) / (4 * P * widest);
    const fitting = Math.floor(Math.min(most.values / widest, bound));
    const parts = [training.count, validation.count, test.count];
    this.evaluationRows = Math.max(1, Math.min(most.rows, fitting, Math.max(...parts)));
    this.stepStride = Math.max(gpu.device.limits.minUniformBufferOffsetAlignment, STEP.size);
    const rows = Math.max(batch, this.evaluationRows);
    const chunks = parts.reduce((sum, n) => sum + tiles(n, this.evaluationRows), 0);
    const identity = Uint32Array.from({ length: Math.max(...parts) }, (_, i) => i);
    const memory = new Memory(gpu);
    this.#memory = memory;
    try {
      const uniform = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
      this.steps = memory.buffer("steps", (STEP_SLOTS + 2) * this.stepStride / 4, uniform);
      this.networks = memory.buffer("settings of the networks", P * 3);
      this.parameters = memory.buffer("parameters", P * count);
      this.gradients = memory.buffer("gradients", P * count);
      this.statistics = memory.buffer("moving averages", P * statisticCount);
      this.diverged = memory.buffer("divergence notes", P);
      this.order = memory.buffer("order of images", training.count);
      this.identity = memory.upload("identity order", identity);
      this.outcomes = memory.buffer("outcomes", P * rows * 2);
      this.predictions = memory.buffer("predictions", P * rows);
      this.slots = Math.max(chunks + 1, LOSS_SLOTS);
      this.sums = memory.buffer("sums", this.slots * P * SUM_PARTS * 2);
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  /** Frees the memory. */
  destroy(): void {
    this.#memory.destroy();
  }

  /**
   * Gives the struct `Layer` of the shaders.
   *
   * @param layer Which layer, counted from 0.
   * @param slices Parts that the first layer's sum over the inputs is split into.
   * @returns Its sizes, and where its tensors lie.
   */
  layer(layer: number, slices: number): GPUBuffer {
    const key = `${layer} ${slices}`;
    const made = this.#sizes.get(key) ?? this.#layer(layer, slices);
    this.#sizes.set(key, made);
    return made;
  }

  #layer(layer: number, slices: number): GPUBuffer {
    const { widths, parameters, statistics, count, weights, statisticCount } = this.layout;
    function offset(kind: string): number {
      return [...parameters, ...statistics]
        .find((p) => p.layer === layer && p.kind === kind)?.offset ?? 0;
    }
    const fields = LAYER.encode([{
      inputs: widths[layer],
      outputs: widths[layer + 1],
      parameters: count,
      weights,
      weight: offset("weight"),
      bias: offset("bias"),
      gamma: offset("gamma"),
      beta: offset("beta"),
      statistics: statisticCount,
      mean: offset("mean"),
      variance: offset("variance"),
      texels: this.#data.texels,
      imagesPerLayer: this.#data.imagesPerLayer,
      slices,
    }]);
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    return this.#memory.upload(`layer ${layer + 1} sizes`, fields, usage);
  }
}
