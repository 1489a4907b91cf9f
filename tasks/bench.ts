/** The task `bench`: the speed of training on this machine's adapter, recorded to be compared with other days. */
import { fromFileUrl, join } from "@std/path";
import type { DataSet } from "../src/data/dataset.ts";
import { ArgumentError } from "../src/errors.ts";
import type { Gpu } from "../src/gpu/device.ts";
import type { DeviceDataSet } from "../src/gpu/device_data.ts";
import { maximum } from "../src/lists.ts";
import { measureAdapterPeak } from "../src/measure/adapter_peak.ts";
import type { BenchRow } from "../src/measure/bench.ts";
import { compareWithEarlier } from "../src/measure/slowdown.ts";
import { timeUnit, unitsFor } from "../src/measure/timing.ts";
import { architectureOf } from "../src/model/shape.ts";
import { BENCH_CSV, PEERS_CSV } from "../src/records/bench.ts";
import { currentCommit } from "./_bench/commit.ts";
import { appendBenchRows, BENCH_FILES, dateNow, readRows } from "./_bench/files.ts";
import {
  type Load,
  measure,
  measureCompiling,
  type Measurement,
  operationsPerStep,
  Runner,
} from "./_bench/measure.ts";
import { PeakMemory } from "./_bench/peak_memory.ts";
import { checkMayStart, measurePeers, type Peer, peersOf } from "./_bench/peers.ts";
import { COMPARE_RULE, reportBench, reportComparisons } from "./_bench/report.ts";
import { describePlan, type Plan } from "./_kit/capacity.ts";
import type { TaskContext } from "./_kit/context.ts";
import { announceData } from "./_kit/data.ts";
import { writeEvent } from "./_kit/events.ts";
import { Figures } from "./_kit/figures.ts";
import { EXIT, runTask } from "./_kit/main.ts";
import {
  checkBatch,
  COMMON_OPTIONS,
  flag,
  HIDDEN_DEFAULT,
  hiddensOf,
  integer,
  normsOf,
  type Parsed,
  PROFILE_OPTION,
  real,
  type Task,
  TRAINING_OPTIONS,
  type Values,
  widths,
} from "./_kit/options.ts";
import { DENO_VERSION, PACKAGE_VERSION } from "./_kit/version.ts";
import { type GpuCall, SharedData, withGpu } from "./_kit/with_data.ts";
import { profileAll } from "./_run/profile.ts";
import { VariantChooser } from "./_run/variant.ts";

const OPTIONS = {
  networks: widths({
    default: [1, 10, 20],
    help: "how many networks train together, one row for each",
  }),
  steps: integer({ min: 1, max: 1_000_000, default: 450, help: "steps in a measurement" }),
  repeat: integer({
    min: 1,
    max: 1000,
    default: 5,
    help: "measurements, of which the median is reported",
  }),
  compare: flag({
    help:
      "exit with 3 when a time is worse than in earlier runs on the same adapter; the rows are " +
      "appended in any case",
  }),
  worseBy: real({
    default: 0.1,
    help: "share by which a time may exceed the usual one with --compare",
  }),
  ...PROFILE_OPTION,
  peers: flag({
    help:
      "also measure the same steps in NumPy, PyTorch and JAX, where python3 has them, and that of " +
      "one network of 3 layers in TensorFlow.js and jax-js (from npm, on the same adapter) and, as " +
      "CUDA kernels, in CuPy, in turn with ours; prints ratios and appends to peers.csv in --out. Only " +
      "the task peers, which has this option set, may start other programs",
  }),
  peerRounds: integer({
    min: 1,
    max: 100,
    default: 5,
    help: "how often each peer is measured",
  }),
  hidden: TRAINING_OPTIONS.hidden,
  layers: TRAINING_OPTIONS.layers,
  batchNorm: TRAINING_OPTIONS.batchNorm,
  batch: TRAINING_OPTIONS.batch,
  ...COMMON_OPTIONS,
};

type Options = Values<typeof OPTIONS>;

const TASK: Task<Options> = {
  name: "bench",
  summary: "Measures training: milliseconds per step (gathering the batch included, from the " +
    "start of the first step to the end of the last by the GPU's own clock or, where it has none, " +
    "by the difference of two lengths, after a warm-up), steps per second, GFLOP per second (2 · " +
    "batch · Σ in · out over the layers, times 3 for forward, weight and input gradient, or 2 in " +
    "the first layer) and their share of the adapter's peak, an evaluation of 50,000 images (scaled " +
    "where fewer are used), the start-up, and memory. All kinds of networks are measured in turn, " +
    "several times. Appends a row for each kind to bench.csv in --out and draws trend.svg from all " +
    `rows; --force starts a new bench.csv. ${COMPARE_RULE}`,
  options: OPTIONS,
  quick: { networks: [1, 10], steps: 20, repeat: 2, peerRounds: 1 },
  defaultTexts: {
    hidden: HIDDEN_DEFAULT,
    steps:
      "450, or as many as take a second if that is more; on a software adapter 450 divided by " +
      "the number of networks",
  },
  check: checkOptions,
  examples: [
    { command: "deno task bench", purpose: "3 and 9 layers with batch norm" },
    {
      command: "deno task bench --networks 1,3,10 --hidden 50,50",
      purpose: "what training together saves",
    },
    { command: "deno task peers", purpose: "beside other libraries on this machine" },
    {
      command: "deno task bench --require-gpu --json --compare",
      purpose: "for a scheduler",
    },
  ],
};

