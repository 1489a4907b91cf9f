/**
 * Tests of the fused kernels that move parameters: the update of a step together with the first product of the next one, and
 * the copy of packed parameters. Errors come in shares of their bounds.
 */
import type { KernelName } from "../../src/gpu/kernel_table.ts";
import { tiles } from "../../src/gpu/kernel_table.ts";
import type { Constants } from "../../src/gpu/kernels.ts";
import { FORWARD, GRADIENTS, UPDATE } from "../../src/gpu/structs.ts";
import type { Random } from "../../src/model/random.ts";
import { affineForward } from "../../src/model/reference/layers.ts";
import { inputSizes, laterGroups } from "../../src/programs/fused_sizes.ts";
import type { NetworkSettings } from "../../src/train/population.ts";
import { sharedGpu } from "../_gpu.ts";
import { biasGradient, drawImages, INPUT_BOUND, weightGradient } from "./_affine.ts";
import { FIRST, type KernelTest, SUM_BOUND } from "./_cases.ts";
import { DESCENT_BOUND, RISES } from "./_descent.ts";
import {
  FusedNetworks,
  type FusedSizes,
  mapped,
  testOf,
  toColumns,
  toPacked,
  within,
} from "./_fused.ts";
import {
  absolute,
  draw,
  errorOf,
  errorOfFlat,
  exactly,
  type Expected,
  type KernelCase,
  ofNetworks,
  type Written,
} from "./_kernel.ts";
import { averaged } from "./_norm.ts";

/** A case of `fused_input`. */
interface InputSizes extends FusedSizes {
  /** Bits of `step.parts`. */
  readonly parts: number;
  /** Overrides in place of those that suit the device. */
  readonly constants?: Constants;
}

/** A moving average has two products and a sum, and 1 - 0.9 is off by 4 units. */
const AVERAGE_BOUND = 7;

/** Where the next step's images begin in `order`. */
const NEXT = 4;

/** The parts of a step; gradients are stored only in an update. */
const PARTS = [
  UPDATE + FORWARD + GRADIENTS,
  UPDATE + FORWARD,
  FORWARD,
  UPDATE + GRADIENTS,
  UPDATE,
  FORWARD + GRADIENTS,
  0,
];

/** Few rows staged, several groups of columns, later layers with more blocks than threads. */
const SMALL = { SLICE: 2, COLUMNS: 3, STAGED_ROWS: 20, STAGED: 120, WORKGROUP: 24 };

/** A thread stages all the gradients that it may: 40 rows are more than three times 4 SLICE. */
const MANY_ROWS = { SLICE: 3, COLUMNS: 5, STAGED_ROWS: 40, STAGED: 360, WORKGROUP: 60 };

const SIZES: readonly Pick<InputSizes, "widths" | "rows" | "constants">[] = [
  { widths: [33, 17, 23, 10], rows: 37, constants: SMALL },
  { widths: [70, 23, 10], rows: 101, constants: MANY_ROWS },
  { widths: [33, 17, 30, 21, 10], rows: 37, constants: SMALL },
  { widths: [3072, 50, 50, 10], rows: 100 },
  { widths: [32, 52, 10], rows: 100 },
  { widths: [1, 1, 2], rows: 1 },
  { widths: [3, 3, 5, 2], rows: 2 },
  { widths: [31, 5, 17, 10], rows: 3 },
  { widths: [70, 67, 9, 10], rows: 5 },
  { widths: [64, 12, 6, 7, 8, 9, 10], rows: 130 },
  { widths: [130, 50, 10], rows: 20 },
];

const INPUT_CASES = SIZES.flatMap(({ widths, rows, constants }, i) =>
  // The first of them with all parts; the others with both an update and a product, and with one other.
  PARTS.filter((_, j) => i === 0 || j === i % 2 || j === 2 + i % 5).map((parts, j): InputSizes => ({
    widths,
    rows,
    constants,
    inputs: widths[0],
    outputs: widths[1],
    networks: widths[0] > 1000 ? 1 + j % 2 : 1 + (i + j + 1) % 3,
    index: i * PARTS.length + j,
    batchNorm: i % 3 !== 1,
    parts,
  }))
);

