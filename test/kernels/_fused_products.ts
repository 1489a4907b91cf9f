/**
 * Tests of the kernels that compute the first layer's products for all networks together: the update alone, the product alone
 * and both, with the columns of several networks in a tile and with tiles that are partly filled.
 */
import type { Gpu } from "../../src/gpu/device.ts";
import { type KernelName, tiles } from "../../src/gpu/kernel_table.ts";
import { FORWARD, GRADIENTS, UPDATE } from "../../src/gpu/structs.ts";
import type { Random } from "../../src/model/random.ts";
import { inputKernels, type InputProduct } from "../../src/programs/input_kernels.ts";
import { sharedGpu } from "../_gpu.ts";
import type { KernelTest, Sizes } from "./_cases.ts";
import { stepCase } from "./_fused_input.ts";
import type { KernelCase } from "./_kernel.ts";

/** Widths behind the first hidden layer. */
const BEHIND = [5, 3];

/**
 * Two tiles with one column too many, two goes of rows forward, and a slice that is partly filled; one row of one input; a
 * whole image; more networks than a tile holds; whole chunks and tiles. `narrow`: as on a device with small workgroups; one
 * device a shape, since each compiles kernels of its own.
 */
const SHAPES: readonly (Omit<Sizes, "index"> & { narrow: boolean })[] = [
  { rows: 130, inputs: 397, outputs: 67, networks: 2, narrow: true },
  { rows: 1, inputs: 1, outputs: 1, networks: 1, narrow: false },
  { rows: 100, inputs: 3072, outputs: 50, networks: 2, narrow: false },
  { rows: 7, inputs: 10, outputs: 7, networks: 17, narrow: true },
  { rows: 40, inputs: 128, outputs: 16, networks: 7, narrow: false },
];

/** A device with small workgroups: `fused_input_forward` has narrower tiles there. */
const NARROW = { device: { limits: { maxComputeInvocationsPerWorkgroup: 256 } } } as Gpu;

/** Parts of a step: gradients are stored in an update only, and only when they are asked for. */
const PARTS = [UPDATE + FORWARD, FORWARD, UPDATE + GRADIENTS, UPDATE];

const CASES = SHAPES.flatMap(({ narrow: _, ...sizes }, i) =>
  PARTS.map((_, j): Sizes => ({ ...sizes, index: i * PARTS.length + j }))
);

/** Tests by kernel. */
export const FUSED_PRODUCTS_TESTS = {
  fused_input_both: test("fused_input_both", { product: "8x8", does: UPDATE + FORWARD }),
  fused_input_backward: test("fused_input_backward", { product: "16x8", does: UPDATE }),
  fused_input_forward: test("fused_input_forward", { product: "16x8", does: FORWARD }),
} as const satisfies Partial<Record<KernelName, KernelTest>>;

/** How a kernel is tested: `does` are the parts of a step that it does when it is asked for them. */
interface ProductTest {
  readonly product: InputProduct;
  readonly does: number;
}

function test(kernel: KernelName, how: ProductTest): KernelTest {
  return { cases: CASES, bound: 1, draw: (...given) => productCase(kernel, how, ...given) };
}

async function productCase(
  kernel: KernelName,
  { product, does }: ProductTest,
  { index, ...sizes }: Sizes,
  random: Random,
): Promise<KernelCase> {
  const { rows, inputs, outputs, networks } = sizes;
  const shape = Math.floor(index / PARTS.length);
  const widths = [inputs, outputs, ...BEHIND];
  const { kernels } = inputKernels(SHAPES[shape].narrow ? NARROW : await sharedGpu(), product, {
    networks,
    rows,
    texels: tiles(inputs, 4),
    widths,
  });
  const [, { constants }] = kernels.find(([name]) => name === kernel)!;
  const parts = PARTS[index % PARTS.length];
  const all = { ...sizes, index, widths, batchNorm: shape === 0, parts };
  return await stepCase(kernel, { sizes: all, does, constants, random });
}
