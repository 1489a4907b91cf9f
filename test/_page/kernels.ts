/** Kernels in a page: each by itself on some of the cases of test/kernels/, and steps of whole networks. */
import { createSynthetic } from "../../src/data/synthetic.ts";
import { cutInputs } from "../../src/data/dataset.ts";
import { DeviceDataSet } from "../../src/gpu/device_data.ts";

import { PUBLISHED_HIDDEN } from "../../src/model/published.ts";
import { Random } from "../../src/model/random.ts";
import { shapeOf } from "../../src/model/shape.ts";
import { variantFits } from "../../src/programs/variants.ts";
import { checkKernels } from "../../src/train/kernel_check.ts";
import { VARIANT_CHECK_NETWORKS } from "../../src/train/variant_check.ts";
import { sharedGpu } from "../_gpu.ts";
import { AFFINE_TESTS } from "../kernels/_affine.ts";
import { FUSED_TESTS } from "../kernels/_fused_tests.ts";
import { type KernelCase, measureCases } from "../kernels/_kernel.ts";
import { LOSS_TESTS } from "../kernels/_loss.ts";
import { NORM_TESTS } from "../kernels/_norm.ts";
import { TEXEL_AFFINE_TESTS } from "../kernels/_texel_affine.ts";
import { TEXEL_LOSS_TESTS } from "../kernels/_texel_loss.ts";
import { TEXEL_NORM_TESTS } from "../kernels/_texel_norm.ts";
import { TILED_TESTS } from "../kernels/_tiled.ts";
import { steadyOrder } from "../_steady.ts";

/** By kernel. */
const TESTS = {
  ...AFFINE_TESTS,
  ...NORM_TESTS,
  ...LOSS_TESTS,
  ...TEXEL_AFFINE_TESTS,
  ...TEXEL_NORM_TESTS,
  ...TEXEL_LOSS_TESTS,
  ...TILED_TESTS,
  ...FUSED_TESTS,
};

/** What became of some cases of a kernel. */
export interface KernelResult {
  readonly kernel: string;
  /** Cases that ran. */
  readonly cases: number;
  /** The largest error, in units. */
  readonly worst: number;
  /** The largest error allowed. */
  readonly bound: number;
  readonly milliseconds: number;
}

/**
 * Runs some cases of a kernel, drawn as test/kernels/ draws them.
 *
 * @param kernel Its name.
 * @param count How many of its cases, evenly spaced.
 */
export async function runKernelCases(kernel: string, count: number): Promise<KernelResult> {
  const began = performance.now();
  const { cases, bound, draw }: KernelTestOf = TESTS[kernel as keyof typeof TESTS];
  const apart = Math.ceil(cases.length / count);
  const some = cases.filter((_, i) => i % apart === apart >> 1);
  const draws = some.map((sizes) => () => draw(sizes, new Random(2026, kernel, sizes.index)));
  const errors = await measureCases(await sharedGpu(), draws);
  const milliseconds = performance.now() - began;
  return { kernel, cases: errors.length, worst: Math.max(...errors), bound, milliseconds };
}

/** A test of any kernel: each takes the sizes of its own cases. */
interface KernelTestOf {
  readonly cases: readonly { readonly index: number }[];
  readonly bound: number;
  // deno-lint-ignore no-explicit-any
  readonly draw: (sizes: any, random: Random) => KernelCase | Promise<KernelCase>;
}

/** A network whose gradients are checked. */
export interface GradientSetting {
  readonly variant: string;
  /** 3 or 9. */
  readonly layers: number;
  readonly batchNorm: boolean;
  /** Whether to evaluate it, too. */
  readonly evaluation: boolean;
}

/** The largest error of a kind, as a share of its bar. */
export interface GradientResult extends GradientSetting {
  /** Undefined where the adapter cannot run the variant. */
  readonly worst?: number;
  readonly milliseconds: number;
}

/** Compares two steps of two networks with the float64 reference, at the size of the report's gradient check. */
export async function checkGradients(setting: GradientSetting): Promise<GradientResult> {
  const began = performance.now();
  const { variant, batchNorm, evaluation } = setting;
  const source = cutInputs(await createSynthetic({ training: 300, test: 1 }), 10);
  const hidden = PUBLISHED_HIDDEN.find(({ length }) => length + 1 === setting.layers)!;
  const networks = VARIANT_CHECK_NETWORKS.slice(0, 2);
  const plan = { hidden, batchNorm, networks, batch: 20, steps: 2 };
  const gpu = await sharedGpu();
  if (!variantFits(variant, gpu, shapeOf({ ...plan, networks: networks.length }, source))) {
    return { ...setting, milliseconds: 0 };
  }
  using data = new DeviceDataSet(gpu, source);
  const order = steadyOrder(source, plan);
  const rows = await checkKernels(gpu, { ...plan, order, data, variant, evaluation });
  const worst = Math.max(...rows.map(({ error, bar }) => error / bar));
  return { ...setting, worst, milliseconds: performance.now() - began };
}
