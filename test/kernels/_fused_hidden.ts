/**
 * Tests of the fused kernels between the first layer's sums and the gradient of its outputs.
 *
 * What a kernel computes from tensors that it has stored itself is measured from those, layer by layer, so that no error is
 * measured twice. Errors come in shares of their bounds.
 */
import { assertEquals } from "@std/assert";
import type { KernelName } from "../../src/gpu/kernel_table.ts";
import { tiles } from "../../src/gpu/kernel_table.ts";
import { BATCH_NORM_EPSILON } from "../../src/model/network.ts";
import { Random } from "../../src/model/random.ts";
import {
  affineBackwardInput,
  affineForward,
  batchNormBackward,
  batchNormForward,
  reluBackward,
  reluForward,
} from "../../src/model/reference/layers.ts";
import { NEVER } from "../../src/programs/buffers.ts";
import {
  lossSizes,
  normSizes,
  pairSizes,
  productSizes,
  tailSizes,
} from "../../src/programs/fused_sizes.ts";
import { sharedGpu } from "../_gpu.ts";
import { FIRST, type KernelTest, SUM_BOUND } from "./_cases.ts";
import { FusedNetworks, type FusedSizes, testOf, toColumns, within } from "./_fused.ts";
import {
  BACKWARD_CASES,
  FORWARD_CASES,
  type HiddenSizes,
  LOSS_CASES,
  NORM_CASES,
  PAIR_CASES,
  sizesOf,
  TAIL_CASES,
} from "./_fused_hidden_cases.ts";
import {
  absolute,
  draw,
  errorOf,
  exactly,
  type Expected,
  type KernelCase,
  ofNetworks,
  part,
  runKernel,
  UNIT,
  words,
  type Written,
} from "./_kernel.ts";
import { expectedLogitGradients, SHARE_BOUND } from "./_loss.ts";
import { NORM_BOUND } from "./_norm.ts";

/** Tests by kernel. */
export const FUSED_HIDDEN_TESTS = {
  fused_norm: testOf({ cases: NORM_CASES, bound: 1, draw: normCase }),
  fused_forward: testOf({ cases: FORWARD_CASES, bound: 1, draw: forwardCase }),
  fused_loss: testOf({ cases: LOSS_CASES, bound: 1, draw: lossCase }),
  fused_backward: testOf({ cases: BACKWARD_CASES, bound: 1, draw: backwardCase }),
  fused_pair: testOf({ cases: PAIR_CASES, bound: 1, draw: pairCase }),
  fused_tail: testOf({ cases: TAIL_CASES, bound: 1, draw: tailCase }),
} as const satisfies Partial<Record<KernelName, KernelTest>>;

/** What kernels of one layer store. */
const ALL = ["h", "n", "mean", "variance", "inverse"] as const;

/** S of a layer from its input X, [rows, inputs]. */
function outputsOf(
  net: FusedNetworks,
  { n, layer, x }: { n: number; layer: number; x: Float64Array },
) {
  const weight = net.parameter(n, "weight", layer);
  const bias = net.parameter(n, "bias", layer);
  return {
    values: affineForward(x, { weight, bias }),
    magnitudes: affineForward(absolute(x), { weight: absolute(weight), bias: absolute(bias) }),
  };
}

/**
 * What a hidden layer makes of S, whose rounding is passed on: that of a mean of it is measured by the mean of its magnitudes,
 * that of the variance by what this changes, and that of 1 / deviation by that of the variance.
 */
function activationsOf(
  net: FusedNetworks,
  { n, layer, s }: { n: number; layer: number; s: Expected },
) {
  if (!net.sizes.batchNorm) {
    return { h: { values: reluForward(s.values), magnitudes: s.magnitudes } };
  }
  const gamma = net.parameter(n, "gamma", layer);
  const beta = net.parameter(n, "beta", layer);
  const { y, normalised, mean, variance } = batchNormForward(s.values, { gamma, beta });
  const width = gamma.length;
  const { rows } = net.sizes;
  const size = batchNormForward(s.magnitudes, { gamma, beta }).mean;
  const inverse = variance.map((value) => 1 / Math.sqrt(value + BATCH_NORM_EPSILON));
  const ofVariance = variance.map((value, j) =>
    value + 2 * Math.sqrt(value) * size[j] + UNIT * rows * size[j] ** 2
  );
  const ofInverse = inverse.map((value, j) => 1 + ofVariance[j] * value ** 2);
  const rounding = normalised.map((value, i) => {
    const j = i % width;
    return (s.magnitudes[i] + size[j]) * inverse[j] + Math.abs(value) * ofInverse[j];
  });
  return {
    n: { values: normalised, magnitudes: rounding },
    h: {
      values: reluForward(y),
      magnitudes: rounding.map((value, i) =>
        Math.abs(gamma[i % width]) * value + Math.abs(beta[i % width])
      ),
    },
    inverse: { values: inverse, magnitudes: inverse.map((value, j) => value * ofInverse[j]) },
    mean: { values: mean, magnitudes: size },
    variance: { values: variance, magnitudes: ofVariance },
  };
}