/** Networks are an axis of every dispatch, and this is the limit of an axis on any adapter. */
const MAX_NETWORKS = 65_535;

/** Minimum milliseconds of a measurement unless its number of steps is given. */
const MIN_MILLISECONDS = 1000;

type BenchPopulation = Plan & { readonly variant: string };

interface BenchPlan extends GpuCall<Options> {
  readonly shapes: readonly Plan[];
  readonly before: readonly BenchRow[];
}

interface Bench {
  readonly context: TaskContext;
  readonly gpu: Gpu;
  readonly data: DeviceDataSet;
  readonly chooser: VariantChooser;
  readonly commit: string;
}

async function plan(call: GpuCall<Options>): Promise<BenchPlan> {
  const { options } = call;
  const shapes = plansOf(call);
  const before = await readRows(BENCH_FILES.rows, BENCH_CSV, options);
  // So that a damaged file is refused before anything is measured.
  if (options.peers) await readRows(BENCH_FILES.peers, PEERS_CSV, options);
  return { ...call, shapes, before };
}

async function run(
  planned: BenchPlan,
  context: TaskContext,
  peers: readonly Peer[],
): Promise<number> {
  const { options, gpu, requestTime, before } = planned;
  const { quick, profile, compare } = options;
  const { signal } = context;
  const memory = new PeakMemory();
  const shared = new SharedData(gpu);
  const figures = new Figures(context.workers);
  try {
    const loading = performance.now();
    const loaded = await shared.load(options);
    announceData(context, loaded, options);
    memory.look();
    const { data } = loaded;
    await data.part("training");
    await gpu.done();
    const startup = { startupMs: requestTime, dataMs: performance.now() - loading };

    const chooser = new VariantChooser({ gpu, data }, options);
    const commit = await currentCommit(fromFileUrl(new URL("../.git", import.meta.url)));
    const bench: Bench = { context, gpu, data, chooser, commit };
    const populations: BenchPopulation[] = [];
    for (const plan of planned.shapes) {
      // The fastest one, however short the measurement.
      const choice = { plan, steps: quick ? 0 : Infinity };
      populations.push({ ...plan, variant: await chooser.choose(choice, context) });
    }
    const rows = await measureRows(populations, planned, { bench, memory, startup });
    await appendBenchRows(rows, { ...options, figures });
    reportBench(context, rows, options);
    if (profile) await profilePopulations(populations, options, bench);
    if (options.peers) await besidePeers(populations, planned, { bench, peers });
    const comparisons = compare ? compareWithEarlier(rows, before, options) : [];
    const worse = compare && reportComparisons(context, comparisons, options);
    await figures.drawn(signal);
    return worse ? EXIT.checkFailed : EXIT.done;
  } finally {
    memory.stop();
    shared.destroy();
    await figures.settled();
  }
}

/** Runs the task, and returns the exit status; tests pass other peers, which need neither network nor Python. */
export async function main(
  args: readonly string[],
  context: TaskContext,
  others: { readonly peers?: readonly Peer[] } = {},
): Promise<number> {
  return await withGpu(TASK, args, context, async (call) => {
    const { peers = peersOf(call.options) } = others;
    return await run(await plan(call), context, peers);
  });
}

/** Measures all populations in turn, then what all rows of a run have in common. */
async function measureRows(
  populations: readonly BenchPopulation[],
  { options, given }: BenchPlan,
  on: { bench: Bench; memory: PeakMemory; startup: { startupMs: number; dataMs: number } },
): Promise<BenchRow[]> {
  const { json, quick, repeat, seed } = options;
  const { bench: { context, gpu, data, commit }, memory } = on;
  const { signal } = context;
  const exact = given.has("steps");
  const loads = populations.map((plan) =>
    loadOf(plan, { options, gpu, dataset: data.source, exact })
  );
  const measurements = await measure(gpu, data, {
    loads,
    seed,
    repeat,
    signal,
    min: quick || exact ? 0 : MIN_MILLISECONDS,
    onMeasurement: (round, plan) => say(context, { round, repeat, plan, plans: populations }),
  });
  context.progress("");
  memory.stop();
  const [plan] = populations;
  const compileMs = await measureCompiling(data.source, { plan, seed, signal });
  const startup = { ...on.startup, compileMs };
  if (json) {
    writeEvent(context, "startup", {
      startup_ms: startup.startupMs,
      data_ms: startup.dataMs,
      compile_ms: compileMs,
      networks: plan.networks,
      hidden: plan.hidden.join(","),
      batch_norm: plan.batchNorm,
    });
  }
  const peak = await measureAdapterPeak(gpu, {
    signal,
    ...quick && { minMilliseconds: 50, repeat: 2 },
  });
  if (json) writeEvent(context, "peak", { gflop_per_s: peak.gflopPerS, gb_per_s: peak.gbPerS });
  const { description: adapter, software } = gpu.adapter;
  const common = {
    date: dateNow(),
    commit,
    packageVersion: PACKAGE_VERSION,
    denoVersion: DENO_VERSION,
    adapter,
    software,
    data: data.source.name,
    repeat,
    peakGflopPerS: peak.gflopPerS,
    peakGbPerS: peak.gbPerS,
    ...startup,
    peakMemoryBytes: memory.peak,
  };
  return populations.map((population, i) => ({
    ...common,
    ...measuredColumns(population, measurements[i], data.source),
  }));
}

