/** Tests of batch norm and of the ReLU. */
import type { KernelName } from "../../src/gpu/kernel_table.ts";
import { BATCH_NORM_EPSILON } from "../../src/model/network.ts";
import type { Random } from "../../src/model/random.ts";
import {
  batchNormApply,
  batchNormBackward,
  batchNormForward,
  reluBackward,
  reluForward,
  updateStatistics,
} from "../../src/model/reference/mod.ts";
import {
  absolute,
  draw,
  errorOf,
  errorOfFlat,
  errorOfNetworks,
  exactly,
  type Expected,
  FlatVectors,
  type KernelCase,
  ofNetworks,
  part,
  UNIT,
  type Written,
} from "./_kernel.ts";
import { type KernelTest, layerCases, ROWS, type Sizes, WIDTHS } from "./_cases.ts";
import { Descent } from "./_descent.ts";

export const CASES = layerCases(ROWS, WIDTHS);

/** Batch norm refuses a batch of 1. */
export const TRAINING_CASES = layerCases(ROWS.filter((rows) => rows > 1), WIDTHS);

/**
 * Beside sums there are a root (4 units), a quotient (5) and some products: WGSL lets the inverse of a deviation be off by
 * 9 units and what is made of it by a few more.
 */
export const NORM_BOUND = 12;

/** Tests by kernel. */
export const NORM_TESTS = {
  batch_norm_forward: {
    cases: TRAINING_CASES,
    bound: NORM_BOUND,
    draw: (...given) => normForwardCase("batch_norm_forward", ...given),
  },
  batch_norm_evaluate: { cases: CASES, bound: NORM_BOUND, draw: normEvaluateCase },
  batch_norm_backward: {
    cases: TRAINING_CASES,
    bound: NORM_BOUND,
    draw: (...given) => normBackwardCase("batch_norm_backward", ...given),
  },
  relu_forward: { cases: CASES, bound: 0, draw: reluForwardCase },
  relu_backward: { cases: CASES, bound: 0, draw: reluBackwardCase },
} as const satisfies Partial<Record<KernelName, KernelTest>>;

/** Activations whose features differ in mean and deviation; where there are several, one is constant. */
export function drawFeatures(random: Random, sizes: Sizes): Float32Array {
  const { rows, outputs, networks } = sizes;
  const features = Array.from({ length: networks * outputs }, () => ({
    mean: 3 * random.normal(),
    sd: 0.3 + 2 * random.uniform(),
  }));
  return Float32Array.from({ length: networks * rows * outputs }, (_, i) => {
    const feature = i % outputs;
    const { mean, sd } = features[Math.floor(i / (rows * outputs)) * outputs + feature];
    return feature === 1 ? mean : mean + sd * random.normal();
  });
}

function drawNorms(random: Random, sizes: Sizes): FlatVectors<"bias" | "gamma" | "beta"> {
  const { networks, outputs } = sizes;
  return new FlatVectors(networks, { bias: 5, gamma: outputs, beta: outputs })
    .fill("gamma", () => random.normal())
    .fill("beta", () => random.normal());
}

/** A case of a kernel that computes batch norm and the ReLU from and to buffers. */
export function normForwardCase(kernel: KernelName, sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks, index } = sizes;
  const fresh = Math.floor(index / 2) % 2 === 0;
  const flat = drawNorms(random, sizes);
  const averages = new FlatVectors(networks, { mean: outputs, variance: outputs })
    .fill("mean", () => random.normal())
    .fill("variance", () => random.uniform());
  const s = drawFeatures(random, sizes);
  const size = networks * rows * outputs;
  const expected = expectedNorm({ sizes, s, flat, averages, fresh });
  return {
    kernel,
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: {
        outputs,
        parameters: flat.length,
        ...flat.offsets,
        statistics: averages.length,
        ...averages.offsets,
      },
      step: { fresh: Number(fresh) },
      inputs: { weights: flat.values, x: s },
      outputs: {
        y: size,
        normalised: size,
        inverse_deviation: networks * outputs,
        statistics: averages.values,
      },
    },
    measure: (found) => errorOfNorm(found, { sizes, averages, expected }),
  };
}

/** The inputs of batch norm: S, [P, rows, outputs], parameters and moving averages. */
interface NormCase {
  readonly sizes: Sizes;
  readonly s: Float32Array;
  readonly flat: FlatVectors<"bias" | "gamma" | "beta">;
  readonly averages: FlatVectors<"mean" | "variance">;
}

