/**
 * Checks that the kernels report NaN, infinities and overflows in every tensor of a network.
 *
 * WGSL lets a compiler assume that no float is NaN or infinite (section "Floating Point Evaluation"), so kernels that
 * report a diverged network with one compiler may hide it with another: the result holds for one adapter only.
 *
 * @module
 */

import { type DataSet, standardise } from "../data/dataset.ts";
import { ArgumentError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import type { DeviceDataSet } from "../gpu/device_data.ts";
import { initialise, initialStatistics } from "../model/initialisation.ts";
import type { Evaluation } from "../model/metrics.ts";
import { type Architecture, layout, type ParameterKind } from "../model/network.ts";
import { type Batch, cost as costOf } from "../model/reference/network.ts";
import { architectureOf, type PopulationPlan } from "../model/shape.ts";
import { defaultVariant, variantFits } from "../programs/variants.ts";
import { type NetworkSettings, Population, type StepPlan } from "./population.ts";

/** What to run: networks with at least one hidden layer. */
export interface DivergenceCheckOptions extends Omit<PopulationPlan, "networks"> {
  /**
   * The data, on the device: at least two batches of training images; some dozens of images in each split are enough. The
   * check of the softmax is stricter if the first batch lacks some class.
   */
  readonly data: DeviceDataSet;
  /** The kernel variant; the default one of the adapter unless given. */
  readonly variant?: string;
}

/** The outcome for a network with a planted value, or for the healthy ones. */
export interface DivergenceCheckRow {
  /** What was planted, as in `b1 is -Infinity`, or which networks the row is about. */
  readonly name: string;
  /** Whether everything was as expected. */
  readonly passed: boolean;
  /** What was found; if the check failed, also what was expected. */
  readonly detail: string;
}

/** What is planted in a network, and the expected outcome. */
interface Case {
  readonly name: string;
  readonly parameters: Float32Array;
  readonly statistics: Float32Array;
  readonly settings: NetworkSettings;
  /** The update whose loss must be reported; undefined if the value may vanish, as a ReLU turns -Infinity into 0. */
  readonly reported: "first" | "second" | "never" | undefined;
  /** Whether the evaluation before the first update must have a loss that is not finite. */
  readonly evaluatedLoss: boolean;
  /** The accuracy of that evaluation if all logits are NaN: the first class is then predicted for every image. */
  readonly accuracy?: number;
  /** Whether the cost must be NaN or infinite before the first update; otherwise it must be after it. */
  readonly costBefore: boolean;
  /** A parameter whose gradient must not be finite in the first update, as an index in the flat vector. */
  readonly gradient?: number;
}

/** The number of the first update; not 0, so that a wrong 0 is found. */
const NUMBER = 7;

/** Number of networks with planted values between two healthy ones. */
const APART = 4;

const SETTINGS: NetworkSettings = { lambda: 0.01, etaMin: 0, etaMax: 0.1 };

/** The largest power of two in float32, and a number whose square is finite in float32, but not the sum of two squares. */
const LARGE = 2 ** 127;
const LARGE_TO_SQUARE = Math.sqrt(1.75 * LARGE);

/** An activation that gives gradients of thousands, and a learning rate that overflows with them. */
const STEEP = 1e4;
const HIGH_ETA: NetworkSettings = { ...SETTINGS, etaMax: 1e38 };

/** A λ for which 2 λ overflows in float32. */
const HIGH_LAMBDA: NetworkSettings = { ...SETTINGS, lambda: 3e38 };

/**
 * Plants NaN, infinities and overflowing numbers in every tensor of a network, makes two updates, and checks that each is
 * reported: by {@linkcode Population.readDiverged} in the update whose loss it reaches, and by the loss and cost of an
 * evaluation. Identical healthy networks among them must train to the same bytes, whatever their neighbours.
 *
 * A value that may not reach the loss, such as a bias of -Infinity before a ReLU, need only be reported by the cost.
 *
 * @returns A row for each planted value, and one for the healthy networks.
 * @throws {ArgumentError} If an option is not allowed, or the variant cannot run three such networks on this adapter.
 */
export async function checkDivergence(
  gpu: Gpu,
  options: DivergenceCheckOptions,
): Promise<DivergenceCheckRow[]> {
  const { data, hidden, batch } = options;
  const { training } = data.source;
  if (hidden.length === 0 || training.count < 2 * batch) {
    throw new ArgumentError(
      `Cannot check divergence with ${hidden.length} hidden layers and ${training.count} training images, ` +
        `expected at least 1 and ${2 * batch}`,
    );
  }
  const architecture = architectureOf(options, data.source);
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

/** The maximum number of cases that fit into a population together with their healthy networks. */
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

/** What the cases are made from. */
interface Basis {
  readonly architecture: Architecture;
  /** The first batch. */
  readonly batch: Batch;
  /** The share of validation images of the first class. */
  readonly firstClass: number;
  /** A case with nothing planted yet. */
  readonly healthy: Case;
}

function allCases(
  source: DataSet,
  options: { architecture: Architecture; batch: number },
): Case[] {
  const { architecture } = options;
  const { images, labels } = source.training;
  const indices = Uint32Array.from({ length: options.batch }, (_, i) => i);
  const batch = { x: standardise(images, source, indices), labels: labels.slice(0, options.batch) };
  const { validation } = source;
  const firstClass = validation.labels.filter((label) => label === 0).length / validation.count;
  const healthy: Case = {
    name: "",
    parameters: initialise(architecture, { seed: 1, identity: "planted" }),
    statistics: initialStatistics(architecture),
    settings: SETTINGS,
    reported: "first",
    evaluatedLoss: false,
    costBefore: true,
  };
  const basis = { architecture, batch, firstClass, healthy };
  return [...parameterCases(basis), ...statisticCases(basis), ...overflowCases(basis)];
}

/** Values to plant, and the entry of a tensor: the middle, the last or the first. */
const ENTRIES = [
  [NaN, (size: number) => Math.floor(size / 2)],
  [Infinity, (size: number) => size - 1],
  [-Infinity, () => 0],
] as const;

function parameterCases({ architecture, batch, firstClass, healthy }: Basis): Case[] {
  return layout(architecture).parameters.flatMap(({ name, layer, offset, size }) =>
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
        accuracy: isNaN && layer < architecture.hidden.length ? firstClass : undefined,
        gradient: isNaN ? at : undefined,
      };
    })
  );
}

