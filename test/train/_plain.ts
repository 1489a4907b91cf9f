/** The reference in single precision: how far from float64 the plainest float32 code is. */
import { standardise } from "../../src/data/dataset.ts";
import { initialStatistics } from "../../src/model/initialisation.ts";
import { type Architecture, layout } from "../../src/model/network.ts";
import { type Batch, gradients, updateStatistics } from "../../src/model/reference/network.ts";
import { architectureOf } from "../../src/model/shape.ts";
import type { KernelRecord } from "../../src/train/kernel_check.ts";
import type { Drawn } from "./_drawn.ts";

/** How much further off than the plainest code another order of sums may be: the most seen is 6 times. */
const FACTOR = 10;

/** Where the steps start and which images they take. */
export interface PlainWork {
  readonly start: readonly Float32Array[];
  readonly order: Uint32Array;
  readonly steps: number;
}

/**
 * Makes steps in single precision with errors {@linkcode FACTOR} times as large, recorded as those of the kernels are, for
 * `compareKernels()`.
 */
export function recordPlain(drawn: Drawn, { start, order, steps }: PlainWork): KernelRecord {
  const { source, networks, batch } = drawn;
  const architecture = architectureOf(drawn, source);
  const { inputs, training, mean, std } = source;
  const places = layout(architecture);
  const record: KernelRecord["steps"][number][] = [];
  let parameters = [...start];
  let statistics = start.map(() => initialStatistics(architecture));
  for (let step = 0; step < steps; step++) {
    const indices = order.slice(step * batch, (step + 1) * batch);
    const images = Uint8Array.from(
      { length: batch * inputs },
      (_, i) => training.images[indices[Math.floor(i / inputs)] * inputs + i % inputs],
    );
    const labels = Uint8Array.from(indices, (index) => training.labels[index]);
    const own = { x: standardise(images, source), labels };
    const found = parameters.map((vector, i) =>
      exaggerated({ architecture, parameters: vector }, own, networks[i])
    );
    const before = { parameters, statistics, diverged: [] };
    parameters = parameters.map((own, i) =>
      own.map((value, k) => value - networks[i].etaMax * found[i].gradients[k])
    );
    statistics = statistics.map((own, i) => {
      const averages = own.slice();
      updateStatistics(averages, found[i].batchStatistics, step === 0);
      return averages;
    });
    const after = {
      parameters: parameters.map((own, i) => nudge(places.parameters, before.parameters[i], own)),
      statistics: statistics.map((own, i) => nudge(places.statistics, before.statistics[i], own)),
      diverged: [],
    };
    record.push({
      ...{ images, labels, firstBatch: step === 0, before, after },
      losses: found.map(({ loss }) => loss),
      gradients: found.map((own) => own.gradients),
    });
  }
  return { architecture, networks, statistics: { inputs, mean, std }, steps: record };
}

/** The gradients in float32, further from those in float64 by a factor. */
function exaggerated(
  network: { architecture: Architecture; parameters: Float32Array },
  batch: Batch,
  { lambda }: { lambda: number },
) {
  const exact = gradients(network, batch, { lambda });
  const plain = inSingle(() => gradients(network, batch, { lambda }));
  const far = (from: number, to: number) => from + FACTOR * (to - from);
  return {
    loss: far(exact.loss, plain.loss),
    gradients: Float32Array.from(exact.gradients, (value, i) => far(value, plain.gradients[i])),
    batchStatistics: exact.batchStatistics.map((value, i) => far(value, plain.batchStatistics[i])),
  };
}

/** Computes with every tensor of the reference in float32, so that each result, and each sum on its way, is rounded. */
function inSingle<T>(compute: () => T): T {
  const double = globalThis.Float64Array;
  Object.assign(globalThis, { Float64Array: Float32Array });
  try {
    return compute();
  } finally {
    globalThis.Float64Array = double;
  }
}

/** Rounds the largest entry of each tensor that changed the other way, as another order of sums may. */
function nudge(
  tensors: readonly { offset: number; size: number }[],
  before: Float32Array,
  after: Float32Array,
): Float32Array {
  const nudged = after.slice();
  const bits = new Int32Array(nudged.buffer);
  for (const { offset, size } of tensors) {
    let largest = offset;
    let same = true;
    for (let i = offset; i < offset + size; i++) {
      if (Math.abs(after[i]) > Math.abs(after[largest])) largest = i;
      same &&= Object.is(after[i], before[i]);
    }
    if (!same) bits[largest]++;
  }
  return nudged;
}
