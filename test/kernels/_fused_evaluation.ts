/** Tests of the kernels that evaluate for the fused variants. */
import type { Gpu } from "../../src/gpu/device.ts";
import type { DeviceDataSet } from "../../src/gpu/device_data.ts";
import { FUSED_MAX_LAYERS, type KernelName, tiles } from "../../src/gpu/kernel_table.ts";
import { LAYER_PLACE, type StructValues } from "../../src/gpu/structs.ts";
import { standardise } from "../../src/data/dataset.ts";
import type { Random } from "../../src/model/random.ts";
import { affineForward, batchNormApply, reluForward } from "../../src/model/reference/layers.ts";
import { evaluateInputSizes, evaluateRestSizes } from "../../src/programs/fused_evaluation.ts";
import { sharedGpu } from "../_gpu.ts";
import {
  absolute,
  draw,
  errorOf,
  type Expected,
  type KernelCase,
  type KernelRun,
  ofNetworks,
  part,
} from "./_kernel.ts";
import { FIRST, INPUTS, type KernelTest, NETWORKS, ROWS, type Sizes, WIDTHS } from "./_cases.ts";
import { sharedData, standardisedMagnitudes } from "./_affine.ts";
import { toColumns } from "./_fused.ts";
import { errorOfOutcomes, expectedOutcomes, LOSS_BOUND } from "./_loss.ts";
import { NORM_BOUND } from "./_norm.ts";

/** Compiling for sizes takes longer than all else: each size meets each number of networks once, and that is all. */
function casesOf(count: number, widths: readonly number[]): Sizes[] {
  return NETWORKS.flatMap((networks, i) =>
    Array.from({ length: count }, (_, j): Sizes => ({
      rows: ROWS[j % ROWS.length],
      inputs: INPUTS[(j + i) % INPUTS.length],
      outputs: widths[(j + 2 * i) % widths.length],
      networks,
      index: i * count + j,
    }))
  );
}

/** Two workgroups of 128 images, the second of which has few; whole texels, but not whole chunks of them. */
const TWO_WORKGROUPS = { rows: 131, inputs: 28, outputs: 50, networks: 3, index: 0 };

const CLASSES = [2, 10, ...WIDTHS.filter((width) => width > 1)];

/** Two hidden layers and partly filled columns, with batch norm and without. The first cases are those that find most mistakes. */
const TWO_HIDDEN = [
  { rows: 20, inputs: 5, outputs: 51, networks: 3, index: 3 },
  { rows: 7, inputs: 5, outputs: 10, networks: 3, index: 9 },
];

/** Tests by kernel. */
export const FUSED_EVALUATION_TESTS = {
  fused_evaluate_input: {
    cases: [TWO_WORKGROUPS, ...casesOf(ROWS.length, WIDTHS)],
    bound: NORM_BOUND,
    draw: inputCase,
  },
  fused_evaluate_rest: {
    cases: [...TWO_HIDDEN, ...casesOf(CLASSES.length, CLASSES)],
    bound: LOSS_BOUND,
    draw: restCase,
  },
} as const satisfies Partial<Record<KernelName, KernelTest>>;

/** Hidden layers in front of the classes of a case. */
const HIDDEN = [[7], [50, 50], [1], [67, 9], [50], [50, 30, 20, 20, 10, 10, 10, 10]];

/** Vec4s of NaN between two tensors. */
const GAP = 1;

type Place = StructValues<typeof LAYER_PLACE>;

/** The parameters and moving averages of a layer. */
interface Layer {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** Networks with random parameters, [P][layers], as kernels read them: NaN is where nothing may be read. */
export class EvaluatedNetworks {
  readonly layers: readonly (readonly Layer[])[];
  readonly #widths: readonly number[];
  readonly #batchNorm: boolean;

  /**
   * @param widths `[inputs, ...hidden, classes]`.
   * @param options The number of networks, where their parameters come from, and whether they have batch norm.
   */
  constructor(
    widths: readonly number[],
    options: { networks: number; random: Random; batchNorm: boolean },
  ) {
    const { networks, random, batchNorm } = options;
    this.#widths = widths;
    this.#batchNorm = batchNorm;
    this.layers = ofNetworks(networks, () =>
      widths.slice(1).map((width, l) => ({
        weight: draw(random, widths[l] * width, { sd: 1 / Math.sqrt(widths[l]) }),
        bias: draw(random, width),
        gamma: draw(random, width),
        beta: draw(random, width),
        mean: draw(random, width),
        variance: draw(random, width).map((value) => 0.1 + value * value),
      })));
  }

