/**
 * Tests of the kernels that compute the first layer's products for all networks together: the update alone, the product alone
 * and both, with the columns of several networks in a tile and with tiles that are partly filled.
 */
import type { Gpu } from "../../src/gpu/device.ts";
import { FUSED_MAX_LAYERS, type KernelName, tiles } from "../../src/gpu/kernel_table.ts";
import { FORWARD, GRADIENTS, LAYER_PLACE, UPDATE } from "../../src/gpu/structs.ts";
import { type Layout, layout } from "../../src/model/network.ts";
import type { Random } from "../../src/model/random.ts";
import { affineForward } from "../../src/model/reference/layers.ts";
import { inputKernels, type InputProduct } from "../../src/programs/input_kernels.ts";
import { packedLayout, packParameters } from "../../src/programs/packed.ts";
import { sharedGpu } from "../_gpu.ts";
import { biasGradient, drawImages, weightGradient } from "./_affine.ts";
import { FIRST, type KernelTest, type Sizes, SUM_BOUND } from "./_cases.ts";
import { RISES } from "./_descent.ts";
import {
  absolute,
  draw,
  errorOf,
  exactly,
  type Expected,
  type KernelCase,
  ofNetworks,
} from "./_kernel.ts";

/** Where the next step's images begin in `order`. */
const NEXT = 4;

/** Widths behind the first hidden layer. */
const BEHIND = [5, 3];

/**
 * Two tiles with one column too many, two goes of rows forward, and a slice that is partly filled; one row of one input; a
 * whole image; more networks than a tile holds; whole chunks and tiles.
 */
const SHAPES: readonly Omit<Sizes, "index">[] = [
  { rows: 130, inputs: 397, outputs: 67, networks: 2 },
  { rows: 1, inputs: 1, outputs: 1, networks: 1 },
  { rows: 100, inputs: 3072, outputs: 50, networks: 2 },
  { rows: 7, inputs: 10, outputs: 7, networks: 17 },
  { rows: 40, inputs: 128, outputs: 16, networks: 7 },
];

/** Parts of a step: gradients are stored in an update only, and only when they are asked for. */
const PARTS = [UPDATE + FORWARD, FORWARD, UPDATE + GRADIENTS, UPDATE];

const CASES = SHAPES.flatMap((sizes, i) =>
  PARTS.map((_, j) => ({ ...sizes, index: i * PARTS.length + j }))
);

/** Tests by kernel. */
export const FUSED_PRODUCTS_TESTS = {
  fused_input_both: test("fused_input_both", "8x8"),
  fused_input_backward: test("fused_input_backward", "16x8"),
  fused_input_forward: test("fused_input_forward", "16x8"),
} as const satisfies Partial<Record<KernelName, KernelTest>>;

function test(kernel: KernelName, product: InputProduct): KernelTest {
  return {
    cases: CASES,
    bound: SUM_BOUND,
    draw: (sizes, random) => productCase(kernel, { product, sizes, random }),
  };
}

/** Networks without batch norm in a step: where everything lies, and what a step leaves. */
class Step {
  readonly layout: Layout;
  readonly rows: number;
  /** Flat parameters of each network. */
  readonly parameters: readonly Float32Array[];
  /** [P, size] vec4s, NaN between the tensors of a batch. */
  readonly arena: Float32Array;
  readonly arenaSize: number;
  readonly #places: { h: number; g: number }[] = [];
  /** Where each number of the packed parameters is among the flat ones; -1 where none is. */
  readonly #flatOf: readonly number[];

  constructor(sizes: Sizes, random: Random) {
    const { rows, inputs, outputs, networks } = sizes;
    const [hidden, classes] = BEHIND;
    this.rows = rows;
    this.layout = layout({ inputs, hidden: [outputs, hidden], classes, batchNorm: false });
    const { count, widths } = this.layout;
    this.parameters = ofNetworks(networks, () => draw(random, count));
    const numbers = Float32Array.from({ length: count }, (_, i) => i + 1);
    this.#flatOf = Array.from(packParameters(this.layout, numbers), (number) => number - 1);
    let size = 1;
    for (const width of widths.slice(1)) {
      const length = rows * tiles(width, 4);
      this.#places.push({ h: size, g: size + length + 1 });
      size += 2 * (length + 1);
    }
    this.arenaSize = size;
    this.arena = new Float32Array(4 * networks * size).fill(NaN);
  }