/** What batch norm computes in training, for each network: the tensors, and the moving averages after the batch. */
export function expectedNorm(
  { sizes: { networks }, s, flat, averages, fresh }: NormCase & { fresh: boolean },
) {
  return ofNetworks(networks, (n) => {
    const { mean, variance, ...tensors } = normExpected(new Float64Array(part(s, n, networks)), {
      gamma: flat.tensor(n, "gamma"),
      beta: flat.tensor(n, "beta"),
    });
    return {
      ...tensors,
      mean: averaged(averages.tensor(n, "mean"), mean, fresh),
      variance: averaged(averages.tensor(n, "variance"), variance, fresh),
    };
  });
}

/** Measures what batch norm computes in training: `y`, `normalised`, `inverse_deviation` and `statistics`. */
export function errorOfNorm(
  found: Written,
  options: Pick<NormCase, "sizes" | "averages"> & { expected: ReturnType<typeof expectedNorm> },
): number {
  const { sizes, averages, expected } = options;
  const errors = (["y", "normalised", "inverse_deviation"] as const)
    .map((name) => errorOfNetworks(found[name], expected.map((own) => own[name])));
  errors.push(errorOfFlat(found.statistics, averages, { before: averages.values, expected }));
  // All of these come from sums of n terms, many of one sign.
  return Math.max(...errors) / Math.sqrt(sizes.rows);
}

/**
 * What batch norm computes in training. With the rounding of the mean measured by the mean of |s|, that of a
 * normalised value is measured by mean |s| / deviation from the difference and by the value itself from the deviation;
 * that of the variance by itself and by the square of the mean's rounding, which counts where s never changes.
 */
function normExpected(s: Float64Array, layer: { gamma: Float64Array; beta: Float64Array }) {
  const { y, normalised, mean, variance } = batchNormForward(s, layer);
  const width = mean.length;
  const n = s.length / width;
  const size = batchNormForward(absolute(s), layer).mean;
  const inverse = variance.map((value) => 1 / Math.sqrt(value + BATCH_NORM_EPSILON));
  const rounding = normalised.map((value, i) =>
    size[i % width] * inverse[i % width] + Math.abs(value)
  );
  return {
    y: {
      values: reluForward(y),
      magnitudes: rounding.map((value, i) =>
        Math.abs(layer.gamma[i % width]) * value + Math.abs(layer.beta[i % width])
      ),
    },
    normalised: { values: normalised, magnitudes: rounding },
    inverse_deviation: { values: inverse, magnitudes: inverse },
    mean: { values: mean, magnitudes: size },
    variance: {
      values: variance,
      magnitudes: variance.map((value, j) => value + UNIT * n * size[j] ** 2),
    },
  };
}

/** A moving average after a batch; 1 - 0.9 is off by 4 units in float32. */
export function averaged(past: Float64Array, batch: Expected, fresh: boolean): Expected {
  const values = past.slice();
  updateStatistics(values, batch.values, fresh);
  const magnitudes = absolute(past);
  updateStatistics(magnitudes, batch.magnitudes, fresh);
  return { values, magnitudes };
}

function normEvaluateCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const flat = drawNorms(random, sizes);
  const averages = new FlatVectors(networks, { mean: outputs, variance: outputs })
    .fill("mean", () => random.normal())
    .fill("variance", () => random.uniform());
  const s = drawFeatures(random, sizes);
  const expected = expectedEvaluation({ sizes, s, flat, averages });
  return {
    kernel: "batch_norm_evaluate",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: {
        outputs,
        parameters: flat.length,
        ...flat.offsets,
        statistics: averages.length,
        ...averages.offsets,
      },
      // The averages are bound as in training, where they are written.
      inputs: { weights: flat.values, statistics: averages.values, x: s },
      outputs: { y: networks * rows * outputs },
    },
    measure: ({ y }) => errorOfNetworks(y, expected),
  };
}

/** What batch norm computes in an evaluation, from moving averages, for each network. */
export function expectedEvaluation(
  { sizes: { outputs, networks }, s, flat, averages }: NormCase,
): Expected[] {
  return ofNetworks(networks, (n) => {
    const own = new Float64Array(part(s, n, networks));
    const layer = {
      gamma: flat.tensor(n, "gamma"),
      beta: flat.tensor(n, "beta"),
      mean: averages.tensor(n, "mean"),
      variance: averages.tensor(n, "variance"),
    };
    const { y, normalised } = batchNormApply(own, layer);
    return {
      values: reluForward(y),
      magnitudes: normalised.map((value, i) =>
        Math.abs(layer.gamma[i % outputs] * value) + Math.abs(layer.beta[i % outputs])
      ),
    };
  });
}

