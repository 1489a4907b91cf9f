/**
 * Verifies a kernel variant on an adapter: it must agree with the reference, report NaN, and compute the same bytes every
 * time.
 *
 * @module
 */

import { cutInputs, type DataSet, subset } from "../data/dataset.ts";
import { createSynthetic } from "../data/synthetic.ts";
import { ArgumentError, DeviceLostError, GpuError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { DeviceDataSet } from "../gpu/device_data.ts";
import { initialise } from "../model/initialisation.ts";
import { layout } from "../model/network.ts";
import { PUBLISHED_HIDDEN } from "../model/published.ts";
import { Random } from "../model/random.ts";
import { type PopulationPlan, shapeOf } from "../model/shape.ts";
import { planSteps } from "../programs/steps.ts";
import { variantFits } from "../programs/variants.ts";
import { checkDivergence } from "./divergence_check.ts";
import { checkKernels, type KernelCheckRow, passes, worstOf } from "./kernel_check.ts";
import { Population } from "./population.ts";

/** What to verify, and on which images. */
export interface VariantCheckOptions {
  /** The kernel variant. */
  readonly variant: string;
  /** The images, from {@linkcode createVariantCheckData}. */
  readonly dataset: DataSet;
  /** Stops between two checks. */
  readonly signal?: AbortSignal;
}

/** The outcome of one check of a variant. */
export interface VariantCheckRow {
  /** The check, as in "9 layers, batch norm". */
  readonly check: string;
  /** "not run" if the variant cannot run the check's sizes on this adapter. */
  readonly outcome: "passed" | "failed" | "not run";
  /** How close it is to its bar, or what is wrong. */
  readonly detail: string;
}

type Finding = Omit<VariantCheckRow, "check">;

interface Check {
  readonly check: string;
  run(): Promise<Finding>;
}

/** A setting whose steps are compared with the reference. */
export interface VariantCheckSetting extends PopulationPlan {
  /** The name of the check. */
  readonly check: string;
  /** How many of an image's first values are used. */
  readonly inputs: number;
  /** Networks that train together: the first of {@linkcode VARIANT_CHECK_NETWORKS}. */
  readonly networks: number;
  /** Steps to compare. */
  readonly steps: number;
  /** The seed of batches and initial weights. */
  readonly seed: number;
}

/** Networks that differ in every setting in which those of a population may differ. */
export const VARIANT_CHECK_NETWORKS = [
  { lambda: 0.5, etaMin: 1e-5, etaMax: 0.1 },
  { lambda: 0, etaMin: 0, etaMax: 0.2 },
  { lambda: 0.01, etaMin: 0.05, etaMax: 0.05 },
] as const;

const [THREE_LAYERS, NINE_LAYERS] = PUBLISHED_HIDDEN;

const ALL_INPUTS = 3072;

/**
 * The settings whose steps are compared with the float64 reference. 71 inputs are not a whole number of texels; widths of
 * 67 and 9 and 130 images are not whole numbers of tiles. The smaller sizes fit kernels that keep a layer in workgroup
 * memory.
 *
 * With these seeds every input of a ReLU is at least 1e-4 from 0: float32 rounding, about 1e-6, changes no sign, which
 * would change gradients by far more than a bar allows.
 */
export const VARIANT_CHECK_SETTINGS: readonly VariantCheckSetting[] = [
  {
    check: "3 layers, batch norm",
    inputs: ALL_INPUTS,
    hidden: THREE_LAYERS,
    batchNorm: true,
    batch: 100,
    networks: 2,
    steps: 2,
    seed: 129,
  },
  {
    check: "3 layers",
    inputs: ALL_INPUTS,
    hidden: THREE_LAYERS,
    batchNorm: false,
    batch: 100,
    networks: 1,
    steps: 2,
    seed: 258,
  },
  {
    check: "awkward sizes",
    inputs: 71,
    hidden: [67, 9],
    batchNorm: true,
    batch: 130,
    networks: 3,
    steps: 2,
    seed: 386,
  },
  {
    check: "awkward sizes, 4 layers",
    inputs: 71,
    hidden: [43, 9, 5],
    batchNorm: true,
    batch: 37,
    networks: 3,
    steps: 2,
    seed: 401,
  },
  {
    check: "9 layers, batch norm",
    inputs: 71,
    hidden: NINE_LAYERS,
    batchNorm: true,
    batch: 50,
    networks: 2,
    steps: 2,
    seed: 353,
  },
];

/**
 * The network that NaN and infinities are planted in. Some classes have no image in its first batch, and the first and
 * last class have different numbers of validation images: both make the check of the softmax stricter.
 */
const PLANTED = {
  inputs: 10,
  hidden: [6, 5],
  batch: 7,
  counts: { training: 60, validation: 22 },
};

/** The network whose trainings must all give the same bytes. */
const REPEATED = {
  architecture: { inputs: ALL_INPUTS, hidden: THREE_LAYERS, classes: 10, batchNorm: true },
  batch: 100,
  seed: 1,
};

/** Steps of a repeated training. After an odd number, weights that alternate between two buffers are in the second. */
const REPEATED_STEPS = 21;

/** Steps after which a training in pieces is interrupted: an odd and an even number. */
const CUTS = [1, 8];
const ONE_PIECE: readonly number[] = [];

/** Index of the network that is also trained alone. */
const MIDDLE = 1;

/** Enough images for two batches of every setting, and for an evaluation whose last tile is not full. */
const IMAGES = { training: 300, test: 1 };

/** Makes the images to verify variants on, of the size of CIFAR-10's and the same on every machine. */
export function createVariantCheckData(): Promise<DataSet> {
  return createSynthetic(IMAGES);
}

/**
 * Runs every check of a kernel variant on an adapter: steps of several networks against the float64 reference; NaN and
 * infinities, which must be reported; a training repeated, alone and among others, in one piece and in several, which must
 * give the same bytes. After a failed check the device may be lost or in a bad state: verify nothing else on it.
 *
 * @yields The outcome of each check. If the device refuses an operation or is lost, the check fails and is the last; if
 * memory runs out, it counts as not run and is the last.
 */
export async function* verifyVariant(
  gpu: Gpu,
  options: VariantCheckOptions,
): AsyncGenerator<VariantCheckRow> {
  const checks = [referenceChecks, divergenceChecks, byteChecks];
  for (const { check, run } of checks.flatMap((each) => each(gpu, options))) {
    options.signal?.throwIfAborted();
    try {
      yield { check, ...await run() };
    } catch (error) {
      if (error instanceof ArgumentError) {
        // Memory ran out, and later checks may depend on the result.
        yield { check, outcome: "not run", detail: error.message };
        return;
      }
      if (!(error instanceof GpuError || error instanceof DeviceLostError)) throw error;
      yield { check, outcome: "failed", detail: error.message };
      return;
    }
  }
}

const NOT_RUN: Finding = { outcome: "not run", detail: "it cannot run these sizes here" };

// -------------------------------------------------------------------------------------------------------------------
// Against the reference

function referenceChecks(gpu: Gpu, options: VariantCheckOptions): Check[] {
  return VARIANT_CHECK_SETTINGS.map((setting) => {
    return { check: setting.check, run: () => compareWithReference(gpu, setting, options) };
  });
}

async function compareWithReference(
  gpu: Gpu,
  setting: VariantCheckSetting,
  { dataset, variant }: VariantCheckOptions,
): Promise<Finding> {
  const networks = VARIANT_CHECK_NETWORKS.slice(0, setting.networks);
  const images = cutInputs(dataset, setting.inputs);
  if (!variantFits(variant, gpu, shapeOf(setting, images))) return NOT_RUN;
  const data = new DeviceDataSet(gpu, images);
  try {
    return judge(await checkKernels(gpu, { ...setting, networks, data, variant }));
  } finally {
    data.destroy();
  }
}

function judge(rows: readonly KernelCheckRow[]): Finding {
  const { kind, name, error, bar } = worstOf(rows);
  const what = kind === name ? name : `${kind} of ${name}`;
  const detail = `${what} is off by ${error.toExponential(1)}, at most ${bar.toExponential()}`;
  return { outcome: rows.every(passes) ? "passed" : "failed", detail };
}

// -------------------------------------------------------------------------------------------------------------------
// NaN and infinities

function divergenceChecks(gpu: Gpu, options: VariantCheckOptions): Check[] {
  return [true, false].map((batchNorm) => ({
    check: batchNorm ? "NaN, batch norm" : "NaN",
    run: () => plantNaN(gpu, batchNorm, options),
  }));
}

async function plantNaN(
  gpu: Gpu,
  batchNorm: boolean,
  { dataset, variant }: VariantCheckOptions,
): Promise<Finding> {
  const images = cutInputs(subset(dataset, PLANTED.counts), PLANTED.inputs);
  const shape = shapeOf({ ...PLANTED, batchNorm, networks: 2 }, images);
  if (!variantFits(variant, gpu, shape)) return NOT_RUN;
  const data = new DeviceDataSet(gpu, images);
  try {
    const rows = await checkDivergence(gpu, { ...PLANTED, batchNorm, data, variant });
    const wrong = rows.filter(({ passed }) => !passed);
    if (wrong.length === 0) return { outcome: "passed", detail: `${rows.length} cases` };
    const [{ name, detail }] = wrong;
    const cases = `${wrong.length} of ${rows.length} cases, the first`;
    return { outcome: "failed", detail: `${cases}: ${name}: ${detail}` };
  } finally {
    data.destroy();
  }
}

// -------------------------------------------------------------------------------------------------------------------
// The same bytes

/** The state of a network after training. */
interface Trained {
  readonly parameters: Float32Array;
  readonly statistics: Float32Array;
}

function byteChecks(gpu: Gpu, options: VariantCheckOptions): Check[] {
  const { architecture, batch } = REPEATED;
  const everyone = VARIANT_CHECK_NETWORKS.map((_, identity) => identity);
  const shape = { architecture, networks: everyone.length, batch };
  const fits = variantFits(options.variant, gpu, shape);
  let among: Trained;
  let alone: Trained;
  const checks: Record<string, () => Promise<Finding>> = {
    "same bytes twice": async () => {
      // In the same memory, so that leftovers of the first training would show.
      const trainings = [ONE_PIECE, ONE_PIECE];
      const [once, again] = await train(gpu, options, { identities: everyone, trainings });
      among = once[MIDDLE];
      return compareBytes(once, again);
    },
    "same bytes alone": async () => {
      [[alone]] = await train(gpu, options, { identities: [MIDDLE], trainings: [ONE_PIECE] });
      return compareBytes([among], [alone]);
    },
    "same bytes in pieces": async () => {
      const [pieces] = await train(gpu, options, { identities: [MIDDLE], trainings: [CUTS] });
      return compareBytes([alone], pieces);
    },
  };
  return Object.entries(checks).map(([check, run]) => {
    return { check, run: fits ? run : () => Promise.resolve(NOT_RUN) };
  });
}

/** Trains some networks from their initial weights, once for each list of cuts; [trainings][networks]. */
async function train(
  gpu: Gpu,
  { dataset, variant }: VariantCheckOptions,
  work: { identities: readonly number[]; trainings: readonly (readonly number[])[] },
): Promise<Trained[][]> {
  const { identities, trainings } = work;
  const { architecture, batch, seed } = REPEATED;
  const data = new DeviceDataSet(gpu, dataset);
  let population: Population | undefined;
  try {
    const networks = identities.map((identity) => VARIANT_CHECK_NETWORKS[identity]);
    const options = { architecture, networks, batch, data, variant };
    population = await Population.create(gpu, options);
    population.setOrder(new Random(seed, "batches", 0).permutation(population.images));
    const steps = planSteps(population, {
      first: 0,
      count: REPEATED_STEPS,
      rise: (number) => number / REPEATED_STEPS,
    });
    const results: Trained[][] = [];
    for (const cuts of trainings) {
      population.write({
        parameters: identities.map((identity) => initialise(architecture, { seed, identity })),
      });
      for (const [i, from] of [0, ...cuts].entries()) {
        await population.advance(steps.slice(from, cuts[i]));
      }
      const { parameters, statistics } = await population.readState();
      results.push(identities.map((_, i) => {
        return { parameters: parameters[i], statistics: statistics[i] };
      }));
    }
    return results;
  } finally {
    population?.destroy();
    data.destroy();
  }
}

/** Compares trainings of the same networks bit by bit. */
function compareBytes(found: readonly Trained[], expected: readonly Trained[]): Finding {
  const { parameters, statistics } = layout(REPEATED.architecture);
  for (const [i, network] of found.entries()) {
    const wrong = difference(parameters, network.parameters, expected[i].parameters) ??
      difference(statistics, network.statistics, expected[i].statistics);
    if (wrong !== undefined) {
      return { outcome: "failed", detail: `${wrong} after ${REPEATED_STEPS} steps` };
    }
  }
  return { outcome: "passed", detail: `${REPEATED_STEPS} steps` };
}

/** The first value, if any, that differs in a bit or is not finite. */
function difference(
  tensors: readonly { name: string; offset: number; size: number }[],
  a: Float32Array,
  b: Float32Array,
): string | undefined {
  const [x, y] = [a, b].map((v) => new Uint32Array(v.buffer, v.byteOffset, v.length));
  const at = x.findIndex((bits, i) => bits !== y[i] || !Number.isFinite(a[i]));
  if (at < 0) return undefined;
  const { name } = tensors.find(({ offset, size }) => at < offset + size)!;
  return x[at] === y[at] ? `${name} has ${a[at]}` : `${name} has ${a[at]} and ${b[at]}`;
}