async function profilePopulations(
  populations: readonly BenchPopulation[],
  { out, json }: Options,
  { context, gpu, data }: Bench,
): Promise<void> {
  const profiled = populations.map((plan) => {
    const norm = plan.batchNorm ? "-batch-norm" : "";
    const file = `profile-${plan.hidden.length + 1}-layer${norm}-${plan.networks}.csv`;
    return { plan, name: describePlan(plan), path: join(out, file) };
  });
  await profileAll(context, { gpu, data }, { populations: profiled, json });
}

async function besidePeers(
  populations: readonly BenchPopulation[],
  { options, given }: BenchPlan,
  { bench, peers }: { bench: Bench; peers: readonly Peer[] },
): Promise<void> {
  const { quick, peerRounds: rounds, out, force, json, seed } = options;
  const { context, gpu, data, commit } = bench;
  const exact = given.has("steps");
  const runners: Runner[] = [];
  try {
    const loads = [];
    for (const plan of populations) {
      const runner = await Runner.create(gpu, data, { plan, seed, signal: context.signal });
      runners.push(runner);
      const { steps } = loadOf(plan, { options, gpu, dataset: data.source, exact });
      const milliseconds = quick || exact ? 0 : MIN_MILLISECONDS;
      const { units } = await unitsFor(runner.steps, { min: steps, milliseconds });
      loads.push({ plan, steps, own: () => timeUnit(runner.steps, units) });
    }
    const { description: adapter } = gpu.adapter;
    const common = { rounds, commit, adapter, out, force, json, quick };
    await measurePeers(context, { ...common, loads, peers });
  } finally {
    for (const runner of runners) runner.destroy();
  }
}

function checkOptions(options: Options): void {
  if (options.peers) checkMayStart();
  checkBatch(options);
  const max = maximum(options.networks);
  if (max > MAX_NETWORKS) {
    throw new ArgumentError(`--networks expects at most ${MAX_NETWORKS}, not ${max}`);
  }
}

/** Each depth, without and with batch norm where both are asked for, with each number of networks. */
function plansOf(call: Parsed<Options>): Plan[] {
  const { batch, networks } = call.options;
  return hiddensOf(call).flatMap((hidden) =>
    normsOf(call.options).flatMap((batchNorm) =>
      networks.map((networks) => ({ hidden, batchNorm, batch, networks }))
    )
  );
}

/** How much to measure: less of what is slow on a software adapter. */
function loadOf(
  plan: Plan,
  { options, gpu, dataset, exact }: {
    options: Options;
    gpu: Gpu;
    dataset: DataSet;
    exact: boolean;
  },
): Load {
  const { steps } = options;
  const validates = dataset.validation.count > 0;
  if (!gpu.adapter.software || plan.networks === 1 || !validates) {
    return { plan, steps, splits: validates ? ["training", "validation"] : ["training"] };
  }
  return {
    plan,
    steps: exact ? steps : Math.ceil(steps / plan.networks),
    splits: ["validation"],
  };
}

/** Prints what is measured next: each measurement on a terminal, the start of each round elsewhere. */
function say(
  context: TaskContext,
  options: { round: number; repeat: number; plan: Plan; plans: readonly Plan[] },
): void {
  const { round, repeat, plan, plans } = options;
  const doing = round === 0 ? "Warming up" : `Measuring, round ${round} of ${repeat}`;
  if (context.isTerminal) {
    context.progress(`${doing}: ${describePlan(plan)}`);
  } else if (plan === plans[0]) context.stderr(doing);
}

function measuredColumns(
  population: BenchPopulation,
  { steps, step, evaluation }: Measurement,
  dataset: DataSet,
) {
  const { hidden, batchNorm, batch, networks, variant } = population;
  const operations = networks * operationsPerStep(architectureOf(population, dataset), batch);
  return {
    variant,
    networks,
    hidden: hidden.join(","),
    batchNorm,
    batch,
    steps,
    msPerStep: step.median,
    stepsPerS: 1000 / step.median,
    gflopPerS: operations / step.median / 1e6,
    msPerStepMin: step.min,
    msPerStepMax: step.max,
    evaluationMs: evaluation.median,
    evaluationMsMin: evaluation.min,
    evaluationMsMax: evaluation.max,
  };
}

if (import.meta.main) await runTask(main);
