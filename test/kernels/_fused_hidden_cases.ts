/** The sizes that the fused kernels between the first layer's sums and the gradient of its outputs are tested on. */
import type { Constants } from "../../src/gpu/kernels.ts";
import type { FusedSizes } from "./_fused.ts";

/** A case of a kernel of one hidden layer. */
export interface HiddenSizes extends FusedSizes {
  /** Which layer, counted from 0. */
  readonly layer: number;
  /** Slices of the first layer's sum. */
  readonly slices: number;
  /** Overrides in place of those that suit the device. */
  readonly constants?: Constants;
}

const ROWS = [2, 3, 5, 37, 100, 101, 130, 1];
const WIDTHS = [1, 3, 5, 17, 50, 52];

/** Classes of a number of rows, in turn: 10 with 100 rows. */
const CLASSES = [10, 13, 4, 2];

/** Whole parts, whole turns of twelve, one more and one fewer. */
const SLICES = [1, 3, 11, 12, 13, 24, 25, 85, 96, 100];

/** What the widths of a case's network are made from. */
interface Drawn {
  /** Of the layer that is computed. */
  readonly width: number;
  /** Of a layer before or behind it. */
  readonly other: number;
  readonly classes: number;
  /** Whether one more layer comes before: for every second width. */
  readonly deeper: boolean;
}

/**
 * Every number of rows with some widths; the other settings alternate. Batch norm refuses a batch of 1.
 *
 * @param every Of this many pairs, one is a case: a software driver compiles a kernel for each.
 */
function hiddenCases(
  every: 3 | 6,
  widthsOf: (drawn: Drawn) => { widths: number[]; layer: number },
): HiddenSizes[] {
  return ROWS.flatMap((rows, i) =>
    WIDTHS.map((width, j) => ({ width, j })).filter(({ width, j }) =>
      (i + j) % every === 0 || rows === 100 && width === 50
    ).map(({ width, j }): HiddenSizes => {
      const { widths, layer } = widthsOf({
        width,
        other: WIDTHS[(i + 2 * j + 1) % WIDTHS.length],
        classes: CLASSES[i % CLASSES.length],
        deeper: j % 2 === 1,
      });
      const index = i * WIDTHS.length + j;
      return {
        ...sizesOf({ widths, layer, rows, networks: 1 + index % 3, index }),
        batchNorm: rows > 1 && index % 4 !== 1,
        layer,
        slices: SLICES[index % SLICES.length],
      };
    })
  );
}

/** The sizes of a case, by the widths of its network and the layer that it computes. */
export function sizesOf(
  { widths, layer, rows, networks, index }: {
    widths: number[];
    layer: number;
    rows: number;
    networks: number;
    index: number;
  },
) {
  return { widths, rows, inputs: widths[layer], outputs: widths[layer + 1], networks, index };
}

/** Sizes that no device is given: several turns of the loop over rows, and parts with nothing to add. */
function handPicked(
  layer: number,
  widths: number[],
  picked: readonly { rows: number; slices?: number; constants: Constants }[],
): HiddenSizes[] {
  return picked.map(({ rows, slices = 1, constants }, i) => ({
    ...sizesOf({ widths, layer, rows, networks: 2, index: 100 + i }),
    batchNorm: i % 2 === 0,
    layer,
    slices,
    constants,
  }));
}

export const NORM_CASES = [
  ...handPicked(0, [9, 6, 4], [
    { rows: 37, slices: 5, constants: { PARTS: 4, WORKGROUP: 40 } },
    { rows: 37, slices: 30, constants: { PARTS: 2, WORKGROUP: 20 } },
    { rows: 109, slices: 3, constants: { PARTS: 1, WORKGROUP: 64 } },
  ]),
  ...hiddenCases(3, ({ width }) => ({ widths: [9, width, 10], layer: 0 })),
];

/** Divisions of a product over the columns before or behind. */
const DIVIDED = [
  { rows: 37, constants: { PARTS: 3, WORKGROUP: 30 } },
  { rows: 11, constants: { PARTS: 8, WORKGROUP: 88 } },
  { rows: 37, constants: { PARTS: 1, WORKGROUP: 16 } },
];

export const FORWARD_CASES = [
  ...handPicked(1, [4, 37, 6, 4], DIVIDED),
  ...hiddenCases(
    3,
    ({ width, other, deeper }) =>
      deeper
        ? { widths: [4, 7, other, width, 3], layer: 2 }
        : { widths: [4, other, width, 10], layer: 1 },
  ),
];

export const LOSS_CASES = [
  ...handPicked(0, [4, 21, 18], [{ rows: 37, constants: { WORKGROUP: 16 } }]),
  // raiseLogits() makes the last class the largest, the fourth of a four.
  ...handPicked(0, [4, 21, 8], [{ rows: 9, constants: {} }])
    .map((sizes) => ({ ...sizes, index: 101 })),
  ...hiddenCases(
    6,
    ({ width, classes, deeper }) =>
      deeper
        ? { widths: [4, 7, width, classes], layer: 1 }
        : { widths: [4, width, classes], layer: 0 },
  ),
];

export const BACKWARD_CASES = [
  ...handPicked(0, [4, 6, 61, 4], DIVIDED),
  ...hiddenCases(
    3,
    ({ width, other, deeper }) =>
      deeper
        ? { widths: [4, 7, width, other, 3], layer: 1 }
        : { widths: [4, width, other, 10], layer: 0 },
  ),
];

export const PAIR_CASES = [
  ...[[4, 11, 6, 10], [4, 5, 9, 23, 4]].map((widths, i): HiddenSizes => ({
    ...sizesOf({ widths, layer: widths.length - 4, rows: [13, 101][i], networks: 2, index: i }),
    batchNorm: true,
    layer: widths.length - 4,
    slices: 1,
  })),
  ...hiddenCases(
    6,
    ({ width, other, classes, deeper }) =>
      deeper
        ? { widths: [4, 7, width, other, classes], layer: 1 }
        : { widths: [4, width, other, classes], layer: 0 },
  ),
];

/** Hidden widths and classes of two to nine layers, for each number of rows. */
const TAILS: readonly (readonly number[])[] = [
  [52, 50, 10],
  [17, 10],
  [3, 5, 2],
  [1, 2],
  [50, 50, 10],
  [50, 30, 20, 10, 10, 10, 10, 10, 10],
  [11, 1, 6, 7, 13],
  [5, 17, 3, 10],
];

export const TAIL_CASES: FusedSizes[] = [
  [37, 11, 6, 10],
  [5, 3, 8, 9, 4],
].map((widths, i): FusedSizes => ({
  ...sizesOf({ widths, layer: 0, rows: [37, 9][i], networks: 2, index: i }),
  batchNorm: true,
})).concat(
  ROWS.map((rows, i): FusedSizes => ({
    ...sizesOf({
      widths: [4, ...TAILS[i]],
      layer: 0,
      rows,
      networks: 1 + i % 3,
      index: 2 + i,
    }),
    batchNorm: rows > 1 && i % 3 !== 0,
  })),
);