/** Says which tensors of a hidden layer a kernel stores. */
function expectActivations(
  net: FusedNetworks,
  { n, layer, s, stored }: {
    n: number;
    layer: number;
    s: Expected;
    stored: readonly (typeof ALL)[number][];
  },
): void {
  const tensors = activationsOf(net, { n, layer, s });
  for (const tensor of stored) {
    const expected = tensors[tensor];
    if (expected) net.expectTensor(n, layer, tensor, within(expected, NORM_BOUND));
  }
}

/** Says what a kernel stores of a hidden layer's gradients, from dS of the layer behind and from H, N and 1 / deviation. */
function expectGradients(
  net: FusedNetworks,
  { n, layer, ds, h, normalised, inverse }: {
    n: number;
    layer: number;
    ds: Float64Array;
    h: Float64Array;
    normalised?: Float64Array;
    inverse?: Expected;
  },
): void {
  const { rows, batchNorm } = net.sizes;
  const weight = net.parameter(n, "weight", layer + 1);
  const dh = affineBackwardInput(ds, { weight, n: rows });
  const size = affineBackwardInput(absolute(ds), { weight: absolute(weight), n: rows });
  const g = { values: reluBackward(dh, h), magnitudes: reluBackward(size, h) };
  if (!batchNorm || !normalised || !inverse) {
    net.expectTensor(n, layer, "g", within(g, SUM_BOUND));
    return;
  }
  const gamma = net.parameter(n, "gamma", layer);
  const variance = inverse.values.map((value) => 1 / value ** 2 - BATCH_NORM_EPSILON);
  const found = batchNormBackward(g.values, { normalised, variance, gamma });
  const sums = batchNormBackward(g.magnitudes, {
    normalised: absolute(normalised),
    variance,
    gamma,
  });
  const width = gamma.length;
  const magnitudes = g.magnitudes.map((value, i) => {
    const j = i % width;
    const ofGamma = Math.abs(normalised[i]) * sums.dGamma[j] / rows;
    const ofInverse = inverse.magnitudes[j] / inverse.values[j] * NORM_BOUND / SUM_BOUND;
    return Math.abs(gamma[j]) * inverse.values[j] * (value + sums.dBeta[j] / rows + ofGamma) +
      Math.abs(found.ds[i]) * ofInverse;
  });
  net.expectTensor(n, layer, "g", within({ values: found.ds, magnitudes }, SUM_BOUND));
  const dgamma = { values: found.dGamma, magnitudes: sums.dGamma };
  net.expectTensor(n, layer, "dgamma", within(dgamma, SUM_BOUND));
  const dbeta = { values: found.dBeta, magnitudes: sums.dBeta };
  net.expectTensor(n, layer, "dbeta", within(dbeta, SUM_BOUND));
}

/** Random H, N and 1 / deviation of a hidden layer, where a kernel reads them. */
function drawHidden(
  net: FusedNetworks,
  { n, layer, random }: { n: number; layer: number; random: Random },
): Hidden {
  const { rows, widths, batchNorm } = net.sizes;
  const width = widths[layer + 1];
  const h = new Float64Array(draw(random, rows * width).map((value) => Math.max(0, value)));
  net.putTensor(n, layer, "h", h);
  if (!batchNorm) return { h };
  const normalised = new Float64Array(draw(random, rows * width));
  const inverse = Float64Array.from({ length: width }, () => Math.fround(0.3 + random.uniform()));
  net.putTensor(n, layer, "n", normalised);
  net.putTensor(n, layer, "inverse", inverse);
  return { h, normalised, inverse: exactly(inverse) };
}