  get places(): Uint32Array<ArrayBuffer> {
    const { widths } = this.layout;
    const { layers } = packedLayout(widths);
    const words = new Uint32Array(FUSED_MAX_LAYERS * LAYER_PLACE.size / 4).fill(0x00ffffff);
    const none = Object.fromEntries(LAYER_PLACE.fields.map(({ name }) => [name, 0]));
    words.set(LAYER_PLACE.encode(layers.map((packed, layer) => ({
      ...none as Record<(typeof LAYER_PLACE.fields)[number]["name"], number>,
      inputs: widths[layer],
      outputs: widths[layer + 1],
      weight: this.offset("weight", layer),
      bias: this.offset("bias", layer),
      ...packed,
      ...this.#places[layer],
    }))));
    return words;
  }

  get packed(): Float32Array {
    return Float32Array.from(
      this.parameters.flatMap((own) => [...packParameters(this.layout, own)]),
    );
  }

  offset(kind: string, layer: number): number {
    return this.layout.parameters.find((own) => own.kind === kind && own.layer === layer)!.offset;
  }

  /** Puts a tensor [rows, width] of a batch into the arena. */
  put(network: number, at: number, tensor: Float32Array): void {
    const width = tensor.length / this.rows;
    const to = 4 * (network * this.arenaSize + at);
    this.arena.fill(0, to, to + 4 * tiles(width, 4) * this.rows);
    for (const [i, value] of tensor.entries()) {
      const [row, feature] = [Math.floor(i / width), i % width];
      this.arena[to + 4 * (Math.floor(feature / 4) * this.rows + row) + feature % 4] = value;
    }
  }