/** A case of a kernel that computes the gradients of batch norm and of the ReLU from and to buffers. */
export function normBackwardCase(kernel: KernelName, sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const descent = new Descent(sizes, random, { gamma: outputs, beta: outputs });
  const { tensors, expected } = drawNormBackward(random, sizes, descent.flat);
  return descent.case(kernel, {
    inputs: tensors,
    outputs: { dx: networks * rows * outputs },
    measure: ({ dx, gradients }) =>
      Math.max(
        errorOfNetworks(dx, expected.map((own) => own.dx)),
        descent.errorOfGradients(gradients, expected),
      ),
  });
}

/** What batch norm's backward kernels read, and what they should compute. */
export function drawNormBackward(
  random: Random,
  sizes: Sizes,
  flat: FlatVectors<string>,
) {
  const { rows, outputs, networks } = sizes;
  const dy = draw(random, networks * rows * outputs);
  const s = drawFeatures(random, sizes);
  const passes = Array.from(
    { length: networks },
    (_, n) =>
      batchNormForward(Float64Array.from(part(s, n, networks)), {
        gamma: flat.tensor(n, "gamma"),
        beta: flat.tensor(n, "beta"),
      }),
  );
  const y = Float32Array.from(passes.flatMap(({ y }) => [...reluForward(y)]));
  const normalised = Float32Array.from(passes.flatMap(({ normalised }) => [...normalised]));
  const inverse_deviation = Float32Array.from(
    passes.flatMap(({ variance }) =>
      [...variance].map((value) => 1 / Math.sqrt(value + BATCH_NORM_EPSILON))
    ),
  );
  const expected = Array.from({ length: networks }, (_, n) => {
    const own = Float64Array.from(part(y, n, networks));
    const masked = reluBackward(Float64Array.from(part(dy, n, networks)), own);
    const cache = {
      normalised: Float64Array.from(part(normalised, n, networks)),
      variance: passes[n].variance,
      gamma: flat.tensor(n, "gamma"),
    };
    const values = batchNormBackward(masked, cache);
    // Σ |g| and Σ |g N|; ds has to be put together by hand, as there one term is taken from another.
    const { dGamma, dBeta } = batchNormBackward(absolute(masked), {
      ...cache,
      normalised: absolute(cache.normalised),
    });
    const ds = masked.map((g, i) => {
      const j = i % outputs;
      const scale = Math.abs(cache.gamma[j]) / Math.sqrt(cache.variance[j] + BATCH_NORM_EPSILON);
      const ofGamma = Math.abs(cache.normalised[i]) * dGamma[j] / rows;
      return scale * (Math.abs(g) + dBeta[j] / rows + ofGamma);
    });
    return {
      dx: { values: values.ds, magnitudes: ds },
      gamma: { values: values.dGamma, magnitudes: dGamma },
      beta: { values: values.dBeta, magnitudes: dBeta },
    };
  });
  return { tensors: { y, dy, normalised, inverse_deviation }, expected };
}

/** Numbers of either sign, among them 0, NaN and infinities. */
export function drawWithSpecials(random: Random, length: number): Float32Array {
  const specials = [0, NaN, Infinity, -Infinity];
  return draw(random, length).map((value, i) => i % 11 === 5 ? specials[random.below(4)] : value);
}

function reluForwardCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const s = drawWithSpecials(random, networks * rows * outputs);
  const expected = exactly(reluForward(new Float64Array(s)));
  return {
    kernel: "relu_forward",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: { outputs },
      inputs: { x: s },
      outputs: { y: s.length },
    },
    measure: ({ y }) => errorOf(y, expected),
  };
}

function reluBackwardCase(sizes: Sizes, random: Random): KernelCase {
  const { rows, outputs, networks } = sizes;
  const s = Float64Array.from(drawWithSpecials(random, networks * rows * outputs));
  const dy = draw(random, s.length);
  const expected = exactly(reluBackward(new Float64Array(dy), s));
  return {
    kernel: "relu_backward",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: { outputs },
      inputs: { y: new Float32Array(reluForward(s)), dy },
      outputs: { dx: s.length },
    },
    measure: ({ dx }) => errorOf(dx, expected),
  };
}