async function normCase(sizes: HiddenSizes, random: Random): Promise<KernelCase> {
  const { rows, outputs, networks, slices } = sizes;
  const net = new FusedNetworks(sizes, random);
  const parts = ofNetworks(networks, () => draw(random, slices * rows * outputs));
  for (let n = 0; n < networks; n++) {
    const bias = net.parameter(n, "bias", 0);
    const values = Float64Array.from({ length: rows * outputs }, (_, i) => bias[i % outputs]);
    const magnitudes = absolute(values);
    parts[n].forEach((value, i) => {
      values[i % values.length] += value;
      magnitudes[i % values.length] += Math.abs(value);
    });
    expectActivations(net, { n, layer: 0, s: { values, magnitudes }, stored: ALL });
  }
  const own = normSizes(await sharedGpu(), rows, slices);
  return {
    kernel: "fused_norm",
    run: {
      shape: { ...sizes, slices },
      networks,
      layer: net.layerFields(0),
      constants: {
        ...net.constants,
        ...own.constants,
        ...sizes.constants,
        SLICES: slices,
      },
      inputs: {
        places: net.places,
        packed: net.packed.before,
        slices: slicesOf(parts, { rows, outputs, slices }),
      },
      outputs: { arena: net.arena.before },
    },
    measure: ({ arena }) => net.arena.errorOf(arena),
  };
}

/** [slices, rows, outputs] of each network as [P, columns, slices, rows] vec4s. */
function slicesOf(
  parts: readonly Float32Array[],
  { rows, outputs, slices }: { rows: number; outputs: number; slices: number },
): Float32Array {
  const columns = tiles(outputs, 4);
  const all = new Float32Array(4 * parts.length * columns * slices * rows);
  for (const [n, own] of parts.entries()) {
    for (let slice = 0; slice < slices; slice++) {
      const four = toColumns(part(own, slice, slices), rows);
      for (let column = 0; column < columns; column++) {
        const at = ((n * columns + column) * slices + slice) * rows;
        all.set(four.subarray(4 * column * rows, 4 * (column + 1) * rows), 4 * at);
      }
    }
  }
  return all;
}

async function forwardCase(sizes: HiddenSizes, random: Random): Promise<KernelCase> {
  const { rows, inputs, networks, layer } = sizes;
  const net = new FusedNetworks(sizes, random);
  for (let n = 0; n < networks; n++) {
    const x = new Float64Array(draw(random, rows * inputs));
    net.putTensor(n, layer - 1, "h", x);
    const s = outputsOf(net, { n, layer, x });
    expectActivations(net, { n, layer, s, stored: ALL });
  }
  const own = productSizes(await sharedGpu(), rows, inputs);
  return {
    kernel: "fused_forward",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: net.layerFields(layer),
      constants: {
        ...net.constants,
        ...own.constants,
        ...sizes.constants,
        SLICES: 1,
      },
      inputs: { places: net.places, packed: net.packed.before },
      outputs: { arena: net.arena.before },
    },
    measure: ({ arena }) => net.arena.errorOf(arena),
  };
}

/** Labels of a batch in the order in which kernels read them. */
function drawLabels(random: Random, sizes: FusedSizes) {
  const images = 150;
  const classes = sizes.widths[sizes.widths.length - 1];
  const labels = Uint32Array.from({ length: images }, () => random.below(classes));
  const order = random.permutation(images);
  const ofBatch = Array.from(
    order.subarray(FIRST, FIRST + sizes.rows),
    (image) => labels[image],
  );
  return { labels, order, ofBatch };
}

/** Makes the logits of some cases so large that exponentials without a shift overflow; of some the last class alone. */
function raiseLogits(net: FusedNetworks, random: Random): void {
  const { index, networks, widths } = net.sizes;
  const size = [1, 90, 1e3][index % 3];
  const last = widths.length - 2;
  for (let n = 0; n < networks; n++) {
    const bias = net.flat.view(n, `bias${last}`);
    for (let i = 0; i < bias.length; i++) {
      const high = size === 1e3 ? i === bias.length - 1 : random.below(2) === 0;
      bias[i] = high ? size : -size;
    }
    net.pack(n, last);
  }
}

/** Says what a kernel stores of the loss, from the logits that it found, and measures these. */
function expectLoss(
  net: FusedNetworks,
  found: Written,
  { x, ofBatch }: { x: readonly Float64Array[]; ofBatch: readonly number[] },
): number {
  const { networks, widths, rows } = net.sizes;
  const last = widths.length - 2;
  const sizes = { ...net.sizes, outputs: widths[last + 1], rows };
  const gradients = expectedLogitGradients({ sizes, logits: found.y, ofBatch });
  return Math.max(...ofNetworks(networks, (n) => {
    net.expectTensor(n, last, "g", within(gradients[n], SHARE_BOUND));
    const { values, magnitudes } = outputsOf(net, { n, layer: last, x: x[n] });
    // The bias comes first and may be large: it is in every partial sum, so its rounding grows like the root of their number.
    const bias = net.parameter(n, "bias", last);
    const more = Math.sqrt(widths[last]) - 1;
    const sizes = magnitudes.map((value, i) => value + more * Math.abs(bias[i % bias.length]));
    const logits = within({ values, magnitudes: sizes }, SUM_BOUND);
    return errorOf(part(found.y, n, networks), logits);
  }));
}

