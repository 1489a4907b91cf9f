/**
 * The memory of a population that all kernel variants share: parameters, gradients, moving averages, the order of the
 * images, and results to read back.
 *
 * @module
 */

import type { Split } from "../data/dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import type { RecordLayout } from "../gpu/device_data.ts";
import { SUM_PARTS, tiles, VEC4 } from "../gpu/kernel_table.ts";
import { Memory } from "../gpu/memory.ts";
import { LAYER, STEP } from "../gpu/structs.ts";
import { type Layout, layout, type Parameter, type Statistic } from "../model/network.ts";
import type { PopulationShape } from "../model/shape.ts";
import { encodeSteps, type Step } from "./steps.ts";

/** Slots of the buffer of steps, hence the maximum number of steps in one submit. */
export const STEP_SLOTS = 2048;

/** The slot after them, written once: for kernels that do not belong to a step. */
export const FIXED_SLOT = STEP_SLOTS;

/** Minimum number of slots of sums: how many steps can store their losses before these are read. */
const LOSS_SLOTS = 64;

/** The value of `diverged` for a network that has not diverged. */
export const NEVER = 0xffff_ffff;

/**
 * Maximum sizes of a chunk of an evaluation: images, values of a layer in a network, and bytes of a layer in all networks.
 * Hardware takes all images of CIFAR-10 at once: a workgroup of `fused_evaluate_input` evaluates 128, and a GPU runs
 * hundreds of them.
 */
const EVALUATION = {
  software: { rows: 2600, values: 160_000, bytes: Infinity },
  hardware: { rows: 50_000, values: 2_600_000, bytes: 2 ** 28 },
};

/** The records that a population sees: how they lie in textures, and how many there are. */
export interface RecordSource extends Omit<RecordLayout, "standard"> {
  readonly source: Readonly<Record<Split, { readonly count: number }>>;
}

/** The buffers of a population that all variants share. */
export class PopulationBuffers {
  /** Where everything lies in a network's flat vectors. */
  readonly layout: Layout;
  /** Maximum number of images in a chunk of an evaluation. */
  readonly evaluationRows: number;
  /** Bytes from one step to the next. */
  readonly stepStride: number;
  /** [STEP_SLOTS + 1] the struct `Step`; the last is `FIXED_SLOT`. */
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
  /** [images of the largest part] 0, 1, 2, …; the others may be empty */
  readonly identity: GPUBuffer;
  /** [P, rows] loss, correct */
  readonly outcomes: GPUBuffer;
  /** [P, rows] predicted class */
  readonly predictions: GPUBuffer;
  /** Sums that are read together: those of an evaluation of all parts, and at least {@linkcode LOSS_SLOTS}. */
  readonly slots: number;
  /** [slots, P, SUM_PARTS] pairs */
  readonly sums: GPUBuffer;
  readonly #gpu: Gpu;
  readonly #memory: Memory;
  readonly #data: RecordSource;
  readonly #sizes = new Map<string, GPUBuffer>();

  /**
   * Allocates the buffers.
   *
   * @param gpu The device.
   * @param shape What is trained.
   * @param data The data on the device.
   * @returns The buffers.
   * @throws {ArgumentError} If the adapter cannot hold them; nothing stays allocated then.
   * @throws {GpuError} If the device refused something else.
   */
  static create(
    gpu: Gpu,
    shape: PopulationShape,
    data: RecordSource,
  ): Promise<PopulationBuffers> {
    return Memory.hold(gpu, async (memory) => {
      const buffers = new PopulationBuffers(gpu, { ...shape, data, memory });
      await memory.ready();
      return buffers;
    });
  }

  private constructor(
    gpu: Gpu,
    options: PopulationShape & { readonly data: RecordSource; readonly memory: Memory },
  ) {
    const { architecture, networks: P, batch, data, memory } = options;
    this.#gpu = gpu;
    this.#data = data;
    this.#memory = memory;
    this.layout = layout(architecture);
    const { widths, count, statisticCount } = this.layout;
    const { training, validation, test } = data.source;
    const max = gpu.adapter.software ? EVALUATION.software : EVALUATION.hardware;
    const widest = Math.max(...widths.slice(1));
    const { maxBufferSize, maxStorageBufferBindingSize, maxTextureDimension2D } = gpu.device.limits;
    // The values of a layer of all networks, in vec4s of float32, must fit into one binding; or four rows into a texel.
    const bytes = Math.min(max.bytes, maxBufferSize, maxStorageBufferBindingSize);
    const bound = Math.min(bytes / (VEC4 * P * tiles(widest, 4)), 4 * maxTextureDimension2D);
    const fitting = Math.floor(Math.min(max.values / widest, bound));
    const parts = [training.count, validation.count, test.count];
    this.evaluationRows = Math.max(1, Math.min(max.rows, fitting, Math.max(...parts)));
    this.stepStride = Math.max(gpu.device.limits.minUniformBufferOffsetAlignment, STEP.size);
    const rows = Math.max(batch, this.evaluationRows);
    const chunks = parts.reduce((sum, n) => sum + tiles(n, this.evaluationRows), 0);
    const steps = new Uint32Array((STEP_SLOTS + 1) * this.stepStride / 4);
    steps.set(encodeSteps([{ first: 0, rows: batch, slot: 0 }]), FIXED_SLOT * this.stepStride / 4);
    const identity = Uint32Array.from({ length: Math.max(...parts) }, (_, i) => i);
    this.steps = memory.uniform("steps", steps);
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
  }

  /** Frees the memory. */
  destroy(): void {
    this.#memory.destroy();
  }

  /**
   * Writes the steps that the kernels of the next submit read.
   *
   * @param steps The steps, from the first slot on.
   */
  writeSteps(steps: readonly Step[]): void {
    if (steps.length === 0) return; // Deno's WebGPU ends the process where nothing is to be written.
    const { queue } = this.#gpu.device;
    queue.writeBuffer(this.steps, 0, encodeSteps(steps, this.stepStride));
  }

  /**
   * Returns the struct `Layer` of the shaders, made once for the same arguments.
   *
   * @param layer Which layer, counted from 0.
   * @param slices Parts that the first layer's sum over the inputs is split into.
   * @returns A uniform buffer with the layer's sizes, and where its tensors lie.
   */
  layer(layer: number, slices: number): GPUBuffer {
    const key = `${layer} ${slices}`;
    const known = this.#sizes.get(key);
    if (known) return known;
    const { widths, count, weights, statisticCount } = this.layout;
    const fields = LAYER.encode([{
      inputs: widths[layer],
      outputs: widths[layer + 1],
      parameters: count,
      weights,
      ...this.offsets(layer),
      statistics: statisticCount,
      texels: this.#data.texels,
      imagesPerLayer: this.#data.imagesPerLayer,
      slices,
      index: layer,
    }]);
    const made = this.#memory.uniform(`layer ${layer + 1} sizes`, fields);
    this.#sizes.set(key, made);
    return made;
  }

  /**
   * Finds the tensors of a layer.
   *
   * @param layer Which layer, counted from 0.
   * @returns Where each begins in a network's flat vector; 0 for those that the layer does not have.
   */
  offsets(layer: number): Record<Parameter["kind"] | Statistic["kind"], number> {
    const all = [...this.layout.parameters, ...this.layout.statistics];
    function offset(kind: string): number {
      return all.find((tensor) => tensor.layer === layer && tensor.kind === kind)?.offset ?? 0;
    }
    return {
      weight: offset("weight"),
      bias: offset("bias"),
      gamma: offset("gamma"),
      beta: offset("beta"),
      mean: offset("mean"),
      variance: offset("variance"),
    };
  }
}