const UNPACK_CASES = [
  [3, 5, 2],
  [1, 1, 2],
  [33, 17, 30, 21, 10],
  [70, 50, 50, 10],
  [8, 4, 12],
  [6, 7, 8, 9, 10, 9, 8, 7, 6, 5],
].flatMap((widths, i) =>
  [true, false].map((batchNorm, j): FusedSizes => ({
    widths,
    rows: 1,
    inputs: widths[0],
    outputs: widths[1],
    networks: 1 + (i + j) % 3,
    index: 2 * i + j,
    batchNorm,
  }))
);

/** Tests by kernel. */
export const FUSED_INPUT_TESTS = {
  fused_input: testOf({ cases: INPUT_CASES, bound: 1, draw: inputCase }),
  fused_unpack: testOf({ cases: UNPACK_CASES, bound: 0, draw: unpackCase }),
} as const satisfies Partial<Record<KernelName, KernelTest>>;

/** The gradient of the loss for every parameter of a network, by name; errors come in shares of their bounds. */
type Gradients = Record<string, Expected>;

/** Draws what an update reads; gives the gradients of the loss. */
function drawUpdate(
  net: FusedNetworks,
  random: Random,
  { n, images }: { n: number; images: { x: Float64Array; magnitudes: Float64Array } },
): Gradients {
  const { rows, widths } = net.sizes;
  const gradients: Gradients = {};
  let before = { ...images, n: rows };
  for (const [layer, width] of widths.slice(1).entries()) {
    const ds = draw(random, rows * width);
    net.putTensor(n, layer, "g", ds);
    const bound = layer === 0 ? INPUT_BOUND : SUM_BOUND;
    gradients[`weight${layer}`] = within(weightGradient(ds, before), bound);
    gradients[`bias${layer}`] = within(biasGradient(ds, rows).bias, SUM_BOUND);
    if (layer === widths.length - 2) break;
    const h = new Float64Array(draw(random, rows * width).map((value) => Math.max(0, value)));
    net.putTensor(n, layer, "h", h);
    before = { x: h, magnitudes: h, n: rows };
    if (!net.sizes.batchNorm) continue;
    net.putTensor(n, layer, "mean", draw(random, width));
    net.putTensor(n, layer, "variance", draw(random, width).map(Math.abs));
    for (const kind of ["gamma", "beta"] as const) {
      const own = new Float64Array(draw(random, width));
      net.putTensor(n, layer, `d${kind}`, own);
      gradients[`${kind}${layer}`] = exactly(own);
    }
  }
  return gradients;
}

/** The step of a network: what is stored as gradients, to which L2 adds, and the parameters after it. */
function descended(
  net: FusedNetworks,
  { n, gradients, settings, rise }: {
    n: number;
    gradients: Gradients;
    settings: NetworkSettings;
    rise: number;
  },
) {
  const { lambda, etaMin, etaMax } = settings;
  const eta = (1 - rise) * etaMin + rise * etaMax;
  const stored: Gradients = {};
  const moved: Gradients = {};
  for (const [name, { values, magnitudes }] of Object.entries(gradients)) {
    const old = net.flat.tensor(n, name);
    const decay = name.startsWith("weight") ? 2 * lambda : 0;
    // What L2 adds is rounded twice: a product and a sum.
    const g = {
      values: values.map((value, i) => value + decay * old[i]),
      magnitudes: magnitudes.map((value, i) => value + 2 * Math.abs(decay * old[i])),
    };
    stored[name] = g;
    moved[name] = {
      values: old.map((value, i) => value - eta * g.values[i]),
      magnitudes: old.map((value, i) =>
        DESCENT_BOUND * (Math.abs(value) + Math.abs(eta * g.values[i])) + eta * g.magnitudes[i]
      ),
    };
  }
  return { stored, moved };
}