/** Cases that only evaluations report: training does not use the moving averages. */
function statisticCases({ architecture, firstClass, healthy }: Basis): Case[] {
  return layout(architecture).statistics.flatMap(({ name, offset, size }) =>
    ENTRIES.map(([value, entry]): Case => ({
      ...healthy,
      name: `${name} is ${value}`,
      statistics: healthy.statistics.with(offset + entry(size), value),
      reported: "never",
      evaluatedLoss: true,
      accuracy: Number.isNaN(value) ? firstClass : undefined,
    }))
  );
}

/** Cases with finite parameters whose results are not finite. */
function overflowCases({ architecture, batch, healthy }: Basis): Case[] {
  const { hidden, batchNorm, classes, inputs } = architecture;
  const places = layout(architecture).parameters;
  function tensor(parameters: Float32Array, kind: ParameterKind, layer: number): Float32Array {
    const { offset, size } = places.find((p) => p.kind === kind && p.layer === layer)!;
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

  const inside = healthy.parameters.slice(); // the first feature of the first layer
  const weight = tensor(inside, "weight", 0);
  for (let i = 0; i < weight.length; i += hidden[0]) weight[i] = 0;
  weight[input * hidden[0]] = batchNorm ? LARGE_TO_SQUARE / largest : 1.99 * LARGE;
  if (!batchNorm) tensor(inside, "bias", 0)[0] = 1.99 * LARGE;
  tensor(inside, "weight", 1).fill(1, 0, hidden[1] ?? classes);

  const steep = healthy.parameters.slice();
  tensor(steep, batchNorm ? "beta" : "bias", last - 1).fill(STEEP);

  const evaluated: Case = { ...healthy, evaluatedLoss: true };
  const update: Case = { ...healthy, reported: "second", costBefore: false };
  const feature = batchNorm ? "a variance" : "an activation";
  return [
    { ...evaluated, name: "a logit overflows", parameters: logits },
    { ...evaluated, name: "the difference of two logits overflows", parameters: difference },
    { ...healthy, name: `${feature} overflows`, parameters: inside, costBefore: false },
    { ...update, name: "an update overflows", parameters: steep, settings: HIGH_ETA },
    { ...update, name: "the gradient of L2 overflows", settings: HIGH_LAMBDA },
  ];
}

/** Finds the input with the widest range over a batch, among those positive somewhere, and its largest magnitude. */
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
// What is found

/** What was found in a network, in order. */
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

/** Adds healthy networks (undefined) at the start, after every few cases and at the end. */
function withHealthy(cases: readonly Case[]): (Case | undefined)[] {
  return [...cases.flatMap((own, i) => i % APART === 0 ? [undefined, own] : [own]), undefined];
}

/** Runs some cases in one population. */
async function run(
  gpu: Gpu,
  cases: readonly Case[],
  options: DivergenceCheckOptions & { architecture: Architecture },
): Promise<{ planted: Found[]; faults: string[] }> {
  const { architecture, data, batch, variant } = options;
  const planted = withHealthy(cases);
  const networks = planted.map((own) => own?.settings ?? SETTINGS);
  const settings = { architecture, networks, batch, data, variant };
  const population = await Population.create(gpu, settings);
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

/** Evaluates networks, updates them, evaluates them again and updates them again. */
async function update(
  population: Population,
  states: readonly { parameters: Float32Array; statistics: Float32Array }[],
): Promise<Found[]> {
  const steps = [0, 1].map((i): StepPlan => {
    return { first: i * population.batch, rise: 1, number: NUMBER + i };
  });
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
    (["before", "after"] as const).every((when) =>
      (["loss", "cost", "accuracy"] as const).every((name) => a[when][name] === b[when][name])
    );
}

function sameBytes(a: Float32Array, b: Float32Array): boolean {
  const [x, y] = [a, b].map((v) => new Uint32Array(v.buffer, v.byteOffset, v.length));
  return x.every((word, i) => word === y[i]);
}
