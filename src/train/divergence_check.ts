/**
 * The kernels on trial with what training must not hide: NaN, infinities and overflows in every tensor of a network.
 *
 * WGSL lets a compiler assume that no float is NaN or infinite, so kernels that report a diverged network with one compiler
 * may hide it with another. This check tells; what it finds on one adapter says nothing about the next.
 *
 * @module
 */

import { type DataSet, standardise } from "../data/dataset.ts";
import type { DeviceDataSet } from "../gpu/device_data.ts";
import { ArgumentError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import type { ShaderTexts } from "../gpu/kernels.ts";
import type { Evaluation } from "../model/metrics.ts";
import { initialise, initialStatistics } from "../model/initialisation.ts";
import {
  type Architecture,
  type Layout,
  layout,
  type Parameter,
  type ParameterKind,
} from "../model/network.ts";
import { type NetworkSettings, Population, type StepPlan } from "./population.ts";
import { type Batch, cost as costOf } from "../model/reference/network.ts";
import { defaultVariant, variantFits } from "../programs/variants.ts";

/** What to run. */
export interface DivergenceCheckOptions {
  /** The data, on the device; at least two batches of training images. Parts of some dozens of images are enough. */
  readonly data: DeviceDataSet;
  /** Widths of the hidden layers, at least one of them. */
  readonly hidden: readonly number[];
  /** Whether hidden layers have batch norm. */
  readonly batchNorm: boolean;
  /** Images in a batch. The softmax is checked more thoroughly where no image of the first batch has some class. */
  readonly batch: number;
  /** The kernel variant; the one that should suit the adapter unless given. */
  readonly variant?: string;
  /** Other shader texts than the project's own, which is how tests plant mistakes. */
  readonly shaders?: ShaderTexts;
}

/** What became of a network with something that is not finite in it, or of those beside it. */
export interface DivergenceCheckRow {
  /** What was planted, as in `b1 is -Infinity`, or which networks are judged. */
  readonly name: string;
  /** Whether everything was found as expected. */
  readonly passed: boolean;
  /** What was expected and what was found instead; where it passed, what was found. */
  readonly detail: string;
}

/** What is planted in a network, and what must come of it. */
interface Case {
  readonly name: string;
  readonly parameters: Float32Array;
  readonly statistics: Float32Array;
  readonly settings: NetworkSettings;
  /**
   * When its loss must be reported: in the first update, in the second, never; or undefined where it may vanish, as a ReLU
   * makes 0 of -Infinity.
   */
  readonly reported: "first" | "second" | "never" | undefined;
  /** Whether an evaluation before the first update must have a loss that is not finite. */
  readonly evaluatedLoss: boolean;
  /** The accuracy of that evaluation, where no logit of any image is a number: the class found is then the first. */
  readonly accuracy?: number;
  /** Whether the cost must be NaN or infinite before the first update, or else after it. */
  readonly costBefore: boolean;
  /** A parameter whose gradient must not be finite in the first update, as an index in the flat vector. */
  readonly gradient?: number;
}

/** Updates that were made before the first one: any number but 0 will do. */
const NUMBER = 7;

/** Networks with something planted from one healthy network to the next. */
const APART = 4;

const SETTINGS: NetworkSettings = { lambda: 0.01, etaMin: 0, etaMax: 0.1 };

/** The largest power of two of float32, and a number whose square float32 just holds: no sum of several of them. */
const LARGE = 2 ** 127;
const LARGE_TO_SQUARE = Math.sqrt(1.75 * LARGE);

/** An activation that makes gradients of thousands, and a learning rate that is too high for them. */
const STEEP = 1e4;
const HIGH_ETA = 1e38;

/** Twice this is more than float32 holds. */
const HIGH_LAMBDA = 3e38;

/**
 * Plants NaN, infinities and numbers that overflow in every tensor of a network, makes two updates, and looks whether each is
 * reported: by {@linkcode Population.readDiverged} in the update whose loss it spoils, and by the loss and cost of an
 * evaluation. Among the networks there are healthy ones, all alike, that must train to the same bytes wherever they stand.
 *
 * What may vanish on the way to the loss, as a bias of -Infinity does in a ReLU, need only be reported by the cost.
 *
 * @param gpu The device.
 * @param options What to run.
 * @returns A row for everything that was planted, and the last for the healthy networks.
 * @throws {ArgumentError} If an option is not allowed, or the variant cannot run three such networks on this adapter.
 * @throws {GpuError} If the device refused an operation.
 * @throws {DeviceLostError} If the device went away.
 */
export async function checkDivergence(
  gpu: Gpu,
  options: DivergenceCheckOptions,
): Promise<DivergenceCheckRow[]> {
  const { data, hidden, batchNorm, batch } = options;
  const { inputs, classes, training } = data.source;
  if (hidden.length === 0 || training.count < 2 * batch) {
    throw new ArgumentError(
      `Cannot check divergence with ${hidden.length} hidden layers and ${training.count} training images, ` +
        `expected at least 1 and ${2 * batch}`,
    );
  }
  const architecture = { inputs, hidden, classes, batchNorm };
  const cases = allCases(data.source, { architecture, batch });
  const rows: DivergenceCheckRow[] = [];
  const faults: string[] = [];
  const size = casesAtATime(gpu, { ...options, architecture, cases: cases.length });
  for (let first = 0; first < cases.length; first += size) {
    const some = cases.slice(first, first + size);
    const found = await run(gpu, some, { ...options, architecture });
    rows.push(...some.map((planted, i) => judge(planted, found.planted[i])));
    faults.push(...found.faults);
  }
  const detail = faults.length === 0 ? "the same bytes, and not reported" : faults.join("; ");
  return [...rows, { name: "healthy networks beside them", passed: faults.length === 0, detail }];
}

/** The images that the first update sees. */
function firstBatch(source: DataSet, batch: number): Batch {
  const { images, labels } = source.training;
  const indices = Uint32Array.from({ length: batch }, (_, i) => i);
  return { x: standardise(images, source, indices), labels: labels.subarray(0, batch) };
}

/** The most cases that a population has room for, with the healthy networks beside them. */
function casesAtATime(
  gpu: Gpu,
  options: { architecture: Architecture; batch: number; cases: number; variant?: string },
): number {
  const { architecture, batch } = options;
  for (let cases = options.cases; cases >= 1; cases = Math.floor(cases / 2)) {
    const shape = { architecture, networks: cases + Math.ceil(cases / APART) + 1, batch };
    if (variantFits(options.variant ?? defaultVariant(gpu, shape), gpu, shape)) return cases;
  }
  throw new ArgumentError(
    `Cannot check divergence: the kernel variant ${options.variant} has no room for three networks of this shape`,
  );
}

// -------------------------------------------------------------------------------------------------------------------
// What is planted

function allCases(
  source: DataSet,
  options: { architecture: Architecture; batch: number },
): Case[] {
  const { architecture } = options;
  const places = layout(architecture);
  const batch = firstBatch(source, options.batch);
  const { labels, count } = source.validation;
  const ofFirstClass = labels.filter((label) => label === 0).length / count;
  const healthy: Case = {
    name: "",
    parameters: initialise(architecture, { seed: 1, identity: "planted" }),
    statistics: initialStatistics(architecture),
    settings: SETTINGS,
    reported: "first",
    evaluatedLoss: false,
    costBefore: true,
  };
  return [
    ...parameterCases(healthy, { architecture, places, batch, ofFirstClass }),
    ...statisticCases(healthy, { places, ofFirstClass }),
    ...overflowCases(healthy, { architecture, places, batch }),
  ];
}

/** The entry that a value is planted in: the first, the last, or one in the middle, so that none is special. */
const ENTRIES = [
  [NaN, (size: number) => Math.floor(size / 2)],
  [Infinity, (size: number) => size - 1],
  [-Infinity, () => 0],
] as const;

/** Each value in each parameter. */
function parameterCases(
  healthy: Case,
  options: { architecture: Architecture; places: Layout; batch: Batch; ofFirstClass: number },
): Case[] {
  const { architecture, places, batch, ofFirstClass } = options;
  return places.parameters.flatMap(({ name, layer, offset, size }) =>
    ENTRIES.map(([value, entry]): Case => {
      const at = offset + entry(size);
      const parameters = healthy.parameters.with(at, value);
      const { loss } = costOf({ architecture, parameters }, batch);
      const isNaN = Number.isNaN(value);
      return {
        ...healthy,
        name: `${name} is ${value}`,
        parameters,
        reported: Number.isFinite(loss) ? undefined : "first",
        evaluatedLoss: isNaN,
        accuracy: isNaN && layer < architecture.hidden.length ? ofFirstClass : undefined,
        gradient: isNaN ? at : undefined,
      };
    })
  );
}

/** Each value in each moving average, which training does not look at. */
function statisticCases(
  healthy: Case,
  { places, ofFirstClass }: { places: Layout; ofFirstClass: number },
): Case[] {
  return places.statistics.flatMap(({ name, offset, size }) =>
    ENTRIES.map(([value, entry]): Case => ({
      ...healthy,
      name: `${name} is ${value}`,
      statistics: healthy.statistics.with(offset + entry(size), value),
      reported: "never",
      evaluatedLoss: true,
      accuracy: Number.isNaN(value) ? ofFirstClass : undefined,
    }))
  );
}

/** Numbers that are finite, and what follows from them is not. */
function overflowCases(
  healthy: Case,
  options: { architecture: Architecture; places: Layout; batch: Batch },
): Case[] {
  const { architecture: { hidden, batchNorm, classes, inputs }, places, batch } = options;
  function tensor(parameters: Float32Array, kind: ParameterKind, layer: number): Float32Array {
    const is = (p: Parameter) => p.kind === kind && p.layer === layer;
    const { offset, size } = places.parameters.find(is)!;
    return parameters.subarray(offset, offset + size);
  }
  const last = hidden.length;
  const { input, largest } = widestInput(batch, inputs);

  const logits = healthy.parameters.slice();
  const toFirstClass = tensor(logits, "weight", last);
  for (let i = 0; i < toFirstClass.length; i += classes) toFirstClass[i] = LARGE;
  tensor(logits, "bias", last)[0] = 1.99 * LARGE;

  const difference = healthy.parameters.slice();
  tensor(difference, "weight", last).fill(0);
  tensor(difference, "bias", last).fill(-1.5 * LARGE).fill(1.5 * LARGE, 0, 1);

  const inside = healthy.parameters.slice(); // The first feature of the first layer.
  const weight = tensor(inside, "weight", 0);
  for (let i = 0; i < weight.length; i += hidden[0]) weight[i] = 0;
  weight[input * hidden[0]] = batchNorm ? LARGE_TO_SQUARE / largest : 1.99 * LARGE;
  if (!batchNorm) tensor(inside, "bias", 0)[0] = 1.99 * LARGE;
  tensor(inside, "weight", 1).fill(1, 0, hidden[1] ?? classes);

  const steep = healthy.parameters.slice();
  tensor(steep, batchNorm ? "beta" : "bias", last - 1).fill(STEEP);

  const update: Case = { ...healthy, name: "", reported: "second", costBefore: false };
  return [
    { ...healthy, name: "a logit overflows", parameters: logits, evaluatedLoss: true },
    {
      ...healthy,
      name: "the difference of two logits overflows",
      parameters: difference,
      evaluatedLoss: true,
    },
    {
      ...healthy,
      name: batchNorm ? "a variance overflows" : "an activation overflows",
      parameters: inside,
      costBefore: false,
    },
    {
      ...update,
      name: "an update overflows",
      parameters: steep,
      settings: { ...SETTINGS, etaMax: HIGH_ETA },
    },
    {
      ...update,
      name: "the gradient of L2 overflows",
      settings: { ...SETTINGS, lambda: HIGH_LAMBDA },
    },
  ];
}

/** The input that differs most from image to image of a batch, among those that are above 0 in one, and how large it gets. */
function widestInput({ x }: Batch, inputs: number): { input: number; largest: number } {
  let found = { input: 0, largest: 1, width: 0 };
  for (let input = 0; input < inputs; input++) {
    let [min, max] = [Infinity, -Infinity];
    for (let at = input; at < x.length; at += inputs) {
      min = Math.min(min, x[at]);
      max = Math.max(max, x[at]);
    }
    if (max > 0 && max - min > found.width) {
      found = { input, largest: Math.max(max, -min), width: max - min };
    }
  }
  return found;
}

// -------------------------------------------------------------------------------------------------------------------
// What comes of it

/** What was found of a network, in order. */
interface Found {
  readonly before: Evaluation;
  readonly divergedFirst: number | null;
  readonly gradient: Float32Array;
  readonly after: Evaluation;
  readonly secondLoss: number;
  readonly divergedSecond: number | null;
  readonly parameters: Float32Array;
  readonly statistics: Float32Array;
}

/** Networks with something planted, and healthy ones in front, after every few and behind. */
function withHealthy(cases: readonly Case[]): (Case | undefined)[] {
  return [...cases.flatMap((own, i) => i % APART === 0 ? [undefined, own] : [own]), undefined];
}

/** Runs some cases in one population. */
async function run(
  gpu: Gpu,
  cases: readonly Case[],
  options: DivergenceCheckOptions & { architecture: Architecture },
): Promise<{ planted: Found[]; faults: string[] }> {
  const { architecture, data, batch, variant, shaders } = options;
  const planted = withHealthy(cases);
  const networks = planted.map((own) => own?.settings ?? SETTINGS);
  const population = await Population.create(gpu, {
    architecture,
    networks,
    batch,
    data,
    variant,
    shaders,
  });
  try {
    const { count } = data.source.training;
    population.setOrder(Uint32Array.from({ length: count }, (_, i) => i));
    const healthy = {
      parameters: initialise(architecture, { seed: 1, identity: "healthy" }),
      statistics: initialStatistics(architecture),
    };
    const found = await update(population, planted.map((own) => own ?? healthy));
    const faults: string[] = [];
    for (const [i, own] of found.entries()) {
      if (planted[i] !== undefined) continue;
      const beside = planted[i + 1]?.name ?? planted[i - 1]?.name;
      if (own.divergedSecond !== null || !Number.isFinite(own.after.cost)) {
        faults.push(`reported beside the one where ${beside}`);
      } else if (!sameNumbers(own, found[0])) {
        faults.push(`other bytes beside the one where ${beside}`);
      }
    }
    return { planted: found.filter((_, i) => planted[i] !== undefined), faults };
  } finally {
    population.destroy();
  }
}

/** Evaluates networks, makes an update, evaluates them again and makes another one. */
async function update(
  population: Population,
  states: readonly { parameters: Float32Array; statistics: Float32Array }[],
): Promise<Found[]> {
  const steps = [0, 1].map((i): StepPlan => ({
    first: i * population.batch,
    rise: 1,
    number: NUMBER + i,
  }));
  population.write({
    parameters: states.map(({ parameters }) => parameters),
    statistics: states.map(({ statistics }) => statistics),
  });
  const [before] = await population.evaluate(["validation"]);
  await population.advance(steps.slice(0, 1));
  const divergedFirst = await population.readDiverged();
  const gradients = await population.readGradients();
  const [after] = await population.evaluate(["validation"]);
  const [secondLosses] = await population.advanceWithLosses(steps.slice(1));
  const { diverged: divergedSecond, parameters, statistics } = await population.readState();
  return states.map((_, i) => ({
    before: before[i],
    divergedFirst: divergedFirst[i],
    gradient: gradients[i],
    after: after[i],
    secondLoss: secondLosses[i],
    divergedSecond: divergedSecond[i],
    parameters: parameters[i],
    statistics: statistics[i],
  }));
}

function judge(planted: Case, found: Found): DivergenceCheckRow {
  const { name, reported, evaluatedLoss, accuracy, costBefore, gradient } = planted;
  const faults: string[] = [];
  function expect(passed: boolean, fault: string): void {
    if (!passed) faults.push(fault);
  }
  function expectStep(step: number | null, expected: number | null, when: string): void {
    expect(step === expected, `diverged at ${step} after ${when}, expected ${expected}`);
  }
  const first = reported === "first" ? NUMBER : null;
  const second = reported === "second" ? NUMBER + 1 : first;
  if (reported !== undefined) {
    expectStep(found.divergedFirst, first, "the first update");
    expectStep(found.divergedSecond, second, "the second update");
    const finite = Number.isFinite(found.secondLoss);
    expect(
      finite === (second === null),
      `loss ${found.secondLoss} in the second update, expected one that is ${
        second === null ? "" : "not "
      }finite`,
    );
  }
  if (evaluatedLoss) {
    const { loss } = found.before;
    expect(!Number.isFinite(loss), `evaluated loss ${loss}, expected NaN or infinity`);
  }
  if (accuracy !== undefined) {
    const own = found.before.accuracy;
    expect(own === accuracy, `evaluated accuracy ${own}, expected ${accuracy}`);
  }
  const { cost } = costBefore ? found.before : found.after;
  expect(!Number.isFinite(cost), `evaluated cost ${cost}, expected NaN or infinity`);
  if (gradient !== undefined) {
    const value = found.gradient[gradient];
    expect(!Number.isFinite(value), `its gradient ${value}, expected NaN`);
  }
  const step = found.divergedSecond;
  const seen = `${step === null ? "no update's loss" : `the loss of update ${step}`}, cost ${cost}`;
  return { name, passed: faults.length === 0, detail: faults.join("; ") || seen };
}

function sameNumbers(a: Found, b: Found): boolean {
  return sameBytes(a.parameters, b.parameters) && sameBytes(a.statistics, b.statistics) &&
    sameBytes(a.gradient, b.gradient) && a.secondLoss === b.secondLoss &&
    sameEvaluation(a.before, b.before) && sameEvaluation(a.after, b.after);
}

function sameEvaluation(a: Evaluation, b: Evaluation): boolean {
  return a.loss === b.loss && a.cost === b.cost && a.accuracy === b.accuracy;
}

function sameBytes(a: Float32Array, b: Float32Array): boolean {
  const [x, y] = [a, b].map((v) => new Uint32Array(v.buffer, v.byteOffset, v.length));
  return x.every((word, i) => word === y[i]);
}