function expectParameters(net: FusedNetworks, n: number, moved: Gradients): void {
  for (const [layer, outputs] of net.sizes.widths.slice(1).entries()) {
    const weight = mapped(moved[`weight${layer}`], (values) => toPacked(values, outputs));
    net.packed.expect(n, net.place(layer).packed, weight);
    for (const kind of net.vectorsOf(layer)) {
      const vector = mapped(moved[`${kind}${layer}`], (values) => toColumns(values, 1));
      net.packed.expect(n, net.vectorPlace(kind, layer), vector);
    }
  }
}

async function inputCase(sizes: InputSizes, random: Random): Promise<KernelCase> {
  const { rows, outputs, widths } = sizes;
  const texels = tiles(widths[0], 4);
  const constants: Constants & { WORKGROUP: number } = {
    ...inputSizes(await sharedGpu(), { rows, texels, outputs }).constants,
    ...sizes.constants,
  };
  const SLICES = tiles(texels, constants.SLICE);
  const LATER = laterGroups(widths, constants.WORKGROUP);
  return await stepCase("fused_input", {
    sizes,
    constants: { ...constants, SLICES, LATER },
    random,
  });
}

/** A case of a kernel that updates, computes the first product of the next step, or both. */
export async function stepCase(
  kernel: KernelName,
  { sizes, does = UPDATE + FORWARD, constants, random }: {
    sizes: FusedSizes & Pick<InputSizes, "parts">;
    /** The parts that the kernel does when it is asked for them; both unless given. */
    does?: number;
    /** Overrides beside those of all fused kernels; `SLICE` and `SLICES` divide the product, if there is one. */
    constants: Constants;
    random: Random;
  },
): Promise<KernelCase> {
  const { rows, inputs, outputs, networks, parts, index } = sizes;
  const net = new FusedNetworks(sizes, random);
  const images = await drawImages(random, sizes);
  const { order, fields, resources } = images;
  const rise = RISES[index % RISES.length];
  const settings = ofNetworks(networks, (): NetworkSettings => ({
    lambda: Math.fround(random.uniform()),
    etaMin: Math.fround(random.uniform() / 100),
    etaMax: Math.fround(random.uniform()),
  }));
  const updates = (parts & does & UPDATE) !== 0;
  const fresh = Math.floor(index / 2) % 2 === 0;
  const steps = ofNetworks(networks, (n) => {
    const gradients = drawUpdate(net, random, { n, images });
    const own = descended(net, { n, gradients, settings: settings[n], rise });
    if (updates) expectParameters(net, n, own.moved);
    return own;
  });
  const { SLICE = 0, SLICES: slices = 1 } = constants;
  return {
    kernel,
    run: {
      shape: { rows, inputs, outputs, slices },
      networks,
      layer: { ...net.layerFields(0), ...fields },
      step: { first: FIRST, next: NEXT, parts, rise, fresh: Number(fresh) },
      constants: { ...net.constants, ...constants },
      inputs: {
        places: net.places,
        arena: net.arena.before,
        networks: Float32Array.from(
          settings.flatMap(({ lambda, etaMin, etaMax }) => [lambda, etaMin, etaMax]),
        ),
        order,
      },
      resources,
      outputs: {
        packed: net.packed.before,
        gradients: net.flat.values.length,
        statistics: net.averages.values,
        slices: 4 * networks * tiles(outputs, 4) * slices * rows,
      },
    },
    measure: (found) => {
      const stores = updates && (parts & GRADIENTS) !== 0;
      const next = (parts & does & FORWARD) === 0 ? undefined : images.from(NEXT);
      return Math.max(
        errorOfAverages(net, found.statistics, updates ? fresh : undefined),
        net.packed.errorOf(found.packed),
        errorOfGradients(net, found.gradients, stores ? steps.map((own) => own.stored) : undefined),
        errorOfSlices(net, found, { slices, width: 4 * SLICE, next }),
      );
    },
  };
}

/** Measures gradients; without an expected result nothing may be written. */
function errorOfGradients(
  { flat }: FusedNetworks,
  found: Float32Array,
  expected: readonly Gradients[] | undefined,
): number {
  const before = new Float32Array(found.length).fill(NaN);
  if (!expected) return errorOf(found, exactly(new Float64Array(before)));
  return errorOfFlat(found, flat, { before, expected });
}