async function lossCase(sizes: HiddenSizes, random: Random): Promise<KernelCase> {
  const { rows, networks, layer, widths } = sizes;
  const net = new FusedNetworks(sizes, random);
  raiseLogits(net, random);
  const hidden = ofNetworks(networks, (n) => drawHidden(net, { n, layer, random }));
  const { labels, order, ofBatch } = drawLabels(random, sizes);
  const classes = widths[layer + 2];
  const diverged = new Uint32Array(networks).fill(NEVER);
  const own = lossSizes(await sharedGpu(), rows, classes);
  return {
    kernel: "fused_loss",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: net.layerFields(layer),
      step: { first: FIRST, number: 3 },
      constants: { ...net.constants, ...own.constants, ...sizes.constants },
      inputs: { places: net.places, packed: net.packed.before, order, labels },
      outputs: { arena: net.arena.before, y: networks * rows * classes, diverged },
    },
    measure: (found) => {
      assertEquals(words(found.diverged), [...diverged]);
      const logits = expectLoss(net, found, { x: hidden.map(({ h }) => h), ofBatch });
      for (const [n, own] of hidden.entries()) {
        const ds = net.foundTensor(found.arena, { network: n, layer: layer + 1, tensor: "g" });
        expectGradients(net, { n, layer, ds, ...own });
      }
      return Math.max(logits, net.arena.errorOf(found.arena));
    },
  };
}

async function backwardCase(sizes: HiddenSizes, random: Random): Promise<KernelCase> {
  const { rows, networks, layer, widths } = sizes;
  const net = new FusedNetworks(sizes, random);
  for (let n = 0; n < networks; n++) {
    const own = drawHidden(net, { n, layer, random });
    const ds = new Float64Array(draw(random, rows * widths[layer + 2]));
    net.putTensor(n, layer + 1, "g", ds);
    expectGradients(net, { n, layer, ds, ...own });
  }
  const own = productSizes(await sharedGpu(), rows, widths[layer + 2]);
  return {
    kernel: "fused_backward",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: net.layerFields(layer),
      constants: { ...net.constants, ...own.constants, ...sizes.constants },
      inputs: { places: net.places, packed: net.packed.before },
      outputs: { arena: net.arena.before },
    },
    measure: ({ arena }) => net.arena.errorOf(arena),
  };
}

function pairCase(sizes: HiddenSizes, random: Random): KernelCase {
  const { rows, networks, layer, widths } = sizes;
  const net = new FusedNetworks(sizes, random);
  raiseLogits(net, random);
  const earlier = ofNetworks(networks, (n) => drawHidden(net, { n, layer, random }));
  const later = ofNetworks(networks, (n) => drawHidden(net, { n, layer: layer + 1, random }));
  const { labels, order, ofBatch } = drawLabels(random, sizes);
  const diverged = new Uint32Array(networks).fill(NEVER);
  return {
    kernel: "fused_pair",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: net.layerFields(layer),
      step: { first: FIRST, number: 3 },
      constants: { ...net.constants, ...pairSizes(rows, widths).constants },
      inputs: { places: net.places, packed: net.packed.before, order, labels },
      outputs: {
        arena: net.arena.before,
        y: networks * rows * widths[widths.length - 1],
        diverged,
      },
    },
    measure: (found) => {
      assertEquals(words(found.diverged), [...diverged]);
      const logits = expectLoss(net, found, { x: later.map(({ h }) => h), ofBatch });
      for (const [own, hidden] of [[layer + 1, later], [layer, earlier]] as const) {
        for (let n = 0; n < networks; n++) {
          const ds = net.foundTensor(found.arena, { network: n, layer: own + 1, tensor: "g" });
          expectGradients(net, { n, layer: own, ds, ...hidden[n] });
        }
      }
      return Math.max(logits, net.arena.errorOf(found.arena));
    },
  };
}