  /** Draws dS and H of all layers; gives the gradients of the loss, [count]. */
  draw(network: number, random: Random, x: { x: Float64Array; magnitudes: Float64Array }) {
    const { count, widths } = this.layout;
    const gradients = { values: new Float64Array(count), magnitudes: new Float64Array(count) };
    const keep = (at: number, { values, magnitudes }: Expected) => {
      gradients.values.set(values, at);
      gradients.magnitudes.set(magnitudes, at);
    };
    let before = x;
    for (const [layer, width] of widths.slice(1).entries()) {
      const ds = draw(random, this.rows * width);
      const h = draw(random, this.rows * width);
      this.put(network, this.#places[layer].g, ds);
      this.put(network, this.#places[layer].h, h);
      keep(this.offset("weight", layer), weightGradient(ds, { ...before, n: this.rows }));
      keep(this.offset("bias", layer), biasGradient(ds, this.rows).bias);
      before = { x: new Float64Array(h), magnitudes: absolute(new Float64Array(h)) };
    }
    return gradients;
  }

  /** The flat parameters of a network; what lies behind the last feature or input must have stayed 0. */
  unpack(network: number, packed: Float32Array): Float32Array {
    const size = this.#flatOf.length;
    const flat = new Float32Array(this.layout.count);
    for (const [i, to] of this.#flatOf.entries()) {
      const value = packed[network * size + i];
      if (to >= 0) flat[to] = value;
      else if (value !== 0) return flat.fill(NaN);
    }
    return flat;
  }
}

/** What may differ between networks, exact in float32. */
function drawSettings(random: Random, networks: number) {
  return ofNetworks(networks, () => draw(random, 3).map((value) => Math.abs(value) / 2));
}

async function productCase(
  kernel: KernelName,
  { product, sizes, random }: { product: InputProduct; sizes: Sizes; random: Random },
): Promise<KernelCase> {
  const { rows, inputs, outputs, networks, index } = sizes;
  const step = new Step(sizes, random);
  const { layout: { count, weights, widths } } = step;
  const images = await drawImages(random, sizes);
  const settings = drawSettings(random, networks);
  const rise = RISES[index % RISES.length];
  const parts = PARTS[index % PARTS.length];
  const updates = kernel !== "fused_input_forward" && (parts & UPDATE) !== 0;
  const steps = ofNetworks(networks, (n) => {
    const loss = step.draw(n, random, images);
    const [lambda, etaMin, etaMax] = settings[n];
    const eta = updates ? (1 - rise) * etaMin + rise * etaMax : 0;
    return descended(step.parameters[n], loss, { lambda, eta, weights });
  });
  // Narrow tiles, as on a device with small workgroups, and wide ones: one of them for each shape, for which kernels compile.
  const isNarrow = Math.floor(index / PARTS.length) % 2 === 0;
  const narrow = { device: { limits: { maxComputeInvocationsPerWorkgroup: 256 } } } as Gpu;
  const { kernels, slices } = inputKernels(isNarrow ? narrow : await sharedGpu(), product, {
    networks,
    rows,
    texels: images.fields.texels,
    widths,
  });
  const { constants } = kernels.find(([name]) => name === kernel)![1];
  const multiplies = kernel !== "fused_input_backward" && (parts & FORWARD) !== 0;
  return {
    kernel,
    run: {
      shape: { rows, inputs, outputs, slices },
      networks,
      layer: { inputs, outputs, parameters: count, ...images.fields },
      step: { first: FIRST, next: NEXT, parts, rise },
      constants: {
        ...{ ARENA: step.arenaSize, PACKED: packedLayout(widths).size, ROWS: rows },
        ...{ LAYERS: widths.length - 1, BATCH_NORM: 0, ...constants },
      },
      inputs: {
        places: step.places,
        arena: step.arena,
        networks: Float32Array.from(settings.flatMap((own) => [...own])),
        order: images.order,
        statistics: new Float32Array(4),
      },
      resources: images.resources,
      outputs: {
        packed: step.packed,
        gradients: networks * count,
        slices: 4 * networks * tiles(outputs, 4) * slices * rows,
      },
    },
    measure: (found) => {
      const stores = updates && (parts & GRADIENTS) !== 0;
      const moved = ofNetworks(networks, (n) => step.unpack(n, found.packed));
      const errors = moved.flatMap((own, n) => [
        errorOf(own, steps[n].moved),
        errorOf(
          found.gradients.subarray(n * count, (n + 1) * count),
          stores ? steps[n].stored : nothing(count),
        ),
      ]);
      const expected = multiplies
        ? expectedSlices(moved, { ...images.from(NEXT), sizes, slices, slice: constants.SLICE })
        : nothing(found.slices.length);
      return Math.max(...errors, errorOf(found.slices, expected));
    },
  };
}

function nothing(length: number): Expected {
  return exactly(new Float64Array(length).fill(NaN));
}

/** The gradients that are stored, to which L2 adds for the weights, which come first, and the parameters after the step. */
function descended(
  old: Float32Array,
  loss: Expected,
  { lambda, eta, weights }: { lambda: number; eta: number; weights: number },
): { stored: Expected; moved: Expected } {
  const decayed = Array.from(old, (value, i) => i < weights ? 2 * lambda * value : 0);
  const stored = {
    values: loss.values.map((value, i) => value + decayed[i]),
    magnitudes: loss.magnitudes.map((value, i) => value + Math.abs(decayed[i])),
  };
  const moved = {
    values: stored.values.map((value, i) => old[i] - eta * value),
    magnitudes: stored.magnitudes.map((value, i) => eta === 0 ? 0 : Math.abs(old[i]) + eta * value),
  };
  return { stored, moved };
}

/** The next product, [P, columns, slices, rows] of vec4s, with the weights that the kernel has left. */
function expectedSlices(
  moved: readonly Float32Array[],
  { x, magnitudes, sizes, slices, slice }: {
    x: Float64Array;
    magnitudes: Float64Array;
    sizes: Sizes;
    slices: number;
    /** Texels of a slice. */
    slice: number;
  },
): Expected {
  const { rows, inputs, outputs } = sizes;
  const columns = tiles(outputs, 4);
  const length = 4 * moved.length * columns * slices * rows;
  const expected = { values: new Float64Array(length), magnitudes: new Float64Array(length) };
  const bias = new Float64Array(outputs);
  for (const [n, parameters] of moved.entries()) {
    for (let s = 0; s < slices; s++) {
      const [begin, end] = [4 * slice * s, Math.min(4 * slice * (s + 1), inputs)];
      const weight = new Float64Array(parameters.subarray(begin * outputs, end * outputs));
      const ofSlice = (values: Float64Array) =>
        Float64Array.from({ length: rows * (end - begin) }, (_, i) => {
          return values[Math.floor(i / (end - begin)) * inputs + begin + i % (end - begin)];
        });
      const sums = {
        values: affineForward(ofSlice(x), { weight, bias }),
        magnitudes: affineForward(ofSlice(magnitudes), { weight: absolute(weight), bias }),
      };
      for (let i = 0; i < rows * outputs; i++) {
        const [row, feature] = [Math.floor(i / outputs), i % outputs];
        const column = n * columns + Math.floor(feature / 4);
        const to = 4 * ((column * slices + s) * rows + row) + feature % 4;
        expected.values[to] = sums.values[i];
        expected.magnitudes[to] = sums.magnitudes[i];
      }
    }
  }
  return expected;
}