/** Measures the moving averages after a batch; without `fresh` they must be as they were. */
function errorOfAverages(
  net: FusedNetworks,
  found: Float32Array,
  fresh: boolean | undefined,
): number {
  const { averages } = net;
  if (fresh === undefined) return errorOf(found, exactly(new Float64Array(averages.values)));
  const expected = ofNetworks(net.sizes.networks, (n) => {
    const tensors = averages.names.map((name) => {
      const [tensor, layer] = [name.replace(/\d+$/, ""), Number(name.match(/\d+$/))];
      const values = net.foundTensor(net.arena.before, {
        network: n,
        layer,
        tensor: tensor as "mean" | "variance",
      });
      const batch = { values, magnitudes: absolute(values) };
      return [name, within(averaged(averages.tensor(n, name), batch, fresh), AVERAGE_BOUND)];
    });
    return Object.fromEntries(tensors) as Record<string, Expected>;
  });
  return errorOfFlat(found, averages, { before: averages.values, expected });
}

/** Measures the next product, [P, columns, slices, rows], with the weights that the kernel has left. */
function errorOfSlices(
  net: FusedNetworks,
  found: Written,
  { slices, width, next }: {
    slices: number;
    /** Inputs of a slice. */
    width: number;
    next?: { x: Float64Array; magnitudes: Float64Array };
  },
): number {
  const { rows, networks, inputs, outputs } = net.sizes;
  if (!next) return errorOf(found.slices, exactly(new Float64Array(found.slices.length).fill(NaN)));
  const columns = tiles(outputs, 4);
  const bias = new Float64Array(outputs);
  const errors: number[] = [];
  for (let n = 0; n < networks; n++) {
    const at = net.place(0).packed;
    const packed = net.packed.read(found.packed, { network: n, at, count: inputs * columns });
    for (let slice = 0; slice < slices; slice++) {
      const [begin, end] = [slice * width, Math.min((slice + 1) * width, inputs)];
      const four = packed.subarray(4 * begin * columns, 4 * end * columns);
      const weight = fromRows(four, { rows: end - begin, stride: 4 * columns, width: outputs });
      const [x, size] = [next.x, next.magnitudes].map((values) =>
        fromRows(values.subarray(begin), { rows, stride: inputs, width: end - begin })
      );
      const expected = {
        values: affineForward(x, { weight, bias }),
        magnitudes: affineForward(size, { weight: absolute(weight), bias }),
      };
      const own = new Float32Array(4 * columns * rows);
      for (let column = 0; column < columns; column++) {
        const from = 4 * ((n * columns + column) * slices + slice) * rows;
        own.set(found.slices.subarray(from, from + 4 * rows), 4 * column * rows);
      }
      const padded = mapped(within(expected, INPUT_BOUND), (values) => toColumns(values, rows));
      errors.push(errorOf(own, padded));
    }
  }
  return Math.max(...errors);
}

/** The first numbers of each row. */
function fromRows(
  values: ArrayLike<number>,
  { rows, stride, width }: { rows: number; stride: number; width: number },
): Float64Array {
  return Float64Array.from(
    { length: rows * width },
    (_, i) => values[Math.floor(i / width) * stride + i % width],
  );
}

function unpackCase(sizes: FusedSizes, random: Random): KernelCase {
  const net = new FusedNetworks(sizes, random, 0);
  const before = new Float32Array(net.flat.values.length).fill(NaN);
  const expected = ofNetworks(sizes.networks, (n) => {
    const tensors = net.flat.names.map((name) => [name, exactly(net.flat.tensor(n, name))]);
    return Object.fromEntries(tensors) as Record<string, Expected>;
  });
  return {
    kernel: "fused_unpack",
    run: {
      shape: { ...sizes, slices: 1 },
      networks: sizes.networks,
      layer: net.layerFields(0),
      constants: net.constants,
      inputs: {
        places: net.places,
        packed: net.packed.before,
        arena: new Float32Array(4),
      },
      outputs: { parameters: before },
    },
    measure: ({ parameters }) => errorOfFlat(parameters, net.flat, { before, expected }),
  };
}