function tailCase(sizes: FusedSizes, random: Random): KernelCase {
  const { rows, networks, widths } = sizes;
  const net = new FusedNetworks(sizes, random);
  raiseLogits(net, random);
  const first = ofNetworks(networks, (n) => drawHidden(net, { n, layer: 0, random }));
  const { labels, order, ofBatch } = drawLabels(random, sizes);
  const diverged = new Uint32Array(networks).fill(NEVER);
  return {
    kernel: "fused_tail",
    run: {
      shape: { ...sizes, slices: 1 },
      networks,
      layer: net.layerFields(0),
      step: { first: FIRST, number: 3 },
      constants: { ...net.constants, ...tailSizes(rows, widths).constants },
      inputs: { places: net.places, packed: net.packed.before, order, labels },
      outputs: {
        arena: net.arena.before,
        y: networks * rows * widths[widths.length - 1],
        diverged,
      },
    },
    measure: (found) => {
      assertEquals(words(found.diverged), [...diverged]);
      return errorOfTail(net, found, { first, ofBatch });
    },
  };
}

/** H of a layer as a kernel left it; N and 1 / deviation, where there is batch norm. */
interface Hidden {
  h: Float64Array;
  normalised?: Float64Array;
  inverse?: Expected;
}

function errorOfTail(
  net: FusedNetworks,
  found: Written,
  { first, ofBatch }: { first: readonly Hidden[]; ofBatch: readonly number[] },
): number {
  const { networks, widths, batchNorm } = net.sizes;
  const last = widths.length - 2;
  const tensors = ofNetworks(networks, (n): Hidden[] =>
    widths.slice(1, -1).map((_, layer) => {
      if (layer === 0) return first[n];
      const read = (tensor: "h" | "n") =>
        net.foundTensor(found.arena, { network: n, layer, tensor });
      return batchNorm ? { h: read("h"), normalised: read("n") } : { h: read("h") };
    }));
  // 1 / deviation stays in workgroup memory.
  const stored = ["h", "n", "mean", "variance"] as const;
  for (let n = 0; n < networks; n++) {
    for (let layer = 1; layer < last; layer++) {
      const s = outputsOf(net, { n, layer, x: tensors[n][layer - 1].h });
      expectActivations(net, { n, layer, s, stored });
      tensors[n][layer].inverse = activationsOf(net, { n, layer, s }).inverse;
    }
  }
  const x = tensors.map((own) => own[last - 1].h);
  const logits = expectLoss(net, found, { x, ofBatch });
  for (let n = 0; n < networks; n++) {
    for (let layer = last - 1; layer >= 0; layer--) {
      const ds = net.foundTensor(found.arena, { network: n, layer: layer + 1, tensor: "g" });
      expectGradients(net, { n, layer, ds, ...tensors[n][layer] });
    }
  }
  return Math.max(logits, net.arena.errorOf(found.arena));
}

/**
 * Runs a kernel with a softmax on some logits, the same in every row of every network.
 *
 * @param options The logits, the step, and the steps at which the networks diverged before.
 * @returns The steps at which they diverged.
 */
export async function divergedAfter(
  kernel: "fused_loss" | "fused_pair" | "fused_tail",
  { logits, number, before }: {
    logits: readonly number[];
    number: number;
    before: readonly number[];
  },
): Promise<number[]> {
  const [rows, networks] = [70, before.length];
  const widths = [4, 6, 5, logits.length];
  const last = widths.length - 2;
  const layer = { fused_loss: last - 1, fused_pair: last - 2, fused_tail: 0 }[kernel];
  const sizes = { ...sizesOf({ widths, layer, rows, networks, index: 0 }), batchNorm: false };
  const gpu = await sharedGpu();
  const net = new FusedNetworks(sizes, new Random(1, kernel));
  net.flat.fill(`weight${last}`, () => 0);
  for (let n = 0; n < networks; n++) {
    net.flat.view(n, `bias${last}`).set(logits);
    net.pack(n, last);
    for (const own of [0, 1]) {
      net.putTensor(n, own, "h", new Float32Array(rows * widths[own + 1]));
    }
  }
  const own = {
    fused_loss: lossSizes(gpu, rows, logits.length),
    fused_pair: pairSizes(rows, widths),
    fused_tail: tailSizes(rows, widths),
  }[kernel];
  const { diverged } = await runKernel(gpu, kernel, {
    shape: { ...sizes, slices: 1 },
    networks,
    layer: net.layerFields(layer),
    step: { number },
    constants: { ...net.constants, ...own.constants },
    inputs: {
      places: net.places,
      packed: net.packed.before,
      order: new Uint32Array(rows),
      labels: Uint32Array.of(0),
    },
    outputs: {
      arena: net.arena.before,
      y: networks * rows * logits.length,
      diverged: Uint32Array.from(before),
    },
  });
  return words(diverged);
}
