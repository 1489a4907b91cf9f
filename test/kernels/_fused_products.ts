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
  // Narrow tiles, as on a device with small workgroups, and wide ones: one of them for each shape, for which kernels compile.
  const narrow = { device: { limits: { maxComputeInvocationsPerWorkgroup: 256 } } } as Gpu;
  const { kernels } = inputKernels(shape % 2 === 0 ? narrow : await sharedGpu(), product, {
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