  /** The run of a kernel: what all have in common. */
  run(layer: number, rows: number): KernelRun {
    const widths = this.#widths;
    const networks = this.layers.length;
    let [size, statistics] = [GAP, GAP];
    const places = widths.slice(1).map((outputs, l): Place => {
      const columns = tiles(outputs, 4);
      const packed = size;
      const vectors = packed + 4 * tiles(widths[l], 4) * columns + GAP;
      size = vectors + 3 * columns + GAP;
      const mean = statistics;
      const variance = mean + outputs + GAP;
      statistics = variance + outputs + GAP;
      return { ...ASTRAY, inputs: widths[l], outputs, packed, vectors, mean, variance };
    });
    const all = new Float32Array(networks * size * 4).fill(NaN);
    const averages = new Float32Array(networks * statistics).fill(NaN);
    this.layers.forEach((layers, n) =>
      layers.forEach(({ weight, bias, gamma, beta, mean, variance }, l) => {
        const { packed, vectors } = places[l];
        const at = 4 * n * size;
        const width = widths[l + 1];
        const row = 4 * tiles(width, 4);
        all.fill(0, at + 4 * packed, at + 4 * packed + 4 * tiles(widths[l], 4) * row);
        for (let i = 0; i < widths[l]; i++) {
          all.set(weight.subarray(i * width, (i + 1) * width), at + 4 * packed + i * row);
        }
        const normed = this.#batchNorm && l < widths.length - 2;
        for (const [i, vector] of [bias, ...normed ? [gamma, beta] : []].entries()) {
          all.fill(0, at + 4 * vectors + i * row, at + 4 * vectors + (i + 1) * row);
          all.set(vector, at + 4 * vectors + i * row);
        }
        if (normed) {
          averages.set(mean, n * statistics + places[l].mean);
          averages.set(variance, n * statistics + places[l].variance);
        }
      })
    );
    const words = new Uint32Array(FUSED_MAX_LAYERS * LAYER_PLACE.size / 4).fill(0x00ffffff);
    words.set(LAYER_PLACE.encode(places));
    const [inputs, outputs] = widths.slice(layer);
    return {
      shape: { rows, inputs, outputs, slices: 1 },
      networks,
      layer: { inputs, outputs, statistics },
      step: { first: FIRST },
      constants: {
        ...{ ARENA: 0, ROWS: 0, PACKED: size },
        ...{ LAYERS: widths.length - 1, BATCH_NORM: Number(this.#batchNorm) },
      },
      inputs: { places: words, packed: all, statistics: averages },
      outputs: {},
    };
  }

  /** A hidden layer's activations or the last one's logits, [rows, outputs], from its inputs. */
  forward(network: number, l: number, x: Expected): Expected {
    const layer = this.layers[network][l];
    const weight = new Float64Array(layer.weight);
    const bias = new Float64Array(layer.bias);
    const values = affineForward(x.values, { weight, bias });
    const own = { weight: absolute(weight), bias: absolute(bias) };
    const magnitudes = affineForward(x.magnitudes, own);
    if (l === this.#widths.length - 2) return { values, magnitudes };
    if (!this.#batchNorm) return { values: reluForward(values), magnitudes };
    const { gamma, beta, mean, variance } = layer;
    const [scale, shift] = [absolute(new Float64Array(gamma)), absolute(new Float64Array(beta))];
    const normed = {
      ...{ gamma: new Float64Array(gamma), beta: new Float64Array(beta) },
      ...{ mean: new Float64Array(mean), variance: new Float64Array(variance) },
    };
    // The magnitude of S - mean is that of S and of the mean.
    const all = {
      ...normed,
      gamma: scale,
      beta: shift,
      mean: normed.mean.map((v) => -Math.abs(v)),
    };
    return {
      values: reluForward(batchNormApply(values, normed).y),
      magnitudes: batchNormApply(magnitudes, all).y,
    };
  }
}

/** What a kernel must not read of a place. */
const ASTRAY = Object.fromEntries(
  LAYER_PLACE.fields.map(({ name }) => [name, 0x00ffffff]),
) as Place;

/** @param from The images and the first of them; those that the tests share unless given. */
export async function inputCase(
  sizes: Sizes,
  random: Random,
  from?: { gpu: Gpu; data: DeviceDataSet; first: number },
): Promise<KernelCase> {
  const { rows, inputs, outputs, networks, index } = sizes;
  const { gpu, data, first } = from ??
    { gpu: await sharedGpu(), data: await sharedData(inputs), first: FIRST };
  const widths = [inputs, outputs, 2];
  const own = new EvaluatedNetworks(widths, { networks, random, batchNorm: index % 2 === 0 });
  const { source } = data;
  const indices = Uint32Array.from({ length: rows }, (_, i) => first + i);
  const x = {
    values: standardise(source.training.images, source, indices),
    magnitudes: standardisedMagnitudes(source, indices),
  };
  const expected = ofNetworks(networks, (n) => own.forward(n, 0, x));
  return {
    kernel: "fused_evaluate_input",
    run: await inputRun(own, { widths, rows, gpu, data, first }),
    measure: ({ activations }) =>
      Math.max(
        ...expected.map(({ values, magnitudes }, n) =>
          errorOf(part(activations, n, networks), {
            values: toColumns(values, rows),
            magnitudes: toColumns(magnitudes, rows),
          })
        ),
      ),
  };
}

/** The run of `fused_evaluate_input`; `first` is the first image. */
export async function inputRun(
  own: EvaluatedNetworks,
  { widths: [, outputs], rows, gpu, data, first }: {
    widths: readonly number[];
    rows: number;
    gpu: Gpu;
    data: DeviceDataSet;
    first: number;
  },
): Promise<KernelRun> {
  const sizes = evaluateInputSizes(gpu, outputs);
  if (!sizes) throw new Error(`${outputs} outputs do not fit`);
  const { texels, imagesPerLayer, standard } = data;
  const { images } = await data.part("training");
  const run = own.run(0, rows);
  return {
    ...run,
    layer: { ...run.layer, texels, imagesPerLayer },
    step: { first },
    constants: { ...run.constants, ...sizes.constants },
    resources: { images, standard },
    outputs: { activations: own.layers.length * 4 * tiles(outputs, 4) * rows },
  };
}

async function restCase(sizes: Sizes, random: Random): Promise<KernelCase> {
  const { rows, outputs, networks, index } = sizes;
  const hidden = HIDDEN[index % HIDDEN.length];
  const batchNorm = Math.floor(index / HIDDEN.length) % 2 === 0;
  const widths = [5, ...hidden, outputs];
  const own = new EvaluatedNetworks(widths, { networks, random, batchNorm });
  const h = ofNetworks(networks, () => new Float64Array(draw(random, rows * hidden[0])));
  const logits = h.map((values, n) => {
    let x: Expected = { values, magnitudes: absolute(values) };
    for (let l = 1; l < widths.length - 1; l++) x = own.forward(n, l, x);
    return x;
  });
  const labels = Uint32Array.from({ length: FIRST + rows }, () => random.below(outputs));
  const { magnitudes, ...expected } = expectedOutcomes({
    sizes,
    logits: Float32Array.from(logits.flatMap(({ values }) => [...values])),
    ofBatch: [...labels.subarray(FIRST)],
  });
  // To the error of a loss comes that of its logits.
  const ofLogits = logits.flatMap((own) => [...own.magnitudes]);
  const all = magnitudes.map((value, i) => {
    const at = Math.floor(i / 2) * outputs;
    return i % 2 === 0 ? value + Math.max(...ofLogits.slice(at, at + outputs)) : value;
  });
  return {
    kernel: "fused_evaluate_rest",
    run: await restRun(own, { widths, h, rows, labels }),
    measure: (found) => errorOfOutcomes(found, { ...expected, magnitudes: all }),
  };
}

/** The run of `fused_evaluate_rest`: `h` has the first layer's activations of each network, [rows, width]. */
export async function restRun(
  own: EvaluatedNetworks,
  { widths, h, rows, labels }: {
    widths: readonly number[];
    h: readonly Float64Array[];
    rows: number;
    labels: Uint32Array;
  },
): Promise<KernelRun> {
  const sizes = evaluateRestSizes(await sharedGpu(), widths);
  if (!sizes) throw new Error(`${widths} do not fit`);
  const run = own.run(widths.length - 2, rows);
  return {
    ...run,
    constants: { ...run.constants, ...sizes.constants },
    inputs: {
      ...run.inputs,
      labels,
      activations: Float32Array.from(h.flatMap((values) => [...toColumns(values, rows)])),
    },
    outputs: { outcomes: 2 * h.length * rows, predictions: h.length * rows },
  };
}
